"""The figures every candidate gets, on one set of rows: ranking, calibration and what its decisions cost.

Pure functions of PDs and outcomes. Which model is better is decided in comparison/.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.errors import TrainingError
from creditrisk.metrics.calibration import recalibrate
from creditrisk.metrics.losses import decision_costs, log_loss
from creditrisk.metrics.ranking import auc, ks_good_bad
from creditrisk.schema import Costs


@dataclass(frozen=True, slots=True)
class Performance:
    """Figures on one set of rows; all without unit. `cost` is per applicant, in units of one good one declined.

    `cost_se` is its standard error over the rows. Accuracy to F1 are taken at the cost-optimal cut-off, the bads being
    the positive class. `calibration_slope` is 1 for true PDs, negative for a model that ranks the wrong way round.
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
        calibration_slope=recalibrate(prob_default, target).slope,
        accuracy=n_right / len(target),
        precision=n_caught / n_declined if n_declined else 0.0,
        recall=n_caught / n_bad,
        specificity=1 - n_good_declined / (len(target) - n_bad),
        f1=2 * n_caught / (n_declined + n_bad),
    )
