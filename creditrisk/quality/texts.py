"""What one text says as a date, as one of the schema's categories, or as itself; numbers are in quality.numbers."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from datetime import date
from functools import lru_cache

import polars as pl

from creditrisk.quality.notation import (
    DATE_FORMATS,
    DAY_FIRST,
    FIRST_DAY,
    MISSING,
    MONTH_FIRST,
    NO,
    YES,
    UnreadableError,
    by_number,
    read_day,
    without_idle_zeros,
    without_time,
)
from creditrisk.quality.numbers import Notation
from creditrisk.quality.times import order_told_by
from creditrisk.schema import Field


def to_text(text: str, spec: Field) -> str | None:
    """The text itself; None for a word for nothing."""
    return None if text.casefold() in MISSING else text


def to_date(text: str, spec: Field, day_first: bool | None = None) -> date | None:
    """The day that is written as its file or the field says, or in one way only; None for a word for nothing."""
    if text.casefold() in MISSING:
        return None
    formats = _formats(spec.date_format, day_first)
    day = read_day(text, formats) or read_day(without_time(text), formats)
    if day is None:
        raise UnreadableError("is not a date")
    return day


def is_day_first(date_format: str) -> bool | None:
    """Whether a schema's way to write dates puts the day before the month; None if it does not say.

    Examples
    --------
    >>> is_day_first("%m/%d/%Y"), is_day_first("%d-%m-%y"), is_day_first("%Y-%m-%d"), is_day_first("%m/%Y")
    (False, True, None, None)
    """
    return True if date_format in DAY_FIRST else (False if date_format in MONTH_FIRST else None)


def days_at_once(texts: pl.Series, spec: Field, day_first: bool | None = None) -> dict[str, date]:
    """The days of those texts that are written as most are: `to_date` says the same of each, in far more time.

    Examples
    --------
    >>> spec = Field("day", "date", "Day")
    >>> days_at_once(pl.Series(["31.12.2019", "31.11.2019", "2020-01-31", "soon"]), spec)
    {'31.12.2019': datetime.date(2019, 12, 31)}
    """
    own = is_day_first(spec.date_format)
    if spec.date_format and own is None:
        # It goes before all others.
        return {}
    order = own if day_first is None else day_first
    slashed = () if order is None else (DAY_FIRST[0] if order else MONTH_FIRST[0],)
    some = next((text for text in texts if text), "")
    for pattern in ("%Y-%m-%d", "%d.%m.%Y", *slashed):
        shape = "^" + re.sub("%[md]", "[0-9]{2}", re.escape(pattern).replace("%Y", "[0-9]{4}")) + "$"
        if re.match(shape, some):
            fitting = texts.filter(texts.str.contains(shape))
            days = fitting.str.to_date(pattern, strict=False)
            is_day = days >= FIRST_DAY
            return dict(zip(fitting.filter(is_day).to_list(), days.filter(is_day).to_list(), strict=True))
    return {}


def days_seen_in(texts: Collection[str], notation: Notation) -> Notation:
    """What is known once these dates were seen: whether the day comes first, if one beyond the 12th says it."""
    if notation.day_first is not None:
        return notation
    has_slashes, order = order_told_by(texts)
    return replace(notation, has_slashes=has_slashes or notation.has_slashes, day_first={1: True, -1: False}.get(order))


@lru_cache
def _formats(date_format: str, day_first: bool | None) -> tuple[str, ...]:
    """The ways to write a date that are tried, one after the other.

    What can be read in one way only is read beside the field's own way; the file's word goes before the schema's.
    """
    own = is_day_first(date_format)
    order = own if day_first is None else day_first
    first = (date_format,) if date_format and (own is None or own == order) else ()
    return *first, *(() if order is None else DAY_FIRST if order else MONTH_FIRST), *DATE_FORMATS


def to_category(text: str, spec: Field) -> str | None:
    """The value that is stored for a spelling; an unknown one is itself, None stands for a word for nothing.

    `none` may be a category of its own, so the schema is asked before the list of words for "missing".
    """
    spellings, same_numbers = _spellings(spec)
    value = spellings.get(text.casefold(), same_numbers.get(without_idle_zeros(text)))
    return to_text(text, spec) if value is None else value


def is_known(value: object, spec: Field) -> bool:
    """Whether a value of a category is one of the schema's."""
    return any(category.value == value for category in spec.categories)


@lru_cache(maxsize=1_000)
def _spellings(spec: Field) -> tuple[dict[str, str], dict[str, str]]:
    """Every spelling of the field's categories to the stored value, and those that are numbers however spelt.

    Values win over labels, labels over aliases.
    """
    aliases = {alias.casefold(): known.value for known in spec.categories for alias in known.aliases}
    labels = {known.label.casefold(): known.value for known in spec.categories}
    known = aliases | labels | {known.value.casefold(): known.value for known in spec.categories}
    return _yes_and_no(known) | known, by_number(known)


def _yes_and_no(known: dict[str, str]) -> dict[str, str]:
    """Every way to say yes and no, for a field that knows one of each; none for others."""
    spellings: dict[str, str] = {}
    if {*known} == {"-1", "0"}:
        # As Access writes them; 1 may be another number.
        return {word: value for words, value in ((YES, "-1"), (NO, "0")) for word in words if word.isalpha()}
    for words in (YES, NO):
        said = {value for spelling, value in known.items() if spelling in words}
        if len(said) != 1:
            return {}
        spellings |= dict.fromkeys(words, said.pop())
    return spellings if len(set(spellings.values())) == 2 else {}
