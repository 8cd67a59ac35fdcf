"""Doing the jobs of a training and saying how far they are."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed

from creditrisk.training.plan import Plan, Runner
from creditrisk.training.tuning import Job, JobResult, OnFitDone, run_job

# How long a fit of each family takes beside one of the others, until one was seen; an unknown family is taken for slow.
USUAL_PACE = {
    "logistic_regression": 0.05,
    "decision_tree": 0.05,
    "random_forest": 2.0,
    "gradient_boosting": 3.1,
    "lightgbm": 1.0,
    "xgboost": 0.9,
    "dnn": 8.0,
}
SLOW_PACE = 3.0


def in_threads(n_threads: int | None = None) -> Runner:
    """Do jobs in threads of this process, one a core by default: the libraries leave Python's lock while they fit."""

    def run(jobs: list[Job], on_fit_done: OnFitDone) -> Iterable[tuple[int, JobResult]]:
        with ThreadPoolExecutor(n_threads or os.cpu_count() or 1) as pool:
            futures = {pool.submit(run_job, job, on_fit_done): index for index, job in enumerate(jobs)}
            for future in as_completed(futures):
                yield futures[future], future.result()

    return run


def run_jobs(
    jobs: list[Job], plan: Plan, what: str, estimate: ProgressEstimate, later: Mapping[str, float]
) -> list[JobResult]:
    """Do the jobs and report how far they are; what became of each, in their order.

    Parameters
    ----------
    what
        Their name on the bar.
    estimate
        That of the training, which learns from these fits.
    later
        About how many fits of each family come after these jobs.
    """
    fits: Counter[str] = Counter()
    for job in jobs:
        fits[job.family] += job.n_fits
    estimate.begin(fits, later, Counter(job.family for job in jobs))
    n_done = 0

    def on_fit_done(name: str, seconds: float) -> None:
        nonlocal n_done
        n_done += 1
        estimate.note(name, seconds)
        plan.progress(n_done, fits.total(), what, estimate.seconds_left())

    done: dict[int, JobResult] = {}
    if jobs:
        plan.progress(0, fits.total(), what, estimate.seconds_left())
    for index, result in plan.run(jobs, on_fit_done):
        done[index] = result
    return [done[index] for index in range(len(jobs))]


class ProgressEstimate:
    """How long the rest of a training's fits will take, by how long those of each family took so far.

    Its clock starts when it is made; several fits may go on at once.

    Parameters
    ----------
    n_cores
        How many fits are thought to go on at once, until their times say otherwise.
    """

    def __init__(self, n_cores: int | None = None) -> None:
        self._n_cores = n_cores or os.cpu_count() or 1
        self._left: Counter[str] = Counter()
        self._later: dict[str, float] = {}
        self._n_jobs: Mapping[str, int] = {}
        self._took: dict[str, list[float]] = {}
        self._started = time.monotonic()

    def begin(self, fits: Mapping[str, int], later: Mapping[str, float], n_jobs: Mapping[str, int]) -> None:
        """A stage begins: its fits of each family, about how many come after it, and in how many jobs these fits are.

        The fits of one job are done one after the other.
        """
        self._left, self._later, self._n_jobs = Counter(fits), dict(later), n_jobs

    def note(self, name: str, seconds: float) -> None:
        """A fit has ended."""
        self._took.setdefault(name, []).append(seconds)
        self._left[name] -= 1

    def seconds_left(self) -> float:
        """Seconds to go at the speed so far, 0 before the first fit.

        A family not met yet takes its usual time, at the pace of those that were. Whatever else goes on while a fit
        ends is on average half done, and a stage takes at least as long as its longest job.
        """
        n_met = sum(map(len, self._took.values()))
        if not n_met:
            return 0.0
        worked = sum(map(sum, self._took.values()))
        pace = worked / sum(len(took) * _usual(name) for name, took in self._took.items())
        mean = {name: sum(took) / len(took) for name, took in self._took.items()}

        def fit_seconds(name: str) -> float:
            return mean.get(name, pace * _usual(name))

        stage = sum(left * fit_seconds(name) for name, left in self._left.items())
        longest = max((left / self._n_jobs[name] * fit_seconds(name) for name, left in self._left.items()), default=0.0)
        later = sum(fits * fit_seconds(name) for name, fits in self._later.items())
        under_way = min((self._n_cores - 1) * worked / n_met, stage) / 2
        at_once = max(1.0, (worked + under_way) / max(time.monotonic() - self._started, 1e-9))
        return max((stage - under_way) / at_once, longest) + later / at_once


def _usual(name: str) -> float:
    return USUAL_PACE.get(name, SLOW_PACE)
