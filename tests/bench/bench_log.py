"""What the decision log costs, beside a bare insert of the same bytes: run it, it prints a table and asserts nothing.

    PYTHONPATH=$PWD .venv/bin/python tests/bench/bench_log.py [ROWS]

Processor time, as a machine that does other things gives it; bytes with all indexes, once the -wal is emptied.
"""

from __future__ import annotations

import json
import sqlite3
import sys
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
from creditrisk.simulator import simulate

ROWS = 100_000
N_SINGLE = 500
N_ERASED = 20


@dataclass(frozen=True)
class Scorer:
    """As much of a scorer as the log looks at."""

    schema: Schema
    name: str = "simulated"
    version: str = "1"
    sha256: str = "5c" * 32


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


def main(rows: int) -> None:
    """Measure and print."""
    schema = datasets.load_schema("simulated")
    scored, accepted = answers(rows, schema)
    scorer = Scorer(schema)
    decisions: list[Decision] = decisions_from(scored[:N_SINGLE], accepted[:N_SINGLE], scorer, "api")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "decisions.db"
        with closing(DecisionLog(f"sqlite:///{path}")) as log:
            log.append(decisions[:1])
            bulk = spent(lambda: log.append_scored(scored, accepted, scorer, "batch"))
            log.close()
            n_bytes = path.stat().st_size
            proof = spent(log.verify)
            bare = floor(path, Path(folder) / "bare.db")
            single = spent(lambda: [log.append([decision]) for decision in decisions])
            began = time.perf_counter()
            for decision in decisions:
                log.append([decision])
            single_wall = time.perf_counter() - began
            ids = scored["application_id"].sample(N_ERASED, seed=1).to_list()
            erasing = spent(lambda: [erase(log, application_id, why="bench") for application_id in ids])
    figures = {
        "bulk_us": 1e6 * bulk / rows,
        "bare_insert_us": 1e6 * bare / rows,
        "bulk_to_bare": bulk / bare,
        "bytes": n_bytes / rows,
        "verify_per_s": rows / proof,
        "single_us": 1e6 * single / N_SINGLE,
        "single_wall_us": 1e6 * single_wall / N_SINGLE,
        "erase_ms": 1e3 * erasing / N_ERASED,
    }
    print(f"{rows:,} decisions of {len(accepted.columns) - 1} fields, SQLite")
    print(f"  bulk append       {figures['bulk_us']:8.1f} us a decision")
    print(f"  bare insert       {figures['bare_insert_us']:8.1f} us; ratio {figures['bulk_to_bare']:.2f}")
    print(f"  on disk           {figures['bytes']:8.0f} bytes a decision")
    print(f"  verify            {figures['verify_per_s']:8,.0f} entries a second")
    print(f"  one at a time     {figures['single_us']:8.0f} us, {figures['single_wall_us']:.0f} us until synced")
    print(f"  erase             {figures['erase_ms']:8.1f} ms an application")
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
