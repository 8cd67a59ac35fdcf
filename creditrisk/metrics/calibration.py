"""Whether PDs are what comes true: recalibration line, slope, calibration error and its noise floor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.errors import TrainingError

N_DECILES = 10
# Drawn outcomes behind the noise floor of the calibration error: its 95 % point is then known to a few per cent.
NULL_DRAWS = 1_000


def calibration_slope(prob_default: FloatArray, target: IntArray) -> float:
    """Slope of the outcome's log-odds on the predicted log-odds: 1 is right, below 1 over-confident."""
    from creditrisk.scoring import fit_platt

    clipped = np.clip(prob_default, 1e-9, 1 - 1e-9)
    try:
        return fit_platt(np.log(clipped / (1 - clipped)), target).slope
    except TrainingError:
        return 0.0


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
class Recalibration:
    """The straight line through the log-odds that fits the outcomes best; a calibrated model has 0 and 1."""

    intercept: float
    slope: float
    slope_se: float


def recalibrate(prob_default: FloatArray, target: IntArray) -> Recalibration:
    """Regress the outcomes on the log-odds of the PDs, shape (n_rows,); a model may well rank the wrong way round.

    Examples
    --------
    >>> fitted = recalibrate(np.repeat([0.1, 0.9], 4), np.array([0, 0, 0, 1, 0, 1, 1, 1]))  # says 1:9, is 1:3
    >>> round(fitted.slope, 4), round(abs(fitted.intercept), 4)  # log 3 / log 9
    (0.5, 0.0)
    """
    log_odds = log_odds_of(prob_default)
    design = np.column_stack([np.ones_like(log_odds), log_odds])
    line = np.array([0.0, 1.0])
    for _ in range(50):
        fitted = expit(design @ line)
        # A trace of ridge keeps PDs without any spread, or classes that a line separates, from having no answer.
        curvature = (design * (fitted * (1 - fitted))[:, np.newaxis]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, design.T @ (target - fitted))
        line = line + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-10:
            break
    return Recalibration(float(line[0]), float(line[1]), float(np.sqrt(np.linalg.inv(curvature)[1, 1])))


def log_odds_of(prob_default: FloatArray) -> FloatArray:
    """Log-odds of PDs, held 1e-12 away from 0 and 1."""
    return np.asarray(logit(np.clip(prob_default, 1e-12, 1 - 1e-12)), dtype=np.float64)
