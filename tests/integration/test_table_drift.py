"""Drift of a table by the command, on the workers of a Dask cluster: the same figures as in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from distributed import LocalCluster

from creditrisk.registry import Registry
from creditrisk.scoring import Scorer
from creditrisk.settings import Settings
from creditrisk.sources import parts_of
from monitoring import partitions
from monitoring.windows import Reference

N_ROWS = 1_500


@pytest.fixture
def home(
    tmp_path: Path,
    lay_prefect: Callable[[Path], None],
    lay_registry: Callable[[Path], None],
    prove_corner: Callable[[Path], None],
    corner_scorer: Scorer,
    corner_reference: pl.DataFrame,
) -> Path:
    """A home with the corner lender's champion."""
    home = tmp_path / "home"
    lay_prefect(home)
    lay_registry(home)
    prove_corner(home)
    registry = Registry(Settings(home=home).stores)
    version = registry.register(corner_scorer, corner_reference, params={}, metrics={})
    registry.promote(version, by="test", why="there was no champion yet", evidence="none")
    return home


def drift(home: Path, *arguments: str, dask_address: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "CREDITRISK_HOME": str(home),
        "CREDITRISK_DASK_ADDRESS": dask_address,
        "CREDITRISK_DATASET": "corner_lender",
    }
    command = [sys.executable, "-m", "riskometer", "drift", *arguments]
    return subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)


@pytest.mark.timeout(600)
def test_a_cluster_of_two_processes_finds_what_one_process_finds(home, corner_scorer, tmp_path):
    rng = np.random.default_rng(4)
    table = pl.DataFrame(
        {
            "age_years": rng.integers(18, 80, N_ROWS),
            "amount_eur": rng.integers(10, 30, N_ROWS) * 1000,
            "income_eur": rng.normal(30_000, 9_000, N_ROWS),
            "housing": rng.choice(["own", "rent", "boat"], N_ROWS),
        }
    )
    folder = tmp_path / "applications"
    folder.mkdir()
    for number, cut in enumerate((0, 100, 900)):
        table[cut : (100, 900, N_ROWS)[number]].write_parquet(folder / f"part-{number}.parquet")

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        done = drift(home, str(folder), "--json", str(tmp_path / "found.json"), dask_address=cluster.scheduler_address)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1,500 rows in 3 parts against the reference of corner_lender version 1" in done.stdout
    assert "a value that the model has never seen" in done.stdout
    assert "Loan amount" in done.stdout.split("Field", maxsplit=1)[1]

    found = json.loads((tmp_path / "found.json").read_text())
    reference, schema = Reference("corner_lender", "1", corner_scorer.profile, has_ids=True), corner_scorer.schema
    parts = parts_of(str(folder))
    here = partitions.merge([partitions.count_part(part, reference, schema) for part in parts], reference)
    assert found == partitions.compare(here, reference, schema, table=str(folder), n_parts=3)
    assert found["fields"]["housing"]["n_unseen"] > 300
