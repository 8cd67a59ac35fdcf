"""What gives a column away as a time: its name, or values that are years, quarters, months or weeks in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from creditrisk.schema_inference.header_hints import (
    is_number_of_client,
    is_quantity,
    protected_word,
    sounds_later,
    words,
)

_APPLIED = frozenset(
    {
        "issue", "issued", "application", "applied", "apply", "appl", "app", "origination", "originated", "orig",
        "booking", "booked", "disbursal", "disbursed", "disbursement", "funded", "funding", "approval", "approved",
        "contract", "start", "request", "requested", "submitted", "submission", "decision", "granted", "opened",
        "created", "creation", "snapshot", "observation", "vintage", "cohort", "antrag", "antragsdatum", "auszahlung",
        "auszahlungsdatum", "vertrag", "vertragsbeginn", "vertragsdatum", "abschlussdatum", "eingang", "listed",
        "tranche", "jahrgang",
    }
)  # fmt: skip
_OTHER_DAYS = frozenset(
    {
        "birth", "last", "next", "end", "close", "closed", "closing", "maturity", "paid", "payment", "pymnt",
        "earliest", "first", "due", "default", "expiry", "expiration", "employment", "employed", "hire", "hired",
        "registration", "since", "update", "updated", "modified", "pull", "settlement", "hardship", "ende", "letzte",
        "faelligkeit", "geburt", "seit",
    }
)  # fmt: skip
_NO_DAYS = frozenset({"loan", "credit", "kredit", "darlehen", "darlehens", "principal"})
_CALENDAR = frozenset(
    {
        "year", "jahr", "yr", "fy", "quarter", "quartal", "qtr", "month", "mth", "monat", "week", "woche", "kw",
        "season",
        "semester", "halbjahr", "geschaeftsjahr", "quartier", "trimestre", "trimester", "anno", "annee", "ano", "mes",
        "mois", "mese", "yyyymm", "yearmonth", "yyyyq", "ym", "yymm", "yrmo", "yrmon", "yearmon",
    }
)  # fmt: skip
# Words that may stand beside those of the calendar without saying whose year is meant.
_BESIDE = frozenset(
    {"loan", "credit", "fiscal", "financial", "business", "calendar", "report", "reporting", "of", "the", "data",
     "sample", "in", "name", "no", "number"}
)  # fmt: skip
# Moments counted in periods of a panel.
_MOMENTS = frozenset({"time", "orig", "origination", "first", "mat", "maturity", "start", "end", "last", "loan", "obs"})
_DATE = frozenset({"date", "day", "tag", "d", "dt", "dte", "fecha", "datum"})
_SINCE_GRANTED = re.compile(
    r"_(days?|weeks?|months?|mths?|years?|time)_since_(loan_)?(origination|issue|issued|application|approval|granting"
    r"|disbursal|disbursement|funding|booking)_"
)
_YEAR = r"(?:19[5-9]|20[0-4])\d"
_AROUND_YEARS = (
    r"[<>]=?|\+|before|until|up to|since|after|from|(?:and|or|und|oder) (?:earlier|older|before|later"
    r"|after|frueher|früher|später)|vor|bis|ab|seit|nach"
)
# What stands in a period beside digits, by how it begins.
_PERIOD_WORDS = re.compile(
    r"q(tr|uarter|uartal)?|hy?|half|w|kw|wk|week|m|s|sem(ester)?|fy|cy|gj|ay|t|trim(estre|ester)?|spring|summer|autumn"
    r"|fall|winter|fruehjahr|sommer|herbst|(jan|feb|mar|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-z]*",
    re.IGNORECASE,
)
# So many different numbers are not all days of our years by chance.
_TELLING = 20


def may_hold_days(header: str) -> bool:
    """Whether numbers in the column may be days: it is named by an event and not as an amount or number."""
    parts = {*words(header)}
    is_no_day = bool(parts & _NO_DAYS) or is_quantity(header) or is_number_of_client(header)
    return bool(parts & _APPLIED) and not is_no_day


def is_calendar(header: str) -> bool:
    """Whether the column is the year or quarter of the application, or counts how long ago the loan was granted.

    Examples
    --------
    >>> [is_calendar(name) for name in ("ApprovalFY", "issue_year", "months_since_origination", "fiscal year")]
    [True, True, True, True]
    >>> [is_calendar(name) for name in ("employed_years", "year_built", "months")]
    [False, False, False]
    """
    parts = {*words(header)}
    is_of_application = bool(parts & _CALENDAR) and bool(parts & _APPLIED) and not parts & _OTHER_DAYS
    is_alone = bool(parts & _CALENDAR) and parts <= _CALENDAR | _BESIDE
    is_moment = "time" in parts and parts <= _MOMENTS
    return (
        is_of_application or is_alone or is_moment or _SINCE_GRANTED.search(f"_{'_'.join(words(header))}_") is not None
    )


def is_date(header: str) -> bool:
    """Whether the name says that the column holds days.

    Examples
    --------
    >>> is_date("visit_date"), is_date("Antragsdatum"), is_date("fecha_alta"), is_date("updated")
    (True, True, True, False)
    """
    parts = words(header)
    is_last = any(word in _DATE or word.endswith(("datum", "date")) for word in parts[-2:])
    return is_last or parts[:1] == ("fecha",)


def says_date(header: str) -> bool:
    """Whether the name says `date` in so many words: a `day` may as well be a number of days."""
    parts = words(header)
    return any(word in ("dt", "dte", "fecha", "datum") or word.endswith(("datum", "date")) for word in parts)


def is_date_of_application(header: str) -> bool:
    """Whether a date of this name is that of the application or of the loan's beginning."""
    parts = {part for word in words(header) for part in (word, word.removesuffix("date"))}
    return bool(parts & _APPLIED) and not parts & _OTHER_DAYS and not sounds_later(header)


def may_be_any_date(header: str) -> bool:
    """Whether the name leaves open which day is meant, as `date` does."""
    return not {*words(header)} & _OTHER_DAYS and not sounds_later(header) and not protected_word(header)


def are_periods(values: Sequence[str]) -> bool:
    """Whether all values are parts of certain years: months, quarters, weeks, seasons, business years.

    Examples
    --------
    >>> are_periods(["2019-M03", "2020-M11"]), are_periods(["Jan'19", "May'20"]), are_periods(["2018/19", "2019/20"])
    (True, True, True)
    >>> are_periods(["2019", "2020"]), are_periods(["A34", "A41"]), are_periods(["2000-2500", "2500-3000"])
    (False, False, False)
    """
    return len(values) > 1 and all(map(_is_period, values))


def _is_period(text: str) -> bool:
    tokens = re.findall(r"\d+|[^\W\d_]+", text)
    letters = [token for token in tokens if not token.isdigit()]
    digits = [token for token in tokens if token.isdigit()]
    if not digits or not all(map(_PERIOD_WORDS.fullmatch, letters)):
        return False
    years = [token for token in digits if re.fullmatch(_YEAR, token)]
    if not letters:
        # Two years that follow one another, or a year and its quarter or month.
        return (
            len(digits) == 2 and bool(years) and re.fullmatch(r"\d+\s*[-/_.]\s*\d+", text) is not None and _fit(digits)
        )
    is_named = any(len(word) > 2 for word in letters)
    return bool(years) or (is_named and all(len(token) <= 2 for token in digits))


def _fit(digits: Sequence[str]) -> bool:
    """Whether two numbers are a year and the next one, or a year and a part of it."""
    first, second = digits if len(digits[0]) == 4 else digits[::-1]
    follows = (int(first) + 1, (int(first) + 1) % 100)
    return re.fullmatch(_YEAR, first) is not None and (int(second) in follows or 1 <= int(second) <= 12)


def are_years(filled: pl.Series, *, with_words: bool = False) -> bool:
    """Whether all cells are years of our time, or also `before 2017`.

    Examples
    --------
    >>> are_years(pl.Series(["2017", "before 2017"])), are_years(pl.Series(["2017", "before 2017"]), with_words=True)
    (False, True)
    """
    around = (rf"(?i:{_AROUND_YEARS})?\s*", rf"\s*(?i:{_AROUND_YEARS})?") if with_words else ("", "")
    return bool(filled.str.contains(rf"^{around[0]}{_YEAR}(?:[.]0)?{around[1]}$").all())


def are_days_in_digits(filled: pl.Series) -> bool:
    """Whether all cells are days of our years in six to eight digits, too many different ones to be so by chance.

    With seven, either a nought in front is missing, or a first 1 says that the year is one of this century.
    """
    if not filled.str.contains(r"^\d{6,8}(?:[.]0)?$").all() or filled.n_unique() < _TELLING:
        return False
    digits = filled.str.replace(".0", "", literal=True)
    if digits.str.len_chars().max() == 6:
        short = [digits.str.to_date(pattern, strict=False) for pattern in ("%y%m%d", "%d%m%y")]
        return any(not days.has_nulls() and days.dt.truncate("1mo").n_unique() > 1 for days in short)
    of_century = digits.str.replace(r"^1(\d{6})$", "20${1}")
    for pattern in ("%Y%m%d", "%d%m%Y", "%m%d%Y"):
        for texts in (digits.str.zfill(8), of_century):
            days = texts.str.to_date(pattern, strict=False)
            if not days.has_nulls() and days.dt.year().is_between(1950, 2049).all():
                return True
    return False
