"""Times that are written otherwise than as a day: counted since some day, as quarters, weeks or business years."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from datetime import date, timedelta

import polars as pl

# How a schema writes the first kind: "days since 1899-12-30" are those of a spreadsheet.
_SINCE = re.compile(r"(days|seconds|milliseconds|microseconds) since (\d{4}-\d\d-\d\d)")
_PER_DAY = {"days": 1, "seconds": 86_400, "milliseconds": 86_400 * 10**3, "microseconds": 86_400 * 10**6}
_COUNTED = re.compile(r"\d{1,17}(?:[.,]\d+)?")
SPREADSHEET, UNIX = "1899-12-30", "1970-01-01"
# Loans of these years, as days since 1970.
_FROM, _TO = (date(1990, 1, 1) - date(1970, 1, 1)).days, (date(2050, 1, 1) - date(1970, 1, 1)).days
_MILLENNIUM = (date(2000, 1, 1) - date(1970, 1, 1)).days
# So many different numbers do not all fall among the times of our years by chance.
_TELLING = 20
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_PART = (
    r"(?:(?:q|qtr|quarter|quartal|t|trim|trimestre|trimester)\.?\s*(?P<quarter>[1-4])|(?:h|hy|half)\s*(?P<half>[12])"
    r"|(?:w|kw|week)\s*(?P<week>\d\d?))"
)
_PERIODS = tuple(
    re.compile(pattern, re.IGNORECASE | re.ASCII)
    for pattern in (
        rf"{_YEAR}\s*[-/ ._:]?\s*{_PART}",
        rf"{_PART}\s*[-/ ._:']?\s*(?:{_YEAR}|(?P<short>\d\d))",
        rf"(?P<quarter>[1-4])\.?\s*(?:q|quarter|quartal)\s*[-/ ._:']?\s*(?:{_YEAR}|(?P<short>\d\d))",
        rf"(?P<half>[12])h\s*[-/ ._:']?\s*(?:{_YEAR}|(?P<short>\d\d))",
        rf"(?:fy|gj|cy)\s*[-' ]?(?:{_YEAR}|(?P<short>\d\d))(?:\s*[-/]\s*\d\d(?:\d\d)?)?",
    )
)
_MONTHS_A_YEAR = 12
# What can be read with the day or with the month first; four digits or points leave one way only.
_TWO_ORDERS = re.compile(r"\s*(\d{1,2})[-/.](\d{1,2})(?:[-/]\d{4}|[-/.]\d\d)(?!\d)", re.ASCII)
# The months in other languages by how they begin, without accents.
_MONTHS = {
    "ene": "Jan", "gen": "Jan", "fev": "Feb", "mrt": "Mar", "mae": "Mar", "avr": "Apr", "abr": "Apr", "mai": "May",
    "mei": "May", "mag": "May", "juin": "Jun", "giu": "Jun", "juil": "Jul", "lug": "Jul", "aou": "Aug", "ago": "Aug",
    "set": "Sep", "okt": "Oct", "ott": "Oct", "out": "Oct", "dez": "Dec", "dic": "Dec", "jan": "Jan", "feb": "Feb",
    "mar": "Mar", "apr": "Apr", "may": "May", "jun": "Jun", "jul": "Jul", "aug": "Aug", "sep": "Sep", "oct": "Oct",
    "nov": "Nov", "dec": "Dec",
}  # fmt: skip


def is_counted(pattern: str) -> bool:
    """Whether a date format counts the time since some day.

    Examples
    --------
    >>> is_counted("days since 1899-12-30"), is_counted("%Y-%m-%d"), is_counted("days since 1899-02-30")
    (True, False, False)
    """
    since = _SINCE.fullmatch(pattern)
    try:
        return since is not None and date.fromisoformat(since[2]) is not None
    except ValueError:
        return False


def counted_day(text: str, pattern: str) -> date | None:
    """The day that a number says which counts the time as `pattern` does; None if it is none.

    Examples
    --------
    >>> counted_day("43466", "days since 1899-12-30"), counted_day("1546300800", "seconds since 1970-01-01")
    (datetime.date(2019, 1, 1), datetime.date(2019, 1, 1))
    """
    since = _SINCE.fullmatch(pattern)
    if since is None or not _COUNTED.fullmatch(text):
        return None
    try:
        return date.fromisoformat(since[2]) + timedelta(int(float(text.replace(",", ".")) // _PER_DAY[since[1]]))
    except (OverflowError, ValueError):
        return None


def counted_format_of(texts: pl.Series, *, is_named: bool) -> str | None:
    """How numbers count the time, if all are times of our years; None if they need not be.

    Days are taken for such only where the column `is_named` as a date: amounts are like them.

    Examples
    --------
    >>> counted_format_of(pl.Series(["43466", "43469"]), is_named=True)
    'days since 1899-12-30'
    """
    numbers = texts.cast(pl.Float64, strict=False)
    if numbers.null_count() or not len(numbers):
        return None
    low, high = float(numbers.min()), float(numbers.max())  # type: ignore[arg-type]
    to_1970 = (date.fromisoformat(UNIX) - date.fromisoformat(SPREADSHEET)).days
    if is_named and _FROM + to_1970 <= low and high <= _TO + to_1970:
        return f"days since {SPREADSHEET}"
    if is_named and low >= _FROM and high <= _TO:
        return f"days since {UNIX}"
    if not is_named and numbers.n_unique() < _TELLING:
        return None
    for unit in ("seconds", "milliseconds", "microseconds"):
        if (_FROM if is_named else _MILLENNIUM) * _PER_DAY[unit] <= low and high <= _TO * _PER_DAY[unit]:
            return f"{unit} since {UNIX}"
    return None


def day_of_period(text: str) -> date | None:
    """The first day of a quarter, half, week or business year in words; None if the text is none.

    Examples
    --------
    >>> [str(day_of_period(text)) for text in ("2019Q3", "Q1 2019", "2H19", "FY2019", "FY 2018/19", "2019-W05")]
    ['2019-07-01', '2019-01-01', '2019-07-01', '2019-01-01', '2018-01-01', '2019-01-28']
    >>> day_of_period("A41"), day_of_period("2019"), day_of_period("T1")
    (None, None, None)
    """
    for pattern in _PERIODS:
        if (found := pattern.fullmatch(text)) is None:
            continue
        parts = found.groupdict()
        year = int(parts["year"] or f"20{parts['short']}")
        if parts.get("week"):
            return date.fromisocalendar(year, min(max(int(parts["week"]), 1), 52), 1)
        month = 3 * int(parts.get("quarter") or 1) - 2 if not parts.get("half") else 6 * int(parts["half"]) - 5
        return date(year, month, 1)
    return None


def with_english_months(text: str) -> str:
    """A date with its month in English, short, and without what stands around it.

    Examples
    --------
    >>> with_english_months("31. Dezember 2019"), with_english_months("5 août 2020"), with_english_months("Mär 2021")
    ('31 Dec 2019', '5 Aug 2020', 'Mar 2021')
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"\b(de|del|di)\b\s*", "", re.sub(r"(?<=\d)(\.|st|nd|rd|th)(?=[\s-])|(?<=[A-Za-z])\.", "", plain))

    def english(word: re.Match[str]) -> str:
        name = word[0].lower()
        return _MONTHS.get(name[:4], _MONTHS.get(name[:3], word[0]))

    return re.sub("[A-Za-z]{3,}", english, plain)


def order_told_by(texts: Collection[str]) -> tuple[bool, int]:
    """Whether a date is written as 31/12/2019, and what comes first: the day (1), the month (-1), or none says (0).

    Nothing but a day beyond the 12th says it.

    Examples
    --------
    >>> order_told_by(["31/12/2019", "01/02/2020"]), order_told_by(["01/02/2020"]), order_told_by(["2020-01-31"])
    ((True, 1), (True, 0), (False, 0))
    """
    dates = [found for text in texts if (found := _TWO_ORDERS.match(text))]
    first, second = (sum(int(found[part]) > _MONTHS_A_YEAR for found in dates) for part in (1, 2))
    return bool(dates), int(first > second) - int(second > first)
