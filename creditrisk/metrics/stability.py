"""Whether two tables are spread alike: the Population Stability Index and the two keys of an alarm.

Pure functions of counts in the frozen bins of profile.py. Used by monitoring/drift.py for every window, and by
data_checks.py for a table before it is trained on.

An alarm takes two keys. A shift must be *significant*, larger than chance makes it in samples of this size, and
*material*, large enough to matter. Either key alone cries wolf: the usual 0.10 line on small windows, a significance
test on large ones.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from creditrisk.arrays import FloatArray
from creditrisk.metrics.profile import MAX_BINS

WATCH_PSI = 0.10
ACT_PSI = 0.25
# Below this many rows, in the window or in the reference, PSI is mostly chance.
MIN_ROWS = 300
# Smallest share inside the logarithm; in small windows, half a count.
SHARE_FLOOR = 1e-4

Shift = Literal["stable", "watch", "act", "too few rows"]


def population_stability_index(reference: ArrayLike, current: ArrayLike) -> float:
    """Population Stability Index (PSI) between two rows of counts in the same bins.

    Parameters
    ----------
    reference, current
        Rows per bin, shape (n_bins,), each with at least one row.

    Returns
    -------
    float
        No unit, >= 0, symmetric, 0 for equal shares. A share below half a count of the smaller table, or below 1e-4, is
        lifted to it, so that an empty bin stays finite.

    References
    ----------
    Siddiqi, N. (2006). Credit Risk Scorecards. Wiley. (system stability report)

    Examples
    --------
    >>> round(population_stability_index([500, 500], [600, 400]), 4)
    0.0405
    """
    n_reference, n_current = np.sum(reference), np.sum(current)
    floor = max(SHARE_FLOOR, 0.5 / min(n_reference, n_current))
    shares = np.asarray(reference) / n_reference, np.asarray(current) / n_current
    return float(psi_terms(*shares, floor).sum())


def no_drift_bound(reference: ArrayLike, current: ArrayLike) -> float:
    """The PSI that chance alone stays below in 95 of 100 windows: chi2_{.95, B-1} * (1/n + 1/m).

    Parameters
    ----------
    reference, current
        Rows per bin as for the PSI; a bin that is empty in both does not count towards B.

    References
    ----------
    Yurdakul, B. (2018). Statistical properties of population stability index. Western Michigan University.

    Examples
    --------
    Ten bins, 5,000 reference rows: chi2_{.95, 9} = 16.92, times (1/200 + 1/5000).

    >>> round(no_drift_bound([500] * 10, [20] * 10), 3)
    0.088
    """
    n_bins = int(np.count_nonzero(np.asarray(reference) + np.asarray(current)))
    if n_bins < 2:
        return 0.0
    return float(chi2.ppf(0.95, n_bins - 1) * (1 / np.sum(reference) + 1 / np.sum(current)))


def judge_shift(psi: float, bound: float, *, n_rows: int, n_reference: int) -> Shift:
    """The two-key rule: significant (above the bound) and material (above 0.10, 0.25).

    Examples
    --------
    >>> judge_shift(0.12, 0.03, n_rows=1_000, n_reference=5_000)
    'watch'
    >>> judge_shift(0.12, 0.15, n_rows=300, n_reference=300)
    'stable'
    >>> judge_shift(0.90, 0.20, n_rows=100, n_reference=5_000)
    'too few rows'
    """
    if min(n_rows, n_reference) < MIN_ROWS:
        return "too few rows"
    if psi <= bound or psi <= WATCH_PSI:
        return "stable"
    return "act" if psi > ACT_PSI else "watch"


def at_most_ten(
    before: NDArray[np.int64], now: NDArray[np.int64], words: list[str], n_bins: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    """Join the rarest reference categories where there are more than ten; numeric bins never are."""
    if n_bins <= MAX_BINS:
        return before, now, words
    common = np.sort(np.argsort(-before[:n_bins], kind="stable")[: MAX_BINS - 1])
    rare = np.setdiff1d(np.arange(n_bins), common)
    joined = [np.concatenate([side[common], [side[rare].sum()], side[n_bins:]]) for side in (before, now)]
    return joined[0], joined[1], [*(words[i] for i in common), "a rarer value", *words[n_bins:]]


def psi_terms(reference: FloatArray, current: FloatArray, floor: float) -> FloatArray:
    """What each bin adds to the index, from shares and the smallest share that counts."""
    before, now = np.maximum(reference, floor), np.maximum(current, floor)
    return np.asarray((now - before) * np.log(now / before), dtype=np.float64)
