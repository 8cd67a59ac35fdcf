"""The training path of a table without dates: every row is tested by models that did not see its fold."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import fit_encoder
from creditrisk.scoring import Calibration, Scorer, fit_calibration, fit_platt
from creditrisk.splits import stratified_folds
from creditrisk.training.assembly import Resampling, finish
from creditrisk.training.choosing import choose
from creditrisk.training.plan import Plan
from creditrisk.training.results import Recipe, Training, noted_recipe
from creditrisk.training.scores import OutOfSampleScores, Split, simple_families, target_of
from creditrisk.training.tuning import propose

# A fold's AUC on a thousand rows varies by 0.045, so small tables are tested three times over; large ones need it not.
SMALL_TABLE_ROWS = 5_000
SMALL_TABLE_FOLDS = (3, 10)
LARGE_TABLE_FOLDS = (1, 5)
# All settings are screened in a few folds of the whole table first, and those that can win go on into all the others.
SMALL_SCREENING_FOLDS = 3
LARGE_SCREENING_FOLDS = 2
# The number of that repeat, beside those that test.
SCREENING = -1


def train_by_folds(frame: pl.DataFrame, plan: Plan, champion: Scorer | None) -> Training:
    """Train where nothing tells earlier rows from later ones.

    In turn each fold's rows are the test. The rows outside it choose and calibrate for it, by their own out-of-fold
    scores, and models fitted on them score it.

    Raises
    ------
    TrainingError
        If nothing could be learnt, or what was chosen could not be fitted in every fold.
    """
    is_small = frame.height < SMALL_TABLE_ROWS
    n_repeats, n_folds = SMALL_TABLE_FOLDS if is_small else LARGE_TABLE_FOLDS
    scores = OutOfSampleScores(frame, _splits(frame, range(n_repeats), n_folds, plan), plan)
    # The settings to try are drawn blind: a search led by the outcomes of test rows would have seen them.
    n_train, n_trials = scores.n_train, plan.budget.trials
    proposals = {name: propose(name, n_train, trials=n_trials, seed=plan.seed) for name in simple_families()}
    n_screening = SMALL_SCREENING_FOLDS if is_small else LARGE_SCREENING_FOLDS
    screening = _splits(frame, [SCREENING], n_screening, plan) if n_trials > 1 else []
    scores.try_settings(proposals, screening=screening)

    choices = [choose(scores, split.train, plan) for split in scores.splits]
    defended = noted_recipe(champion.metrics) if champion is not None else None
    # What the first repeat did not fit already: the chosen ones in the other repeats, the champion's recipe in all.
    scores.fit_missing(
        (split, recipe)
        for split, choice in zip(scores.splits, choices, strict=True)
        for recipe in (choice.recipe, defended)
        if recipe is not None
    )
    path = [(split, made.recipe, made.calibration) for split, made in zip(scores.splits, choices, strict=True)]
    repeats = f"{n_repeats} x {n_folds}" if n_repeats > 1 else str(n_folds)
    resampling = Resampling(
        train=frame,
        train_rows=np.arange(frame.height),
        encoder=fit_encoder(frame, plan.schema),
        validation=frame,
        validation_rows=np.arange(frame.height),
        validation_prob_default=lambda recipe: _calibrated_by_all(scores, recipe),
        test=frame,
        test_folds=_fold_of(scores),
        test_prob_default=lambda recipe: _tested(scores, _calibrated_by_others(scores, recipe, n_repeats=1))[0],
        path_prob_default=_tested(scores, path),
        champion_prob_default=_champion_prob_default(scores, defended, n_repeats),
        protocol=(
            f"{repeats}-fold cross-validation of the whole path, choosing and calibrating included, over "
            f"{frame.height:,} applications"
        ),
    )
    return finish(scores, resampling, plan)


def _splits(frame: pl.DataFrame, repeats: Iterable[int], n_folds: int, plan: Plan) -> list[Split]:
    target = target_of(frame)
    return [
        Split(repeat, fold, train, test, fit_encoder(frame[train], plan.schema))
        for repeat in repeats
        for fold, (train, test) in enumerate(stratified_folds(target, n_folds, seed=plan.seed + 1 + repeat))
    ]


def _fold_of(scores: OutOfSampleScores) -> IntArray:
    """In which fold of each repeat a row is tested, shape (n_repeats, n_rows)."""
    folds = np.zeros((1 + scores.splits[-1].repeat, len(scores.target)), dtype=np.int64)
    for split in scores.splits:
        folds[split.repeat, split.scored] = split.fold
    return folds


def _tested(scores: OutOfSampleScores, parts: list[tuple[Split, Recipe, Calibration]]) -> FloatArray:
    """PDs of each split's rows by its recipe and calibration, shape (n_repeats, n_rows)."""
    prob_default = np.full((1 + parts[-1][0].repeat, len(scores.target)), np.nan)
    for split, recipe, calibration in parts:
        log_odds = scores.log_odds(recipe, split.scored, repeat=split.repeat)
        prob_default[split.repeat, split.scored] = calibration.prob_default(log_odds)
    return prob_default


def _calibrated_by_others(
    scores: OutOfSampleScores, recipe: Recipe, n_repeats: int
) -> list[tuple[Split, Recipe, Calibration]]:
    """A recipe with a calibration for each fold, fitted on the rows outside it."""
    return [
        (split, recipe, fit_calibration(scores.log_odds(recipe, split.train), scores.target[split.train]))
        for split in scores.splits
        if split.repeat < n_repeats
    ]


def _champion_prob_default(scores: OutOfSampleScores, recipe: Recipe | None, n_repeats: int) -> FloatArray | None:
    """What the champion's recipe gives in every fold; None if there is none or a fold lacks it."""
    if recipe is None or not scores.covers(recipe):
        return None
    return _tested(scores, _calibrated_by_others(scores, recipe, n_repeats))


def _calibrated_by_all(scores: OutOfSampleScores, recipe: Recipe) -> FloatArray:
    """PDs of all rows by a line fitted on all of them, from out-of-fold scores."""
    log_odds = scores.log_odds(recipe, np.arange(len(scores.target)))
    return fit_platt(log_odds, scores.target).prob_default(log_odds)
