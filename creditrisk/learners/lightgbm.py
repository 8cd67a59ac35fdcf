"""LightGBM, shrunk for the few thousand rows a lender usually has.

The library's defaults are over-confident on small tables and rank worse than a ridge logistic regression; small trees,
few columns a tree and a slow rate mend that. Categories enter as ordinals, which did better than native handling.
"""

from __future__ import annotations

import re
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.learners._boosting import LARGE_TABLE_ROWS, SHRINKAGE, pace, suggest_pace, suggest_shrinkage
from creditrisk.learners._protocol import Parameters
from creditrisk.learners._structure import END
from creditrisk.learners._trees import SumOfTrees

if TYPE_CHECKING:
    import optuna

COMPLEXITY = 5

FIXED: dict[str, Any] = {
    "objective": "binary",
    "subsample_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


def defaults(n_rows: int) -> Parameters:
    """Small trees, few columns a tree, a slow rate; larger trees on a large table."""
    is_large = n_rows >= LARGE_TABLE_ROWS
    return {
        **pace("num_iterations", "learning_rate"),
        "num_leaves": 15 if is_large else 5,
        "min_child_samples": 50 if is_large else 20,
        **SHRINKAGE,
    }


def suggest(trial: optuna.Trial, n_rows: int) -> Parameters:
    """Around the defaults, in every direction."""
    is_large = n_rows >= LARGE_TABLE_ROWS
    return {
        **suggest_pace(trial, "num_iterations", "learning_rate"),
        "num_leaves": trial.suggest_int("num_leaves", 3, 31 if is_large else 10),
        "min_child_samples": trial.suggest_int("min_child_samples", 10, 100, log=True),
        **suggest_shrinkage(trial),
    }


def steps_per_client(parameters: Parameters) -> float:
    """See `Family.steps_per_client`: of every tree the nodes on the way to a leaf, and the leaf.

    Examples
    --------
    >>> steps_per_client({"num_iterations": 800, "num_leaves": 16})
    4000.0
    """
    return float(parameters["num_iterations"]) * (1.0 + log2(float(parameters["num_leaves"])))


def fit(matrix: FloatArray, target: IntArray, encoder: Encoder, parameters: Parameters, *, seed: int) -> SumOfTrees:
    """Fit a fixed number of trees, without early stopping: a held-out part would cost rows the model needs."""
    import lightgbm

    data = lightgbm.Dataset(matrix, label=target, feature_name=[item.name for item in encoder.fields])
    history: dict[str, dict[str, list[float]]] = {}
    booster = lightgbm.train(
        {**FIXED, **parameters, **_held(encoder), "seed": seed, "num_threads": 1},
        data,
        valid_sets=[data],
        valid_names=["fitted rows"],
        callbacks=[lightgbm.record_evaluation(history)],
    )
    # What follows the last tree is for training on.
    trees, end, _ = booster.model_to_string().rpartition(END)
    losses = {rows: values["binary_logloss"] for rows, values in history.items()}
    # The trees hold to the signs; the text need not repeat them.
    return SumOfTrees.parsed("lightgbm", re.sub(r"\nmonotone_constraints=[^\n]*", "", trees + end), encoder, losses)


def _held(encoder: Encoder) -> dict[str, list[int]]:
    return {"monotone_constraints": encoder.signs.tolist()} if encoder.signs.any() else {}


def load(folder: Path, encoder: Encoder) -> SumOfTrees:
    """Read `model.lightgbm.txt`."""
    return SumOfTrees.load("lightgbm", folder, encoder)
