"""CSV for other people's spreadsheets: the result of a scoring and the empty template.

Used by api.py (`score.csv`) and uploads.py (the page's downloads). Cells that a spreadsheet would run as a formula are
made inert here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from creditrisk.schema import Schema
from creditrisk.sources import inert

if TYPE_CHECKING:
    from creditrisk.quality import Rejection

# What scoring returns, in this order, ahead of the client's own columns.
RESULT_COLUMNS = (
    "application_id",
    "prob_default",
    "score_points",
    "verdict",
    "band",
    "confidence",
    "reasons",
    "model",
    "model_version",
    "problems",
    "error",
)
# A spreadsheet opened on Windows reads UTF-8 only behind this mark.
BYTE_ORDER_MARK = "\ufeff"

_NOT_PLAIN = r"^[^\pL\pN]"


def inert_table(frame: pl.DataFrame) -> pl.DataFrame:
    """The table with every text cell, and every header, as a spreadsheet will show it and not run it.

    Examples
    --------
    >>> inert_table(pl.DataFrame({"note": ["=1+1", "-5", "hello", None]}))["note"].to_list()
    ["'=1+1", '-5', 'hello', None]
    """
    # A cell that begins with a letter or a digit is no formula: whole columns of such cells need no look at each.
    suspects = [
        name for name in frame.columns if frame[name].dtype == pl.String and frame[name].str.contains(_NOT_PLAIN).any()
    ]
    names = [inert(name) for name in frame.columns]
    # Two headers that become the same one are told apart by a star.
    distinct = [name + "*" * names[:place].count(name) for place, name in enumerate(names)]
    safe = frame.with_columns(pl.col(suspects).map_elements(inert, pl.String))
    return safe.rename(dict(zip(frame.columns, distinct, strict=True)))


def result_table(
    raw: pl.DataFrame, scored: pl.DataFrame, rejected: Sequence[Rejection], *, first_row: int = 1
) -> pl.DataFrame:
    """Every row of the file with what became of it: the result columns, then the client's own.

    Parameters
    ----------
    raw
        The file's own columns, all text, in the order of the file.
    scored
        What the scorer returned for the rows it could score.
    rejected
        The rows (of any part of the file) that could not be scored.
    first_row
        The data row, counted from 1, that `raw` starts with: a long file is written piece by piece.

    Returns
    -------
    pl.DataFrame
        One row for each row of `raw`; text and numbers only, formulas inert.
    """
    rows = pl.DataFrame({"row_number": range(first_row, first_row + raw.height)}, schema={"row_number": pl.Int64})
    sentences: dict[int, list[str]] = {}
    for rejection in rejected:
        if first_row <= rejection.row < first_row + raw.height:
            sentences.setdefault(rejection.row, []).append(rejection.sentence)
    errors = pl.DataFrame(
        {"row_number": list(sentences), "error": [" ".join(texts) for texts in sentences.values()]},
        schema={"row_number": pl.Int64, "error": pl.String},
    )
    results = scored.with_columns(
        pl.col("reasons").list.eval(pl.element().struct.field("text")).list.join("; "),
        pl.col("problems").list.join("; "),
    )
    own = raw.rename(_beside_results(raw.columns))
    table = rows.join(results, on="row_number", how="left", maintain_order="left").join(
        errors, on="row_number", how="left", maintain_order="left"
    )
    return inert_table(pl.concat([table.select(RESULT_COLUMNS), own], how="horizontal"))


def _beside_results(names: Sequence[str]) -> dict[str, str]:
    """New names for columns of the file that are called like a result, as they are in a result that is scored again."""
    taken, renamed = {*names, *RESULT_COLUMNS}, {}
    for name in names:
        if name in RESULT_COLUMNS:
            renamed[name] = f"{name} (from your file)"
            while renamed[name] in taken:
                renamed[name] += "*"
            taken.add(renamed[name])
    return renamed


def csv_text(table: pl.DataFrame, *, with_header: bool = True) -> str:
    """A table as comma-separated text."""
    return table.write_csv(include_header=with_header)


def template_csv(schema: Schema) -> str:
    """The header row of a file to fill in: the client's number, the date, then every field the model reads."""
    roles = ("id", "time", "feature")
    fields = sorted(
        (field for field in schema.fields if field.role in roles), key=lambda field: roles.index(field.role)
    )
    return csv_text(inert_table(pl.DataFrame(schema={field.label: pl.String for field in fields})))
