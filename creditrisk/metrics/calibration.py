"""Whether PDs are what comes true: the recalibration line and its fit, calibration error and its noise floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from creditrisk.arrays import FloatArray, IntArray

N_DECILES = 10
# Drawn outcomes behind the noise floor of the calibration error: its 95 % point is then known to a few per cent.
NULL_DRAWS = 1_000
# A trace of ridge, for each row: outcomes that a line separates would push the weights to infinity.
RIDGE = 1e-9


def calibration_error(prob_default: FloatArray, target: ArrayLike) -> float:
    """Expected calibration error: how far PDs and bad rates lie apart in ten groups of equal size, on average.

    Examples
    --------
    >>> round(calibration_error(np.linspace(0.6, 0.6001, 20), np.tile([0, 1], 10)), 3)  # ten times one of two
    0.1
    """
    order = np.argsort(prob_default)
    edges = tenths(prob_default[order])
    gaps = np.add.reduceat((prob_default - np.asarray(target))[order], edges)
    return float(np.abs(gaps).sum() / len(order))


def calibration_error_floor(prob_default: FloatArray, *, seed: int) -> tuple[float, float]:
    """Mean and 95 % point of the calibration error that true PDs would show on so many rows, by drawing outcomes.

    A perfect model on 1,000 rows has an error of 0.03 by chance alone, so no error means anything without this.
    """
    rng = np.random.default_rng(seed)
    ordered = np.sort(prob_default)
    edges = tenths(ordered)
    drawn = [
        np.abs(np.add.reduceat(ordered - (rng.random(len(ordered)) < ordered), edges)).sum() / len(ordered)
        for _ in range(NULL_DRAWS)
    ]
    return float(np.mean(drawn)), float(np.quantile(drawn, 0.95))


def tenths(ordered: FloatArray) -> IntArray:
    """Where each of ten groups of about equal size starts; equal PDs stay together, whatever the order of the table."""
    starts = ordered[np.arange(N_DECILES) * len(ordered) // N_DECILES]
    return np.unique(np.searchsorted(ordered, starts, side="left")).astype(np.int64)


@dataclass(frozen=True, slots=True)
class ExpectedSlope:
    """What a slope is thought to be before any outcome is seen: about `slope`, with `precision` = 1 / variance."""

    slope: float
    precision: float

    def divided(self, by: float) -> ExpectedSlope:
        """The same, of scores that are `by` times as large."""
        return ExpectedSlope(self.slope / by, self.precision * by**2)


@dataclass(frozen=True, slots=True)
class Recalibration:
    """The straight line through the log-odds that fits the outcomes best; a calibrated model has 0 and 1.

    The slope is below 1 where a model is over-confident, and negative where it ranks the wrong way round.
    """

    intercept: float
    slope: float
    slope_se: float


def recalibrate(prob_default: FloatArray, target: IntArray) -> Recalibration:
    """Regress the outcomes on the log-odds of the PDs, shape (n_rows,).

    Examples
    --------
    >>> fitted = recalibrate(np.repeat([0.1, 0.9], 4), np.array([0, 0, 0, 1, 0, 1, 1, 1]))  # says 1:9, is 1:3
    >>> round(fitted.slope, 4), round(abs(fitted.intercept), 4)  # log 3 / log 9
    (0.5, 0.0)
    >>> round(recalibrate(np.repeat([0.9, 0.1], 4), np.array([0, 0, 0, 1, 0, 1, 1, 1])).slope, 4)
    -0.5
    """
    clipped = np.clip(prob_default, 1e-12, 1 - 1e-12)
    # Not `log_odds_of`: its last bits differ, and the slope stands in every scorer folder.
    return fit_line(np.log(clipped / (1 - clipped)), target)


def fit_line(scores: FloatArray, target: IntArray, expected: ExpectedSlope | None = None) -> Recalibration:
    """The line through scores of any scale that fits the outcomes best, by maximum likelihood; shapes (n_rows,).

    With a slope to be `expected` it is the likeliest line given both, and `slope_se` counts both.
    """
    middle, spread = float(scores.mean()), float(scores.std())
    if spread == 0:  # everybody is scored alike: nothing to stretch, the level is all that can be right
        return Recalibration(float(logit(smoothed_bad_rate(target))) - middle, 1.0, (RIDGE * len(target)) ** -0.5)
    standardised = None if expected is None else expected.divided(1 / spread)
    (level, steepness), curvature = fit_logistic([(scores - middle) / spread], target, expected=standardised)
    slope = float(steepness) / spread
    error = float(np.sqrt(np.linalg.inv(curvature)[1, 1])) / spread
    return Recalibration(float(level) - slope * middle, slope, error)


def fit_logistic(
    columns: Sequence[FloatArray],
    target: IntArray,
    start: Sequence[float] | None = None,
    *,
    expected: ExpectedSlope | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Logistic regression on a few columns by Newton's method.

    Parameters
    ----------
    columns
        Each of shape (n_rows,); an intercept comes before them.
    target
        Outcomes (1 = default), shape (n_rows,).
    start
        Where to start, intercept first; the bad rate and no slope by default.
    expected
        What the last weight is thought to be, None where only the outcomes speak.

    Returns
    -------
    weights, curvature
        Intercept and one weight per column, shape (n_columns + 1,), and the matrix whose inverse is their covariance.
    """
    design = np.vstack([np.ones(len(target)), *columns])
    weights = np.array(start if start is not None else [logit(smoothed_bad_rate(target)), *[0.0] * len(columns)])
    ridge = RIDGE * len(target) * np.eye(len(weights))
    means, pulls = np.zeros(len(weights)), np.zeros(len(weights))
    if expected is not None:
        means[-1], pulls[-1] = expected.slope, expected.precision
    for _ in range(100):
        fitted = expit(weights @ design)
        curvature = (design * (fitted * (1 - fitted))) @ design.T + ridge + np.diag(pulls)
        step = np.linalg.solve(curvature, design @ (target - fitted) - pulls * (weights - means))
        # Where the curve is flat, a step as long as it asks for would leap over the answer.
        weights = weights + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-9:
            break
    return np.asarray(weights, dtype=np.float64), np.asarray(curvature, dtype=np.float64)


def smoothed_bad_rate(target: IntArray) -> float:
    """Share of bads with half a bad and half a good added, so that it is neither 0 nor 1."""
    return float(target.sum() + 0.5) / (len(target) + 1)


def log_odds_of(prob_default: FloatArray) -> FloatArray:
    """Log-odds of PDs, held 1e-12 away from 0 and 1."""
    return np.asarray(logit(np.clip(prob_default, 1e-12, 1 - 1e-12)), dtype=np.float64)
