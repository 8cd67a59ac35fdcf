"""Tables in Parquet files, as texts: whole numbers without a point, dates as 2024-03-31, spans of time in days."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import polars as pl

from creditrisk.errors import SourceError
from creditrisk.sources.table import MAX_CELLS, RawTable, check_size, join_blocks
from creditrisk.text import shorten


def parse(content: bytes, *, filename: str) -> RawTable:
    """The table in a Parquet file; missing values are empty cells.

    Raises
    ------
    SourceError
        If the file is no Parquet file, holds no rows, or a column holds lists or objects.
    """
    return join_blocks(list(parse_blocks(content, filename=filename, block_rows=MAX_CELLS)))


def parse_blocks(
    source: bytes | BinaryIO, *, filename: str, block_rows: int, on_read: Callable[[float], None] | None = None
) -> Iterator[RawTable]:
    """What `parse` reads, in blocks of `block_rows` rows; same errors.

    Parameters
    ----------
    on_read
        Called before each block with the share of the rows that was read by then.
    """
    shown = shorten(filename, 60)
    path = Path(source.name) if not isinstance(source, bytes) and isinstance(source.name, str) else None
    content = source if isinstance(source, bytes) else b"" if path else source.read()

    def scan() -> pl.LazyFrame:
        return pl.scan_parquet(path or io.BytesIO(content))

    try:
        schema = pl.read_parquet_schema(path or io.BytesIO(content))
        n_rows = int(scan().select(pl.len()).collect().item())
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
        whole = _whole_numbers(scan(), schema)
        for start in range(0, n_rows, block_rows):
            frame = scan().slice(start, block_rows).collect()
            lines = list(range(start + 1, start + frame.height + 1))
            if on_read is not None:
                on_read((start + frame.height) / n_rows)
            yield RawTable(_as_texts(frame, whole), lines, first_row=start + 1)
    except (pl.exceptions.PolarsError, OSError) as exc:
        raise SourceError(f"'{shown}' is damaged. Write it again, or pass it as CSV.") from exc


def _whole_numbers(table: pl.LazyFrame, schema: Mapping[str, pl.DataType]) -> frozenset[str]:
    """The columns of floats that hold whole numbers only: gaps make floats of those, and they are read as they were."""
    names = [name for name, kind in schema.items() if kind.is_float()]
    if not names:
        return frozenset()
    known = pl.col(names).fill_nan(None)
    is_whole = known.is_finite() & (known == known.round()) & (known.abs() < 2**53)
    found = table.select(is_whole.all()).collect(engine="streaming").row(0, named=True)
    return frozenset(name for name in names if found[name])


def _as_texts(frame: pl.DataFrame, whole: frozenset[str]) -> pl.DataFrame:
    """Every cell as text, stripped, missing ones empty."""
    return frame.select(_as_text(frame[name], is_whole=name in whole).fill_null("") for name in frame.columns)


def _as_text(column: pl.Series, *, is_whole: bool) -> pl.Series:
    if column.dtype.is_float():
        column = column.fill_nan(None)
        column = column.cast(pl.Int64) if is_whole else column
    elif isinstance(column.dtype, pl.Datetime):
        column = column.dt.to_string("iso:strict")
    elif isinstance(column.dtype, pl.Duration):
        column = column.dt.total_days()
    texts = column.cast(pl.String)
    return texts.str.strip_chars() if column.dtype in (pl.String, pl.Categorical, pl.Enum) else texts
