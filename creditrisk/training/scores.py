"""Out-of-sample scores: what models say of rows that they were not fitted on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.errors import TrainingError
from creditrisk.learners import FAMILIES, Parameters, is_blend, members_of
from creditrisk.training.noise import can_win
from creditrisk.training.plan import Plan
from creditrisk.training.progress import ProgressEstimate, run_jobs
from creditrisk.training.results import Recipe
from creditrisk.training.tuning import Job, JobResult, Trial, calibrated_log_losses

# So often the rows are divided into halves, and the chosen recipe fitted on each, see `halves`; of so many rows, twice
# tell as much.
HALVINGS = 3
MANY_ROWS, HALVINGS_OF_MANY = 10_000, 2
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
        could. Those that were dropped after a screening have the scores that it gave.
    estimate
        How long the rest will take.
    """

    def __init__(self, frame: pl.DataFrame, splits: list[Split], plan: Plan) -> None:
        self.splits = splits
        self.target = target_of(frame)
        self.n_train = len(splits[0].train)
        self.trials: dict[str, list[Trial]] = {}
        self.failures: dict[str, str] = {}
        self.estimate = ProgressEstimate()
        self._plan = plan
        # Only vocabularies, which are the schema's, shape the matrix: it is the same whatever rows an encoder learnt.
        self._matrix = splits[0].encoder.matrix(frame)
        # Shape (n_rows,), NaN where a row has no such score.
        self._known: dict[_Key, FloatArray] = {}
        self._fits: dict[_Key, list[Trial]] = {}
        # What was proposed, and what the screening gave, of each family.
        self._proposed: Mapping[str, tuple[Parameters, ...]] = {}
        self._screened: dict[str, list[Trial]] = {}

    def try_settings(
        self,
        proposals: Mapping[str, tuple[Parameters, ...]],
        *,
        n_validation: int = 0,
        screening: Sequence[Split] = (),
    ) -> None:
        """Fit settings of every simple family in the splits of the first repeat, and fill `trials` and `failures`.

        Parameters
        ----------
        proposals
            Settings of each family; those of a family without any are searched for, led by `n_validation` rows.
        n_validation
            How many rows at the front of the scored ones may lead a search.
        screening
            A few splits that score every row, and in which all settings are fitted first; only those that some choice
            may still want, see `contenders`, are then fitted in the splits of the first repeat.

        Raises
        ------
        TrainingError
            If no family could be fitted.
        """
        self._proposed = proposals
        first = [split for split in self.splits if split.repeat == 0]
        n_further = len(self.splits) - len(first)
        wanted = {name: proposals.get(name, ()) for name in _slowest_first(simple_families())}
        failures: dict[str, str] = {}
        if screening:
            # Of the settings beside the best of each family, about a third will go on.
            n_going = (2 + max(map(len, proposals.values()))) / 3
            later = self._later(dict.fromkeys(wanted, len(first) * n_going), n_further)
            failures = self._fit(screening, wanted, "screening", later)
            self._screened = {name: screened for name in wanted if (screened := self._whole(name, screening))}
            wanted = {name: self._wanted_by_some(name) for name in self._screened}
        failures = self._fit(first, wanted, "fitting", self._later({}, n_further), n_validation) | failures
        for name in simple_families():
            if whole := self._whole(name, first):
                dropped = [trial for trial in self._screened.get(name, []) if trial.parameters not in wanted[name]]
                self.trials[name] = sorted([*whole, *dropped], key=lambda trial: trial.number)
        self.failures = {name: why for name, why in failures.items() if name not in self.trials}
        if not self.trials:
            reasons = "; ".join(f"{name}: {why}" for name, why in self.failures.items())
            raise TrainingError(f"no family could be fitted: {reasons}")

    def contenders(self, name: str, rows: IntArray) -> list[Trial]:
        """The settings of a family that a choice by these rows may take: those that were fitted in every split.

        Where there was a screening, also none that was worse there, beyond one standard error, than the family's best.
        Only these rows have a say in it: the choice is tested on others.
        """
        winners = {trial.number for trial in self._not_beaten(name, rows)} if self._screened else None
        return [
            trial
            for trial in self.trials[name]
            if (winners is None or trial.number in winners) and self._is_fitted(trial, rows)
        ]

    def _is_fitted(self, trial: Trial, rows: IntArray) -> bool:
        known = self._known.get(_key(0, trial.family, trial.parameters))
        return known is not None and not np.isnan(known[rows]).any()

    def _not_beaten(self, name: str, rows: IntArray) -> list[Trial]:
        trials, target = self._screened[name], self.target[rows]
        losses = np.array([calibrated_log_losses(trial.log_odds[rows], target) for trial in trials])
        return [trial for trial, may_win in zip(trials, can_win(losses), strict=True) if may_win]

    def _wanted_by_some(self, name: str) -> tuple[Parameters, ...]:
        """The settings that may win one of the choices to come: that for each split, and that by all rows."""
        choices = [*(split.train for split in self.splits), np.arange(len(self.target))]
        kept = {trial.number for rows in choices for trial in self._not_beaten(name, rows)}
        return tuple(trial.parameters for trial in self._screened[name] if trial.number in kept)

    def fit_missing(self, wanted: Iterable[tuple[Split, Recipe]], *, what: str = "judging") -> None:
        """Fit what these recipes need in these splits and was not fitted there before; what fails stays missing.

        `what` is their name on the bar.
        """
        jobs: dict[tuple[_Key, int], tuple[Split, Job]] = {}
        for split, recipe in wanted:
            for name, parameters in recipe.parameters.items():
                if not self._is_known(split, name, parameters):
                    job = self._job(split, name, (parameters,))
                    jobs[_key(split.repeat, name, parameters), split.fold] = (split, job)
        fits = [job for _, job in jobs.values()]
        results = run_jobs(fits, self._plan, what, self.estimate, self._later({}, 0))
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

    def seconds_for_good(self, recipe: Recipe, n_rows: int) -> float:
        """About how long fitting a recipe on so many rows takes, its members beside each other."""
        self.estimate.begin({}, dict.fromkeys(recipe.parameters, n_rows / self.n_train), {})
        return self.estimate.seconds_left()

    def covers(self, recipe: Recipe) -> bool:
        """Whether every split has the recipe's scores."""
        return all(self.has(split, recipe) for split in self.splits)

    def has(self, split: Split, recipe: Recipe) -> bool:
        """Whether a split has the recipe's scores."""
        return all(self._is_known(split, name, parameters) for name, parameters in recipe.parameters.items())

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

    def _fit(
        self,
        splits: Sequence[Split],
        settings: Mapping[str, tuple[Parameters, ...]],
        what: str,
        later: Mapping[str, float],
        n_validation: int = 0,
    ) -> dict[str, str]:
        """Fit settings of each family in each split; why a family failed, where it did."""
        pairs = [
            (split, self._job(split, name, proposals, n_validation))
            for name in settings
            for split in splits
            for proposals in _side_by_side(settings[name], len(splits))
        ]
        results = run_jobs([job for _, job in pairs], self._plan, what, self.estimate, later)
        failures: dict[str, str] = {}
        for (split, job), result in zip(pairs, results, strict=True):
            self._keep(split, result)
            for why in result.failures:
                failures.setdefault(job.family, why)
        return failures

    def _later(self, fits: Mapping[str, float], n_further: int) -> dict[str, float]:
        """About how many fits come after a stage: these, the likely choice in further splits, on halves and for good.

        Two fits on half of the rows count as one on all of them.
        """
        later: Counter[str] = Counter()
        later.update(fits)
        n_whole = (1 + n_halvings(self.n_train)) * len(self.target) / self.n_train
        later.update(dict.fromkeys(members_of(FAMILIES[-1], self.n_train), n_further + n_whole))
        return dict(later)

    def _whole(self, name: str, splits: Sequence[Split]) -> list[Trial]:
        """The trials of a family that could be fitted in every one of these splits, of one repeat."""
        scored = np.concatenate([split.scored for split in splits])
        whole = [
            replace(
                parts[0],
                number=self._number(parts[0]),
                seconds=sum(part.seconds for part in parts),
                microseconds_per_client=float(np.median([part.microseconds_per_client for part in parts])),
                log_odds=self._known[key],
            )
            for key, parts in self._fits.items()
            if key[:2] == (splits[0].repeat, name) and not np.isnan(self._known[key][scored]).any()
        ]
        return sorted(whole, key=lambda trial: trial.number)

    def _number(self, trial: Trial) -> int:
        """A setting's place among all that were proposed; a job counts those that it was given or found itself."""
        proposed = self._proposed.get(trial.family, ())
        return proposed.index(trial.parameters) if trial.parameters in proposed else trial.number

    def _keep(self, split: Split, result: JobResult) -> None:
        for trial in result.trials:
            key = _key(split.repeat, trial.family, trial.parameters)
            if key not in self._known:
                self._known[key] = np.full(len(self.target), np.nan)
                self._fits[key] = []
            self._known[key][split.scored] = trial.log_odds
            self._fits[key].append(trial)

    def _is_known(self, split: Split, name: str, parameters: Parameters) -> bool:
        known = self._known.get(_key(split.repeat, name, parameters))
        return known is not None and not np.isnan(known[split.scored]).any()


def n_halvings(n_rows: int) -> int:
    """How often a table of so many rows is divided into halves."""
    return HALVINGS_OF_MANY if n_rows >= MANY_ROWS else HALVINGS


def simple_families() -> list[str]:
    """The families that are fitted; blends are put together of them."""
    return [name for name in FAMILIES if not is_blend(name)]


def _side_by_side(settings: tuple[Parameters, ...], n_splits: int) -> Iterable[tuple[Parameters, ...]]:
    """The settings of a family in a split as jobs: where there is one split, each is a job of its own.

    Several splits are enough to keep all cores busy, and a job of several settings has less to hand over. Without any
    settings it is one search, which takes one after the other.
    """
    return [(parameters,) for parameters in settings] if settings and n_splits == 1 else [settings]


def target_of(frame: pl.DataFrame) -> NDArray[np.int64]:
    """The outcomes of checked rows, 1 = bad, shape (n_rows,)."""
    return frame["default"].to_numpy().astype(np.int64)


def _slowest_first(names: Iterable[str]) -> list[str]:
    """The more complex a family, the longer its fits: started first, they do not stand alone at the end."""
    return sorted(names, key=FAMILIES.index, reverse=True)


def _key(repeat: int, name: str, parameters: Parameters) -> _Key:
    return repeat, name, tuple(sorted(parameters.items()))
