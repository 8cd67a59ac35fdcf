"""Doing the jobs of a training and saying how far they are."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed

from creditrisk.training.plan import Plan, Runner
from creditrisk.training.tuning import Job, JobResult, OnFitDone, run_job


def in_threads(n_threads: int | None = None) -> Runner:
    """Do jobs in threads of this process, one a core by default: the libraries leave Python's lock while they fit."""

    def run(jobs: list[Job], on_fit_done: OnFitDone) -> Iterable[tuple[int, JobResult]]:
        with ThreadPoolExecutor(n_threads or os.cpu_count() or 1) as pool:
            futures = {pool.submit(run_job, job, on_fit_done): index for index, job in enumerate(jobs)}
            for future in as_completed(futures):
                yield futures[future], future.result()

    return run


def run_jobs(jobs: list[Job], plan: Plan, what: str) -> list[JobResult]:
    """Do the jobs and report how far they are; what became of each, in their order."""
    fits: Counter[str] = Counter()
    for job in jobs:
        fits[job.family] += job.n_fits
    estimate = ProgressEstimate(fits)

    def on_fit_done(name: str, seconds: float) -> None:
        estimate.note(name, seconds)
        plan.progress(estimate.n_done, estimate.n_steps, what, estimate.seconds_left())

    done: dict[int, JobResult] = {}
    if jobs:
        plan.progress(0, estimate.n_steps, what, 0.0)
    for index, result in plan.run(jobs, on_fit_done):
        done[index] = result
    return [done[index] for index in range(len(jobs))]


class ProgressEstimate:
    """How long the rest of some steps will take, by how long those of each kind took so far.

    Its clock starts when it is made; several steps may go on at once.

    Parameters
    ----------
    steps
        How many steps there are of each kind, at most.
    """

    def __init__(self, steps: Mapping[str, int]) -> None:
        self._left = dict(steps)
        self._took: dict[str, list[float]] = {}
        self._started = time.monotonic()
        self.n_steps = sum(self._left.values())

    @property
    def n_done(self) -> int:
        """Steps that have ended."""
        return sum(map(len, self._took.values()))

    def note(self, kind: str, seconds: float) -> None:
        """A step has ended."""
        self._took.setdefault(kind, []).append(seconds)
        self._left[kind] -= 1

    def seconds_left(self) -> float:
        """Seconds to go at the speed so far, 0 before the first step; a kind not met yet is as slow as the slowest."""
        worked = sum(map(sum, self._took.values()))
        if not worked:
            return 0.0
        mean = {kind: sum(took) / len(took) for kind, took in self._took.items()}
        to_do = sum(left * mean.get(kind, max(mean.values())) for kind, left in self._left.items())
        return to_do * (time.monotonic() - self._started) / worked
