"""A table before it is checked, and the few things that are done to its cells."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import polars as pl

from creditrisk.errors import SourceError
from creditrisk.text import shorten

# What any table may hold, wherever it comes from.
MAX_COLUMNS = 2_000
MAX_CELL_CHARS = 131_072  # also what Python's csv takes
MAX_ROW_CELLS = 200_000  # of one row as it is read, before what is beyond the columns is cut
# Rows times columns, in what somebody sends and in what whoever runs this names.
MAX_CELLS_SENT = 20_000_000
MAX_CELLS = 1_000_000_000
# Cells that rows lack and that are filled up: a few bytes can ask for millions of them.
MAX_ABSENT_CELLS = 2_000_000
PLAIN_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?(e[+-]?\d+)?", re.IGNORECASE)
# An application as JSON holds it: a text, a number or null for each field's name.
Record = Mapping[str, Any]
# Days since 1970 of the calendar's first day, in the year 1, and of the one after its last, in the year 9999.
_FIRST_DAY, _AFTER_LAST_DAY = -719_162, 2_932_897


@dataclass(frozen=True)
class RawTable:
    """A table before it is checked: texts, or whatever types its format has.

    `frame` holds the cells as they came, `texts` every one of them as text.
    `lines` holds the line of the file on which each row starts (row numbers for JSON), counted from 1. `ragged` maps
    a row of `frame`, counted from 1, to the number of cells it had where that differs from the number of columns; such
    a row is cut or filled up in `frame` and rejected by quality.check. `delimiter` tells how decimals are written.
    `has_lines` is false for the records of a JSON call: sentences about them speak of no file. A block of a longer
    table begins with that table's row `first_row`. `note` says in a sentence which part of the file was read, if it is
    not all of it.
    """

    frame: pl.DataFrame
    lines: Sequence[int]
    ragged: dict[int, int] = field(default_factory=dict)
    delimiter: str = ","
    has_lines: bool = True
    first_row: int = 1
    note: str = ""

    @cached_property
    def texts(self) -> pl.DataFrame:
        """The table as `as_texts` gives it."""
        return as_texts(self.frame)

    @property
    def has_names(self) -> bool:
        """Whether the file says what its columns are called."""
        return not self.has_lines or self.frame.columns != nameless(self.frame.width)


def as_text(cells: pl.Series) -> pl.Series:
    """A column as texts: a day as 2024-03-31, a missing cell empty. What is text already is left as it is.

    Examples
    --------
    >>> as_text(pl.Series([1.5, None])).to_list()
    ['1.5', '']
    """
    if cells.dtype == pl.String:
        return cells
    if isinstance(cells.dtype, pl.Date | pl.Datetime):
        return _times_as_text(cells)
    return cells.cast(pl.String).fill_null("")


def _times_as_text(cells: pl.Series) -> pl.Series:
    """Days and times as texts; of those beyond the calendar only the number, which nobody reads as a day."""
    per_day = 1
    if isinstance(cells.dtype, pl.Datetime):
        per_day = 86_400 * {"ms": 10**3, "us": 10**6, "ns": 10**9}[cells.dtype.time_unit]
    numbers = cells.to_physical().cast(pl.Int64)
    first, last = max(_FIRST_DAY * per_day, -(2**63)), min(_AFTER_LAST_DAY * per_day - 1, 2**63 - 1)
    is_far = (numbers < first) | (numbers > last)
    near = pl.select(pl.when(~is_far).then(cells)).to_series()
    texts = near.dt.to_string("iso:strict") if per_day > 1 else near.cast(pl.String)
    return texts.fill_null(pl.select(pl.when(is_far).then(numbers.cast(pl.String))).to_series()).fill_null("")


def as_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """A table with every cell as text, stripped of blanks around it, empty if it is missing."""
    return frame.select(
        cells.str.strip_chars().fill_null("") if cells.dtype == pl.String else as_text(cells) for cells in frame
    )


def join_blocks(blocks: Sequence[RawTable]) -> RawTable:
    """Blocks of one table that follow one another, as one."""
    if len(blocks) == 1:
        return blocks[0]
    lines: list[int] = []
    ragged: dict[int, int] = {}
    for block in blocks:
        ragged |= {len(lines) + number: n_cells for number, n_cells in block.ragged.items()}
        lines += block.lines
    frame = pl.concat([block.frame for block in blocks])
    return replace(blocks[0], frame=frame, lines=lines, ragged=ragged)


def in_blocks(tables: Iterable[RawTable], block_rows: int) -> Iterator[RawTable]:
    """The rows of a table that comes in pieces of any length, in blocks of `block_rows` rows; the last has fewer."""
    kept: list[RawTable] = []
    for piece in tables:
        table = join_blocks([*kept, piece])
        n_rows = table.frame.height
        n_whole = n_rows - n_rows % block_rows
        for start in range(0, n_whole, block_rows):
            yield _part(table, start, start + block_rows)
        kept = [_part(table, n_whole, n_rows)] if n_whole < n_rows else []
    yield from kept


def _part(table: RawTable, start: int, stop: int) -> RawTable:
    ragged = {number - start: n_cells for number, n_cells in table.ragged.items() if start < number <= stop}
    frame, lines, first_row = table.frame[start:stop], table.lines[start:stop], table.first_row + start
    return replace(table, frame=frame, lines=lines, ragged=ragged, first_row=first_row)


def from_records(records: Sequence[Record]) -> RawTable:
    """The records of a JSON call; a key that a record lacks is an empty cell.

    Raises
    ------
    SourceError
        If there is no record, one is not an object of texts, numbers and nulls, or the table would be too large: all
        of that before anything is built.

    Examples
    --------
    >>> from_records([{"age": 36, "name": None}]).frame.rows()
    [('36', '')]
    """
    return _table(texts_of_records(records), len(records))


def texts_of_records(records: Sequence[Record]) -> dict[str, list[str]]:
    """The cells of the records of a JSON call as texts, by the name of their column; errors as of `from_records`.

    Examples
    --------
    >>> texts_of_records([{"age": 36, "name": None}])
    {'age': ['36'], 'name': ['']}
    """
    if not records:
        raise SourceError("there are no applications in the request. Expected a list with at least one.")
    names: dict[str, None] = {}
    n_given = 0
    for row, record in enumerate(records, start=1):
        if not isinstance(record, Mapping):
            raise SourceError(f"application {row} is not an object. Expected field names with their values.")
        for key, value in record.items():
            _check_value(value, key, row)
        names.update(dict.fromkeys(record))
        n_given += len(record)
        _check_width(names)
    if not names:
        raise SourceError("the applications in the request are empty. Expected field names with their values.")
    n_absent = len(records) * len(names) - n_given
    check_size("the request", len(records), len(names), n_absent)
    return _texts(list(names), ([record.get(name) for record in records] for name in names))


def from_rows(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> RawTable:
    """The rows of a JSON call that names its columns once.

    Raises
    ------
    SourceError
        As `from_records`, and if a row has another number of values than there are names.

    Examples
    --------
    >>> from_rows(["age", "name"], [[36, None]]).frame.rows()
    [('36', '')]
    """
    if not rows or not names:
        raise SourceError("there are no applications in the request. Expected names of columns, and at least one row.")
    _check_width(names)
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list | tuple) or len(row) != len(names):
            raise SourceError(f"row {number} does not hold one value for each of the {len(names):,} columns.")
        for name, value in zip(names, row, strict=True):
            _check_value(value, name, number)
    return _table(_texts(names, ([row[column] for row in rows] for column in range(len(names)))), len(rows))


def check_size(what: str, n_rows: int, n_columns: int, n_absent: int = 0, *, max_cells: int = MAX_CELLS_SENT) -> None:
    """Refuse a table that would take far more memory than any should; asked before rows of it are built.

    Parameters
    ----------
    what
        How the sentence calls the table.
    n_absent
        The cells that its rows lack.

    Raises
    ------
    SourceError
        If it has too many columns or cells, or lacks too many.
    """
    if n_columns > MAX_COLUMNS:
        raise SourceError(f"{what} has {n_columns:,} columns; at most {MAX_COLUMNS:,} can be read.")
    if n_rows * n_columns > max_cells:
        raise SourceError(
            f"{what} has more than {max_cells:,} cells in its {n_columns:,} columns, more than can be read. Leave out "
            "columns that are not needed, or pass it in parts."
        )
    if n_absent > MAX_ABSENT_CELLS:
        raise SourceError(
            f"{what} has {n_columns:,} columns, and its rows lack {n_absent:,} cells between them; at most "
            f"{MAX_ABSENT_CELLS:,} may be absent. Give every row a value, if an empty one, for each column."
        )


def _check_value(value: object, name: str, row: int) -> None:
    if value is None or isinstance(value, (int, float)):
        return
    if not isinstance(value, str) and isinstance(value, Mapping | list | tuple):
        what = "holds a list or an object"
    elif isinstance(value, str) and len(value) > MAX_CELL_CHARS:
        what = f"holds a text of more than {MAX_CELL_CHARS:,} characters"
    else:
        return
    raise SourceError(f"field '{shorten(str(name))}' of application {row} {what}. Expected a text, a number or null.")


def _check_width(names: Collection[str]) -> None:
    if len(names) > MAX_COLUMNS:
        raise SourceError(
            f"the applications have more than {MAX_COLUMNS:,} different fields, the most that can be read."
        )


def _texts(names: Sequence[str], columns: Iterable[list[Any]]) -> dict[str, list[str]]:
    headers = [_text(name) for name in names]
    if len(set(headers)) < len(headers):
        doubled = next(header for header in headers if headers.count(header) > 1)
        raise SourceError(f"more than one field is called '{shorten(doubled)}'. Rename or leave out the extra ones.")
    return {header: [_text(value) for value in values] for header, values in zip(headers, columns, strict=True)}


def _table(texts: Mapping[str, Sequence[str]], n_rows: int) -> RawTable:
    rows = zip(*texts.values(), strict=True)
    schema = dict.fromkeys(texts, pl.String())
    frame = pl.from_dicts([dict(zip(texts, row, strict=True)) for row in rows], schema=schema)
    return RawTable(frame, list(range(1, n_rows + 1)), has_lines=False)


def nameless(n_columns: int) -> list[str]:
    """What the columns of a file without a line of names are called.

    Examples
    --------
    >>> nameless(2)
    ['column 1', 'column 2']
    """
    return [f"column {number}" for number in range(1, n_columns + 1)]


def _text(value: object) -> str:
    # JSON can spell half a character, which nothing downstream could store.
    return "" if value is None else str(value).strip().encode("utf-8", "replace").decode("utf-8")
