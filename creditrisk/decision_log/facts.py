"""Facts that must not stand in the registry alone, as others can write to it, and settings: entries about nobody.

Fingerprints of scorers and champions are promotions, what serves and what is held are settings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, func, select

from creditrisk.decision_log.chain import Head, canonical
from creditrisk.decision_log.entries import Actor, Entries
from creditrisk.decision_log.payloads import time_of
from creditrisk.decision_log.reading import IN_ORDER, Entry, entries
from creditrisk.decision_log.store import ChangeRefusedError, locked_head
from creditrisk.decision_log.tables import EVENTS, IS_OTHER
from creditrisk.decision_log.writing import write

# Of these the first value of a key counts, and another one is refused.
NOTED_ONCE = frozenset({"scorer", "policy"})
# A change that was refused: its key is what was to be changed.
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Fact:
    """A value for a key of a kind (see `DecisionLog.note`), and why."""

    kind: str
    key: str
    value: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class NotedFact:
    """A fact as it was written: by whom, and when (UTC)."""

    fact: Fact
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True)
class MadeChampion:
    """A version that was made champion of a model, and when (UTC)."""

    model: str
    version: str
    at: datetime


def kind_of_entry(kind: str) -> Literal["promotion", "setting"]:
    """The kind of entry that a fact of this kind is."""
    return "promotion" if kind in ("scorer", "champion") else "setting"


def facts(connection: Connection, kind: str) -> Iterator[Fact]:
    """The facts of a kind in the order of writing; those that others made unreadable are left to `verify`."""
    return (fact for _, fact in _with_entries(connection, kind))


def history(connection: Connection, kind: str) -> list[NotedFact]:
    """The facts of a kind, oldest first, each with who wrote it and when."""
    return [
        NotedFact(fact, Actor(entry.actor, entry.role, bool(entry.is_automatic)), time_of(entry.at))
        for entry, fact in _with_entries(connection, kind)
    ]


def last_champions(connection: Connection) -> list[MadeChampion]:
    """The version that was last made champion of each model; an entry that others made unreadable is none."""
    last: dict[str, MadeChampion] = {}
    for entry, fact in _with_entries(connection, "champion"):
        with suppress(OverflowError, TypeError):
            last[str(fact.key)] = MadeChampion(str(fact.key), str(fact.value), time_of(entry.at))
    return list(last.values())


def _with_entries(connection: Connection, kind: str) -> Iterator[tuple[Entry, Fact]]:
    """The same, each with its entry."""
    wanted = IN_ORDER.where(IS_OTHER, EVENTS.c.kind == kind_of_entry(kind))
    for entry in entries(connection, wanted):
        try:
            fact = Fact(*json.loads(entry.payload or b""))
        except (TypeError, ValueError):
            continue
        if fact.kind == kind:
            yield entry, fact


def n_entries_since(connection: Connection, kind: str, key: str, role: str) -> int:
    """How many entries a role wrote after a fact was first noted; 0 if it was not."""
    first = next((entry.seq for entry, fact in _with_entries(connection, kind) if fact.key == key), None)
    if first is None:
        return 0
    wanted = select(func.count()).select_from(EVENTS).where(EVENTS.c.seq > first, EVENTS.c.role == role)
    return int(connection.execute(wanted).scalar_one())


def noted(connection: Connection, kind: str, key: str) -> str | None:
    """The value that counts for a key: the first of those that are noted once, else the last."""
    value = None
    for fact in facts(connection, kind):
        if fact.key == key:
            value = fact.value
            if kind in NOTED_ONCE:
                break
    return value


def note(connection: Connection, fact: Fact, by: Actor) -> Head:
    """Write a fact down, unless it stands there already; the head of the log after it.

    Raises
    ------
    ChangeRefusedError
        If another value stands there, of a kind that is noted once.
    """
    before = None if fact.kind == REFUSED else noted(connection, fact.kind, fact.key)
    if before is not None and before != fact.value and fact.kind in NOTED_ONCE:
        raise ChangeRefusedError(
            f"another value than the one to be noted now stands in the decision log for the {fact.kind} {fact.key}, "
            "and what was noted once is never changed."
        )
    head = locked_head(connection)
    return head if before == fact.value else write_fact(connection, head, fact, by)


def write_fact(connection: Connection, head: Head, fact: Fact, by: Actor, application_id: str | None = None) -> Head:
    """Write a fact after a head; one about an application can be erased with it."""
    payload = canonical([fact.kind, fact.key, fact.value, fact.why]).encode()
    ids = () if application_id is None else (application_id,)
    [written] = write(connection, head, [Entries(kind_of_entry(fact.kind), by, [payload], ids)])
    return written.head
