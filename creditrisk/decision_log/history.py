"""The log for people to read: decisions a page at a time, batches, and everything that happened to one application."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from creditrisk.decision_log.batches import BATCH_NOTE
from creditrisk.decision_log.chain import commitment_to
from creditrisk.decision_log.decisions import Channel, Decision, Outcome
from creditrisk.decision_log.entries import Actor
from creditrisk.decision_log.facts import Fact
from creditrisk.decision_log.log import DecisionLog
from creditrisk.decision_log.payloads import time_of
from creditrisk.decision_log.proof import erased_by
from creditrisk.decision_log.reading import IN_ORDER, Entry, UnreadableEntryError, entries
from creditrisk.decision_log.tables import CONTENTS, EVENTS, IS_OTHER
from creditrisk.decision_log.versions import all_versions, numbers_of
from creditrisk.decision_log.windows import logged_from

# Entries asked about at once.
_ASKED = 1_000


# No entry holds it, and PostgreSQL fails at a question that does.
NUL = "\0"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which decisions are wanted; what is empty or None wants all. `version` is model and version, `day` in UTC."""

    verdict: str = ""
    version: tuple[str, str] | None = None
    channel: Channel | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class ListedDecision:
    """A decision as a list has it; `application_id` and `channel` are None if its contents were erased."""

    seq: int
    at: datetime
    by: Actor
    model: str
    model_version: str
    policy_version: str
    prob_default: float
    verdict: str
    application_id: str | None
    channel: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """An entry that has to do with an application, with what it says; which of the last four it has is for its kind.

    `asked` is a field and the value that was tried, `told` the payload, as JSON, of a kind that has no form of its own
    here. `erased_on` is when the contents were erased (UTC): then nothing is told.
    """

    seq: int
    at: datetime
    kind: str
    by: Actor
    model: str
    model_version: str
    policy_version: str
    prob_default: float | None
    verdict: str | None
    refers_to: int | None
    hash: str
    erased_on: datetime | None = None
    decision: Decision | None = None
    asked: tuple[str, Any] | None = None
    outcome: Outcome | None = None
    fact: Fact | None = None
    told: str = ""


def decided_versions(log: DecisionLog) -> list[tuple[str, str]]:
    """Model and version of every version that decided, the newest first."""
    with log.store.transaction() as connection:
        versions = all_versions(connection).values()
    # One that only scored along has no inputs of its own.
    found = [(item.model, item.model_version) for item in versions if item.fields]
    return list(dict.fromkeys(reversed(found)))


def list_decisions(log: DecisionLog, wanted: Wanted, *, skip: int, at_most: int) -> list[ListedDecision]:
    """Decisions from the newest on, after the first `skip` of those that are wanted."""
    if NUL in wanted.verdict:
        return []
    with log.store.transaction() as connection:
        versions = all_versions(connection)
        columns = select(EVENTS, CONTENTS.c.application_id, CONTENTS.c.payload)
        joined = columns.select_from(EVENTS.outerjoin(CONTENTS, CONTENTS.c.seq == EVENTS.c.seq))
        chosen = joined.where(EVENTS.c.kind == "decision", *_conditions(wanted, connection))
        rows = connection.execute(chosen.order_by(EVENTS.c.seq.desc()).offset(skip).limit(at_most)).all()
    listed = []
    for row in rows:
        version = versions.get(row.version)
        listed.append(
            ListedDecision(
                row.seq,
                time_of(row.at),
                Actor(row.actor, row.role, bool(row.is_automatic)),
                version.model if version else "",
                version.model_version if version else "",
                row.policy_version,
                float(row.prob_default),
                row.verdict,
                row.application_id,
                None if row.payload is None else _channel(row.payload),
            )
        )
    return listed


def _conditions(wanted: Wanted, connection: Connection) -> Iterator[ColumnElement[bool]]:
    if wanted.verdict:
        yield EVENTS.c.verdict == wanted.verdict
    if wanted.version is not None:
        yield EVENTS.c.version.in_(numbers_of(connection, *wanted.version))
    if wanted.channel is not None:
        # What every payload of a decision begins with.
        begin = f'["{wanted.channel}"'.encode()
        yield func.substr(CONTENTS.c.payload, 1, len(begin)) == begin
    if wanted.day is not None:
        first = datetime.combine(wanted.day, time(), UTC)
        yield EVENTS.c.at >= int(first.timestamp()) * 1_000_000
        yield EVENTS.c.at < int((first + timedelta(days=1)).timestamp()) * 1_000_000


def _channel(payload: bytes) -> str:
    """The channel, which every payload of a decision begins with; empty if others changed it."""
    return payload[:20].decode(errors="replace").removeprefix('["').partition('"')[0]


def application_of(log: DecisionLog, seq: int) -> str | None:
    """The application an entry is about; None if it is about none, or its contents were erased."""
    if not 0 < seq < 2**63:
        return None
    with log.store.transaction() as connection:
        about = select(CONTENTS.c.application_id).where(CONTENTS.c.seq == seq)
        found: str | None = connection.execute(about).scalar_one_or_none()
        return found


def events_about(log: DecisionLog, application_id: str, *, newest: int | None = None) -> list[Event]:
    """Everything that happened to an application, oldest first: what holds its contents, and what refers to that.

    Parameters
    ----------
    newest
        Begin at so many of the newest entries about it; with all of them, if not given.

    Raises
    ------
    UnreadableEntryError
        If one of them was changed after it was written.
    """
    if NUL in application_id:
        return []
    with log.store.transaction() as connection:
        about = select(CONTENTS.c.seq).where(CONTENTS.c.application_id == application_id)
        seqs = connection.execute(about.order_by(CONTENTS.c.seq.desc()).limit(newest)).scalars().all()
        return _events(connection, _with_referred(connection, seqs))


def events_numbered(log: DecisionLog, seqs: Sequence[int]) -> list[Event]:
    """The entries with these numbers, erased or not, in their order; errors as of `events_about`."""
    with log.store.transaction() as connection:
        return _events(connection, sorted({seq for seq in seqs if 0 < seq < 2**63}))


def _with_referred(connection: Connection, seqs: Sequence[int]) -> list[int]:
    """These entries, those they refer to, and the scores of other versions that refer to them."""
    found = set(seqs)
    for start in range(0, len(seqs), _ASKED):
        some = seqs[start : start + _ASKED]
        referred = select(EVENTS.c.refers_to).where(EVENTS.c.seq.in_(some), EVENTS.c.refers_to.is_not(None))
        beside = select(EVENTS.c.seq).where(IS_OTHER, EVENTS.c.kind == "shadow", EVENTS.c.refers_to.in_(some))
        found.update(connection.execute(referred).scalars(), connection.execute(beside).scalars())
    return sorted(found)


def _events(connection: Connection, seqs: Sequence[int]) -> list[Event]:
    versions = all_versions(connection)
    found: list[Event] = []
    erased: set[int] = set()
    for start in range(0, len(seqs), _ASKED):
        with closing(entries(connection, IN_ORDER.where(EVENTS.c.seq.in_(seqs[start : start + _ASKED])))) as some:
            for entry in some:
                version = versions.get(entry.version or 0)
                names = (version.model, version.model_version) if version else ("", "")
                said: dict[str, Any] = {}
                if entry.payload is None:
                    erased.add(entry.seq)
                elif entry.kind == "decision":
                    said = {"decision": logged_from(entry, versions).decision}
                else:
                    said = _said(entry, entry.payload)
                found.append(
                    Event(
                        entry.seq,
                        time_of(entry.at),
                        entry.kind,
                        Actor(entry.actor, entry.role, bool(entry.is_automatic)),
                        *names,
                        entry.policy_version,
                        entry.prob_default,
                        entry.verdict,
                        entry.refers_to,
                        entry.hash.hex(),
                        **said,
                    )
                )
    return _with_erasures(connection, found, erased) if erased else found


def _said(entry: Entry, payload: bytes) -> dict[str, Any]:
    """What an entry that is no decision says, by the name it has in an event."""
    try:
        if commitment_to(entry.salt or b"", entry.application_id, payload) != entry.commitment:
            raise ValueError("other contents")
        if entry.kind == "what_if":
            name, value = json.loads(payload)
            return {"asked": (str(name), value)}
        if entry.kind == "outcome":
            model, is_default, observed_on = json.loads(payload)
            day = date.fromisoformat(observed_on)
            return {"outcome": Outcome(entry.application_id or "", bool(is_default), day, str(model))}
        if entry.kind in ("setting", "promotion"):
            return {"fact": Fact(*map(str, json.loads(payload)))}
        return {"told": "" if entry.kind == "shadow" else payload.decode()}
    except (TypeError, ValueError, RecursionError):
        raise UnreadableEntryError(
            f"entry {entry.seq} cannot be read: it was changed after it was written. Run: riskometer verify-log."
        ) from None


def _with_erasures(connection: Connection, found: Sequence[Event], erased: set[int]) -> list[Event]:
    """The events, each of `erased` with when that was, and among them the erasures themselves."""
    when: dict[int, datetime] = {}
    erasures: list[Event] = []
    with closing(entries(connection, IN_ORDER.where(IS_OTHER, EVENTS.c.kind == "erasure"))) as some:
        for entry in some:
            if entry.payload is None:
                continue  # verify says so
            ranges = erased_by(entry.payload)
            hit = [seq for seq in erased if any(first <= seq <= last for first, last in ranges)]
            if hit:
                when.update(dict.fromkeys(hit, time_of(entry.at)))
                by = Actor(entry.actor, entry.role, bool(entry.is_automatic))
                fact = Fact("erasure", "", "", str(json.loads(entry.payload)[0]))
                at, digest = time_of(entry.at), entry.hash.hex()
                erasures.append(Event(entry.seq, at, "erasure", by, "", "", "", None, None, None, digest, fact=fact))
    told = [replace(event, erased_on=when[event.seq]) if event.seq in when else event for event in found]
    return sorted([*told, *erasures], key=lambda event: event.seq)


@dataclass(frozen=True, slots=True)
class BegunBatch:
    """A file of the batch flow: who began it and when (UTC), by which version, and its decisions by verdict so far."""

    by: Actor
    at: datetime
    day: str
    model: str
    model_version: str
    source_sha256: str
    verdicts: dict[str, int]


def begun_batches(log: DecisionLog, *, at_most: int) -> list[BegunBatch]:
    """The last files that the batch flow began, the newest first."""
    noted = log.history(BATCH_NOTE)[::-1][:at_most]
    if not noted:
        return []
    roles = {f"{BATCH_NOTE} {sha256(item.fact.key.encode()).hexdigest()[:16]}": item for item in noted}
    counts: dict[str, dict[str, int]] = {role: {} for role in roles}
    since = min(int(item.at.timestamp() * 1_000_000) for item in noted)
    counted = select(EVENTS.c.role, EVENTS.c.verdict, func.count()).where(
        EVENTS.c.at >= since, EVENTS.c.kind == "decision", EVENTS.c.role.in_(roles)
    )
    with log.store.transaction() as connection:
        for role, verdict, n_decisions in connection.execute(counted.group_by(EVENTS.c.role, EVENTS.c.verdict)):
            counts[role][verdict] = n_decisions
    begun = []
    for role, item in roles.items():
        model, _, source = item.fact.key.rpartition("/")
        day, version = f"{item.fact.value}  ".split(" ")[:2]
        begun.append(BegunBatch(item.by, item.at, day, model, version, source, counts[role]))
    return begun
