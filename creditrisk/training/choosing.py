"""Choosing by out-of-sample scores: of each family the setting, of the families the one, and its calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.errors import TrainingError
from creditrisk.learners import FAMILIES, members_of
from creditrisk.metrics import log_loss
from creditrisk.scoring import Calibration, fit_calibration, fit_platt
from creditrisk.splits import stratified_folds
from creditrisk.training.plan import Plan
from creditrisk.training.results import Recipe
from creditrisk.training.scores import OutOfSampleScores
from creditrisk.training.tuning import Trial, calibrated_log_loss

CALIBRATION_FOLDS = 5


@dataclass(frozen=True)
class Choice:
    """What does best on some rows: a recipe and its calibration; `picks` are the best trials of all families."""

    recipe: Recipe
    picks: dict[str, Trial]
    calibration: Calibration


def choose(scores: OutOfSampleScores, rows: IntArray, plan: Plan) -> Choice:
    """Choose by some rows: of each family the trial, of the candidates the one, and its calibration.

    Raises
    ------
    TrainingError
        If every candidate ranks the rows the wrong way round.
    """
    target = scores.target[rows]
    picks = {}
    for name, trials in scores.trials.items():
        losses = [calibrated_log_loss(scores.log_odds(trial.recipe, rows), target) for trial in trials]
        picks[name] = trials[int(np.argmin(losses))]
    candidates: list[tuple[float, Recipe]] = []
    for recipe in candidate_recipes(picks, scores.n_train):
        try:
            prob_default = cross_calibrated(scores.log_odds(recipe, rows), target, plan.seed)
        except TrainingError:
            continue  # a family that ranks the wrong way round is no candidate; that all do so is said below
        candidates.append((log_loss(prob_default, target), recipe))
    if not candidates:
        raise TrainingError(
            f"every model ranks {len(target):,} unseen rows the wrong way round: nothing was learned that "
            "holds. Check the target's coding and the features."
        )
    # The first of several that are alike is the simplest.
    _, best = min(candidates, key=lambda candidate: candidate[0])
    return Choice(best, picks, fit_calibration(scores.log_odds(best, rows), target))


def candidate_recipes(picks: Mapping[str, Trial], n_train: int) -> list[Recipe]:
    """A recipe of each family's picked trial, and of each blend whose members all have one."""
    recipes = []
    for name in FAMILIES:
        members = members_of(name, n_train)
        if all(member in picks for member in members):
            recipes.append(Recipe(name, {member: picks[member].parameters for member in members}))
    return recipes


def cross_calibrated(log_odds: FloatArray, target: IntArray, seed: int) -> FloatArray:
    """PDs whose calibration did not see their own row, shape (n_rows,)."""
    prob_default = np.empty(len(log_odds))
    for train, test in stratified_folds(target, CALIBRATION_FOLDS, seed=seed):
        prob_default[test] = fit_platt(log_odds[train], target[train]).prob_default(log_odds[test])
    return prob_default
