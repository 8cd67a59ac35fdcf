"""The reference profile: how every field and the predicted PD were spread over the rows the champion learnt from.

Bins are frozen here, once, when a scorer is made; every later window is counted in the same bins. The profile travels
in the scorer folder as profile.json and is all that drift needs of the training data: `build_profile` writes it,
`check_profile` reads it. It holds counts, never an applicant. What the counts mean (PSI, alarms) is in stability.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypedDict, cast

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from creditrisk import strict
from creditrisk.arrays import FloatArray, IntArray
from creditrisk.errors import ScorerError
from creditrisk.schema import Field, Schema

MAX_BINS = 10


class NumericEntry(TypedDict):
    """How a number was spread: ascending inner `edges`, at most 9, one more of `counts`, mean and sd if they exist."""

    type: Literal["numeric"]
    edges: list[float]
    counts: list[int]
    n_missing: int
    mean: float | None
    sd: float | None


class CategoryEntry(TypedDict):
    """How a category was spread: `counts` of each of the `categories` seen; `n_unseen` the schema does not know."""

    type: Literal["category"]
    categories: list[str]
    counts: list[int]
    n_missing: int
    n_unseen: int


Entry = NumericEntry | CategoryEntry


class Profile(TypedDict):
    """The reference profile: an entry for every feature, by its name, and one for the predicted PD."""

    n_rows: int
    fields: dict[str, Entry]
    prob_default: NumericEntry


def build_profile(frame: pl.DataFrame, schema: Schema, prob_default: ArrayLike) -> Profile:
    """Freeze the bins of every feature and of the predicted PD, and count the reference rows in them.

    Parameters
    ----------
    frame
        Reference rows with canonical column names and types, as `quality.check` accepts them, shape (n_rows, ...).
    schema
        Says which columns are features and which of them are categories.
    prob_default
        The scorer's PD of each row, 0 to 1, shape (n_rows,).

    Returns
    -------
    Profile
        Ready for JSON: every number finite or None.
    """
    fields = {field.name: _entry(frame[field.name], field) for field in schema.features}
    return {
        "n_rows": frame.height,
        "fields": fields,
        "prob_default": _numeric_entry(pl.Series(np.asarray(prob_default, dtype=np.float64))),
    }


def check_profile(profile: object, schema: Schema) -> Profile:
    """A profile read from a file, if it is such a one as `build_profile` makes; ScorerError otherwise."""
    item = strict.fields(profile, "profile.json", ("n_rows", "fields", "prob_default"))
    strict.whole(item["n_rows"], "n_rows in profile.json", 1)
    entries = strict.fields(item["fields"], "the fields of profile.json", (field.name for field in schema.features))
    for field in schema.features:
        _check_entry(entries[field.name], field, f"'{field.name}' in profile.json")
    _check_entry(item["prob_default"], None, "prob_default in profile.json")
    return cast(Profile, item)


def _check_entry(entry: Any, field: Field | None, what: str) -> None:
    if field is None or field.is_numeric:
        entry = strict.fields(entry, what, ("type", "edges", "counts", "n_missing", "mean", "sd"))
        kind, n_bins = "numeric", len(strict.numbers(entry["edges"], what)) + 1
        strict.rising(entry["edges"], what, strictly=True)
        for name in ("mean", "sd"):
            if entry[name] is not None:
                strict.number(entry[name], what)
    else:
        entry = strict.fields(entry, what, ("type", "categories", "counts", "n_missing", "n_unseen"))
        known = {category.value for category in field.categories}
        if not isinstance(entry["categories"], list) or not known.issuperset(entry["categories"]):
            raise ScorerError(f"{what} has categories that the schema does not know")
        kind, n_bins = "category", len(set(entry["categories"]))
        strict.whole(entry["n_unseen"], what)
    strict.whole(entry["n_missing"], what)
    if entry["type"] != kind or not isinstance(entry["counts"], list) or len(entry["counts"]) != n_bins:
        raise ScorerError(f"{what} must be {kind}, with a count for each of its {n_bins} bins")
    for count in entry["counts"]:
        strict.whole(count, what)


def bin_counts(entry: Entry, column: pl.Series) -> IntArray:
    """Count a window's values in the frozen bins of one entry.

    Returns
    -------
    array
        Rows per bin, then rows with a missing value, then, for a category, rows with a value the reference has not
        seen. Sums to the length of the column.

    Examples
    --------
    >>> age = {"type": "numeric", "edges": [30.0, 40.0], "counts": [5, 5, 5], "n_missing": 0}
    >>> bin_counts(age, pl.Series([30, 31, 99, None])).tolist()
    [1, 1, 1, 1]
    >>> housing = {"type": "category", "categories": ["own", "rent"], "counts": [9, 6], "n_missing": 0, "n_unseen": 0}
    >>> bin_counts(housing, pl.Series(["own", "boat", None])).tolist()
    [1, 0, 1, 1]
    """
    if entry["type"] == "numeric":
        values = _finite(column)
        return np.append(count_numeric(values, entry["edges"]), len(column) - len(values))
    return np.array(_category_counts(entry["categories"], column), dtype=np.int64)


def reference_counts(entry: Entry) -> IntArray:
    """The reference's own counts, in the order that `bin_counts` gives."""
    tail = [entry["n_missing"]] if entry["type"] == "numeric" else [entry["n_missing"], entry["n_unseen"]]
    return np.array([*entry["counts"], *tail], dtype=np.int64)


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


def _entry(column: pl.Series, field: Field) -> Entry:
    return _numeric_entry(column) if field.is_numeric else _category_entry(column, field)


def _numeric_entry(column: pl.Series) -> NumericEntry:
    values = _finite(column)
    edges = _edges(values)
    return {
        "type": "numeric",
        "edges": edges,
        "counts": count_numeric(values, edges).tolist(),
        "n_missing": len(column) - len(values),
        "mean": float(values.mean()) if len(values) else None,
        "sd": float(values.std(ddof=1)) if len(values) > 1 else None,
    }


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
    }


def _category_counts(categories: Sequence[str], column: pl.Series) -> list[int]:
    """Rows per category, then missing ones, then those in no category."""
    text = column.cast(pl.String)
    per_value = [int((text == category).sum()) for category in categories]
    n_missing = text.null_count()
    return [*per_value, n_missing, len(text) - n_missing - sum(per_value)]


def _finite(column: pl.Series) -> FloatArray:
    """The values that can be binned; null, NaN and infinity count as missing."""
    values = column.cast(pl.Float64, strict=False).drop_nulls().to_numpy()
    return np.asarray(values[np.isfinite(values)], dtype=np.float64)


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
