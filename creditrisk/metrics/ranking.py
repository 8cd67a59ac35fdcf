"""How well scores rank bads above goods: AUC with its error, KS, and the difference of two AUCs."""

from __future__ import annotations

import numpy as np

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.metrics.intervals import Estimate, share_estimate


def auc(scores: FloatArray, target: IntArray) -> float:
    """Chance that a bad scores above a good; ties count half.

    Examples
    --------
    >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0, 0, 1, 1]))  # of 4 pairs 3 right and 1 tied
    0.875
    """
    n_bad = int(target.sum())
    ranks = _ranks(scores)
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


def auc_estimate(scores: FloatArray, target: IntArray) -> Estimate:
    """AUC with DeLong's interval, see `delong`, taken on the log-odds so that it stays within 0 and 1.

    Examples
    --------
    >>> scores, target = np.array([0.1, 0.3, 0.35, 0.2, 0.8, 0.4]), np.array([0, 0, 0, 1, 1, 1])
    >>> found = auc_estimate(scores, target)  # of 9 pairs 7 are right
    >>> round(found.value, 3), found.low < found.value < found.high
    (0.778, True)
    """
    return share_estimate(auc(scores, target), auc_standard_error(scores, target))


def auc_standard_error(scores: FloatArray, target: IntArray) -> float:
    """DeLong's standard error of an AUC: how much the rows' own shares of pairs won vary."""
    if min(target.sum(), len(target) - target.sum()) < 2:
        return float("nan")
    return _standard_error(*_placements(scores, target))


def delong(champion: FloatArray, challenger: FloatArray, target: IntArray) -> tuple[float, float]:
    """Difference of the AUCs, challenger minus champion, and its standard error; PDs of shape (n_rows,).

    References
    ----------
    DeLong, E., DeLong, D., Clarke-Pearson, D. (1988). Comparing the areas under two or more correlated receiver
    operating characteristic curves. Biometrics 44.

    Examples
    --------
    >>> old, new = np.array([0.1, 0.4, 0.2, 0.8]), np.array([0.1, 0.3, 0.4, 0.8])
    >>> delong(old, new, np.array([0, 0, 1, 1]))[0]  # 3 of 4 pairs right against all 4
    0.25
    """
    bad_old, good_old = _placements(champion, target)
    bad_new, good_new = _placements(challenger, target)
    # A good wins against the bads that are not below it.
    bads, goods = bad_new - bad_old, (1.0 - good_new) - (1.0 - good_old)
    return float(bads.mean()), _standard_error(bads, goods)


def _placements(scores: FloatArray, target: IntArray) -> tuple[FloatArray, FloatArray]:
    """For each bad the share of goods below it, for each good the share of bads below it; ties count half."""
    is_bad = target == 1
    n_bad, n_good = int(is_bad.sum()), int((~is_bad).sum())
    ranks = _ranks(scores)
    bads = (ranks[is_bad] - _ranks(scores[is_bad])) / n_good
    goods = (ranks[~is_bad] - _ranks(scores[~is_bad])) / n_bad
    return bads, goods


def _ranks(scores: FloatArray) -> FloatArray:
    """From 1 for the lowest; ties share the mean of their ranks."""
    from scipy.stats import rankdata  # takes most of a second to import, and whoever only scores ranks nothing

    return np.asarray(rankdata(scores), dtype=np.float64)


def _standard_error(bads: FloatArray, goods: FloatArray) -> float:
    """Of a mean over pairs, from the share that each bad and each good has in it."""
    return float(np.sqrt(bads.var(ddof=1) / len(bads) + goods.var(ddof=1) / len(goods)))
