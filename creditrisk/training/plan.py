"""What stays the same throughout one training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from creditrisk.schema import Schema
from creditrisk.scoring import ScoreScale
from creditrisk.training.tuning import Budget, Job, JobResult, OnFitDone

DEFAULT_BUDGET = Budget()
# What has been done, how many steps there are in all, what is being worked on, and about how many seconds are left.
Progress = Callable[[int, int, str, float], None]
# Does jobs, in any order and anywhere, and gives each one's index in the list with what became of it.
Runner = Callable[[list[Job], OnFitDone], Iterable[tuple[int, JobResult]]]


@dataclass(frozen=True)
class Plan:
    """What stays the same throughout one training."""

    schema: Schema
    scale: ScoreScale
    ask_below: float
    seed: int
    budget: Budget
    run: Runner
    progress: Progress
