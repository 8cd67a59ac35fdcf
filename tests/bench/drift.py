"""Drift of a window against a reference profile, beside Evidently's preset on the same two tables in the same run.

Twenty columns, fifteen of them numbers. Processor time of all threads. Ours is counting the window in the bins of the
reference, and judging it; the reference was counted when the model was trained, and that is not taken into account.
Evidently's is making its data sets of pandas frames and running the report; writing its page is not.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from creditrisk.metrics import build_profile, count_profile
from creditrisk.schema import Category, Field, Schema, Target
from monitoring import drift
from tests.bench.decision_log import spent
from tests.bench.figure import Figure

N_ROWS = 1_000_000
WORDS = ("own", "rent", "with parents", "free")
NUMBERS = tuple(f"number_{index}" for index in range(15))
CATEGORIES = tuple(f"category_{index}" for index in range(5))
VALUES = tuple(Category(word, word) for word in WORDS)
SCHEMA = Schema(
    name="bench",
    title="A bench",
    fields=(
        *(Field(name, "number", name) for name in NUMBERS),
        *(Field(name, "category", name, categories=VALUES) for name in CATEGORIES),
    ),
    target=Target("default", "Default", bad=("1",), good=("0",)),
)


def table(rows: int, seed: int) -> pl.DataFrame:
    """Twenty columns of which none drifts."""
    rng = np.random.default_rng(seed)
    numbers = {name: rng.lognormal(8, 0.5, rows) for name in NUMBERS}
    return pl.DataFrame(numbers | {name: rng.choice(WORDS, rows, p=[0.5, 0.3, 0.15, 0.05]) for name in CATEGORIES})


def figures(rows: int) -> list[Figure]:
    """A window of a million rows, whatever `rows` says, against a reference of as many."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    del rows
    reference, window = table(N_ROWS, seed=1), table(N_ROWS, seed=2)
    scores = pl.Series(np.random.default_rng(3).beta(2, 20, N_ROWS))
    profile = build_profile(reference, SCHEMA, scores)
    ours = min(spent(lambda: drift.compare(profile, SCHEMA, count_profile(profile, window, scores))) for _ in range(3))
    definition = DataDefinition(numerical_columns=list(NUMBERS), categorical_columns=list(CATEGORIES))
    frames = window.to_pandas(), reference.to_pandas()

    def preset() -> None:
        current, before = (Dataset.from_pandas(frame, data_definition=definition) for frame in frames)
        Report([DataDriftPreset()]).run(current, before).dict()

    theirs = spent(preset)
    return [
        Figure("drift of a million rows", ours, theirs, "s", "Evidently's preset", at_most=1 / 50),
    ]
