"""Doing the jobs of a training and saying how far they are."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed

from creditrisk.training.plan import Plan, Runner
from creditrisk.training.tuning import Job, JobResult, OnFitDone, run_job


def in_threads(n_threads: int) -> Runner:
    """Do jobs in threads of this process: the libraries leave Python's lock while they fit."""

    def run(jobs: list[Job], told: OnFitDone) -> Iterable[tuple[int, JobResult]]:
        with ThreadPoolExecutor(n_threads) as pool:
            futures = {pool.submit(run_job, job, told): place for place, job in enumerate(jobs)}
            for future in as_completed(futures):
                yield futures[future], future.result()

    return run


def run_jobs(jobs: list[Job], plan: Plan, what: str) -> list[JobResult]:
    """Do the jobs and tell how far they are; what became of each, in their order."""
    pace = ProgressEstimate(jobs)

    def told(name: str, seconds: float) -> None:
        pace.note(name, seconds)
        plan.progress(pace.n_done, pace.n_fits, what, pace.seconds_left())

    done: dict[int, JobResult] = {}
    if jobs:
        plan.progress(0, pace.n_fits, what, 0.0)
    for place, tried in plan.run(jobs, told):
        done[place] = tried
    return [done[place] for place in range(len(jobs))]


class ProgressEstimate:
    """How long the rest will take, by how long each family's fits took so far."""

    def __init__(self, jobs: list[Job]) -> None:
        self._left: dict[str, int] = {}
        for job in jobs:
            self._left[job.family] = self._left.get(job.family, 0) + job.n_fits
        self._took: dict[str, list[float]] = {}
        self._started = time.monotonic()
        self.n_fits = sum(self._left.values())

    @property
    def n_done(self) -> int:
        """Fits that have ended."""
        return sum(map(len, self._took.values()))

    def note(self, name: str, seconds: float) -> None:
        """A fit has ended."""
        self._took.setdefault(name, []).append(seconds)
        self._left[name] -= 1

    def seconds_left(self) -> float:
        """Seconds of fitting still to do, a family not met yet taken as the slowest met, at the speed so far."""
        mean = {name: sum(took) / len(took) for name, took in self._took.items()}
        todo = sum(left * mean.get(name, max(mean.values())) for name, left in self._left.items())
        speed = sum(map(sum, self._took.values())) / (time.monotonic() - self._started)
        return todo / speed if speed else 0.0
