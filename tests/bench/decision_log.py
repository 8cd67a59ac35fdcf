"""What the decision log costs, on SQLite, beside a bare insert of the same bytes.

Processor time, as a machine that does other things gives it; of what is done in bulk the least of several runs that
take turns with the bare inserts, as a processor that was idle is slower at first. Bytes with all indexes, once the -wal
is emptied.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from creditrisk import datasets
from creditrisk.decision_log import Decision, DecisionLog, decisions_from, erase
from creditrisk.schema import Schema
from creditrisk.scoring import NO_POLICY, Policy
from creditrisk.simulator import simulate
from tests.bench.figure import Figure

N_SINGLE = 500
N_ERASED = 20
REPEATS = 3


@dataclass(frozen=True)
class Scorer:
    """As much of a scorer as the log looks at."""

    schema: Schema
    name: str = "simulated"
    version: str = "1"
    sha256: str = "5c" * 32
    policy: Policy = NO_POLICY


def answers(rows: int, schema: Schema) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A table as it is accepted, and something like a scorer's answer to it, with four reasons for every other row."""
    drawn = simulate(rows, seed=1, start=date(2025, 1, 1), end=date(2025, 6, 30))
    names = [field.name for field in schema.fields if field.name in drawn.columns and field.name != "outcome_date"]
    accepted = drawn.select(pl.int_range(1, rows + 1).alias("row_number"), *names)
    reasons = [{"code": f"{field.name}:high", "text": f"{field.label}: high"} for field in schema.features[:4]]
    index = pl.int_range(rows)
    scored = accepted.select(
        "row_number",
        "application_id",
        (drawn["true_prob_default"] * 0.999).alias("prob_default"),
        (600 + index / 7919).alias("score_points"),
        pl.when(index % 3 == 0).then(pl.lit("refer")).otherwise(pl.lit("approve")).alias("verdict"),
        pl.when(index % 3 == 0).then(pl.lit("amber")).otherwise(pl.lit("green")).alias("band"),
        (0.8 + (index % 1000) / 7919).alias("confidence"),
        pl.Series("reasons", [reasons if row % 2 else reasons[:2] for row in range(rows)]),
        pl.lit("simulated").alias("model"),
        pl.lit("1").alias("model_version"),
        pl.Series("problems", [[]] * rows, dtype=pl.List(pl.String)),
    )
    return scored, accepted


def spent(act: Callable[[], object]) -> float:
    """Seconds of processor time, of all threads."""
    began = time.process_time()
    act()
    return time.process_time() - began


def floor(path: Path, bare: Path) -> float:
    """What it costs to insert the same rows into tables with the same indexes, in the same chunks, durably."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(bare, isolation_level=None)) as target:
        tables = {name: source.execute(f"SELECT * FROM {name}").fetchall() for name in ("events", "contents")}
        target.execute("PRAGMA journal_mode = WAL")
        target.execute("PRAGMA synchronous = FULL")
        for (sql,) in source.execute("SELECT sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql NOT NULL"):
            target.execute(sql)

        def insert() -> None:
            for start in range(0, len(tables["events"]), 2_000):
                target.execute("BEGIN IMMEDIATE")
                for name, rows in tables.items():
                    places = ", ".join("?" * len(rows[0]))
                    target.executemany(f"INSERT INTO {name} VALUES ({places})", rows[start : start + 2_000])
                target.execute("COMMIT")

        return spent(insert)


def figures(rows: int) -> list[Figure]:
    """Bulk and single appends, verifying, erasing, and bytes on the disk."""
    schema = datasets.load_schema("simulated")
    scored, accepted = answers(rows, schema)
    scorer = Scorer(schema)
    decisions: list[Decision] = decisions_from(scored[:N_SINGLE], accepted[:N_SINGLE], scorer, "api")
    in_bulk: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(REPEATS):
            path = Path(folder) / f"decisions-{number}.db"
            with closing(DecisionLog(f"sqlite:///{path}")) as log:
                log.append(decisions[:1])
                written = spent(lambda log=log: log.append_scored(scored, accepted, scorer, "batch"))
                log.close()
                in_bulk.append((written, spent(log.verify), floor(path, Path(folder) / f"bare-{number}.db")))
        bulk, proof, bare = (1e6 * min(seconds) / rows for seconds in zip(*in_bulk, strict=True))
        n_bytes = path.stat().st_size / rows
        with closing(DecisionLog(f"sqlite:///{path}")) as log:
            single = 1e6 * spent(lambda: [log.append([decision]) for decision in decisions]) / N_SINGLE
            ids = scored["application_id"].sample(N_ERASED, seed=1).to_list()
            erasing = (
                1e6 * spent(lambda: [erase(log, application_id, why="bench") for application_id in ids]) / N_ERASED
            )
    inputs = sum(len(str(value)) + 1 for value in accepted.row(0))
    return [
        Figure("logging in bulk", bulk, bare, "µs a decision", "a bare insert of the same bytes"),
        Figure("verifying the log", proof, bare, "µs an entry", "a bare insert"),
        Figure("logging one decision", single, bare, "µs", "a bare insert in bulk"),
        Figure("erasing an application", erasing, bare, "µs", "a bare insert in bulk"),
        Figure("bytes of a decision", n_bytes, inputs, "bytes", "its fields as text", at_most=600 / inputs),
    ]
