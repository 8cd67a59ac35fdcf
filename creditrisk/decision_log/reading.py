"""Reading entries and their contents in blocks, in constant memory and without an object of SQLAlchemy's per row."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, select

from creditrisk.decision_log.chain import GENESIS, LabelDigests, changed, commitment_to, event_hash, gone, not_linked
from creditrisk.decision_log.tables import CONTENTS, EVENTS
from creditrisk.errors import DecisionLogError

# Rows that are fetched at once: so few that they are gone before Python looks for garbage among them.
BLOCK_ROWS = 500
# What comes of a value of a kind that was never written, or of a version that is not there.
_NEVER_WRITTEN = (TypeError, ValueError, KeyError, AttributeError, OverflowError, struct.error)
Row = tuple[Any, ...]


class UnreadableEntryError(DecisionLogError):
    """An entry does not hold what was written."""


class Entry(NamedTuple):
    """An entry with its contents beside it; the last three are None if they were erased.

    One that is read back may hold anything: others can write there.
    """

    seq: int
    at: int
    kind: str
    actor: str
    role: str
    is_automatic: bool
    version: int | None
    policy_version: str
    prob_default: float | None
    verdict: str | None
    refers_to: int | None
    commitment: bytes
    prev_hash: bytes
    hash: bytes
    application_id: str | None
    salt: bytes | None
    payload: bytes | None


# Where the hash stands in a row.
HASH = Entry._fields.index("hash")
ENTRIES = select(EVENTS, CONTENTS.c.application_id, CONTENTS.c.salt, CONTENTS.c.payload).select_from(
    EVENTS.outerjoin(CONTENTS, CONTENTS.c.seq == EVENTS.c.seq)
)
IN_ORDER = ENTRIES.order_by(EVENTS.c.seq)


def blocks(connection: Connection, wanted: Select[Any]) -> Generator[list[Row]]:
    """The rows of a question, some thousand at a time, as the driver gives them."""
    driver: Any = connection.connection.driver_connection
    statement = str(wanted.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    is_server = connection.dialect.name != "sqlite"
    # A cursor with a name stays on the server, which hands out what is asked for.
    cursor = driver.cursor(name="creditrisk_entries") if is_server else driver.cursor()
    try:
        cursor.execute(statement)
        while rows := cursor.fetchmany(BLOCK_ROWS):
            yield rows
    finally:
        cursor.close()


def entries(connection: Connection, wanted: Select[Any]) -> Generator[Entry]:
    """The entries that a question based on `ENTRIES` asks for."""
    for rows in blocks(connection, wanted):
        yield from map(Entry._make, rows)


class Chain:
    """Follows the chain link by link: `n_checked` and `link` are number and hash of the last entry that holds."""

    def __init__(self, digests: LabelDigests, n_checked: int = 0, link: bytes = bytes.fromhex(GENESIS)) -> None:
        self._digests = digests
        self.n_checked, self.link = n_checked, link

    def broken_by(self, rows: Iterable[Row]) -> str | None:
        """What is wrong with the first of the rows coming next that does not hold, in words; None if all hold."""
        digests, previous, link = self._digests, self.n_checked, self.link
        try:
            for (seq, at, kind, actor, role, is_automatic, version, policy_version, prob_default, verdict, refers_to,
                 commitment, prev_hash, digest, application_id, salt, payload) in rows:  # fmt: skip
                if seq != previous + 1:
                    return gone(previous, seq)
                labels = digests[kind, actor, role, is_automatic, version, policy_version, verdict]
                found = event_hash(
                    (seq, at), labels, commitment, prev_hash, refers_to=refers_to, prob_default=prob_default
                )
                if found != digest or (salt is not None and commitment_to(salt, application_id, payload) != commitment):
                    return changed(seq)
                if prev_hash != link:
                    return not_linked(previous, seq)
                previous, link = seq, digest
        except _NEVER_WRITTEN:
            return changed(previous + 1)
        finally:
            self.n_checked, self.link = previous, link
        return None
