"""How far a PD may lie from the truth: what another training, on other applicants, would have said instead.

Two parts, both of calibrated log-odds. The spread between models fitted on random halves of the applicants, learnt once
as a variance from the fields; and how well the calibration itself is known. docs/confidence.md has the measurements.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

from creditrisk import strict
from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.learners import LogMean
from creditrisk.metrics import fit_logistic
from creditrisk.scoring.folder import SPREAD_FILE, SPREAD_TREES_FILE

# Models err alike in part: they shrink alike, and none knows what nobody asked. On the simulated lender, where the true
# PDs are known, that much more than the spread between models makes confidence honest with 2,000 and 20,000 rows; and a
# tenth more for each unit of log-odds up, for the more speaks against an applicant, the more there is to get wrong.
FACTOR = 2.1
TILT = 0.11
# Beyond it nothing is known; and up to it the PD lies within its likely range.
MAX_SD = 2.0
# Of the standard normal distribution, the middle 80 %.
TO_TENTH = 1.2815515655446004
_NUMBERS = ("factor", "tilt", "centre", "level_variance", "slope_variance")
# No number of a fit comes near; and without any variance there would be nothing to divide by.
MAX_FACTOR = 100.0
MAX_TILT = 1.0
MAX_VARIANCE = 1e6
SMALLEST_VARIANCE = 1e-12


@dataclass(frozen=True)
class Spread:
    """The standard deviation of calibrated log-odds around the truth, for each applicant.

    `trees` give the logarithm of the variance between models, by the fields; their standard deviation counts `factor`
    times at the log-odds `centre`, and exp(`tilt`) times as much one unit above it. The calibration is a line whose
    level and slope are known to `level_variance` and `slope_variance`, and independent of each other at the `centre`.
    """

    trees: LogMean
    factor: float
    tilt: float
    centre: float
    level_variance: float
    slope_variance: float

    def sd(self, matrix: FloatArray, prob_default: FloatArray) -> FloatArray:
        """Standard deviation, in log-odds, of each row, shape (n_rows,).

        Parameters
        ----------
        matrix
            The encoder's, shape (n_rows, n_fields).
        prob_default
            PDs on the scale of the rows the calibration was fitted on, shape (n_rows,).
        """
        above = logit(prob_default) - self.centre
        between_models = self.factor**2 * np.exp(self.trees.log_mean(matrix) + 2 * self.tilt * above)
        of_calibration = self.level_variance + self.slope_variance * above**2
        return np.asarray(np.minimum(np.sqrt(between_models + of_calibration), MAX_SD), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write the numbers and the trees as files of a scorer folder."""
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        (folder / SPREAD_FILE).write_text(json.dumps(numbers, indent=1, allow_nan=False), encoding="utf-8")
        (folder / SPREAD_TREES_FILE).write_text(self.trees.text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, encoder: Encoder) -> Spread:
        """Read what `save` wrote; ScorerError if a number is missing, not finite or absurd, or trees are none."""
        item = strict.read_json((folder / SPREAD_FILE).read_text(encoding="utf-8"), SPREAD_FILE)
        given = strict.fields(item, SPREAD_FILE, _NUMBERS)
        return cls(
            LogMean.load(folder / SPREAD_TREES_FILE, encoder),
            factor=strict.number(given["factor"], "factor", 0, MAX_FACTOR),
            tilt=strict.number(given["tilt"], "tilt", 0, MAX_TILT),
            centre=strict.number(given["centre"], "centre", -MAX_VARIANCE, MAX_VARIANCE),
            level_variance=strict.number(given["level_variance"], "level_variance", SMALLEST_VARIANCE, MAX_VARIANCE),
            slope_variance=strict.number(given["slope_variance"], "slope_variance", 0, MAX_VARIANCE),
        )


def fit_spread(
    matrix: FloatArray,
    by_halves: FloatArray,
    encoder: Encoder,
    prob_default: FloatArray,
    target: IntArray,
    *,
    seed: int,
) -> Spread:
    """Learn the spread.

    Parameters
    ----------
    matrix
        The encoder's, of the rows that were divided into halves, shape (n_rows, n_fields).
    by_halves
        Their calibrated log-odds by models fitted on the half without them, shape (n_divisions, n_rows).
    prob_default, target
        Calibrated PDs and outcomes of the rows the calibration was fitted on.

    Notes
    -----
    Two random halves share half of their rows, so models fitted on them differ by what two models of all rows with
    nothing in common would: the variance over divisions is about that of the model deployed.
    """
    log_odds = logit(prob_default)
    _, curvature = fit_logistic([log_odds], target)
    covariance = np.linalg.inv(curvature)
    centre = -covariance[0, 1] / covariance[1, 1]
    return Spread(
        LogMean.fit(matrix, by_halves.var(axis=0, ddof=1), encoder, seed=seed),
        factor=FACTOR,
        tilt=TILT,
        centre=float(centre),
        level_variance=max(float(covariance[0, 0] - covariance[1, 1] * centre**2), SMALLEST_VARIANCE),
        slope_variance=float(covariance[1, 1]),
    )


def centre_of(prob_default: FloatArray, sd: FloatArray) -> FloatArray:
    """Where the true log-odds have their middle, shape (n_rows,): where their mean PD is the PD.

    A PD is a mean over all that may be true. Log-odds that err as far up as down err farther up in PDs below a half, so
    their middle lies a little below the PD's own log-odds (to the second order in `sd`).

    Examples
    --------
    >>> centre = centre_of(np.array([0.1]), np.array([0.7]))
    >>> draws = centre + 0.7 * np.random.default_rng(1).standard_normal(100_000)
    >>> round(float(expit(draws).mean()), 2)
    0.1
    """
    return np.asarray(logit(prob_default) - (0.5 - prob_default) * sd**2, dtype=np.float64)


def likely_range(prob_default: FloatArray, sd: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The PDs between which the true one lies for 80 of 100 applicants, shape (n_rows,) each.

    Examples
    --------
    >>> low, high = likely_range(np.array([0.04]), np.array([0.5]))
    >>> round(float(low[0]), 3), round(float(high[0]), 3)
    (0.019, 0.066)
    """
    centre = centre_of(prob_default, sd)
    return expit(centre - TO_TENTH * sd), expit(centre + TO_TENTH * sd)
