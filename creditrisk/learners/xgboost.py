"""XGBoost, shrunk like LightGBM for the few thousand rows a lender usually has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scipy.special import logit

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.learners._boosting import LARGE_TABLE_ROWS, SHRINKAGE, pace, suggest_pace, suggest_shrinkage
from creditrisk.learners._protocol import Fitted, Parameters
from creditrisk.learners._structure import read_text, read_xgboost
from creditrisk.learners._trees import Ensemble

if TYPE_CHECKING:
    import optuna

COMPLEXITY = 6
FILE = "model.xgboost.json"
FIXED: dict[str, Any] = {"objective": "binary:logistic", "tree_method": "hist", "device": "cpu"}


@dataclass(frozen=True)
class XGBoostModel(Fitted):
    """XGBoost's JSON, and its trees as they are added up: in double precision, where XGBoost adds in single."""

    text: str
    ensemble: Ensemble = field(compare=False)
    start: float
    family: str = "xgboost"

    @classmethod
    def parsed(cls, text: str, encoder: Encoder, history: Mapping[str, Sequence[float]]) -> XGBoostModel:
        """Read the trees of a text; ScorerError if they are anything but one score over the encoder's fields."""
        nodes, start = read_xgboost(text, encoder, FILE)
        return cls(text, Ensemble(nodes), float(logit(start)), history=history)

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """See `Model.log_odds`."""
        return self.start + self.ensemble.sums(matrix)

    def explained(self, matrix: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See `Model.explained`: exact baseline Shapley values."""
        sums, contributions = self.ensemble.explained(matrix, reference)
        return self.start + sums, contributions

    def save(self, folder: Path) -> None:
        """Write the text as `model.xgboost.json`."""
        (folder / FILE).write_text(self.text, encoding="utf-8")


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


def steps_per_client(parameters: Parameters) -> float:
    """See `Family.steps_per_client`: every tree to its depth, and a leaf."""
    return float(parameters["num_boost_round"]) * (1.0 + float(parameters["max_depth"]))


def fit(matrix: FloatArray, target: IntArray, encoder: Encoder, parameters: Parameters, *, seed: int) -> XGBoostModel:
    """Boost a fixed number of rounds, without early stopping: a held-out part would cost rows the model needs."""
    import xgboost

    others: dict[str, Any] = dict(parameters)
    if encoder.signs.any():
        others["monotone_constraints"] = tuple(encoder.signs.tolist())
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
    text = bytes(booster.save_raw("json")).decode()
    return XGBoostModel.parsed(text, encoder, {"fitted rows": history["fitted"]["logloss"]})


def load(folder: Path, encoder: Encoder) -> XGBoostModel:
    """Read `model.xgboost.json`, without the library."""
    return XGBoostModel.parsed(read_text(folder / FILE), encoder, {})
