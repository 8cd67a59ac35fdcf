"""Drift of a table in Parquet partitions on one and on two workers of a Dask cluster, by the tasks of the flow.

`python -m tests.bench table_drift --rows 50000000` writes 1.4 GB of temporary files, and removes them. Each
worker is a process with one thread. Beside the time of a clock, which a busy machine makes useless, stands the
processor time of the worker that had most to do: what the clock would say if each worker had a core of its own.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from creditrisk.metrics import build_profile
from creditrisk.schema import Category, Field, Schema, Target
from creditrisk.settings import read_settings
from monitoring import partitions
from monitoring.windows import Reference
from riskometer.cli import ENVIRONMENT
from tests.bench.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

PART_ROWS = 1_000_000
AT_MOST = 1 / 1.7
WORDS = ("own", "rent", "with parents", "free")
SCHEMA = Schema(
    name="bench",
    title="A bench",
    fields=(
        Field("age_years", "integer", "Age"),
        Field("income_eur", "number", "Income"),
        Field("amount_eur", "number", "Loan amount"),
        Field("housing", "category", "Housing", categories=tuple(Category(word, word) for word in WORDS)),
    ),
    target=Target("default", "Default", bad=("1",), good=("0",)),
)
# A worker has one thread, whatever the libraries would take.
ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Counting:
    """Seconds of a clock, processor seconds of the busiest worker, its memory in MB, and what was found."""

    seconds: float
    busiest: float
    megabytes: float
    found: partitions.CountedPart


def figures(rows: int) -> list[Figure]:
    """Two workers beside one."""
    os.environ.update(ENVIRONMENT)
    reference_rows = table(20_000, seed=0)
    profile = build_profile(reference_rows, SCHEMA, reference_rows["prob_default"])
    reference = Reference("bench", "1", profile, has_ids=False)
    with tempfile.TemporaryDirectory() as name:
        os.environ["PREFECT_HOME"] = f"{name}/prefect"
        folder = Path(name) / "table"
        folder.mkdir()
        parts = [str(folder / f"part-{number:03d}.parquet") for number in range(-(-rows // PART_ROWS))]
        for number, part in enumerate(parts):
            table(min(PART_ROWS, rows - number * PART_ROWS), seed=number + 1).write_parquet(part)
        from flows.local_run import asking, start_server, wait_until_it_answers

        with asking(server := start_server()):
            wait_until_it_answers(server, read_settings())
            two, one = (counting(parts, reference, n_workers) for n_workers in (2, 1))
    if one.found != two.found:
        raise AssertionError("one worker and two do not find the same")
    return [
        Figure("two workers, by the clock", two.seconds, one.seconds, "s", "one worker", at_most=AT_MOST),
        Figure("two workers, the busier one", two.busiest, one.busiest, "CPU s", "one worker", at_most=AT_MOST),
        Figure("memory of one of two workers", two.megabytes, one.megabytes, "MB", "the only one's"),
    ]


def table(rows: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "age_years": rng.integers(18, 80, rows, dtype=np.int8),
            "income_eur": rng.lognormal(8, 0.5, rows),
            "amount_eur": rng.integers(5, 500, rows, dtype=np.int32) * 100,
            "housing": pl.Series(WORDS)[rng.integers(0, 4, rows)],
            "prob_default": rng.beta(2, 20, rows),
        }
    )


def counting(parts: list[str], reference: Reference, n_workers: int) -> Counting:
    """Count all parts by the flow's own tasks, on so many workers that have done so before."""
    from distributed import Client, LocalCluster
    from prefect import flow

    from flows.table_drift import count_parts

    @flow
    def count_all(some: list[str], dask_address: str) -> list[partitions.CountedPart]:
        return count_parts(some, reference, SCHEMA, dask_address)

    with (
        worker_environment(),
        LocalCluster(n_workers=n_workers, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        count_all(parts[:1] * 2 * n_workers, cluster.scheduler_address)
        before, began = on_each(client, time.process_time), time.monotonic()
        counted = count_all(parts, cluster.scheduler_address)
        seconds, after = time.monotonic() - began, on_each(client, time.process_time)
        busiest = max(after[worker] - before[worker] for worker in after)
        megabytes = max(on_each(client, most_megabytes).values())
    return Counting(seconds, busiest, megabytes, partitions.merge(counted, reference))


def on_each(client: Client, ask: Callable[[], float]) -> dict[str, float]:
    """What a call gives on each worker."""
    answers: dict[str, float] = client.run(ask)
    return answers


def most_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


@contextmanager
def worker_environment() -> Iterator[None]:
    """Within, processes that are started have one thread."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
