"""Whether two tables are spread alike: the Population Stability Index and the two keys of an alarm.

Pure functions of counts in the frozen bins of a reference profile.

An alarm takes two keys. A shift must be *significant*, larger than chance makes it in samples of this size, and
*material*, large enough to matter. Either key alone cries wolf: the usual 0.10 line on small windows, a significance
test on large ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.special import gammaincinv

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.metrics.profile import MAX_BINS, Entry, bin_counts, reference_counts

WATCH_PSI = 0.10
ACT_PSI = 0.25
# Below this many rows, in the window or in the reference, PSI is mostly chance.
MIN_ROWS = 300
# Smallest share inside the logarithm; in small windows, half a count.
SHARE_FLOOR = 1e-4

ShiftStatus = Literal["stable", "watch", "act", "too few rows"]


@dataclass(frozen=True, slots=True)
class Shift:
    """How a column stands against its entry in a reference profile.

    `reference` and `current` are rows per bin, shape (n_bins,): at most ten bins of values, then missing values, then,
    for a category, unseen ones; `words` says what each bin holds. `psi` and `bound` are None where either has no rows.
    """

    reference: IntArray
    current: IntArray
    words: tuple[str, ...]
    psi: float | None
    bound: float | None
    status: ShiftStatus
    n_missing: int
    n_unseen: int


def shift_of(entry: Entry, column: pl.Series, words: Sequence[str] = ()) -> Shift:
    """Count a column in the frozen bins of an entry, and judge by both keys how far it has moved.

    Parameters
    ----------
    column
        Values of the field, shape (n_rows,); may be empty.
    words
        What each bin holds, in the order of `bin_counts`; may be left out.

    Examples
    --------
    >>> entry = {"type": "numeric", "edges": [1.0], "counts": [500, 500], "n_missing": 0, "mean": 1.5, "sd": 0.5}
    >>> found = shift_of(entry, pl.Series([1.0] * 600 + [2.0] * 400))
    >>> round(found.psi, 4), round(found.bound, 4), found.status
    (0.0405, 0.0077, 'stable')
    """
    before, now = reference_counts(entry), bin_counts(entry, column)
    n_bins, n_reference, n_rows = len(entry["counts"]), int(before.sum()), int(now.sum())
    n_missing, n_unseen = int(now[n_bins]), int(now[n_bins + 1 :].sum())
    before, now, joined = at_most_ten(before, now, list(words) or [""] * len(before), n_bins)
    psi, bound = None, None
    status: ShiftStatus = "too few rows"
    if n_rows and n_reference:
        psi, bound = population_stability_index(before, now), no_drift_bound(before, now)
        status = judge_shift(psi, bound, n_rows=n_rows, n_reference=n_reference)
    return Shift(before, now, tuple(joined), psi, bound, status, n_missing, n_unseen)


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
    chi2_quantile = 2 * gammaincinv((n_bins - 1) / 2, 0.95)
    return float(chi2_quantile * (1 / np.sum(reference) + 1 / np.sum(current)))


def judge_shift(psi: float, bound: float, *, n_rows: int, n_reference: int) -> ShiftStatus:
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


def at_most_ten(before: IntArray, now: IntArray, words: list[str], n_bins: int) -> tuple[IntArray, IntArray, list[str]]:
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
