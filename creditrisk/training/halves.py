"""Models of the chosen recipe on random halves of the applicants: how differently another training would score them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import fit_encoder
from creditrisk.errors import TrainingError
from creditrisk.metrics import ExpectedSlope, fit_line
from creditrisk.splits import stratified_folds
from creditrisk.training.plan import Plan
from creditrisk.training.results import Recipe
from creditrisk.training.scores import OutOfSampleScores, Split, n_halvings

# The number of the first division, beside those that test and screen.
FIRST = -2
# Its seeds are no neighbours of those of the folds.
SEED_STEP = 1_000


@dataclass(frozen=True)
class ByHalves:
    """What models fitted on halves say.

    Attributes
    ----------
    log_odds
        Calibrated log-odds that each row gets from models fitted on the half without it, (n_divisions, n_rows).
    slope
        Of the lines that calibrate them, their mean, and how well all rows tell it.
    """

    log_odds: FloatArray
    slope: ExpectedSlope

    def slope_for(self, n_rows: int) -> ExpectedSlope:
        """What the slope on so many of the rows is thought to be, by all the others."""
        others = 1 - n_rows / self.log_odds.shape[1]
        return ExpectedSlope(self.slope.slope, self.slope.precision * others)


def scores_by_halves(
    scores: OutOfSampleScores, recipe: Recipe, rows: IntArray, frame: pl.DataFrame, plan: Plan
) -> ByHalves:
    """Fit the recipe on random halves, and calibrate what each says of the other.

    Parameters
    ----------
    rows, frame
        The rows that the deployed model is fitted on: their positions in the table, and themselves.

    Raises
    ------
    TrainingError
        If the recipe could be fitted on both halves in fewer than two divisions.
    """
    target = scores.target[rows]
    divisions = [
        [
            Split(FIRST - number, half, rows[fitted], rows[scored], fit_encoder(frame[fitted], plan.schema))
            for half, (fitted, scored) in enumerate(stratified_folds(target, 2, seed=plan.seed + SEED_STEP + number))
        ]
        for number in range(n_halvings(len(rows)))
    ]
    scores.fit_missing([(split, recipe) for halves in divisions for split in halves], what="fitting halves")
    whole = [halves for halves in divisions if all(scores.has(split, recipe) for split in halves)]
    if len(whole) < 2:
        raise TrainingError(
            f"{recipe.family} could not be fitted on halves of the {len(rows):,} applications, so nobody can say how "
            "sure it is. Give more rows, or more bads."
        )
    calibrated = np.empty((len(whole), len(scores.target)))
    lines = []
    for number, halves in enumerate(whole):
        for split in halves:
            log_odds = scores.log_odds(recipe, split.scored, repeat=split.repeat)
            # Not `fit_calibration`: half a small table may be ranked the wrong way round, which is a wide spread.
            line = fit_line(log_odds, scores.target[split.scored])
            calibrated[number, split.scored] = line.intercept + line.slope * log_odds
            lines.append(line)
    # The lines of one division add up; those of the next one have the same rows.
    precision = sum(line.slope_se**-2 for line in lines) / len(whole)
    return ByHalves(calibrated[:, rows], ExpectedSlope(float(np.mean([line.slope for line in lines])), precision))
