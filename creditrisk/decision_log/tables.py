"""The tables of the log in either database, and the triggers that refuse to change a row."""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Double,
    Integer,
    MetaData,
    Table,
    Text,
    event,
    select,
)

from creditrisk.decision_log.chain import GENESIS, Head

_BIG = BigInteger().with_variant(Integer, "sqlite")
METADATA = MetaData()


def _texts(*names: str) -> tuple[Column[str], ...]:
    return tuple(Column(name, Text, nullable=False) for name in names)


DECISIONS = Table(
    "decisions",
    METADATA,
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    *_texts("decided_at", "channel"),
    Column("application_id", Text, nullable=False, index=True),
    *_texts("model", "model_version", "scorer_sha256"),
    Column("prob_default", Double, nullable=False),
    Column("score_points", Double, nullable=False),
    Column("verdict", Text, nullable=False, index=True),
    *_texts("band"),
    Column("confidence", Double, nullable=False),
    *_texts("reasons", "problems", "inputs", "prev_hash", "hash"),
)
OUTCOMES = Table(
    "outcomes",
    METADATA,
    Column("seq", _BIG, primary_key=True),
    *_texts("application_id", "model"),
    Column("is_default", Boolean, nullable=False),
    Column("observed_on", Date, nullable=False),
)
# What must not stand in the registry alone, as others can write to it: fingerprints of scorers, and which model serves.
NOTES = Table(
    "notes",
    METADATA,
    Column("seq", _BIG, primary_key=True),
    *_texts("at", "kind", "key", "value", "by", "why"),
)
# Of these kinds the first note of a key counts, and another value is refused.
NOTED_ONCE = frozenset({"scorer"})
APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER %(table)s_no_update BEFORE UPDATE ON %(table)s BEGIN SELECT RAISE(ABORT, '%(refusal)s'); END",
        "CREATE TRIGGER %(table)s_no_delete BEFORE DELETE ON %(table)s BEGIN SELECT RAISE(ABORT, '%(refusal)s'); END",
        # INSERT OR REPLACE removes the old row without asking the DELETE trigger.
        "CREATE TRIGGER %(table)s_no_replace BEFORE INSERT ON %(table)s "
        "WHEN EXISTS (SELECT 1 FROM %(table)s WHERE seq = NEW.seq) BEGIN SELECT RAISE(ABORT, '%(refusal)s'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION creditrisk_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '%(refusal)s'; END $$",
        "CREATE TRIGGER %(table)s_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %(table)s "
        "FOR EACH STATEMENT EXECUTE FUNCTION creditrisk_append_only()",
    ),
}


for _table in (DECISIONS, OUTCOMES, NOTES):
    for _dialect, _statements in APPEND_ONLY.items():
        for _statement in _statements:
            # DDL has no types of its own.
            _trigger = DDL(_statement, context={"refusal": "rows are never changed or removed here"})  # type: ignore[no-untyped-call]
            event.listen(_table, "after_create", _trigger.execute_if(dialect=_dialect))


def head_of(connection: Connection) -> Head:
    """Number and hash of the last decision; `(0, GENESIS)` if there is none."""
    last = select(DECISIONS.c.seq, DECISIONS.c.hash).order_by(DECISIONS.c.seq.desc()).limit(1)
    row = connection.execute(last).one_or_none()
    return (0, GENESIS) if row is None else (row.seq, row.hash)


def noted_value(connection: Connection, kind: str, key: str) -> str | None:
    """The note that counts for a key: the first of those that are noted once, else the last."""
    order = NOTES.c.seq if kind in NOTED_ONCE else NOTES.c.seq.desc()
    wanted = select(NOTES.c.value).where(NOTES.c.kind == kind, NOTES.c.key == key).order_by(order).limit(1)
    value: str | None = connection.execute(wanted).scalar_one_or_none()
    return value
