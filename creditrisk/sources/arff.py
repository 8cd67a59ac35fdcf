"""Tables in ARFF files, Weka's and OpenML's format: names and kinds first, then rows, texts in single quotes."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from creditrisk.errors import SourceError
from creditrisk.sources.rows import Layout, all_clean
from creditrisk.sources.table import MAX_CELLS, MAX_COLUMNS, MAX_ROW_CELLS, RawTable, check_size
from creditrisk.text import shorten

_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_ATTRIBUTE = re.compile(rf"@attribute\s+({_QUOTED}|\S+)\s+\S", re.IGNORECASE)
_CELL = re.compile(rf"\s*({_QUOTED}|[^,'\"]*)\s*(,|$)")
_DATA = re.compile(rb"^[ \t]*@data[ \t]*\r?\n", re.IGNORECASE | re.MULTILINE)
# Comments, sparse rows, other quotation marks, and what stands for such marks within a text.
_MEANS_MORE = (b"%", b"{", b'"', b"\\")
_ESCAPED = re.compile(r"\\(.)")


def parse(content: bytes, *, filename: str) -> RawTable:
    """The table in an ARFF file; `?` stays as it is, a word for nothing.

    Raises
    ------
    SourceError
        If the file is no ARFF file, or of its sparse kind.

    Examples
    --------
    >>> head = b"@relation loans\\n@attribute 'checking status' {'<0', 'no checking'}\\n@attribute age real\\n"
    >>> text = head + b"@data\\n'<0',36\\n"
    >>> table = parse(text, filename="loans.arff")
    >>> table.frame.columns, table.frame.rows(), table.lines
    (['checking status', 'age'], [('<0', '36')], [5])
    """
    shown = shorten(filename, 60)
    if (table := _clean(content, shown)) is not None:
        return table
    lines = _lines(content)
    names, n_head = _head(lines, shown)
    rows: list[list[str]] = []
    row_lines: list[int] = []
    ragged: dict[int, int] = {}
    n_absent = 0
    for number, line in enumerate(lines[n_head:], start=n_head + 1):
        text = line.strip()
        if not text or text.startswith("%"):
            continue
        cells = _row(text, number, shown)
        if not any(cells):
            continue
        row_lines.append(number)
        n_absent += max(0, len(names) - len(cells))
        check_size(f"'{shown}'", len(row_lines), len(names), n_absent, max_cells=MAX_CELLS)
        rows.append([*cells[: len(names)], *[""] * (len(names) - len(cells))])
        if len(cells) != len(names):
            ragged[len(rows)] = len(cells)
    if not rows:
        raise SourceError(f"'{shown}' has no rows below @data. Pass a table with one application in each.")
    columns = zip(*rows, strict=True)
    frame = pl.DataFrame([pl.Series(name, cells, dtype=pl.String) for name, cells in zip(names, columns, strict=True)])
    return RawTable(frame, row_lines, ragged)


def _clean(content: bytes, shown: str) -> RawTable | None:
    """The table, read as a text file is, if nothing in it means more than it does there."""
    data = _DATA.search(content)
    if data is None or not content.isascii():
        return None
    rows = content[data.end() :]
    if any(sign in rows for sign in _MEANS_MORE):
        return None
    names, n_head = _head(_lines(content[: data.end()]), shown)
    return all_clean(rows, n_head + 1, Layout(names, ",", shown, MAX_CELLS, None, quote="'"))


def _lines(content: bytes) -> list[str]:
    try:
        return content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return content.decode("latin-1").splitlines()


def _head(lines: Sequence[str], shown: str) -> tuple[list[str], int]:
    """The names of the columns, and how many lines stand above the rows; SourceError if this is no ARFF file."""
    names: list[str] = []
    n_head = 0
    for number, line in enumerate(lines, start=1):
        if attribute := _ATTRIBUTE.match(line.strip()):
            names.append(_bare(attribute.group(1)))
        elif line.strip().lower() == "@data":
            n_head = number
            break
    if not n_head or not 0 < len(names) <= MAX_COLUMNS or len(set(names)) < len(names):
        raise SourceError(
            f"'{shown}' is not an ARFF file. Expected lines with @attribute, each with a name of its own, then @data."
        )
    return names, n_head


def _row(text: str, number: int, shown: str) -> list[str]:
    """The cells of the row on a line; SourceError if it cannot be read."""
    if text.startswith("{"):
        raise SourceError(f"'{shown}' is a sparse ARFF file, which cannot be read. Save it in the dense form.")
    if text.count(",") > MAX_ROW_CELLS:
        raise SourceError(f"line {number:,} of '{shown}' has more than {MAX_ROW_CELLS:,} cells. Check that line.")
    cells = _cells(text)
    if cells is None:
        raise SourceError(
            f"line {number:,} of '{shown}' has a quotation mark that is never closed or stands in the middle of a "
            "value. Correct that line and try again."
        )
    return cells


def _cells(line: str) -> list[str] | None:
    """The cells of a row; None if its quotation marks do not come in pairs."""
    cells = []
    start = 0
    while True:
        cell = _CELL.match(line, start)
        if cell is None:
            return None
        cells.append(_bare(cell.group(1)))
        start = cell.end()
        if cell.group(2) == "":
            return cells


def _bare(text: str) -> str:
    text = text.strip()
    return _ESCAPED.sub(r"\1", text[1:-1]).strip() if text[:1] in ("'", '"') else text
