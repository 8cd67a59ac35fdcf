"""Writing entries at the end of the chain, in a transaction that writes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Table

from creditrisk.decision_log.chain import SALT_BYTES, Head, LabelDigests, commitment_to, event_hashes
from creditrisk.decision_log.entries import Entries, Version
from creditrisk.decision_log.tables import CONTENTS, EVENTS
from creditrisk.decision_log.versions import number_of

# Fewer rows than these are no quicker by COPY.
_COPY_ROWS = 50
# Rows of one INSERT into SQLite: its triggers cost half as much a row as with one each, and more rows save no more.
_INSERT_ROWS = 100
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of both tables for entries of one kind: what they have in common, and a column for what they have not.

    `shared` are the columns of an event from `at` to `policy_version`; `hashes` begins with the hash before the first.
    """

    seqs: range
    shared: Row
    prob_defaults: Sequence[float | None]
    verdicts: Sequence[str | None]
    refers_to: Sequence[int | None]
    commitments: Sequence[bytes]
    hashes: Sequence[bytes]
    application_ids: Sequence[str | None]
    salts: Sequence[bytes]
    payloads: Sequence[bytes]

    def events(self) -> Iterator[Row]:
        """The rows of `events`."""
        own = zip(self.prob_defaults, self.verdicts, self.refers_to, self.commitments, self.hashes, self.hashes[1:],
                  strict=False)  # fmt: skip
        return ((seq, *self.shared, *row) for seq, row in zip(self.seqs, own, strict=True))

    def contents(self) -> Iterator[Row]:
        """The rows of `contents`."""
        return zip(self.seqs, self.application_ids, self.salts, self.payloads, strict=True)


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
    many_rows = []
    for entries in many:
        version = entries.version
        if version is not None and version not in known:
            known[version] = number_of(connection, version), version.digest()
        rows = _rows(entries, (seq, at), (None, b"") if version is None else known[version], link)
        seq, link = rows.seqs.stop - 1, rows.hashes[-1]
        many_rows.append(rows)
    if connection.dialect.name == "sqlite":
        _insert(connection, many_rows)
    else:
        _copy(connection, EVENTS, list(chain.from_iterable(rows.events() for rows in many_rows)))
        _copy(connection, CONTENTS, list(chain.from_iterable(rows.contents() for rows in many_rows)))
    return [Written(rows.seqs, at, tuple(rows.hashes)) for rows in many_rows]


def _rows(entries: Entries, after: tuple[int, int], version: tuple[int | None, bytes], link: bytes) -> _Rows:
    """The rows for entries that come after a number, at a time, and a link."""
    (seq, at), (number, of_version) = after, version
    by, n_rows = entries.by, len(entries.payloads)
    seqs = range(seq + 1, seq + 1 + n_rows)
    random = os.urandom(SALT_BYTES * n_rows)
    salts = [random[start : start + SALT_BYTES] for start in range(0, len(random), SALT_BYTES)]
    nothing = [None] * n_rows
    application_ids, prob_defaults = entries.application_ids or nothing, entries.prob_defaults or nothing
    verdicts, refers_to = entries.verdicts or nothing, entries.refers_to or nothing
    shared = entries.kind, by.name, by.role, by.is_automatic, number, entries.policy_version
    digests = _label_digests(number, of_version)
    labels = {verdict: digests[*shared, verdict] for verdict in set(verdicts)}
    commitments = list(map(commitment_to, salts, application_ids, entries.payloads))
    of_rows = map(labels.__getitem__, verdicts)
    hashes = event_hashes((seqs, at), of_rows, commitments, link, refers_to=refers_to, prob_defaults=prob_defaults)
    return _Rows(
        seqs, (at, *shared), prob_defaults, verdicts, refers_to, commitments, hashes, application_ids, salts,
        entries.payloads,
    )  # fmt: skip


@lru_cache(maxsize=16)
def _label_digests(number: int | None, of_version: bytes) -> LabelDigests:
    return LabelDigests({} if number is None else {number: of_version})


def _insert(connection: Connection, many: Sequence[_Rows]) -> None:
    """Give the rows to SQLite's driver, many with each statement, and what they share once with each."""
    driver: Any = connection.connection.driver_connection
    given: dict[int, tuple[list[list[Any]], list[list[Any]]]] = {_INSERT_ROWS: ([], []), 1: ([], [])}
    for rows in many:
        n_whole = len(rows.seqs) - len(rows.seqs) % _INSERT_ROWS
        steps = ((range(0, n_whole, _INSERT_ROWS), _INSERT_ROWS), (range(n_whole, len(rows.seqs)), 1))
        links = rows.hashes[1:]
        for starts, n_rows in steps:
            events, contents = given[n_rows]
            for start in starts:
                part = slice(start, start + n_rows)
                own = zip(rows.prob_defaults[part], rows.verdicts[part], rows.refers_to[part], rows.commitments[part],
                          links[part], strict=True)  # fmt: skip
                events.append([rows.seqs[start], *rows.shared, rows.hashes[start], *chain.from_iterable(own)])
                held = zip(rows.application_ids[part], rows.salts[part], rows.payloads[part], strict=True)
                contents.append([rows.seqs[start], *chain.from_iterable(held)])
    for n_rows, (events, contents) in given.items():
        if events:
            driver.executemany(_inserting_events(n_rows), events)
            driver.executemany(_inserting_contents(n_rows), contents)


@cache
def _inserting_events(n_rows: int) -> str:
    """The statement for so many events: their first number, what they share, the hash before, then five of each.

    The number of an event follows from the first, and the hash before it is that of the row ahead.
    """
    rows = []
    for index in range(n_rows):
        first = 10 + 5 * index
        own = ", ".join(f"?{first + place}" for place in range(4))
        rows.append(f"(?1 + {index}, ?2, ?3, ?4, ?5, ?6, ?7, ?8, {own}, ?{first - 1}, ?{first + 4})")
    return f"INSERT INTO {EVENTS.name} VALUES {', '.join(rows)}"  # noqa: S608  # our own name and numbers


@cache
def _inserting_contents(n_rows: int) -> str:
    """The statement for so many contents: the first number, then three of each."""
    rows = (f"(?1 + {index}, ?{2 + 3 * index}, ?{3 + 3 * index}, ?{4 + 3 * index})" for index in range(n_rows))
    return f"INSERT INTO {CONTENTS.name} VALUES {', '.join(rows)}"  # noqa: S608  # our own name and numbers


def _copy(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Give the rows to PostgreSQL's driver as they are; by COPY, if they are many."""
    driver: Any = connection.connection.driver_connection
    names = [column.name for column in table.columns]
    columns = ", ".join(names)
    with driver.cursor() as cursor:
        if len(rows) < _COPY_ROWS:
            places = ", ".join(["%s"] * len(names))
            cursor.executemany(f"INSERT INTO {table.name} ({columns}) VALUES ({places})", rows)  # noqa: S608  # our own names
            return
        with cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
