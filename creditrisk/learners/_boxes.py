"""Trees as boxes: every leaf with the values of each field that lead to it, which is how the kernels read an ensemble.

A leaf at depth d asks about at most d fields, each for one interval of values and whether a missing value passes. Which
of them the reference applicant passes is worked out once for each reference (`ordered`), so that a row has little left
to do: see `_tree_kernels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Nodes:
    """The nodes of all trees of an ensemble, one tree after the other.

    `left` and `right` are the positions of each node's children, -1 in both for a leaf; a row goes left where its
    `field` is at most `threshold`, or is missing and `missing_left`. `value` is what a leaf adds to the sum.
    """

    left: IntArray
    right: IntArray
    field: IntArray
    threshold: FloatArray
    missing_left: NDArray[np.bool_]
    value: FloatArray


def joined(trees: Sequence[Nodes]) -> Nodes:
    """The nodes of several trees, each numbered from 0, as one ensemble."""
    starts = np.cumsum([0, *(len(tree.left) for tree in trees)])[:-1]
    left, right = (
        np.concatenate([np.where(child < 0, -1, child + start) for child, start in zip(children, starts, strict=True)])
        for children in ([tree.left for tree in trees], [tree.right for tree in trees])
    )
    return Nodes(
        left,
        right,
        np.concatenate([tree.field for tree in trees]),
        np.concatenate([tree.threshold for tree in trees]),
        np.concatenate([tree.missing_left for tree in trees]),
        np.concatenate([tree.value for tree in trees]),
    )


class Boxes(NamedTuple):
    """The leaves of an ensemble, in the order of its trees.

    Leaf i asks about the entries `starts[i]` to `starts[i + 1]`: the value of `field` must be above `low` and at most
    `high`, or be missing where `missing`. The first `n_apart[i]` of them are those that the reference does not pass.
    """

    starts: IntArray
    n_apart: IntArray
    value: FloatArray
    field: IntArray
    low: FloatArray
    high: FloatArray
    missing: NDArray[np.bool_]


def boxes_of(nodes: Nodes) -> Boxes:
    """The box of each leaf; as if the reference passed none of their entries.

    Examples
    --------
    >>> of_nodes = [1, -1, -1], [2, -1, -1], [0, 0, 0], [5.0, 0.0, 0.0], [True, False, False], [0.0, 1.0, 2.0]
    >>> stump = Nodes(*(np.array(values) for values in of_nodes))
    >>> boxes = boxes_of(stump)
    >>> boxes.low.tolist(), boxes.high.tolist(), boxes.missing.tolist(), boxes.value.tolist()
    ([-inf, 5.0], [5.0, inf], [True, False], [1.0, 2.0])
    """
    n_nodes, inner = len(nodes.left), np.flatnonzero(nodes.left >= 0)
    parent = np.full(n_nodes, -1)
    parent[nodes.left[inner]] = parent[nodes.right[inner]] = inner
    leaves = np.flatnonzero(nodes.left < 0)
    # All leaves climb to their roots at once, one step in each turn.
    climbers, here, steps = np.arange(len(leaves)), leaves, []
    while len(climbers):
        above = parent[here]
        climbers, here, above = climbers[above >= 0], here[above >= 0], above[above >= 0]
        steps.append((climbers, above, nodes.left[above] == here))
        here = above
    leaf, node, is_left = (np.concatenate(parts) for parts in zip(*steps, strict=True))
    field = nodes.field[node]
    order = np.lexsort((field, leaf))
    leaf, field, node, is_left = leaf[order], field[order], node[order], is_left[order]
    firsts = np.flatnonzero((np.diff(leaf, prepend=-1) != 0) | (np.diff(field, prepend=-1) != 0))
    low = np.where(is_left, -np.inf, nodes.threshold[node])
    high = np.where(is_left, nodes.threshold[node], np.inf)
    missing = nodes.missing_left[node] == is_left
    if not len(firsts):  # nothing but single leaves
        firsts = firsts.astype(np.int64)
    starts = np.searchsorted(leaf[firsts], np.arange(len(leaves) + 1))
    return Boxes(
        starts=starts.astype(np.int64),
        n_apart=np.diff(starts).astype(np.int64),
        value=nodes.value[leaves],
        field=field[firsts].astype(np.int64),
        low=np.maximum.reduceat(low, firsts) if len(firsts) else low,
        high=np.minimum.reduceat(high, firsts) if len(firsts) else high,
        missing=np.logical_and.reduceat(missing, firsts) if len(firsts) else missing,
    )


def ordered(boxes: Boxes, reference: FloatArray) -> Boxes:
    """The same boxes, those entries of each leaf first that the reference, shape (n_fields,), does not pass."""
    values = reference[boxes.field]
    passes = ((boxes.low < values) & (values <= boxes.high)) | (np.isnan(values) & boxes.missing)
    leaf = np.repeat(np.arange(len(boxes.value)), np.diff(boxes.starts))
    order = np.lexsort((passes, leaf))
    return boxes._replace(
        n_apart=np.bincount(leaf[~passes], minlength=len(boxes.value)),
        field=boxes.field[order],
        low=boxes.low[order],
        high=boxes.high[order],
        missing=boxes.missing[order],
    )
