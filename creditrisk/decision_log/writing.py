"""Writing entries at the end of the chain, in a transaction that writes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import chain, repeat
from typing import Any

from sqlalchemy import Connection

from creditrisk.decision_log.chain import SALT_BYTES, Head, LabelDigests, commitment_to, event_hash
from creditrisk.decision_log.entries import NO_POLICY, Entries, Version
from creditrisk.decision_log.tables import CONTENTS, EVENTS
from creditrisk.decision_log.versions import number_of

# Fewer rows than these are no quicker by COPY.
_COPY_ROWS = 50
_EVENT_NAMES = [column.name for column in EVENTS.columns]
_CONTENT_NAMES = [column.name for column in CONTENTS.columns]
# Rows of one INSERT into SQLite: its triggers cost half as much a row as with one each, and more rows save no more.
_INSERT_ROWS = 50
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


# The number in the database, and the digest, of each version as far as somebody knows them.
KnownVersions = dict[Version, tuple[int, bytes]]


def write(
    connection: Connection, head: Head, many: Sequence[Entries], known: KnownVersions | None = None
) -> list[Written]:
    """Write entries after a head, all at the same time.

    Parameters
    ----------
    known
        Versions that need not be looked for; those that were are added, and are there only if the transaction is
        committed.
    """
    known = {} if known is None else known
    seq, link = head[0], bytes.fromhex(head[1])
    at = int(datetime.now(UTC).timestamp() * 1_000_000)
    events: list[Row] = []
    contents: list[Row] = []
    written = []
    for entries in many:
        version = entries.version
        if version is not None and version not in known:
            known[version] = number_of(connection, version), version.digest()
        number, digest = (None, b"") if version is None else known[version]
        hashes = [link]
        _add(entries, (seq, at), (number, digest), (events, contents, hashes))
        link = hashes[-1]
        written.append(Written(range(seq + 1, seq + len(hashes)), at, tuple(hashes)))
        seq += len(hashes) - 1
    _insert(connection, EVENTS.name, _EVENT_NAMES, events)
    _insert(connection, CONTENTS.name, _CONTENT_NAMES, contents)
    return written


def _add(
    entries: Entries,
    when: tuple[int, int],
    version: tuple[int | None, bytes],
    to: tuple[list[Row], list[Row], list[bytes]],
) -> None:
    """Make the rows of the two tables for each entry, and the hashes, of which the one before the first is there."""
    (seq, at), (number, of_version), (events, contents, hashes) = when, version, to
    kind, actor, role, is_automatic = entries.kind, entries.by.name, entries.by.role, entries.by.is_automatic
    digests = _label_digests(number, of_version)
    link = hashes[-1]
    random = os.urandom(SALT_BYTES * len(entries.payloads))
    salts = [random[start : start + SALT_BYTES] for start in range(0, len(random), SALT_BYTES)]
    columns = (entries.application_ids, entries.prob_defaults, entries.verdicts, entries.refers_to)
    for payload, salt, application_id, prob_default, verdict, refers_to in zip(
        entries.payloads, salts, *(column or repeat(None) for column in columns), strict=False
    ):
        seq += 1
        labels = digests[kind, actor, role, is_automatic, number, NO_POLICY, verdict]
        commitment = commitment_to(salt, application_id, payload)
        previous = link
        link = event_hash((seq, at), labels, commitment, link, refers_to=refers_to, prob_default=prob_default)
        events.append(
            (seq, at, kind, actor, role, is_automatic, number, NO_POLICY, prob_default, verdict, refers_to,
             commitment, previous, link)
        )  # fmt: skip
        contents.append((seq, application_id, salt, payload))
        hashes.append(link)


@lru_cache(maxsize=16)
def _label_digests(number: int | None, of_version: bytes) -> LabelDigests:
    return LabelDigests({} if number is None else {number: of_version})


def _insert(connection: Connection, table: str, names: Sequence[str], rows: Sequence[Row]) -> None:
    """Give the rows to the driver as they are; by COPY to PostgreSQL, if they are many."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        n_whole = len(rows) - len(rows) % _INSERT_ROWS
        whole = [list(chain(*rows[start : start + _INSERT_ROWS])) for start in range(0, n_whole, _INSERT_ROWS)]
        if whole:
            driver.executemany(_inserting(table, len(names), _INSERT_ROWS), whole)
        driver.executemany(_inserting(table, len(names), 1), rows[n_whole:])
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


@cache
def _inserting(table: str, n_columns: int, n_rows: int) -> str:
    row = f"({', '.join('?' * n_columns)})"
    return f"INSERT INTO {table} VALUES {', '.join([row] * n_rows)}"  # noqa: S608  # our own names
