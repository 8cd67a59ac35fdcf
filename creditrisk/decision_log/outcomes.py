"""Outcomes as entries: which application turned out how is in the contents, and can be erased."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

import polars as pl
from sqlalchemy import Connection, func, select

from creditrisk.decision_log import facts
from creditrisk.decision_log.chain import Head, canonical
from creditrisk.decision_log.decisions import Outcome
from creditrisk.decision_log.entries import Actor, Entries
from creditrisk.decision_log.reading import IN_ORDER, entries
from creditrisk.decision_log.store import locked_head
from creditrisk.decision_log.tables import CONTENTS, EVENTS, IS_OTHER, VERSIONS
from creditrisk.decision_log.writing import write
from creditrisk.errors import DecisionLogError

# Applications asked about at once.
_ASKED = 2_000
_TYPES = {"application_id": pl.String, "model": pl.String, "is_default": pl.Boolean, "observed_on": pl.Date}


def record(connection: Connection, outcomes: Sequence[Outcome], by: Actor) -> Head:
    """Write outcomes down; each refers to the last decision about its application, by its model if it names one."""
    last = _last_decisions(connection, outcomes)
    payloads = [
        canonical([outcome.model, outcome.is_default, outcome.observed_on.isoformat()]).encode() for outcome in outcomes
    ]
    ids = [outcome.application_id for outcome in outcomes]
    refers_to = [last.get((outcome.application_id, outcome.model)) for outcome in outcomes]
    entry = Entries("outcome", by, payloads, ids, refers_to=refers_to)
    [written] = write(connection, locked_head(connection), [entry])
    return written.head


def record_new(connection: Connection, reported: Sequence[Outcome], fact: facts.Fact, by: Actor) -> tuple[Head, int]:
    """Write down those outcomes that say anything new, and a fact about all of them; the head, and how many were new.

    One that says what was last said of that application, for that model, says nothing new.
    """
    said = _last_said(connection, reported)
    new = []
    for outcome in reported:
        about = outcome.application_id, outcome.model
        if said.get(about) != outcome:
            said[about] = outcome
            new.append(outcome)
    head = record(connection, new, by) if new else locked_head(connection)
    return facts.write_fact(connection, head, fact, by), len(new)


def _last_said(connection: Connection, reported: Sequence[Outcome]) -> dict[tuple[str, str], Outcome]:
    """What was recorded last about each application, for each model."""
    said: dict[tuple[str, str], Outcome] = {}
    # From the contents on, whose index knows the applications; of outcomes there may be millions.
    wanted = (
        select(CONTENTS.c.seq, CONTENTS.c.application_id, CONTENTS.c.payload)
        .join(EVENTS, EVENTS.c.seq == CONTENTS.c.seq)
        .where(EVENTS.c.kind == "outcome")
    )
    for start in range(0, len(reported), _ASKED):
        asked = {outcome.application_id for outcome in reported[start : start + _ASKED]}
        for row in sorted(map(tuple, connection.execute(wanted.where(CONTENTS.c.application_id.in_(asked))))):
            outcome = _outcome(*row)
            said[outcome.application_id, outcome.model] = outcome
    return said


def never_scored(connection: Connection, outcomes: Sequence[Outcome]) -> list[int]:
    """See `DecisionLog.never_scored`."""
    last = _last_decisions(connection, outcomes)
    return [
        position
        for position, outcome in enumerate(outcomes, start=1)
        if (outcome.application_id, outcome.model) not in last
    ]


def _last_decisions(connection: Connection, outcomes: Sequence[Outcome]) -> dict[tuple[str, str], int]:
    """The number of the last decision about each application, by model, and whichever decided under no model's name."""
    last: dict[tuple[str, str], int] = {}
    about = CONTENTS.c.application_id
    decisions = (
        select(about, VERSIONS.c.model, func.max(EVENTS.c.seq))
        .join(EVENTS, EVENTS.c.seq == CONTENTS.c.seq)
        .join(VERSIONS, VERSIONS.c.seq == EVENTS.c.version)
        .where(EVENTS.c.kind == "decision")
        .group_by(about, VERSIONS.c.model)
    )
    for start in range(0, len(outcomes), _ASKED):
        asked = {outcome.application_id for outcome in outcomes[start : start + _ASKED]}
        for application_id, model, seq in connection.execute(decisions.where(about.in_(asked))):
            last[application_id, model] = seq
            last[application_id, ""] = max(seq, last.get((application_id, ""), 0))
    return last


def all_outcomes(connection: Connection) -> pl.DataFrame:
    """See `DecisionLog.outcomes`; those that were erased are left out."""
    found = (
        _outcome(entry.seq, entry.application_id or "", entry.payload)
        for entry in entries(connection, IN_ORDER.where(IS_OTHER, EVENTS.c.kind == "outcome"))
        if entry.payload is not None
    )
    rows = [(item.application_id, item.model, item.is_default, item.observed_on) for item in found]
    return pl.DataFrame(rows, schema=_TYPES, orient="row")


def _outcome(seq: int, application_id: str, payload: bytes) -> Outcome:
    """The outcome that an entry holds; DecisionLogError if it was changed into something else."""
    try:
        model, is_default, observed_on = json.loads(payload)
        return Outcome(application_id, is_default, date.fromisoformat(observed_on), model)
    except (TypeError, ValueError):
        raise DecisionLogError(
            f"entry {seq} cannot be read: it was changed after it was written. Run: riskometer verify-log."
        ) from None
