"""The decision log: what was decided, on which inputs, by which model version, and why; append-only and hash-chained.

The web app and the batch flow append to it before they answer; monitoring reads windows of it; `riskometer verify-log`
proves the chain. Scoring a logged decision again is in replay.py, the reports that note the head are in monitoring/.

Each row carries the SHA-256 over the canonical JSON of all its other columns, and one of those columns is the hash of
the row before: changing, removing or inserting a row breaks a link. Rows cut off at the end leave a chain that is
whole, so `verify` also takes the heads that were noted elsewhere.

A log can also be moved, deleted or put back from a backup under a running process. An open file outlives its name, so
before and after every write the files at the path must be those that are open, and the last head this process knows
must still be in the chain; otherwise nothing is written, and nothing answered.
"""

from __future__ import annotations

import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote
from weakref import WeakValueDictionary

import polars as pl
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    RowMapping,
    Select,
    create_engine,
    event,
    func,
    insert,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from creditrisk.decision_log.chain import (
    GENESIS,
    Head,
    Noted,
    Verification,
    broken_link,
    gone_after,
    hash_of,
    other_than_noted,
)
from creditrisk.decision_log.decisions import Decision, Logged, Outcome, columns_of, logged_from
from creditrisk.decision_log.files import Identity, files_at, hash_in_file, problem_of_end, problem_of_pages, sqlite_uri
from creditrisk.decision_log.tables import (
    DECISIONS,
    METADATA,
    NOTED_ONCE,
    NOTES,
    OUTCOMES,
    head_of,
    noted_value,
)
from creditrisk.errors import DecisionLogError
from creditrisk.home import room_problem

if TYPE_CHECKING:
    pass


# Rows written under one lock: a large upload lets single applications in between its chunks.
CHUNK_ROWS = 2_000
# How long a write waits in all, for this process and for the database; many that wait do so side by side.
WRITE_SECONDS = 5.0
# The same for the question whether a write would succeed, which a supervisor asks again and again.
PROBE_SECONDS = 1.0


_ON_CONNECT = {
    # FULL: the write-ahead log is on the disk, not only in the system's cache, when a commit returns.
    "sqlite": ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"),
    "postgresql": ("SET synchronous_commit = on",),
}
_CONNECT_ARGS: dict[str, dict[str, Any]] = {
    # No isolation level: Python's driver begins no transaction of its own, `_LOCK` does.
    "sqlite": {"timeout": PROBE_SECONDS, "isolation_level": None},
    # Two seconds are the least that libpq takes; a server that dies later is given up after five.
    "postgresql": {"connect_timeout": 2, "tcp_user_timeout": 5_000},
}
# Transactions that write begin so; neither the lock nor a later statement may take longer than {wait} milliseconds.
_LOCK = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": (
        "SELECT set_config('lock_timeout', '{wait}', true), set_config('statement_timeout', '{wait}', true), "
        "pg_advisory_xact_lock(hashtext('creditrisk decision log'))"
    ),
}
# What databases say when a lock was not to be had in time.
_WAITED_IN_VAIN = ("database is locked", "lock timeout", "statement timeout")
# What SQLite says of a file whose pages do not belong together, or are none.
_DAMAGED = ("malformed", "not a database")


class _Database:
    """What all logs of one process have in common if they are the same database."""

    def __init__(self, url: URL, path: Path | None) -> None:
        self.engine = _engine(url, path)
        # The newest head that any of them has seen or written.
        self.newest: Head = (0, GENESIS)
        # The database file whose index was deleted under this process, until there is a new one.
        self.without_index: Identity = None
        self.renewing = Lock()
        # The database file that was found whole.
        self.whole: Identity = None


# SQLite keeps what it holds of a file once for a process: one log can neither give it up nor begin it anew while
# another goes on with it.
_DATABASES: WeakValueDictionary[tuple[Path, str], _Database] = WeakValueDictionary()
_FINDING = Lock()


def _database(url: URL, path: Path | None) -> _Database:
    if path is None:
        return _Database(url, path)
    key = path.resolve(), str(sorted(url.query.items()))
    with _FINDING:
        found = _DATABASES.get(key)
        if found is None:
            found = _DATABASES[key] = _Database(url, path)
        return found


class DecisionLog:
    """The log in one database: SQLite (`sqlite:///path`) or PostgreSQL (`postgresql://user:password@host/database`).

    Nothing is opened until the log is first used, so a process may fork in between. Threads may share one log, and
    several processes may append to one database; the logs of one process in one SQLite file share their connections.
    The first use makes a log where there is none; later uses never do, so a log that vanished is missed until it is
    back.

    Raises
    ------
    DecisionLogError
        From the constructor if the URL cannot be used; from every method if the database is away or refuses. No
        message holds a password or anything about an applicant.
    """

    def __init__(self, url: str) -> None:
        self._url = _usable_url(url)
        self._dialect = self._url.get_backend_name()
        self._path = Path(str(self._url.database)).absolute() if self._dialect == "sqlite" else None
        self._database = _database(self._url, self._path)
        self._engine = self._database.engine
        # The newest head this process has seen or written; None before the log is first used.
        self._known: Head | None = None
        # The database file that was seen last and the most bytes it had: SQLite never makes it shorter by itself.
        self._extent: tuple[Identity, int] = (None, 0)
        # SQLite lets those who wait for its lock sleep and try again; threads of one process need not.
        self._writing = Lock()

    @property
    def place(self) -> str:
        """Where the log is, without user and password."""
        url = self._url
        return str(URL.create(self._dialect, host=url.host, port=url.port, database=url.database))

    def is_begun(self) -> bool:
        """Whether there is a log, as far as can be told without making one; a server is not asked."""
        return self._known is not None or self._path is None or self._path.exists()

    def append(self, decisions: Sequence[Decision]) -> list[Logged]:
        """Write decisions at the end of the log; when this returns they survive a crash.

        A long list is written in chunks. If a later chunk fails, the earlier ones stay: a decision that was logged and
        never answered does no harm.

        Raises
        ------
        DecisionLogError
            If a number is not finite, a value has no place in JSON, or the database is away.
        """
        logged: list[Logged] = []
        for start in range(0, len(decisions), CHUNK_ROWS):
            chunk = decisions[start : start + CHUNK_ROWS]
            rows = [columns_of(decision, position) for position, decision in enumerate(chunk, start + 1)]
            with self._transaction(is_write=True) as connection:
                decided_at = datetime.now(UTC)
                head_seq, link = connection.info["head"]
                for seq, row in enumerate(rows, head_seq + 1):
                    row |= {"seq": seq, "decided_at": decided_at.isoformat(timespec="microseconds"), "prev_hash": link}
                    link = row["hash"] = hash_of(row)
                connection.execute(insert(DECISIONS), rows)
            self._remember((rows[-1]["seq"], link))
            logged += [
                Logged(row["seq"], decided_at, decision, row["prev_hash"], row["hash"])
                for row, decision in zip(rows, chunk, strict=True)
            ]
        return logged

    def get(self, seq: int) -> Logged:
        """The decision with one number; DecisionLogError if there is none."""
        [logged] = self.read(range(seq, seq + 1))
        return logged

    def read(self, seqs: range) -> Iterator[Logged]:
        """Stream the decisions with these numbers; DecisionLogError at the end if some are not in the log."""
        wanted = select(DECISIONS).where(DECISIONS.c.seq.between(seqs.start, seqs.stop - 1)).order_by(DECISIONS.c.seq)
        n_found = 0
        for row in self._stream(wanted):
            if row["seq"] in seqs:
                n_found += 1
                yield logged_from(row)
        if n_found < len(seqs):
            raise DecisionLogError(
                f"{len(seqs) - n_found} of the decisions {seqs[0]} to {seqs[-1]} asked for are not in the decision "
                f"log; it holds 1 to {self.head()[0]}."
            )

    def head(self) -> Head:
        """Number and hash of the last decision; `(0, GENESIS)` of an empty log."""
        with self._transaction() as connection:
            return head_of(connection)

    def check_writable(self) -> None:
        """See whether a decision could be written now, in about a second, and write none.

        Raises
        ------
        DecisionLogError
            If the log is away, is not the one it was, is held by another program, may only be read, or has no room
            left. How full the disk of a PostgreSQL server is cannot be asked; an append on a full one says so.
        """
        with self._transaction(is_write=True, patience=PROBE_SECONDS) as connection:
            if self._path is None:
                may_write = "SELECT current_setting('transaction_read_only') = 'off'"
                is_granted = f"has_table_privilege('{DECISIONS.name}', 'INSERT')"
                if not connection.exec_driver_sql(f"{may_write} AND {is_granted}").scalar_one():
                    raise DecisionLogError(
                        f"the decision log at {self.place} may only be read: the server is a standby, or the user may "
                        "not INSERT. Check CREDITRISK_DECISION_LOG_URL and the user's rights."
                    )
        if self._path is not None and (problem := room_problem(self._path.parent)):
            raise DecisionLogError(f"the decision log at {self.place} can take no more: {problem}. Make room there.")

    def window(self, after_seq: int, model: str) -> pl.DataFrame:
        """The decisions of one model after a number, with what monitoring needs of them.

        Returns
        -------
        DataFrame
            `seq`, `decided_at` (UTC), `model_version`, `prob_default`, `verdict`, then a column for every input field:
            numbers and text as they were, dates as ISO text, a field that was always missing of type Null. No input
            columns if there is no decision.
        """
        columns = ("seq", "decided_at", "model_version", "prob_default", "verdict", "inputs")
        wanted = (
            select(*(DECISIONS.c[name] for name in columns))
            .where(DECISIONS.c.seq > after_seq, DECISIONS.c.model == model)
            .order_by(DECISIONS.c.seq)
        )
        types = dict.fromkeys(columns, pl.String) | {"seq": pl.Int64, "prob_default": pl.Float64}
        with self._transaction() as connection:
            rows = [tuple(row) for row in connection.execute(wanted)]
        frame = pl.DataFrame(rows, schema=types, orient="row").with_columns(
            pl.col("decided_at").str.to_datetime(time_unit="us", time_zone="UTC")
        )
        if frame.is_empty():
            return frame.drop("inputs")
        inputs = pl.read_ndjson("\n".join(frame["inputs"]).encode(), infer_schema_length=None)
        return frame.drop("inputs").hstack(inputs)

    def counts_by_verdict(self) -> dict[str, int]:
        """How many decisions of each verdict the log holds."""
        with self._transaction() as connection:
            rows = connection.execute(select(DECISIONS.c.verdict, func.count()).group_by(DECISIONS.c.verdict))
            return {row[0]: row[1] for row in rows}

    def hashes(self, seqs: Sequence[int]) -> dict[int, str]:
        """The hashes of the decisions with these numbers; one that is not in the log is not in the answer."""
        wanted = [seq for seq in seqs if 0 < seq < 2**63]
        with self._transaction() as connection:
            rows = connection.execute(select(DECISIONS.c.seq, DECISIONS.c.hash).where(DECISIONS.c.seq.in_(wanted)))
            return {row.seq: row.hash for row in rows}

    def verify(self, noted: Sequence[Noted] = (), *, on_progress: Callable[[int], None] | None = None) -> Verification:
        """Follow the chain from the first decision to the last, once and in constant memory.

        Parameters
        ----------
        noted
            Heads noted earlier and kept elsewhere. The chain alone cannot show that its last rows were cut off, nor
            that somebody wrote the whole of it anew; a head from outside can.
        on_progress
            Called now and then with the number of decisions checked so far.
        """
        by_seq: dict[int, list[Noted]] = {}
        for note in noted:
            by_seq.setdefault(note[1][0], []).append(note)
        by_seq.pop(0, None)  # the head of a log that was empty
        n_checked, link = 0, GENESIS
        for row in self._stream(select(DECISIONS).order_by(DECISIONS.c.seq)):
            broken = broken_link(row, n_checked, link) or other_than_noted(row["seq"], row["hash"], by_seq)
            if broken is not None:
                return Verification(n_checked, link, broken)
            n_checked, link = row["seq"], row["hash"]
            if on_progress is not None and n_checked % CHUNK_ROWS == 0:
                on_progress(n_checked)
        return Verification(n_checked, link, gone_after(n_checked, by_seq))

    def record_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Write down what became of applications, all or none; a later outcome corrects an earlier one."""
        rows = [
            {
                "application_id": outcome.application_id,
                "model": outcome.model,
                "is_default": outcome.is_default,
                "observed_on": outcome.observed_on,
            }
            for outcome in outcomes
        ]
        if rows:
            with self._transaction(is_write=True) as connection:
                connection.execute(insert(OUTCOMES), rows)

    def never_scored(self, outcomes: Sequence[Outcome]) -> list[int]:
        """Which of the outcomes, counted from 1, are of applications that the log holds no decision about.

        An outcome that names a model needs a decision of that model.
        """
        scored: set[tuple[str, str]] = set()
        about, model = DECISIONS.c.application_id, DECISIONS.c.model
        with self._transaction() as connection:
            for start in range(0, len(outcomes), CHUNK_ROWS):
                asked = {outcome.application_id for outcome in outcomes[start : start + CHUNK_ROWS]}
                for row in connection.execute(select(about, model).where(about.in_(asked)).distinct()):
                    scored |= {(row.application_id, row.model), (row.application_id, "")}
        return [
            position
            for position, outcome in enumerate(outcomes, start=1)
            if (outcome.application_id, outcome.model) not in scored
        ]

    def outcomes(self) -> pl.DataFrame:
        """Every outcome in the order of recording: `application_id`, `model`, `is_default`, `observed_on`."""
        columns = OUTCOMES.c.application_id, OUTCOMES.c.model, OUTCOMES.c.is_default, OUTCOMES.c.observed_on
        types = {"application_id": pl.String, "model": pl.String, "is_default": pl.Boolean, "observed_on": pl.Date}
        with self._transaction() as connection:
            rows = [tuple(row) for row in connection.execute(select(*columns).order_by(OUTCOMES.c.seq))]
        return pl.DataFrame(rows, schema=types, orient="row")

    def note(self, kind: str, key: str, value: str, *, by: str = "", why: str = "") -> None:
        """Write down a fact beside the decisions, for ever; a value that stands there already is not written again.

        Parameters
        ----------
        kind, key
            `scorer` and model/version for a fingerprint, `champion` and a model for its version, `serving` and an empty
            key for the model that serves.

        Raises
        ------
        DecisionLogError
            If another value was noted for a scorer before.
        """
        with self._transaction(is_write=True) as connection:
            before = noted_value(connection, kind, key)
            if before is not None and before != value and kind in NOTED_ONCE:
                raise DecisionLogError(
                    f"another value than the one to be noted now stands in the decision log for the {kind} {key}, and "
                    "what was noted once is never changed."
                )
            if before != value:
                row = {"at": datetime.now(UTC).isoformat(timespec="microseconds"), "kind": kind, "key": key}
                connection.execute(insert(NOTES), row | {"value": value, "by": by, "why": why})

    def noted(self, kind: str, key: str = "") -> str | None:
        """The value that counts for a key: the first for a scorer, else the last; None if there is none."""
        with self._transaction() as connection:
            return noted_value(connection, kind, key)

    def close(self) -> None:
        """Close the connections; they open again when the log is next used."""
        self._engine.dispose()
        self._database.whole = None

    def _stream(self, wanted: Select[Any]) -> Iterator[RowMapping]:
        wanted = wanted.execution_options(yield_per=CHUNK_ROWS)
        with self._transaction() as connection, connection.execute(wanted) as result:
            yield from result.mappings()

    @contextmanager
    def _transaction(self, *, is_write: bool = False, patience: float | None = None) -> Iterator[Connection]:
        """A transaction in the log that is there; what it wrote is on the disk, and in that log, when it ends.

        One that writes waits for its turn, but no longer than `patience` seconds, WRITE_SECONDS if not given.
        """
        patience = WRITE_SECONDS if patience is None else patience
        deadline = time.monotonic() + patience
        if is_write and not self._writing.acquire(timeout=patience):
            raise self._waited_in_vain(patience)
        try:
            self._open(deadline)
            with self._connection() as connection:
                if is_write:
                    self._check_whole(connection)
                with connection.begin():
                    if is_write:
                        self._lock(connection, deadline)
                        connection.info["head"] = self._checked_head(connection)
                    yield connection
                if is_write and not self._is_in_place(connection):
                    raise DecisionLogError(
                        f"the decision log at {self.place} was moved, replaced or deleted while something was written "
                        "into it. What was written then is not answered."
                    )
        except (SQLAlchemyError, sqlite3.Error, OSError) as exc:
            # Not chained, and the first line only: what follows may quote the row, an applicant's data.
            reason = str(getattr(exc, "orig", None) or exc).partition("\n")[0]
            if any(words in reason for words in _WAITED_IN_VAIN):
                raise self._waited_in_vain(patience) from None
            if self._path is not None and any(words in reason for words in _DAMAGED):
                raise self._damaged(reason) from None
            remedy = "Check that the database is up and that CREDITRISK_DECISION_LOG_URL is right."
            if is_write and self._path is not None and (problem := room_problem(self._path.parent)):
                remedy = f"Make room: {problem}."
            raise DecisionLogError(
                f"the decision log at {self.place} did not do what was asked: {reason}. {remedy}"
            ) from None
        finally:
            if is_write:
                self._writing.release()

    def _lock(self, connection: Connection, deadline: float) -> None:
        # In tenths of a second, so that a SQLite connection, which keeps what it is told, seldom has to be told anew.
        wait = max(1, math.ceil((deadline - time.monotonic()) * 10)) * 100
        if self._path is not None and connection.info.get("wait") != wait:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {wait}")
            connection.info["wait"] = wait
        connection.exec_driver_sql(_LOCK[self._dialect].format(wait=wait))

    def _waited_in_vain(self, patience: float) -> DecisionLogError:
        return DecisionLogError(
            f"the decision log at {self.place} is held by somebody else: for {patience:g} s nothing could be "
            "written. Try again, and see which other program has it open."
        )

    def _open(self, deadline: float) -> None:
        """At the first use: make what is not there, and learn where the chain ends."""
        if self._known is not None:
            return
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with self._connection() as connection, connection.begin():
            there = set(inspect(connection).get_table_names())
        if not there.issuperset(METADATA.tables):
            with self._connection() as connection, connection.begin():
                self._lock(connection, deadline)
                METADATA.create_all(connection)
        with self._connection() as connection, connection.begin():
            self._remember(head_of(connection))

    def _remember(self, head: Head) -> None:
        if self._known is None or head[0] > self._known[0]:
            self._known = head
        self._database.newest = max(self._database.newest, head)

    def _checked_head(self, connection: Connection) -> Head:
        """The end of the chain, with the head this process knows in it: nothing was cut or put back from a copy."""
        head, known = head_of(connection), self._known or (0, GENESIS)
        if known[0] == 0 or head == known:
            return head
        seq, link = known
        found = connection.execute(select(DECISIONS.c.hash).where(DECISIONS.c.seq == seq)).scalar_one_or_none()
        if found != link:
            raise self._another_log(seq)
        return head

    def _another_log(self, seq: int) -> DecisionLogError:
        return DecisionLogError(
            f"the decision log at {self.place} does not hold decision {seq}, which was there before: it was cut, "
            "emptied, replaced, or put back from an older copy. Put the whole log back and it goes on by itself; to go "
            f"on with what is there now, stop the program, {self._of_one_day()}, and start it anew."
        )

    def _damaged(self, what: str) -> DecisionLogError:
        return DecisionLogError(
            f"the decision log at {self.place} is damaged, or its files are not of one day: {what.rstrip('.')}. "
            f"Nothing is written into it. Stop the program, put the whole log back, {self._of_one_day()}, and start it "
            "anew."
        )

    def _of_one_day(self) -> str:
        """What must be done about the files beside a SQLite database that is put back."""
        if self._path is None:
            return "see to it that no other program has it open"
        name = self._path.name
        return f"remove {name}-wal and {name}-shm unless they were saved together with {name}"

    # --- the files of a SQLite log ---

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection to the log that is there; those to files that are there no more are given up."""
        for _ in range(2):
            self._renew_index()
            pool = self._engine.pool
            with self._engine.connect() as connection:
                try:
                    if self._is_in_place(connection):
                        yield connection
                        return
                    self._give_up(connection)
                    self._engine.dispose()
                finally:
                    if self._engine.pool is not pool:
                        # Given up, by this thread or another: closed now, and not whenever the old pool is.
                        connection.invalidate()
        raise DecisionLogError(f"the decision log at {self.place} is being moved or replaced. Try again.")

    def _is_in_place(self, connection: Connection) -> bool:
        """Whether the files this connection writes to are those at the path, as long as they ever were."""
        if self._path is None:
            return True
        files, size = files_at(self._path)
        if files.database is None:
            raise DecisionLogError(
                f"the decision log at {self.place} is gone: the file that this process wrote to was deleted or moved "
                "away. Put it back and it goes on by itself; to begin a new log, start the program anew."
            )
        seen, most = self._extent
        if seen == files.database and size < most:
            self._database.whole = None
            raise DecisionLogError(
                f"the decision log at {self.place} was cut short: its file has {size:,} bytes, and had {most:,}. "
                f"Stop the program, put the whole log back, {self._of_one_day()}, and start it anew."
            )
        if files != connection.info["files"]:
            return False
        self._extent = (files.database, size)
        return True

    def _check_whole(self, connection: Connection) -> None:
        """See, before a process first writes to a SQLite log, that its database and write-ahead log belong together.

        SQLite reads the newer log of another day into an older database without a word. What was written before that
        log was begun is then in neither, so the last decisions are read back past its beginning; a small database is
        looked at in full.
        """
        identity = self._extent[0]
        if self._path is None or self._database.whole == identity:
            return
        raw = cast(sqlite3.Connection, connection.connection.driver_connection)
        problem = problem_of_pages(raw) or problem_of_end(raw)
        if problem:
            raise self._damaged(problem)
        self._database.whole = identity

    def _give_up(self, connection: Connection) -> None:
        """Save what a connection still holds of a log whose files were deleted or replaced."""
        if self._path is None:
            return
        opened, (files, _) = connection.info["files"], files_at(self._path)
        if files.database == opened.database:
            if files.index == opened.index or files.wal is None:
                # What was committed to the write-ahead log that has no name any more goes into the database now.
                with suppress(DBAPIError):  # another process has done so, and emptied it
                    if connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]:
                        raise DecisionLogError(
                            f"the write-ahead log of {self.place} was deleted while others read it. Try again, or "
                            "stop those programs."
                        )
            if files.index != opened.index:
                self._database.without_index = opened.database
        elif files.wal is not None and files.wal == opened.wal:
            # SQLite would read the old database's write-ahead log into the new one. It is put aside only if the new one
            # is the whole log without it; otherwise nothing is touched, and the old database may come back.
            seq, link = self._database.newest
            if seq and hash_in_file(self._path, seq) != link:
                raise self._another_log(seq)
            for suffix in ("-wal", "-shm"):
                with suppress(FileNotFoundError):
                    os.rename(f"{self._path}{suffix}", f"{self._path}{suffix}.of-{opened.database[1]}")

    def _renew_index(self) -> None:
        """Begin a new index of the write-ahead log once nobody works with the one that was deleted.

        All locks are in that index. Programs with one each would not see each other, and ruin the database.
        """
        if self._database.without_index is None or self._path is None:
            return
        with self._database.renewing:
            if self._database.without_index == files_at(self._path)[0].database is not None:
                try:
                    with closing(sqlite3.connect(sqlite_uri(self._path, "rw"), uri=True, timeout=0.2)) as alone:
                        alone.execute("PRAGMA locking_mode = EXCLUSIVE")
                        alone.execute("BEGIN IMMEDIATE")
                        alone.commit()
                except sqlite3.OperationalError:
                    raise DecisionLogError(
                        f"the decision log at {self.place} lost its file -shm while several programs had it open. Stop "
                        "the others; then it goes on by itself."
                    ) from None
            self._database.without_index = None


def _usable_url(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The URL is not shown, and not chained: it may hold a password.
        raise DecisionLogError(
            "the decision log's URL cannot be read. Write it like sqlite:////folder/decisions.db or "
            "postgresql://user:password@host/database."
        ) from None
    if url.get_backend_name() not in _LOCK:
        raise DecisionLogError(
            f"the decision log cannot be kept in '{url.get_backend_name()}'; it needs sqlite:// or postgresql://."
        )
    if "@" in (url.host or ""):
        raise DecisionLogError("the decision log's URL has an @ in its user or password. Write it there as %40.")
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.database in (None, "", ":memory:"):
        raise DecisionLogError("the decision log needs a file to be durable: write sqlite:////folder/decisions.db.")
    return url


def _engine(url: URL, path: Path | None) -> Engine:
    dialect = url.get_backend_name()
    arguments = {name: value for name, value in _CONNECT_ARGS[dialect].items() if name not in url.query}
    if path is not None:
        # Opens a log that is there; making one is left to the first use.
        url = url.set(database=f"file:{quote(str(path))}", query={**url.query, "mode": "rw", "uri": "true"})
    engine = create_engine(url, connect_args=arguments, pool_pre_ping=True, pool_timeout=1, hide_parameters=True)

    @event.listens_for(engine, "do_connect")
    def _look(_dialect: Any, record: Any, _arguments: Any, _options: Any) -> None:
        if path is not None:
            record.info["files"] = files_at(path)[0]

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        for statement in _ON_CONNECT[dialect]:
            cursor.execute(statement)
        cursor.close()
        connection.commit()
        if path is not None:
            before, (now, _) = record.info["files"], files_at(path)
            # A file that came while this one was opened is not the one that was opened.
            record.info["files"] = now if now.database == before.database else before

    return engine
