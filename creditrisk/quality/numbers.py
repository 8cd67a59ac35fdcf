"""What texts say as numbers: plain, with thousands apart, with a decimal comma, with a unit or currency beside them.

One cell alone may not say how it is written (1,234 or 10,65), so a column's notation is told from all of its cells, and
here every rule about one text stands once; quality.cells applies them to whole columns and to a few cells alike.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import polars as pl

from creditrisk.quality.amounts import (
    CURRENCY,
    PERCENT,
    bare,
    currencies_in,
    currency_in,
    is_money,
    one_currency_of,
    spellings_of,
    with_plain_signs,
    without_words,
)
from creditrisk.quality.notation import MISSING, MONTHS, NO_NUMBER, UnreadableError, months_in
from creditrisk.schema import Field, Written
from creditrisk.text import plain_number

# No amount in any currency is larger; sums and squares of what is smaller stay finite.
LARGEST_NUMBER = 1e15
# Beyond it not every whole number has a float of its own.
LARGEST_INTEGER = 2.0**53
# One cell such as 10,65 may be a slip of the hand; three different ones are a habit.
MIN_TELLING = 3
# So large a part of the cells is nearly all of them.
_MOSTLY = 0.9
# What polars casts to a number as well.
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_SEVERAL = re.compile(rf"^\W*(?:{CURRENCY})\.?\s*\W?\d[\d.,' ]*$|^\W*\d[\d.,' ]*(?:{CURRENCY})$", re.IGNORECASE)
_LONGEST_MISSING = max(map(len, MISSING))
_BRACKETS = re.compile(r"\(\W*[A-Za-z]{0,4}\W*\d[^()]*\)")
GROUPED_BY_POINT = re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+")


class Spelling(NamedTuple):
    """A way to write a number: its pattern, for Python and polars alike, and what may stand between thousands.

    A comma that is no such mark divides the decimals.
    """

    pattern: re.Pattern[str]
    marks: str

    def read(self, text: str) -> float | None:
        """The number that a text spells so; None if it does not."""
        if not self.pattern.fullmatch(text):
            return None
        return float("".join(sign for sign in text if sign not in self.marks).replace(",", "."))

    def read_all(self, texts: pl.Series) -> pl.Series:
        """The same for many texts at once."""
        fits = texts.str.contains(f"^(?:{self.pattern.pattern})$")
        plain_texts = texts.str.replace_all(f"[{self.marks}]", "").str.replace(",", ".", literal=True)
        return pl.select(pl.when(fits).then(plain_texts).cast(pl.Float64)).to_series()


_POWER = "([eE][+-]?[0-9]{1,3})?"
# In India the last three digits stand apart, and those before them in twos: 12,34,567.
_GROUPED_BY_COMMA = Spelling(
    re.compile(rf"[+-]?[1-9][0-9]{{0,2}}((,[0-9]{{3}})+|(,[0-9]{{2}})*,[0-9]{{3}})(\.[0-9]+)?{_POWER}"), ","
)
_DECIMAL_COMMA = Spelling(
    re.compile(rf"[+-]?(([0-9]+|[1-9][0-9]{{0,2}}(\.[0-9]{{3}})+)(,[0-9]*)?|,[0-9]+){_POWER}"), "."
)
_GROUPED_OTHERWISE = Spelling(
    re.compile(
        f"[+-]?[1-9][0-9]{{0,2}}(([ \u00a0\u202f'’][0-9]{{3}})+|([ '][0-9]{{2}})+[ '][0-9]{{3}})([.,][0-9]+)?{_POWER}"
    ),
    " \u00a0\u202f'’",
)


@dataclass(frozen=True, slots=True)
class Notation:
    """How a column is written, as far as its cells have said.

    `decimal_comma` is None until a cell with a comma or a point says so, and then stays: of a table that is read in
    blocks, a later cell that contradicts it is refused. `is_told` is whether cells that can be read in one way only
    said it. `has_decimal_point` is whether a cell has a point that cannot stand between thousands; it is asked only
    where semicolons divide the cells (`semicolons`). `is_marked` is whether any cell has a comma or a point.
    `likely_comma` is what the schema says about commas, or, if it `is_agreed`, the rest of the file, for columns
    that do not say it by themselves. `has_brackets` is whether amounts below zero stand in brackets: then a lone
    dash is nought, as accountants write it. `currency` is one that all amounts are in and that is not the field's.
    Of dates that slashes divide (`has_slashes`), `day_first` is whether the day comes before the month. `low`,
    `high` and `is_whole` are what the field asks for. Of a record of a JSON call (`is_record`) plain numbers are
    what they are.
    """

    semicolons: bool = False
    decimal_comma: bool | None = None
    is_told: bool = False
    has_decimal_point: bool = False
    is_marked: bool = False
    likely_comma: bool | None = None
    is_agreed: bool = False
    has_brackets: bool = False
    currency: str = ""
    has_slashes: bool = False
    day_first: bool | None = None
    low: float | None = None
    high: float | None = None
    is_whole: bool = False
    is_record: bool = False

    @classmethod
    def of(cls, spec: Field, *, semicolons: bool, is_record: bool = False) -> Notation:
        """What the schema says about a column before a cell of it was seen."""
        bounds = spec.minimum, spec.maximum
        return _before_cells(semicolons, is_record, spec.notation, bounds, spec.type == "integer")

    @property
    def in_words(self) -> Written:
        """The notation as a schema keeps it: by how the column writes a number; empty for plain numbers."""
        if self.has_brackets:
            return "(1.234,50)" if self.decimal_comma else "(1,234.50)"
        return "1.234,50" if self.decimal_comma else ""

    @property
    def has_unclear_points(self) -> bool:
        """Whether 1.234 can be read in two ways: nothing says what its point means, or one says this and another that.

        The latter as 500,5 and 12345.125 do.
        """
        return self.semicolons and self.has_decimal_point == bool(self.decimal_comma)

    @property
    def spellings(self) -> tuple[Spelling, ...]:
        """How numbers may be written that are not plain ones."""
        return _DECIMAL_COMMA if self.decimal_comma else _GROUPED_BY_COMMA, _GROUPED_OTHERWISE


@lru_cache(maxsize=10_000)
def _before_cells(
    semicolons: bool, is_record: bool, written: Written, bounds: tuple[float | None, float | None], is_whole: bool
) -> Notation:
    """Made once for every way a field may be: each application of a JSON call asks for those of all fields."""
    return Notation(
        semicolons,
        is_record=is_record,
        likely_comma=written.rstrip(")").endswith(",50") if written else None,
        has_brackets=written.startswith("("),
        low=bounds[0],
        high=bounds[1],
        is_whole=is_whole,
    )


def notation_after(before: Notation, marked: Collection[str]) -> Notation:
    """What is known of a column's notation once these texts, all with a comma or a point, were seen.

    Examples
    --------
    >>> notation_after(Notation(), ["10,65", "7,5", "1.234,50"]).decimal_comma
    True
    >>> notation_after(Notation(), ["10,65", "7.5", "1.234,50"]).decimal_comma
    False
    >>> notation_after(Notation(low=200, high=20_000), ["1.169", "5.951"]).decimal_comma
    True
    """
    marked = [text for text in marked if len(text) > _LONGEST_MISSING or text.casefold() not in MISSING]
    if marked and not before.is_marked:
        before = replace(before, is_marked=True)
    if before.is_record and not any("," in text or text.count(".") > 1 for text in marked):
        return before
    if before.decimal_comma is None and (are_thousands := _are_thousands(before, marked)) is not None:
        return replace(before, decimal_comma=are_thousands, is_told=True, has_decimal_point=not are_thousands)
    with_comma = any("," in text for text in marked)
    if before.semicolons:
        pointed = [text for text in marked if "." in text and "," not in text]
        has_point = before.has_decimal_point or not all(map(GROUPED_BY_POINT.fullmatch, pointed))
        known = before.decimal_comma
        if known is None and pointed and not with_comma and not has_point and before.likely_comma is not None:
            return replace(before, decimal_comma=before.likely_comma, has_decimal_point=not before.likely_comma)
        known = (with_comma or (False if has_point else None)) if known is None else known
        return replace(before, decimal_comma=known, has_decimal_point=has_point, is_told=known is not None)
    if before.decimal_comma is not None or not marked:
        return before
    readable = all(_has_decimal_comma(text) for text in marked)
    telling = {text for text in marked if "," in text and _GROUPED_BY_COMMA.read(text) is None}
    is_open = bool(telling) or not with_comma or before.is_agreed or _are_within(before, marked)
    is_likely = bool(before.likely_comma) and is_open
    is_comma = readable and (len(telling) >= MIN_TELLING or is_likely)
    is_point = not readable and any(not _has_decimal_comma(text) and _is_pointed(text) for text in marked)
    return replace(before, decimal_comma=is_comma, is_told=bool(is_comma and telling) or is_point)


def _has_decimal_comma(text: str) -> bool:
    """Whether a text can be read with a decimal comma."""
    return _DECIMAL_COMMA.read(text) is not None or ("." not in text and _GROUPED_OTHERWISE.read(text) is not None)


def _is_pointed(text: str) -> bool:
    spellings = _GROUPED_BY_COMMA, _GROUPED_OTHERWISE
    return "." in text and (plain(text) is not None or any(spelling.read(text) is not None for spelling in spellings))


def _are_within(notation: Notation, marked: Sequence[str]) -> bool:
    """Whether texts such as 34,011 lie within the field's bounds as decimals, and not as thousands."""
    low = -math.inf if notation.low is None else notation.low
    high = math.inf if notation.high is None else notation.high
    decimals = [number for text in marked if (number := _DECIMAL_COMMA.read(text)) is not None]
    thousands = [number for text in marked if (number := _GROUPED_BY_COMMA.read(text)) is not None]
    within = [sum(low <= number <= high for number in numbers) / len(marked) for numbers in (decimals, thousands)]
    return within[0] >= _MOSTLY and within[1] <= 1 - _MOSTLY


def _are_thousands(notation: Notation, marked: Sequence[str]) -> bool | None:
    """Whether points stand between thousands, where all cells with one have three digits behind it; None if unsaid.

    Two points in one cell say it, and a count that would not be whole; the field's bounds, if only one way to read the
    cells lies within them; where semicolons divide the cells, three different ones, unless the schema says otherwise.
    """
    if not marked or not all(map(GROUPED_BY_POINT.fullmatch, marked)):
        return None
    if any(text.count(".") > 1 for text in marked):
        return True
    decimals, thousands = [float(text) for text in marked], [float(text.replace(".", "")) for text in marked]
    if notation.is_whole and not all(number.is_integer() for number in decimals):
        return True
    low = -math.inf if notation.low is None else notation.low
    high = math.inf if notation.high is None else notation.high
    within = [sum(low <= number <= high for number in numbers) / len(numbers) for numbers in (decimals, thousands)]
    if max(within) >= _MOSTLY and min(within) <= 1 - _MOSTLY:
        return within[1] > within[0]
    is_habit = notation.semicolons and notation.likely_comma is None and len({*marked}) >= MIN_TELLING
    return True if is_habit and within[0] == within[1] else None


def seen_in(texts: Collection[str], notation: Notation, currency: str = "") -> Notation:
    """What is known once these texts were seen as they stand: what is put around numbers, such as brackets."""
    has_brackets = notation.has_brackets or any("(" in text and _BRACKETS.search(text) for text in texts)
    if has_brackets == notation.has_brackets and not currency:
        return notation
    return replace(notation, has_brackets=has_brackets, currency=currency or notation.currency)


def plain(text: str | None) -> float | None:
    """A number written with digits, a point and an exponent at most; None if the text is none or beyond all floats."""
    if text is None or not _PLAIN.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def to_number(text: str, notation: Notation) -> float | None:
    """The number in a text without its unit, None for a word for nothing; UnreadableError for anything else."""
    number = None if notation.decimal_comma else plain(text)
    text = text.strip()
    if notation.has_unclear_points and GROUPED_BY_POINT.fullmatch(text):
        raise UnreadableError("can be read in two ways: write thousands without a point and decimals with a comma")
    if notation.semicolons and notation.decimal_comma is False and "," in text:
        raise UnreadableError("has a comma where the rows above it write decimals with a point")
    if notation.has_brackets and text in ("-", "--"):
        return 0.0
    if number is not None or text.casefold() in NO_NUMBER:
        return number
    for spelling in notation.spellings:
        if (number := spelling.read(text)) is not None:
            return number
    if _SEVERAL.search(text):
        raise UnreadableError("is in another currency: convert it")
    raise UnreadableError("is not a number")


def to_numbers(texts: pl.Series, notation: Notation) -> pl.Series:
    """The same for many texts at once; null for those that `to_number` has to look at."""
    numbers = pl.Series([None], dtype=pl.Float64).new_from_index(0, len(texts))
    if not notation.decimal_comma:
        numbers = texts.cast(pl.Float64, strict=False)
    for spelling in notation.spellings:
        if numbers.has_nulls():
            numbers = numbers.fill_null(spelling.read_all(texts))
    unsure = pl.Series([False]).new_from_index(0, len(texts))
    if notation.has_unclear_points:
        unsure |= texts.str.contains(f"^(?:{GROUPED_BY_POINT.pattern})$")
    if notation.semicolons and notation.decimal_comma is False:
        unsure |= texts.str.contains(",", literal=True)
    return pl.select(pl.when(numbers.is_finite() & ~unsure).then(numbers)).to_series()


def without_unit(texts: pl.Series, spec: Field, currency: str = "") -> tuple[pl.Series, str]:
    """Different texts as digits with a sign in front, without unit, brackets and letters for thousands; and a currency.

    The unit is the field's own. Of currencies it is any where the field has none, but not several, and another one
    where all texts have it, as in a spreadsheet of another country: one cell may be a slip of the hand, three are a
    habit. That one is told, or was in the rows above (`currency`). Times in years and months become months, where the
    field counts those, and per cents hundredths, where it counts parts of 1.
    """
    if not texts.str.contains(r"[^0-9+\-.,]|[\d.,]-").any():
        return texts, currency
    texts = with_plain_signs(texts)
    if spec.unit == MONTHS:
        texts = _in_months(texts)
    if spec.is_share:
        texts = texts.str.replace(rf"(?i)(\d[.,]?)\s*(?:{PERCENT})\s*$", "${1}e-2")
    if not spec.unit and len(currencies_in(texts)) <= 1:
        texts = without_words(texts, currency_in(texts))
    elif spec.unit and texts.str.contains(r"[^0-9+\-.,() ']").any():
        texts = without_words(texts, spellings_of(spec.unit))
        if is_money(spec.unit) and not currency and len(texts) >= MIN_TELLING:
            currency = one_currency_of(texts)
        if currency:
            texts = without_words(texts, re.escape(currency))
    return bare(texts, has_tens=is_money(spec.unit)), currency


def _in_months(texts: pl.Series) -> pl.Series:
    times = texts.filter(texts.str.contains(r"(?i)\d\s*y"))
    in_months = {text: str(months) for text in times if (months := months_in(text)) is not None}
    return texts.replace(in_months) if in_months else texts


def unusable(number: float, spec: Field) -> str:
    """Why a number cannot be one of the field's, to go on with after the cell; empty if it can."""
    if spec.type == "number":
        return "is too large for a number" if abs(number) > LARGEST_NUMBER else ""
    return "" if number.is_integer() and abs(number) <= LARGEST_INTEGER else "is not a whole number"


def beyond(number: float, spec: Field) -> str:
    """Which of the field's bounds a number is beyond, in a clause; empty if it is within them."""
    low, high = spec.minimum, spec.maximum
    if (low is None or number >= low) and (high is None or number <= high):
        return ""
    unit = f" {spec.unit}" if spec.unit else ""
    if low is not None and high is not None:
        where = f"outside {plain_number(low)} to {plain_number(high)}"
    else:
        where = f"below {plain_number(low)}" if low is not None else f"above {plain_number(high or 0.0)}"
    return f"{plain_number(number)} is {where}{unit}"
