"""Tables in Parquet files, as texts: whole numbers without a point, dates as 2024-03-31, spans of time in days."""

from __future__ import annotations

import io

import polars as pl

from creditrisk.errors import SourceError
from creditrisk.sources.table import MAX_CELLS, RawTable, check_size
from creditrisk.text import shorten


def parse(content: bytes, *, filename: str) -> RawTable:
    """The table in a Parquet file; missing values are empty cells.

    Raises
    ------
    SourceError
        If the file is no Parquet file, holds no rows, or a column holds lists or objects.
    """
    shown = shorten(filename, 60)
    try:
        schema = pl.read_parquet_schema(io.BytesIO(content))
        n_rows = int(pl.scan_parquet(io.BytesIO(content)).select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as exc:
        raise SourceError(f"'{shown}' cannot be read as a Parquet file. Write it again, or pass it as CSV.") from exc
    nested = [name for name, kind in schema.items() if kind.is_nested() or kind in (pl.Binary, pl.Object)]
    if nested:
        raise SourceError(
            f"column '{shorten(nested[0])}' of '{shown}' holds lists, objects or binary data. Expected one value in "
            "each cell; leave the column out."
        )
    if not n_rows or not schema:
        raise SourceError(f"'{shown}' has no rows. Pass a table with one application in each.")
    # A small file of equal values can unpack to more than any memory holds.
    check_size(f"'{shown}'", n_rows, len(schema), max_cells=MAX_CELLS)
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as exc:
        raise SourceError(f"'{shown}' is damaged. Write it again, or pass it as CSV.") from exc
    return RawTable(as_texts(frame), list(range(1, n_rows + 1)))


def as_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Every cell as text, stripped, missing ones empty."""
    return frame.select(_as_text(frame[name]).fill_null("").str.strip_chars() for name in frame.columns)


def _as_text(column: pl.Series) -> pl.Series:
    if column.dtype.is_float():
        column = column.fill_nan(None)
        known = column.drop_nulls()
        # Gaps turn whole numbers into floats; they are read as what they were.
        if known.is_finite().all() and (known == known.round()).all() and (known.abs() < 2**53).all():
            column = column.cast(pl.Int64)
    elif isinstance(column.dtype, pl.Datetime):
        column = column.dt.to_string("iso:strict")
    elif isinstance(column.dtype, pl.Duration):
        column = column.dt.total_days()
    return column.cast(pl.String)
