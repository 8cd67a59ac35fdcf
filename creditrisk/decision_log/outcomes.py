"""Outcomes as entries: which application turned out how is in the contents, and can be erased.

Read back they stand beside the decisions that they are outcomes of.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
from sqlalchemy import ColumnElement, Connection, exists, func, not_, select, true

from creditrisk.decision_log import facts
from creditrisk.decision_log.chain import Head, canonical
from creditrisk.decision_log.decisions import Outcome
from creditrisk.decision_log.entries import Actor, Entries
from creditrisk.decision_log.reading import IN_ORDER, Entry, UnreadableEntryError, blocks, entries
from creditrisk.decision_log.store import locked_head
from creditrisk.decision_log.tables import CONTENTS, EVENTS, IS_OTHER, VERSIONS
from creditrisk.decision_log.versions import all_versions
from creditrisk.decision_log.windows import frame_of, is_decided_again
from creditrisk.decision_log.writing import write

# Applications asked about at once.
_ASKED = 2_000
_DAY = 86_400_000_000
_TYPES = {"application_id": pl.String, "model": pl.String, "is_default": pl.Boolean, "observed_on": pl.Date}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of reported outcomes.

    `n_new` were written down; of these, `n_corrected` say something else of a decision than was said before.
    `n_unchanged` say what was said of that decision already, and were not written down again.
    """

    n_new: int = 0
    n_corrected: int = 0
    n_unchanged: int = 0


def record(connection: Connection, reported: Sequence[Outcome], by: Actor) -> tuple[Head, Recorded]:
    """Write down those outcomes that say anything new; each is of the last decision about its application.

    Of the last by its model, if it names one.
    """
    last = _last_decisions(connection, reported)
    said = _said_of_decisions(connection, reported)
    new, n_corrected = [], 0
    for outcome in reported:
        decision, says = last.get((outcome.application_id, outcome.model)), (outcome.is_default, outcome.observed_on)
        if decision is not None:
            before = said.get(decision)
            if before == says:
                continue
            n_corrected += before is not None
            said[decision] = says
        new.append(outcome)
    head = _write(connection, new, last, by) if new else locked_head(connection)
    return head, Recorded(len(new), n_corrected, len(reported) - len(new))


def _write(connection: Connection, outcomes: Sequence[Outcome], last: Mapping[tuple[str, str], int], by: Actor) -> Head:
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
    head = _write(connection, new, _last_decisions(connection, new), by) if new else locked_head(connection)
    return facts.write_fact(connection, head, fact, by), len(new)


def _last_said(connection: Connection, reported: Sequence[Outcome]) -> dict[tuple[str, str], Outcome]:
    """What was recorded last about each application, for each model."""
    return {(outcome.application_id, outcome.model): outcome for outcome, _ in _said(connection, reported)}


def _said_of_decisions(connection: Connection, reported: Sequence[Outcome]) -> dict[int, tuple[bool, date]]:
    """What was recorded last of each decision about these applications, by the decision's number."""
    said = _said(connection, reported)
    return {decision: (outcome.is_default, outcome.observed_on) for outcome, decision in said if decision is not None}


def _said(connection: Connection, reported: Sequence[Outcome]) -> Iterator[tuple[Outcome, int | None]]:
    """What was recorded about the same applications, oldest first, each with the number of its decision."""
    # From the contents on, whose index knows the applications; of outcomes there may be millions.
    wanted = (
        select(CONTENTS.c.seq, CONTENTS.c.application_id, CONTENTS.c.payload, EVENTS.c.refers_to)
        .join(EVENTS, EVENTS.c.seq == CONTENTS.c.seq)
        .where(EVENTS.c.kind == "outcome")
    )
    for start in range(0, len(reported), _ASKED):
        asked = {outcome.application_id for outcome in reported[start : start + _ASKED]}
        rows = connection.execute(wanted.where(CONTENTS.c.application_id.in_(asked))).all()
        for seq, application_id, payload, decision in sorted(rows, key=lambda row: row.seq):
            yield _outcome(seq, application_id, payload), decision


def decisions_of(connection: Connection, outcomes: Sequence[Outcome]) -> list[int | None]:
    """See `DecisionLog.decisions_of`."""
    last = _last_decisions(connection, outcomes)
    return [last.get((outcome.application_id, outcome.model)) for outcome in outcomes]


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
    """The outcome that an entry holds; UnreadableEntryError if it was changed into something else."""
    try:
        model, is_default, observed_on = json.loads(payload)
        return Outcome(application_id, bool(is_default), date.fromisoformat(observed_on), str(model))
    except (TypeError, ValueError, RecursionError):
        raise UnreadableEntryError(
            f"entry {seq} cannot be read: it was changed after it was written. Run: riskometer verify-log."
        ) from None


def labelled(
    connection: Connection, model: str, *, since: datetime | None, fields: Sequence[str], once: bool
) -> Generator[pl.DataFrame]:
    """See `DecisionLog.labelled`."""
    versions = {number: version for number, version in all_versions(connection).items() if version.model == model}
    last = _last_outcomes(connection, list(versions), since, once=once)
    for start in range(0, last.height, _ASKED):
        some = last.slice(start, _ASKED)
        kept: dict[int, list[Entry]] = {}
        with closing(entries(connection, IN_ORDER.where(EVENTS.c.seq.in_(some["seq"].to_list())))) as found:
            for entry in found:
                if entry.payload is not None:
                    kept.setdefault(entry.version or 0, []).append(entry)
        frame = frame_of(kept, versions)
        wanted = ["seq", "decided_at", "model_version", "prob_default", "verdict"]
        wanted += [name for name in fields if name in frame.columns]
        yield frame.select(wanted).join(some, on="seq", how="inner", maintain_order="left")


def _last_outcomes(connection: Connection, versions: list[int], since: datetime | None, *, once: bool) -> pl.DataFrame:
    """`seq` of a decision of these versions, its `is_default` and `observed_on`, as they were reported last."""
    decided = EVENTS.alias("decided")
    is_of_model = exists().where(
        decided.c.seq == EVENTS.c.refers_to,
        decided.c.kind == "decision",
        decided.c.version.in_(versions),
        _is_since(decided.c.at, since),
    )
    types = {"application_id": pl.String, "seq": pl.Int64, "is_default": pl.Boolean, "observed_on": pl.Date}
    parts = [pl.DataFrame(schema=types)]
    with closing(blocks(connection, IN_ORDER.where(IS_OTHER, EVENTS.c.kind == "outcome", is_of_model))) as found:
        for rows in found:
            read = []
            for entry in map(Entry._make, rows):
                if entry.payload is not None:
                    outcome = _outcome(entry.seq, entry.application_id or "", entry.payload)
                    read.append((entry.application_id, entry.refers_to, outcome.is_default, outcome.observed_on))
            parts.append(pl.DataFrame(read, schema=types, orient="row"))
    key = "application_id" if once else "seq"
    return pl.concat(parts).unique(key, keep="last").select("seq", "is_default", "observed_on").sort("seq")


def verdicts_by_day(connection: Connection, model: str, *, since: datetime | None, once: bool) -> pl.DataFrame:
    """See `DecisionLog.verdicts_by_day`."""
    versions = [number for number, version in all_versions(connection).items() if version.model == model]
    head_seq = connection.execute(select(func.max(EVENTS.c.seq))).scalar_one() or 0
    # Whole numbers divided are whole numbers in either database.
    day = (EVENTS.c.at // _DAY).label("day")
    counts = (
        select(day, EVENTS.c.verdict, func.count())
        .join(CONTENTS, CONTENTS.c.seq == EVENTS.c.seq)
        .where(
            EVENTS.c.kind == "decision",
            EVENTS.c.version.in_(versions),
            _is_since(EVENTS.c.at, since),
            not_(is_decided_again(versions, head_seq)) if once else true(),
        )
        .group_by(day, EVENTS.c.verdict)
        .order_by(day, EVENTS.c.verdict)
    )
    rows = [tuple(row) for row in connection.execute(counts)]
    types = {"day": pl.Int32, "verdict": pl.String, "n_decisions": pl.Int64}
    return pl.DataFrame(rows, schema=types, orient="row").with_columns(pl.col("day").cast(pl.Date))


def _is_since(at: ColumnElement[int], since: datetime | None) -> ColumnElement[bool]:
    return true() if since is None else at >= int(since.timestamp() * 1_000_000)
