"""The rows of a text file, piece by piece: clean pieces by polars, all others line by line with Python's own reader.

Python's reader knows the line of every fault and takes ten times as long. Lines are clean if nothing in their bytes can
be read in two ways (creditrisk.sources.scan). Both ways give the same rows, which a test says.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

import polars as pl

from creditrisk.errors import SourceError
from creditrisk.sources.table import MAX_ROW_CELLS, RawTable, check_size, join_blocks

PIECE_BYTES = 2**22
_CHUNK_ROWS = 1_000
_READ_BYTES = 2**20
# Fewer are read line by line in less time than it takes to import what finds out that they are clean.
FEW_BYTES = 2**16
_MARK = codecs.BOM_UTF8


class Text:
    """The text of a stream as UTF-8, from `at` on, which is the start of line number `line`."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decoder = None if encoding == "utf-8-sig" else codecs.getincrementaldecoder(encoding)()
        self._is_done = False
        self._kept = b""
        self.at = 0
        self.line = 1
        self._fill(len(_MARK))
        self._kept = self._kept.removeprefix(_MARK)

    def piece(self) -> bytes:
        """What comes next, in whole lines if one ends within a piece; empty at the end."""
        self._kept, self.at = self._kept[self.at :], 0
        self._fill(PIECE_BYTES)
        if self._is_done and len(self._kept) <= PIECE_BYTES:
            return self._kept
        return self._kept[: self._kept.rfind(b"\n", 0, PIECE_BYTES) + 1] or self._kept[:PIECE_BYTES]

    @property
    def position(self) -> tuple[int, int]:
        """Where it goes on; to be set back to only before a piece is taken."""
        return self.at, self.line

    @position.setter
    def position(self, position: tuple[int, int]) -> None:
        self.at, self.line = position

    def ends_with(self, piece: bytes) -> bool:
        """Whether nothing follows a piece that was just taken."""
        return self._is_done and len(piece) == len(self._kept)

    def skip(self, n_bytes: int, n_lines: int) -> None:
        """Go on behind lines that were read."""
        self.at += n_bytes
        self.line += n_lines

    def lines(self) -> Iterator[str]:
        """Line by line, each with its end; `at` and `line` go on with each."""
        while True:
            end = self._end_of_lines()
            for line in self._kept[self.at : end].splitlines(keepends=True):
                self.skip(len(line), 1)
                yield line.decode("utf-8")
            if self._is_done and self.at == len(self._kept):
                return

    def _end_of_lines(self) -> int:
        """Where the last whole line ends of those next; there is one, unless this is the end."""
        n_ahead = _READ_BYTES
        while True:
            self._fill(n_ahead)
            end = min(self.at + n_ahead, len(self._kept))
            if self._is_done and end == len(self._kept):
                return end
            # A return at the very end may be the first half of a line's end.
            last = max(self._kept.rfind(b"\n", self.at, end), self._kept.rfind(b"\r", self.at, end - 1))
            if last >= 0:
                return last + 1
            n_ahead *= 2

    def _fill(self, n_bytes: int) -> None:
        """Read on until so many bytes beyond `at` are at hand, or to the end."""
        n_bytes -= len(self._kept) - self.at
        if n_bytes <= 0 or self._is_done:
            return
        parts = [self._kept]
        while n_bytes > 0 and not self._is_done:
            part = self._stream.read(max(n_bytes, _READ_BYTES))
            self._is_done = not part
            if self._decoder is not None:
                part = self._decoder.decode(part, self._is_done).encode("utf-8")
            parts.append(part)
            n_bytes -= len(part)
        self._kept = b"".join(parts)


def numbered(text: Text, delimiter: str, shown: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with anything in them, each with the line it starts on; `text` goes on with each."""
    line = text.line
    n_divided = 0

    def counted() -> Iterator[str]:
        nonlocal n_divided
        for content in text.lines():
            n_divided += content.count(delimiter)
            if n_divided > MAX_ROW_CELLS:
                raise SourceError(
                    f"the row that starts on line {line:,} of '{shown}' has more than {MAX_ROW_CELLS:,} cells. Check "
                    "that the file is a CSV file with one client on each line."
                )
            yield content

    reader = csv.reader(counted(), delimiter=delimiter, skipinitialspace=delimiter == " ", strict=True)
    try:
        for cells in reader:
            n_divided = 0
            if any(map(str.strip, cells)):
                yield line, cells
            line = text.line
    except csv.Error as exc:
        raise SourceError(
            f"the row that starts on line {line:,} of '{shown}' has a quotation mark that is never closed or stands in "
            f"the middle of a value, or a value of more than {csv.field_size_limit():,} characters. Correct that line "
            "and try again."
        ) from exc


@dataclass(frozen=True)
class Layout:
    """How a file divides its cells, what its columns and it are called, and what it may hold."""

    header: Sequence[str]
    delimiter: str
    shown: str
    max_cells: int
    max_rows: int | None
    # What stands around a text.
    quote: str = '"'

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.header)


@dataclass
class _Counts:
    """What was read so far: rows, and the cells that they lack."""

    rows: int = 0
    absent: int = 0

    def check(self, layout: Layout) -> None:
        if layout.max_rows is not None and self.rows > layout.max_rows:
            raise SourceError(
                f"'{layout.shown}' has more than {layout.max_rows:,} rows, the most that can be scored at once. "
                "Split it into smaller files and upload them one after the other."
            )
        check_size(f"'{layout.shown}'", self.rows, layout.width, self.absent, max_cells=layout.max_cells)


def pieces(text: Text, layout: Layout) -> Iterator[RawTable]:
    """The rows below the names of a table, as many at once as a piece of the text holds.

    Raises
    ------
    SourceError
        If there are too many rows or cells, or a line cannot be read.
    """
    counts = _Counts()
    while piece := text.piece():
        first_row = counts.rows + 1
        table = _clean(piece, text, layout)
        if table is None:
            table = _one_by_one(len(piece), text, layout, counts)
        else:
            counts.rows += table.frame.height
        counts.check(layout)
        if table.frame.height:
            yield replace(table, first_row=first_row)


def all_clean(content: bytes, first_line: int, layout: Layout) -> RawTable | None:
    """The rows of a text whose pieces are all clean, the first of them on a line of that number; None if one is not."""
    text, counts, tables = Text(io.BytesIO(content), "utf-8-sig"), _Counts(), []
    text.position = 0, first_line
    while piece := text.piece():
        table = _clean(piece, text, layout)
        if table is None:
            return None
        counts.rows += table.frame.height
        counts.check(layout)
        tables.append(table)
    return join_blocks(tables) if counts.rows else None


def _one_by_one(n_bytes: int, text: Text, layout: Layout, counts: _Counts) -> RawTable:
    """Rows read line by line, until so many bytes of the text are used up; counted as they come."""
    width = layout.width
    lines: list[int] = []
    ragged: dict[int, int] = {}
    frames: list[pl.DataFrame] = []
    rows: list[list[str]] = []

    def flush() -> None:
        check_size(f"'{layout.shown}'", counts.rows, width, counts.absent, max_cells=layout.max_cells)
        columns = zip(*rows, strict=True)
        frame = pl.DataFrame([pl.Series(n, c, dtype=pl.String) for n, c in zip(layout.header, columns, strict=True)])
        frames.append(frame.select(pl.all().str.strip_chars()))
        rows.clear()

    for line, cells in numbered(text, layout.delimiter, layout.shown):
        lines.append(line)
        counts.rows += 1
        if counts.rows == (layout.max_rows or 0) + 1:
            counts.check(layout)
        if len(cells) == width:
            rows.append(cells)
        else:
            rows.append([*cells[:width], *[""] * (width - len(cells))])
            counts.absent += max(0, width - len(cells))
            # Blank cells beyond the last column are what spreadsheets leave behind.
            if len(cells) < width or any(map(str.strip, cells[width:])):
                ragged[len(lines)] = len(cells)
        if len(rows) == _CHUNK_ROWS:
            flush()
        if text.at >= n_bytes:
            break
    if rows:
        flush()
    frame = pl.concat(frames) if frames else pl.DataFrame(schema=dict.fromkeys(layout.header, pl.String))
    return RawTable(frame, lines, ragged, layout.delimiter)


def _clean(piece: bytes, text: Text, layout: Layout) -> RawTable | None:
    """The rows at the top of a piece in which nothing can be read in two ways; `text` goes on behind them."""
    if len(piece) < FEW_BYTES or piece.startswith(_MARK):
        return None
    from creditrisk.sources.scan import clean_lines

    found = clean_lines(piece, layout.delimiter, layout.quote, layout.width, is_end=text.ends_with(piece))
    frame = _by_polars(piece[: found.n_bytes], layout, has_quotes=found.has_quotes) if found.n_lines else None
    if frame is None or frame.height != found.n_lines:
        return None
    if found.is_spaced:
        frame = frame.select(pl.all().str.strip_chars())
    lines = list(range(text.line, text.line + found.n_lines))
    text.skip(found.n_bytes, found.n_lines)
    if (frame[:, 0] == "").any():
        has_text = frame.select(pl.any_horizontal(pl.all() != "")).to_series()
        frame, lines = frame.filter(has_text), [lines[row] for row in has_text.arg_true()]
    return RawTable(frame, lines, delimiter=layout.delimiter)


def _by_polars(piece: bytes, layout: Layout, *, has_quotes: bool) -> pl.DataFrame | None:
    try:
        return pl.read_csv(
            piece,
            has_header=False,
            separator=layout.delimiter,
            quote_char=layout.quote if has_quotes else None,
            schema=dict.fromkeys(layout.header, pl.String),
            empty_string_is_null=False,
        )
    except pl.exceptions.PolarsError:
        # Such as a line of too many cells beside one of too few.
        return None
