"""Where a log is kept: its tables in SQLite or PostgreSQL, and transactions in them that are sure of the ground.

A log can be moved, deleted or put back from a backup under a running process. An open file outlives its name, so before
and after every write the files at the path must be those that are open, and the last head this process knows must still
be in the chain; otherwise nothing is written, and nothing answered.
"""

from __future__ import annotations

import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, cast

from filelock import FileLock, Timeout
from sqlalchemy import URL, Connection, Transaction, inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from creditrisk.decision_log.chain import GENESIS, Head
from creditrisk.decision_log.database import PROBE_SECONDS, database_at, usable_url
from creditrisk.decision_log.files import Identity, files_at, hash_in_file, problem_of_end, problem_of_pages, sqlite_uri
from creditrisk.decision_log.tables import EVENTS, FIRST_FORM, METADATA, REFUSAL, hash_at, head_of
from creditrisk.errors import DecisionLogError
from creditrisk.home import room_problem

# How long a write waits in all, for this process and for the database; many that wait do so side by side.
WRITE_SECONDS = 5.0
# Transactions that write begin so on PostgreSQL; neither the lock nor a later statement may take longer than {wait}
# milliseconds.
_LOCK = (
    "SELECT set_config('lock_timeout', '{wait}', true), set_config('statement_timeout', '{wait}', true), "
    "pg_advisory_xact_lock(hashtext('creditrisk decision log'))"
)
# Between two tries to write into SQLite while another process does. Left to itself it would sleep ever longer, up to a
# tenth of a second, while others come and go.
TRY_SECONDS = 0.000_2
# Between two looks at whether others have given up files of a SQLite log that were deleted.
RETRY_SECONDS = 0.01
# What databases say when a lock was not to be had in time.
_WAITED_IN_VAIN = ("database is locked", "lock timeout", "statement timeout")
# What SQLite says of a file whose pages do not belong together, or are none.
_DAMAGED = ("malformed", "not a database")


class ChangeRefusedError(DecisionLogError):
    """A trigger of the log refused to change or remove a row."""


class _FilesInUseError(DecisionLogError):
    """Others still work with files of a SQLite log that were deleted; each gives them up at its next look."""


class Store:
    """The tables of one log, for the threads of one process; nothing is opened until the first transaction.

    The first use makes the tables where there are none; later uses never do, so a log that vanished is missed until it
    is back. `path` is the file of a SQLite database, None on a server; `address` is where the log is, without user and
    password.
    """

    def __init__(self, url: str) -> None:
        usable = usable_url(url)
        self._dialect = usable.get_backend_name()
        self.path = Path(str(usable.database)).absolute() if self._dialect == "sqlite" else None
        self.address = str(URL.create(self._dialect, host=usable.host, port=usable.port, database=usable.database))
        self._database = database_at(usable, self.path)
        # Rows go to the driver directly, and its errors come back as they are.
        driver: Any = self._database.engine.dialect.dbapi
        self._errors = (SQLAlchemyError, OSError, sqlite3.Error, driver.Error)
        # The newest head this process has seen or written; None before the log is first used.
        self._known: Head | None = None
        # The database file that was seen last and the most bytes it had: SQLite never makes it shorter by itself.
        self._extent: tuple[Identity, int] = (None, 0)
        # SQLite lets those who wait for its lock sleep and try again; threads of one process need not.
        self._writing = Lock()

    def is_begun(self) -> bool:
        """Whether there is a log, as far as can be told without making one; a server is not asked."""
        return self._known is not None or self.path is None or self.path.exists()

    def check_writable(self) -> None:
        """See `DecisionLog.check_writable`."""
        with self.transaction(is_write=True, patience=PROBE_SECONDS) as connection:
            if self.path is None:
                may_write = "SELECT current_setting('transaction_read_only') = 'off'"
                is_granted = f"has_table_privilege('{EVENTS.name}', 'INSERT')"
                if not connection.exec_driver_sql(f"{may_write} AND {is_granted}").scalar_one():
                    raise DecisionLogError(
                        f"the decision log at {self.address} may only be read: the server is a standby, or the user "
                        "may not INSERT. Check CREDITRISK_DECISION_LOG_URL and the user's rights."
                    )
        if self.path is not None and (problem := room_problem(self.path.parent)):
            raise DecisionLogError(f"the decision log at {self.address} can take no more: {problem}. Make room there.")

    def close(self) -> None:
        """Close the connections; they open again when the log is next used."""
        self._database.engine.dispose()
        self._database.whole = None

    @contextmanager
    def transaction(
        self, *, is_write: bool = False, patience: float | None = None, deadline: float | None = None
    ) -> Iterator[Connection]:
        """A transaction in the log that is there; what it wrote is on the disk, and in that log, when it ends.

        One that writes waits for its turn, but no longer than `patience` seconds, WRITE_SECONDS if not given;
        `deadline` is when they are over, if some have passed already.
        """
        patience = WRITE_SECONDS if patience is None else patience
        deadline = time.monotonic() + patience if deadline is None else deadline
        if is_write and not self._writing.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise self.waited_in_vain(patience)
        try:
            self._open(deadline)
            with self._begun(deadline, self._write_here if is_write else self._read_here) as connection:
                yield connection
        except self._errors as exc:
            # Not chained, and the first line only: what follows may quote the row, an applicant's data.
            reason = str(getattr(exc, "orig", None) or exc).partition("\n")[0]
            if any(words in reason for words in _WAITED_IN_VAIN):
                raise self.waited_in_vain(patience) from None
            if REFUSAL in reason:
                raise ChangeRefusedError(f"the decision log at {self.address} refused a change: {reason}.") from None
            if self.path is not None and any(words in reason for words in _DAMAGED):
                raise self._damaged(reason) from None
            remedy = "Check that the database is up and that CREDITRISK_DECISION_LOG_URL is right."
            if is_write and self.path is not None and (problem := room_problem(self.path.parent)):
                remedy = f"Make room: {problem}."
            raise DecisionLogError(
                f"the decision log at {self.address} did not do what was asked: {reason}. {remedy}"
            ) from None
        finally:
            if is_write:
                self._writing.release()

    @contextmanager
    def _begun(self, deadline: float, begin: Callable[[Connection, float], None]) -> Iterator[Connection]:
        """A transaction on the files that are there, begun as told; what it wrote is in them when it ends."""
        with ExitStack() as held:
            connection, transaction = self._begin(held, deadline, begin)
            with transaction:
                yield connection
            if begin != self._read_here:
                self._check_kept(connection)

    def _begin(
        self, held: ExitStack, deadline: float, begin: Callable[[Connection, float], None]
    ) -> tuple[Connection, Transaction]:
        """A connection, given back when `held` ends, and the transaction begun on it.

        Of several processes whose write-ahead log was deleted, none may read until the others have given theirs up, so
        what fails is tried again for a while.
        """
        last_try = min(deadline, time.monotonic() + PROBE_SECONDS)
        while True:
            with ExitStack() as attempt:
                try:
                    connection = attempt.enter_context(self._connection())
                    transaction = connection.begin()
                    begin(connection, deadline)
                except (_FilesInUseError, *self._errors) as exc:
                    if not _may_pass(exc) or time.monotonic() > last_try:
                        raise
                    self._database.engine.dispose()
                else:
                    held.push(attempt.pop_all())
                    return connection, transaction
            time.sleep(RETRY_SECONDS)

    def _read_here(self, connection: Connection, _deadline: float) -> None:
        """Read, in however many questions, what was there at one moment."""
        if self.path is None:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        else:
            _driver(connection).execute("BEGIN")

    def _write_here(self, connection: Connection, deadline: float) -> None:
        """Write after the head that is then in `locked_head`."""
        self._check_whole(connection)
        self._lock(connection, deadline)
        connection.info["head"] = self._checked_head(connection)

    def _check_kept(self, connection: Connection) -> None:
        """See that what was committed on a connection is in the log at the path."""
        if self.path is None or self._is_in_place(connection):
            return
        if files_at(self.path)[0].database != connection.info["files"].database:
            raise DecisionLogError(
                f"the decision log at {self.address} was moved or replaced while something was written into it. What "
                "was written then is not answered."
            )
        # Only a file beside it was deleted. The others that have the log open wait for what is in there.
        self._give_up(connection)
        self._database.engine.dispose()

    def _lock(self, connection: Connection, deadline: float) -> None:
        if self.path is not None:
            _begin_immediately(_driver(connection), deadline)
            return
        wait = max(1, math.ceil((deadline - time.monotonic()) * 1_000))
        connection.exec_driver_sql(_LOCK.format(wait=wait))

    def waited_in_vain(self, patience: float) -> DecisionLogError:
        """What is said after `patience` seconds in which nothing could be written."""
        return DecisionLogError(
            f"the decision log at {self.address} is held by somebody else: for {patience:g} s nothing could be "
            "written. Try again, and see which other program has it open."
        )

    def _open(self, deadline: float) -> None:
        """At the first use: make what is not there, and learn where the chain ends."""
        if self._known is not None:
            return
        with self._making(deadline):
            with self._begun(deadline, self._read_here) as connection:
                there = set(inspect(connection).get_table_names())
            if EVENTS.name not in there and FIRST_FORM in there:
                raise DecisionLogError(
                    f"the decision log at {self.address} is of the first form, which cannot be erased from and is not "
                    "read any more. Move it away and keep it; a new one is begun in its place."
                )
            if not there.issuperset(METADATA.tables):
                with self._begun(deadline, self._lock) as connection:
                    METADATA.create_all(connection)
            with self._begun(deadline, self._read_here) as connection:
                self.remember(head_of(connection))

    @contextmanager
    def _making(self, deadline: float) -> Iterator[None]:
        """The file of a SQLite log that may have to be made, for one process at a time.

        Several that turned an empty file into a database at the same moment would miss the write-ahead log that each
        of them began.
        """
        if self.path is None:
            yield
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = self.path.with_name(f"{self.path.name}.making")
        if self.path.exists() and not lock.exists():
            yield
            return
        try:
            with FileLock(lock, timeout=max(0.0, deadline - time.monotonic()), mode=0o600):
                with suppress(FileExistsError):
                    os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                yield
                lock.unlink(missing_ok=True)
        except Timeout:
            raise self.waited_in_vain(WRITE_SECONDS) from None

    def remember(self, head: Head) -> None:
        """Keep the newest head that was seen or written: it must be in the chain from now on."""
        if self._known is None or head[0] > self._known[0]:
            self._known = head
        self._database.newest = max(self._database.newest, head)

    def _checked_head(self, connection: Connection) -> Head:
        """The end of the chain, with the head this process knows in it: nothing was cut or put back from a copy."""
        head, known = head_of(connection), self._known or (0, GENESIS)
        if known[0] == 0 or head == known:
            return head
        seq, link = known
        if hash_at(connection, seq) != link:
            raise self._another_log(seq)
        return head

    def _another_log(self, seq: int) -> DecisionLogError:
        return DecisionLogError(
            f"the decision log at {self.address} does not hold entry {seq}, which was there before: it was cut, "
            "emptied, replaced, or put back from an older copy. Put the whole log back and it goes on by itself; to go "
            f"on with what is there now, stop the program, {self._of_one_day()}, and start it anew."
        )

    def _damaged(self, what: str) -> DecisionLogError:
        return DecisionLogError(
            f"the decision log at {self.address} is damaged, or its files are not of one day: {what.rstrip('.')}. "
            f"Nothing is written into it. Stop the program, put the whole log back, {self._of_one_day()}, and start it "
            "anew."
        )

    def _of_one_day(self) -> str:
        """What must be done about the files beside a SQLite database that is put back."""
        if self.path is None:
            return "see to it that no other program has it open"
        name = self.path.name
        return f"remove {name}-wal and {name}-shm unless they were saved together with {name}"

    # --- the files of a SQLite log ---

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection to the log that is there; those to files that are there no more are given up."""
        for _ in range(2):
            self._renew_index()
            pool = self._database.engine.pool
            with self._database.engine.connect() as connection:
                try:
                    if self._is_in_place(connection):
                        yield connection
                        return
                    self._give_up(connection)
                    self._database.engine.dispose()
                finally:
                    if self._database.engine.pool is not pool:
                        # Given up, by this thread or another: closed now, and not whenever the old pool is.
                        connection.invalidate()
        raise DecisionLogError(f"the decision log at {self.address} is being moved or replaced. Try again.")

    def _is_in_place(self, connection: Connection) -> bool:
        """Whether the files this connection writes to are those at the path, as long as they ever were."""
        if self.path is None:
            return True
        files, size = files_at(self.path)
        if files.database is None:
            raise DecisionLogError(
                f"the decision log at {self.address} is gone: the file that this process wrote to was deleted or moved "
                "away. Put it back and it goes on by itself; to begin a new log, start the program anew."
            )
        seen, most = self._extent
        if seen == files.database and size < most:
            self._database.whole = None
            raise DecisionLogError(
                f"the decision log at {self.address} was cut short: its file has {size:,} bytes, and had {most:,}. "
                f"Stop the program, put the whole log back, {self._of_one_day()}, and start it anew."
            )
        if files != connection.info["files"]:
            return False
        self._extent = (files.database, size)
        return True

    def _check_whole(self, connection: Connection) -> None:
        """See, before a process first writes to a SQLite log, that its database and write-ahead log belong together.

        SQLite reads the newer log of another day into an older database without a word. What was written before that
        log was begun is then in neither, so the last entries are read back past its beginning; a small database is
        looked at in full.
        """
        identity = self._extent[0]
        if self.path is None or self._database.whole == identity:
            return
        raw = _driver(connection)
        problem = problem_of_pages(raw)
        if not problem:
            # One moment: others may write meanwhile, a new version and its first decision among it.
            raw.execute("BEGIN")
            problem = problem_of_end(connection)
            raw.rollback()
        if problem:
            raise self._damaged(problem)
        self._database.whole = identity

    def _give_up(self, connection: Connection) -> None:
        """Save what a connection still holds of a log whose files were deleted or replaced."""
        if self.path is None:
            return
        opened, (files, _) = connection.info["files"], files_at(self.path)
        if files.database == opened.database:
            if files.index == opened.index or files.wal is None:
                # What was committed to the write-ahead log that has no name any more goes into the database now.
                with suppress(DBAPIError):  # another process has done so, and emptied it
                    if connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]:
                        raise _FilesInUseError(
                            f"the write-ahead log of {self.address} was deleted while others read it. Try again, or "
                            "stop those programs."
                        )
            if files.index != opened.index:
                self._database.without_index = opened.database
        elif files.wal is not None and files.wal == opened.wal:
            # SQLite would read the old database's write-ahead log into the new one. It is put aside only if the new one
            # is the whole log without it; otherwise nothing is touched, and the old database may come back.
            seq, link = self._database.newest
            if seq and hash_in_file(self.path, seq) != link:
                raise self._another_log(seq)
            for suffix in ("-wal", "-shm"):
                with suppress(FileNotFoundError):
                    os.rename(f"{self.path}{suffix}", f"{self.path}{suffix}.of-{opened.database[1]}")

    def _renew_index(self) -> None:
        """Begin a new index of the write-ahead log once nobody works with the one that was deleted.

        All locks are in that index. Programs with one each would not see each other, and ruin the database.
        """
        if self._database.without_index is None or self.path is None:
            return
        with self._database.renewing:
            if self._database.without_index == files_at(self.path)[0].database is not None:
                try:
                    with closing(sqlite3.connect(sqlite_uri(self.path, "rw"), uri=True, timeout=0.2)) as alone:
                        alone.execute("PRAGMA locking_mode = EXCLUSIVE")
                        alone.execute("BEGIN IMMEDIATE")
                        alone.commit()
                except sqlite3.OperationalError:
                    raise _FilesInUseError(
                        f"the decision log at {self.address} lost its file -shm while several programs had it open. "
                        "Stop the others; then it goes on by itself."
                    ) from None
            self._database.without_index = None


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.driver_connection)


def _may_pass(error: Exception) -> bool:
    """Whether something failed because of files that others will give up, and may succeed soon.

    The index of the write-ahead log may tell of entries in one that has no name any more; SQLite then finds less in the
    file than it looks for.
    """
    error = getattr(error, "orig", None) or error
    return isinstance(error, _FilesInUseError) or getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR


def _begin_immediately(raw: sqlite3.Connection, deadline: float) -> None:
    """Begin a transaction that writes; sqlite3.OperationalError if others write until the deadline."""
    raw.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                raw.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as exc:
                if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            else:
                return
            time.sleep(TRY_SECONDS)
    finally:
        raw.execute(f"PRAGMA busy_timeout = {1_000 * PROBE_SECONDS:.0f}")


def most_seconds() -> float:
    """How long a write waits in all."""
    return WRITE_SECONDS


def locked_head(connection: Connection) -> Head:
    """Where the chain ends in a transaction that writes, as it was checked once the log was locked."""
    head: Head = connection.info["head"]
    return head
