"""How far apart two tables are in one column, and how likely chance alone would take them so far apart.

Pure functions of counts in the same bins, of means and of standard deviations: what profiles hold. Where every value
has a bin of its own, the figures are those of the values themselves.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtr, rel_entr


def kolmogorov_smirnov(reference: ArrayLike, current: ArrayLike) -> tuple[float, float]:
    """The largest difference between two distribution functions, and its asymptotic p-value.

    Parameters
    ----------
    reference, current
        Rows per bin, bins in the order of their values, shape (n_bins,), each with at least one row.

    References
    ----------
    Hodges, J. L. (1958). The significance probability of the Smirnov two-sample test. Arkiv foer Matematik 3.

    Examples
    --------
    >>> distance, p_value = kolmogorov_smirnov([500, 500], [600, 400])
    >>> round(distance, 3), p_value < 0.001
    (0.1, True)
    """
    from scipy.stats import kstwo

    before, now = (np.asarray(side, dtype=np.float64) for side in (reference, current))
    n, m = before.sum(), now.sum()
    distance = float(np.abs(np.cumsum(before) / n - np.cumsum(now) / m).max())
    return distance, float(np.clip(kstwo.sf(distance, np.round(n * m / (n + m))), 0.0, 1.0))


def chi_square(reference: ArrayLike, current: ArrayLike) -> tuple[float, float]:
    """Pearson's test of two rows of counts: the statistic and its p-value; a bin that both leave empty is left out.

    Examples
    --------
    >>> statistic, p_value = chi_square([500, 500], [600, 400])
    >>> round(statistic, 2), p_value < 0.001
    (20.2, True)
    """
    table = np.array([reference, current], dtype=np.float64)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 0.0, 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, float(chdtrc(table.shape[1] - 1, statistic))


def moved_mean(reference: tuple[int, float, float], current: tuple[int, float, float]) -> float:
    """The p-value of a difference of two means (Welch, normal), each given as number of values, mean and sd.

    Examples
    --------
    >>> round(moved_mean((1000, 5.0, 2.0), (1000, 5.2, 2.0)), 4)
    0.0253
    """
    (n, mean, sd), (m, other, other_sd) = reference, current
    error = math.sqrt(sd**2 / n + other_sd**2 / m)
    if error == 0:
        return float(mean == other)
    return float(2 * ndtr(-abs(mean - other) / error))


def wasserstein(ends: ArrayLike, reference: ArrayLike, current: ArrayLike) -> float:
    """What it takes to turn one distribution into the other: share moved times how far, in the unit of the values.

    Parameters
    ----------
    ends
        Ascending upper ends of the bins, shape (n_bins,): all values of a bin count as its end. What lies beyond the
        last one counts as that, so that one absurd value does not speak for all.
    reference, current
        Rows per bin, shape (n_bins,), each with at least one row.

    Examples
    --------
    >>> wasserstein([1.0, 2.0, 3.0], [10, 0, 0], [0, 0, 10])
    2.0
    """
    before, now = (np.asarray(side, dtype=np.float64) for side in (reference, current))
    apart = np.abs(np.cumsum(before) / before.sum() - np.cumsum(now) / now.sum())
    return float((apart[:-1] * np.diff(np.asarray(ends, dtype=np.float64))).sum())


def jensen_shannon(reference: ArrayLike, current: ArrayLike) -> float:
    """The Jensen-Shannon distance between two rows of counts, 0 for equal shares, 0.83 for none in common.

    References
    ----------
    Endres, D. M. and Schindelin, J. E. (2003). A new metric for probability distributions. IEEE Trans. Inf. Theory 49.

    Examples
    --------
    >>> round(jensen_shannon([500, 500], [600, 400]), 4)
    0.0711
    """
    before, now = (np.asarray(side, dtype=np.float64) / np.sum(side) for side in (reference, current))
    middle = (before + now) / 2
    return math.sqrt(max(0.0, float((rel_entr(before, middle) + rel_entr(now, middle)).sum()) / 2))
