"""The decision log: what was decided, on which inputs, by which model version, and why; append-only and hash-chained.

Each row carries the SHA-256 over the canonical JSON of all its other columns, and one of those columns is the hash of
the row before: changing, removing or inserting a row breaks a link. Rows cut off at the end leave a chain that is
whole, so `verify` also takes the heads that were noted elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl
from sqlalchemy import Select, func, insert, select

from creditrisk.decision_log.chain import (
    GENESIS,
    Head,
    Noted,
    Row,
    Verification,
    broken_link,
    gone_after,
    hash_of,
    other_than_noted,
)
from creditrisk.decision_log.decisions import Decision, Logged, Outcome, columns_of, logged_from
from creditrisk.decision_log.store import Store, locked_head
from creditrisk.decision_log.tables import DECISIONS, NOTED_ONCE, NOTES, OUTCOMES, head_of, noted_value
from creditrisk.errors import DecisionLogError

# Rows written under one lock: a large upload lets single applications in between its chunks.
CHUNK_ROWS = 2_000


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
        self._store = Store(url)

    @property
    def address(self) -> str:
        """Where the log is, without user and password."""
        return self._store.address

    def is_begun(self) -> bool:
        """Whether there is a log, as far as can be told without making one; a server is not asked."""
        return self._store.is_begun()

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
            with self._store.transaction(is_write=True) as connection:
                decided_at = datetime.now(UTC)
                head_seq, link = locked_head(connection)
                for seq, row in enumerate(rows, head_seq + 1):
                    row |= {"seq": seq, "decided_at": decided_at.isoformat(timespec="microseconds"), "prev_hash": link}
                    link = row["hash"] = hash_of(row)
                connection.execute(insert(DECISIONS), rows)
            self._store.remember((rows[-1]["seq"], link))
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
        with self._store.transaction() as connection:
            return head_of(connection)

    def check_writable(self) -> None:
        """See whether a decision could be written now, in about a second, and write none.

        Raises
        ------
        DecisionLogError
            If the log is away, is not the one it was, is held by another program, may only be read, or has no room
            left. How full the disk of a PostgreSQL server is cannot be asked; an append on a full one says so.
        """
        self._store.check_writable()

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
        with self._store.transaction() as connection:
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
        with self._store.transaction() as connection:
            rows = connection.execute(select(DECISIONS.c.verdict, func.count()).group_by(DECISIONS.c.verdict))
            return {row[0]: row[1] for row in rows}

    def hashes(self, seqs: Sequence[int]) -> dict[int, str]:
        """The hashes of the decisions with these numbers; one that is not in the log is not in the answer."""
        wanted = [seq for seq in seqs if 0 < seq < 2**63]
        with self._store.transaction() as connection:
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
            with self._store.transaction(is_write=True) as connection:
                connection.execute(insert(OUTCOMES), rows)

    def never_scored(self, outcomes: Sequence[Outcome]) -> list[int]:
        """Which of the outcomes, counted from 1, are of applications that the log holds no decision about.

        An outcome that names a model needs a decision of that model.
        """
        scored: set[tuple[str, str]] = set()
        about, model = DECISIONS.c.application_id, DECISIONS.c.model
        with self._store.transaction() as connection:
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
        with self._store.transaction() as connection:
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
        with self._store.transaction(is_write=True) as connection:
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
        with self._store.transaction() as connection:
            return noted_value(connection, kind, key)

    def close(self) -> None:
        """Close the connections; they open again when the log is next used."""
        self._store.close()

    def _stream(self, wanted: Select[Any]) -> Iterator[Row]:
        wanted = wanted.execution_options(yield_per=CHUNK_ROWS)
        with self._store.transaction() as connection, connection.execute(wanted) as result:
            for row in result:
                yield row._asdict()
