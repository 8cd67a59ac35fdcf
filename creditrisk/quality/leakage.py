"""How far a single column gives the outcome away, measured.

What ranks unseen rows better than any honest column of a credit table does was most probably written after the outcome
was known.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.metrics import auc

# The best honest single fields of credit tables (a bureau's score, the last repayment) stay below 0.85.
LEAKING_AUC = 0.95
# ...except on applications that were decided by it alone.
CERTAIN_AUC = 0.99
# Rows whose like are nearly all bad, if they are so themselves and hold many of all bads, are the outcome by another
# name...
PURE_BAD_LEVELS = (0.8, 0.95)
LEAKING_RATE = 0.98
LEAKING_BADS = 0.10
# ...unless most rows are bad anyway. So are rows whose like are all good, without a single bad where so many were due.
COMMON = 0.6
PURE_GOOD_LEVEL = 0.01
LEAKING_GOODS = 50
MIN_ROWS = 20
# More rows would not say more.
MAX_ROWS = 20_000
N_FOLDS = 5
N_BINS = 50
SEED = 7


def leaks_target(values: pl.Series, target: IntArray, *, is_from_before: bool = False) -> str:
    """How a single column gives the outcome away, as the middle of a sentence; empty if it does not.

    Parameters
    ----------
    values
        Numbers or texts, null where missing, shape (n_rows,). The order of the rows does not matter much: they are
        shuffled.
    target
        1 bad, 0 good, shape (n_rows,).
    is_from_before
        Whether the column is said to have been known before the decision: then it may rank better, and spare a group
        all bads.

    Examples
    --------
    >>> bad = np.tile([0, 0, 0, 1], 100)
    >>> leaks_target(pl.Series(bad * 350.0), bad)
    'alone it ranks unseen rows with an AUC of 1.000'
    >>> leaks_target(pl.Series(np.arange(400) % 7), bad)
    ''
    """
    if len(target) > MAX_ROWS:
        chosen = np.sort(np.random.default_rng(SEED).choice(len(target), MAX_ROWS, replace=False))
        values, target = values.gather(chosen), target[chosen]
    n_bad = int(target.sum())
    if min(n_bad, len(target) - n_bad) < MIN_ROWS:
        return ""
    if values.has_nulls() and not is_from_before and (evidence := _given_only_to_goods(values, target)):
        return evidence
    likely = share_of_bads_alike(values, target)
    area = auc(likely, target)
    if area > (CERTAIN_AUC if is_from_before else LEAKING_AUC):
        return f"alone it ranks unseen rows with an AUC of {area:.3f}"
    overall = n_bad / len(target)
    # At each level, so that rows that are nearly the outcome do not hide those that are.
    for level in PURE_BAD_LEVELS:
        rows, bads = _rows_and_bads(likely >= level, target)
        if overall < COMMON and rows >= MIN_ROWS and bads >= max(LEAKING_RATE * rows, LEAKING_BADS * n_bad):
            return f"of {rows:,} rows with some of its values {bads:,} are bad, {bads / n_bad:.0%} of all bads"
    rows, bads = _rows_and_bads(likely <= PURE_GOOD_LEVEL, target)
    if bads == 0 and rows * overall >= LEAKING_GOODS and not is_from_before:
        return f"of {rows:,} rows with some of its values not one is bad"
    return ""


def _given_only_to_goods(values: pl.Series, target: IntArray) -> str:
    """Whether not one of all rows with anything in them is bad; in a small table too few are alike to see that."""
    rows, bads = _rows_and_bads(values.is_not_null().to_numpy(), target)
    is_told = bads == 0 and rows * target.mean() >= LEAKING_GOODS
    return f"of {rows:,} rows with anything in it not one is bad" if is_told else ""


def _rows_and_bads(chosen: NDArray[np.bool_], target: IntArray) -> tuple[int, int]:
    return int(chosen.sum()), int(target[chosen].sum())


def share_of_bads_alike(values: pl.Series, target: IntArray) -> FloatArray:
    """For each row the share of bads among like rows of the four fifths it is not in, shape (n_rows,).

    Rows are alike if they have the same text, or numbers of the same fiftieth; so are all with nothing in them.
    """
    groups = _groups(values)
    n_groups = int(groups.max()) + 1
    overall = float(target.mean())
    shares = np.empty(len(target))
    fifth = np.random.default_rng(SEED).permutation(len(target)) % N_FOLDS
    for number in range(N_FOLDS):
        test = fifth == number
        train = ~test
        rows = np.bincount(groups[train], minlength=n_groups)
        bads = np.bincount(groups[train], weights=target[train], minlength=n_groups)
        shares[test] = ((bads + overall) / (rows + 1))[groups[test]]
    return shares


def _groups(values: pl.Series) -> IntArray:
    """Which rows are alike, by a number from 0, shape (n_rows,)."""
    if not values.dtype.is_numeric():
        return values.rank("dense").fill_null(0).to_numpy().astype(np.int64)
    known = values.cast(pl.Float64).fill_nan(None)
    filled = known.drop_nulls().to_numpy()
    if not len(filled):
        return np.zeros(len(values), dtype=np.int64)
    fiftieths = np.quantile(filled, np.linspace(0, 1, N_BINS + 1), method="inverted_cdf")
    edges, repeats = np.unique(fiftieths, return_counts=True)
    # A value so common that several edges fall on it is alike to nothing but itself: an edge below it as well.
    distinct = np.unique(filled)
    crowded = np.searchsorted(distinct, edges[repeats > 1])
    edges = np.union1d(edges, distinct[crowded[crowded > 0] - 1])
    gaps = np.diff(distinct)
    if len(gaps) and gaps.max() > np.ptp(distinct) / 2:  # what lies far away, such as scores written tenfold
        edges = np.union1d(edges, distinct[gaps.argmax()])
    bins = np.searchsorted(edges, known.fill_null(0.0).to_numpy(), side="left") + 1
    return np.where(known.is_null().to_numpy(), 0, bins).astype(np.int64)
