"""Workbooks (.xlsx) for a clerk to download: cells that are shown, and never run."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

MIMETYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Beyond this it takes longer than anybody waits.
MOST_ROWS = 100_000
# The most that a cell of a workbook holds.
_MOST_CHARS = 32_767
# What a spreadsheet may hold as a number without losing a digit, a leading zero or what it stands for.
_NUMBER = r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,10})?$"
_WIDEST, _ROWS_FOR_WIDTH = 60, 50


def workbook(sheets: Mapping[str, pl.DataFrame], folder: Path, *, has_decimal_commas: bool = False) -> bytes:
    """A workbook with a sheet for each table, its names on a first row that stays in sight.

    Texts are written as texts, so that none is taken for a formula or an address; a column of texts that are all plain
    numbers becomes one of numbers.

    Parameters
    ----------
    folder
        Where rows lie until the workbook is put together, as only a few of them are kept in memory.
    has_decimal_commas
        Whether a comma divides whole from decimals in those texts.

    Raises
    ------
    OSError
        If there is no room in the folder.
    """
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    out = io.BytesIO()
    try:
        with (
            TemporaryDirectory(dir=folder, prefix="workbook-") as rows,
            xlsxwriter.Workbook(out, {"constant_memory": True, "tmpdir": rows}) as book,
        ):
            _write(book, sheets, has_decimal_commas=has_decimal_commas)
    except FileCreateError as exc:
        # It wraps what the disk said, by which the app tells that there is no room.
        raise exc.args[0] from None
    return out.getvalue()


def _write(book: Any, sheets: Mapping[str, pl.DataFrame], *, has_decimal_commas: bool) -> None:
    bold = book.add_format({"bold": True})
    for name, table in sheets.items():
        sheet = book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        cells = table.select(_as_cells(column, has_decimal_commas) for column in table)
        for column, title in enumerate(cells.columns):
            sheet.set_column(column, column, _width(title, cells[:_ROWS_FOR_WIDTH, column]))
        for column, title in enumerate(cells.columns):
            sheet.write_string(0, column, title[:_MOST_CHARS], bold)
        writers = [sheet.write_string if kind == pl.String else sheet.write_number for kind in cells.dtypes]
        for row, values in enumerate(cells.iter_rows(), start=1):
            for column, value in enumerate(values):
                if value is not None and value != "":
                    writers[column](row, column, value)


def _as_cells(column: pl.Series, has_decimal_commas: bool) -> pl.Series:
    if column.dtype != pl.String:
        return column.fill_nan(None) if column.dtype.is_float() else column
    given = column.filter(column.fill_null("") != "")
    plain = given.str.replace(",", ".", literal=True) if has_decimal_commas else given
    if len(given) and plain.str.contains(_NUMBER).all():
        texts = column.str.replace(",", ".", literal=True) if has_decimal_commas else column
        return texts.cast(pl.Float64, strict=False)
    return column.str.slice(0, _MOST_CHARS)


def _width(title: str, top: pl.Series) -> int:
    longest = top.cast(pl.String).str.len_chars().max()
    return min(_WIDEST, 2 + max(len(title), longest if isinstance(longest, int) else 0))
