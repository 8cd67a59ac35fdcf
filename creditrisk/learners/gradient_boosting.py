"""Gradient boosting as scikit-learn does it: small trees, each fitted to what the ones before it left unexplained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import logit

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.learners._boosting import LARGE_TABLE_ROWS
from creditrisk.learners._protocol import Parameters
from creditrisk.learners._trees import SumOfTrees, from_sklearn, to_text

if TYPE_CHECKING:
    import optuna

COMPLEXITY = 4


def defaults(n_rows: int) -> Parameters:
    """A slow rate, few fields a split, half of the rows a tree."""
    is_large = n_rows >= LARGE_TABLE_ROWS
    return {
        "n_estimators": 300,
        "learning_rate": 0.05 if is_large else 0.03,
        "max_depth": 4 if is_large else 3,
        "min_samples_leaf": 50 if is_large else 10,
        "max_features": 0.25,
        "subsample": 0.6,
    }


def suggest(trial: optuna.Trial, n_rows: int) -> Parameters:
    """Around the defaults."""
    is_large = n_rows >= LARGE_TABLE_ROWS
    return {
        "n_estimators": trial.suggest_int("n_estimators", 150, 450, step=50),
        "learning_rate": trial.suggest_float("learning_rate", 0.015, 0.08, log=True),
        "max_depth": trial.suggest_int("max_depth", 2, 5 if is_large else 4),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 5, 100, log=True),
        "max_features": trial.suggest_float("max_features", 0.1, 0.5),
        "subsample": trial.suggest_float("subsample", 0.4, 0.9),
    }


def steps_per_client(parameters: Parameters) -> float:
    """See `Family.steps_per_client`: every tree to its depth, and a leaf."""
    return float(parameters["n_estimators"]) * (1.0 + float(parameters["max_depth"]))


def fit(matrix: FloatArray, target: IntArray, encoder: Encoder, parameters: Parameters, *, seed: int) -> SumOfTrees:
    """Boost one tree after the other, on one thread.

    It knows no missing values: they enter below the smallest value of their field, so every node sends them left.
    """
    from sklearn.ensemble import GradientBoostingClassifier

    missing = np.isnan(matrix)
    below = np.where(missing, np.inf, matrix).min(axis=0, initial=0.0) - 1.0
    boosted: Any = GradientBoostingClassifier(random_state=seed, **parameters)
    boosted.fit(np.where(missing, below, matrix), target)
    rate, start = float(parameters["learning_rate"]), float(logit(target.mean()))
    trees = []
    for number, grown in enumerate(boosted.estimators_[:, 0]):
        value = grown.tree_.value[:, 0, 0] * rate + (start if number == 0 else 0.0)
        trees.append(from_sklearn(grown.tree_, value, missing_left=np.ones(len(value), dtype=np.int64)))
    losses = boosted.train_score_.tolist()
    return SumOfTrees.parsed("gradient_boosting", to_text(trees, encoder), encoder, {"sampled rows": losses})


def load(folder: Path, encoder: Encoder) -> SumOfTrees:
    """Read `model.gradient_boosting.txt`."""
    return SumOfTrees.load("gradient_boosting", folder, encoder)
