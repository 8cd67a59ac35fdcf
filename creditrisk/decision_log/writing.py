"""Writing entries at the end of the chain, in a transaction that writes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

from sqlalchemy import Connection

from creditrisk.decision_log.chain import SALT_BYTES, Head, LabelDigests, commitment_to, event_hash
from creditrisk.decision_log.entries import NO_POLICY, Entries
from creditrisk.decision_log.tables import CONTENTS, EVENTS
from creditrisk.decision_log.versions import number_of

# Fewer rows than these are no quicker by COPY.
_COPY_ROWS = 50
_EVENT_NAMES = [column.name for column in EVENTS.columns]
_CONTENT_NAMES = [column.name for column in CONTENTS.columns]
_INSERTS = {
    table.name: f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})"  # noqa: S608  # our own names
    for table in (EVENTS, CONTENTS)
}
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """Entries as they were written: the numbers they have, when (microseconds since 1970), and all their hashes.

    `hashes` begins with the hash before the first of them.
    """

    seqs: range
    at: int
    hashes: tuple[bytes, ...]

    @property
    def head(self) -> Head:
        """Number and hash of the last of them."""
        return self.seqs.stop - 1, self.hashes[-1].hex()


def write(connection: Connection, head: Head, many: Sequence[Entries]) -> list[Written]:
    """Write entries after a head, all at the same time."""
    seq, link = head[0], bytes.fromhex(head[1])
    at = int(datetime.now(UTC).timestamp() * 1_000_000)
    events: list[Row] = []
    contents: list[Row] = []
    written = []
    for entries in many:
        number = None if entries.version is None else number_of(connection, entries.version)
        digest = LabelDigests({} if number is None else {number: _digest(entries)})
        hashes = [link]
        for event, content in _rows(entries, (seq, at), link, number, digest):
            events.append(event)
            contents.append(content)
            link = event[-1]
            hashes.append(link)
        written.append(Written(range(seq + 1, seq + len(hashes)), at, tuple(hashes)))
        seq += len(hashes) - 1
    _insert(connection, EVENTS.name, _EVENT_NAMES, events)
    _insert(connection, CONTENTS.name, _CONTENT_NAMES, contents)
    return written


def _digest(entries: Entries) -> bytes:
    return b"" if entries.version is None else entries.version.digest()


def _rows(
    entries: Entries, when: tuple[int, int], link: bytes, version: int | None, digest: LabelDigests
) -> Iterator[tuple[Row, Row]]:
    """The rows of the two tables for each entry; the last column of an event is its hash."""
    seq, at = when
    kind, actor, role, is_automatic = entries.kind, entries.by.name, entries.by.role, entries.by.is_automatic
    salts = os.urandom(SALT_BYTES * len(entries.payloads))
    columns = (entries.application_ids, entries.prob_defaults, entries.verdicts, entries.refers_to)
    rows = zip(entries.payloads, *(column or repeat(None) for column in columns), strict=False)
    for index, (payload, application_id, prob_default, verdict, refers_to) in enumerate(rows):
        seq += 1
        salt = salts[index * SALT_BYTES : (index + 1) * SALT_BYTES]
        commitment = commitment_to(salt, application_id, payload)
        labels = digest((kind, actor, role, is_automatic, version, NO_POLICY, verdict))
        previous = link
        link = event_hash((seq, at), labels, commitment, link, refers_to=refers_to, prob_default=prob_default)
        yield (
            (seq, at, kind, actor, role, is_automatic, version, NO_POLICY, prob_default, verdict, refers_to,
             commitment, previous, link),
            (seq, application_id, salt, payload),
        )  # fmt: skip


def _insert(connection: Connection, table: str, names: Sequence[str], rows: Sequence[Row]) -> None:
    """Give the rows to the driver as they are; by COPY to PostgreSQL, if they are many."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        driver.executemany(_INSERTS[table], rows)
        return
    columns = ", ".join(names)
    with driver.cursor() as cursor:
        if len(rows) < _COPY_ROWS:
            places = ", ".join(["%s"] * len(names))
            cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", rows)  # noqa: S608  # our own names
            return
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
