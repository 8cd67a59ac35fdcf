"""Why a risk is as high as it is: up to four fields, strongest first, in words a client can be told.

A field's reason is what sets the applicant apart from the typical approved one, in log-odds. Only fields that raise the
risk are named, and models never see a protected field, so none can appear. A number is called high or low only where it
is so among all applicants and beside the typical approved one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.schema import Field
from creditrisk.scoring.scored_row import ReasonRow

# Regulation B's official commentary: more than four reasons are not likely to be helpful.
MAX_REASONS = 4
# Smaller pushes are noise, not a reason (log-odds; 0.05 moves a PD of 20.0 % to 20.8 %).
SMALLEST_PUSH = 0.05

REASON = pl.Struct({"code": pl.String, "text": pl.String})


@dataclass(frozen=True)
class Phrases:
    """Every reason there can be: of a number that it is missing, low, usual or high, of a category which one it is.

    Those of a field stand from `starts` on; a number is usual from `lowest` to `highest`. All arrays are (n_fields,).
    """

    reasons: tuple[ReasonRow, ...]
    column: pl.Series
    starts: IntArray
    is_category: NDArray[np.bool_]
    lowest: FloatArray
    highest: FloatArray


def phrases_of(fields: Sequence[Field], usual: FloatArray) -> Phrases:
    """The phrases of feature fields.

    Parameters
    ----------
    usual
        For each field from where to where a number is neither high nor low, shape (2, n_fields).
    """
    of_fields = [_phrases(field) for field in fields]
    reasons = tuple(phrase for phrases in of_fields for phrase in phrases)
    return Phrases(
        reasons=reasons,
        column=pl.Series(reasons, dtype=REASON),
        starts=np.cumsum([0, *(len(phrases) for phrases in of_fields)])[:-1],
        is_category=np.array([field.type == "category" for field in fields]),
        lowest=usual[0],
        highest=usual[1],
    )


def _phrases(field: Field) -> list[ReasonRow]:
    if field.type == "category":
        missing = reason(field, "missing", "not given or not known")
        return [missing, *(reason(field, category.value, category.label) for category in field.categories)]
    return [
        reason(field, "missing", "not given"),
        {"code": f"{field.name}:low", "text": field.reason_low or f"{field.label}: low"},
        reason(field, "usual", "in the usual range"),
        {"code": f"{field.name}:high", "text": field.reason_high or f"{field.label}: high"},
    ]


def reason(field: Field, code: str, words: str) -> ReasonRow:
    """One reason: a stable code for machines, a text for people."""
    return {"code": f"{field.name}:{code}", "text": f"{field.label}: {words}"}


def every_reason(fields: Sequence[Field]) -> list[ReasonRow]:
    """Every reason that can be given about these fields, each once."""
    return list({phrase["code"]: phrase for field in fields for phrase in _phrases(field)}.values())


def reasons_of(phrases: Phrases, matrix: FloatArray, pushes: FloatArray) -> pl.Series:
    """Name the strongest upward pushes of each row.

    Parameters
    ----------
    matrix
        The encoded rows, shape (n_rows, n_fields).
    pushes
        Log-odds each field adds beyond the typical approved applicant, shape (n_rows, n_fields).

    Returns
    -------
    Series
        For each row a list of up to four `REASON`, strongest first; empty if nothing raised the risk.
    """
    places, n_named = _strongest(phrases, matrix, pushes)
    rows = phrases.column.gather(places.ravel()).reshape(places.shape)
    return pl.select(pl.lit(rows).arr.to_list().list.head(pl.lit(pl.Series(n_named)))).to_series()


def reasons_of_few(phrases: Phrases, matrix: FloatArray, pushes: FloatArray) -> list[list[ReasonRow]]:
    """The same as lists: a few rows are sooner written down one by one than in columns."""
    return [_of_row(phrases, *row) for row in zip(matrix.tolist(), pushes.tolist(), strict=True)]


def _of_row(phrases: Phrases, values: Sequence[float], pushes: Sequence[float]) -> list[ReasonRow]:
    strongest = sorted(range(len(pushes)), key=pushes.__getitem__, reverse=True)[:MAX_REASONS]
    return [
        phrases.reasons[phrases.starts[field] + _place(phrases, field, values[field])]
        for field in strongest
        if pushes[field] >= SMALLEST_PUSH
    ]


def _place(phrases: Phrases, field: int, value: float) -> int:
    """Where the phrase for a field's value stands among those of the field."""
    if math.isnan(value):
        return 0
    if phrases.is_category[field]:
        return 1 + int(value)
    return 2 + int(value > phrases.highest[field]) - int(value < phrases.lowest[field])


def _strongest(phrases: Phrases, matrix: FloatArray, pushes: FloatArray) -> tuple[IntArray, IntArray]:
    """The phrases of each row's strongest pushes, (n_rows, MAX_REASONS), and how many of them count, (n_rows,)."""
    strongest = np.argsort(-pushes, axis=1, kind="stable")[:, :MAX_REASONS]
    values = np.take_along_axis(matrix, strongest, axis=1)
    of_number = 2 + (values > phrases.highest[strongest]) - (values < phrases.lowest[strongest]).astype(np.int64)
    known = ~np.isnan(values)
    of_category = 1 + np.where(known, values, 0.0).astype(np.int64)
    places = phrases.starts[strongest] + np.where(phrases.is_category[strongest], of_category, of_number) * known
    return places, (np.take_along_axis(pushes, strongest, axis=1) >= SMALLEST_PUSH).sum(axis=1)
