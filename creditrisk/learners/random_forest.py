"""A random forest: many trees, each of its own sample of rows and fields, averaged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.learners._monotone import held_to_signs
from creditrisk.learners._protocol import Parameters
from creditrisk.learners._trees import MeanOfTrees, from_sklearn, to_text

if TYPE_CHECKING:
    import optuna

COMPLEXITY = 3
# From here on a leaf can afford more rows.
LARGE_TABLE_ROWS = 5_000


def defaults(n_rows: int) -> Parameters:
    """A hundred shallow trees: more or deeper ones rank no better, and their reasons take many times as long."""
    is_large = n_rows >= LARGE_TABLE_ROWS
    return {
        "n_estimators": 100,
        "max_depth": 8 if is_large else 7,
        "min_samples_leaf": 20 if is_large else 3,
        "max_features": 0.25,
    }


def suggest(trial: optuna.Trial, n_rows: int) -> Parameters:
    """Larger or smaller trees of more or fewer fields."""
    return {
        "n_estimators": 100,
        "max_depth": trial.suggest_int("max_depth", 4, 10),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 2, 50, log=True),
        "max_features": trial.suggest_float("max_features", 0.1, 0.5),
    }


def steps_per_client(parameters: Parameters) -> float:
    """See `Family.steps_per_client`: every tree to its depth, and a leaf.

    Examples
    --------
    >>> steps_per_client({"n_estimators": 100, "max_depth": 7})
    800.0
    """
    return float(parameters["n_estimators"]) * (1.0 + float(parameters["max_depth"]))


def fit(matrix: FloatArray, target: IntArray, encoder: Encoder, parameters: Parameters, *, seed: int) -> MeanOfTrees:
    """Grow every tree, then hold each to the signs of its fields."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(random_state=seed, **parameters).fit(matrix, target)
    grown = [member.tree_ for member in forest.estimators_]
    trees = [from_sklearn(tree, tree.value[:, 0, 1] / len(grown)) for tree in grown]
    if encoder.signs.any():
        trees = [held_to_signs(tree, encoder.signs) for tree in trees]
    return MeanOfTrees.parsed("random_forest", to_text(trees, encoder), encoder, {})


def load(folder: Path, encoder: Encoder) -> MeanOfTrees:
    """Read `model.random_forest.txt`."""
    return MeanOfTrees.load("random_forest", folder, encoder)
