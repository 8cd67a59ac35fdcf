"""Figures by decile, by group and by period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.metrics.calibration import tenths
from creditrisk.metrics.intervals import Estimate, rate
from creditrisk.metrics.losses import decision_costs
from creditrisk.metrics.ranking import auc_estimate
from creditrisk.schema import Costs

# With fewer bads or goods, an AUC says nothing.
MIN_OF_EACH = 10
# A table by time has at most so many rows: months, or else quarters, or else years.
MAX_PERIODS = 13


@dataclass(frozen=True, slots=True)
class Decile:
    """A tenth of the rows, by PD, the safest first.

    `bads_caught` is the share of the bads in this and all riskier tenths, `ks_good_bad` how far it lies above the share
    of the goods in them.
    """

    n_rows: int
    n_bad: int
    mean_prob_default: float
    bad_rate: Estimate
    bads_caught: float
    ks_good_bad: float


def deciles(prob_default: FloatArray, target: IntArray) -> list[Decile]:
    """The decile table.

    Examples
    --------
    >>> table = deciles(np.linspace(0.05, 0.95, 20), np.repeat([0, 1], 10))
    >>> table[4].n_bad, table[5].n_bad, round(table[5].bads_caught, 2), table[5].ks_good_bad
    (0, 2, 1.0, 1.0)
    """
    order = np.argsort(prob_default)
    edges = tenths(prob_default[order])
    sizes = np.diff([*edges, len(order)])
    bads = np.add.reduceat(target[order], edges)
    sums = np.add.reduceat(prob_default[order], edges)
    n_bad = int(target.sum())
    # Bads and goods of this and all riskier tenths.
    n_bad_here, n_good_here = (np.cumsum(counts[::-1])[::-1] for counts in (bads, sizes - bads))
    caught = n_bad_here / max(n_bad, 1)
    gaps = caught - n_good_here / max(len(target) - n_bad, 1)
    return [
        Decile(
            int(size),
            int(bad),
            float(total / size),
            rate(int(bad), int(size)),
            float(share),
            float(gap),
        )
        for size, bad, total, share, gap in zip(sizes, bads, sums, caught, gaps, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one part of the rows; `auc` is None where there are too few bads or goods for one.

    `observed_to_expected` is the bad rate over the mean PD: above 1, more went bad than was predicted.
    """

    label: str
    n_rows: int
    n_bad: int
    mean_prob_default: float
    bad_rate: Estimate
    observed_to_expected: Estimate
    auc: Estimate | None
    brier: float
    cost: float


def by_group(
    prob_default: FloatArray, target: IntArray, groups: NDArray[np.str_], costs: Costs, labels: Sequence[str] = ()
) -> list[Group]:
    """The figures of each group of rows; rows in group '' are left out.

    Parameters
    ----------
    groups
        The group of each row, shape (n_rows,).
    labels
        The groups in the order wanted; those that no row is in are left out. All, sorted, by default.
    """
    found = []
    for label in labels or sorted(set(groups.tolist()) - {""}):
        rows = groups == label
        if rows.any():
            found.append(_group(label, prob_default[rows], target[rows], costs))
    return found


def _group(label: str, prob_default: FloatArray, target: IntArray, costs: Costs) -> Group:
    n_bad, expected = int(target.sum()), float(prob_default.mean())
    bad_rate = rate(n_bad, len(target))
    has_both = min(n_bad, len(target) - n_bad) >= MIN_OF_EACH
    return Group(
        label=label,
        n_rows=len(target),
        n_bad=n_bad,
        mean_prob_default=expected,
        bad_rate=bad_rate,
        observed_to_expected=Estimate(bad_rate.value / expected, bad_rate.low / expected, bad_rate.high / expected),
        auc=auc_estimate(prob_default, target) if has_both else None,
        brier=float(np.mean((prob_default - target) ** 2)),
        cost=float(decision_costs(prob_default, target, costs).mean()),
    )


def periods(times: Sequence[date]) -> NDArray[np.str_]:
    """The month, quarter or year of each date, whichever is the finest that makes at most 13 of them.

    Examples
    --------
    >>> periods([date(2024, 1, 31), date(2024, 2, 1)]).tolist()
    ['2024-01', '2024-02']
    >>> periods([date(2022, 1, 31), date(2024, 2, 1)]).tolist()
    ['2022 Q1', '2024 Q1']
    """
    days = pl.Series(times, dtype=pl.Date)
    first, last = min(times), max(times)
    n_months = 12 * (last.year - first.year) + last.month - first.month + 1
    quarter = days.dt.year().cast(pl.String) + " Q" + days.dt.quarter().cast(pl.String)
    if n_months <= MAX_PERIODS:
        words = days.dt.strftime("%Y-%m")
    elif n_months <= 3 * MAX_PERIODS - 2:
        words = quarter
    else:
        words = days.dt.year().cast(pl.String)
    return np.array(words.to_list())
