"""From a model's log-odds to a probability of default that means what it says.

Platt scaling on scores the model was not fitted on: two parameters, so a few hundred rows are enough and ties never
arise; it cannot change the order of applicants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from creditrisk.encoding import FloatArray, IntArray
from creditrisk.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Calibration:
    """PD = expit(intercept + slope x log-odds)."""

    slope: float
    intercept: float
    method: str = "platt"

    def prob_default(self, log_odds: FloatArray) -> FloatArray:
        """Calibrated probability of default, 0 to 1, same shape as `log_odds`."""
        return np.asarray(expit(self.intercept + self.slope * log_odds), dtype=np.float64)


def fit_platt(log_odds: FloatArray, target: IntArray) -> Calibration:
    """Fit slope and intercept by maximum likelihood.

    Parameters
    ----------
    log_odds
        Scores from rows the model has not seen, shape (n_rows,).
    target
        1 = default, 0 = good, shape (n_rows,).

    Raises
    ------
    TrainingError
        If the scores run against the outcomes: no calibration makes such a model usable.

    References
    ----------
    Platt, J. (1999). Probabilistic outputs for support vector machines.
    """

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        margin = parameters[0] + parameters[1] * log_odds
        error = expit(margin) - target
        value = np.logaddexp(0.0, margin).mean() - (target * margin).mean()
        return float(value), np.array([error.mean(), (error * log_odds).mean()])

    intercept, slope = minimize(loss, np.array([0.0, 1.0]), jac=True, method="BFGS").x
    if slope <= 0:
        raise TrainingError(
            f"the model ranks {len(target):,} unseen rows the wrong way round (calibration slope {slope:.2f}): it has "
            "learned nothing that holds. Check the target's coding and the features."
        )
    return Calibration(slope=float(slope), intercept=float(intercept))
