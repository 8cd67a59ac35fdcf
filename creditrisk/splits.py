"""Which rows are fitted on and which test: by time where the table has dates, stratified folds where not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import numpy as np
import polars as pl

from creditrisk.arrays import IntArray
from creditrisk.errors import TrainingError

# What any training needs: so many rows, so many bads and goods.
MIN_ROWS = 200
MIN_EACH = 20
TRAIN_SHARE = 0.6
VALIDATION_SHARE = 0.2


_Days = TypeVar("_Days", pl.Series, pl.Expr)


def month_number(days: _Days) -> _Days:
    """The month of each day, counted from the year 0; null where there is none.

    Examples
    --------
    >>> month_number(pl.Series([date(2024, 12, 31), None])).to_list() == [12 * 2024 + 11, None]
    True
    """
    return 12 * days.dt.year().cast(pl.Int64) + days.dt.month().cast(pl.Int64) - 1


@dataclass(frozen=True)
class TimeSplit:
    """Row positions, oldest first: fit on `train`, choose and calibrate on `validation`, test once on `test`."""

    train: IntArray
    validation: IntArray
    test: IntArray


def time_split(times: pl.Series, test_from: date | None = None) -> TimeSplit:
    """The oldest 60 % of the rows to train, the next 20 % to validate, the newest 20 % to test.

    Rows of one date stay together, so that no day is both learnt from and tested on. With `test_from`, the rows from
    that day on are the test, and the older ones are divided three to one.

    Raises
    ------
    TrainingError
        If one of the three parts would be empty.
    """
    order = times.arg_sort().to_numpy().astype(np.int64)
    ordered = times.gather(order)
    if test_from is None:
        first_test = _first_of_its_date(ordered, round(len(order) * (TRAIN_SHARE + VALIDATION_SHARE)))
    else:
        first_test = int(ordered.search_sorted(test_from, side="left"))
    first_validation = _first_of_its_date(ordered, round(first_test * TRAIN_SHARE / (TRAIN_SHARE + VALIDATION_SHARE)))
    if not 0 < first_validation < first_test < len(order):
        raise TrainingError(
            f"the {len(order):,} rows, dated {ordered.item(0)} to {ordered.item(-1)}, cannot be divided by time into "
            f"rows to fit, to choose and to judge{f' from {test_from} on' if test_from else ''}. Give more dates, "
            "another first day to judge, or the time field another role in the schema."
        )
    return TimeSplit(order[:first_validation], order[first_validation:first_test], order[first_test:])


def stratified_folds(target: IntArray, n_folds: int, *, seed: int) -> Iterator[tuple[IntArray, IntArray]]:
    """Pairs of row positions (train, test); each row is tested once and each fold has the table's share of bads."""
    from sklearn.model_selection import StratifiedKFold

    yield from StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(np.zeros(len(target)), target)


def _first_of_its_date(ordered: pl.Series, position: int) -> int:
    return int(ordered.search_sorted(ordered[min(position, len(ordered) - 1)], side="left"))
