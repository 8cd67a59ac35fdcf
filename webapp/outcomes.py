"""Outcomes as programs report them: read, checked against the decision log, and recorded all or none.

No sentence names an application: its id is an applicant's data, so positions are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from creditrisk.decision_log import Actor, DecisionLog, Outcome, OutcomeError, Recorded, read_outcome
from webapp.api_models import MOST_FAULTS
from webapp.errors import OutcomesRefusedError


def record_outcomes(log: DecisionLog, items: Sequence[Any], *, today: date, by: Actor) -> Recorded:
    """Record what became of applications.

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
    OutcomesRefusedError
        If some of them cannot be read, are of applications that were never scored, or contradict each other. Then none
        is recorded.
    """
    outcomes: list[Outcome] = []
    faulty: list[tuple[int, OutcomeError]] = []
    for position, item in enumerate(items, start=1):
        try:
            outcomes.append(read_outcome(item, today=today))
        except OutcomeError as exc:
            faulty.append((position, exc))
    if faulty:
        raise _unreadable(faulty)
    decisions = log.decisions_of(outcomes)
    if strangers := [position for position, decision in enumerate(decisions, start=1) if decision is None]:
        raise _never_scored(strangers, len(outcomes))
    if contradictions := _contradictions(outcomes, decisions):
        raise _contradicting(contradictions)
    return log.record_outcomes(outcomes, by)


def _unreadable(faulty: Sequence[tuple[int, OutcomeError]]) -> OutcomesRefusedError:
    position, first = faulty[0]
    others = f"; {len(faulty) - 1:,} more cannot be read either" if len(faulty) > 1 else ""
    return OutcomesRefusedError(
        f"Outcome {position:,} {first.fault}{others}. Expected {first.expected}. Nothing was recorded.",
        [
            {"position": position, "code": "unreadable", "field": exc.name, "expected": exc.expected}
            for position, exc in faulty[:MOST_FAULTS]
        ],
    )


def _contradictions(outcomes: Sequence[Outcome], decisions: Sequence[int | None]) -> list[tuple[int, int]]:
    """Where an outcome says of a decision that the loan went bad, or did not, and an earlier one the opposite."""
    first: dict[int | None, int] = {}
    return [
        (before, position)
        for position, (outcome, decision) in enumerate(zip(outcomes, decisions, strict=True), start=1)
        if outcomes[(before := first.setdefault(decision, position)) - 1].is_default != outcome.is_default
    ]


def _contradicting(contradictions: Sequence[tuple[int, int]]) -> OutcomesRefusedError:
    before, position = contradictions[0]
    others = f"; {len(contradictions) - 1:,} more contradict earlier ones" if len(contradictions) > 1 else ""
    expected = "one default for each decision; a correction in a later request"
    return OutcomesRefusedError(
        f"Outcomes {before:,} and {position:,} are of the same decision and contradict each other in default{others}. "
        "Expected one default for each decision. Nothing was recorded. Send the one that holds; if it is to correct "
        "the other, in a later request.",
        [
            {
                "position": position,
                "code": "contradicts",
                "field": "default",
                "expected": f"{expected} (see {before:,})",
            }
            for before, position in contradictions[:MOST_FAULTS]
        ],
    )


def _never_scored(strangers: Sequence[int], n_outcomes: int) -> OutcomesRefusedError:
    expected = "the id of an application that was scored here, by the model that is named if one is"
    return OutcomesRefusedError(
        f"{len(strangers):,} of {n_outcomes:,} outcomes are of applications that were never scored here, or not "
        f"by the model they name; the first is outcome {strangers[0]:,}. Nothing was recorded. Check "
        "application_id and model.",
        [
            {"position": position, "code": "never_scored", "field": "application_id", "expected": expected}
            for position in strangers[:MOST_FAULTS]
        ],
    )
