"""A column read as its field asks: texts to numbers, dates or the schema's categories, or faults for clerks to read.

Whole columns are read at once, as one cell alone may not say how it is written: 1,234 or 10,65.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import numpy as np
import polars as pl

from creditrisk.quality.notation import (
    CURRENCY_SIGNS,
    DATE_FORMATS,
    MISSING,
    MONTHS,
    NO_NUMBER,
    by_number,
    months_in,
    read_day,
    without_idle_zeros,
    without_time,
)
from creditrisk.schema import Field
from creditrisk.text import plain_number, shorten

# No amount in any currency is larger; sums and squares of what is smaller stay finite.
LARGEST_NUMBER = 1e15
# One cell such as 10,65 may be a slip of the hand; three different ones are a habit.
MIN_TELLING = 3
# Beyond it not every whole number has a float of its own.
LARGEST_INTEGER = 2.0**53
_GROUPED_BY_COMMA = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", re.ASCII)
_GROUPED_BY_POINT = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+", re.ASCII)
_GROUPED_OTHERWISE = re.compile(r"[+-]?[1-9]\d{0,2}([ \u00a0\u202f'’]\d{3})+([.,]\d+)?", re.ASCII)
_GROUP_MARK = re.compile(r"[ \u00a0\u202f'’]")
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|[1-9]\d{0,2}(\.\d{3})+)(,\d+)?", re.ASCII)
DTYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "number": pl.Float64,
    "integer": pl.Int64,
    "category": pl.String,
    "text": pl.String,
    "date": pl.Date,
}


@dataclass(frozen=True)
class ReadColumn:
    """One column read: its values, and by row index what keeps the row out or makes it odd."""

    values: pl.Series
    faults: dict[int, str] = field(default_factory=dict)
    odd: dict[int, str] = field(default_factory=dict)


class UnreadableError(ValueError):
    """A cell does not hold what its field asks for; the message ends the sentence "'abc' ..."."""


def read_cells(cells: pl.Series, spec: Field, delimiter: str = ",") -> tuple[pl.Series, list[int]]:
    """The cells as values of the field's type, null where nothing usable stands, and the rows with unreadable ones.

    Examples
    --------
    >>> rate = Field("rate", "number", "Rate", unit="%", is_required=False)
    >>> values, unreadable = read_cells(pl.Series(["10.65%", "n/a", "high"]), rate)
    >>> values.to_list(), unreadable
    ([10.65, None, None], [2])
    """
    column = read_column(cells, spec, delimiter)
    return column.values, sorted(column.faults)


def read_column(cells: pl.Series, spec: Field, delimiter: str) -> ReadColumn:
    """Read a column as its field asks; what a cell is missing or odd about stands beside the values."""
    if spec.is_numeric:
        column = _read_numbers(cells, spec, decimal_comma=delimiter == ";")
    elif spec.type == "category":
        column = _read_categories(cells, spec)
    elif spec.type == "date":
        column = read_each(cells, partial(_to_date, date_format=spec.date_format), pl.Date)
    else:
        column = read_each(cells, _to_text, pl.String)
    if spec.is_needed and column.values.null_count() > len(column.faults):
        for row in column.values.is_null().arg_true():
            column.faults.setdefault(row, "nothing is filled in")
    return column


def read_each(cells: pl.Series, parse: Callable[[str], object], dtype: pl.DataType | type[pl.DataType]) -> ReadColumn:
    """Parse every different text once."""
    texts = cells.to_list()
    values: dict[str | None, object] = {None: None}
    unreadable: dict[str | None, str] = {}
    for text in set(texts) - {None}:
        try:
            values[text] = parse(text.strip())
        except UnreadableError as exc:
            values[text] = None
            unreadable[text] = f"'{shorten(text)}' {exc}"
    faults = {row: unreadable[text] for row, text in enumerate(texts) if text in unreadable} if unreadable else {}
    return ReadColumn(pl.Series(cells.name, [values[text] for text in texts], dtype=dtype), faults)


def _to_text(text: str) -> str | None:
    return None if text.casefold() in MISSING else text


def _to_date(text: str, date_format: str = "") -> date | None:
    if text.casefold() in MISSING:
        return None
    formats = (date_format,) if date_format else DATE_FORMATS
    day = read_day(text, formats) or read_day(without_time(text), formats)
    if day is None:
        raise UnreadableError("is not a date")
    return day


def _read_categories(cells: pl.Series, spec: Field) -> ReadColumn:
    known = _spellings(spec)
    same_numbers = by_number(known)
    unknown: set[str] = set()

    # `none` may be a category of its own, so the schema is asked before the list of words for "missing".
    def parse(text: str) -> str | None:
        value = known.get(text.casefold(), same_numbers.get(without_idle_zeros(text)))
        if value is None and (value := _to_text(text)) is not None:
            unknown.add(value)
        return value

    column = read_each(cells, parse, pl.String)
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


def _read_numbers(cells: pl.Series, spec: Field, *, decimal_comma: bool) -> ReadColumn:
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

        odd_cells = read_each(cells.gather(left), parse, pl.Float64)
        values[left] = odd_cells.values.to_numpy()
        rows = left.tolist()
        faults = {rows[index]: fault for index, fault in odd_cells.faults.items()}
    if spec.type == "number":
        for row in np.flatnonzero(np.abs(values) > LARGEST_NUMBER).tolist():
            faults[row] = f"'{shorten(cells[row])}' is too large for a number"
            values[row] = np.nan
    else:
        is_whole = (values == np.rint(values)) & (np.abs(values) <= LARGEST_INTEGER)
        for row in np.flatnonzero(~is_whole & ~np.isnan(values)).tolist():
            faults[row] = f"'{shorten(cells[row])}' is not a whole number"
            values[row] = np.nan

    low = -math.inf if spec.minimum is None else spec.minimum
    high = math.inf if spec.maximum is None else spec.maximum
    beyond = np.flatnonzero((values < low) | (values > high)).tolist()
    odd = {row: f"{plain_number(values[row])} is {_beyond(spec)}" for row in beyond}
    series = pl.Series(cells.name, values, nan_to_null=True).cast(DTYPES[spec.type])
    return ReadColumn(series, faults, odd)


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


def _commas_are_decimal(cells: pl.Series) -> bool:
    """Whether a column says by itself that its commas divide decimals: as 10,65 does, and no cell contradicts."""
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
        raise UnreadableError("can be read in two ways: write thousands without a point and decimals with a comma")
    if _GROUPED_OTHERWISE.fullmatch(text):
        return float(_GROUP_MARK.sub("", text).replace(",", "."))
    if decimal_comma and _DECIMAL_COMMA.fullmatch(text):
        return float(text.replace(".", "").replace(",", "."))
    if not decimal_comma and _GROUPED_BY_COMMA.fullmatch(text):
        return float(text.replace(",", ""))
    raise UnreadableError("is not a number")


def _beyond(spec: Field) -> str:
    unit = f" {spec.unit}" if spec.unit else ""
    if spec.minimum is not None and spec.maximum is not None:
        return f"outside {plain_number(spec.minimum)} to {plain_number(spec.maximum)}{unit}"
    if spec.minimum is not None:
        return f"below {plain_number(spec.minimum)}{unit}"
    return f"above {plain_number(spec.maximum or 0.0)}{unit}"
