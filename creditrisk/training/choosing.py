"""Choosing by out-of-sample scores: of each family the setting, of the families the one, and its calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.errors import TrainingError
from creditrisk.learners import FAMILIES, is_blend, members_of, steps_per_client
from creditrisk.metrics import log_losses
from creditrisk.scoring import Calibration, fit_calibration, fit_platt
from creditrisk.splits import stratified_folds
from creditrisk.training.noise import beats, cheapest_alike
from creditrisk.training.plan import Plan
from creditrisk.training.results import Recipe
from creditrisk.training.scores import OutOfSampleScores
from creditrisk.training.tuning import Trial, calibrated_log_losses

CALIBRATION_FOLDS = 5


@dataclass(frozen=True)
class Choice:
    """What does best on some rows: a recipe and its calibration; `picks` are the chosen trials of all families."""

    recipe: Recipe
    picks: dict[str, Trial]
    calibration: Calibration


def choose(scores: OutOfSampleScores, rows: IntArray, plan: Plan) -> Choice:
    """Choose by some rows: of each family the trial, of the candidates the one, and its calibration.

    Of settings that do as well, it is the one that is cheapest to score with, see `cheapest_alike`.

    Raises
    ------
    TrainingError
        If every candidate ranks the rows the wrong way round.
    """
    target = scores.target[rows]
    picks: dict[str, Trial] = {}
    for name in scores.trials:
        if trials := scores.contenders(name, rows):
            losses = np.array([calibrated_log_losses(trial.log_odds[rows], target) for trial in trials])
            steps = [steps_per_client({name: trial.parameters}) for trial in trials]
            picks[name] = trials[cheapest_alike(losses, steps, target)]
    candidates: list[tuple[Recipe, FloatArray]] = []
    for recipe in candidate_recipes(picks, scores.n_train):
        try:
            prob_default = cross_calibrated(scores.log_odds(recipe, rows), target, plan.seed)
        except TrainingError:
            continue  # a family that ranks the wrong way round is no candidate; that all do so is said below
        candidates.append((recipe, log_losses(prob_default, target)))
    if not candidates:
        raise TrainingError(
            f"every model ranks {len(target):,} unseen rows the wrong way round: nothing was learned that "
            "holds. Check the target's coding and the features."
        )
    best = _best_family(candidates, target)
    return Choice(best, picks, fit_calibration(scores.log_odds(best, rows), target))


def _best_family(candidates: Sequence[tuple[Recipe, FloatArray]], target: IntArray) -> Recipe:
    """Of recipes with their losses on some rows, shape (n_rows,) each, the one to take.

    A blend has the benefit of the doubt, because on every table measured it did best on rows that had not chosen it
    (docs/models.md): another family has to be better than it beyond one standard error. Of those that are, and of all
    where there is no blend, it is the cheapest that does as well; the first of several that are alike is the simplest.
    """
    blends = [losses for recipe, losses in candidates if is_blend(recipe.family)]
    better = [
        (recipe, losses)
        for recipe, losses in candidates
        if all(not is_blend(recipe.family) and beats(losses, of_blend) for of_blend in blends)
    ]
    running = better or [(recipe, losses) for recipe, losses in candidates if is_blend(recipe.family)]
    steps = [steps_per_client(recipe.parameters) for recipe, _ in running]
    return running[cheapest_alike(np.array([losses for _, losses in running]), steps, target)][0]


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
