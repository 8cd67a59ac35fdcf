"""What the families of boosted trees share: when a table is large, how fast they learn, and what shrinks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creditrisk.learners._protocol import Parameters

if TYPE_CHECKING:
    import optuna

# From so many rows on there are enough for larger trees.
LARGE_TABLE_ROWS = 5_000
# Few columns and not all rows a tree, and leaves drawn towards 0; LightGBM and XGBoost have the same names for them.
SHRINKAGE: Parameters = {"colsample_bytree": 0.4, "subsample": 0.7, "reg_lambda": 5.0}


def pace(rounds: str, rate: str) -> Parameters:
    """A slow rate and as many rounds as it needs, under the names that a library has for them."""
    return {rounds: 400, rate: 0.03}


def suggest_pace(trial: optuna.Trial, rounds: str, rate: str) -> Parameters:
    """Around `pace`, in every direction."""
    return {
        rounds: trial.suggest_int(rounds, 200, 800, step=100),
        rate: trial.suggest_float(rate, 0.01, 0.06, log=True),
    }


def suggest_shrinkage(trial: optuna.Trial) -> Parameters:
    """Around `SHRINKAGE`, in every direction."""
    return {
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.2, 0.8),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.5, 50.0, log=True),
    }
