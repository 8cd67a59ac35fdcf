"""LightGBM, shrunk for the few thousand rows a lender usually has.

The library's defaults are over-confident on small tables and rank worse than a ridge logistic regression; small trees,
few columns a tree and a slow rate mend that. Categories enter as ordinals, which did better than native handling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.learners._boosting import LARGE_TABLE_ROWS, SHRINKAGE, suggest_shrinkage
from creditrisk.learners._protocol import Parameters
from creditrisk.learners._structure import END, read_trees
from creditrisk.learners._trees import leaf_sums, shap_values

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


@dataclass(frozen=True)
class LightGBMModel:
    """A booster."""

    booster: Any
    family: str = "lightgbm"
    history: Mapping[str, Sequence[float]] = field(default_factory=dict, compare=False)

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """See `Model.log_odds`."""
        return leaf_sums(self.booster, matrix)

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """See `Model.contributions`: exact TreeSHAP, as LightGBM computes it."""
        return shap_values(self.booster, matrix)

    def save(self, folder: Path) -> None:
        """Write `model.lightgbm.txt`, LightGBM's own text up to its last tree: what follows is for training on."""
        trees, end, _ = self.booster.model_to_string().rpartition(END)
        (folder / "model.lightgbm.txt").write_text(trees + end, encoding="utf-8")


def defaults(n_rows: int) -> Parameters:
    """Small trees, few columns a tree, a slow rate; larger trees on a large table."""
    is_large = n_rows >= LARGE_TABLE_ROWS
    return {
        "num_iterations": 400,
        "learning_rate": 0.03,
        "num_leaves": 15 if is_large else 5,
        "min_child_samples": 50 if is_large else 20,
        **SHRINKAGE,
    }


def suggest(trial: optuna.Trial, n_rows: int) -> Parameters:
    """Around the defaults, in every direction."""
    is_large = n_rows >= LARGE_TABLE_ROWS
    return {
        "num_iterations": trial.suggest_int("num_iterations", 200, 800, step=100),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.06, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 3, 31 if is_large else 10),
        "min_child_samples": trial.suggest_int("min_child_samples", 10, 100, log=True),
        **suggest_shrinkage(trial),
    }


def fit(matrix: FloatArray, target: IntArray, encoder: Encoder, parameters: Parameters, *, seed: int) -> LightGBMModel:
    """Fit a fixed number of trees, without early stopping: a held-out part would cost rows the model needs."""
    import lightgbm

    data = lightgbm.Dataset(matrix, label=target, feature_name=[item.name for item in encoder.fields])
    history: dict[str, dict[str, list[float]]] = {}
    booster = lightgbm.train(
        {**FIXED, **parameters, "seed": seed, "num_threads": 1},
        data,
        valid_sets=[data],
        valid_names=["fitted rows"],
        callbacks=[lightgbm.record_evaluation(history)],
    )
    return LightGBMModel(booster, history={rows: losses["binary_logloss"] for rows, losses in history.items()})


def load(folder: Path, encoder: Encoder) -> LightGBMModel:
    """Read `model.lightgbm.txt`."""
    import lightgbm

    return LightGBMModel(lightgbm.Booster(model_str=read_trees(folder / "model.lightgbm.txt", encoder)))
