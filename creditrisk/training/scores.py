"""Out-of-sample scores: what models say of rows that they were not fitted on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.errors import TrainingError
from creditrisk.learners import FAMILIES, Parameters, is_blend
from creditrisk.training.plan import Plan
from creditrisk.training.progress import run_jobs
from creditrisk.training.results import Recipe
from creditrisk.training.tuning import Job, JobResult, Trial

# A model of a repeat's splits: repeat, family, parameters.
_Key = tuple[int, str, tuple[tuple[str, Any], ...]]


@dataclass(frozen=True)
class Split:
    """Rows that models are fitted on and rows that they then score, as positions in the table.

    `encoder` is fitted on the rows `train`. `repeat` and `fold` count the splits: the scored rows of one repeat's folds
    do not overlap.
    """

    repeat: int
    fold: int
    train: IntArray
    scored: IntArray
    encoder: Encoder


class OutOfSampleScores:
    """The log-odds that rows of a table get from models fitted on other rows.

    It fits what is missing by the plan's runner, with its progress, and hands out what is there.

    Parameters
    ----------
    frame
        The table, with its outcomes.
    splits
        One where time divides the table; where not, the folds of every repeat.

    Attributes
    ----------
    target
        The outcomes, 1 = bad, shape (n_rows,).
    n_train
        How many rows a model is fitted on, by which blends choose their members.
    trials, failures
        What `try_settings` found: of each family the settings that could be fitted, simple families first, or why none
        could.
    """

    def __init__(self, frame: pl.DataFrame, splits: list[Split], plan: Plan) -> None:
        self.splits = splits
        self.target = target_of(frame)
        self.n_train = len(splits[0].train)
        self.trials: dict[str, list[Trial]] = {}
        self.failures: dict[str, str] = {}
        self._plan = plan
        # Only vocabularies, which are the schema's, shape the matrix: it is the same whatever rows an encoder learnt.
        self._matrix = splits[0].encoder.matrix(frame)
        # Shape (n_rows,), NaN where a row has no such score.
        self._known: dict[_Key, FloatArray] = {}

    def try_settings(self, proposals: Mapping[str, tuple[Parameters, ...]], *, n_validation: int = 0) -> None:
        """Fit settings of every family in the splits of the first repeat.

        Parameters
        ----------
        proposals
            The settings of each family; those of a family without any are searched for, led by `n_validation` rows.
        n_validation
            How many rows at the front of the scored ones may lead a search.

        Raises
        ------
        TrainingError
            If no family could be fitted.
        """
        first = [split for split in self.splits if split.repeat == 0]
        pairs = [(name, split) for name in _slowest_first(simple_families()) for split in first]
        jobs = [self._job(split, name, proposals.get(name, ()), n_validation) for name, split in pairs]
        parts: dict[str, list[tuple[Split, JobResult]]] = {}
        for (name, split), result in zip(pairs, run_jobs(jobs, self._plan, "fitting"), strict=True):
            parts.setdefault(name, []).append((split, result))
        for name in simple_families():
            self._put_together(name, parts[name])
        if not self.trials:
            reasons = "; ".join(f"{name}: {why}" for name, why in self.failures.items())
            raise TrainingError(f"no family could be fitted: {reasons}")

    def fit_missing(self, wanted: Iterable[tuple[Split, Recipe]]) -> None:
        """Fit what these recipes need in these splits and was not fitted there before; what fails stays missing."""
        jobs: dict[tuple[_Key, int], tuple[Split, Job]] = {}
        for split, recipe in wanted:
            for name, parameters in recipe.parameters.items():
                if not self._is_known(split, name, parameters):
                    job = self._job(split, name, (parameters,))
                    jobs[_key(split.repeat, name, parameters), split.fold] = (split, job)
        results = run_jobs([job for _, job in jobs.values()], self._plan, "judging")
        for (split, _), result in zip(jobs.values(), results, strict=True):
            self._keep(split, result)

    def log_odds(self, recipe: Recipe, rows: IntArray, *, repeat: int = 0) -> FloatArray:
        """The mean log-odds of a recipe's members, shape (n_rows,), for rows that the models were not fitted on.

        Raises
        ------
        TrainingError
            If a row has no such score.
        """
        members = []
        for name, parameters in recipe.parameters.items():
            known = self._known.get(_key(repeat, name, parameters))
            if known is None or np.isnan(known[rows]).any():
                raise TrainingError(f"{name} was chosen, but could not be fitted in every fold.")
            members.append(known[rows])
        mean: FloatArray = np.mean(members, axis=0)
        return mean

    def covers(self, recipe: Recipe) -> bool:
        """Whether every split has the recipe's scores."""
        return all(
            self._is_known(split, name, parameters)
            for split in self.splits
            for name, parameters in recipe.parameters.items()
        )

    def _job(self, split: Split, name: str, proposals: tuple[Parameters, ...], n_validation: int = 0) -> Job:
        return Job(
            name,
            self._matrix,
            self.target,
            split.train,
            split.scored,
            split.encoder,
            self._plan.seed,
            self._plan.budget,
            proposals,
            n_validation,
        )

    def _put_together(self, name: str, parts: list[tuple[Split, JobResult]]) -> None:
        """Keep the trials of a family that every split has: one that failed or ran out of time in any is left out."""
        for split, result in parts:
            self._keep(split, result)
        by_split = [{trial.number: trial for trial in result.trials} for _, result in parts]
        whole = sorted(set.intersection(*map(set, by_split)))
        if not whole:
            self.failures[name] = next(result.failures[0] for _, result in parts if result.failures)
            return
        self.trials[name] = [
            replace(
                by_split[0][number],
                seconds=sum(trials[number].seconds for trials in by_split),
                log_odds=self._known[_key(0, name, by_split[0][number].parameters)],
            )
            for number in whole
        ]

    def _keep(self, split: Split, result: JobResult) -> None:
        for trial in result.trials:
            key = _key(split.repeat, trial.family, trial.parameters)
            if key not in self._known:
                self._known[key] = np.full(len(self.target), np.nan)
            self._known[key][split.scored] = trial.log_odds

    def _is_known(self, split: Split, name: str, parameters: Parameters) -> bool:
        known = self._known.get(_key(split.repeat, name, parameters))
        return known is not None and not np.isnan(known[split.scored]).any()


def simple_families() -> list[str]:
    """The families that are fitted; blends are put together of them."""
    return [name for name in FAMILIES if not is_blend(name)]


def target_of(frame: pl.DataFrame) -> NDArray[np.int64]:
    """The outcomes of checked rows, 1 = bad, shape (n_rows,)."""
    return frame["default"].to_numpy().astype(np.int64)


def _slowest_first(names: Iterable[str]) -> list[str]:
    """The more complex a family, the longer its fits: started first, they do not stand alone at the end."""
    return sorted(names, key=FAMILIES.index, reverse=True)


def _key(repeat: int, name: str, parameters: Parameters) -> _Key:
    return repeat, name, tuple(sorted(parameters.items()))
