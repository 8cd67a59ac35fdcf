"""How the cells of a column write what they hold: nothing, numbers with a unit or currency, times, days, whole numbers.

Here is what a column says by itself; reading it as its field asks is in quality.cells.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import TypeVar

import polars as pl

from creditrisk.quality.amounts import CURRENCIES, CURRENCY, MANY, NUMBER_LIKE, PERCENT, currency_in, with_plain_signs
from creditrisk.quality.times import counted_day, counted_format_of, day_of_period, order_told_by, with_month_in_words

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
# What people, programs and spreadsheets write for yes and no.
YES = frozenset({"1", "1.0", "true", "t", "yes", "y", "on", "ja", "j", "wahr", "oui", "o", "vrai", "si", "sí", "sì",
                 "s", "sim", "tak", "verdadero", "verdadeiro", "vero", "waar", "да", "1,0", ".t.",
                 "kyllä", "igen", "evet", "是", "✓", "✔", "☑", "prawda", "sant", "sand", "igaz", "doğru", "tosi", "ano",
                 "da", "jah", "ναι", "có", "はい"})  # fmt: skip
NO = frozenset({"0", "0.0", "false", "f", "no", "n", "off", "nein", "falsch", "non", "faux", "não", "nao", "nie", "nee",
                "falso", "onwaar", "нет", "0,0", ".f.", "nej", "ei", "nem", "ne", "hayır", "hayir", "否", "✗",
                "✘", "☐", "fałsz", "falskt", "falsk", "hamis", "yanlış", "epätosi", "όχι",
                "không", "いいえ"})  # fmt: skip
# Dates that can be read in one way only; what a slash divides needs the field's own `date_format`.
DATE_FORMATS = ("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "month in words", "%Y-%m", "%Y%m%d", "%Y.%m.%d", "%Y/%m", "period")
# Dates that can be read in several ways, by what comes first.
DAY_FIRST = ("%d/%m/%Y", "%d-%m-%Y", "%d/%m/%y", "%d-%m-%y", "%d.%m.%y")
MONTH_FIRST = ("%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%m-%d-%y")
_DIGITS_ALONE = ("%Y%m", "%y%m%d", "%d%m%Y", "%m%d%Y")
FIRST_DAY = date(1900, 1, 1)
_LAST_YEAR = 2200
# What days written with two digits of the year may lie ahead: beyond it, the last century is meant.
_YEARS_AHEAD = 20
# The unit of a time that may be written in years and months.
MONTHS = "months"
# A time in years and months, as "1yrs 11mon" or "2 years, 3 months": at least one of the two.
_TIME = re.compile(
    r"(?=\d)(?:(\d{1,3})\s*(?:y|yrs?|years?))?[\s,]*(?:and\s+)?(?:(\d{1,4})\s*(?:m|mos?|mons?|months?))?",
    re.I | re.ASCII,
)
_WITH_UNIT = re.compile(
    rf"[+(-]*{NUMBER_LIKE}(?:[.,]--?|\)|/[-=])?\s*(?:(?:{MANY})(?!\w))?\s*({PERCENT}|{CURRENCY}|months?|mos|years?|yrs?|days?|weeks?|monate?|jahre?|tage?"
    r"|wochen?|points?|pts|km)[\s)*-]*",
    re.IGNORECASE,
)
_WITH_SIGN = re.compile(
    rf"[+(-]*\s*(%|{CURRENCY})\.?\s*(?:{CURRENCY})?\s*[+(-]*{NUMBER_LIKE}(?:{MANY})?[\s)*/=-]*", re.IGNORECASE
)
WHOLE_NUMBER = re.compile(r"(-?)0*(\d+)(?:[.,]0+)?", re.ASCII)
# How the far east divides a day, and blanks that may follow a point.
_EASTERN = str.maketrans({"年": "-", "月": "-", "日": None})
_BLANK_INSIDE = re.compile(r"(?<=\d)(\.)\s+(?=\d)")
_Stored = TypeVar("_Stored", str, int)


class UnreadableError(ValueError):
    """A cell does not hold what its field asks for; the message ends the sentence "'abc' ..."."""


# Nothing


def is_missing(texts: pl.Series, *, among_numbers: bool = False, but: Collection[str] = ()) -> pl.Series:
    """Which cells hold nothing, or a word for it; booleans, shape (n_rows,), null where a cell is null.

    Parameters
    ----------
    among_numbers
        Whether words count that are answers among categories but say nothing where a number belongs.
    but
        Words, in lower case, that mean something in this column.

    Examples
    --------
    >>> is_missing(pl.Series(["7", "N/A", "unknown"])).to_list()
    [False, True, False]
    """
    words = NO_NUMBER if among_numbers else MISSING
    return texts.str.to_lowercase().is_in(list(words.difference(but)))


# Days


def without_time(text: str) -> str:
    """A date without the time of day that may follow it.

    Examples
    --------
    >>> without_time("2020-01-31T10:00:00"), without_time("31JAN2020:10:00:00"), without_time("31 Jan 2020")
    ('2020-01-31', '31JAN2020', '31 Jan 2020')
    """
    return re.split(r"(?<=\d)(?:[ T](?=\d\d?:)|:(?=\d\d:))", text, maxsplit=1)[0]


@lru_cache(maxsize=10_000)
def read_day(text: str, formats: tuple[str, ...]) -> date | None:
    """The day, written in the first of the formats that it fits; None if it fits none.

    Examples
    --------
    >>> read_day("28-Feb-97", DATE_FORMATS), read_day("28-Feb-66", DATE_FORMATS), read_day("soon", DATE_FORMATS)
    (datetime.date(1997, 2, 28), datetime.date(1966, 2, 28), None)
    """
    text = _BLANK_INSIDE.sub(r"\1", text.translate(_EASTERN)).rstrip(".-")
    for pattern in formats:
        day = _day(text, pattern)
        if day is not None and day >= FIRST_DAY:
            return day
    return None


def _day(text: str, pattern: str) -> date | None:
    if pattern == "period":
        return day_of_period(text)
    if pattern == "month in words":
        parts = with_month_in_words(text)
        return None if parts is None else _day_of(*parts)
    if "%" not in pattern:
        return counted_day(text, pattern)
    if not _shape(pattern).fullmatch(text):
        return None
    try:
        day = datetime.strptime(text, pattern).date()
    except ValueError:
        return None
    return _not_ahead(day) if "%y" in pattern else day


def _day_of(year: int, month: int, day: int, is_short: bool) -> date | None:
    try:
        return _not_ahead(date(year, month, day)) if is_short else date(year, month, day)
    except ValueError:
        return None


def _not_ahead(day: date) -> date:
    """A day whose year was written with two digits, of the last century if it would lie too far ahead."""
    return day.replace(year=day.year - 100) if day.year > datetime.now().year + _YEARS_AHEAD else day


@lru_cache
def _shape(pattern: str) -> re.Pattern[str]:
    """What texts of a date format look like: much faster to try than to read them."""
    shape = re.sub("%[mdy]", r"\\d{1,2}", re.escape(pattern).replace("%Y", r"\d{4}"))
    return re.compile(re.sub("%[a-zA-Z]", ".+", shape).replace(r"\ ", r"\s+"))


def date_format_of(texts: pl.Series, *, is_named: bool, min_share: float, habit: str = "") -> str | None:
    """How the dates of a column are written: empty for what can be read in one way only; None if they are no dates.

    Parameters
    ----------
    texts
        The cells with anything in them.
    is_named
        Whether the column is named as a date: six digits are one only then.
    min_share
        The share of the different texts that must fit.
    habit
        How the file writes dates elsewhere, for those that can be read in several ways.

    Examples
    --------
    >>> date_format_of(pl.Series(["12/31/2019", "01/15/2020"]), is_named=False, min_share=0.98)
    '%m/%d/%Y'
    """
    if (counted := counted_format_of(texts, is_named=is_named)) is not None:
        return counted
    different = texts.unique().sort().to_list()
    sample = different if len(different) <= 400 else different[:: len(different) // 400]
    if not all(re.search(r"\d", text) and len(text) <= 40 for text in sample):
        return None
    days = [without_time(text) for text in sample]
    if _are_read(days, DATE_FORMATS, min_share):
        return ""
    # Months of our years one and all, in so many different numbers, are no chance.
    are_months = len(different) >= 6 and all(
        re.fullmatch(r"(19[5-9]|20[0-4])\d(0[1-9]|1[0-2])", text) for text in sample
    )
    is_day_first = habit in DAY_FIRST if habit else _is_first_of_month(days)
    order = order_told_by(different)[1] or (1 if is_day_first else -1)
    slashed = (*DAY_FIRST, *MONTH_FIRST) if order > 0 else (*MONTH_FIRST, *DAY_FIRST)
    formats = (*slashed, "%m/%Y", "%m-%Y", *(_DIGITS_ALONE if is_named or are_months else ()))
    return next((pattern for pattern in formats if _are_read(days, (pattern,), min_share)), None)


def _is_first_of_month(days: list[str]) -> bool:
    """Whether what comes first never changes and what follows does, as in 01/03/2019 and 01/11/2020."""
    parts = [re.split("[/-]", day) for day in days]
    return len({part[0] for part in parts}) == 1 and len({part[1] for part in parts if len(part) > 1}) > 1


def _are_read(texts: list[str], formats: tuple[str, ...], min_share: float) -> bool:
    """Whether so many of the texts are days of our time; most columns hold none, which the first texts tell."""
    n_unread = 0
    for text in texts:
        day = read_day(text, formats)
        n_unread += day is None or day.year > _LAST_YEAR
        if (len(texts) - n_unread) / len(texts) < min_share:
            return False
    return True


# Numbers


def unit_of(texts: pl.Series, *, min_share: float) -> str:
    """The unit or currency that stands beside nearly all of the numbers; empty if none does.

    Parameters
    ----------
    texts
        The cells with anything in them.
    min_share
        The share of the different texts that must have it.

    Examples
    --------
    >>> unit_of(pl.Series(["36 months", "60 months", "1 month"]), min_share=0.98)
    'months'
    """
    looked_at = with_plain_signs(texts.unique().sort().head(1_000))
    different = looked_at.to_list()
    times = [text for text in different if months_in(text) is not None]
    if len(times) >= min_share * len(different) and all(any(c in text.lower() for text in times) for c in "ym"):
        return MONTHS
    sign = re.compile(currency_in(looked_at), re.IGNORECASE)
    units = Counter(
        _named(match.group(1).lower())
        for text in different
        if (match := _WITH_UNIT.fullmatch(text.strip()) or _WITH_SIGN.fullmatch(text.strip()))
        and (CURRENCIES.get(match.group(1).lower()) is None or sign.fullmatch(match.group(1)))
    )
    stems = Counter(unit.rstrip("s") for unit in units.elements())
    if not stems:
        return ""
    stem, n = stems.most_common(1)[0]
    if n < min_share * len(different):
        return ""
    return max((unit for unit in units if unit.rstrip("s") == stem), key=lambda unit: (len(unit), unit))


def _named(unit: str) -> str:
    return CURRENCIES.get(unit, "%" if re.fullmatch(PERCENT, unit) else unit)


def months_in(text: str) -> int | None:
    """How many months a time in years and months is; None if the text is no such time.

    Examples
    --------
    >>> months_in("1yrs 11mon"), months_in("2 years"), months_in("10+ years")
    (23, 24, None)
    """
    time = _TIME.fullmatch(text.strip())
    return 12 * int(time[1] or 0) + int(time[2] or 0) if time else None


def by_number(known: Mapping[str, _Stored]) -> dict[str, _Stored]:
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
    number = WHOLE_NUMBER.fullmatch(text)
    return number[1] + number[2] if number else ""


def same_value(text: str, value: str) -> bool:
    """Whether two texts are one value: but for their case, or as whole numbers.

    Examples
    --------
    >>> same_value("Default", "default"), same_value("1.0", "1"), same_value("1.5", "1")
    (True, True, False)
    """
    number = without_idle_zeros(text)
    return text.casefold() == value.casefold() or (number != "" and number == without_idle_zeros(value))
