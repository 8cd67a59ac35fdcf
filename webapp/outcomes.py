"""Outcomes as programs report them: read, checked against the decision log, and recorded all or none.

The route is in api.py. No sentence names an application: its id is an applicant's data, so positions are told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from creditrisk.decision_log import DecisionLog, Outcome
from webapp.errors import BadRequestError

# Nobody has watched a loan for longer; an earlier day is a typing error.
EARLIEST = date(1970, 1, 1)
# Only this spelling: Python would read weeks, and days without dashes, as well.
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def record_outcomes(log: DecisionLog, items: Sequence[Any], *, today: date) -> int:
    """Record what became of applications; returns how many outcomes there were.

    Raises
    ------
    BadRequestError
        If one of them cannot be read, or is of an application that was never scored. Then none is recorded.
    """
    outcomes = [_read(item, number, today) for number, item in enumerate(items, start=1)]
    strangers = log.never_scored(outcomes)
    if strangers:
        raise BadRequestError(
            f"{len(strangers):,} of {len(outcomes):,} outcomes are of applications that were never scored here, or not "
            f"by the model they name; the first is outcome {strangers[0]:,}. Nothing was recorded. Check "
            "application_id and model."
        )
    log.record_outcomes(outcomes)
    return len(outcomes)


def _read(item: Any, number: int, today: date) -> Outcome:
    if not isinstance(item, dict):
        raise _unreadable(number, "is not an object", "application_id, default and observed_on")
    default, identifier, model = item.get("default"), item.get("application_id"), item.get("model", "")
    # 1.0 and "1" mean something else somewhere; and in Python True is an int.
    if type(default) not in (bool, int) or default not in (0, 1):
        raise _unreadable(number, "has no default that can be read", "true or false")
    if type(identifier) not in (str, int) or not _is_text(str(identifier)):
        raise _unreadable(number, "has no application_id that can be read", "the id it was scored with, a text")
    if not isinstance(model, str) or (model and not _is_text(model)):
        raise _unreadable(number, "has no model that can be read", "the name of a model, or none")
    observed_on = _day(item.get("observed_on"))
    if observed_on is None or not EARLIEST <= observed_on <= today:
        expected = f"a date such as 2026-03-31, from {EARLIEST} to today ({today}, UTC)"
        raise _unreadable(number, "has no observed_on that can be read", expected)
    return Outcome(str(identifier).strip(), bool(default), observed_on, model)


def _day(given: Any) -> date | None:
    try:
        return date.fromisoformat(given) if _DAY.fullmatch(given) else None
    except (TypeError, ValueError):
        return None


def _is_text(text: str) -> bool:
    """Whether it says anything, and holds nothing that no database can store: NUL, half a character."""
    return bool(text.strip()) and "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _unreadable(number: int, fault: str, expected: str) -> BadRequestError:
    return BadRequestError(f"Outcome {number:,} {fault}. Expected {expected}. Nothing was recorded.")
