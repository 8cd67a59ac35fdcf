"""A figure with its 95 % interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, expit, logit, ndtri

from creditrisk.arrays import FloatArray


def with_interval(estimate: Estimate, places: int = 3) -> str:
    """A figure and its interval as they stand in a sentence."""
    return f"{estimate.value:.{places}f} ({estimate.low:.{places}f} to {estimate.high:.{places}f})"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


def rate(n_events: int, n_rows: int) -> Estimate:
    """Share of events, with Jeffreys' interval: it stays within 0 and 1 and is never empty.

    References
    ----------
    Brown, L., Cai, T., DasGupta, A. (2001). Interval estimation for a binomial proportion. Statistical Science 16.

    Examples
    --------
    >>> found = rate(0, 20)
    >>> found.value, found.low, round(found.high, 3)
    (0.0, 0.0, 0.117)
    """
    low, high = rate_interval(n_events, n_rows)
    return Estimate(n_events / n_rows if n_rows else float("nan"), float(low), float(high))


def rate_interval(n_events: ArrayLike, n_rows: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Jeffreys' 95 % interval of each share `n_events` / `n_rows`; from 0 to 1 where there are no rows."""
    events, rows = np.asarray(n_events, dtype=np.float64), np.asarray(n_rows, dtype=np.float64)
    low = np.where(events > 0, betaincinv(events + 0.5, rows - events + 0.5, 0.025), 0.0)
    high = np.where(events < rows, betaincinv(events + 0.5, rows - events + 0.5, 0.975), 1.0)
    return low, high


def mean_estimate(values: FloatArray) -> Estimate:
    """Mean of a figure that every row adds to, such as a cost or a squared error, with its normal interval."""
    mean, reach = float(values.mean()), ndtri(0.975) * float(values.std(ddof=1)) / np.sqrt(len(values))
    return Estimate(mean, float(mean - reach), float(mean + reach))


def share_estimate(value: float, error: float) -> Estimate:
    """A share with its normal interval taken on the log-odds, so that it stays within 0 and 1.

    Examples
    --------
    >>> found = share_estimate(0.9, 0.05)
    >>> round(found.low, 3), round(found.high, 3)
    (0.752, 0.964)
    """
    if not 0 < value < 1 or error == 0:
        return Estimate(value, value, value)
    middle, reach = logit(value), ndtri(0.975) * error / (value * (1 - value))
    return Estimate(value, float(expit(middle - reach)), float(expit(middle + reach)))
