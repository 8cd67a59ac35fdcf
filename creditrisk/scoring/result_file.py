"""A file of results, written as rows come: CSV, or Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from creditrisk.scoring.result_table import csv_text

RESULT_SUFFIXES = (".csv", ".parquet")

# Adds rows to a result.
Write = Callable[[pl.DataFrame], None]


@contextmanager
def result_file(path: Path, *, as_parquet: bool) -> Iterator[Write]:
    """A function that adds rows to a new file."""
    if not as_parquet:
        with path.open("w", encoding="utf-8") as file:

            def write_lines(rows: pl.DataFrame) -> None:
                file.write(csv_text(rows, with_header=file.tell() == 0))

            yield write_lines
        return
    import pyarrow.parquet

    writer: pyarrow.parquet.ParquetWriter | None = None

    def write(rows: pl.DataFrame) -> None:
        nonlocal writer
        table = rows.to_arrow()
        writer = writer or pyarrow.parquet.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()
