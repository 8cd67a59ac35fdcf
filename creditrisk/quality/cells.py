"""A column read as its field asks: texts to numbers, dates or the schema's categories, or faults for clerks to read.

Whole columns are read at once: what reads as one goes by in bulk, and of the rest each different text is looked at
once. A column of a few cells, such as those of one application, is read cell by cell, by the same rules for one text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.quality.few import FEW, codes_of, read_few, without_units
from creditrisk.quality.not_given import without_codes
from creditrisk.quality.notation import FIRST_DAY, MISSING, UnreadableError, is_missing
from creditrisk.quality.numbers import (
    GROUPED_BY_POINT,
    LARGEST_INTEGER,
    LARGEST_NUMBER,
    Notation,
    beyond,
    notation_after,
    seen_in,
    to_number,
    to_numbers,
    unusable,
)
from creditrisk.quality.rejections import NOTHING
from creditrisk.quality.texts import days_at_once, days_seen_in, is_known, to_category, to_date
from creditrisk.schema import Field, Written
from creditrisk.sources import as_text
from creditrisk.text import shorten

# From so many different texts on, they are first tried all at once.
_MANY = 500
# So many rows mostly tell how a column is written.
_TOP_ROWS = 64
# With so many of a category's values each cell is compared at most.
_FEW_VALUES = 16
# What Python takes for blank, which is more than polars does.
_BLANKS = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_EPOCH = date(1970, 1, 1)
# What `order_told_by` looks at, and not much more.
_MAY_HAVE_TWO_ORDERS = r"^\s*[0-9]{1,2}[-/.][0-9]{1,2}(?:[-/]|[.][0-9]{2}(?:[^0-9]|$))"
# Types of numbers that are read as they are; of other floats and of decimals the text says more exactly what was meant.
_EXACT = (pl.Float64, pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32)
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
    column = read_column(cells, spec, Notation.of(spec, semicolons=delimiter == ";"))
    return column.values, sorted(column.faults)


def notation_in(cells: pl.Series, spec: Field, delimiter: str = ",") -> Written:
    """How the numbers of a column are written, as a schema keeps it.

    Examples
    --------
    >>> notation_in(pl.Series(["10,65", "7,5", "1.234,50"]), Field("rate", "number", "Rate"))
    '1.234,50'
    """
    if not cells.str.contains("[,(]|[.]...").any():
        return ""
    return read_column(cells, spec, Notation.of(spec, semicolons=delimiter == ";")).notation.in_words


def read_column(cells: pl.Series, spec: Field, notation: Notation) -> ReadColumn:
    """Read a column as its field asks; what a cell is missing or odd about stands beside the values.

    `notation` is what the blocks of the table above this one said about it.
    """
    if len(cells) <= FEW:
        few = read_few(as_text(cells).to_list(), spec, notation)
        return ReadColumn(pl.Series(cells.name, few.values, dtype=DTYPES[spec.type]), few.faults, few.odd, few.notation)
    if (typed := _values_of(cells, spec)) is not None:
        column = ReadColumn(typed, odd=_out_of_bounds(typed, spec), notation=notation)
    else:
        column = _read_text_column(without_codes(as_text(cells), spec), spec, notation)
    if codes := codes_of(spec):
        column = _without_values(column, codes)
    if spec.is_needed and column.values.null_count() > len(column.faults):
        for row in column.values.is_null().arg_true():
            column.faults.setdefault(row, NOTHING)
    return column


def _read_text_column(texts: pl.Series, spec: Field, notation: Notation) -> ReadColumn:
    if spec.is_numeric:
        return _read_numbers(texts, spec, notation)
    if spec.type == "category":
        return _read_categories(texts, spec)
    return _read_dates(texts, spec, notation) if spec.type == "date" else _read_texts(texts)


def _without_values(column: ReadColumn, codes: Collection[object]) -> ReadColumn:
    """The column with nothing, and nothing odd, where one of these values stands."""
    is_one = column.values.is_in(pl.Series(list(codes), dtype=column.values.dtype).implode()).fill_null(False)
    if not is_one.any():
        return column
    odd = {row: oddity for row, oddity in column.odd.items() if not is_one[row]}
    values = pl.select(pl.when(~is_one).then(column.values)).to_series().rename(column.values.name)
    return replace(column, values=values, odd=odd)


def read_each(
    cells: pl.Series,
    parse: Callable[[str], object],
    dtype: pl.DataType | type[pl.DataType],
    *,
    keys: pl.Series | None = None,
    texts: list[str] | None = None,
) -> ReadColumn:
    """Parse every different text once; `keys` are what to parse in place of the cells, which the sentences quote.

    `texts` are the different ones, if they are known.
    """
    keys = cells if keys is None else keys
    is_few = len(cells) <= FEW
    if texts is None:
        texts = list(set(keys.to_list()) - {None}) if is_few else keys.drop_nulls().unique().to_list()
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
    elif dtype == pl.String:
        # Most texts stand as they are to be stored.
        old = [text for text in texts if values[text] != text]
        read = keys.replace(old, pl.Series([values[text] for text in old], dtype=dtype)) if old else keys
    else:
        old, new = texts, pl.Series([values[text] for text in texts], dtype=dtype)
        read = keys.replace_strict(old, new, default=None, return_dtype=dtype)
    if not unreadable:
        return ReadColumn(read.rename(cells.name))
    faults = {
        row: f"'{shorten(cells[row])}' {unreadable[keys[row]]}" for row in _rows_with(keys, unreadable.keys() - {None})
    }
    return ReadColumn(read.rename(cells.name), faults)


def _rows_with(cells: pl.Series, texts: Collection[str | None]) -> list[int]:
    return cells.is_in(list(texts)).fill_null(False).arg_true().to_list()


# Numbers and days that come as such


def _values_of(cells: pl.Series, spec: Field) -> pl.Series | None:
    """The values of a column whose type is the field's already; None if its texts have to say what they are."""
    kind = cells.dtype
    if kind == pl.String:
        return None
    if spec.type == "date":
        is_day = kind == pl.Date or (isinstance(kind, pl.Datetime) and kind.time_zone is None)
        if not is_day or spec.date_format:
            return None
        days = cells.cast(pl.Date)
        return days if _is_within(days.to_physical(), (FIRST_DAY - _EPOCH).days, (date.max - _EPOCH).days) else None
    if not spec.is_numeric or kind not in _EXACT:
        return None
    numbers = cells.cast(pl.Int64 if kind.is_integer() else pl.Float64)
    largest = int(LARGEST_NUMBER if spec.type == "number" else LARGEST_INTEGER)
    if not _is_within(numbers, -largest, largest):
        return None
    values = numbers.cast(DTYPES[spec.type])
    return values if spec.type == "number" or kind.is_integer() or (values == numbers).all() else None


def _is_within(values: pl.Series, low: float, high: float) -> bool:
    """Whether all numbers are within bounds; nulls are none, and no bounds hold NaN."""
    least: Any = values.min()
    most: Any = values.max()
    if least is None:
        return True
    return bool(low <= least and most <= high) and not (values.dtype == pl.Float64 and values.is_nan().any())


# Texts, days, categories


def _read_texts(cells: pl.Series) -> ReadColumn:
    texts = cells.str.strip_chars(_BLANKS)
    is_short = texts.str.len_bytes() <= max(map(len, MISSING))
    if is_short.any():
        texts = pl.select(pl.when(~(is_short & is_missing(texts))).then(texts)).to_series()
    return ReadColumn(texts.rename(cells.name))


def _read_dates(cells: pl.Series, spec: Field, notation: Notation) -> ReadColumn:
    keys = None
    if ":" not in spec.date_format and cells.str.contains(":", literal=True).any():
        # Of times nearly every one is different, of days few are. It is what `without_time` does to one text.
        keys = cells.str.replace(r"(?s)^(.*?\d)(?:[ T]\d\d?:|:\d\d:).*$", "${1}")
    texts = (cells if keys is None else keys).drop_nulls().unique()
    notation = days_seen_in(texts.filter(texts.str.contains(_MAY_HAVE_TWO_ORDERS)).to_list(), notation)
    days = days_at_once(texts, spec, notation.day_first)

    def parse(text: str) -> date | None:
        return days.get(text) or to_date(text, spec, notation.day_first)

    return replace(read_each(cells, parse, pl.Date, keys=keys, texts=texts.to_list()), notation=notation)


def _read_categories(cells: pl.Series, spec: Field) -> ReadColumn:
    if _has_only_values(cells, spec):
        return ReadColumn(cells)
    unknown: set[str | None] = set()

    def parse(text: str) -> str | None:
        value = to_category(text, spec)
        if value is not None and not is_known(value, spec):
            unknown.add(value)
        return value

    column = read_each(cells, parse, pl.String)
    if unknown:
        for row in _rows_with(column.values, unknown):
            column.odd[row] = f"'{shorten(column.values[row])}' is not a known value"
    return column


def _has_only_values(cells: pl.Series, spec: Field) -> bool:
    """Whether every cell stands as it is to be stored: comparing with a few values is faster than finding all texts."""
    values = [known.value for known in spec.categories if to_category(known.value.strip(), spec) == known.value]
    n_left = len(cells) - cells.null_count()
    for value in values[:_FEW_VALUES]:
        if n_left:
            n_left -= int((cells == value).sum())
    return not n_left


# Numbers


def _read_numbers(cells: pl.Series, spec: Field, notation: Notation) -> ReadColumn:
    """Plain numbers all at once, and each different text that is no plain number by itself."""
    # Whole numbers without a point are read faster as such, and then no plain one has a point to look at.
    is_whole = spec.type == "integer"
    if not is_whole and notation.semicolons and notation.decimal_comma is not False and "," in _top(cells):
        if (column := _with_decimal_commas(cells, spec, notation)) is not None:
            return column
        # Plain numbers are too few to be read by themselves.
        read = pl.Series([None], dtype=pl.Float64).new_from_index(0, len(cells))
    else:
        read = cells.cast(pl.Int64 if is_whole else pl.Float64, strict=False)
    largest = LARGEST_NUMBER if spec.type == "number" else LARGEST_INTEGER
    is_clean = _has_only(cells, read) and _is_within(read, -int(largest), int(largest))
    if is_clean and not is_whole and notation.decimal_comma is None and not notation.semicolons:
        # All are plain, and a single point says what points mean, unless the rest of the file says otherwise.
        pointed = _first_with_point(cells)
        if pointed and (notation.likely_comma or GROUPED_BY_POINT.fullmatch(pointed[0])):
            pointed = _plain_and_pointed(cells, read.to_numpy())
        notation = notation_after(notation, pointed)
    if is_clean and (is_whole or (not notation.semicolons and not notation.decimal_comma)):
        return ReadColumn(read, {}, _out_of_bounds(read, spec), notation)
    values = read.cast(pl.Float64).to_numpy().copy()
    values[np.isinf(values)] = np.nan
    left = np.flatnonzero(np.isnan(values))
    rows = cells if len(left) == len(cells) else cells.gather(left)
    bare, currency = without_units(rows.drop_nulls().unique().to_list(), spec, notation.currency)
    notation = seen_in(bare, notation, currency)
    marked = [text for text in bare.values() if "," in text or "." in text]
    if not is_whole and (notation.decimal_comma is None or (notation.semicolons and not notation.has_decimal_point)):
        marked += _plain_and_pointed(cells, values)
    notation = notation_after(notation, marked)
    if is_clean and not (notation.decimal_comma or notation.has_unclear_points):
        return ReadColumn(read, {}, _out_of_bounds(read, spec), notation)
    if not is_whole and (notation.decimal_comma or notation.has_unclear_points):
        # A plain number with a point or an exponent may mean another one here, or none.
        others = np.flatnonzero(~np.isnan(values))
        texts = cells.gather(others)
        is_marked = texts.str.contains("[.eE]")
        if is_marked.any():
            left = np.union1d(left, others[is_marked.to_numpy()])
            bare = {text: text for text in texts.filter(is_marked).unique().to_list()} | bare
    faults = _read_left(cells, left, bare, values, notation) if bare else {}
    is_unusable = np.abs(values) > largest
    if is_whole:
        is_unusable |= (values != np.rint(values)) & ~np.isnan(values)
    for row in np.flatnonzero(is_unusable).tolist():
        faults[row] = f"'{shorten(bare.get(cells[row], cells[row]))}' {unusable(float(values[row]), spec)}"
        values[row] = np.nan
    series = pl.Series(cells.name, values, nan_to_null=True).cast(DTYPES[spec.type])
    return ReadColumn(series, faults, _out_of_bounds(series, spec), notation)


def _with_decimal_commas(cells: pl.Series, spec: Field, notation: Notation) -> ReadColumn | None:
    """A column of nothing but digits, signs and commas that divide decimals, all at once; None if it holds more.

    Then each different text has to be looked at by itself.
    """
    texts = cells.drop_nulls().unique()
    if texts.str.contains("[^0-9+,-]").any():
        return None
    numbers = texts.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    if not _has_only(texts, numbers) or not _is_within(numbers, -int(LARGEST_NUMBER), int(LARGEST_NUMBER)):
        return None
    values = numbers.gather(_places_in(texts, cells)).rename(cells.name)
    marked = texts.filter(texts.str.contains(",", literal=True)).head(1).to_list()
    return ReadColumn(values, {}, _out_of_bounds(values, spec), notation_after(notation, marked))


def _places_in(texts: pl.Series | list[str], cells: pl.Series) -> pl.Series:
    """Where each cell stands among the different texts of a column; null for a null."""
    return cells.cast(pl.Enum(texts)).to_physical().cast(pl.UInt32)


def _out_of_bounds(values: pl.Series, spec: Field) -> dict[int, str]:
    """By row index what is odd about numbers beyond the field's bounds."""
    low = -math.inf if spec.minimum is None else spec.minimum
    high = math.inf if spec.maximum is None else spec.maximum
    if not spec.is_numeric or _is_within(values, low, high):
        return {}
    return {row: beyond(float(values[row]), spec) for row in ((values < low) | (values > high)).arg_true()}


def _has_only(cells: pl.Series, read: pl.Series) -> bool:
    """Whether every cell was read but for those that are empty."""
    return not read.null_count() or read.null_count() == cells.null_count() + (cells == "").sum()


def _top(cells: pl.Series) -> str:
    """The first cells, in a row."""
    return " ".join(cells.head(_TOP_ROWS).drop_nulls())


def _first_with_point(cells: pl.Series) -> list[str]:
    first = [text for text in cells.head(_TOP_ROWS) if text and "." in text]
    return first[:1] or cells.filter(cells.str.contains(".", literal=True)).head(1).to_list()


def _plain_and_pointed(cells: pl.Series, values: FloatArray) -> list[str]:
    """Plain numbers with a point, as few as say what it means: one is enough that cannot stand between thousands."""
    if np.isnan(values).all():
        return []
    with_decimals = np.flatnonzero((values != np.rint(values)) & ~np.isnan(values))[:FEW]
    first = [*range(min(FEW, len(cells))), *with_decimals.tolist()]
    for row, text in zip(first, cells.gather(first), strict=True):
        if text and "." in text and not np.isnan(values[row]) and not GROUPED_BY_POINT.fullmatch(text):
            return [text]
    pointed = cells.filter(cells.str.contains(".", literal=True) & pl.Series(~np.isnan(values)))
    if not len(pointed):
        return []
    other = pointed.filter(~pointed.str.contains(f"^(?:{GROUPED_BY_POINT.pattern})$"))
    return [*pointed.head(_TOP_ROWS), *other.head(1)]


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
    rows = cells if len(left) == len(cells) else cells.gather(left)
    places = _places_in(texts, rows).fill_null(len(texts)).to_numpy()
    values[left] = np.array([*numbers, None], dtype=np.float64)[places]
    if not unreadable:
        return {}
    return {int(left[row]): unreadable[rows[row]] for row in _rows_with(rows, unreadable.keys())}
