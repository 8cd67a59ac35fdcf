"""Times that are written otherwise than as a day: counted since some day, as quarters, weeks or business years."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from datetime import date, timedelta

import polars as pl

# How a schema writes the first kind: "days since 1899-12-30" are those of a spreadsheet.
_SINCE = re.compile(r"(days|seconds|milliseconds|microseconds|nanoseconds|ticks) since (\d{4}-\d\d-\d\d)")
_PER_DAY = {"days": 1, "seconds": 86_400, "milliseconds": 86_400 * 10**3, "microseconds": 86_400 * 10**6,
            "nanoseconds": 86_400 * 10**9, "ticks": 86_400 * 10**7}  # fmt: skip
_COUNTED = re.compile(r"\d{1,19}(?:[.,]\d+)?(?:e\+?\d\d?)?", re.IGNORECASE)
_GROUPED = re.compile(r"\d{1,3}(?:[,.' ]\d{3})+")
# Where spreadsheets, Unix, SAS and Stata, and SPSS begin to count.
SPREADSHEET, UNIX, SAS, SPSS = "1899-12-30", "1970-01-01", "1960-01-01", "1582-10-14"
# Ticks of a tenth of a microsecond, as .NET and Windows count them.
DOTNET, WINDOWS = "0001-01-01", "1601-01-01"
# Loans of these years, as days since 1970.
_FROM, _TO = (date(1990, 1, 1) - date(1970, 1, 1)).days, (date(2050, 1, 1) - date(1970, 1, 1)).days
_MILLENNIUM = (date(2000, 1, 1) - date(1970, 1, 1)).days
_COUNTS = (
    ("days", SPREADSHEET), ("days", UNIX), ("days", SAS), ("seconds", UNIX), ("seconds", SAS), ("seconds", SPSS),
    ("milliseconds", UNIX), ("microseconds", UNIX), ("nanoseconds", UNIX), ("ticks", DOTNET), ("ticks", WINDOWS),
)  # fmt: skip
_DAYS_AHEAD = 366
# So many different numbers do not all fall among the times of our years by chance.
_TELLING = 20
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_PART = (
    r"(?:(?:q|qtr|quarter|quartal|t|trim|trimestre|trimester|k|kvartal)\.?\s*(?P<quarter>[1-4])"
    r"|(?:h|hy|half|s|sem|semester)\.?\s*(?P<half>[12])|(?:w|kw|week)\.?\s*(?P<week>\d\d?)"
    r"|m\s*(?P<month>0?[1-9]|1[0-2]))"
)
_QUARTER_WORD = r"(?:q|quarter|quartal|kvartal|t|trim\.?|trimestre|trimester|kw|kwartal|cetvrtletie|ctvrtleti)"
_NTH = r"(?:\.|st|nd|rd|th|er|e|eme|o|º)?"
_ANY_YEAR = r"(?:fy\s*)?(?:(?P<year>(?:19|20)\d\d)|(?P<short>\d\d))"
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "first": 1, "second": 2, "third": 3, "fourth": 4}
_PERIODS = tuple(
    re.compile(pattern, re.IGNORECASE | re.ASCII)
    for pattern in (
        rf"{_YEAR}\s*[-/ ._:]?\s*{_PART}",
        rf"{_PART}\s*[-/ ._:']?\s*{_ANY_YEAR}",
        rf"{_YEAR}:(?P<quarter>[1-4])",
        r"(?:fy\s*)?(?P<short>\d\d)\s*[-/ ._]?\s*(?:q\s*(?P<quarter>[1-4])|h\s*(?P<half>[12]))",
        rf"fy\s*{_YEAR}\s*[-/ ._]?\s*(?:q\s*(?P<quarter>[1-4])|h\s*(?P<half>[12]))",
        rf"(?P<quarter>[1-4]){_NTH}\s*{_QUARTER_WORD}\s*[-/ ._:']?\s*{_ANY_YEAR}",
        rf"(?P<half>[12]){_NTH}\s*(?:h|half|halbjahr|semester|semestre)\s*[-/ ._:']?\s*{_ANY_YEAR}",
        rf"{_YEAR}\s*[年년-]?\s*第?\s*(?P<quarter>[1-4])\s*(?:季度?|四半期|분기)",
        rf"(?P<roman>i{{1,3}}|iv|first|second|third|fourth)(?:[-/.]|\s+)(?:q|quarter|kw\.?|quartal)?\s*{_YEAR}",
        rf"(?:fy|gj|cy)\s*[-' ]?(?:{_YEAR}|(?P<short>\d\d))(?:\s*[-/]\s*\d\d(?:\d\d)?)?",
    )
)
_MONTHS_A_YEAR = 12
# What can be read with the day or with the month first; four digits or points leave one way only.
_TWO_ORDERS = re.compile(r"\s*(\d{1,2})[-/.](\d{1,2})(?:[-/]\d{4}|[-/.]\d\d)(?!\d)", re.ASCII)
# The months in many languages by how they begin, without accents.
_ENGLISH = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BEGINNINGS = (
    "jan jae ene gen ian sty oca led янв", "feb fev feber lut sub uno фев", "mar mrt mae mrz maal bre мар",
    "apr avr abr kwi nis dub апр", "may mai mei mag maj мая маи", "jun juin giu iun cze haz июн",
    "jul juil lug iul lip tem июл", "aug aou ago agu sie srp авг", "sep set szep wrz eyl zar сен",
    "oct okt ott out paz eki rij окт", "nov noi lis kas marr ноя", "dec dez dic des gru ara pro дек",
)  # fmt: skip
_MONTHS = {beginning: month for month, words in zip(_ENGLISH, _BEGINNINGS, strict=True) for beginning in words.split()}
# Longer words that begin so are names of months if they go on as these do.
_LONGEST_SHORT = 5
_FULL_NAMES = (
    "janua", "janvi", "janei", "januar", "janne", "jaenn", "enero", "genna", "gener", "ianua", "stycz", "ocak",
    "leden", "ledna",
    "январ", "febru", "febre", "fevri", "fever", "febbr", "luteg", "subat", "unor", "феврал", "march", "marzo",
    "maart", "marco", "marca", "marti", "mayis", "maalis", "brezen", "brezna", "марта", "april", "avril", "abril",
    "aprile", "kwiet", "nisan", "duben", "dubna", "aprel", "апрел", "magg", "mayo", "junio", "junho", "junij",
    "giugn", "iunie", "czerw", "hazir", "июня", "juill", "julio", "julho", "lugli", "iulie", "lipca", "lipiec",
    "temmu", "июля", "augus", "agost", "sierp", "srpen", "srpna", "авгус", "septe", "septi", "setem", "sette",
    "setie", "wrzes", "eylul", "zari", "сентя", "szept", "octob", "octub", "oktob", "ottob", "outub", "pazdz", "ekim",
    "rijen", "rijna", "октяб", "novem", "novie", "noiem", "listo", "kasim", "marras", "ноябр", "decem", "dezem",
    "dicie", "dicem", "desem", "grudz", "grudn", "aralik", "prosin", "декаб",
)  # fmt: skip
_WEEKDAY = re.compile(r"^[^\W\d_]+\.?,\s*")
_ORDINAL = r"(?:\.|st|nd|rd|th|er|º|o)?"
_OF = r"(?:\s*(?:de|del|di|of)\b)?"
_BETWEEN = r"[\s\-/.,']*"
_IN_WORDS = re.compile(
    rf"(?:(?P<before>\d{{1,4}}){_ORDINAL}{_OF}{_BETWEEN})?(?P<month>[^\W\d_]{{3,}}){_OF}{_BETWEEN}"
    rf"(?:(?P<middle>\d{{1,4}}){_ORDINAL}{_OF}(?:{_BETWEEN}(?P<last>\d{{2,4}}))?)?\.?",
    re.IGNORECASE,
)


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
    text = re.sub(r"\D", "", text) if _GROUPED.fullmatch(text) else text.replace(",", ".")
    if since is None or not _COUNTED.fullmatch(text):
        return None
    try:
        return date.fromisoformat(since[2]) + timedelta(int(float(text) // _PER_DAY[since[1]]))
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
    if is_named:
        is_grouped = texts.str.contains(f"^{_GROUPED.pattern}$").all()
        texts = texts.str.replace_all(r"\D", "") if is_grouped else texts.str.replace(",", ".", literal=True)
    numbers = texts.cast(pl.Float64, strict=False)
    if numbers.null_count() or not len(numbers) or (not is_named and numbers.n_unique() < _TELLING):
        return None
    low, high = float(numbers.min()), float(numbers.max())  # type: ignore[arg-type]  # numbers
    fitting = []
    for unit, since in _COUNTS:
        if unit == "days" and not is_named:
            continue
        to_since = (date.fromisoformat(UNIX) - date.fromisoformat(since)).days
        first = _FROM if is_named else _MILLENNIUM
        if (first + to_since) * _PER_DAY[unit] <= low and high <= (_TO + to_since) * _PER_DAY[unit]:
            ahead = high / _PER_DAY[unit] - to_since - (date.today() - date.fromisoformat(UNIX)).days
            fitting.append((ahead > _DAYS_AHEAD, f"{unit} since {since}"))
    # What would lie ahead is rather counted since another day.
    return min(fitting, key=lambda fit: fit[0])[1] if fitting else None


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
        year = int(parts.get("year") or f"20{parts['short']}")
        if parts.get("week"):
            return date.fromisocalendar(year, min(max(int(parts["week"]), 1), 52), 1)
        quarter = int(parts.get("quarter") or _ROMAN.get((parts.get("roman") or "").casefold(), 1))
        month = int(parts.get("month") or 0) or (6 * int(parts["half"]) - 5 if parts.get("half") else 3 * quarter - 2)
        return date(year, month, 1)
    return None


def with_month_in_words(text: str) -> tuple[int, int, int, bool] | None:
    """Year, month and day of a date whose month is a word, the first day if none is given; None if it is no such date.

    The last says whether the year was written with two digits.

    Examples
    --------
    >>> with_month_in_words("31. Dezember 2019"), with_month_in_words("5 août 2020"), with_month_in_words("Mär-21")
    ((2019, 12, 31, False), (2020, 8, 5, False), (2021, 3, 1, True))
    >>> with_month_in_words("04JUL16"), with_month_in_words("2016-Jul-04"), with_month_in_words("Mon, July 4, 2016")
    ((2016, 7, 4, True), (2016, 7, 4, False), (2016, 7, 4, False))
    >>> with_month_in_words("marketing 2019"), with_month_in_words("4 July")
    (None, None)
    """
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    found = _IN_WORDS.fullmatch(_WEEKDAY.sub("", plain))
    if found is None:
        return None
    month = _month_of(found["month"].casefold())
    before, *after = (found["before"], found["middle"], found["last"])
    numbers = [number for number in (before, *after) if number]
    if month == 0 or not 1 <= len(numbers) <= 2:
        return None
    if len(numbers) == 1:
        year, day = numbers[0], "1"
    else:
        is_year_first = len(numbers[0]) == 4
        year, day = numbers if is_year_first else numbers[::-1]
    if len(year) not in (2, 4) or len(day) > 2 or (len(year) == 2 and len(numbers) == 1 and before and not after):
        return None
    return int(year) + (2000 if len(year) == 2 else 0), month, int(day), len(year) == 2


def _month_of(word: str) -> int:
    """The number of a month, by how its name begins and a length that names of months have; 0 if it is none."""
    english = _MONTHS.get(word[:4], _MONTHS.get(word[:3], ""))
    is_name = len(word) <= _LONGEST_SHORT or word.startswith(_FULL_NAMES)
    return _ENGLISH.index(english) + 1 if english and is_name else 0


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
