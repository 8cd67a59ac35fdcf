"""Tables in text files: separated by commas, semicolons, tabs, bars or blanks, in whatever encoding people save them.

Here is how such a file is written; its rows are read in creditrisk.sources.rows. Of a workbook the text is read that
its sheet could be saved as.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import BinaryIO

from creditrisk.errors import SourceError
from creditrisk.sources.above import NUMBERS_SHARE, TOP_LINES, delimiter_in, start_of
from creditrisk.sources.rows import Layout, Text, numbered, pieces
from creditrisk.sources.spreadsheets import SAVE_AS_CSV, SUFFIXES, as_csv, damaged, is_workbook
from creditrisk.sources.table import (
    MAX_CELLS,
    MAX_CELLS_SENT,
    PLAIN_NUMBER,
    RawTable,
    check_size,
    in_blocks,
    join_blocks,
    nameless,
)
from creditrisk.text import shorten

# Scientific archives separate columns by blanks; in a clerk's CSV a blank is part of a name.
BLANK_SEPARATED = (".txt", ".data", ".dat", ".asc")

MAX_LINE_CHARS = 200_000
_READ_BYTES = 2**20
_MAGIC_BYTES = 8
# Binary data show themselves in so much of a text.
_TOP_CHARS = 100_000

TABLES = "a CSV file or a workbook (.xlsx, .ods)"
_FILE_KINDS = (
    (b"%PDF", "a PDF document", f"Ask for the table behind it as {TABLES}."),
    (b"PAR1", "a Parquet file", "Export it as CSV."),
    (b"\x1f\x8b", "a compressed file", "Unpack it first, then upload the file inside."),
    (b"\x89PNG", "a picture", f"Choose the table with the clients: {TABLES}."),
    (b"\xff\xd8\xff", "a picture", f"Choose the table with the clients: {TABLES}."),
    (b"GIF8", "a picture", f"Choose the table with the clients: {TABLES}."),
)
# How spreadsheets say on a line of its own what divides the columns.
_NAMED_DELIMITER = re.compile(r'"?sep=([,;|\t])"?', re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")


def parse_upload(content: bytes, *, filename: str, max_rows: int) -> RawTable:
    """A clerk's file: comma, semicolon, tab or bar; UTF-8, UTF-16 with its mark, or Windows-1252; or a workbook.

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
    blocks = _pieces(io.BytesIO(content), filename, max_rows=max_rows, names=names)
    return join_blocks(list(blocks))


def parse_blocks(
    stream: BinaryIO, *, filename: str, block_rows: int, max_rows: int | None = None
) -> Iterator[RawTable]:
    """What `parse_table` reads, in blocks of `block_rows` rows, of which one is in memory at a time.

    Parameters
    ----------
    stream
        The file's bytes, which are gone through twice: it can be set back to where it stands.

    Raises
    ------
    SourceError
        As `parse_table`, once the block with the fault is asked for.
    """
    return in_blocks(_pieces(stream, filename, max_rows=max_rows), block_rows)


def _pieces(
    stream: BinaryIO, filename: str, *, max_rows: int | None, names: Sequence[str] | None = None
) -> Iterator[RawTable]:
    shown = shorten(filename, 60)
    start = stream.tell()
    if is_workbook(magic := stream.read(_MAGIC_BYTES)):
        text_of_sheet, note = as_csv(magic + stream.read(), shown)
        for piece in _pieces(io.BytesIO(text_of_sheet), filename, max_rows=max_rows, names=names):
            yield replace(piece, note=note)
        return
    stream.seek(start)
    encoding = _encoding(stream, shown, is_called_workbook=suffix_of(filename) in SUFFIXES)
    stream.seek(start)
    text = Text(stream, encoding)
    top = text.position
    lines = list(islice((line for line in text.lines() if line.strip()), TOP_LINES))
    first = (lines or [""])[0].replace("\r\n", "\n")
    text.position = top
    if len(first) > MAX_LINE_CHARS:
        raise SourceError(
            f"the first line of '{shown}' is {len(first):,} characters long. Expected the names of the columns; "
            "check that the file is a CSV file with one client on each line."
        )
    named = _NAMED_DELIMITER.fullmatch(first.rstrip("\r\n"))
    n_titles = 0
    if named:
        delimiter, n_titles = named[1], 1
    elif names is None:
        delimiter, n_titles = start_of(lines, shown, blanks=suffix_of(filename) in BLANK_SEPARATED)
    else:
        delimiter = delimiter_in(first, blanks=suffix_of(filename) in BLANK_SEPARATED)
    rows = numbered(text, delimiter, shown)
    for _ in range(n_titles):
        next(rows)
    header = list(names) if names is not None else _names(text, rows, delimiter, shown)
    check_size(f"the first line of '{shown}'", 0, len(header))
    layout = Layout(header, delimiter, shown, MAX_CELLS if max_rows is None else MAX_CELLS_SENT, max_rows)
    n_rows = 0
    for piece in pieces(text, layout):
        n_rows += piece.frame.height
        yield piece
    if not n_rows:
        raise SourceError(
            f"'{shown}' has a line with column names but no clients below it. Add one line for each client and try "
            "again."
        )


def _names(text: Text, rows: Iterator[tuple[int, list[str]]], delimiter: str, shown: str) -> list[str]:
    """The names of the columns; `text` goes on with the first row below them."""
    start = text.position
    top = list(islice(rows, 1))
    below_names = text.position
    top += islice(rows, 1)
    if _is_row([cells for _, cells in top]):
        text.position = start
        # A last cell with nothing in it is one, but for blanks at the end of a line that divides by blanks.
        return nameless(len(_without_end(top[0][1]) if delimiter == " " else top[0][1]))
    text.position = below_names
    return _header(top[0][1] if top else [], shown)


def suffix_of(filename: str) -> str:
    """The ending of a file's name in small letters, without `.gz` and without what a dash adds to it.

    Examples
    --------
    >>> suffix_of("Loans.CSV.gz"), suffix_of("loans.data-numeric")
    ('.csv', '.data')
    """
    return Path(filename.lower().removesuffix(".gz")).suffix.partition("-")[0]


def _encoding(stream: BinaryIO, shown: str, *, is_called_workbook: bool) -> str:
    """How the text is encoded; an error in a clerk's words if it is no text, but by its name perhaps a workbook."""
    start = stream.tell()
    top = stream.read(500)
    for magic, kind, advice in _FILE_KINDS:
        if top.startswith(magic):
            raise SourceError(f"'{shown}' is {kind}, not a table. {advice}")
    if top.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise SourceError(f"'{shown}' is a web page, not a table. Download the table itself and try again.")
    if top.lstrip().startswith((b"{", b"[{", b"<?xml")):
        kind = "XML" if top.lstrip().startswith(b"<") else "JSON"
        raise SourceError(f"'{shown}' holds {kind}, not a table. Expected {TABLES}: write its records as rows.")
    for encoding in ("utf-16",) if top.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "cp1252", "latin-1"):
        stream.seek(start)
        try:
            is_text = _is_text(stream, encoding, shown)
        except UnicodeDecodeError:
            continue
        if is_text:
            return encoding
        break
    if re.fullmatch(rb"[\t\n\r\x01-\x03\x1c-\x1f\x20-\x7e\x80-\xff]+", top) and re.search(
        rb"[\x01-\x03\x1c-\x1f]", top
    ):
        raise SourceError(
            f"the cells of '{shown}' seem to be divided by control characters, as Hive writes them. Expected commas, "
            "semicolons, tabs or bars; write it as CSV and try again."
        )
    if is_called_workbook:
        raise damaged(shown)
    raise SourceError(f"'{shown}' holds binary data, not text. Expected {TABLES}. {SAVE_AS_CSV}")


def _is_text(stream: BinaryIO, encoding: str, shown: str) -> bool:
    """Whether a stream in some encoding holds no binary data; UnicodeDecodeError if it is in another encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    is_blank, has_nul, top = True, False, ""
    while True:
        part = stream.read(_READ_BYTES)
        # Most parts are plain ASCII and need no decoding, where a byte is a character.
        is_whole = encoding != "utf-16" and decoder.getstate()[0] == b"" and len(top) >= _TOP_CHARS
        if part and is_whole and not is_blank and part.isascii():
            has_nul = has_nul or b"\0" in part
            continue
        text = decoder.decode(part, not part)
        is_blank = is_blank and not text.strip()
        has_nul = has_nul or "\0" in text
        top += text if len(top) < _TOP_CHARS else ""
        if not part:
            break
    if is_blank:
        raise SourceError(f"'{shown}' is empty. Expected a line with the names of the columns, then one line a client.")
    return not has_nul and not _CONTROL.search(top[:_TOP_CHARS])


def _is_row(top: Sequence[Sequence[str]]) -> bool:
    """Whether the first of two lines is a row already: many numbers, where the second has no words.

    Years and counts make names as well: 2019, 2020, 2021.
    """
    if len(top) < 2:
        return False
    first, second = ([cell.strip() for cell in cells] for cells in top)
    numeric = [column for column, cell in enumerate(first) if PLAIN_NUMBER.fullmatch(cell)]
    if len(numeric) < max(2, NUMBERS_SHARE * len(first)) or len(first) != len(second):
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
