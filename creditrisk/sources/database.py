"""Tables in PostgreSQL: one table or one query, read and never written, with limits on time, rows and bytes."""

from __future__ import annotations

from contextlib import closing
from typing import Any
from urllib.parse import unquote, urlsplit

from creditrisk.errors import SourceError
from creditrisk.sources.table import RawTable
from creditrisk.sources.text import parse_table
from creditrisk.text import shorten

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 600
MAX_ROWS = 10_000_000
MAX_BYTES = 4 * 2**30

USAGE = (
    "Expected postgresql://host:port/database?table=schema.table or ?query=select ..., with PGUSER and PGPASSWORD in "
    "the environment."
)
# What PostgreSQL's codes of errors mean to whoever gave the URI; its own texts may quote data.
_REASONS = {
    "42P01": "there is no such table",
    "3F000": "there is no such schema",
    "42703": "there is no such column",
    "42601": "the query is not one that can be read",
    "42501": "this user may not read it",
    "57014": f"it took longer than {STATEMENT_SECONDS // 60} minutes",
    "25006": "it would write, and sources are only read",
}


def read(uri: str) -> RawTable:
    """The table or query that a URI names; cells as PostgreSQL writes them, missing ones empty.

    Raises
    ------
    SourceError
        If the URI names neither or both, the database cannot be reached or refuses, or the answer is too large.
    """
    import psycopg
    from psycopg import sql

    parts = urlsplit(uri)
    # Taken as it stands: in a query, + & and # mean what they mean in SQL.
    kind, _, asked = unquote(uri.partition("?")[2]).partition("=")
    if kind not in ("table", "query") or not asked.strip():
        raise SourceError(f"the source names neither a table nor a query. {USAGE}")
    if kind == "table":
        wanted = sql.SQL("SELECT * FROM {}").format(sql.Identifier(*asked.split(".")))
        what = f"table '{shorten(asked)}'"
    else:
        # On lines of its own, so that a comment at its end hides nothing.
        wanted = sql.SQL("SELECT * FROM (\n{}\n) AS asked").format(sql.SQL(asked.rstrip().rstrip(";")))
        what = "the query"
    limited = sql.SQL("{} LIMIT {}").format(wanted, sql.Literal(MAX_ROWS + 1))
    where = {"host": parts.hostname, "port": parts.port, "dbname": unquote(parts.path).removeprefix("/")}
    try:
        connection = psycopg.connect(
            **{key: value for key, value in where.items() if value},  # type: ignore[arg-type]  # checked by libpq
            connect_timeout=CONNECT_SECONDS,
            application_name="risk-o-meter",
            options=f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_SECONDS * 1000}",
        )
    except (psycopg.Error, UnicodeError) as exc:
        raise SourceError(
            f"the database at '{parts.hostname or 'this machine'}' cannot be reached, or does not know the user. Check "
            "host, port and database, and PGUSER and PGPASSWORD in the environment."
        ) from exc
    with closing(connection):
        try:
            # Prepared first: that refuses anything but a single statement.
            connection.execute(sql.SQL("SELECT * FROM ({}) AS asked LIMIT 0").format(wanted), prepare=True)
            content = _copied(connection, sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(limited), what)
        except psycopg.Error as exc:
            reason = _REASONS.get(exc.sqlstate or "", "the database refused it or went away")
            raise SourceError(f"{what} cannot be read: {reason}. Check it, and what this user may read.") from exc
    if content.count(b"\n") <= 1:
        raise SourceError(f"{what} has no rows. Pass one with an application in each.")
    table = parse_table(content, filename=what)
    if table.frame.height > MAX_ROWS:
        raise SourceError(f"{what} has more than {MAX_ROWS:,} rows. Ask for fewer with a query.")
    return table


def _copied(connection: Any, statement: Any, what: str) -> bytes:
    out = bytearray()
    with connection.cursor().copy(statement) as copy:
        for chunk in copy:
            out += chunk
            if len(out) > MAX_BYTES:
                raise SourceError(f"{what} holds more than can be read at once. Ask for fewer rows or columns.")
    return bytes(out)
