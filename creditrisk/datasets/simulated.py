"""The simulated lender as a dataset: its default table, and the truth that only a simulation has.

It costs nothing to fetch, has no person in it, and is what `DATASET=simulated` (the default) trains on.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from creditrisk import simulator
from creditrisk.sources import RawTable

N_APPLICANTS = 30_000
SEED = 7


def fetch(_cache: Path | None) -> RawTable:
    """30,000 applicants of seed 7 with their outcomes, made anew each time, every cell as text."""
    frame = simulator.simulate(N_APPLICANTS, seed=SEED).drop("true_prob_default").cast(pl.String)
    # Lines as they would be in a CSV of this table: the header is line 1.
    return RawTable(frame=frame, lines=list(range(2, frame.height + 2)))


def truth() -> pl.DataFrame:
    """`application_id` and `true_prob_default` of the table that `fetch` gives; of no other table."""
    return simulator.simulate(N_APPLICANTS, seed=SEED).select("application_id", "true_prob_default")


def best_auc(rows: pl.DataFrame) -> float:
    """The AUC of the true PDs on some rows of the table that `fetch` gives: no model can do better on average."""
    known = rows.select("application_id", "default").join(truth(), on="application_id", maintain_order="left")
    return simulator.best_auc(known)
