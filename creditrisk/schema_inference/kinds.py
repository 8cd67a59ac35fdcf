"""What kind a column is: number, code, category, date or text, with its unit, range and categories."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from creditrisk.quality import (
    CURRENCY_SIGNS,
    DATE_FORMATS,
    MISSING,
    MONTHS,
    NO_NUMBER,
    months_in,
    read_cells,
    read_day,
    without_time,
)
from creditrisk.schema import Category, Field, FieldType
from creditrisk.schema_inference import header_hints
from creditrisk.sources import RawTable
from creditrisk.text import counted, plain_number, shorten

# So many of a column's cells must read as numbers (dates); the rows of the others are set aside.
READABLE_SHARE = 0.98
# Whole numbers with so few values are kept apart as ordered categories: measured, see docs/own-data.md.
MAX_CODES = 12
# A category has at most so many values, each in so many rows, that together cover most of the table.
MAX_CATEGORIES = 60
MIN_CATEGORY_ROWS = 5
CATEGORY_COVER = 0.9
_LAST_YEAR = 2200
LARGEST_INTEGER = 2.0**53
_NUMBER = r"[+-]?\d[\d.,  '’]*"
_CURRENCIES = {sign.lower(): code for code, signs in CURRENCY_SIGNS.items() for sign in signs} | {
    code.lower(): code for code in (*CURRENCY_SIGNS, "CHF", "DM", "CZK", "SEK", "NOK", "DKK", "HUF", "CAD", "AUD")
}
_CURRENCY = "|".join(re.escape(spelling) for spelling in sorted(_CURRENCIES, key=len, reverse=True))
_WITH_UNIT = re.compile(
    rf"{_NUMBER}\s*(%|{_CURRENCY}|months?|mos|years?|yrs?|days?|weeks?|monate?|jahre?|tage?|wochen?|k"
    r"|points?|pts|km)",
    re.IGNORECASE,
)
_WITH_SIGN = re.compile(rf"[+-]?\s*({_CURRENCY})\s*{_NUMBER}", re.IGNORECASE)
_LEADING_ZERO = r"^0\d+$"
AMERICAN = ("%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y", "%m-%d-%y")
_SLASHED = (
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%m-%d-%y",
    "%d-%m-%y",
    "%m/%Y",
    "%d.%m.%y",
)
_SIX_DIGITS = ("%Y%m", "%y%m%d")
# What stands around the numbers of categories that have an order: "< 1 year", "10+ years", "1<=X<4", "bis 3 Jahre".
_AROUND_NUMBERS = re.compile(
    r"[\s<>=+\-–—.,%€$£x()\[\]/]|years?|yrs?|months?|days?|weeks?|jahre?|monate?|tage?|or|and|to|more|less|than|over"
    r"|under|up|below|above|between|k|bis|ueber|über|unter|mehr|weniger|als|und|ab|von",
    re.IGNORECASE,
)
_BROKEN_TEXT = re.compile(r"�|Ã[^\sA-Za-z]|â€|Â[^\sA-Za-z]")


@dataclass(frozen=True)
class Column:
    """One column of the table: the field proposed, how the column looks, and what a person should decide about it.

    `flag` is one or two words for the table on the terminal, empty where nothing calls for a decision; `counts` holds
    the rows of each category.
    """

    header: str
    field: Field
    looks: str
    flag: str = ""
    decide: str = ""
    counts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Cells:
    """A column before it is judged: all of its cells, those with anything in them, and its field without a type."""

    header: str
    all: pl.Series
    given: pl.Series
    field: Field
    delimiter: str

    @classmethod
    def of(cls, texts: pl.Series, field: Field, raw: RawTable) -> Cells:
        """The cells of a column, and those of them that hold something."""
        texts = texts.fill_null("")
        given = texts.filter(~texts.str.to_lowercase().is_in(list(MISSING)))
        return cls(texts.name, texts, given, field, raw.delimiter)

    @property
    def looks(self) -> str:
        """How many values there are, and how many cells are empty."""
        n_values, missing = self.given.n_unique(), 1 - len(self.given) / len(self.all)
        shown = f", {missing:.1%} missing" if missing else ""
        return f"{counted(n_values, 'different value')}{shown}"

    def read(self, field: Field) -> pl.Series:
        """All cells as the values of a field."""
        return read_cells(self.all, replace(field, is_required=False), self.delimiter)[0]


def typed_column(cells: Cells) -> Column:
    """The column as what its cells are: numbers, codes, dates, categories or text."""
    given = cells.given
    is_coded = header_hints.is_code(cells.header) or bool(given.str.contains(_LEADING_ZERO).any())
    date_format = _date_format(given, is_named=header_hints.is_date(cells.header))
    # Eight digits may be anything, unless the name says that they are a day.
    is_digits = bool(given.str.contains(r"^\d+$").all())
    is_date = date_format is not None and (header_hints.is_date(cells.header) or not is_digits)
    told = given.filter(~given.str.to_lowercase().is_in(list(NO_NUMBER)))
    if len(told) and not is_coded and not is_date:
        field = replace(cells.field, type="number", unit=_unit(told))
        values, unreadable = read_cells(told, field, cells.delimiter)
        if len(unreadable) <= (1 - READABLE_SHARE) * len(told):
            return _numbers(replace(cells, given=told), field, values, len(unreadable))
    if date_format is not None:
        field = replace(cells.field, type="date", date_format=date_format)
        values, unreadable = read_cells(given, field, cells.delimiter)
        if len(unreadable) <= (1 - READABLE_SHARE) * len(given):
            note = "; read with the month first, as in America" if date_format in AMERICAN else ""
            return Column(cells.header, field, f"{cells.looks}, {values.min()!s} to {values.max()!s}{note}")
    column = _words(cells)
    if column.field.type == "text" and is_digits and not header_hints.is_code(cells.header) and date_format is None:
        # Zeros in front that make no categories fill up a number: 00280.
        field = replace(cells.field, type="number")
        values, unreadable = read_cells(given, field, cells.delimiter)
        if not unreadable:
            return _numbers(cells, field, values, 0)
    return column


def _unit(given: pl.Series) -> str:
    """The unit or currency that stands beside nearly all of the numbers; empty if none does."""
    texts = given.unique().sort().head(1_000).to_list()
    times = [text for text in texts if months_in(text) is not None]
    if len(times) >= READABLE_SHARE * len(texts) and all(any(c in text.lower() for text in times) for c in "ym"):
        return MONTHS
    found = Counter(
        _CURRENCIES.get(match.group(1).lower(), match.group(1).lower())
        for text in texts
        if (match := _WITH_UNIT.fullmatch(text.strip()) or _WITH_SIGN.fullmatch(text.strip()))
    )
    stems = Counter(unit.rstrip("s") for unit in found.elements())
    if not stems:
        return ""
    stem, n = stems.most_common(1)[0]
    if n < READABLE_SHARE * len(texts):
        return ""
    return max((unit for unit in found if unit.rstrip("s") == stem), key=lambda unit: (len(unit), unit))


def _numbers(cells: Cells, field: Field, values: pl.Series, n_unreadable: int) -> Column:
    known = values.drop_nulls().to_numpy()
    distinct, rows = np.unique(known, return_counts=True)
    is_whole = bool((known == np.rint(known)).all() and np.abs(known).max() < LARGEST_INTEGER)
    low, high = float(distinct[0]), float(distinct[-1])
    if is_whole and not field.unit and not n_unreadable and len(distinct) > 1 and high - low < MAX_CODES:
        return _codes(cells, values, Counter(known.astype(np.int64).tolist()))
    minimum, maximum = _outwards(low, high)
    kind: FieldType = "integer" if is_whole else "number"
    field = replace(field, type=kind, minimum=minimum, maximum=maximum)
    column = Column(
        cells.header,
        field,
        f"{cells.looks}, {plain_number(low)} to {plain_number(high)}, half of them up to "
        f"{plain_number(float(np.median(known)))}",
    )
    if n_unreadable:
        why = f"{n_unreadable:,} cells hold no number: their rows are set aside."
        return replace(column, flag="mixed", decide=why)
    far = _far_off(distinct, rows)
    if far is not None:
        why = f"{plain_number(far[0])} stands in {far[1]:,} rows, far from all other values: does it mean missing?"
        return replace(column, flag="code?", decide=f"{why} If so, leave it empty in the file.")
    below = _few_below_zero(distinct, rows)
    if below is not None:
        listed = ", ".join(map(plain_number, below[0]))
        why = f"{listed} in {below[1]:,} rows, and nothing else below zero: does it mean missing?"
        return replace(column, flag="code?", decide=f"{why} If so, leave it empty in the file.")
    return column


def _codes(cells: Cells, values: pl.Series, tally: Counter[int]) -> Column:
    """Few whole numbers: a category with an order, so that each step up has an effect of its own."""
    numbers = range(min(tally), max(tally) + 1)
    spellings: dict[int, set[str]] = {number: set() for number in numbers}
    for text, value in zip(cells.given.to_list(), values.to_list(), strict=True):
        spellings[int(value)].add(text)
    field = replace(
        cells.field,
        type="category",
        categories=tuple(
            Category(str(number), str(number), tuple(sorted(spellings[number] - {str(number)}))) for number in numbers
        ),
        is_ordered=len(numbers) > 2,
    )
    return Column(cells.header, field, cells.looks, counts=tuple((str(number), tally[number]) for number in numbers))


def _words(cells: Cells) -> Column:
    """Words: a category if few of them cover the table, free text otherwise."""
    given, looks = cells.given, cells.looks
    n_none = int((cells.all.str.to_lowercase() == "none").sum())
    if n_none and len(given) + n_none == len(cells.all):
        given = cells.all
        looks = f"{given.n_unique():,} different values, 'none' taken for one of them as nothing else is missing"
    spelt: dict[str, Counter[str]] = {}
    for text, n in Counter(given.to_list()).items():
        spelt.setdefault(text.casefold(), Counter())[text] += n
    # The most frequent spelling of each stands for all of them.
    tally = {min(found, key=lambda text: (-found[text], text)): found.total() for found in spelt.values()}
    frequent = sorted(
        (text for text, n in tally.items() if n >= MIN_CATEGORY_ROWS), key=lambda text: (-tally[text], text)
    )
    kept = frequent[:MAX_CATEGORIES]
    n_kept = sum(tally[text] for text in kept)
    if n_kept < CATEGORY_COVER * len(given) or not kept:
        flag, why = (
            "many values",
            f"the {len(kept)} most frequent of its many values cover {n_kept / len(given):.0%} of its rows.",
        )
        if given.str.count_matches(r"\S+").mean() > 3:  # type: ignore[operator]  # of counts a float
            flag, why = "free text", "it is free text, which a model does not read and which may name people."
        return Column(cells.header, cells.field, looks, flag, why)
    if len(kept) < len(tally):
        n_left, n_rows = len(tally) - len(kept), len(given) - n_kept
        looks += f"; rare values left out, which count as unknown: {n_left:,} in {n_rows:,} rows"
    order = _natural_order(kept)
    field = replace(
        cells.field,
        type="category",
        categories=tuple(Category(text, shorten(text, 80)) for text in order or kept),
        is_ordered=bool(order),
    )
    column = Column(cells.header, field, looks, counts=tuple((text, tally[text]) for text in order or kept))
    if any(_BROKEN_TEXT.search(text) for text in kept):
        why = "some of its letters are broken: the file was saved in one encoding and read in another."
        return replace(column, flag="letters?", decide=why)
    return column


def _natural_order(values: list[str]) -> list[str]:
    """The values in their order, if all of them say their place in it by a number or a grade; empty if not.

    Examples
    --------
    >>> _natural_order(["10+ years", "< 1 year", "1 year", "3 years"])
    ['< 1 year', '1 year', '3 years', '10+ years']
    >>> _natural_order(["A34", "A410", "A40"]), _natural_order(["C", "A", "B"])
    ([], ['A', 'B', 'C'])
    """
    if len(values) < 3:
        return []
    if all(re.fullmatch(r"[A-H]", value) for value in values) or all(
        re.fullmatch(r"[A-H][1-9]", value) for value in values
    ):
        return sorted(values)
    places = []
    for value in values:
        numbers = re.findall(r"\d+(?:[.,]\d+)?", value)
        if not numbers or _AROUND_NUMBERS.sub("", re.sub(r"\d+(?:[.,]\d+)?", "", value)):
            return []
        first = float(numbers[0].replace(",", "."))
        is_below = len(numbers) == 1 and re.match(
            r"\s*(<|under|below|up to|less|unter|bis|weniger)", value, re.IGNORECASE
        )
        is_above = len(numbers) == 1 and re.search(r"[>+]|over|above|more|mehr|über|ueber", value)
        places.append((first, -1 if is_below else 1 if is_above else 0))
    return [value for _, value in sorted(zip(places, values, strict=True))] if len({*places}) == len(places) else []


def _date_format(given: pl.Series, *, is_named: bool) -> str | None:
    """How the dates of a column are written: empty for what can be read in one way only; None if they are no dates.

    Six digits are a date only if the column is named as one.
    """
    texts = given.unique().sort().to_list()
    sample = texts if len(texts) <= 400 else texts[:: len(texts) // 400]
    if not all(re.search(r"\d", text) and len(text) <= 40 for text in sample):
        return None
    days = [without_time(text) for text in sample]
    if _share_read(days, DATE_FORMATS) >= READABLE_SHARE:
        return ""
    formats: tuple[str, ...] = (*_SLASHED, *_SIX_DIGITS) if is_named else _SLASHED
    if _is_first_of_month(days):
        formats = tuple(sorted(formats, key=lambda made: not made.startswith("%d")))
    return next((made for made in formats if _share_read(days, (made,)) >= READABLE_SHARE), None)


def _is_first_of_month(days: list[str]) -> bool:
    """Whether what comes first never changes and what follows does, as in 01/03/2019 and 01/11/2020."""
    parts = [re.split("[/-]", day) for day in days]
    return len({part[0] for part in parts}) == 1 and len({part[1] for part in parts if len(part) > 1}) > 1


def _share_read(texts: list[str], formats: tuple[str, ...]) -> float:
    days = [read_day(text, formats) for text in texts]
    return sum(day is not None and day.year <= _LAST_YEAR for day in days) / len(texts)


def _far_off(distinct: np.ndarray, rows: np.ndarray) -> tuple[float, int] | None:
    """A frequent value at either end, ten times as far out as all others: 365243, -999."""
    if len(distinct) < 10:
        return None
    for end, rest in ((-1, distinct[:-1]), (0, distinct[1:])):
        spread = max(abs(float(rest[0])), abs(float(rest[-1])), 1.0)
        gap = abs(float(distinct[end]) - float(rest[end]))
        if rows[end] >= max(5, 0.005 * rows.sum()) and gap > 5 * spread:
            return float(distinct[end]), int(rows[end])
    return None


def _few_below_zero(distinct: np.ndarray, rows: np.ndarray) -> tuple[list[float], int] | None:
    """At most three frequent whole values below zero where all others are not: -9, -8, -7."""
    is_below = distinct < 0
    values, n_rows = distinct[is_below], int(rows[is_below].sum())
    are_few = 1 <= len(values) <= 3 and len(distinct) >= 10 and bool((values == np.rint(values)).all())
    return (values.tolist(), n_rows) if are_few and n_rows >= max(5, 0.005 * rows.sum()) else None


def _outwards(low: float, high: float) -> tuple[float, float]:
    """The range seen, rounded outwards to its first digit; nothing below zero where nothing was.

    Examples
    --------
    >>> _outwards(19, 75), _outwards(-165_580, 964_511), _outwards(0.0542, 0.2459)
    ((10.0, 80.0), (-200000.0, 1000000.0), (0.05, 0.25))
    >>> _outwards(20_200_101, 20_200_128)
    (20200100.0, 20200130.0)
    """
    places = -math.floor(math.log10((high - low) / 2)) if high > low else 0
    step = 10.0**-places
    # Rounded against the noise of floats, which must not put the value seen outside.
    lowest, highest = round(math.floor(low / step) * step, places), round(math.ceil(high / step) * step, places)
    return min(lowest, low), max(highest, high)
