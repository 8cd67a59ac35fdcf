"""Columns that only together tell the outcome: the later of them is left out, and all are asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from creditrisk.arrays import IntArray
from creditrisk.quality import leaks_target, leaks_together, read_cells
from creditrisk.schema_inference.families import LEAKAGE
from creditrisk.schema_inference.kinds import Column
from creditrisk.text import shorten

TOGETHER = "together?"
# One pair after the other is found, and there are rarely more.
MOST_ROUNDS = 5
# Reading more rows would show no more, and cost seconds.
MAX_ROWS = 10_000


def ask_about_pairs(columns: Sequence[Column], frame: pl.DataFrame, outcome: IntArray, delimiter: str) -> list[Column]:
    """The columns, with what gives the outcome away together asked about.

    Of columns that certainly do so, the one that alone tells most is left out, or the number that does so beside a
    date; where only a figure is too good to be true, all stay features.
    """
    rows = np.flatnonzero(outcome >= 0)[:MAX_ROWS]
    texts, target = frame[rows], outcome[rows]
    values = {
        column.header: read_cells(texts[column.header], column.field, delimiter)[0]
        for column in columns
        if column.field.role == "feature"
        or (column.flag == LEAKAGE and column.field.is_numeric)
        or column.flag == "date"
    }
    telling = [
        column.header
        for column in columns
        if column.flag == LEAKAGE and column.header in values and leaks_target(values[column.header], target)
    ]
    left_out = pl.DataFrame([values[header].alias(header) for header in telling])
    dates = [column.header for column in columns if column.flag == "date"]
    out = {column.header: column for column in columns}
    for _ in range(MOST_ROUNDS):
        features = [column.header for column in out.values() if _may_tell_together(column)]
        together = leaks_together(
            pl.DataFrame([values[name].alias(name) for name in (*features, *dates)]), target, left_out
        )
        if together is None:
            break
        later = together.names[0]
        is_left_out = together.is_certain and (len(features) > 2 or not {*features} <= {*together.names})
        for name in together.names:
            why = f"together with {_listed([other for other in together.names if other != name])}: {together.evidence}"
            column = out[name]
            if name == later and is_left_out:
                field = replace(column.field, role="excluded", is_required=False)
                why += ", so it was most probably written after the decision. Make it a feature only if it was not."
                out[name] = replace(column, field=field, flag=LEAKAGE, decide=why)
            elif not column.flag:
                out[name] = replace(column, flag=TOGETHER, decide=f"{why}. Exclude it if it was not known before.")
        if not is_left_out:
            break
    return list(out.values())


def _may_tell_together(column: Column) -> bool:
    """Whether it is a feature that does not tell the outcome well all by itself."""
    return column.field.role == "feature" and column.flag != "strong?"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(f"'{shorten(name, 60)}'" for name in names) or "the other fields"
