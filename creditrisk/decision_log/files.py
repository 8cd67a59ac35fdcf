"""The files of a SQLite log: which lie at its path, and whether they belong together."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection

from creditrisk.decision_log.chain import LabelDigests
from creditrisk.decision_log.reading import ENTRIES, HASH, Chain, Row, blocks
from creditrisk.decision_log.tables import EVENTS
from creditrisk.decision_log.versions import digests

# How long a process that is going to write takes at most to see whether a SQLite log is whole: for each of two looks.
WHOLE_SECONDS = 0.3
# Device and inode of a file; None where there is none.
Identity = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class LogFiles:
    """Which files lie where a SQLite log is: the database, its write-ahead log and the index of that."""

    database: Identity
    wal: Identity
    index: Identity


def files_at(path: Path) -> tuple[LogFiles, int]:
    """The files of a SQLite log as they are now, and the size of its database in bytes."""
    identities: list[Identity] = []
    size = 0
    for suffix in ("", "-wal", "-shm"):
        try:
            status = os.stat(f"{path}{suffix}")
        except (FileNotFoundError, NotADirectoryError):
            identities.append(None)
            continue
        identities.append((status.st_dev, status.st_ino))
        size = size if suffix else status.st_size
    return LogFiles(*identities), size


def problem_of_pages(raw: sqlite3.Connection) -> str:
    """What is wrong with tables and indexes, as far as can be seen in time."""
    deadline = time.monotonic() + WHOLE_SECONDS
    raw.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
    try:
        message = str(raw.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.OperationalError as exc:
        if "interrupted" not in str(exc):
            raise
        return ""
    finally:
        raw.set_progress_handler(None, 0)
    # The first line only says where the database is called main.
    return "" if message == "ok" else message.splitlines()[-1]


def problem_of_end(connection: Connection) -> str:
    """What is wrong with the last entries, read backwards as many as can be in time."""
    deadline = time.monotonic() + WHOLE_SECONDS
    labels = LabelDigests(digests(connection))
    after: Row | None = None
    for rows in blocks(connection, ENTRIES.order_by(EVENTS.c.seq.desc())):
        for row in rows:
            if after is not None:
                broken = Chain(labels, row[0], row[HASH]).broken_by([after])
                if broken or time.monotonic() > deadline:
                    return broken or ""
            after = row
    return (Chain(labels).broken_by([after]) or "") if after is not None else ""


def sqlite_uri(path: Path, mode: str) -> str:
    """How SQLite is told to open a file in a mode, such as `rw` or `ro`."""
    return f"file:{quote(str(path))}?mode={mode}"


def hash_in_file(path: Path, seq: int) -> str | None:
    """The hash of an entry in a SQLite database as its file has it, without the write-ahead log beside it."""
    try:
        with closing(sqlite3.connect(f"{sqlite_uri(path, 'ro')}&immutable=1", uri=True)) as connection:
            row = connection.execute("SELECT hash FROM events WHERE seq = ?", (seq,)).fetchone()
    except sqlite3.Error:
        return None
    return None if row is None else bytes(row[0]).hex()
