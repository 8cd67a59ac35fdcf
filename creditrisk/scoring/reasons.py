"""Why a risk is as high as it is: up to four fields, strongest first, in words a client can be told.

A field's reason is what it adds to the log-odds beyond what it adds for the average approved applicant. Only fields
that raise the risk are named, and models never see a protected field, so none can appear. A number is called high or
low only where it is so among all applicants and among the approved ones that it is measured against.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray
from creditrisk.schema import Field

# Regulation B's official commentary: more than four reasons are not likely to be helpful.
MAX_REASONS = 4
# Smaller pushes are noise, not a reason (log-odds; 0.05 moves a PD of 20.0 % to 20.8 %).
SMALLEST_PUSH = 0.05

Reason = dict[str, str]


def reasons_of(
    frame: pl.DataFrame, pushes: FloatArray, fields: Sequence[Field], usual: FloatArray
) -> list[list[Reason]]:
    """Name the strongest upward pushes of each row.

    Parameters
    ----------
    frame
        Canonical rows, shape (n_rows, ...).
    pushes
        Log-odds each field adds beyond the average approved applicant, shape (n_rows, n_fields).
    fields
        The feature fields, in the order of `pushes`.
    usual
        For each field from where to where a number is neither high nor low, shape (2, n_fields).

    Returns
    -------
    list
        For each row up to four `{"code", "text"}`, strongest first; empty if nothing raised the risk.
    """
    strongest = np.argsort(-pushes, axis=1, kind="stable")[:, :MAX_REASONS]
    counts = (np.take_along_axis(pushes, strongest, axis=1) >= SMALLEST_PUSH).sum(axis=1)
    phrases: NDArray[np.object_] = np.empty((len(fields), frame.height), dtype=object)
    for index in np.unique(strongest):
        phrases[index, :] = _phrases(frame[fields[index].name], fields[index], *usual[:, index])
    rows = enumerate(zip(strongest.tolist(), counts.tolist(), strict=True))
    return [[phrases[index, row] for index in top[:count]] for row, (top, count) in rows]


def _phrases(column: pl.Series, field: Field, lowest: float, highest: float) -> list[Reason]:
    if field.type == "category":
        known = {category.value: reason(field, category.value, category.label) for category in field.categories}
        other = reason(field, "missing", "not given or not known")
        return [known.get(value, other) for value in column.to_list()]
    high = {"code": f"{field.name}:high", "text": field.reason_high or f"{field.label}: high"}
    low = {"code": f"{field.name}:low", "text": field.reason_low or f"{field.label}: low"}
    missing, usual = reason(field, "missing", "not given"), reason(field, "usual", "in the usual range")
    return [
        missing if value is None else high if value > highest else low if value < lowest else usual
        for value in column.to_list()
    ]


def reason(field: Field, code: str, words: str) -> Reason:
    """One reason: a stable code for machines, a text for people."""
    return {"code": f"{field.name}:{code}", "text": f"{field.label}: {words}"}


def every_reason(fields: Sequence[Field]) -> list[Reason]:
    """Every reason that `reasons_of` can give about these fields, each once."""
    found: dict[str, Reason] = {}
    for item in fields:
        if item.type == "category":
            values = [*(category.value for category in item.categories), None]
            given = _phrases(pl.Series(item.name, values, dtype=pl.String), item, 0.0, 0.0)
        else:
            # Missing, high, low and usual, where only zero is usual.
            given = _phrases(pl.Series(item.name, [None, 1.0, -1.0, 0.0], dtype=pl.Float64), item, 0.0, 0.0)
        found |= {phrase["code"]: phrase for phrase in given}
    return list(found.values())
