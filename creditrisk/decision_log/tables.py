"""The tables of the log in either database, and the triggers that refuse to change a row."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    event,
    text,
)

from creditrisk.decision_log.chain import GENESIS, Head

_BIG = BigInteger().with_variant(Integer, "sqlite")
METADATA = MetaData()

# What a payload of a version's decisions means: its fields in order, and the reasons that numbers stand for.
VERSIONS = Table(
    "versions",
    METADATA,
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    *(Column(name, Text, nullable=False) for name in ("model", "model_version", "scorer_sha256", "fields", "reasons")),
)
EVENTS = Table(
    "events",
    METADATA,
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    # Microseconds since 1970, UTC.
    Column("at", _BIG, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("kind", "actor", "role")),
    Column("is_automatic", Boolean, nullable=False),
    Column("version", _BIG),
    Column("policy_version", Text, nullable=False),
    Column("prob_default", Double),
    Column("verdict", Text),
    Column("refers_to", _BIG),
    *(Column(name, LargeBinary, nullable=False) for name in ("commitment", "prev_hash", "hash")),
)
CONTENTS = Table(
    "contents",
    METADATA,
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    # NULL where nobody's application is concerned; such contents are never erased.
    Column("application_id", Text, index=True),
    Column("salt", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)
# True of the few entries that are no decisions: beside a question in these very words, it lets their index be used.
IS_OTHER = text("events.kind <> 'decision'")
_OTHERS = text("kind <> 'decision'")
Index("events_others", EVENTS.c.kind, sqlite_where=_OTHERS, postgresql_where=_OTHERS)
# A table of the first form of the log, which is not read any more.
FIRST_FORM = "decisions"
REFUSAL = "rows are never changed or removed here"
_RAISE = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
# INSERT OR REPLACE removes the old row without asking the DELETE trigger.
_IS_THERE = "EXISTS (SELECT 1 FROM %(table)s WHERE seq = NEW.seq)"
_NO_REPLACE = f"CREATE TRIGGER %(table)s_no_replace BEFORE INSERT ON %(table)s WHEN {_IS_THERE} {_RAISE}"
_NO_UPDATE = f"CREATE TRIGGER %(table)s_no_update BEFORE UPDATE ON %(table)s {_RAISE}"
_FUNCTION = (
    "CREATE OR REPLACE FUNCTION creditrisk_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
)
APPEND_ONLY = {
    "sqlite": (
        _NO_UPDATE,
        f"CREATE TRIGGER %(table)s_no_delete BEFORE DELETE ON %(table)s {_RAISE}",
        _NO_REPLACE,
    ),
    "postgresql": (
        _FUNCTION,
        "CREATE TRIGGER %(table)s_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %(table)s "
        "FOR EACH STATEMENT EXECUTE FUNCTION creditrisk_append_only()",
    ),
}
# Contents about an application may be erased, and nothing else may become of them.
ERASABLE_ONLY = {
    "sqlite": (
        _NO_UPDATE,
        f"CREATE TRIGGER %(table)s_no_delete BEFORE DELETE ON %(table)s WHEN OLD.application_id IS NULL {_RAISE}",
        _NO_REPLACE,
    ),
    "postgresql": (
        _FUNCTION,
        "CREATE TRIGGER %(table)s_append_only BEFORE UPDATE OR TRUNCATE ON %(table)s "
        "FOR EACH STATEMENT EXECUTE FUNCTION creditrisk_append_only()",
        "CREATE TRIGGER %(table)s_no_delete BEFORE DELETE ON %(table)s FOR EACH ROW "
        "WHEN (OLD.application_id IS NULL) EXECUTE FUNCTION creditrisk_append_only()",
    ),
}


for _table, _triggers in ((VERSIONS, APPEND_ONLY), (EVENTS, APPEND_ONLY), (CONTENTS, ERASABLE_ONLY)):
    for _dialect, _statements in _triggers.items():
        for _statement in _statements:
            # DDL has no types of its own.
            _trigger = DDL(_statement)  # type: ignore[no-untyped-call]
            event.listen(_table, "after_create", _trigger.execute_if(dialect=_dialect))


# Every append asks for one or both while others wait for the log, so the driver is asked directly.
_LAST = f"SELECT seq, hash FROM {EVENTS.name} ORDER BY seq DESC LIMIT 1"  # noqa: S608  # our own name
_AT = f"SELECT hash FROM {EVENTS.name} WHERE seq = {{seq}}"  # noqa: S608  # our own name and a number


def head_of(connection: Connection) -> Head:
    """Number and hash of the last entry; `(0, GENESIS)` if there is none."""
    driver: Any = connection.connection.driver_connection
    row = driver.execute(_LAST).fetchone()
    return (0, GENESIS) if row is None else (row[0], row[1].hex())


def hash_at(connection: Connection, seq: int) -> str | None:
    """The hash of the entry with a number; None if there is none."""
    driver: Any = connection.connection.driver_connection
    row = driver.execute(_AT.format(seq=int(seq))).fetchone()
    return None if row is None else row[0].hex()
