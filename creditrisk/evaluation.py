"""How good a model is, in the figures a credit-risk team reads: ranking, calibration and what its decisions cost.

Pure functions of PDs and outcomes. Which model is better is decided in comparison.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from creditrisk.encoding import FloatArray, IntArray
from creditrisk.errors import TrainingError
from creditrisk.schema import Costs


@dataclass(frozen=True, slots=True)
class Performance:
    """Figures on one set of rows; all without unit. `cost` is per applicant, in units of one good one declined.

    `cost_se` is its standard error over the rows. Accuracy to F1 are taken at the cost-optimal cut-off, the bads being
    the positive class.
    """

    n_rows: int
    n_bad: int
    auc: float
    gini: float
    ks_good_bad: float
    brier: float
    log_loss: float
    cost: float
    cost_se: float
    calibration_slope: float
    accuracy: float
    precision: float
    recall: float
    specificity: float
    f1: float

    def __str__(self) -> str:
        return (
            f"AUC {self.auc:.3f} · Gini {self.gini:.3f} · KS {self.ks_good_bad:.3f} · Brier {self.brier:.4f} · "
            f"log loss {self.log_loss:.4f} · cost {self.cost:.3f} per applicant"
        )


def evaluate(prob_default: FloatArray, target: IntArray, costs: Costs) -> Performance:
    """All figures for PDs (0 to 1) and outcomes (1 = default), both of shape (n_rows,).

    Raises
    ------
    TrainingError
        If the rows hold only goods or only bads, on which no ranking can be judged.
    """
    n_bad = int(target.sum())
    if n_bad in (0, len(target)):
        raise TrainingError(f"{len(target):,} rows hold {n_bad:,} bads: a model needs both outcomes to be judged.")
    area = auc(prob_default, target)
    costs_by_row = decision_costs(prob_default, target, costs)
    declined = prob_default >= costs.cutoff_prob_default
    n_declined, n_caught = int(declined.sum()), int(target[declined].sum())
    n_good_declined = n_declined - n_caught
    n_right = n_caught + len(target) - n_bad - n_good_declined
    return Performance(
        n_rows=len(target),
        n_bad=n_bad,
        auc=area,
        gini=2 * area - 1,
        ks_good_bad=ks_good_bad(prob_default, target),
        brier=float(np.mean((prob_default - target) ** 2)),
        log_loss=log_loss(prob_default, target),
        cost=float(costs_by_row.mean()),
        cost_se=float(costs_by_row.std(ddof=1) / np.sqrt(len(target))),
        calibration_slope=calibration_slope(prob_default, target),
        accuracy=n_right / len(target),
        precision=n_caught / n_declined if n_declined else 0.0,
        recall=n_caught / n_bad,
        specificity=1 - n_good_declined / (len(target) - n_bad),
        f1=2 * n_caught / (n_declined + n_bad),
    )


def auc(scores: FloatArray, target: IntArray) -> float:
    """Chance that a bad scores above a good; ties count half.

    Examples
    --------
    >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0, 0, 1, 1]))  # of 4 pairs 3 right and 1 tied
    0.875
    """
    n_bad = int(target.sum())
    ranks = rankdata(scores)
    return float((ranks[target == 1].sum() - n_bad * (n_bad + 1) / 2) / (n_bad * (len(target) - n_bad)))


def ks_good_bad(scores: FloatArray, target: IntArray) -> float:
    """Largest gap between the cumulative shares of goods and of bads.

    Examples
    --------
    >>> ks_good_bad(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 0, 1, 1]))
    1.0
    """
    grid = np.unique(scores)
    bad, good = np.sort(scores[target == 1]), np.sort(scores[target == 0])
    gap = np.searchsorted(good, grid, side="right") / len(good) - np.searchsorted(bad, grid, side="right") / len(bad)
    return float(np.abs(gap).max())


def log_loss(prob_default: FloatArray, target: IntArray) -> float:
    """Mean negative log-likelihood, natural logarithm; PDs are held 1e-12 away from 0 and 1."""
    clipped = np.clip(prob_default, 1e-12, 1 - 1e-12)
    return float(-np.mean(np.log(np.where(target == 1, clipped, 1 - clipped))))


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


def calibration_slope(prob_default: FloatArray, target: IntArray) -> float:
    """Slope of the outcome's log-odds on the predicted log-odds: 1 is right, below 1 over-confident."""
    from creditrisk.calibration import fit_platt

    clipped = np.clip(prob_default, 1e-9, 1 - 1e-9)
    try:
        return fit_platt(np.log(clipped / (1 - clipped)), target).slope
    except TrainingError:
        return 0.0
