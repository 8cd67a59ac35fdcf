"""Whether two tables are spread alike: the Population Stability Index and the two keys of an alarm.

Pure functions of a reference profile and of another one counted in its bins.

An alarm takes two keys. A shift must be *significant*, larger than chance makes it in samples of this size, all fields
of a table taken together, and *material*, large enough to matter. Either key alone cries wolf: the usual 0.10 line on
small windows, a significance test on large ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaincinv

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.metrics.distances import chi_square, jensen_shannon, kolmogorov_smirnov, moved_mean, wasserstein
from creditrisk.metrics.entries import MAX_BINS, Entry, NumericEntry, counts_of

WATCH_PSI = 0.10
ACT_PSI = 0.25
# The normed Wasserstein and the Jensen-Shannon distance from which a shift matters. The PSI is deaf to a shift of a
# fifth of a standard deviation, whatever the number of rows.
WATCH_DISTANCE = 0.10
# Of so many tables without any shift, one has a field that is called significant.
FALSE_DISCOVERIES = 0.01
# Below this many rows, in the window or in the reference, PSI is mostly chance.
MIN_ROWS = 300
# Smallest share inside the logarithm; in small windows, half a count.
SHARE_FLOOR = 1e-4

ShiftStatus = Literal["stable", "watch", "act", "too few rows"]


@dataclass(frozen=True, slots=True)
class Shift:
    """How a column stands against its entry in a reference profile.

    `reference` and `current` are rows per bin, shape (n_bins,): at most ten bins of values, then missing values, then,
    for a category, unseen ones; `words` says what each bin holds. Where either has no rows, the other figures are None.

    psi, bound
        The index, and what chance alone stays below in 95 of 100 windows of this size.
    p_value
        How likely chance alone would do this much, by the most telling of the tests that fit the column.
    distance
        Numbers: the Wasserstein distance in standard deviations of the reference. Categories, and numbers without
        spread: the Jensen-Shannon distance.
    impact
        What the shift adds to the average log-odds; None too if the reference does not know what its values add.
    """

    reference: IntArray
    current: IntArray
    words: tuple[str, ...]
    n_missing: int
    n_unseen: int
    psi: float | None = None
    bound: float | None = None
    p_value: float | None = None
    distance: float | None = None
    impact: float | None = None
    status: ShiftStatus = "too few rows"


def shift_of(reference: Entry, current: Entry, words: Sequence[str] = ()) -> Shift:
    """How far a column has moved, in figures; `judged` says whether that is an alarm.

    Parameters
    ----------
    current
        The same bins, with other rows counted in them (see `profile.count_profile`).
    words
        What each bin holds, in the order of `counts_of`; may be left out.

    Examples
    --------
    >>> from creditrisk.metrics.entries import count_numbers, numeric_entry
    >>> import polars as pl
    >>> entry = numeric_entry(pl.Series([1.0] * 500 + [2.0] * 500))
    >>> found = shift_of(entry, count_numbers(entry, pl.Series([1.0] * 600 + [2.0] * 400)))
    >>> round(found.psi, 4), round(found.bound, 4), round(found.distance, 2), found.p_value < 0.001
    (0.0405, 0.0077, 0.2, True)
    """
    before, now = counts_of(reference), counts_of(current)
    n_bins = len(reference["counts"])
    n_missing, n_unseen = int(now[n_bins]), int(now[n_bins + 1 :].sum())
    joined, counted, texts = at_most_ten(before, now, list(words) or [""] * len(before), n_bins)
    found = Shift(joined, counted, tuple(texts), n_missing, n_unseen)
    if not now.sum() or not before.sum():
        return found
    impact = None
    if reference["pushes"]:
        impact = float(((now / now.sum() - before / before.sum()) * np.array(reference["pushes"])).sum())
    return replace(
        found,
        psi=population_stability_index(joined, counted),
        bound=no_drift_bound(joined, counted),
        p_value=_p_value(reference, current, joined, counted),
        distance=_distance(reference, current, joined, counted),
        impact=impact,
    )


def judged(shifts: Sequence[Shift]) -> list[Shift]:
    """The shifts of one table with their status, by the two-key rule.

    Which of them are significant is told for all together (Benjamini-Hochberg), so that a table of a hundred fields
    raises no more false alarms than one of five.

    References
    ----------
    Benjamini, Y. and Hochberg, Y. (1995). Controlling the false discovery rate. J. R. Stat. Soc. B 57.
    """
    limit = _significance_limit([shift.p_value for shift in shifts if _has_enough(shift) and shift.p_value is not None])
    return [replace(shift, status=_status(shift, limit)) for shift in shifts]


def _has_enough(shift: Shift) -> bool:
    return bool(min(shift.reference.sum(), shift.current.sum()) >= MIN_ROWS)


def _status(shift: Shift, limit: float) -> ShiftStatus:
    if not _has_enough(shift) or shift.psi is None or shift.p_value is None or shift.distance is None:
        return "too few rows"
    if shift.p_value > limit or (shift.psi <= WATCH_PSI and shift.distance <= WATCH_DISTANCE):
        return "stable"
    return "act" if shift.psi > ACT_PSI else "watch"


def _significance_limit(p_values: Sequence[float]) -> float:
    """The largest p-value that is significant beside the others; below 0 if none is.

    Examples
    --------
    >>> _significance_limit([0.004, 0.5, 0.003])
    0.004
    >>> _significance_limit([0.005, 0.5, 0.6])
    -1.0
    """
    ordered = np.sort(np.asarray(p_values, dtype=np.float64))
    allowed = FALSE_DISCOVERIES * np.arange(1, len(ordered) + 1) / max(len(ordered), 1)
    passing = ordered[ordered <= allowed]
    return float(passing.max()) if len(passing) else -1.0


def _p_value(reference: Entry, current: Entry, before: IntArray, now: IntArray) -> float:
    """The smallest p-value of the tests that fit, times their number."""
    if reference["type"] == "category" or current["type"] == "category":
        return chi_square(before, now)[1]
    n_before, n_now = sum(reference["counts"]), sum(current["counts"])
    p_values = [chi_square([n_before, reference["n_missing"]], [n_now, current["n_missing"]])[1]]
    if n_before and n_now:
        p_values.append(kolmogorov_smirnov(reference["grid_counts"], current["grid_counts"])[1])
    moments = _moments(reference), _moments(current)
    if moments[0] is not None and moments[1] is not None:
        p_values.append(moved_mean(moments[0], moments[1]))
    return min(1.0, len(p_values) * min(p_values))


def _moments(entry: NumericEntry) -> tuple[int, float, float] | None:
    if entry["mean"] is None or entry["sd"] is None:
        return None
    return sum(entry["counts"]), entry["mean"], entry["sd"]


def _distance(reference: Entry, current: Entry, before: IntArray, now: IntArray) -> float:
    if reference["type"] == "category" or current["type"] == "category":
        return jensen_shannon(before, now)
    if not reference["sd"] or reference["high"] is None or not sum(current["counts"]):
        return jensen_shannon(before, now)
    ends = [*reference["grid"], reference["high"]]
    return wasserstein(ends, reference["grid_counts"], current["grid_counts"]) / reference["sd"]


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
