"""The figures of two models on the same rows: what each has, what they differ by, and how much would not matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import numpy as np
from scipy.special import ndtri

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.comparison.guardrails import LEFT_TO_CHANCE
from creditrisk.comparison.paired import ROW_FIGURES, row_losses
from creditrisk.metrics import auc
from creditrisk.schema import Costs

# Zones in which a difference does not matter. AUC and Brier as they are; log loss and what calibration loses as a share
# of the log loss of one PD for everybody; cost as a share of what deciding without a model costs.
ROPE_AUC = 0.005
ROPE_BRIER = 0.002
ROPE_LOG_LOSS_SHARE = 0.01
ROPE_COST_SHARE = 0.01

LABELS = {
    "log_loss": "Log loss",
    "auc": "AUC",
    "cost": "Cost per applicant",
    "calibration": "Lost by calibration",
    "brier": "Brier score",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of both models, and by how much the challenger's is better (positive) or worse (negative).

    `low` and `high` bound the 95 % interval of the improvement, `rope` is how much would not matter. `prob_better`,
    `prob_same` and `prob_worse` are the chances of any improvement, of one within the rope, and of harm beyond it.
    """

    name: str
    label: str
    champion: float
    challenger: float
    improvement: float
    low: float
    high: float
    standard_error: float
    rope: float
    prob_better: float
    prob_same: float
    prob_worse: float


def figures_of(
    draws: Mapping[str, FloatArray],
    sides: tuple[FloatArray, FloatArray],
    target: IntArray,
    ranked_together: IntArray,
    costs: Costs,
) -> tuple[Figure, ...]:
    """Every figure of both sides, and what its draws say of the difference.

    Parameters
    ----------
    draws
        For each figure, draws of challenger minus champion, as bootstrap or posterior give them.
    sides
        PDs of champion and challenger, shape (n_repeats, n_rows).
    ranked_together
        The rows that an AUC is taken over have the same number, shape (n_repeats, n_rows).
    """
    before, after = (
        {**_row_figures(side, target, costs), "auc": _auc(side, target, ranked_together)} for side in sides
    )
    bad_rate = float(target.mean())
    uninformed = -(bad_rate * log(bad_rate) + (1 - bad_rate) * log(1 - bad_rate))
    blind = min(costs.accept_bad * bad_rate, costs.decline_good * (1 - bad_rate))
    ropes = {
        "log_loss": ROPE_LOG_LOSS_SHARE * uninformed,
        "auc": ROPE_AUC,
        "cost": ROPE_COST_SHARE * blind,
        "calibration": ROPE_LOG_LOSS_SHARE * uninformed,
        "brier": ROPE_BRIER,
    }
    figures = []
    for name, label in LABELS.items():
        sign = 1.0 if name == "auc" else -1.0
        better, rope = sign * draws[name], ropes[name]
        error = float(better.std())
        low, high = np.quantile(better, [0.025, 0.975])
        # Cost hangs on the few rows between two cut-offs. Where they cannot rule out harm beyond the rope, it is enough
        # that none is seen: harm counts from half of the 90 % interval on.
        harm = max(rope, float(ndtri(1 - LEFT_TO_CHANCE)) * error) if name == "cost" else rope
        figures.append(
            Figure(
                name=name,
                label=label,
                champion=before[name],
                challenger=after[name],
                improvement=sign * (after[name] - before[name]),
                low=float(low),
                high=float(high),
                standard_error=error,
                rope=rope,
                prob_better=float((better > 0).mean()),
                prob_same=float((np.abs(better) <= rope).mean()),
                prob_worse=float((better < -harm).mean()),
            )
        )
    return tuple(figures)


def _row_figures(prob_default: FloatArray, target: IntArray, costs: Costs) -> dict[str, float]:
    means = np.mean([row_losses(repeat, target, costs) for repeat in prob_default], axis=(0, 1))
    return dict(zip(ROW_FIGURES, means.tolist(), strict=True))


def _auc(prob_default: FloatArray, target: IntArray, folds: IntArray) -> float:
    """AUC averaged over folds and repeats."""
    return float(
        np.mean(
            [
                auc(scores[fold == number], target[fold == number])
                for scores, fold in zip(prob_default, folds, strict=True)
                for number in np.unique(fold)
            ]
        )
    )
