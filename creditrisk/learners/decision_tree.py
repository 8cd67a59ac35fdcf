"""One decision tree of a few leaves: what a person could draw on a sheet of paper, and a bar for everything larger."""

from __future__ import annotations

from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import logit

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.learners._protocol import Parameters
from creditrisk.learners._trees import SumOfTrees, from_sklearn, to_text

if TYPE_CHECKING:
    import optuna

COMPLEXITY = 2
# A leaf's bad rate is drawn towards the table's as if so many rows of average risk were in it.
PRIOR_ROWS = 10


def defaults(n_rows: int) -> Parameters:
    """About a leaf for each hundred rows, from 8 to 32."""
    return {"max_leaf_nodes": int(np.clip(n_rows // 100, 8, 32)), "min_samples_leaf": max(20, n_rows // 200)}


def suggest(trial: optuna.Trial, n_rows: int) -> Parameters:
    """Fewer or more leaves."""
    return {
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 4, 64, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 10, max(40, n_rows // 50), log=True),
    }


def steps_per_client(parameters: Parameters) -> float:
    """See `Family.steps_per_client`: the nodes on the way to a leaf, and the leaf.

    Examples
    --------
    >>> steps_per_client({"max_leaf_nodes": 8})
    4.0
    """
    return 1.0 + log2(float(parameters["max_leaf_nodes"]))


def fit(matrix: FloatArray, target: IntArray, encoder: Encoder, parameters: Parameters, *, seed: int) -> SumOfTrees:
    """Grow the tree best leaf first."""
    from sklearn.tree import DecisionTreeClassifier

    signs = encoder.signs if encoder.signs.any() else None
    grown: Any = DecisionTreeClassifier(random_state=seed, monotonic_cst=signs, **parameters).fit(matrix, target)
    # All leaves alike where signs are held: drawing the smaller ones farther could turn the order of two round.
    n_rows = grown.tree_.n_node_samples if signs is None else int(parameters["min_samples_leaf"])
    bad_rate = target.mean()
    drawn = (grown.tree_.value[:, 0, 1] * n_rows + bad_rate * PRIOR_ROWS) / (n_rows + PRIOR_ROWS)
    text = to_text([from_sklearn(grown.tree_, logit(drawn))], encoder)
    return SumOfTrees.parsed("decision_tree", text, encoder, {})


def load(folder: Path, encoder: Encoder) -> SumOfTrees:
    """Read `model.decision_tree.txt`."""
    return SumOfTrees.load("decision_tree", folder, encoder)
