"""A raw table judged against a schema: rows that can be scored, and rows that cannot, each with a sentence.

Cells become numbers, dates and the schema's own category values here. A cell that cannot be read, or is missing where
a value is needed, rejects its row; a value that is merely odd (unknown category, beyond its bounds) stays, with a
problem beside it that sends the application to a person. Every row ends up in exactly one of the two heaps.
Reading files is in sources.py; the sentences are shown to clerks as they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Any, TypeVar

import numpy as np
import polars as pl

from creditrisk.columns import key
from creditrisk.errors import SchemaError
from creditrisk.schema import Field, Schema, Target
from creditrisk.sources import PLAIN_NUMBER, RawTable
from creditrisk.sources.table import MAX_COLUMNS, nameless
from creditrisk.text import shorten


def frame_from_inputs(inputs: Sequence[dict[str, Any]], schema: Schema) -> pl.DataFrame:
    """Logged inputs as the canonical frame they came from, for a scorer.

    Returns
    -------
    DataFrame
        `row_number` from 1, then the fields of the schema in order and of the schema's types, shape
        (n_inputs, 1 + n_fields). A field that was not logged is missing.
    """
    columns = [pl.Series("row_number", range(1, len(inputs) + 1), dtype=pl.Int64)]
    for item in schema.fields:
        values = [given.get(item.name) for given in inputs]
        if item.type == "date":
            values = [None if text is None else date.fromisoformat(text) for text in values]
        columns.append(pl.Series(item.name, values, dtype=DTYPES[item.type]))
    return pl.DataFrame(columns)


# Words for nothing, as programs and people write them.
MISSING = frozenset(
    {
        "", "na", "n/a", "n.a.", "#n/a", "<na>", "null", "none", "nan", "nat", "?", ".", "-", "--", "#null!", "$null$",
        "(null)", "\\n", "#value!", "#div/0!", "#num!", "#ref!", "#name?", "k.a.",
    }
)  # fmt: skip
# Words for nothing where a number belongs; among categories they are answers.
NO_NUMBER = MISSING | {
    "unknown", "missing", "not available", "not applicable", "not given", "not stated", "no data", "xna", "unbekannt",
    "keine angabe",
}  # fmt: skip
BAD_RATE_TOLERANCE = 0.05
# No amount in any currency is larger; sums and squares of what is smaller stay finite.
LARGEST_NUMBER = 1e15
STILL_OPEN = "is no outcome yet: the loan has not run its course"
MIN_TELLING = 3
_LARGEST_INTEGER = 2.0**53
_FIRST_YEAR = 1900

_GROUPED_BY_COMMA = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", re.ASCII)
_GROUPED_BY_POINT = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+", re.ASCII)
_GROUPED_OTHERWISE = re.compile(r"[+-]?[1-9]\d{0,2}([ \u00a0\u202f'’]\d{3})+([.,]\d+)?", re.ASCII)
_WHOLE_NUMBER = re.compile(r"(-?)0*(\d+)(?:[.,]0+)?", re.ASCII)
_GROUP_MARK = re.compile(r"[ \u00a0\u202f'’]")
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|[1-9]\d{0,2}(\.\d{3})+)(,\d+)?", re.ASCII)
# The unit of a time that may be written in years and months.
MONTHS = "months"
# A time in years and months, as "1yrs 11mon" or "2 years, 3 months": at least one of the two.
_TIME = re.compile(
    r"(?=\d)(?:(\d{1,3})\s*(?:y|yrs?|years?))?[\s,]*(?:and\s+)?(?:(\d{1,4})\s*(?:m|mos?|mons?|months?))?",
    re.I | re.ASCII,
)
_Stored = TypeVar("_Stored", str, int)
# How currencies are written that a unit names by their code.
CURRENCY_SIGNS = {"EUR": ("€",), "USD": ("$",), "GBP": ("£",), "JPY": ("¥",), "BRL": ("R$",), "INR": ("₹", "Rs.", "Rs"),
                  "PLN": ("zł",)}  # fmt: skip
# Dates that can be read in one way only; what a slash divides needs the field's own `date_format`.
DATE_FORMATS = ("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%b-%Y", "%b %Y", "%B %Y", "%b-%y", "%d-%b-%Y", "%d %b %Y",
                "%b %d, %Y", "%d-%b-%y", "%Y-%m", "%Y%m%d", "%Y.%m.%d", "%Y/%m", "%d%b%Y", "%d %B %Y",
                "%B %d, %Y", "%B %d %Y")  # fmt: skip
# What days written with two digits of the year may lie ahead: beyond it, the last century is meant.
_YEARS_AHEAD = 20

DTYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "number": pl.Float64,
    "integer": pl.Int64,
    "category": pl.String,
    "text": pl.String,
    "date": pl.Date,
}


@dataclass(frozen=True)
class Rejection:
    """A row that cannot be scored, and the first cell in it that says why.

    `row` counts the clients of the file from 1, `line` its lines. `column` is the label people see, empty if the row
    as a whole is at fault; `value` is what stands in the cell, `fault` what is wrong with it, `expected` what belongs
    there. `more` holds a sentence for every other cell of the row that needs correcting.
    """

    row: int
    line: int
    column: str
    value: str
    fault: str
    expected: str
    more: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The whole of it for the clerk.

        Examples
        --------
        >>> Rejection(17, 18, "Age", "abc", "'abc' is not a number", "a whole number of years from 18 to 100").sentence
        "Row 17 (line 18), Age: 'abc' is not a number. Expected a whole number of years from 18 to 100."
        """
        where = f"Row {self.row} (line {self.line})" + (f", {self.column}" if self.column else "")
        return " ".join((f"{where}: {self.fault}. Expected {self.expected}.", *self.more))


@dataclass(frozen=True)
class Checked:
    """What a table holds, told apart.

    `accepted` has the schema's names, order and types without its excluded fields, plus `row_number` (from 1) and,
    where the outcome was asked for, `default` (1 = bad). `problems` has one list of sentences for each accepted row.
    `raw` is the file as it came, with names that stand on its second line taken as names.
    """

    accepted: pl.DataFrame
    problems: list[list[str]]
    rejected: list[Rejection]
    raw: pl.DataFrame


@dataclass(frozen=True)
class _Column:
    """One column read: its values, and by row index what keeps the row out or makes it odd."""

    values: pl.Series
    faults: dict[int, str] = field(default_factory=dict)
    odd: dict[int, str] = field(default_factory=dict)


class _UnreadableError(ValueError):
    """A cell does not hold what its field asks for; the message ends the sentence "'abc' ..."."""


def check(raw: RawTable, schema: Schema, *, with_target: bool = False) -> Checked:
    """Split a raw table into rows that can be scored and rows that cannot.

    Columns are found by name, label or alias, whatever their case, blanks, underscores and dashes. Columns the schema
    does not know or excludes are left alone; an absent optional column is all null. The outcome is read only
    `with_target`.

    Raises
    ------
    SchemaError
        If the file as a whole cannot be used: other columns than the schema's, required columns missing (all are
        named), or an outcome whose share of bads says that its coding is turned round.
    """
    raw, headers = _find_columns(raw, schema, with_target=with_target)
    n_rows = raw.frame.height
    columns: dict[str, _Column] = {}
    specs = _read_fields(schema)
    for spec in specs:
        header = headers.get(spec.name)
        if header is None:
            columns[spec.name] = _Column(pl.Series(spec.name, [None] * n_rows, dtype=DTYPES[spec.type]))
        else:
            columns[spec.name] = _read(raw.frame[header], spec, raw.delimiter)

    # (label, text, fault, expected) of every cell that keeps its row out, in the order of the schema
    faults: dict[int, list[tuple[str, str, str, str]]] = {}
    for spec in specs:
        for row, fault in columns[spec.name].faults.items():
            cell = (spec.label, raw.frame[headers[spec.name]][row] or "", fault, spec.expected)
            faults.setdefault(row, []).append(cell)
    if with_target:
        target = _read_target(raw.frame[headers[schema.target.name]], schema.target)
        columns["default"] = target
        expected = f"{_listed(schema.target.bad)} for bad, {_listed(schema.target.good)} for good"
        for row, fault in target.faults.items():
            cell = (schema.target.label, raw.frame[headers[schema.target.name]][row] or "", fault, expected)
            faults.setdefault(row, []).append(cell)
    for number, n_cells in raw.ragged.items():
        # Cells may have moved into a neighbour's column, so what was read from this row means nothing.
        fault = f"the row has {n_cells} cells where the table has {raw.frame.width} columns"
        faults[number - 1] = [("", f"{n_cells} cells", fault, f"{raw.frame.width} cells, one for each column")]

    accepted = pl.DataFrame(
        [pl.Series("row_number", range(1, n_rows + 1), dtype=pl.Int64)]
        + [column.values.alias(name) for name, column in columns.items()]
    )
    problems: list[list[str]] = [[] for _ in range(n_rows)]
    # A problem sends the row to a person, so only what the model reads may raise one: never a protected field.
    for spec in schema.features:
        for row, oddity in columns[spec.name].odd.items():
            problems[row].append(f"{spec.label}: {oddity}")
    if faults:
        keep = np.ones(n_rows, dtype=bool)
        keep[list(faults)] = False
        accepted = accepted.filter(pl.Series(keep))
        problems = [found for row, found in enumerate(problems) if keep[row]]
    rejected = [_rejection(row, raw.lines[row], faults[row]) for row in sorted(faults)]
    return Checked(accepted, problems, rejected, raw.frame)


def _rejection(row: int, line: int, cells: list[tuple[str, str, str, str]]) -> Rejection:
    label, text, fault, expected = cells[0]
    more = tuple(f"Also {label}: {fault}. Expected {expected}." for label, _, fault, expected in cells[1:])
    return Rejection(row + 1, line, label, shorten(text), fault, expected, more)


# Columns


def _read_fields(schema: Schema) -> list[Field]:
    """The fields that are read: what is excluded keeps no row out and is kept nowhere."""
    return [spec for spec in schema.fields if spec.role != "excluded"]


def _match(headers: Sequence[str], schema: Schema) -> dict[str, str]:
    """Field (or target) name to the header in the file: by name first, then by label, then by alias.

    A header spelt exactly so goes before one that is merely alike: `PAY-1` and `pay_1` may stand in one file. No column
    is read for two fields: a feature cannot borrow the column of a protected field or of the outcome.
    """
    by_key: dict[str, str] = {header: header for header in headers}
    for header in headers:
        by_key.setdefault(key(header), header)
    specs: tuple[Field | Target, ...] = (*_read_fields(schema), schema.target)
    found = {spec.name: spec.name for spec in specs if spec.name in headers}
    for spec in specs:
        spellings = (spec.name, spec.label, *spec.aliases)
        matches = [by_key[key] for key in (*spellings, *map(key, spellings)) if key in by_key]
        free = [header for header in matches if header not in found.values()]
        if spec.name not in found and free:
            found[spec.name] = free[0]
    return found


def _find_columns(raw: RawTable, schema: Schema, *, with_target: bool) -> tuple[RawTable, dict[str, str]]:
    """Where each field stands; the table begins one line later if the names stand on the second line."""
    if not raw.has_names:
        _check_places(raw.frame.width, schema)
    found = _match(raw.frame.columns, schema)
    required = [spec for spec in _read_fields(schema) if spec.is_needed]
    # Half of what is needed must be there; where nothing is needed, anything a model reads.
    telling = required or list(schema.features)
    enough = len(required) / 2 or 1
    if sum(spec.name in found for spec in telling) < enough:
        lower = below_second_header(raw)
        found_there = _match(lower.frame.columns, schema)
        if sum(spec.name in found_there for spec in telling) < enough:
            raise SchemaError(_other_columns(raw, schema.title, [spec.name for spec in telling]))
        raw, found = lower, found_there
    missing = [f"{spec.label} ({spec.name})" for spec in required if spec.name not in found]
    if missing:
        raise SchemaError(
            f"{len(missing)} needed column{'s are' if len(missing) > 1 else ' is'} missing from the "
            f"{'file' if raw.has_lines else 'applications'}: "
            f"{', '.join(missing)}. Add {'them' if len(missing) > 1 else 'it'} and try again."
        )
    if with_target and schema.target.name not in found:
        raise SchemaError(
            f"the outcome is missing from the file: {schema.target.label} ({schema.target.name}). "
            "Training needs it; scoring does not."
        )
    return raw, found


def _check_places(width: int, schema: Schema) -> None:
    """Columns without names are known by their places, so all of them must be there; only a last outcome may be not."""
    places = {key(name): number for number, name in enumerate(nameless(MAX_COLUMNS), start=1)}
    last = max((places.get(key(spec.name), 0) for spec in schema.fields), default=0)
    needed = max(last, places.get(key(schema.target.name), 0))
    if width < needed and width != last:
        raise SchemaError(
            f"the file has {width:,} columns without names where {schema.title} has {needed:,}, so which is which "
            f"cannot be told. Put the names on its first line: {_first_few([spec.name for spec in schema.fields])}."
        )


def _other_columns(raw: RawTable, title: str, required: Sequence[str]) -> str:
    headers = raw.frame.columns
    are_values = not raw.has_names or any(PLAIN_NUMBER.fullmatch(header) for header in headers)
    if not raw.has_lines:
        seen = "have numbers for names" if are_values else f"have {_first_few([shorten(header) for header in headers])}"
        return (
            f"these are not the fields of {title}: the applications {seen}. Expected {_first_few(required)}. "
            "Correct the names and try again."
        )
    if are_values:
        # Not repeated here: these are a client's data.
        seen = "the first line of the file holds numbers, so it seems to be a client already"
    else:
        seen = f"the first line of the file has {_first_few([shorten(header) for header in headers])}"
    return (
        f"these are not the columns of {title}: {seen}. Expected {_first_few(required)}. "
        "Choose another file, or put these names on its first line."
    )


def below_second_header(raw: RawTable) -> RawTable:
    """The table as it is if its second line holds the column names; unchanged if that line cannot hold names."""
    if raw.frame.height < 2 or not raw.has_lines:
        return raw
    names = [name or f"column {number}" for number, name in enumerate(raw.frame.row(0), start=1)]
    if len(set(names)) < len(names):
        return raw
    frame = raw.frame[1:].rename(dict(zip(raw.frame.columns, names, strict=True)))
    ragged = {number - 1: n_cells for number, n_cells in raw.ragged.items() if number > 1}
    return RawTable(frame, raw.lines[1:], ragged, raw.delimiter)


# Cells


def read_cells(cells: pl.Series, spec: Field, delimiter: str = ",") -> tuple[pl.Series, list[int]]:
    """The cells as values of the field's type, null where nothing usable stands, and the rows with unreadable ones.

    Examples
    --------
    >>> rate = Field("rate", "number", "Rate", unit="%", is_required=False)
    >>> values, unreadable = read_cells(pl.Series(["10.65%", "n/a", "high"]), rate)
    >>> values.to_list(), unreadable
    ([10.65, None, None], [2])
    """
    column = _read(cells, spec, delimiter)
    return column.values, sorted(column.faults)


def _read(cells: pl.Series, spec: Field, delimiter: str) -> _Column:
    if spec.is_numeric:
        column = _read_numbers(cells, spec, decimal_comma=delimiter == ";")
    elif spec.type == "category":
        column = _read_categories(cells, spec)
    elif spec.type == "date":
        column = _read_each(cells, partial(_to_date, date_format=spec.date_format), pl.Date)
    else:
        column = _read_each(cells, _to_text, pl.String)
    if spec.is_needed and column.values.null_count() > len(column.faults):
        for row in column.values.is_null().arg_true():
            column.faults.setdefault(row, "nothing is filled in")
    return column


def _read_each(cells: pl.Series, parse: Callable[[str], object], dtype: pl.DataType | type[pl.DataType]) -> _Column:
    """Parse every different text once."""
    texts = cells.to_list()
    values: dict[str | None, object] = {None: None}
    unreadable: dict[str | None, str] = {}
    for text in set(texts) - {None}:
        try:
            values[text] = parse(text.strip())
        except _UnreadableError as exc:
            values[text] = None
            unreadable[text] = f"'{shorten(text)}' {exc}"
    faults = {row: unreadable[text] for row, text in enumerate(texts) if text in unreadable} if unreadable else {}
    return _Column(pl.Series(cells.name, [values[text] for text in texts], dtype=dtype), faults)


def _to_text(text: str) -> str | None:
    return None if text.casefold() in MISSING else text


def _to_date(text: str, date_format: str = "") -> date | None:
    if text.casefold() in MISSING:
        return None
    formats = (date_format,) if date_format else DATE_FORMATS
    day = read_day(text, formats) or read_day(without_time(text), formats)
    if day is None:
        raise _UnreadableError("is not a date")
    return day


def without_time(text: str) -> str:
    """A date without the time of day that may follow it.

    Examples
    --------
    >>> without_time("2020-01-31T10:00:00"), without_time("31 Jan 2020")
    ('2020-01-31', '31 Jan 2020')
    """
    return re.split(r"(?<=\d)[ T](?=\d\d?:)", text, maxsplit=1)[0]


@lru_cache(maxsize=10_000)
def read_day(text: str, formats: tuple[str, ...]) -> date | None:
    """The day, written in the first of the formats that it fits; None if it fits none.

    Examples
    --------
    >>> read_day("28-Feb-97", DATE_FORMATS), read_day("28-Feb-66", DATE_FORMATS), read_day("soon", DATE_FORMATS)
    (datetime.date(1997, 2, 28), datetime.date(1966, 2, 28), None)
    """
    for pattern in formats:
        if not _shape(pattern).fullmatch(text):
            continue
        try:
            day = datetime.strptime(text, pattern).date()
        except ValueError:
            continue
        if "%y" in pattern and day.year > datetime.now().year + _YEARS_AHEAD:
            day = day.replace(year=day.year - 100)
        if day.year >= _FIRST_YEAR:
            return day
    return None


@lru_cache
def _shape(pattern: str) -> re.Pattern[str]:
    """What texts of a date format look like, told much faster than by reading them."""
    shape = re.sub("%[mdy]", r"\\d{1,2}", re.escape(pattern).replace("%Y", r"\d{4}"))
    return re.compile(re.sub("%[a-zA-Z]", ".+", shape).replace(r"\ ", r"\s+"))


def _read_categories(cells: pl.Series, spec: Field) -> _Column:
    known = _spellings(spec)
    same_numbers = _by_number(known)
    unknown: set[str] = set()

    # `none` may be a category of its own, so the schema is asked before the list of words for "missing".
    def parse(text: str) -> str | None:
        value = known.get(text.casefold(), same_numbers.get(without_idle_zeros(text)))
        if value is None and (value := _to_text(text)) is not None:
            unknown.add(value)
        return value

    column = _read_each(cells, parse, pl.String)
    if unknown:
        for row, value in enumerate(column.values):
            if value in unknown:
                column.odd[row] = f"'{shorten(value)}' is not a known value"
    return column


def _spellings(spec: Field) -> dict[str, str]:
    """Every spelling of the field's categories to the stored value; values win over labels, labels over aliases."""
    aliases = {alias.casefold(): known.value for known in spec.categories for alias in known.aliases}
    labels = {known.label.casefold(): known.value for known in spec.categories}
    return aliases | labels | {known.value.casefold(): known.value for known in spec.categories}


def _by_number(known: Mapping[str, _Stored]) -> dict[str, _Stored]:
    """What stands for a whole number however it is spelt, where no two of the known spellings are the same number."""
    stored: dict[str, set[_Stored]] = {}
    for spelling, value in known.items():
        stored.setdefault(without_idle_zeros(spelling), set()).add(value)
    return {number: values.pop() for number, values in stored.items() if number and len(values) == 1}


def without_idle_zeros(text: str) -> str:
    """A whole number without zeros that change nothing; empty if the text is none.

    Examples
    --------
    >>> without_idle_zeros("007"), without_idle_zeros("2.0"), without_idle_zeros("A7")
    ('7', '2', '')
    """
    found = _WHOLE_NUMBER.fullmatch(text)
    return found[1] + found[2] if found else ""


def _read_numbers(cells: pl.Series, spec: Field, *, decimal_comma: bool) -> _Column:
    """Plain numbers all at once, and whatever does not read as one cell by cell."""
    cells = _in_months(cells) if spec.unit == MONTHS else cells
    cells = _without_unit(cells, spec.unit)
    has_decimal_comma = any("," in text for text in cells if text) if decimal_comma else _commas_are_decimal(cells)
    if has_decimal_comma:
        values = np.full(len(cells), np.nan)
    else:
        values = cells.cast(pl.Float64, strict=False).to_numpy().copy()
    unclear = _points_are_unclear(cells, has_decimal_comma=has_decimal_comma) if decimal_comma else frozenset()
    left = np.flatnonzero(~np.isfinite(values))
    if unclear:
        left = np.union1d(left, [row for row, text in enumerate(cells) if text in unclear])

    faults: dict[int, str] = {}
    if len(left):

        def parse(text: str) -> float | None:
            return _to_number(text, decimal_comma=has_decimal_comma, is_unclear=text in unclear)

        odd_cells = _read_each(cells.gather(left), parse, pl.Float64)
        values[left] = odd_cells.values.to_numpy()
        rows = left.tolist()
        faults = {rows[position]: fault for position, fault in odd_cells.faults.items()}
    if spec.type == "number":
        for row in np.flatnonzero(np.abs(values) > LARGEST_NUMBER).tolist():
            faults[row] = f"'{shorten(cells[row])}' is too large for a number"
            values[row] = np.nan
    else:
        is_whole = (values == np.rint(values)) & (np.abs(values) <= _LARGEST_INTEGER)
        for row in np.flatnonzero(~is_whole & ~np.isnan(values)).tolist():
            faults[row] = f"'{shorten(cells[row])}' is not a whole number"
            values[row] = np.nan

    low = -math.inf if spec.minimum is None else spec.minimum
    high = math.inf if spec.maximum is None else spec.maximum
    beyond = np.flatnonzero((values < low) | (values > high)).tolist()
    odd = {row: f"{_plain(values[row])} is {_beyond(spec)}" for row in beyond}
    series = pl.Series(cells.name, values, nan_to_null=True).cast(DTYPES[spec.type])
    return _Column(series, faults, odd)


def _without_unit(cells: pl.Series, unit: str) -> pl.Series:
    """The cells without the field's own unit or currency beside a number: "10.65%", "36 months", "€ 1,200"."""
    if not unit or not cells.str.contains(r"[^\d.]").any():
        return cells
    spellings = {unit, unit.removesuffix("s"), *CURRENCY_SIGNS.get(unit, ())}
    words = "|".join(re.escape(spelling) for spelling in sorted(spellings, key=len, reverse=True))
    return cells.str.replace(rf"(?i)^(.*\d)\s*(?:{words})$", "${1}").str.replace(
        rf"(?i)^([+-]?)\s*(?:{words})\s*([+-]?[\d.,].*)$", "${1}${2}"
    )


def _in_months(cells: pl.Series) -> pl.Series:
    """The cells with times in years and months written as a number of months."""
    times = cells.filter(cells.str.contains(r"(?i)\d\s*y")).unique()
    in_months = {text: str(months) for text in times if (months := months_in(text)) is not None}
    return cells.replace(in_months) if in_months else cells


def months_in(text: str) -> int | None:
    """How many months a time in years and months is; None if the text is no such time.

    Examples
    --------
    >>> months_in("1yrs 11mon"), months_in("2 years"), months_in("10+ years")
    (23, 24, None)
    """
    found = _TIME.fullmatch(text.strip())
    return 12 * int(found[1] or 0) + int(found[2] or 0) if found else None


def _commas_are_decimal(cells: pl.Series) -> bool:
    """Whether a column says by itself that its commas divide decimals: as 10,65 does, and no cell contradicts.

    One such cell may be a slip of the hand; three different ones are a habit.
    """
    if not cells.str.contains(",", literal=True).any():
        return False
    marked = {
        text for text in cells.unique() if text and ("," in text or "." in text) and text.casefold() not in MISSING
    }
    readable = all(_DECIMAL_COMMA.fullmatch(text) for text in marked)
    telling = [text for text in marked if "," in text and not _GROUPED_BY_COMMA.fullmatch(text)]
    return readable and len(telling) >= MIN_TELLING


def _points_are_unclear(cells: pl.Series, *, has_decimal_comma: bool) -> frozenset[str]:
    """Texts such as 1.234 in a semicolon file, where no other cell of the column says what the point means.

    Or where one says this and another that: 500,5 and 12345.125.
    """
    pointed = {text.strip() for text in cells if text and "." in text and "," not in text}
    unclear = frozenset(text for text in pointed if _GROUPED_BY_POINT.fullmatch(text))
    says_decimal_point = unclear != pointed
    return unclear if says_decimal_point == has_decimal_comma else frozenset()


def _to_number(text: str, *, decimal_comma: bool, is_unclear: bool) -> float | None:
    if text.casefold() in NO_NUMBER:
        return None
    if is_unclear:
        raise _UnreadableError("can be read in two ways: write thousands without a point and decimals with a comma")
    if _GROUPED_OTHERWISE.fullmatch(text):
        return float(_GROUP_MARK.sub("", text).replace(",", "."))
    if decimal_comma and _DECIMAL_COMMA.fullmatch(text):
        return float(text.replace(".", "").replace(",", "."))
    if not decimal_comma and _GROUPED_BY_COMMA.fullmatch(text):
        return float(text.replace(",", ""))
    raise _UnreadableError("is not a number")


def _beyond(spec: Field) -> str:
    unit = f" {spec.unit}" if spec.unit else ""
    if spec.minimum is not None and spec.maximum is not None:
        return f"outside {_plain(spec.minimum)} to {_plain(spec.maximum)}{unit}"
    if spec.minimum is not None:
        return f"below {_plain(spec.minimum)}{unit}"
    return f"above {_plain(spec.maximum or 0.0)}{unit}"


# Outcome


def _read_target(cells: pl.Series, target: Target) -> _Column:
    codes = {value.casefold(): 1 for value in target.bad} | {value.casefold(): 0 for value in target.good}

    unresolved = {value.casefold() for value in target.unresolved}
    same_numbers = _by_number(codes | dict.fromkeys(unresolved, -1))

    def parse(text: str) -> int | None:
        code = codes.get(text.casefold(), same_numbers.get(without_idle_zeros(text)))
        if text.casefold() in unresolved or code == -1:
            raise _UnreadableError(STILL_OPEN)
        if code is None and text.casefold() not in MISSING:
            raise _UnreadableError("is neither good nor bad")
        return code

    column = _read_each(cells, parse, pl.Int8)
    for row in column.values.is_null().arg_true():
        column.faults.setdefault(row, "nothing is filled in")
    if target.bad_rate_expected is not None:
        n_bad, n_good = (int((column.values == code).sum()) for code in (1, 0))
        _check_bad_rate(n_bad, n_good, len(cells) - n_bad - n_good, target, target.bad_rate_expected)
    return column


def _check_bad_rate(n_bad: int, n_good: int, n_neither: int, target: Target, expected: float) -> None:
    """Refuse an outcome that is turned round. Small files vary by chance, so they get two standard errors on top."""
    n_coded = max(n_bad + n_good, 1)
    by_chance = 2 * math.sqrt(expected * (1 - expected) / n_coded)
    if abs(n_bad / n_coded - expected) > BAD_RATE_TOLERANCE + by_chance:
        raise SchemaError(
            f"going by the column {target.label}, {n_bad:,} rows are bad, {n_good:,} good and {n_neither:,} neither, "
            f"where {expected:.0%} should be bad: the outcome is probably coded the other way round or with other "
            f"values. Expected {_listed(target.bad)} for bad and {_listed(target.good)} for good. Correct the file, or "
            "use another one."
        )


# Words


def _first_few(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (", …" if len(names) > 6 else "")


def _listed(values: Sequence[str]) -> str:
    return " or ".join(f"'{value}'" for value in values)


def _plain(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,g}"
