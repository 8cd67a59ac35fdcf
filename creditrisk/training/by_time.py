"""The training path of a table with dates: the newest rows are the test."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from creditrisk.arrays import FloatArray
from creditrisk.encoding import fit_encoder
from creditrisk.learners import Parameters
from creditrisk.scoring import OTHER_FIELDS, Scorer, fit_platt
from creditrisk.splits import time_split
from creditrisk.training.assembly import Resampling, finish
from creditrisk.training.choosing import cross_calibrated
from creditrisk.training.plan import Plan
from creditrisk.training.results import Recipe, Training
from creditrisk.training.scores import OutOfSampleScores, Split, simple_families
from creditrisk.training.tuning import propose


def train_by_time(
    frame: pl.DataFrame, times: pl.Series, plan: Plan, champion: Scorer | None, test_from: date | None
) -> Training:
    """Train where every row has a time.

    Raises
    ------
    TrainingError
        If time does not divide the table, or nothing could be learnt.
    """
    rows = time_split(times, test_from)
    encoder = fit_encoder(frame[rows.train], plan.schema)
    split = Split(0, 0, rows.train, np.concatenate([rows.validation, rows.test]), encoder)
    scores = OutOfSampleScores(frame, [split], plan)
    proposals: dict[str, tuple[Parameters, ...]] = {}
    if plan.budget.is_blind:
        trials, seed = plan.budget.trials, plan.seed
        proposals = {name: propose(name, scores.n_train, trials=trials, seed=seed) for name in simple_families()}
    scores.try_settings(proposals, n_validation=len(rows.validation))
    target = scores.target[rows.validation]

    def validation_prob_default(recipe: Recipe) -> FloatArray:
        return cross_calibrated(scores.log_odds(recipe, rows.validation), target, plan.seed)

    def test_prob_default(recipe: Recipe) -> FloatArray:
        calibration = fit_platt(scores.log_odds(recipe, rows.validation), target)
        return calibration.prob_default(scores.log_odds(recipe, rows.test))

    # The validation rows are the newest that may be fitted on: once they have chosen, the winner is fitted again.
    train_rows = np.concatenate([rows.train, rows.validation])
    test, tested = frame[rows.test], times.gather(rows.test)
    resampling = Resampling(
        train=frame[train_rows],
        train_rows=train_rows,
        encoder=encoder,
        validation=frame[rows.validation],
        validation_rows=rows.validation,
        validation_prob_default=validation_prob_default,
        test=test,
        test_folds=np.zeros((1, len(rows.test)), dtype=np.int64),
        test_prob_default=test_prob_default,
        path_prob_default=None,
        champion_prob_default=_scored_by(champion, test),
        protocol=(
            f"time-ordered: fitted on the oldest {len(rows.train):,} applications, chosen and calibrated on the next "
            f"{len(rows.validation):,}, fitted again on both, judged on the newest {len(rows.test):,} "
            f"({tested.item(0)} to {tested.item(-1)})"
        ),
    )
    return finish(scores, resampling, plan)


def _scored_by(champion: Scorer | None, test: pl.DataFrame) -> FloatArray | None:
    if champion is None:
        return None
    try:
        return champion.sample_prob_default(test)[np.newaxis]
    except OTHER_FIELDS:
        return None
