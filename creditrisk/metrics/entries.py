"""How one column was spread: counts in frozen bins, moments, and what its values add to the risk.

Bins are frozen once, of reference rows; every later column is counted in the same bins, and counts of parts merge into
those of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal, TypedDict, TypeVar, cast

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from creditrisk import strict
from creditrisk.arrays import FloatArray, IntArray
from creditrisk.errors import ScorerError
from creditrisk.schema import Field

MAX_BINS = 10
# Parts that a grid divides the reference rows into.
GRID = 100
# Squares of larger numbers overflow, and so do their sums: they count as missing. Checks let none through (quality).
LARGEST = 1e100

Number = TypeVar("Number", int, float)


class NumericEntry(TypedDict):
    """How a number was spread.

    `counts` of at most ten bins between ascending inner `edges`, and of the finer `grid_counts` between those of the
    `grid`, which holds all edges of bins: percentiles, from which distances are told. `mean`, `sd`, `low` (smallest)
    and `high` (largest) if there are values. `pushes`: what values of each bin, and missing ones, add to the log-odds
    on average; empty if that is not known.
    """

    type: Literal["numeric"]
    edges: list[float]
    counts: list[int]
    grid: list[float]
    grid_counts: list[int]
    n_missing: int
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None
    pushes: list[float]


class CategoryEntry(TypedDict):
    """How a category was spread: `counts` of each of the `categories` seen; `n_unseen` the schema does not know.

    `pushes` as for numbers, with those of missing and of unseen values at the end.
    """

    type: Literal["category"]
    categories: list[str]
    counts: list[int]
    n_missing: int
    n_unseen: int
    pushes: list[float]


Entry = NumericEntry | CategoryEntry


def counts_of(entry: Entry) -> IntArray:
    """Rows per bin, then rows with a missing value, then, for a category, rows with a value not seen before.

    Examples
    --------
    >>> counts_of(_category_entry(pl.Series(["own", None]), Field("housing", "category", "Housing"))).tolist()
    [1, 1]
    """
    tail = [entry["n_missing"]] if entry["type"] == "numeric" else [entry["n_missing"], entry["n_unseen"]]
    return np.array([*entry["counts"], *tail], dtype=np.int64)


def mean_push(reference: Entry, current: Entry) -> float:
    """How important a field is: the size of what it adds to the log-odds, on average over the rows that are counted.

    From counts alone: each bin's share times the size of what its values add on average. 0 if that is not known.

    References
    ----------
    Lundberg, S. M. et al. (2020). From local explanations to global understanding with explainable AI for trees. Nature
    Machine Intelligence 2. (mean size of contributions)

    Examples
    --------
    >>> age = {**numeric_entry(pl.Series([20.0, 40.0])), "pushes": [0.5, -0.1, 0.0]}
    >>> mean_push(age, age), mean_push(age, count_numbers(age, pl.Series([20.0])))
    (0.3, 0.5)
    """
    counts = counts_of(current)
    if not reference["pushes"] or not counts.sum():
        return 0.0
    return float(counts @ np.abs(reference["pushes"]) / counts.sum())


def count_numeric(values: ArrayLike, edges: ArrayLike) -> IntArray:
    """Rows per bin; a value on an edge belongs to the bin below it. The first and the last bin are open-ended.

    Examples
    --------
    >>> count_numeric([1.0, 2.0, 2.5, 7.0], [2.0, 5.0]).tolist()
    [2, 1, 1]
    """
    inner = np.asarray(edges, dtype=np.float64)
    bins = np.searchsorted(inner, np.asarray(values, dtype=np.float64), side="left")
    return np.bincount(bins, minlength=len(inner) + 1).astype(np.int64)


def entry_of(column: pl.Series, field: Field) -> Entry:
    """The bins of a reference column, and its rows counted in them."""
    return numeric_entry(column) if field.is_numeric else _category_entry(column, field)


def numeric_entry(column: pl.Series) -> NumericEntry:
    """The bins of reference numbers, and how many fall into each; null, NaN and infinity count as missing."""
    values = finite(column)
    edges = _edges(values)
    grid = _grid(values, edges)
    grid_counts = count_numeric(values, grid)
    return {
        "type": "numeric",
        "edges": edges,
        "counts": _joined(grid, grid_counts, edges),
        "grid": grid,
        "grid_counts": grid_counts.tolist(),
        "n_missing": len(column) - len(values),
        "pushes": [],
        **_moments(values),
    }


class _Moments(TypedDict):
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None


def _moments(values: FloatArray) -> _Moments:
    n = len(values)
    return {
        "mean": float(values.mean()) if n else None,
        "sd": float(values.std(ddof=1)) if n > 1 else None,
        "low": float(values.min()) if n else None,
        "high": float(values.max()) if n else None,
    }


def _joined(grid: Sequence[float], grid_counts: IntArray, edges: Sequence[float]) -> list[int]:
    """The counts of bins from those of the grid, which holds every edge."""
    before = np.append(0, np.cumsum(grid_counts))
    ends = np.searchsorted(np.asarray(grid), np.asarray(edges)) + 1
    counts: list[int] = np.diff(before[np.concatenate([[0], ends, [len(grid_counts)]]).astype(np.int64)]).tolist()
    return counts


def bins_of(entry: Entry, column: pl.Series) -> IntArray:
    """The bin of every row, in the order of `counts_of`."""
    if entry["type"] == "numeric":
        values = as_numbers(column).to_numpy()
        bins = np.searchsorted(np.asarray(entry["edges"]), values, side="left")
        return np.where(_is_usable(values), bins, len(entry["counts"])).astype(np.int64)
    places = {value: place for place, value in enumerate(entry["categories"])}
    n_bins = len(places)
    texts = as_texts(column).to_list()
    return np.array([n_bins if text is None else places.get(text, n_bins + 1) for text in texts], dtype=np.int64)


def _category_entry(column: pl.Series, field: Field) -> CategoryEntry:
    text = column.cast(pl.String)
    present = set(text.drop_nulls().unique().to_list())
    # A category that the schema names but the reference never held is, for the model, as new as a typing error.
    categories = [category.value for category in field.categories if category.value in present]
    *counts, n_missing, n_unseen = _category_counts(categories, text)
    return {
        "type": "category",
        "categories": categories,
        "counts": counts,
        "n_missing": n_missing,
        "n_unseen": n_unseen,
        "pushes": [],
    }


def _category_counts(categories: Sequence[str], column: pl.Series) -> list[int]:
    """Rows per category, then missing ones, then those in no category."""
    found = dict(as_texts(column).alias("value").value_counts().iter_rows())
    per_value = [int(found.get(category, 0)) for category in categories]
    n_missing = int(found.get(None, 0))
    return [*per_value, n_missing, len(column) - n_missing - sum(per_value)]


def finite(column: pl.Series) -> FloatArray:
    """The values that can be binned; null, NaN, infinity and what is too large count as missing."""
    values = as_numbers(column).drop_nulls().to_numpy()
    return np.asarray(values[_is_usable(values)], dtype=np.float64)


def as_numbers(column: pl.Series) -> pl.Series:
    """A column as numbers; null where there is none."""
    # Of lists some cannot be cast, and of the others the items are.
    with suppress(pl.exceptions.PolarsError):
        numbers = column.cast(pl.Float64, strict=False)
        if numbers.dtype == pl.Float64:
            return numbers
    return pl.Series(column.name, [None], dtype=pl.Float64).new_from_index(0, len(column))


def as_texts(column: pl.Series) -> pl.Series:
    """A column as texts; lists and bytes become a text that is in no category."""
    with suppress(pl.exceptions.PolarsError):
        texts = column.cast(pl.String)
        if texts.dtype == pl.String:
            return texts
    return pl.select(pl.when(column.is_not_null()).then(pl.lit("")).alias(column.name)).to_series()


def _is_usable(values: FloatArray) -> NDArray[np.bool_]:
    return np.abs(values) <= LARGEST


def _edges(values: FloatArray) -> list[float]:
    """Inner edges of at most ten bins: one bin per value if there are few, otherwise deciles."""
    distinct = np.unique(values)
    if len(distinct) == 0:
        return []
    if len(distinct) == 1:
        # A bin on either side, so that any other value in a later window is seen.
        return [float(np.nextafter(distinct[0], -np.inf)), float(distinct[0])]
    if len(distinct) <= MAX_BINS:
        return [float(value) for value in distinct[:-1]]
    deciles = np.quantile(values, np.arange(1, MAX_BINS) / MAX_BINS, method="inverted_cdf")
    cuts, repeats = np.unique(deciles, return_counts=True)
    # A value so common that several deciles fall on it (no savings: 0) gets a bin of its own: an edge below it as well.
    crowded = np.searchsorted(distinct, cuts[repeats > 1])
    below = distinct[crowded[crowded > 0] - 1]
    edges = np.union1d(cuts, below)
    return [float(edge) for edge in edges[edges < distinct[-1]]]


def _grid(values: FloatArray, edges: Sequence[float]) -> list[float]:
    """Inner edges that distances are told from: percentiles, and all edges of bins."""
    if len(values) == 0:
        return []
    percentiles = np.quantile(values, np.arange(1, GRID) / GRID, method="inverted_cdf")
    return [float(edge) for edge in np.union1d(percentiles[percentiles < values.max()], np.asarray(edges))]


def count_entry(entry: Entry, column: pl.Series) -> Entry:
    """Count a column in the bins of one entry."""
    return count_numbers(entry, column) if entry["type"] == "numeric" else _count_categories(entry, column)


def count_numbers(entry: NumericEntry, column: pl.Series) -> NumericEntry:
    """Count a column of numbers in the bins of one entry; null, NaN and infinity count as missing.

    Examples
    --------
    >>> age = numeric_entry(pl.Series([20.0, 30.0, 40.0]))
    >>> now = count_numbers(age, pl.Series([30, 31, 99, None]))
    >>> now["counts"], now["n_missing"], now["high"]
    ([0, 1, 2], 1, 99.0)
    """
    values = finite(column)
    grid_counts = count_numeric(values, entry["grid"])
    return {
        "type": "numeric",
        "edges": entry["edges"],
        "counts": _joined(entry["grid"], grid_counts, entry["edges"]),
        "grid": entry["grid"],
        "grid_counts": grid_counts.tolist(),
        "n_missing": len(column) - len(values),
        "pushes": entry["pushes"],
        **_moments(values),
    }


def _count_categories(entry: CategoryEntry, column: pl.Series) -> CategoryEntry:
    *counts, n_missing, n_unseen = _category_counts(entry["categories"], column)
    return {**entry, "counts": counts, "n_missing": n_missing, "n_unseen": n_unseen}


def merge_entries(one: Entry, other: Entry) -> Entry:
    """One column of two tables together, counted in the same bins."""
    if one["type"] == "numeric":
        return merge_numbers(one, cast(NumericEntry, other))
    other = cast(CategoryEntry, other)
    return {
        **one,
        "counts": sum_of(one["counts"], other["counts"]),
        "n_missing": one["n_missing"] + other["n_missing"],
        "n_unseen": one["n_unseen"] + other["n_unseen"],
    }


def merge_numbers(one: NumericEntry, other: NumericEntry) -> NumericEntry:
    """The same for numbers."""
    return {
        **one,
        "counts": sum_of(one["counts"], other["counts"]),
        "grid_counts": sum_of(one["grid_counts"], other["grid_counts"]),
        "n_missing": one["n_missing"] + other["n_missing"],
        **_merge_moments(one, other),
    }


def _merge_moments(one: NumericEntry, other: NumericEntry) -> _Moments:
    """Mean, sd and range of both together (Chan, Golub and LeVeque 1979)."""
    if one["mean"] is None or one["low"] is None or one["high"] is None:
        return {"mean": other["mean"], "sd": other["sd"], "low": other["low"], "high": other["high"]}
    if other["mean"] is None or other["low"] is None or other["high"] is None:
        return {"mean": one["mean"], "sd": one["sd"], "low": one["low"], "high": one["high"]}
    n_one, n_other = sum(one["counts"]), sum(other["counts"])
    n, apart = n_one + n_other, other["mean"] - one["mean"]
    squares = sum((k - 1) * (entry["sd"] or 0.0) ** 2 for k, entry in ((n_one, one), (n_other, other)))
    return {
        "mean": one["mean"] + apart * n_other / n,
        "sd": math.sqrt((squares + apart**2 * n_one * n_other / n) / (n - 1)),
        "low": min(one["low"], other["low"]),
        "high": max(one["high"], other["high"]),
    }


def sum_of(one: Sequence[Number], other: Sequence[Number]) -> list[Number]:
    """Item by item."""
    return [a + b for a, b in zip(one, other, strict=True)]


def check_entry(entry: Any, field: Field | None, what: str) -> None:
    """See that this is an entry of a profile read from a file, for a field or for the PD; ScorerError otherwise."""
    # An edge may lie beside the largest value.
    most = 2 * LARGEST
    if field is None or field.is_numeric:
        entry = strict.fields(entry, what, NumericEntry.__annotations__)
        kind, n_bins, n_more = "numeric", len(strict.numbers(entry["edges"], what, low=-most, high=most)) + 1, 1
        strict.rising(entry["edges"], what, strictly=True)
        strict.rising(strict.numbers(entry["grid"], what, low=-most, high=most), what, strictly=True)
        if not set(entry["edges"]) <= set(entry["grid"]):
            raise ScorerError(f"{what} has bins whose edges are not all in its grid")
        _check_counts(entry["grid_counts"], len(entry["grid"]) + 1, what)
        for name in ("mean", "sd", "low", "high"):
            if entry[name] is not None:
                strict.number(entry[name], what, 0 if name == "sd" else -most, most)
    else:
        entry = strict.fields(entry, what, CategoryEntry.__annotations__)
        known = {category.value for category in field.categories}
        categories = entry["categories"]
        if not isinstance(categories, list) or not all(isinstance(item, str) and item in known for item in categories):
            raise ScorerError(f"{what} has categories that the schema does not know")
        if len(set(categories)) < len(categories):
            raise ScorerError(f"{what} has a category twice")
        kind, n_bins, n_more = "category", len(categories), 2
        strict.whole(entry["n_unseen"], what)
    strict.whole(entry["n_missing"], what)
    if entry["type"] != kind:
        raise ScorerError(f"{what} must be {kind}")
    _check_counts(entry["counts"], n_bins, what)
    if entry["pushes"] != []:
        strict.numbers(entry["pushes"], what, n_bins + n_more)


def _check_counts(counts: Any, n_bins: int, what: str) -> None:
    if not isinstance(counts, list) or len(counts) != n_bins:
        raise ScorerError(f"{what} must have a count for each of its {n_bins} bins")
    for count in counts:
        strict.whole(count, what)
