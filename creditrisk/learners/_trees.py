"""Trees, whoever fitted them, kept in LightGBM's text format; scored and explained by a kernel of ours.

Plain text in place of a pickle, and neither LightGBM nor scikit-learn in the process that scores. What is written down
is the model: scikit-learn, which fits some of them, compares single-precision copies of the values with its thresholds,
here the values themselves are compared, as LightGBM does it, so a value within a rounding error of a threshold may go
the other way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.special import logit

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.learners._boxes import Boxes, Nodes, boxes_of, ordered
from creditrisk.learners._protocol import Fitted
from creditrisk.learners._structure import END, MISSING_GOES_LEFT, feature_names, read_text, read_trees

# Missing values are told by NaN: two bits of LightGBM's `decision_type`.
_MISSING_IS_NAN = 2 << 2


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
            "decision_type": _MISSING_IS_NAN + MISSING_GOES_LEFT * tree.missing_left[inner],
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


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Trees ready to be added up and explained."""

    nodes: Nodes

    @cached_property
    def boxes(self) -> Boxes:
        """The leaves' boxes, for no reference."""
        return boxes_of(self.nodes)

    def sums(self, matrix: FloatArray) -> FloatArray:
        """What the leaves add up to for each row, shape (n_rows,)."""
        from creditrisk.learners._tree_kernels import add_up

        sums, _ = add_up(self.boxes, matrix, n_explained=0)
        return sums

    def explained(self, matrix: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The same sums, and what each field adds beyond the reference, (n_rows, n_fields): exact Shapley values."""
        from creditrisk.learners._tree_kernels import add_up

        return add_up(_against(self, reference.tobytes()), matrix, n_explained=matrix.shape[1])


@lru_cache(maxsize=16)
def _against(ensemble: Ensemble, reference: bytes) -> Boxes:
    # A scorer has one reference for all rows.
    return ordered(ensemble.boxes, np.frombuffer(reference))


@dataclass(frozen=True)
class SumOfTrees(Fitted):
    """Trees whose leaves add up to log-odds."""

    family: str
    text: str
    ensemble: Ensemble = field(compare=False)

    @classmethod
    def parsed(cls, family: str, text: str, encoder: Encoder, history: Mapping[str, Sequence[float]]) -> Self:
        """Read the text of a fit."""
        return cls(family, text, Ensemble(read_trees(text, encoder, family)), history=history)

    @classmethod
    def load(cls, family: str, folder: Path, encoder: Encoder) -> Self:
        """Read `model.<family>.txt`; ScorerError if it is anything but trees over the encoder's fields."""
        path = folder / f"model.{family}.txt"
        text = read_text(path)
        return cls(family, text, Ensemble(read_trees(text, encoder, path.name)))

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """See `Model.log_odds`."""
        return self.ensemble.sums(matrix)

    def explained(self, matrix: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See `Model.explained`: exact baseline Shapley values."""
        return self.ensemble.explained(matrix, reference)

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
        return _held_log_odds(self.ensemble.sums(matrix))

    def explained(self, matrix: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See `Model.explained`: Shapley values of the probability, stretched row by row to add up in log-odds."""
        probabilities, parts = self.ensemble.explained(matrix, reference)
        log_odds, [start] = _held_log_odds(probabilities), self.ensemble.sums(reference[np.newaxis])
        [origin] = _held_log_odds(np.array([start]))
        way = parts.sum(axis=1)
        # Where the way is nearly nothing, the slope of the log-odds at its start takes the place of rise / way.
        is_short = np.abs(way) < SHORT
        slope = 1 / (start * (1 - start)) if CERTAINTY < start < 1 - CERTAINTY else 0.0
        stretch = np.where(is_short, slope, (log_odds - origin) / np.where(is_short, 1.0, way))
        return log_odds, parts * stretch[:, np.newaxis]


# A way in probability over which the log-odds are as good as straight.
SHORT = 1e-9


def _held_log_odds(probabilities: FloatArray) -> FloatArray:
    held: FloatArray = logit(np.clip(probabilities, CERTAINTY, 1 - CERTAINTY))
    return held
