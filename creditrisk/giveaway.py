"""How far a single column gives the outcome away, measured.

What ranks unseen rows better than any honest column of a credit table does was most probably written after the outcome
was known. Used by inference.py, which then leaves the column out, and by data_checks.py, which tells before training.
What a name gives away is in telltale.py.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from creditrisk.encoding import IntArray
from creditrisk.evaluation import auc
from creditrisk.splits import stratified_folds

# The best honest single fields of credit tables (a bureau's score, the last repayment) stay below 0.85.
LEAKING_AUC = 0.95
# Rows of like value, nearly all of them bad and many of all bads, are the outcome by another name...
LEAKING_RATE = 0.98
LEAKING_BADS = 0.10
# ...and so are rows without a single bad where so many were to be expected.
LEAKING_GOODS = 50
MIN_ROWS = 20
N_FOLDS = 5
N_BINS = 50
SEED = 7


def given_away(values: pl.Series, target: IntArray) -> str:
    """How a single column gives the outcome away, as the middle of a sentence; empty if it does not.

    Parameters
    ----------
    values
        Numbers or texts, null where missing, shape (n_rows,). The order of the rows does not matter much: they are
        shuffled.
    target
        1 bad, 0 good, shape (n_rows,).

    Examples
    --------
    >>> bad = np.tile([0, 0, 0, 1], 100)
    >>> given_away(pl.Series(bad * 350.0), bad)
    'alone it ranks unseen rows with an AUC of 1.000'
    >>> given_away(pl.Series(np.arange(400) % 7), bad)
    ''
    """
    n_bad = int(target.sum())
    if min(n_bad, len(target) - n_bad) < MIN_ROWS:
        return ""
    groups = _groups(values)
    area = single_field_auc(values, target)
    if area > LEAKING_AUC:
        return f"alone it ranks unseen rows with an AUC of {area:.3f}"
    n_rows = np.bincount(groups)
    n_bads = np.bincount(groups, weights=target)
    overall = n_bad / len(target)
    is_bad = (n_bads >= LEAKING_BADS * n_bad) & (n_rows >= MIN_ROWS) & (n_bads >= LEAKING_RATE * n_rows)
    if overall < 0.6 and is_bad.any():
        rows, bads = int(n_rows[is_bad].sum()), int(n_bads[is_bad].sum())
        return f"of {rows:,} rows with some of its values {bads:,} are bad, {bads / n_bad:.0%} of all bads"
    is_good = (n_bads == 0) & (n_rows * overall >= LEAKING_GOODS)
    if is_good.any():
        return f"of {int(n_rows[is_good].sum()):,} rows with some of its values not one is bad"
    return ""


def single_field_auc(values: pl.Series, target: IntArray) -> float:
    """AUC of one column by itself, each row judged by the share of bads among like rows of the other four fifths.

    Likeness is the same text or the same fiftieth of the numbers; rows with nothing in them are alike.
    """
    groups = _groups(values)
    n_groups = int(groups.max()) + 1
    overall = float(target.mean())
    scores = np.empty(len(target))
    for teach, judge in stratified_folds(target, N_FOLDS, seed=SEED):
        rows = np.bincount(groups[teach], minlength=n_groups)
        bads = np.bincount(groups[teach], weights=target[teach], minlength=n_groups)
        scores[judge] = ((bads + overall) / (rows + 1))[groups[judge]]
    return auc(scores, target)


def _groups(values: pl.Series) -> IntArray:
    """Which rows are alike, by a number from 0, shape (n_rows,)."""
    if not values.dtype.is_numeric():
        return values.rank("dense").fill_null(0).to_numpy().astype(np.int64)
    known = values.cast(pl.Float64).fill_nan(None)
    given = known.drop_nulls().to_numpy()
    if not len(given):
        return np.zeros(len(values), dtype=np.int64)
    edges = np.unique(np.quantile(given, np.linspace(0, 1, N_BINS + 1), method="inverted_cdf"))
    # A value so common that it is an edge is kept apart from what lies above it.
    places = np.searchsorted(edges, known.fill_null(0.0).to_numpy(), side="left") + 1
    return np.where(known.is_null().to_numpy(), 0, places).astype(np.int64)
