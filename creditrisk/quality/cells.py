"""A column read as its field asks: texts to numbers, dates or the schema's categories, or faults for clerks to read.

Whole columns are read at once: what reads as one goes by in bulk, and of the rest each different text is looked at
once. A column of a few cells, such as those of one application, is read cell by cell, by the same rules for one text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache, partial

import numpy as np
import polars as pl

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.quality.notation import (
    DATE_FORMATS,
    MISSING,
    NO_NUMBER,
    UnreadableError,
    by_number,
    is_missing,
    read_day,
    without_idle_zeros,
    without_time,
)
from creditrisk.quality.numbers import (
    GROUPED_BY_POINT,
    Notation,
    notation_after,
    plain,
    to_number,
    to_numbers,
    without_unit,
)
from creditrisk.schema import Field
from creditrisk.text import plain_number, shorten

# No amount in any currency is larger; sums and squares of what is smaller stay finite.
LARGEST_NUMBER = 1e15
# Beyond it not every whole number has a float of its own.
LARGEST_INTEGER = 2.0**53
# Up to so many rows Python is faster than polars, which takes some microseconds for every step of a column.
FEW = 64
# From so many different texts on, they are first tried all at once.
_MANY = 500
# What Python takes for blank and polars does not.
_MORE_BLANKS = "\x1c\x1d\x1e\x1f"
DTYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "number": pl.Float64,
    "integer": pl.Int64,
    "category": pl.String,
    "text": pl.String,
    "date": pl.Date,
}


@dataclass(frozen=True)
class ReadColumn:
    """One column read: its values, and by row index what keeps the row out or makes it odd.

    `notation` is how its numbers are written, as far as it and the blocks above it have said.
    """

    values: pl.Series
    faults: dict[int, str] = field(default_factory=dict)
    odd: dict[int, str] = field(default_factory=dict)
    notation: Notation = field(default_factory=Notation)


def read_cells(cells: pl.Series, spec: Field, delimiter: str = ",") -> tuple[pl.Series, list[int]]:
    """The cells as values of the field's type, null where nothing usable stands, and the rows with unreadable ones.

    Examples
    --------
    >>> rate = Field("rate", "number", "Rate", unit="%", is_required=False)
    >>> values, unreadable = read_cells(pl.Series(["10.65%", "n/a", "high"]), rate)
    >>> values.to_list(), unreadable
    ([10.65, None, None], [2])
    """
    column = read_column(cells, spec, Notation(delimiter == ";"))
    return column.values, sorted(column.faults)


def read_column(cells: pl.Series, spec: Field, notation: Notation) -> ReadColumn:
    """Read a column as its field asks; what a cell is missing or odd about stands beside the values.

    `notation` is what the blocks of the table above this one said about it.
    """
    if spec.is_numeric:
        column = _read_numbers(cells, spec, notation)
    elif spec.type == "category":
        column = _read_categories(cells, spec)
    elif spec.type == "date":
        column = _read_dates(cells, spec)
    else:
        column = _read_texts(cells)
    if spec.is_needed and column.values.null_count() > len(column.faults):
        for row in column.values.is_null().arg_true():
            column.faults.setdefault(row, "nothing is filled in")
    return column


def read_each(
    cells: pl.Series,
    parse: Callable[[str], object],
    dtype: pl.DataType | type[pl.DataType],
    *,
    keys: pl.Series | None = None,
) -> ReadColumn:
    """Parse every different text once; `keys` are what to parse in place of the cells, which the sentences quote."""
    keys = cells if keys is None else keys
    is_few = len(cells) <= FEW
    texts = set(keys.to_list()) - {None} if is_few else keys.drop_nulls().unique().to_list()
    values: dict[str | None, object] = {None: None}
    unreadable: dict[str | None, str] = {}
    for text in texts:
        try:
            values[text] = parse(text.strip())
        except UnreadableError as exc:
            values[text] = None
            unreadable[text] = str(exc)
    if is_few:
        read = pl.Series(cells.name, [values[text] for text in keys], dtype=dtype)
    else:
        # A null is never looked up, so it takes none of the texts' places.
        old, new = pl.Series(texts, dtype=pl.String), pl.Series([values[text] for text in texts], dtype=dtype)
        read = keys.replace_strict(old, new, default=None, return_dtype=dtype).rename(cells.name)
    if not unreadable:
        return ReadColumn(read)
    faults = {
        row: f"'{shorten(cells[row])}' {unreadable[keys[row]]}" for row in _rows_with(keys, unreadable.keys() - {None})
    }
    return ReadColumn(read, faults)


def _rows_with(cells: pl.Series, texts: Collection[str | None]) -> list[int]:
    return cells.is_in(list(texts)).fill_null(False).arg_true().to_list()


# Texts, days, categories


def _read_texts(cells: pl.Series) -> ReadColumn:
    if len(cells) <= FEW:
        return read_each(cells, _to_text, pl.String)
    texts = cells.str.strip_chars()
    if texts.str.contains(f"[{_MORE_BLANKS}]").any():
        return read_each(cells, _to_text, pl.String)
    is_short = texts.str.len_bytes() <= max(map(len, MISSING))
    if is_short.any():
        texts = pl.select(pl.when(~(is_short & is_missing(texts))).then(texts)).to_series()
    return ReadColumn(texts.rename(cells.name))


def _to_text(text: str) -> str | None:
    return None if text.casefold() in MISSING else text


def _read_dates(cells: pl.Series, spec: Field) -> ReadColumn:
    keys = None
    if len(cells) > FEW and ":" not in spec.date_format and cells.str.contains(":", literal=True).any():
        # Of times nearly every one is different, of days few are. It is what `without_time` does to one text.
        keys = cells.str.replace(r"(?s)^(.*?\d)[ T]\d\d?:.*$", "${1}")
    return read_each(cells, partial(_to_date, date_format=spec.date_format), pl.Date, keys=keys)


def _to_date(text: str, date_format: str = "") -> date | None:
    if text.casefold() in MISSING:
        return None
    formats = (date_format,) if date_format else DATE_FORMATS
    day = read_day(text, formats) or read_day(without_time(text), formats)
    if day is None:
        raise UnreadableError("is not a date")
    return day


def _read_categories(cells: pl.Series, spec: Field) -> ReadColumn:
    known, same_numbers = _spellings(spec)
    unknown: set[str | None] = set()

    # `none` may be a category of its own, so the schema is asked before the list of words for "missing".
    def parse(text: str) -> str | None:
        value = known.get(text.casefold(), same_numbers.get(without_idle_zeros(text)))
        if value is None and (value := _to_text(text)) is not None:
            unknown.add(value)
        return value

    column = read_each(cells, parse, pl.String)
    if unknown:
        for row in _rows_with(column.values, unknown):
            column.odd[row] = f"'{shorten(column.values[row])}' is not a known value"
    return column


@lru_cache(maxsize=1_000)
def _spellings(spec: Field) -> tuple[dict[str, str], dict[str, str]]:
    """Every spelling of the field's categories to the stored value, and those that are numbers however spelt.

    Values win over labels, labels over aliases.
    """
    aliases = {alias.casefold(): known.value for known in spec.categories for alias in known.aliases}
    labels = {known.label.casefold(): known.value for known in spec.categories}
    known = aliases | labels | {known.value.casefold(): known.value for known in spec.categories}
    return known, by_number(known)


# Numbers


def _read_numbers(cells: pl.Series, spec: Field, notation: Notation) -> ReadColumn:
    """Plain numbers all at once, and each different text that is no plain number by itself."""
    values = _plain_numbers(cells)
    left = np.flatnonzero(np.isnan(values))
    bare = _bare_texts(cells.gather(left), spec) if len(left) else {}
    notation = notation_after(notation, _marked(cells, values, bare.values(), notation))
    if notation.decimal_comma or (notation.has_unclear_points and _has_points(cells)):
        # What is a plain number elsewhere may mean another one here.
        left = np.arange(len(cells))
        bare = {text: text for text in set(cells) - {None}} | bare
    faults = _read_left(cells, left, bare, values, notation) if bare else {}

    def shown(row: int) -> str:
        return f"'{shorten(bare.get(cells[row], cells[row]))}'"

    if spec.type == "number":
        for row in np.flatnonzero(np.abs(values) > LARGEST_NUMBER).tolist():
            faults[row] = f"{shown(row)} is too large for a number"
            values[row] = np.nan
    else:
        is_whole = (values == np.rint(values)) & (np.abs(values) <= LARGEST_INTEGER)
        for row in np.flatnonzero(~is_whole & ~np.isnan(values)).tolist():
            faults[row] = f"{shown(row)} is not a whole number"
            values[row] = np.nan

    low = -math.inf if spec.minimum is None else spec.minimum
    high = math.inf if spec.maximum is None else spec.maximum
    beyond = np.flatnonzero((values < low) | (values > high)).tolist()
    odd = {row: f"{plain_number(values[row])} is {_beyond(spec)}" for row in beyond}
    series = pl.Series(cells.name, values, nan_to_null=True).cast(DTYPES[spec.type])
    return ReadColumn(series, faults, odd, notation)


def _plain_numbers(cells: pl.Series) -> FloatArray:
    """The cells that are numbers as `numbers.plain` reads them, NaN for all others."""
    if len(cells) <= FEW:
        numbers = [plain(text) for text in cells.to_list()]
        return np.array([np.nan if number is None else number for number in numbers], dtype=np.float64)
    values = cells.cast(pl.Float64, strict=False).to_numpy().copy()
    values[np.isinf(values)] = np.nan
    return values


def _bare_texts(cells: pl.Series, spec: Field) -> dict[str, str]:
    """Each different text, and what is left of it without its unit."""
    texts = cells.drop_nulls().unique()
    if all(text.casefold() in NO_NUMBER for text in texts.head(FEW)) and len(texts) <= FEW:
        return {text: text for text in texts}
    return dict(zip(texts, without_unit(texts, spec), strict=True))


def _has_points(cells: pl.Series) -> bool:
    return bool(cells.str.contains(".", literal=True).any())


def _marked(cells: pl.Series, values: FloatArray, bare: Collection[str], notation: Notation) -> list[str]:
    """Texts with a comma or a point, as many as say how the column is written."""
    marked = [text for text in bare if "," in text or "." in text]
    if notation.decimal_comma is not None and (notation.has_decimal_point or not notation.semicolons):
        return marked
    # Of plain numbers one is enough whose point divides decimals: most often the first with any.
    with_decimals = np.flatnonzero((values != np.rint(values)) & ~np.isnan(values))[:FEW]
    texts = [text for text in cells.gather(with_decimals).to_list() if text and "." in text]
    if all(map(GROUPED_BY_POINT.fullmatch, texts)):
        pointed = cells.filter(cells.str.contains(".", literal=True) & pl.Series(~np.isnan(values)))
        other = pointed.filter(~pointed.str.contains(f"^(?:{GROUPED_BY_POINT.pattern})$"))
        texts = [*pointed.head(1), *other.head(1)]
    return marked + [text for text in texts if text not in bare]


def _read_left(
    cells: pl.Series, left: IntArray, bare: dict[str, str], values: FloatArray, notation: Notation
) -> dict[int, str]:
    """Fill in the numbers of the rows that are left, and say what is wrong with those that hold none."""
    texts = list(bare)
    numbers: list[float | None] = [None] * len(texts)
    if len(texts) >= _MANY:
        numbers = to_numbers(pl.Series(bare.values(), dtype=pl.String), notation).to_list()
    unreadable: dict[str | None, str] = {}
    for index, text in enumerate(texts):
        if numbers[index] is None:
            try:
                numbers[index] = to_number(bare[text], notation)
            except UnreadableError as exc:
                unreadable[text] = f"'{shorten(bare[text])}' {exc}"
    rows = cells.gather(left)
    found = dict(zip(texts, numbers, strict=True))
    values[left] = rows.replace_strict(found, default=None, return_dtype=pl.Float64).to_numpy()
    if not unreadable:
        return {}
    return {int(left[row]): unreadable[rows[row]] for row in _rows_with(rows, unreadable.keys())}


def _beyond(spec: Field) -> str:
    unit = f" {spec.unit}" if spec.unit else ""
    if spec.minimum is not None and spec.maximum is not None:
        return f"outside {plain_number(spec.minimum)} to {plain_number(spec.maximum)}{unit}"
    if spec.minimum is not None:
        return f"below {plain_number(spec.minimum)}{unit}"
    return f"above {plain_number(spec.maximum or 0.0)}{unit}"
