"""The database behind a log: its URL, its connections, and what all logs of one process share of one SQLite file."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote
from weakref import WeakValueDictionary

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from creditrisk.decision_log.chain import GENESIS, Head
from creditrisk.decision_log.files import Identity, files_at
from creditrisk.errors import DecisionLogError

# How long the question whether a write would succeed may wait: a supervisor asks it again and again.
PROBE_SECONDS = 1.0

_ON_CONNECT = {
    # FULL: the write-ahead log is on the disk, not only in the system's cache, when a commit returns.
    # What is deleted is overwritten: erased contents are not to be found in the file.
    "sqlite": ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA secure_delete = ON"),
    "postgresql": ("SET synchronous_commit = on",),
}
_CONNECT_ARGS: dict[str, dict[str, Any]] = {
    # No isolation level: Python's driver begins no transaction of its own, the store does.
    "sqlite": {"timeout": PROBE_SECONDS, "isolation_level": None},
    # Two seconds are the least that libpq takes; a server that dies later is given up after five.
    "postgresql": {"connect_timeout": 2, "tcp_user_timeout": 5_000},
}


class Database:
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
_DATABASES: WeakValueDictionary[tuple[Path, str], Database] = WeakValueDictionary()
_FINDING = Lock()


def database_at(url: URL, path: Path | None) -> Database:
    """The database of a URL; `path` is the file of a SQLite database, of which a process has only one of these."""
    if path is None:
        return Database(url, path)
    key = path.resolve(), str(sorted(url.query.items()))
    with _FINDING:
        database = _DATABASES.get(key)
        if database is None:
            database = _DATABASES[key] = Database(url, path)
        return database


def usable_url(text: str) -> URL:
    """The URL of a database that can hold a log; DecisionLogError, which does not show it, for any other."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The URL is not shown, and not chained: it may hold a password.
        raise DecisionLogError(
            "the decision log's URL cannot be read. Write it like sqlite:////folder/decisions.db or "
            "postgresql://user:password@host/database."
        ) from None
    if url.get_backend_name() not in _ON_CONNECT:
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
    # A server may have closed a connection meanwhile; what became of a file is looked at each time (store.py).
    is_server = path is None
    engine = create_engine(url, connect_args=arguments, pool_pre_ping=is_server, pool_timeout=1, hide_parameters=True)

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
