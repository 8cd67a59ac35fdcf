"""What a tree, a text of trees and a file of arrays must look like before anything is computed with them.

The libraries behind the families trust the files they read: a split on a field that is not there reads foreign memory,
a node that is its own child never ends. Model files come from a registry that others can write to, so every loader of
this package checks here first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from creditrisk import strict
from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.errors import ScorerError
from creditrisk.learners._boxes import Nodes, joined

# Far more than any fit of ours makes; explaining a prediction costs trees x leaves x depth squared.
MAX_TREES = 10_000
MAX_LEAVES = 4_096
MAX_DEPTH = 128
# What a leaf adds is in log-odds or a probability; a thousand would be certainty many times over.
MAX_LEAF = 1e3

_Kind = TypeVar("_Kind", np.int64, np.float64)

_NUMBER = r"-?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,4})?"
_NUMBERS = re.compile(rf"(?:{_NUMBER}(?: {_NUMBER})*)?", re.ASCII)
_INTEGERS = re.compile(r"(?:-?\d{1,15}(?: -?\d{1,15})*)?", re.ASCII)
_INFINITY = re.compile(r"(?<![^ -])inf(?![^ ])")
_HEADER = ("version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective",
           "feature_names", "feature_infos", "tree_sizes")  # fmt: skip
_OBJECTIVES = ("binary sigmoid:1", "regression")
_OF_NODES = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child",
             "internal_value", "internal_weight", "internal_count")  # fmt: skip
_OF_LEAVES = ("leaf_value", "leaf_weight", "leaf_count")
_WHOLE = {"split_feature", "decision_type", "left_child", "right_child", "leaf_count", "internal_count"}
_TREE = {"num_leaves", "num_cat", "is_linear", "shrinkage", *_OF_NODES, *_OF_LEAVES}
# The bit of LightGBM's `decision_type` that says on which side missing values go.
MISSING_GOES_LEFT = 1 << 1
END = "end of trees\n"


def feature_names(encoder: Encoder) -> str:
    """The fields as LightGBM's text lists them: it writes an underscore for a blank."""
    return " ".join(re.sub(r"\s", "_", item.name) for item in encoder.fields)


def check_tree(left: IntArray, right: IntArray, what: str) -> None:
    """See that nodes 0 to n - 1 form one tree below node 0.

    Parameters
    ----------
    left, right
        The children of each node, -1 in both for a leaf, shape (n_nodes,).
    what
        Begins the sentence of the error.

    Raises
    ------
    ScorerError
        If a child is out of range, a node has two parents or none, cannot be reached, or lies too deep.

    Examples
    --------
    >>> check_tree(np.array([1, -1, -1]), np.array([2, -1, -1]), "a stump")
    >>> check_tree(np.array([1, 1, -1]), np.array([2, 1, -1]), "the tree")
    Traceback (most recent call last):
    creditrisk.errors.ScorerError: the tree is no tree: a node is not the child of exactly one other
    """
    is_leaf = left < 0
    children = np.concatenate([left[~is_leaf], right[~is_leaf]])
    if len(left) == 0 or (is_leaf != (right < 0)).any() or (children < 1).any() or (children >= len(left)).any():
        raise ScorerError(f"{what} is no tree: it names nodes that are not there")
    # Reached exactly once; what is not reached from the first node goes round in a circle of its own.
    if (np.bincount(children, minlength=len(left))[1:] != 1).any():
        raise ScorerError(f"{what} is no tree: a node is not the child of exactly one other")
    level, n_reached, depth = np.zeros(1, dtype=np.int64), 1, 0
    while len(level := level[~is_leaf[level]]):
        level, depth = np.concatenate([left[level], right[level]]), depth + 1
        n_reached += len(level)
        if depth > MAX_DEPTH:
            raise ScorerError(f"{what} is deeper than {MAX_DEPTH} splits")
    if n_reached != len(left):
        raise ScorerError(f"{what} is no tree: {len(left) - n_reached:,} of its nodes cannot be reached")


def read_text(path: Path) -> str:
    """The text of a model file; ScorerError if it is none."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ScorerError(f"{path.name} is not a text") from None


def read_trees(text: str, encoder: Encoder, what: str) -> Nodes:
    """The trees of a text in LightGBM's format, checked to the last number.

    Parameters
    ----------
    what
        Begins the sentence of the error.

    Raises
    ------
    ScorerError
        If it is not what LightGBM, or `_trees.to_text`, writes for one score over the encoder's fields.
    """
    n_fields = len(encoder.fields)
    head, _, rest = text.partition("\n\n")
    title, *lines = head.split("\n")
    header = _keys(lines, what, _HEADER)
    expected = {
        "version": "v4",
        "num_class": "1",
        "num_tree_per_iteration": "1",
        "label_index": "0",
        "max_feature_idx": str(n_fields - 1),
        "feature_names": feature_names(encoder),
    }
    for name, value in expected.items():
        if header[name] != value:
            raise ScorerError(f"{what} has {name}={header[name]:.60}; expected {value:.60}")
    if title != "tree" or header["objective"] not in _OBJECTIVES:
        raise ScorerError(f"{what} has the objective '{header['objective']:.40}'; expected one of {_OBJECTIVES}")
    ranges = header["feature_infos"].split(" ")
    if len(ranges) != n_fields or not all(_is_range(item) for item in ranges):
        raise ScorerError(f"{what} has feature_infos that do not fit its {n_fields} fields")
    sizes = _integers(header["tree_sizes"], f"{what}, tree_sizes")
    if not 1 <= len(sizes) <= MAX_TREES:
        raise ScorerError(f"{what} has {len(sizes):,} trees; expected 1 to {MAX_TREES:,}")
    start, trees = 0, []
    for number, size in enumerate(sizes.tolist()):
        block = rest[start : start + max(size, 0)]
        first, *of_tree = block.split("\n")
        if len(block) != size or first != f"Tree={number}" or not block.endswith("\n\n") or not block.isascii():
            raise ScorerError(f"{what} is cut: tree {number} is not where its sizes say")
        trees.append(_lightgbm_tree(_keys(filter(None, of_tree), what, _TREE), n_fields, f"tree {number} of {what}"))
        start += size
    if rest[start:] != END:
        raise ScorerError(f"{what} goes on after its last tree, or is cut before its end")
    return joined(trees)


def _lightgbm_tree(tree: Mapping[str, str], n_fields: int, what: str) -> Nodes:
    if (tree["num_cat"], tree["is_linear"]) != ("0", "0"):
        raise ScorerError(f"{what} has splits on sets of categories or linear leaves, which no fit of ours makes")
    [n_leaves] = _integers(tree["num_leaves"], what, n=1).tolist()
    if not 1 <= n_leaves <= MAX_LEAVES:
        raise ScorerError(f"{what} has {n_leaves:,} leaves; expected 1 to {MAX_LEAVES:,}")
    n_nodes = n_leaves - 1
    arrays: dict[str, NDArray[Any]] = {}
    for name in (*_OF_NODES, *_OF_LEAVES):
        n = n_nodes if name in _OF_NODES else n_leaves
        if name == "leaf_weight" and n_nodes == 0:
            n = len(tree[name].split())  # LightGBM leaves it empty there
        read = _integers if name in _WHOLE else _thresholds if name == "threshold" else _numbers
        arrays[name] = read(tree[name], f"{what}, {name},", n=n)
    _numbers(tree["shrinkage"], f"{what}, shrinkage,", n=1)
    _within(arrays["split_feature"], 0, n_fields - 1, f"{what}, split_feature,")
    # Bit 0 would split on a set of categories; bits 2 and 3 say what is missing: nothing, zero or what is no number.
    _within(arrays["decision_type"], 0, 11, f"{what}, decision_type,")
    if (arrays["decision_type"] & 1).any() or (arrays["decision_type"] >> 2 == 1).any():
        raise ScorerError(f"{what} has splits on sets of categories or on zeros, which no fit of ours makes")
    for name in ("leaf_value", "internal_value"):
        _within(arrays[name], -MAX_LEAF, MAX_LEAF, f"{what}, {name},")
    for name in ("leaf_count", "internal_count"):
        _within(arrays[name], 1, 10**15, f"{what}, {name},")
    children = np.concatenate([arrays["left_child"], arrays["right_child"]])
    _within(children, -n_leaves, n_nodes - 1, f"{what}, its children")
    # LightGBM counts leaves apart, as -1 - number; here they come after the inner nodes.
    places = np.where(children < 0, n_nodes - 1 - children, children)
    leaves = np.full(n_leaves, -1, dtype=np.int64)
    left, right = np.concatenate([places[:n_nodes], leaves]), np.concatenate([places[n_nodes:], leaves])
    check_tree(left, right, what)
    # Where training rows had no gaps, LightGBM takes a missing value for 0.
    knows_missing, goes_left = arrays["decision_type"] >> 2 == 2, arrays["decision_type"] & MISSING_GOES_LEFT > 0
    return Nodes(
        left=left,
        right=right,
        field=_padded(arrays["split_feature"], n_leaves),
        threshold=_padded(arrays["threshold"], n_leaves),
        missing_left=_padded(np.where(knows_missing, goes_left, arrays["threshold"] >= 0), n_leaves),
        value=np.concatenate([np.zeros(n_nodes), arrays["leaf_value"]]),
    )


def _padded(of_nodes: NDArray[Any], n_leaves: int) -> NDArray[Any]:
    return np.concatenate([of_nodes, np.zeros(n_leaves, dtype=of_nodes.dtype)])


_OF_XGBOOST_NODES = ("base_weights", "default_left", "left_children", "loss_changes", "parents", "right_children",
                     "split_conditions", "split_indices", "split_type", "sum_hessian")  # fmt: skip
_OF_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_XGBOOST_TREE = {"id", "tree_param", *_OF_XGBOOST_NODES, *_OF_CATEGORIES}
_ROOT = 2_147_483_647
_MAX_SINGLE = float(np.finfo(np.float32).max)


def read_xgboost(text: str, encoder: Encoder, what: str) -> tuple[Nodes, float]:
    """The trees of a text in XGBoost's JSON, and the probability that they start from, checked to the last number.

    Parameters
    ----------
    what
        Begins the sentence of the error.

    Raises
    ------
    ScorerError
        If it is not what `Booster.save_raw("json")` gives for one score over the encoder's fields.
    """
    n_fields = len(encoder.fields)
    document = strict.fields(strict.read_json(text, what), what, ("learner", "version"))
    learner = strict.fields(
        document["learner"],
        what,
        ("attributes", "feature_names", "feature_types", "gradient_booster", "learner_model_param", "objective"),
    )
    if learner["attributes"] or learner["feature_names"] or learner["feature_types"]:
        raise ScorerError(f"{what} has attributes or names of fields, which no fit of ours writes")
    objective = {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": "1"}}
    if learner["objective"] != objective:
        raise ScorerError(f"{what} has another objective than binary:logistic")
    parameters = strict.fields(
        learner["learner_model_param"],
        what,
        ("base_score", "boost_from_average", "num_class", "num_feature", "num_target"),
    )
    if (parameters["num_feature"], parameters["num_class"], parameters["num_target"]) != (str(n_fields), "0", "1"):
        raise ScorerError(f"{what} was fitted on other fields than the encoder's {n_fields}, or gives several scores")
    base = str(parameters["base_score"]).removeprefix("[").removesuffix("]")
    [start] = _numbers(base, f"{what}, base_score,", n=1).tolist()
    strict.number(start, f"{what}, base_score,", 1e-6, 1 - 1e-6)
    booster = strict.fields(learner["gradient_booster"], what, ("model", "name"))
    model = strict.fields(
        booster["model"], what, ("cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees")
    )
    trees = model["trees"]
    if booster["name"] != "gbtree" or not isinstance(trees, list) or not 1 <= len(trees) <= MAX_TREES:
        raise ScorerError(f"{what} is not made of 1 to {MAX_TREES:,} trees")
    counts = {"num_parallel_tree": "1", "num_trees": str(len(trees))}
    is_plain = model["iteration_indptr"] == list(range(len(trees) + 1)) and model["tree_info"] == [0] * len(trees)
    no_categories: dict[str, list[str]] = {"enc": [], "feature_segments": [], "sorted_idx": []}
    if model["gbtree_model_param"] != counts or not is_plain or model["cats"] != no_categories:
        raise ScorerError(f"{what} has other trees than one a round")
    names = [f"tree {number} of {what}" for number in range(len(trees))]
    read = [
        _xgboost_tree(strict.fields(tree, name, _XGBOOST_TREE), n_fields, name)
        for tree, name in zip(trees, names, strict=True)
    ]
    return joined(read), start


def _xgboost_tree(tree: Mapping[str, Any], n_fields: int, what: str) -> Nodes:
    for name in (*_OF_XGBOOST_NODES, *_OF_CATEGORIES):
        if not isinstance(tree[name], list):
            raise ScorerError(f"{what}, {name}, must be a list; it is {tree[name]!r:.40}")
    left, right, parents, split = (
        _whole_numbers(tree[name], f"{what}, {name},")
        for name in ("left_children", "right_children", "parents", "split_indices")
    )
    n_nodes = len(left)
    shape = {"num_deleted": "0", "num_feature": str(n_fields), "num_nodes": str(n_nodes), "size_leaf_vector": "1"}
    if (
        tree["tree_param"] != shape
        or not 1 <= n_nodes <= 2 * MAX_LEAVES
        or any(len(tree[name]) != n_nodes for name in _OF_XGBOOST_NODES)
    ):
        raise ScorerError(f"{what} has lists of different lengths")
    if any(tree["split_type"]) or any(tree[name] for name in _OF_CATEGORIES):
        raise ScorerError(f"{what} has splits on sets of categories, which no fit of ours makes")
    check_tree(left, right, what)
    inner = np.flatnonzero(left >= 0)
    of_child = np.full(n_nodes, _ROOT)
    of_child[left[inner]] = of_child[right[inner]] = inner
    if (of_child != parents).any():
        raise ScorerError(f"{what} is no tree: parents and children do not agree")
    _within(split, 0, n_fields - 1, f"{what}, split_indices,")
    conditions = np.array(
        strict.numbers(tree["split_conditions"], f"{what}, split_conditions,", low=-_MAX_SINGLE, high=_MAX_SINGLE)
    )
    # At a leaf the condition is what it adds.
    _within(conditions[left < 0], -MAX_LEAF, MAX_LEAF, f"{what}, its leaves")
    strict.numbers(tree["base_weights"], f"{what}, base_weights,", low=-MAX_LEAF, high=MAX_LEAF)
    strict.numbers(tree["loss_changes"], f"{what}, loss_changes,")
    strict.numbers(tree["sum_hessian"], f"{what}, sum_hessian,", low=1e-30)
    missing_left = _whole_numbers(tree["default_left"], f"{what}, default_left,")
    _within(missing_left, 0, 1, f"{what}, default_left,")
    return Nodes(left, right, split, _at_most(conditions), missing_left > 0, conditions)


def _at_most(conditions: FloatArray) -> FloatArray:
    """The largest double that XGBoost, which compares in single precision, takes to be below each condition.

    Examples
    --------
    >>> [edge] = _at_most(np.array([0.1]))
    >>> [bool(np.float32(value) < np.float32(0.1)) for value in (edge, np.nextafter(edge, 1.0))]
    [True, False]
    """
    single = conditions.astype(np.float32)
    below = np.nextafter(single, np.float32(-np.inf))
    # Half way between two neighbours is rounded to the one whose last bit is 0.
    half_way = (below.astype(np.float64) + single.astype(np.float64)) / 2
    goes_below = below.view(np.int32) % 2 == 0
    return np.where(goes_below, half_way, np.nextafter(half_way, -np.inf))


def read_tensors(path: Path, names: Iterable[str]) -> dict[str, FloatArray]:
    """The arrays of a safetensors file, which must have exactly these names; their shapes are the caller's to check.

    Raises
    ------
    ScorerError
        If the file is damaged or holds other arrays.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
    except (SafetensorError, ValueError, KeyError, OverflowError, MemoryError) as exc:
        raise ScorerError(f"{path.name} is damaged: {exc!s:.200}") from None
    return strict.fields(tensors, path.name, names)


def _keys(lines: Iterable[str], what: str, names: Iterable[str]) -> dict[str, str]:
    """Lines `key=value`, each of the names once and no other."""
    pairs = [line.partition("=")[::2] for line in lines]
    if len(dict(pairs)) < len(pairs):
        raise ScorerError(f"{what} gives a key twice")
    return strict.fields(dict(pairs), what, names)


def _integers(line: str, what: str, n: int | None = None) -> IntArray:
    return _split(line, _INTEGERS, np.int64, what, n)


def _numbers(line: str, what: str, n: int | None = None) -> FloatArray:
    return _split(line, _NUMBERS, np.float64, what, n)


def _thresholds(line: str, what: str, n: int | None = None) -> FloatArray:
    """A split at infinity sets missing values apart, and nothing else: it is as good as one at the largest number."""
    return _split(_INFINITY.sub("1e300", line), _NUMBERS, np.float64, what, n)


def _split(line: str, pattern: re.Pattern[str], dtype: type[_Kind], what: str, n: int | None) -> NDArray[_Kind]:
    if not pattern.fullmatch(line):
        raise ScorerError(f"{what} must be numbers; it is '{line:.40}'")
    values = np.array(line.split(), dtype=dtype)
    if n is not None and len(values) != n:
        raise ScorerError(f"{what} must be {n:,} numbers; there are {len(values):,}")
    if not np.isfinite(values).all():
        raise ScorerError(f"{what} must be finite")
    return values


def _whole_numbers(values: Any, what: str) -> IntArray:
    return np.array([strict.whole(value, what, -1, _ROOT) for value in values], dtype=np.int64)


def _within(values: NDArray[Any], low: float, high: float, what: str) -> None:
    if values.size and not (values.min() >= low and values.max() <= high):
        raise ScorerError(f"{what} must lie between {low:g} and {high:g}")


def _is_range(item: str) -> bool:
    low, colon, high = item.removeprefix("[").removesuffix("]").partition(":")
    is_bounded = bool(colon) and item.startswith("[") and item.endswith("]")
    return item == "none" or (is_bounded and all(re.fullmatch(_NUMBER, edge, re.ASCII) for edge in (low, high)))
