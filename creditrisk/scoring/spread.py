"""How far a PD may lie from the truth: what another training, on other applicants, would have said instead.

Two parts, both of calibrated log-odds. The spread between models fitted on random halves of the applicants, learnt once
as a variance from the fields; and how well the calibration itself is known. docs/confidence.md has the measurements.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit, logit, ndtr

from creditrisk import strict
from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.learners import LogMean
from creditrisk.metrics import ExpectedSlope, fit_logistic
from creditrisk.scoring.folder import SPREAD_FILE, SPREAD_TREES_FILE

# Models err alike in part: they shrink alike, and none knows what nobody asked. On the simulated lender, where the true
# PDs are known, a standard deviation so many times that between models makes confidence honest with 2,000 and 20,000
# rows; and a tenth more for each unit of log-odds up, for the more speaks against an applicant, the more there is to
# get wrong.
FACTOR = 2.1
TILT = 0.12
# And a truth that lies above is farther away than one that lies below: the errors are a lognormal variable, shifted and
# scaled, whose logarithm has this standard deviation (0 would be a normal one).
SKEW = 0.27
# Beyond it nothing is known; and up to it the PD lies within its likely range.
MAX_SD = 2.0
# Of the standard normal distribution, the middle 80 %.
TO_TENTH = 1.2815515655446004
# The mean and the standard deviation of such a lognormal variable.
_MEAN = np.exp(SKEW**2 / 2)
_SCALE = _MEAN * np.sqrt(np.expm1(SKEW**2))
_NUMBERS = ("shared_variance", "tilt", "centre", "level_variance", "slope_variance")
# No number of a fit comes near; and without any variance there would be nothing to divide by.
MAX_TILT = 1.0
MAX_VARIANCE = 1e6
SMALLEST_VARIANCE = 1e-12
SMALLEST_MULTIPLE = 1e-300


@dataclass(frozen=True)
class Spread:
    """The standard deviation of calibrated log-odds around the truth, for each applicant.

    `trees` give the logarithm of the variance between models, by the fields; `shared_variance` is that of the error
    that all models share, the same for everybody. Both are as they are at the log-odds `centre`; one unit above it
    the standard deviation is exp(`tilt`) times as much. The calibration is a line whose level and slope are known to
    `level_variance` and `slope_variance`, and independent of each other at the `centre`.
    """

    trees: LogMean
    shared_variance: float
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
        of_models = (np.exp(self.trees.log_mean(matrix)) + self.shared_variance) * np.exp(2 * self.tilt * above)
        of_calibration = self.level_variance + self.slope_variance * above**2
        return np.asarray(np.minimum(np.sqrt(of_models + of_calibration), MAX_SD), dtype=np.float64)

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
            shared_variance=strict.number(given["shared_variance"], "shared_variance", 0, MAX_VARIANCE),
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
    expected: ExpectedSlope | None = None,
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
    expected
        What the slope of the calibration was thought to be before these rows, as a multiple of what it became.

    Notes
    -----
    Two random halves share half of their rows, so models fitted on them differ by what two models of all rows with
    nothing in common would: the variance over divisions is about that of the model deployed.
    """
    _, curvature = fit_logistic([logit(prob_default)], target, expected=expected)
    covariance = np.linalg.inv(curvature)
    centre = -covariance[0, 1] / covariance[1, 1]
    variances = by_halves.var(axis=0, ddof=1)
    return Spread(
        LogMean.fit(matrix, variances, encoder, seed=seed),
        shared_variance=(FACTOR**2 - 1) * float(variances.mean()),
        tilt=TILT,
        centre=float(centre),
        level_variance=max(float(covariance[0, 0] - covariance[1, 1] * centre**2), SMALLEST_VARIANCE),
        slope_variance=float(covariance[1, 1]),
    )


def share_below(ends: FloatArray, prob_default: FloatArray, sd: FloatArray) -> FloatArray:
    """Probability, 0 to 1, that the true log-odds are below each of `ends`, shape (n_rows,).

    Parameters
    ----------
    ends
        Log-odds, which may be infinite, shape (n_rows,).
    prob_default
        PDs as people see them, shape (n_rows,).
    sd
        How far the truth may lie from them, see `Spread.sd`, shape (n_rows,).

    Examples
    --------
    >>> share_below(np.array([np.inf]), np.array([0.1]), np.array([0.7])).tolist()
    [1.0]
    >>> share_below(logit(np.array([0.1])), np.array([0.1]), np.array([0.7])).round(2).tolist()
    [0.66]
    """
    multiple = _MEAN + _SCALE * (ends - _centre_of(prob_default, sd)) / sd
    # Beyond the lower end of the distribution there is nobody.
    return np.asarray(ndtr(np.log(np.maximum(multiple, SMALLEST_MULTIPLE)) / SKEW), dtype=np.float64)


def likely_range(prob_default: FloatArray, sd: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The PDs between which the true one lies for 80 of 100 applicants, shape (n_rows,) each.

    Examples
    --------
    >>> low, high = likely_range(np.array([0.04]), np.array([0.5]))
    >>> round(float(low[0]), 3), round(float(high[0]), 3)
    (0.02, 0.067)
    """
    centre = _centre_of(prob_default, sd)
    low, high = (np.exp(SKEW * tenth) - _MEAN for tenth in (-TO_TENTH, TO_TENTH))
    return expit(centre + low / _SCALE * sd), expit(centre + high / _SCALE * sd)


def _centre_of(prob_default: FloatArray, sd: FloatArray) -> FloatArray:
    """The mean of the true log-odds, shape (n_rows,): where their mean PD is the PD, to the second order in `sd`.

    A PD is a mean over all that may be true. Log-odds that err as far up as down err farther up in PDs below a half, so
    their mean lies a little below the PD's own log-odds.
    """
    return np.asarray(logit(prob_default) - (0.5 - prob_default) * sd**2, dtype=np.float64)
