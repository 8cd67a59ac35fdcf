"""A small SQLite database under home that all processes of the app share."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webapp.errors import BusyError

# Waited for the others of this process, and as long for other processes: not once for each who came before.
PATIENCE_SECONDS = 5.0


class SmallDatabase:
    """One database file (0600), made when it is first asked for.

    Parameters
    ----------
    path, schema
        Where it is, and the statements that make its tables where they are not there yet.
    away
        What to say if nothing can be read from it or written to it at the moment.
    """

    def __init__(self, path: Path, schema: str, *, away: str) -> None:
        self._path, self._schema, self._away = path, schema, away
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def transaction(self, *, is_write: bool = True) -> Iterator[sqlite3.Connection]:
        """One at a time in this process, on a connection that stays open: closing the last one costs a sync or two.

        What was written before an error of the caller's own is kept.

        Raises
        ------
        BusyError
            If it cannot be used at the moment.
        """
        if not self._lock.acquire(timeout=PATIENCE_SECONDS):
            raise BusyError(self._away)
        try:
            if self._connection is None:
                self._connection = self._open()
            self._connection.execute("BEGIN IMMEDIATE" if is_write else "BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as exc:
            # While nobody else has it: the next one may be in the middle of a transaction on it.
            self._connection = None
            raise BusyError(self._away) from exc
        finally:
            self._lock.release()

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600))
        connection = sqlite3.connect(
            self._path, timeout=PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.executescript(f"PRAGMA journal_mode = WAL; {self._schema}")
        return connection
