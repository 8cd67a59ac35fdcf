"""Tables in text files: separated by commas, semicolons, tabs, bars or blanks, in whatever encoding people save them.

Read with the standard library, which knows the line of every fault: polars' own reader was no faster on 42,535 rows of
152 columns, and took three times the memory.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise
from pathlib import Path

import polars as pl

from creditrisk.errors import SourceError
from creditrisk.sources.table import (
    MAX_CELLS,
    MAX_CELLS_SENT,
    MAX_ROW_CELLS,
    PLAIN_NUMBER,
    RawTable,
    check_size,
    nameless,
)
from creditrisk.text import shorten

# Scientific archives separate columns by blanks; in a clerk's CSV a blank is part of a name.
BLANK_SEPARATED = (".txt", ".data", ".dat", ".asc")
SAVE_AS_CSV = "Open it in your spreadsheet program, choose 'Save as' and then 'CSV UTF-8'."

MAX_LINE_CHARS = 200_000
_CHUNK_ROWS = 1_000

_FILE_KINDS = (
    (b"%PDF", "a PDF document", "Ask for the table behind it as a CSV file."),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", SAVE_AS_CSV),
    (b"PAR1", "a Parquet file", "Export it as CSV."),
    (b"\x1f\x8b", "a compressed file", "Unpack it first, then upload the CSV file inside."),
    (b"\x89PNG", "a picture", "Choose the CSV file with the clients."),
    (b"\xff\xd8\xff", "a picture", "Choose the CSV file with the clients."),
    (b"GIF8", "a picture", "Choose the CSV file with the clients."),
)
# How spreadsheets say on a line of its own what divides the columns.
_NAMED_DELIMITER = re.compile(r'"?sep=([,;|\t])"?', re.IGNORECASE)
# If so large a part of the first line are numbers, it is a row already.
_NUMBERS_SHARE = 0.25
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")


def parse_upload(content: bytes, *, filename: str, max_rows: int) -> RawTable:
    """A clerk's file: comma, semicolon, tab or bar; UTF-8, UTF-16 with its mark, or Windows-1252.

    Raises
    ------
    SourceError
        With a sentence for the clerk, if the file is empty, not a table, or has more than `max_rows` rows.
    """
    return parse_table(content, filename=filename, max_rows=max_rows)


def parse_table(
    content: bytes, *, filename: str, max_rows: int | None = None, names: Sequence[str] | None = None
) -> RawTable:
    """Parse `content`; `names` are the columns of a file that has no line with names.

    Without them, a first line that holds a row already makes them `column 1`, `column 2`, and so on. Lines without any
    text are skipped. `filename` is used for its ending and in sentences.

    Examples
    --------
    >>> table = parse_table(b'name;age\\n\\nAda;36\\n', filename="clients.csv")
    >>> table.frame.rows(), table.lines
    ([('Ada', '36')], [3])
    """
    shown = shorten(filename, 60)
    encoding = _encoding(content, shown)
    # Decoded line by line: the whole text at once would be the largest thing in memory.
    lines = io.TextIOWrapper(io.BytesIO(content), encoding, newline="")
    first = next((line for line in io.TextIOWrapper(io.BytesIO(content), encoding) if line.strip()), "")
    if len(first) > MAX_LINE_CHARS:
        raise SourceError(
            f"the first line of '{shown}' is {len(first):,} characters long. Expected the names of the columns; "
            "check that the file is a CSV file with one client on each line."
        )
    named = _NAMED_DELIMITER.fullmatch(first.rstrip("\r\n"))
    delimiter = named[1] if named else _delimiter(first, blanks=suffix_of(filename) in BLANK_SEPARATED)
    rows = _numbered(lines, delimiter, shown)
    if named:
        next(rows)
    if names is not None:
        return _collect(list(names), rows, delimiter, shown, max_rows)
    top = list(islice(rows, 2))
    if _is_row([cells for _, cells in top]):
        # A last cell with nothing in it is one, but for blanks at the end of a line that divides by blanks.
        cells = _without_end(top[0][1]) if delimiter == " " else top[0][1]
        return _collect(nameless(len(cells)), chain(top, rows), delimiter, shown, max_rows)
    return _collect(_header(top[0][1] if top else [], shown), chain(top[1:], rows), delimiter, shown, max_rows)


def suffix_of(filename: str) -> str:
    """The ending of a file's name in small letters, without `.gz` and without what a dash adds to it.

    Examples
    --------
    >>> suffix_of("Loans.CSV.gz"), suffix_of("loans.data-numeric")
    ('.csv', '.data')
    """
    return Path(filename.lower().removesuffix(".gz")).suffix.partition("-")[0]


def _encoding(content: bytes, shown: str) -> str:
    """How the text is encoded; an error in a clerk's words if it is no text."""
    for magic, kind, advice in _FILE_KINDS:
        if content.startswith(magic):
            raise SourceError(f"'{shown}' is {kind}, not a CSV file. {advice}")
    if content.startswith(b"PK\x03\x04"):
        kind = "an Excel workbook" if b"xl/" in content or b"[Content_Types].xml" in content[:200] else "a zip archive"
        advice = SAVE_AS_CSV if kind == "an Excel workbook" else "Unpack it first, then upload the CSV file inside."
        raise SourceError(f"'{shown}' is {kind}, not a CSV file. {advice}")
    if content[:500].lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise SourceError(f"'{shown}' is a web page, not a CSV file. Download the table itself and try again.")
    has_utf16_mark = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if has_utf16_mark else ("utf-8-sig", "cp1252", "latin-1"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not text.strip():
            raise SourceError(
                f"'{shown}' is empty. Expected a line with the names of the columns, then one line a client."
            )
        if "\x00" not in text and not _CONTROL.search(text, 0, 100_000):
            return encoding
        break
    raise SourceError(f"'{shown}' holds binary data, not text. Expected a CSV file. {SAVE_AS_CSV}")


def _delimiter(line: str, *, blanks: bool) -> str:
    """The most frequent of comma, semicolon, tab and bar outside quotation marks."""
    bare = re.sub(r'"[^"]*"', "", line)
    best = max(",;\t|", key=bare.count)
    if not bare.count(best) and blanks and " " in bare.strip():
        return " "
    return best


def _numbered(lines: Iterable[str], delimiter: str, shown: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with any text in them, each with the line it starts on."""
    line = 1
    n_divided = 0

    def counted() -> Iterator[str]:
        nonlocal n_divided
        for text in lines:
            n_divided += text.count(delimiter)
            if n_divided > MAX_ROW_CELLS:
                raise SourceError(
                    f"the row that starts on line {line:,} of '{shown}' has more than {MAX_ROW_CELLS:,} cells. Check "
                    "that the file is a CSV file with one client on each line."
                )
            yield text

    reader = csv.reader(counted(), delimiter=delimiter, skipinitialspace=delimiter == " ", strict=True)
    try:
        for cells in reader:
            n_divided = 0
            if any(map(str.strip, cells)):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as exc:
        raise SourceError(
            f"the row that starts on line {line:,} of '{shown}' has a quotation mark that is never closed or stands in "
            f"the middle of a value, or a value of more than {csv.field_size_limit():,} characters. Correct that line "
            "and try again."
        ) from exc


def _is_row(top: Sequence[Sequence[str]]) -> bool:
    """Whether the first of two lines is a row already: many numbers, where the second has no words.

    Years and counts make names as well: 2019, 2020, 2021.
    """
    if len(top) < 2:
        return False
    first, second = ([cell.strip() for cell in cells] for cells in top)
    numeric = [column for column, cell in enumerate(first) if PLAIN_NUMBER.fullmatch(cell)]
    if len(numeric) < max(2, _NUMBERS_SHARE * len(first)) or len(first) != len(second):
        return False
    numbers = [float(first[column].replace(",", ".")) for column in numeric]
    if all(after - before == 1 for before, after in pairwise(numbers)):
        return False
    below = [second[column] for column in numeric]
    return sum(cell.isalpha() for cell in below) < len(below) / 2


def _without_end(cells: Sequence[str]) -> list[str]:
    """The cells without blanks around them and without empty ones at the end."""
    out = [cell.strip() for cell in cells]
    while len(out) > 1 and not out[-1]:
        out.pop()
    return out


def _header(cells: list[str], shown: str) -> list[str]:
    names = _without_end(cells)
    check_size(f"the first line of '{shown}'", 0, len(names))
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled and any(map(PLAIN_NUMBER.fullmatch, names)):
        # Not repeated here: these are a client's data.
        raise SourceError(
            f"the first line of '{shown}' holds numbers, so it seems to be a client already. "
            "Put a line with the names of the columns above it and try again."
        )
    if doubled:
        raise SourceError(
            f"'{shown}' has more than one column called {', '.join(repr(shorten(name)) for name in doubled[:5])}. "
            "Rename or delete the extra ones and try again."
        )
    return [name or f"column {number}" for number, name in enumerate(names, start=1)]


def _collect(
    header: list[str], rows: Iterable[tuple[int, list[str]]], delimiter: str, shown: str, max_rows: int | None
) -> RawTable:
    width = len(header)
    check_size(f"the first line of '{shown}'", 0, width)
    max_cells = MAX_CELLS if max_rows is None else MAX_CELLS_SENT
    n_absent = 0
    lines: list[int] = []
    ragged: dict[int, int] = {}
    chunks: list[pl.DataFrame] = []
    chunk: list[list[str]] = []

    def flush() -> None:
        check_size(f"'{shown}'", len(lines), width, n_absent, max_cells=max_cells)
        columns = zip(*chunk, strict=True)
        frame = pl.DataFrame([pl.Series(n, c, dtype=pl.String) for n, c in zip(header, columns, strict=True)])
        chunks.append(frame.select(pl.all().str.strip_chars()))
        chunk.clear()

    for line, cells in rows:
        if max_rows is not None and len(lines) == max_rows:
            raise SourceError(
                f"'{shown}' has more than {max_rows:,} rows, the most that can be scored at once. "
                "Split it into smaller files and upload them one after the other."
            )
        lines.append(line)
        if len(cells) == width:
            chunk.append(cells)
        else:
            chunk.append([*cells[:width], *[""] * (width - len(cells))])
            n_absent += max(0, width - len(cells))
            # Blank cells beyond the last column are what spreadsheets leave behind.
            if len(cells) < width or any(map(str.strip, cells[width:])):
                ragged[len(lines)] = len(cells)
        if len(chunk) == _CHUNK_ROWS:
            flush()
    if chunk:
        flush()
    if not chunks:
        raise SourceError(
            f"'{shown}' has a line with column names but no clients below it. Add one line for each client and try "
            "again."
        )
    return RawTable(pl.concat(chunks), lines, ragged, delimiter)
