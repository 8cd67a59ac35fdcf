"""Choosing by out-of-sample scores: of each family the setting, of the families the one, and its calibration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.errors import TrainingError
from creditrisk.learners import FAMILIES, is_blend, members_of
from creditrisk.metrics import Performance, log_loss
from creditrisk.scoring import Calibration, fit_calibration, fit_platt
from creditrisk.splits import stratified_folds
from creditrisk.training.plan import Plan
from creditrisk.training.results import Recipe, Result
from creditrisk.training.tuning import JobResult, Trial, calibrated_log_loss

CALIBRATION_FOLDS = 5
# So many settings of each family are kept with all their figures.
KEPT_TRIALS = 5


@dataclass(frozen=True)
class Pool:
    """Scores to choose by: for each family the log-odds of its trials, shape (n_trials, n_rows), and the outcomes.

    `n_taught` is how many rows the models were fitted on, by which blends choose their members.
    """

    target: IntArray
    log_odds: dict[str, FloatArray]
    n_taught: int

    def members(self, name: str) -> tuple[str, ...]:
        """The families a family is fitted as: itself, or those it is blended of."""
        return members_of(name, self.n_taught)


@dataclass(frozen=True)
class Choice:
    """The family that decides best on some rows, the trial taken of each family, and the winner's calibration."""

    family: str
    picks: dict[str, int]
    calibration: Calibration


def simple_families() -> list[str]:
    """The families that are fitted; blends are put together of them."""
    return [name for name in FAMILIES if not is_blend(name)]


def slowest_first(names: Iterable[str]) -> list[str]:
    """The more complex a family, the longer its fits: started first, they do not stand alone at the end."""
    return sorted(names, key=FAMILIES.index, reverse=True)


def sort_out(tried: Mapping[str, JobResult]) -> tuple[dict[str, list[Trial]], dict[str, str]]:
    """The trials of the families that could be fitted, simple ones first, and why the others could not."""
    trials = {name: tried[name].trials for name in FAMILIES if name in tried and tried[name].trials}
    failures = {name: found.failures[0] for name, found in tried.items() if not found.trials}
    if not trials:
        raise TrainingError(f"no family could be fitted: {'; '.join(f'{k}: {why}' for k, why in failures.items())}")
    return trials, failures


def candidates_of(pool: Pool, picks: Mapping[str, int]) -> dict[str, FloatArray]:
    """The log-odds of each family's picked trial, and of each blend whose members all have one."""
    return {
        name: np.mean([pool.log_odds[member][picks[member]] for member in pool.members(name)], axis=0)
        for name in FAMILIES
        if all(member in picks for member in pool.members(name))
    }


def choose(pool: Pool, rows: IntArray, plan: Plan) -> Choice:
    """Choose by some rows of the pool: of each family the trial, of the candidates the one, and its calibration."""
    target = pool.target[rows]
    picks = {}
    for name, log_odds in pool.log_odds.items():
        losses = [calibrated_log_loss(scores[rows], target) for scores in log_odds]
        picks[name] = int(np.argmin(losses))
    losses_of: dict[str, float] = {}
    seen = {name: scores[rows] for name, scores in candidates_of(pool, picks).items()}
    for name, scores in seen.items():
        try:
            losses_of[name] = log_loss(cross_calibrated(scores, target, plan.seed), target)
        except TrainingError:
            continue  # a family that ranks the wrong way round is no candidate; that all do so is said below
    if not losses_of:
        raise TrainingError(
            f"every model ranks {len(target):,} unseen rows the wrong way round: nothing was learned that "
            "holds. Check the target's coding and the features."
        )
    # The first of several that are alike is the simplest.
    best = min(losses_of, key=lambda name: losses_of[name])
    return Choice(best, picks, calibrated(seen[best], target))


def calibrated(log_odds: FloatArray, target: IntArray) -> Calibration:
    """The calibration of out-of-sample scores."""
    return fit_calibration(log_odds, target)


def cross_calibrated(log_odds: FloatArray, target: IntArray, seed: int) -> FloatArray:
    """PDs whose calibration did not see their own row."""
    prob_default = np.empty(len(log_odds))
    for teach, judge in stratified_folds(target, CALIBRATION_FOLDS, seed=seed):
        prob_default[judge] = fit_platt(log_odds[teach], target[teach]).prob_default(log_odds[judge])
    return prob_default


Judge = Callable[[Trial, Calibration], Performance]


def results_of(trials: Mapping[str, list[Trial]], pool: Pool, validation: Judge, test: Judge) -> list[Result]:
    """Every setting tried, the best few of each family with their figures."""
    results = []
    for name, of_family in trials.items():
        losses = [calibrated_log_loss(scores, pool.target) for scores in pool.log_odds[name]]
        best = set(np.argsort(losses, kind="stable")[:KEPT_TRIALS].tolist())
        for place, (trial, loss) in enumerate(zip(of_family, losses, strict=True)):
            figures: dict[str, Performance] = {}
            if place in best:
                try:
                    scale = fit_platt(pool.log_odds[name][place], pool.target)
                    figures = {"validation": validation(trial, scale), "test": test(trial, scale)}
                except TrainingError:
                    pass  # it ranks the wrong way round: its loss says so
            results.append(Result(name, trial.number, trial.parameters, trial.seconds, loss, **figures))
    return results


def recipe_of(name: str, picks: Mapping[str, int], trials: Mapping[str, list[Trial]], pool: Pool) -> Recipe:
    """What is fitted if a family is taken with the picked settings."""
    return Recipe(name, {member: trials[member][picks[member]].parameters for member in pool.members(name)})
