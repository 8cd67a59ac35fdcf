"""Outcomes as programs report them: read, checked against the decision log, and recorded all or none.

No sentence names an application: its id is an applicant's data, so positions are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from creditrisk.decision_log import Actor, DecisionLog, Outcome, OutcomeError, read_outcome
from webapp.errors import BadRequestError


def record_outcomes(log: DecisionLog, items: Sequence[Any], *, today: date, by: Actor) -> int:
    """Record what became of applications; returns how many outcomes there were.

    Parameters
    ----------
    items
        What should be outcomes, as `OutcomeReport` describes them, in JSON's own types.
    today
        The last day on which an outcome can have been observed.
    by
        Who reports them.

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
    log.record_outcomes(outcomes, by)
    return len(outcomes)


def _read(item: Any, number: int, today: date) -> Outcome:
    try:
        return read_outcome(item, today=today)
    except OutcomeError as exc:
        raise BadRequestError(
            f"Outcome {number:,} {exc.fault}. Expected {exc.expected}. Nothing was recorded."
        ) from None
