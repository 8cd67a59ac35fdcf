"""Drift of all fields together: whether a classifier tells a window's applications from those of the reference.

It sees what no field shows by itself: that old clients now ask for what young ones did. Pure functions of samples of
bins; LightGBM is imported inside a function.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr, ndtri

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.metrics import MIN_ROWS, Profile, RowSample, auc, codes_in
from monitoring.results import JointFigures

if TYPE_CHECKING:
    import lightgbm

# A shift of d standard deviations in one field that is normal has the AUC Phi(d / sqrt 2): 0.55 is a sixth of one, what
# the distance of a single field is judged by; 0.64 is half of one, whose PSI is 0.25.
WATCH_AUC, ACT_AUC = 0.55, 0.64
# So seldom chance alone may raise it.
P_VALUE = 0.005
FOLDS, ROUNDS = 5, 30
# Models of different folds share rows, so that a cross-validated AUC varies more than a Mann-Whitney statistic does:
# 1.2 to 1.5 times as much in simulations with 3, 20 and 60 fields and 300 to 2,000 rows.
CV_INFLATION = 1.5
PARAMETERS = {
    "objective": "binary", "num_leaves": 8, "learning_rate": 0.1, "min_data_in_leaf": 40, "feature_fraction": 0.5,
    "seed": 1, "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbose": -1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class JointDrift:
    """How well window and reference can be told apart by all fields together, from samples of so many rows.

    `auc` is cross-validated, 0.5 if they cannot; chance alone stays below `bound` in 95 of 100 windows of this size,
    and comes to `auc` with the probability `p_value`. `level` is 0 stable, 1 watch, 2 act, by two keys: significant and
    material. `fields` are the names of those the classifier leans on most, two at most.
    """

    n_rows: int
    n_reference: int
    auc: float
    bound: float
    p_value: float
    level: int
    fields: tuple[str, ...]


def joint_drift(reference: Profile, sample: RowSample) -> JointDrift | None:
    """Tell a window from the reference by both samples; None if there are too few rows to judge.

    References
    ----------
    Lopez-Paz, D. and Oquab, M. (2017). Revisiting classifier two-sample tests. ICLR.
    Mann, H. B. and Whitney, D. R. (1947). On a test of whether one of two random variables is stochastically larger
    than the other. Ann. Math. Stat. 18. (how the AUC varies where there is nothing to tell)
    """
    before, now = codes_in(reference["sample"]), sample.codes
    n, m = len(now), len(before)
    if min(n, m) < MIN_ROWS:
        return None
    found, gains = _cross_validated(np.concatenate([before, now]).astype(np.float64), np.repeat([0, 1], [m, n]))
    sd = CV_INFLATION * math.sqrt((n + m + 1) / (12 * n * m))
    p_value = float(ndtr((0.5 - found) / sd))
    names = list(reference["fields"])
    strongest = [names[place] for place in np.argsort(-gains, kind="stable")[:2] if gains[place] > 0]
    is_significant = p_value <= P_VALUE
    return JointDrift(
        n_rows=n,
        n_reference=m,
        auc=found,
        bound=0.5 + sd * float(ndtri(0.95)),
        p_value=p_value,
        level=int(is_significant) * ((found > WATCH_AUC) + (found > ACT_AUC)),
        fields=tuple(strongest),
    )


def in_figures(found: JointDrift) -> JointFigures:
    """Ready for the result."""
    return {
        "auc": round(found.auc, 6),
        "auc_bound": round(min(found.bound, 1.0), 6),
        "p_value": round(found.p_value, 6),
        "level": found.level,
        "n_rows": found.n_rows,
        "n_reference": found.n_reference,
        "fields": list(found.fields),
    }


def _cross_validated(codes: FloatArray, is_now: IntArray) -> tuple[float, FloatArray]:
    """The mean AUC over folds, and how much each field gained, shape (n_fields,)."""
    rng = np.random.default_rng(1)
    fold_of = np.empty(len(is_now), dtype=np.int64)
    for side in (0, 1):
        rows = rng.permutation(np.flatnonzero(is_now == side))
        fold_of[rows] = np.arange(len(rows)) % FOLDS
    areas, gains = [], np.zeros(codes.shape[1])
    for fold in range(FOLDS):
        is_test = fold_of == fold
        model = _fit(codes[~is_test], is_now[~is_test])
        scores = np.asarray(model.predict(codes[is_test], num_threads=1), dtype=np.float64)
        areas.append(auc(scores, is_now[is_test]))
        gains += model.feature_importance("gain")
    return float(np.mean(areas)), gains


def _fit(codes: FloatArray, is_now: IntArray) -> lightgbm.Booster:
    import lightgbm

    parameters: dict[str, Any] = PARAMETERS
    # Kept as it is: else it is written to a text and read again.
    return lightgbm.train(parameters, lightgbm.Dataset(codes, is_now), ROUNDS, keep_training_booster=True)
