"""Forgetting: contents are erased, which is written down, the chain over their commitments stays; and what forbids it.

What is erased: the rows of `contents`, here overwritten in the file and in the write-ahead log of SQLite. Not reached:
backups, and what PostgreSQL keeps until it has vacuumed the table and recycled its own write-ahead log.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, delete, func, select

from creditrisk.decision_log.chain import Head, canonical
from creditrisk.decision_log.entries import Actor, Entries, operator
from creditrisk.decision_log.facts import Fact, facts, write_fact
from creditrisk.decision_log.grouping import CHUNK_ROWS
from creditrisk.decision_log.log import DecisionLog
from creditrisk.decision_log.payloads import time_of
from creditrisk.decision_log.proof import erased_by
from creditrisk.decision_log.ranges import Ranges, add, ranges_of
from creditrisk.decision_log.reading import IN_ORDER, blocks, entries
from creditrisk.decision_log.store import locked_head
from creditrisk.decision_log.tables import CONTENTS, EVENTS, IS_OTHER
from creditrisk.decision_log.writing import write
from creditrisk.errors import DecisionLogError

HOLD = "hold"
# How long the readers of a SQLite log are waited for, whose write-ahead log cannot be emptied before.
WIPE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Erasure:
    """How many entries lost their contents, how many kept them for a legal hold, and what is still to be done."""

    n_erased: int
    n_held: int = 0
    remains: str = ""


@dataclass(frozen=True, slots=True)
class Holds:
    """Whether nothing at all may be erased, and the applications of which nothing may."""

    is_whole: bool
    applications: frozenset[str]


@dataclass(frozen=True, slots=True)
class Erased:
    """Decisions `first` to `last`, whose contents were erased, and when (UTC)."""

    first: int
    last: int
    on: datetime


def erase(log: DecisionLog, application_id: str, *, why: str, by: str | Actor = "") -> Erasure:
    """Erase all contents about one application, and write down that it was done, and for which entries.

    Parameters
    ----------
    why
        Stands in the log for ever: no applicant belongs in there.
    by
        Who does it; empty: the user of this machine.

    Raises
    ------
    DecisionLogError
        If there is nothing about the application, or a legal hold forbids it; no sentence names it.
    """
    _check_texts(application_id, why, by.name if isinstance(by, Actor) else by)
    with log.store.transaction(is_write=True) as connection:
        _refuse_if_held(held(connection), application_id)
        about = CONTENTS.c.application_id == application_id
        seqs = list(connection.execute(select(CONTENTS.c.seq).where(about).order_by(CONTENTS.c.seq)).scalars())
        if not seqs:
            raise DecisionLogError(
                "the decision log holds nothing about that application: its id is spelt otherwise, or it was erased "
                "before."
            )
        head = _erase(connection, seqs, why, by)
    log.store.remember(head)
    return Erasure(len(seqs), remains=_wipe(log))


def prune(
    log: DecisionLog,
    before: datetime,
    *,
    why: str,
    by: str = "",
    on_progress: Callable[[int, int], None] | None = None,
) -> Erasure:
    """Erase the contents of all entries about applications that were written before a time, block by block.

    Parameters
    ----------
    before
        In UTC.
    on_progress
        Called after each block with the number of entries done, and of all there are to do.

    Raises
    ------
    DecisionLogError
        If a legal hold on the whole log forbids it. Applications that are held are left as they are, and counted.
    """
    _check_texts("", why, by)
    at = int(before.timestamp() * 1_000_000)
    n_erased = n_held = last = 0
    with log.store.transaction() as connection:
        _refuse_if_held(held(connection))
        n_all = int(connection.execute(_older(at, 0, func.count())).scalar_one())
    while True:
        wanted = _older(at, last, CONTENTS.c.seq, CONTENTS.c.application_id).order_by(CONTENTS.c.seq).limit(CHUNK_ROWS)
        with log.store.transaction(is_write=True) as connection:
            holds = held(connection)
            _refuse_if_held(holds)
            rows = connection.execute(wanted).all()
            seqs = [row.seq for row in rows if row.application_id not in holds.applications]
            head = _erase(connection, seqs, why, by) if seqs else None
        if head is not None:
            log.store.remember(head)
        if not rows:
            return Erasure(n_erased, n_held, _wipe(log) if n_erased else "")
        n_erased, n_held, last = n_erased + len(seqs), n_held + len(rows) - len(seqs), rows[-1].seq
        if on_progress is not None:
            on_progress(n_erased + n_held, n_all)


def _older(at: int, after_seq: int, *columns: object) -> Select[tuple[object, ...]]:
    joined = CONTENTS.join(EVENTS, EVENTS.c.seq == CONTENTS.c.seq)
    is_old = (EVENTS.c.at < at) & (CONTENTS.c.seq > after_seq) & CONTENTS.c.application_id.is_not(None)
    # SQLAlchemy types a fixed number of columns only.
    return select(*columns).select_from(joined).where(is_old)  # type: ignore[call-overload,no-any-return]


def hold(log: DecisionLog, application_id: str, *, is_held: bool, why: str, by: str = "") -> None:
    """Begin or end a legal hold: of one application, or of the whole log for an empty id.

    Raises
    ------
    DecisionLogError
        If it is so already.
    """
    _check_texts(application_id, why, by)
    with log.store.transaction(is_write=True) as connection:
        holds = held(connection)
        is_so = application_id in holds.applications if application_id else holds.is_whole
        if is_so == is_held:
            raise DecisionLogError("it is held already." if is_held else "there is no such hold to end.")
        fact = Fact(HOLD, application_id, "on" if is_held else "off", why)
        head = write_fact(connection, locked_head(connection), fact, _person(by), application_id or None)
    log.store.remember(head)


def held(connection: Connection) -> Holds:
    """What is held now."""
    now: dict[str, bool] = {}
    for fact in facts(connection, HOLD):
        now[fact.key] = fact.value == "on"
    return Holds(now.get("", False), frozenset(key for key, is_held in now.items() if is_held and key))


def _check_texts(application_id: str, why: str, by: str) -> None:
    """Refuse an id that is no text, and a reason or a name that could not be shown: it would stand there for ever."""
    if any("\ud800" <= character <= "\udfff" for character in application_id):
        raise DecisionLogError("the application's id holds bytes that are no text. Write it as it was scored.")
    if not (why.isprintable() and by.isprintable()):
        raise DecisionLogError(
            "the reason or the name holds a line break, a control character, or bytes that are no text. Write it "
            "without them."
        )


def _refuse_if_held(holds: Holds, application_id: str = "") -> None:
    if holds.is_whole or application_id in holds.applications:
        what = "the whole decision log" if holds.is_whole else "this application"
        raise DecisionLogError(
            f"nothing was erased: a legal hold is on {what}. When it may be ended: riskometer log release."
        )


def _erase(connection: Connection, seqs: Sequence[int], why: str, by: str | Actor) -> Head:
    connection.execute(delete(CONTENTS).where(CONTENTS.c.seq.in_(seqs)))
    payload = canonical([why, ranges_of(seqs)]).encode()
    [written] = write(connection, locked_head(connection), [Entries("erasure", _person(by), [payload])])
    return written.head


def _person(by: str | Actor) -> Actor:
    return by if isinstance(by, Actor) else operator(by)


def _wipe(log: DecisionLog) -> str:
    """Empty the write-ahead log of SQLite, which still holds what was erased; what is left to do, in words."""
    if log.store.path is None:
        return (
            "PostgreSQL keeps erased rows in its files until it vacuums the table; to have it done now, run: "
            f"VACUUM {CONTENTS.name}."
        )
    deadline = time.monotonic() + WIPE_SECONDS
    while True:
        with log.store.transaction() as connection:
            is_busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        if not is_busy:
            return ""
        if time.monotonic() > deadline:
            return (
                f"{log.store.path.name}-wal still holds what was erased, as another program is reading the log. It is "
                "emptied by the next erasure, or when the last program closes the log."
            )
        time.sleep(0.05)


def erased_in(log: DecisionLog, seqs: range) -> list[Erased]:
    """The decisions with these numbers whose contents were erased; those erased together and side by side as one."""
    missing: Ranges = []
    without = (
        select(EVENTS.c.seq)
        .outerjoin(CONTENTS, CONTENTS.c.seq == EVENTS.c.seq)
        .where(EVENTS.c.seq.between(seqs.start, seqs.stop - 1), EVENTS.c.kind == "decision", CONTENTS.c.seq.is_(None))
        .order_by(EVENTS.c.seq)
    )
    with log.store.transaction() as connection:
        for rows in blocks(connection, without):
            for (seq,) in rows:
                add(missing, seq)
        erasures = [
            (first, last, time_of(entry.at))
            for entry in entries(connection, IN_ORDER.where(IS_OTHER, EVENTS.c.kind == "erasure"))
            for first, last in erased_by(entry.payload or b"[0,[]]")
        ]
    erasures.sort(key=lambda item: item[:2])
    return [
        Erased(max(first, begin), min(last, end), on)
        for first, last in missing
        for begin, end, on in erasures
        if begin <= last and end >= first
    ]
