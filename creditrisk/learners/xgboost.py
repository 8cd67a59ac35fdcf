"""XGBoost, shrunk like LightGBM for the few thousand rows a lender usually has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.learners._boosting import LARGE_TABLE_ROWS, SHRINKAGE, pace, suggest_pace, suggest_shrinkage
from creditrisk.learners._protocol import Fitted, Parameters
from creditrisk.learners._structure import check_xgboost

if TYPE_CHECKING:
    import optuna

COMPLEXITY = 6
FIXED: dict[str, Any] = {"objective": "binary:logistic", "tree_method": "hist", "device": "cpu"}


@dataclass(frozen=True)
class XGBoostModel(Fitted):
    """A booster."""

    booster: Any
    family: str = "xgboost"

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """See `Model.log_odds`."""
        return np.asarray(self.booster.predict(_rows(matrix), output_margin=True), dtype=np.float64)

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """See `Model.contributions`: exact TreeSHAP, as XGBoost computes it.

        It does so in single precision; the last column takes up the rest, some 1e-6, so that the parts add up.
        """
        rows = _rows(matrix)
        parts = np.asarray(self.booster.predict(rows, pred_contribs=True), dtype=np.float64)
        parts[:, -1] = np.asarray(self.booster.predict(rows, output_margin=True)) - parts[:, :-1].sum(axis=1)
        return parts

    def save(self, folder: Path) -> None:
        """Write `model.xgboost.ubj`, XGBoost's own binary JSON."""
        self.booster.save_model(folder / "model.xgboost.ubj")


def defaults(n_rows: int) -> Parameters:
    """A slow rate, shallow trees, few fields a tree."""
    is_large = n_rows >= LARGE_TABLE_ROWS
    return {
        **pace("num_boost_round", "eta"),
        "max_depth": 4 if is_large else 3,
        "min_child_weight": 5.0,
        **SHRINKAGE,
    }


def suggest(trial: optuna.Trial, n_rows: int) -> Parameters:
    """Around the defaults."""
    is_large = n_rows >= LARGE_TABLE_ROWS
    return {
        **suggest_pace(trial, "num_boost_round", "eta"),
        "max_depth": trial.suggest_int("max_depth", 2, 6 if is_large else 4),
        "min_child_weight": trial.suggest_float("min_child_weight", 1.0, 30.0, log=True),
        **suggest_shrinkage(trial),
    }


def fit(matrix: FloatArray, target: IntArray, encoder: Encoder, parameters: Parameters, *, seed: int) -> XGBoostModel:
    """Boost a fixed number of rounds, without early stopping: a held-out part would cost rows the model needs."""
    import xgboost

    others: dict[str, Any] = dict(parameters)
    n_rounds = others.pop("num_boost_round")
    rows = xgboost.DMatrix(matrix, label=target, nthread=1)
    history: dict[str, dict[str, list[float]]] = {}
    booster = xgboost.train(
        {**FIXED, **others, "seed": seed, "nthread": 1},
        rows,
        n_rounds,
        evals=[(rows, "fitted")],
        evals_result=history,
        verbose_eval=False,
    )
    return XGBoostModel(booster, history={"fitted rows": history["fitted"]["logloss"]})


def load(folder: Path, encoder: Encoder) -> XGBoostModel:
    """Read `model.xgboost.ubj`.

    The file is XGBoost's own binary form, so it is the library that reads it, and what came of it is checked: a folder
    that others could write to is to be proved in a process of its own (creditrisk/scoring/proving.py) before it is
    loaded in this one.
    """
    import xgboost

    booster = xgboost.Booster(model_file=folder / "model.xgboost.ubj")
    check_xgboost(bytes(booster.save_raw("json")), encoder, "model.xgboost.ubj")
    return XGBoostModel(booster)


def _rows(matrix: FloatArray) -> Any:
    import xgboost

    # A single application is scored faster than threads are woken.
    return xgboost.DMatrix(matrix, nthread=1 if len(matrix) < 100 else None)
