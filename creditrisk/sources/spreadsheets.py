"""Workbooks (.xlsx, .xlsm, .ods): the sheet with the table, as the CSV file that it could be saved as.

Cells are what they hold, not what they are shown as: numbers in full and without a locale, days as 2024-03-31, yes and
no as true and false, errors such as #N/A as nothing. Rows keep their places, so that a line of the CSV is a row of the
sheet. A workbook comes from anybody: what it would unpack to, and how far its cells reach, is measured before the
library that reads it sees it, and it sees only what was measured. Neither formulas nor macros are run.
"""

from __future__ import annotations

import io
import re
import zlib
from typing import TYPE_CHECKING
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk.errors import SourceError
from creditrisk.sources.table import MAX_CELLS_SENT, check_size

if TYPE_CHECKING:
    from fastexcel import ExcelReader

SUFFIXES = (".xlsx", ".xlsm", ".ods")
SAVE_AS_CSV = "Open it in your spreadsheet program, choose 'Save as' and then 'CSV UTF-8'."
MAX_UNPACKED_BYTES = 2**30
# What a sheet of equal rows packs to is far above it; it is the size that counts where this is exceeded.
MAX_RATIO, RATIO_MATTERS_BYTES = 500, 2**26
MAX_PARTS, MAX_SHEETS = 2_000, 100
MEGABYTE = 2**20
# A text that many cells share, or that a cell repeats, is sent once and read as often as it is shared.
MAX_TEXT_BYTES = 2**28
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
# How a file says that it is protected, in an old container of Microsoft's and in OpenDocument's list of parts.
_PROTECTED_OLE, _PROTECTED_ODS = "EncryptedPackage".encode("utf-16-le"), b"manifest:encryption-data"
# What the texts and numbers of a sheet need; pictures, macros and settings of printers are left behind.
_NEEDED = (".xml", ".rels")
# How far the cells of a sheet reach. A part that says so in a way that is not found here is not read.
_PLACE = re.compile(rb"""[\s"']r\s*=\s*["']([A-Za-z]{0,9})([0-9]{0,10})["']""")
_ANY_PLACE = re.compile(rb"""[\s"']r\s*=[^<>]*>""")
_ROW, _CELL = re.compile(rb"<(?:[\w.-]+:)?row[\s/>]"), re.compile(rb"<(?:[\w.-]+:)?c[\s/>]")
_PLACED_CELL = re.compile(rb"""<(?:[\w.-]+:)?c(?:\s+[\w:.-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'))*?\s+r\s*=\s*["'][A-Za-z]""")
# The texts that cells share, and which of them a cell shows.
_NOT_NEEDED, _SHARED, _TEXT = "xl/calcchain.xml", "xl/sharedstrings.xml", re.compile(rb"<(?:[\w.-]+:)?si[\s/>]")
# How many there are, as the file has it: the library would make room for as many before it has seen one.
_SAID_COUNT = re.compile(rb"""(?<=[\s"'])(?:uniqueCount|count)\s*=\s*(?:"[^"<>]*"|'[^'<>]*')""")
_SHARING = re.compile(rb"""[\s"']t\s*=\s*["']s["']""")
_SHOWN = re.compile(rb"""[\s"']t\s*=\s*["']s["'][^<>]*>\s*<(?:[\w.-]+:)?v>([0-9]{1,9})<""")
_ODS_EMPTY_CELLS = re.compile(
    rb"(?:<table:(?:covered-)?table-cell(?:\s(?!office:)[^<>]*?)?/>\s*)+(?=</table:table-row>)"
)
_ODS_EMPTY_ROWS = re.compile(rb"(?:<table:table-row[^<>]*>\s*</table:table-row>\s*)+(?=</table:table>)")
_ODS_ROW, _ODS_CELL = re.compile(rb"<table:table-row[\s/>]"), re.compile(rb"<table:(?:covered-)?table-cell[\s/>]")
_ODS_COLUMNS = re.compile(rb"""table:number-columns-repeated\s*=\s*["']([0-9]{1,9})["']""")
_ODS_ROWS = re.compile(rb"""table:number-rows-repeated\s*=\s*["']([0-9]{1,9})["']""")
_ODS_SPACES = re.compile(rb"""text:c\s*=\s*["']([0-9]{1,9})["']""")
# Every one has to be found, however it is written.
_ODS_REPEATED = (
    (_ODS_COLUMNS, re.compile(rb"number-columns-repeated")),
    (_ODS_ROWS, re.compile(rb"number-rows-repeated")),
    (_ODS_SPACES, re.compile(rb"text:c\s*=")),
)
# A number as the library writes it: to 15 digits, without an exponent.
_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"
_MIDNIGHT, _ANY_TIME = r"^(\d{4}-\d\d-\d\d) 00:00:00$", r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
# What a time of day is counted from.
_DAY_ZERO = r"^1899-12-3[01] (\d\d:\d\d:\d\d)"


def is_workbook(top: bytes) -> bool:
    """Whether a file begins like a workbook, an old one, or an archive, which this room has a sentence for."""
    return top.startswith((_ZIP, _OLE))


def as_csv(content: bytes, shown: str) -> tuple[bytes, str]:
    """The first sheet with a table, as CSV in UTF-8, and a sentence that says which it is if there are several.

    Parameters
    ----------
    shown
        What the file is called in sentences.

    Raises
    ------
    SourceError
        If it is protected, of another kind, damaged or empty, or would be too large.
    """
    import fastexcel

    checked = _measured(content, shown)
    try:
        reader = fastexcel.read_excel(checked)
        for name in reader.sheet_names[:MAX_SHEETS]:
            cells = _cells(reader, name, shown)
            if cells.height > 1 and cells.width > 1:
                break
        else:
            name = reader.sheet_names[0]
            cells = _cells(reader, name, shown)
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError, IndexError) as exc:
        raise damaged(shown) from exc
    if cells.is_empty():
        raise SourceError(f"'{shown}' is empty. Expected a row with the names of the columns, then one row a client.")
    n_sheets = len(reader.sheet_names)
    note = f"Of the {n_sheets} sheets of the file, '{name}' was read." if n_sheets > 1 else ""
    text = cells.write_csv(include_header=False, quote_style="always", null_value="")
    return text.encode("utf-8", "replace"), note


def _cells(reader: ExcelReader, name: str, shown: str) -> pl.DataFrame:
    """Every cell of a sheet as a text of one line, from its first row on; no row if the sheet is hidden or empty."""
    sheet = reader.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
    if sheet.visible != "visible" or not sheet.width:
        return pl.DataFrame()
    texts = sheet.to_polars()
    n_filled = sum(text.null_count() < text.len() for text in texts)
    check_size(f"sheet '{name}' of '{shown}'", texts.height, n_filled)
    # The texts of numbers lack their last digits.
    numbers = reader.load_sheet(name, header_row=None, skip_rows=0, dtypes="float").to_polars()
    # One after the other is given a name, as the two call them alike and a sheet does not.
    return pl.DataFrame(
        [
            (_column(text, number) if text.null_count() < text.len() else text).alias(f"{place}")
            for place, (text, number) in enumerate(zip(texts, numbers, strict=True))
        ]
    )


def _column(texts: pl.Series, numbers: pl.Series) -> pl.Series:
    text, number = pl.col("text"), pl.col("number")
    is_number = number.is_not_null() & text.str.contains(_NUMBER)
    # Whole numbers, such as long ones of clients, are in full already.
    is_cut = is_number & (text.str.contains(".", literal=True) | (number != number.round()))
    is_day = (text.str.contains(_MIDNIGHT) | ~text.str.contains(_ANY_TIME)).fill_null(value=True).all()
    one_line = text.str.replace_all(r"[\r\n\x00]+", " ").str.replace(_DAY_ZERO, "$1")
    days = pl.when(is_day).then(one_line.str.replace(_MIDNIGHT, "$1")).otherwise(one_line)
    frame = pl.DataFrame({"text": texts, "number": numbers}, schema={"text": pl.String, "number": pl.Float64})
    return frame.select(pl.when(is_cut).then(number.cast(pl.String)).otherwise(days)).to_series()


def _measured(content: bytes, shown: str) -> bytes:
    """The parts of a workbook that are needed, unpacked and bounded, in an archive of our own."""
    if content.startswith(_OLE):
        if _PROTECTED_OLE in content:
            raise _protected(shown)
        raise SourceError(
            f"'{shown}' is an Excel workbook of the old kind (.xls). Open it in your spreadsheet program, choose "
            "'Save as' and then 'Excel workbook (.xlsx)' or 'CSV UTF-8'."
        )
    out = io.BytesIO()
    try:
        with ZipFile(io.BytesIO(content)) as archive, ZipFile(out, "w") as copy:
            _check_directory(archive, len(content), shown)
            names = dict.fromkeys(archive.namelist())
            shared = [_lengths(archive.read(name)) for name in names if name.lower() == _SHARED]
            lengths = np.concatenate([np.zeros(0, np.int64), *shared])
            n_cells = n_bytes = 0
            for name in names:
                if not name.lower().endswith(_NEEDED) or name.lower() == _NOT_NEEDED:
                    continue
                # No more is unpacked than the directory says, and what goes on then fails.
                part = archive.read(name)
                if name.lower() == _SHARED:
                    part = _SAID_COUNT.sub(b"", part)
                if name == "META-INF/manifest.xml" and _PROTECTED_ODS in part:
                    raise _protected(shown)
                is_ods = name == "content.xml"
                n_cells += _n_cells(part, shown, is_ods=is_ods)
                n_bytes += _n_bytes_repeated(part) if is_ods else _n_bytes_shown(part, lengths)
                if n_cells > MAX_CELLS_SENT or n_bytes > MAX_TEXT_BYTES:
                    raise _too_large(shown)
                _check_whole(part, shown)
                copy.writestr(name, part)
            if "content.xml" in archive.namelist():
                copy.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as exc:
        raise damaged(shown) from exc
    return out.getvalue()


def _check_directory(archive: ZipFile, n_bytes: int, shown: str) -> None:
    """Refuse an archive that is no workbook, or says that it would unpack to too much."""
    names = archive.namelist()
    kind = archive.read("mimetype")[:100] if _is_small(archive, "mimetype") else b""
    if "xl/workbook.bin" in names:
        raise SourceError(f"'{shown}' is a binary Excel workbook (.xlsb). Save it as .xlsx or CSV and try again.")
    if "xl/workbook.xml" not in names and b"opendocument.spreadsheet" not in kind:
        raise SourceError(
            f"'{shown}' is a zip archive, not a table or a workbook. Unpack it first, then upload the file inside."
        )
    n_unpacked = sum(part.file_size for part in archive.infolist() if part.filename.lower().endswith(_NEEDED))
    is_packed_oddly = n_unpacked > RATIO_MATTERS_BYTES and n_unpacked > MAX_RATIO * n_bytes
    if n_unpacked > MAX_UNPACKED_BYTES or is_packed_oddly or len(names) > MAX_PARTS:
        raise _too_large(shown)


def _is_small(archive: ZipFile, name: str) -> bool:
    return name in archive.namelist() and archive.getinfo(name).file_size < 1_000


def _n_cells(part: bytes, shown: str, *, is_ods: bool) -> int:
    """How many cells a table as large as a part's cells reach would have, empty ones included."""
    if b"\0" in part or part.startswith((b"\xff\xfe", b"\xfe\xff")) or b"<!DOCTYPE" in part or b"<!ENTITY" in part:
        raise damaged(shown)
    n_rows, n_columns = _reach_of_ods(part) if is_ods else _reach_of_xlsx(part)
    if n_rows < 0:
        raise damaged(shown)
    return n_rows * n_columns


def _check_whole(part: bytes, shown: str) -> None:
    """Refuse a part whose marks do not match: the library reads on for ever behind the end of one that was cut off."""
    parser = expat.ParserCreate()
    try:
        # Piece by piece, so that others of the process have their turn.
        for start in range(0, len(part), MEGABYTE):
            parser.Parse(part[start : start + MEGABYTE], False)
        parser.Parse(b"", True)
    except (expat.ExpatError, LookupError) as exc:  # the latter where it says to be of an encoding that is none
        raise damaged(shown) from exc


def _reach_of_xlsx(part: bytes) -> tuple[int, int]:
    """Rows and columns of a sheet, up to its last cell; a negative number if it cannot be told."""
    places = _PLACE.findall(part)
    if len(places) < len(_ANY_PLACE.findall(part)):
        return -1, 0
    letters = {place[0] for place in places}
    n_rows = max(map(int, {place[1] or b"0" for place in places}), default=0)
    n_columns = max(map(_column_number, letters), default=0)
    if len(_PLACED_CELL.findall(part)) < len(_CELL.findall(part)) or len(_ROW.findall(part)) > n_rows:
        # Cells without a place stand behind one another.
        rows = _ROW.split(part)
        n_rows += len(rows)
        n_columns += max(len(_CELL.findall(row)) for row in rows)
    return n_rows, n_columns


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = 26 * number + letter - 64
    return number


def _reach_of_ods(part: bytes) -> tuple[int, int]:
    """Rows and columns of the largest sheet, without the empty ones that stand at the ends of each."""
    bare = _ODS_EMPTY_ROWS.sub(b"", _ODS_EMPTY_CELLS.sub(b"", part))
    for repeated, any_repeated in _ODS_REPEATED:
        if len(repeated.findall(bare)) != len(any_repeated.findall(bare)):
            return -1, 0
    n_rows = n_columns = 0
    for row in _ODS_ROW.split(bare)[1:]:
        n_rows += sum(map(int, _ODS_ROWS.findall(row))) or 1
        n_columns = max(n_columns, len(_ODS_CELL.findall(row)) + sum(map(int, _ODS_COLUMNS.findall(row))))
    return n_rows, n_columns


def _lengths(part: bytes) -> NDArray[np.int64]:
    """How long each of the shared texts is at most, in bytes."""
    starts = np.array([match.start() for match in _TEXT.finditer(part)], dtype=np.int64)
    return np.diff(starts, append=len(part))


def _n_bytes_shown(part: bytes, lengths: NDArray[np.int64]) -> int:
    """How much text the cells of a sheet show at most of what they share; one that cannot be told shows the longest."""
    n_sharing = len(_SHARING.findall(part))
    longest = int(lengths.max(initial=0))
    if n_sharing * longest <= MAX_TEXT_BYTES:
        return n_sharing * longest
    numbers = np.array(_SHOWN.findall(part), dtype=np.int64)
    numbers = numbers[numbers < len(lengths)]
    return int(lengths[numbers].sum()) + (n_sharing - len(numbers)) * longest


def _n_bytes_repeated(part: bytes) -> int:
    """How much text all sheets of the other kind have at most by what is repeated, besides the empty ends of each."""
    bare = _ODS_EMPTY_ROWS.sub(b"", _ODS_EMPTY_CELLS.sub(b"", part))
    n_bytes = 0
    for row in _ODS_ROW.split(bare)[1:]:
        cells = _ODS_CELL.split(row) if _ODS_COLUMNS.search(row) else [row]
        sizes = [len(cell) + sum(map(int, _ODS_SPACES.findall(cell))) for cell in cells]
        in_row = sum(size * _times(_ODS_COLUMNS, cell) for size, cell in zip(sizes, cells, strict=True))
        n_bytes += in_row * _times(_ODS_ROWS, row) - len(row)
    return n_bytes


def _times(repeated: re.Pattern[bytes], part: bytes) -> int:
    return sum(map(int, repeated.findall(part))) or 1


def _protected(shown: str) -> SourceError:
    return SourceError(
        f"'{shown}' is protected by a password. Open it in your spreadsheet program, save it without one and try again."
    )


def damaged(shown: str) -> SourceError:
    """What is wrong with a workbook that cannot be read, by what it is called in sentences."""
    return SourceError(
        f"'{shown}' cannot be read as a workbook: it is damaged. Save it again, or as CSV, and try again."
    )


def _too_large(shown: str) -> SourceError:
    return SourceError(
        f"'{shown}' would unpack to more than can be read from a workbook: {MAX_CELLS_SENT:,} cells, empty ones "
        f"between others included, {MAX_TEXT_BYTES / 2**20:.0f} MB of text, and {MAX_UNPACKED_BYTES / 2**30:.0f} GB in "
        f"all. {SAVE_AS_CSV}"
    )
