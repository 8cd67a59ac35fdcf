"""How long the fits of a training take, job by job, as tests/unit/fit_times holds them.

    OMP_NUM_THREADS=1 .venv/bin/python -m tests.bench.fit_times german_credit path/to/german.data 3 german_credit.json

So are simulated.json, by `simulated 30000 3`, and simulated_deep.json, by `simulated 30000 5`.

Given are the dataset, its table or how many rows of it are simulated, and the settings tried of each family. A fit
takes one thread, and it is that thread's time on a processor that is kept, which tells little of what else the machine
does. Printed is what a fit of each family takes beside one of LightGBM, as `USUAL_PACE` says it.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from creditrisk import datasets
from creditrisk.learners import family
from creditrisk.quality import check
from creditrisk.scoring import ScoreScale
from creditrisk.simulator import simulate
from creditrisk.training import Budget, Job, JobResult, OnFitDone, run_job, train
from creditrisk.training.progress import ProgressEstimate

N_CORES = 2


def main(dataset: str, source: str, trials: str, path: str) -> None:
    """Train, and write down what the fits took."""
    schema = datasets.load_schema(dataset)
    if source.isdigit():
        frame = simulate(int(source), seed=5).with_row_index("row_number", offset=1)
    else:
        frame = check(datasets.read(dataset, source), schema, with_target=True).accepted
    stages: list[dict[str, Any]] = []
    some: list[Job] = []

    def begin(_: ProgressEstimate, fits: Mapping[str, int], later: Mapping[str, float], __: Any) -> None:
        if fits:
            stages.append({"later": {name: round(n, 2) for name, n in later.items()}, "jobs": []})

    def run(jobs: list[Job], _: OnFitDone) -> Iterable[tuple[int, JobResult]]:
        some[:] = jobs[:1]
        stages[-1]["jobs"] = noted = [(job.family, []) for job in jobs]
        with ThreadPoolExecutor(N_CORES) as pool:
            futures = {pool.submit(_timed, job, noted[index][1]): index for index, job in enumerate(jobs)}
            for future in as_completed(futures):
                yield futures[future], future.result()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProgressEstimate, "begin", begin)
        training = train(frame, schema, scale=ScoreScale(), seed=7, budget=Budget(int(trials)), run=run)
    job, for_good = some[0], []
    rows = np.concatenate([job.train, job.scored[: job.n_validation or None]])
    for name, parameters in training.recipe.parameters.items():
        began = time.thread_time()
        family(name).fit(job.matrix[rows], job.target[rows], job.encoder, parameters, seed=job.seed)
        for_good.append((name, [round(time.thread_time() - began, 3)]))
    stages.append({"later": {}, "jobs": for_good})
    written = ", \n ".join(json.dumps(stage) for stage in stages)
    Path(path).write_text(f'{{"n_cores": {N_CORES}, "stages": [\n {written}]}}\n', encoding="utf-8")
    took: dict[str, list[float]] = defaultdict(list)
    for stage in stages[:-1]:
        for name, seconds in stage["jobs"]:
            took[name] += seconds
    usual = np.mean(took["lightgbm"])
    print({name: round(float(np.mean(seconds) / usual), 2) for name, seconds in took.items()})


def _timed(job: Job, took: list[float]) -> JobResult:
    began = time.thread_time()

    def note(_: str, __: float) -> None:
        nonlocal began
        took.append(round(time.thread_time() - began, 3))
        began = time.thread_time()

    return run_job(job, note)


if __name__ == "__main__":
    main(*sys.argv[1:])
