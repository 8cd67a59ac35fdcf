"""Ages as people write them: how old something must be before it is removed."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta

import click

_AGE = re.compile(r"([0-9]{1,4}) ?(d|days?|m|months?|y|years?)")


def _before(_context: click.Context, _option: click.Parameter, value: str) -> datetime:
    """The time that lies so long ago, in UTC."""
    match = _AGE.fullmatch(value)
    if match is None or not int(match[1]):
        raise click.BadParameter(f"'{value}' is no age. Expected one such as 800d (days), 25m (months) or 3y (years).")
    number, unit, now = int(match[1]), match[2][0], datetime.now(UTC)
    if unit == "d":
        return now - timedelta(days=number)
    months = now.year * 12 + now.month - 1 - number * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    if year < 1:
        raise click.BadParameter("that is longer than calendars reach.")
    return now.replace(year=year, month=month + 1, day=min(now.day, calendar.monthrange(year, month + 1)[1]))


older_than_option = click.option(
    "--older-than", "before", required=True, callback=_before, help="Age in days, months or years: 800d, 25m, 3y."
)
