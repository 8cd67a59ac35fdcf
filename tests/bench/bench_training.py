"""What a training costs beyond its fits: time against the bare fits and predictions, memory against the table.

    python -m tests.bench.bench_training lending_club path/to/lending_club_2007_2011.csv.gz 2011-01-01

Runs the whole flow once (reading, checking, searching, tracking, pages and all) in a home of its own, then does the
same fits and predictions again in as many threads and with nothing around them, and prints the two and their ratio.
What the pages predict for themselves counts as the flow's, not as a bare prediction.
Memory is the highest resident size during the flow above what the same libraries take once a small training has
warmed them up, in units of the table as it is read.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # nothing is imported before the environment is set
    from creditrisk.scoring import Scorer
    from creditrisk.training import Job, OnFitDone, Runner

PARTS = SEARCH, REFIT, PREDICTIONS = "search", "the winner's fit", "its predictions"


@dataclass
class Recording:
    """What a flow fitted and predicted, so that it can be done again, and the seconds that took in the flow."""

    rounds: list[list[Job]] = field(default_factory=list)
    refits: list[tuple[Any, Any]] = field(default_factory=list)
    predictions: list[tuple[Scorer, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))


def main(dataset: str, source: str, test_from: str = "") -> None:
    """Measure and print."""
    home = tempfile.mkdtemp(prefix="bench-training-")
    (Path(home) / "prefect").mkdir()
    os.environ |= {
        "CREDITRISK_HOME": home,
        "PREFECT_HOME": f"{home}/prefect",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    from creditrisk import datasets
    from flows import model_train as module

    warm = Path(home) / "warm.csv"
    _small_table(warm)
    module.model_train(dataset="simulated", source=str(warm))  # every library loaded, the server started
    with recorded(module) as flow:
        before = _reset_peak()
        started = time.perf_counter()
        first_day = date.fromisoformat(test_from) if test_from else None
        module.model_train(dataset=dataset, source=source, test_from=first_day)
        whole = time.perf_counter() - started
        peak = _peak()
    table = _size(lambda: datasets.read(dataset, source))
    bare = again(flow)
    alone = sum(bare.values())
    n_fits = sum(job.n_fits for jobs in flow.rounds for job in jobs)
    families = len({job.family for jobs in flow.rounds for job in jobs})
    print(f"\n{dataset}: {n_fits} fits of {families} families, {os.cpu_count()} cores")
    print(f"the whole flow {whole:.1f} s, its fits and predictions alone {alone:.1f} s: {whole / alone:.3f} times")
    for name, seconds in bare.items():
        print(f"    {name}: {seconds:.1f} s alone, {flow.seconds[name]:.1f} s in the flow")
    print(
        f"the table as read {table / 1e6:.0f} MB, highest memory {(peak - before) / 1e6:.0f} MB above the libraries' "
        f"{before / 1e6:.0f} MB: {(peak - before) / table:.2f} times the table"
    )


@contextmanager
def recorded(module: Any) -> Iterator[Recording]:
    """Record what the flow of a module fits and predicts meanwhile."""
    from creditrisk import learners
    from creditrisk.scoring import Scorer

    flow = Recording()
    spread, train, fit, predict = module.spread, module.train, learners.fit, Scorer.sample_prob_default

    def recording(address: str) -> Runner:
        run = spread(address)

        def running(jobs: list[Job], on_fit_done: OnFitDone) -> Any:
            flow.rounds.append(jobs)
            begun = time.perf_counter()
            yield from run(jobs, on_fit_done)
            flow.seconds[SEARCH] += time.perf_counter() - begun

        return running

    def fit_recording(*args: Any, **options: Any) -> Any:
        flow.refits.append((args, options))
        return _timed(flow.seconds, REFIT, lambda: fit(*args, **options))

    def predict_recording(scorer: Scorer, frame: Any) -> Any:
        flow.predictions.append((scorer, frame))
        return _timed(flow.seconds, PREDICTIONS, lambda: predict(scorer, frame))

    def train_recording(*args: Any, **options: Any) -> Any:
        Scorer.sample_prob_default = predict_recording
        try:
            return train(*args, **options)
        finally:
            Scorer.sample_prob_default = predict

    module.spread, module.train, learners.fit = recording, train_recording, fit_recording
    try:
        yield flow
    finally:
        module.spread, module.train, learners.fit = spread, train, fit


def again(flow: Recording) -> dict[str, float]:
    """Do the same fits and predictions with nothing around them; the seconds that each part takes."""
    from creditrisk import learners
    from creditrisk.training import in_threads

    bare = dict.fromkeys(PARTS, 0.0)
    run = in_threads()
    for jobs in flow.rounds:
        _timed(bare, SEARCH, lambda jobs=jobs: list(run(jobs, lambda *_: None)))
    for args, options in flow.refits:
        _timed(bare, REFIT, lambda args=args, options=options: learners.fit(*args, **options))
    for scorer, frame in flow.predictions:
        _timed(bare, PREDICTIONS, lambda scorer=scorer, frame=frame: scorer.sample_prob_default(frame))
    return bare


def _timed(into: dict[str, float], name: str, do: Callable[[], Any]) -> Any:
    """Do it, and add the seconds it took."""
    begun = time.perf_counter()
    done = do()
    into[name] += time.perf_counter() - begun
    return done


def _size(make: Callable[[], object]) -> int:
    """How much the resident memory grows by what `make` gives, in bytes."""
    before = _resident()
    kept = make()
    grown = _resident() - before
    del kept
    return grown


def _resident() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def _small_table(path: Path) -> None:
    from creditrisk.simulator import simulate

    simulate(1_500, seed=5).write_csv(path)


def _reset_peak() -> int:
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    """The highest resident size since the last reset, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
