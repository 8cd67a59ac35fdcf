"""Tables in Parquet files: whole numbers without a point, spans of time in days, everything else as it is.

Texts are made of all that only where somebody asks for them: see `table.as_texts`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import polars as pl

from creditrisk.errors import SourceError
from creditrisk.sources.table import MAX_CELLS, RawTable, check_size, join_blocks
from creditrisk.text import shorten

# So many rows are unpacked at once, whatever the file's own groups of rows are.
PIECE_ROWS = 2**18


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
    piece_rows = max(PIECE_ROWS // block_rows, 1) * block_rows
    others = [scan().slice(start, piece_rows) for start in range(piece_rows, n_rows, piece_rows)]
    try:
        first = scan().head(piece_rows).collect()
        as_read = list(_as_read(schema, _whole_numbers([first.lazy(), *others], schema)))
        pieces = chain([first], (piece.collect() for piece in others))
        del first
        n_before = 0
        for piece in pieces:
            frame = piece.with_columns(as_read)
            for start in range(0, frame.height, block_rows):
                block = frame[start : start + block_rows]
                lines = range(n_before + 1, n_before + block.height + 1)
                n_before += block.height
                if on_read is not None:
                    on_read(n_before / n_rows)
                yield RawTable(block, lines, first_row=lines.start)
    except (pl.exceptions.PolarsError, OSError) as exc:
        raise SourceError(f"'{shown}' is damaged. Write it again, or pass it as CSV.") from exc


def _whole_numbers(pieces: Iterable[pl.LazyFrame], schema: Mapping[str, pl.DataType]) -> list[str]:
    """The columns of floats that hold whole numbers only: gaps make floats of those, and they are read as they were."""
    names = [name for name, kind in schema.items() if kind.is_float()]
    for piece in pieces:
        if not names:
            break
        known = pl.col(names).fill_nan(None)
        is_whole = (known == known.round()).all() & (known.abs().max() < 2**53).fill_null(True)
        found = piece.select(is_whole).collect().row(0, named=True)
        names = [name for name in names if found[name]]
    return names


def _as_read(schema: Mapping[str, pl.DataType], whole: Collection[str]) -> Iterator[pl.Expr]:
    """What is done to columns before anybody sees them."""
    for name, kind in schema.items():
        cells = pl.col(name)
        if kind.is_float():
            yield cells.fill_nan(None).cast(pl.Int64) if name in whole else cells.fill_nan(None)
        elif isinstance(kind, pl.Duration):
            yield cells.dt.total_days()
        elif kind in (pl.Categorical, pl.Enum):
            yield cells.cast(pl.String)
