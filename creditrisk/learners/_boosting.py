"""What the families of boosted trees share: when a table is large, and how a tree is kept from knowing too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creditrisk.learners._protocol import Parameters

if TYPE_CHECKING:
    import optuna

# From so many rows on there are enough for larger trees.
LARGE_TABLE_ROWS = 5_000
# Few columns and not all rows a tree, and leaves drawn towards 0; LightGBM and XGBoost have the same names for them.
SHRINKAGE: Parameters = {"colsample_bytree": 0.4, "subsample": 0.7, "reg_lambda": 5.0}


def suggest_shrinkage(trial: optuna.Trial) -> Parameters:
    """Around `SHRINKAGE`, in every direction."""
    return {
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.2, 0.8),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.5, 50.0, log=True),
    }
