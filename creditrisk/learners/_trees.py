"""Trees, whoever fitted them, kept in LightGBM's text format: scored and explained by LightGBM's own C++.

Plain text in place of a pickle, exact TreeSHAP without a line of ours, and no scikit-learn in the process that scores.
What is written down is the model: scikit-learn, which fits some of them, compares single-precision copies of the values
with its thresholds, LightGBM the values themselves, so a value within a rounding error of a threshold may go the other
way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logit

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.learners._protocol import Fitted
from creditrisk.learners._structure import END, feature_names

# Missing values are told by NaN, and a node says on which side they go: bits of LightGBM's `decision_type`.
_MISSING_IS_NAN = 2 << 2
_MISSING_GOES_LEFT = 1 << 1


@dataclass(frozen=True)
class Tree:
    """One fitted binary tree.

    `left` and `right` hold the children of each node, -1 in both for a leaf; a row goes left where its `field` is at
    most `threshold`, or is missing and `missing_left`. `value` is what a leaf adds to the sum, `count` how many rows
    came by.
    """

    left: IntArray
    right: IntArray
    field: IntArray
    threshold: FloatArray
    missing_left: IntArray
    value: FloatArray
    count: IntArray


def from_sklearn(tree: Any, value: FloatArray, missing_left: IntArray | None = None) -> Tree:
    """Read scikit-learn's `tree_`; `value` is what each of its nodes would add, shape (n_nodes,).

    `missing_left` says where missing values go, for a tree that was fitted without knowing any.
    """
    return Tree(
        left=tree.children_left.astype(np.int64),
        right=tree.children_right.astype(np.int64),
        field=tree.feature.astype(np.int64),
        threshold=tree.threshold.astype(np.float64),
        missing_left=tree.missing_go_to_left.astype(np.int64) if missing_left is None else missing_left,
        value=value.astype(np.float64),
        count=tree.n_node_samples.astype(np.int64),
    )


def to_text(trees: Sequence[Tree], encoder: Encoder) -> str:
    """The trees as a LightGBM model whose raw score is the sum of their leaves' values."""
    blocks = [_block(tree, number) for number, tree in enumerate(trees)]
    head = [
        "tree",
        "version=v4",
        "num_class=1",
        "num_tree_per_iteration=1",
        "label_index=0",
        f"max_feature_idx={len(encoder.fields) - 1}",
        "objective=regression",
        f"feature_names={feature_names(encoder)}",
        f"feature_infos={' '.join(['[-1e300:1e300]'] * len(encoder.fields))}",
        f"tree_sizes={' '.join(str(len(block)) for block in blocks)}",
        "",
        "",
    ]
    return "\n".join(head) + "".join(blocks) + END


def _block(tree: Tree, number: int) -> str:
    """One tree in LightGBM's words: inner nodes and leaves counted apart, a leaf written as -1 minus its number."""
    is_leaf = tree.left < 0
    n_leaves = int(is_leaf.sum())
    position = np.where(is_leaf, -1 - (np.cumsum(is_leaf) - 1), np.cumsum(~is_leaf) - 1)
    inner, leaves = np.flatnonzero(~is_leaf), np.flatnonzero(is_leaf)
    rows: dict[str, Any] = {"num_leaves": [n_leaves], "num_cat": [0]}
    if len(inner):
        rows |= {
            "split_feature": tree.field[inner],
            "split_gain": np.zeros(len(inner), dtype=np.int64),
            "threshold": tree.threshold[inner],
            "decision_type": _MISSING_IS_NAN + _MISSING_GOES_LEFT * tree.missing_left[inner],
            "left_child": position[tree.left[inner]],
            "right_child": position[tree.right[inner]],
        }
    rows |= {"leaf_value": tree.value[leaves], "leaf_weight": tree.count[leaves], "leaf_count": tree.count[leaves]}
    if len(inner):
        rows |= {
            "internal_value": tree.value[inner],
            "internal_weight": tree.count[inner],
            "internal_count": tree.count[inner],
        }
    rows |= {"is_linear": [0], "shrinkage": [1]}
    lines = [
        f"{name}={' '.join(repr(value) for value in np.asarray(values).tolist())}" for name, values in rows.items()
    ]
    return f"Tree={number}\n" + "\n".join(lines) + "\n\n\n"


@dataclass(frozen=True)
class SumOfTrees(Fitted):
    """Trees whose leaves add up to log-odds."""

    family: str
    text: str

    @cached_property
    def booster(self) -> Any:
        """LightGBM's reading of the text."""
        import lightgbm

        return lightgbm.Booster(model_str=self.text)

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """See `Model.log_odds`."""
        return leaf_sums(self.booster, matrix)

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """See `Model.contributions`: exact TreeSHAP, as LightGBM computes it."""
        return shap_values(self.booster, matrix)

    def save(self, folder: Path) -> None:
        """Write the text as `model.<family>.txt`."""
        (folder / f"model.{self.family}.txt").write_text(self.text, encoding="utf-8")


# A leaf without goods or bads says less than its few rows seem to: probabilities are held this far from 0 and 1.
CERTAINTY = 1e-3


@dataclass(frozen=True)
class MeanOfTrees(SumOfTrees):
    """Trees whose leaves add up to a probability, as those of a forest do."""

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """See `Model.log_odds`."""
        held: FloatArray = logit(np.clip(leaf_sums(self.booster, matrix), CERTAINTY, 1 - CERTAINTY))
        return held

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """See `Model.contributions`: TreeSHAP of the probability, stretched row by row to add up in log-odds."""
        parts = shap_values(self.booster, matrix)
        base = float(np.clip(parts[0, -1], CERTAINTY, 1 - CERTAINTY)) if len(parts) else 0.5
        way = parts[:, :-1].sum(axis=1)
        rise = self.log_odds(matrix) - logit(base)
        # Where the way is nearly nothing, the slope of the log-odds at the base takes the place of rise / way.
        is_short = np.abs(way) < 1e-9
        stretch = np.where(is_short, 1 / (base * (1 - base)), rise / np.where(is_short, 1.0, way))
        return np.column_stack([parts[:, :-1] * stretch[:, np.newaxis], self.log_odds(matrix) - way * stretch])


def leaf_sums(booster: Any, matrix: FloatArray) -> FloatArray:
    """What the leaves of a LightGBM booster add up to for each row, shape (n_rows,)."""
    return np.asarray(booster.predict(matrix, raw_score=True, **_threads(matrix)), dtype=np.float64)


def shap_values(booster: Any, matrix: FloatArray) -> FloatArray:
    """Exact TreeSHAP of those sums, shape (n_rows, n_fields + 1); the last column is the base value."""
    return np.asarray(booster.predict(matrix, pred_contrib=True, **_threads(matrix)), dtype=np.float64)


def _threads(matrix: FloatArray) -> dict[str, int]:
    # A single application is scored faster than threads are woken.
    return {"num_threads": 1} if len(matrix) < 100 else {}
