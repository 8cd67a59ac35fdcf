"""What being wrong costs: log loss, and the cost of decisions."""

from __future__ import annotations

import numpy as np

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.schema import Costs


def log_loss(prob_default: FloatArray, target: IntArray) -> float:
    """Mean negative log-likelihood, natural logarithm; PDs are held 1e-12 away from 0 and 1."""
    return float(log_losses(prob_default, target).mean())


def log_losses(prob_default: FloatArray, target: IntArray) -> FloatArray:
    """Negative log-likelihood of each row, shape (n_rows,); see `log_loss`."""
    clipped = np.clip(prob_default, 1e-12, 1 - 1e-12)
    return np.asarray(-np.log(np.where(target == 1, clipped, 1 - clipped)), dtype=np.float64)


def decision_costs(prob_default: FloatArray, target: IntArray, costs: Costs) -> FloatArray:
    """Cost of each row when everybody at or above the cost-optimal cut-off is declined, shape (n_rows,).

    Examples
    --------
    >>> costs = Costs(accept_bad=5, decline_good=1)  # cut-off 1/6
    >>> decision_costs(np.array([0.1, 0.1, 0.3, 0.3]), np.array([0, 1, 0, 1]), costs).tolist()
    [0.0, 5.0, 1.0, 0.0]
    """
    declined = prob_default >= costs.cutoff_prob_default
    return np.where(target == 1, costs.accept_bad * ~declined, costs.decline_good * declined).astype(np.float64)
