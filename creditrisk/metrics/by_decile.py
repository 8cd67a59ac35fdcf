"""What kind of clients each decile of the score holds: sums by decile, which merge and give the means.

A decile is a frozen bin of the predicted PD, so that the same clients stand beside each other then and now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
import polars as pl

from creditrisk import strict
from creditrisk.arrays import FloatArray, IntArray
from creditrisk.errors import ScorerError
from creditrisk.metrics.entries import CategoryEntry, Entry, NumericEntry, as_numbers, as_texts, sum_of


class DecileSums(TypedDict):
    """One field by decile: `counts` of the rows that have a value, and `sums`.

    Of a number the sums are those of its values, one beyond the reference's range counting as its end, so that one
    absurd value does not speak for all. Of a category, rows with the value that was commonest in the reference.
    """

    counts: list[int]
    sums: list[float]


class Deciles(TypedDict):
    """Rows by decile of the predicted PD, the lowest risk first; each list has an item for every bin of the PD.

    `counts` of rows, `risks` the sums of their PDs, `n_known` the rows whose outcome is known and `n_bad` the bads
    among them; then `fields`, by name, the most important first where that is known.
    """

    counts: list[int]
    risks: list[float]
    n_known: list[int]
    n_bad: list[int]
    fields: dict[str, DecileSums]


def count_deciles(
    prob_default: NumericEntry, fields: Mapping[str, Entry], frame: pl.DataFrame, risks: FloatArray
) -> Deciles:
    """Sum rows up by the decile of their PD.

    Parameters
    ----------
    prob_default, fields
        Of the reference: its bins of the PD; ranges and categories of the fields that are summed up.
    frame
        Rows, shape (n_rows, ...); outcomes (1 = bad) in a column `default`, if there is one.
    risks
        Their PDs, shape (n_rows,); a row without one is in no decile.
    """
    edges = np.asarray(prob_default["edges"], dtype=np.float64)
    n_deciles = len(edges) + 1
    is_scored = np.isfinite(risks)
    places = np.where(is_scored, np.searchsorted(edges, risks, side="left"), n_deciles)
    known = np.zeros(frame.height, dtype=np.bool_)
    bad = known
    if "default" in frame.columns:
        known, bad = (
            frame["default"].is_not_null().to_numpy(),
            (frame["default"] == 1).fill_null(value=False).to_numpy(),
        )
    return {
        "counts": _counted(places, n_deciles),
        "risks": _summed(places, np.where(is_scored, risks, 0.0), n_deciles),
        "n_known": _counted(places[known], n_deciles),
        "n_bad": _counted(places[bad], n_deciles),
        "fields": {
            name: _sums(entry, frame[name], places, n_deciles) if name in frame.columns else _nothing(n_deciles)
            for name, entry in fields.items()
        },
    }


def merge_deciles(one: Deciles, other: Deciles) -> Deciles:
    """The sums of both together."""
    return {
        "counts": sum_of(one["counts"], other["counts"]),
        "risks": sum_of(one["risks"], other["risks"]),
        "n_known": sum_of(one["n_known"], other["n_known"]),
        "n_bad": sum_of(one["n_bad"], other["n_bad"]),
        "fields": {
            name: {
                "counts": sum_of(sums["counts"], other["fields"][name]["counts"]),
                "sums": sum_of(sums["sums"], other["fields"][name]["sums"]),
            }
            for name, sums in one["fields"].items()
        },
    }


def commonest(entry: CategoryEntry) -> str | None:
    """The category that most reference rows hold; None if none holds any.

    Examples
    --------
    >>> entry = {"type": "category", "categories": ["own", "rent"], "counts": [3, 5], "n_missing": 0, "n_unseen": 0}
    >>> commonest({**entry, "pushes": []})
    'rent'
    """
    return entry["categories"][int(np.argmax(entry["counts"]))] if entry["categories"] else None


def check_deciles(deciles: Any, fields: Mapping[str, Entry], n_deciles: int) -> None:
    """See that these are the deciles of a profile read from a file; ScorerError otherwise."""
    what = "the deciles of profile.json"
    item = strict.fields(deciles, what, Deciles.__annotations__)
    _check_sums({"counts": item["counts"], "sums": item["risks"]}, n_deciles, what)
    for name in ("n_known", "n_bad"):
        _check_counts(item[name], n_deciles, what)
    if not isinstance(item["fields"], Mapping) or not set(item["fields"]) <= set(fields):
        raise ScorerError(f"{what} have fields that the profile does not know")
    for sums in item["fields"].values():
        _check_sums(strict.fields(sums, what, DecileSums.__annotations__), n_deciles, what)


def _check_sums(sums: Mapping[str, Any], n_deciles: int, what: str) -> None:
    _check_counts(sums["counts"], n_deciles, what)
    strict.numbers(sums["sums"], what, n_deciles)


def _check_counts(counts: Any, n_deciles: int, what: str) -> None:
    if not isinstance(counts, list) or len(counts) != n_deciles:
        raise ScorerError(f"{what} must have a count for each of {n_deciles} deciles")
    for count in counts:
        strict.whole(count, what)


def _sums(entry: Entry, column: pl.Series, places: IntArray, n_deciles: int) -> DecileSums:
    if entry["type"] == "category":
        value = commonest(entry)
        texts = as_texts(column)
        weights = (texts == value).fill_null(value=False).cast(pl.Float64).to_numpy() if value is not None else None
        is_known = texts.is_not_null().to_numpy() if texts.null_count() else None
    else:
        values = as_numbers(column).to_numpy()
        finite = np.isfinite(values)
        is_known = None if finite.all() else finite
        low, high = entry["low"], entry["high"]
        weights = None
        if low is not None and high is not None:
            weights = (
                np.clip(values, low, high) if is_known is None else np.clip(np.where(finite, values, 0), low, high)
            )
    if weights is None:
        return _nothing(n_deciles)
    if is_known is not None:
        places, weights = places[is_known], weights[is_known]
    return {"counts": _counted(places, n_deciles), "sums": _summed(places, weights, n_deciles)}


def _nothing(n_deciles: int) -> DecileSums:
    return {"counts": [0] * n_deciles, "sums": [0.0] * n_deciles}


def _counted(places: IntArray, n_deciles: int) -> list[int]:
    counts: list[int] = np.bincount(places, minlength=n_deciles + 1)[:n_deciles].tolist()
    return counts


def _summed(places: IntArray, weights: FloatArray, n_deciles: int) -> list[float]:
    sums: list[float] = np.bincount(places, weights, minlength=n_deciles + 1)[:n_deciles].tolist()
    return sums
