"""Outcomes as programs report them: read, checked against the decision log, and recorded all or none.

No sentence names an application: its id is an applicant's data, so positions are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from pydantic import ValidationError

from creditrisk.decision_log import DecisionLog, Outcome
from webapp.api_models import EARLIEST, OutcomeReport
from webapp.errors import BadRequestError

# The first of these that cannot be read is the one that is told.
_EXPECTED = {
    "default": "true or false",
    "application_id": "the id it was scored with, a text",
    "model": "the name of a model, or none",
    "observed_on": "a date such as 2026-03-31, from {earliest} to today ({today}, UTC)",
}


def record_outcomes(log: DecisionLog, items: Sequence[Any], *, today: date) -> int:
    """Record what became of applications; returns how many outcomes there were.

    Parameters
    ----------
    items
        What should be outcomes, as `OutcomeReport` describes them, in JSON's own types.
    today
        The last day on which an outcome can have been observed.

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
    try:
        report = OutcomeReport.model_validate(item, context={"today": today})
    except ValidationError as exc:
        faulty = {error["loc"][0] for error in exc.errors(include_url=False) if error["loc"]}
        name = next((name for name in _EXPECTED if name in faulty), None)
        if name is None:
            raise _unreadable(number, "is not an object", "application_id, default and observed_on") from None
        expected = _EXPECTED[name].format(earliest=EARLIEST, today=today)
        raise _unreadable(number, f"has no {name} that can be read", expected) from None
    return Outcome(str(report.application_id).strip(), bool(report.default), report.observed_on, report.model)


def _unreadable(number: int, fault: str, expected: str) -> BadRequestError:
    return BadRequestError(f"Outcome {number:,} {fault}. Expected {expected}. Nothing was recorded.")
