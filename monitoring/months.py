"""Months of decision and months on book, told by calendar months."""

from __future__ import annotations

from datetime import date

import polars as pl

from creditrisk.splits import month_number

# Vintages go so many months back, beyond the time that an outcome takes; curves so many months on book.
MOST_VINTAGES = 24
MOST_ON_BOOK = 36


def number_of(day: date) -> int:
    """The month of a day, counted from the year 0."""
    return 12 * day.year + day.month - 1


def number_in(text: str) -> int:
    """The month that `text.month_word` wrote.

    Examples
    --------
    >>> number_in("2024-12") == number_of(date(2024, 12, 31))
    True
    """
    year, month = text.split("-")
    return 12 * int(year) + int(month) - 1


def between(decided: pl.Expr, observed: pl.Expr) -> pl.Expr:
    """Months on book when something was observed: begun ones count, and the first is 1."""
    whole = month_number(observed) - month_number(decided)
    return pl.max_horizontal(whole + (observed.dt.day() > decided.dt.day()).cast(pl.Int64), pl.lit(1))


def first_day_of(as_of: date, horizon: int | None) -> date:
    """The first day of the oldest vintage that is looked at.

    Examples
    --------
    >>> first_day_of(date(2026, 3, 31), 12)
    datetime.date(2023, 3, 1)
    """
    month = number_of(as_of) - MOST_VINTAGES - (12 if horizon is None else min(horizon, MOST_ON_BOOK))
    return date(month // 12, month % 12 + 1, 1)
