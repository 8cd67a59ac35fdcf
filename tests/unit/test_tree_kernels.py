"""The kernel of the trees: Shapley values as they are defined, the libraries' own sums, and a cache that may fail."""

from __future__ import annotations

import importlib
import math
import shutil
import sys
from itertools import combinations

import numpy as np
import pytest
from numba.core.caching import FunctionCache

from creditrisk import arrays
from creditrisk.datasets import load_schema
from creditrisk.encoding import fit_encoder
from creditrisk.learners import family, lightgbm, xgboost
from creditrisk.learners._boxes import Nodes, joined
from creditrisk.learners._trees import Ensemble
from creditrisk.simulator import simulate

N_FIELDS = 5


def _random_tree(rng: np.random.Generator, n_leaves: int) -> Nodes:
    """Fields come again on the way down, and each node has its own mind about missing values."""
    left, right = [-1], [-1]
    for _ in range(n_leaves - 1):
        leaf = int(rng.choice(np.flatnonzero(np.array(left) < 0)))
        left[leaf], right[leaf] = len(left), len(left) + 1
        left += [-1, -1]
        right += [-1, -1]
    n = len(left)
    return Nodes(
        np.array(left),
        np.array(right),
        rng.integers(0, N_FIELDS, n),
        rng.integers(0, 4, n) + 0.5,
        rng.random(n) < 0.5,
        rng.normal(size=n),
    )


def _value(tree: Nodes, row: np.ndarray) -> float:
    node = 0
    while tree.left[node] >= 0:
        value = row[tree.field[node]]
        goes_left = tree.missing_left[node] if np.isnan(value) else value <= tree.threshold[node]
        node = tree.left[node] if goes_left else tree.right[node]
    return float(tree.value[node])


def _shapley(value, row: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """By the definition: over all sets of fields, what one more field taken from the row changes."""
    out = np.zeros(N_FIELDS)
    for field in range(N_FIELDS):
        others = [index for index in range(N_FIELDS) if index != field]
        for size in range(N_FIELDS):
            weight = math.factorial(size) * math.factorial(N_FIELDS - size - 1) / math.factorial(N_FIELDS)
            for chosen in combinations(others, size):
                without = reference.copy()
                without[list(chosen)] = row[list(chosen)]
                with_it = without.copy()
                with_it[field] = row[field]
                out[field] += weight * (value(with_it) - value(without))
    return out


@pytest.mark.parametrize("seed", range(6))
def test_contributions_are_the_shapley_values_by_their_definition(seed):
    rng = np.random.default_rng(seed)
    trees = [_random_tree(rng, int(n)) for n in (1, 2, 5, 9, 14)]
    rows = rng.integers(0, 5, (70, N_FIELDS)).astype(np.float64)
    rows[rng.random(rows.shape) < 0.2] = np.nan
    reference = rows[-1]
    sums, parts = Ensemble(joined(trees)).explained(rows, reference)
    for row in (*range(5), 66, 69):  # in a block of rows, and one of the few that are left over
        np.testing.assert_allclose(sums[row], sum(_value(tree, rows[row]) for tree in trees), atol=1e-12)
        expected = _shapley(lambda values: sum(_value(tree, values) for tree in trees), rows[row], reference)
        np.testing.assert_allclose(parts[row], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_rows", [1, 5, 6, 63, 64, 65, 69, 70, 130])
def test_a_row_has_the_same_bits_in_any_number_of_rows(n_rows):
    rng = np.random.default_rng(1)
    ensemble = Ensemble(joined([_random_tree(rng, 12) for _ in range(40)]))
    rows = rng.normal(2.0, 1.5, (130, N_FIELDS))
    sums, parts = ensemble.explained(rows, rows[7])
    first, of_first = ensemble.explained(rows[:n_rows], rows[7])
    assert (first == sums[:n_rows]).all()
    assert (of_first == parts[:n_rows]).all()
    assert (ensemble.sums(rows[:n_rows]) == sums[:n_rows]).all()


def test_the_largest_and_smallest_values_find_their_leaves():
    of_nodes = [1, -1, -1], [2, -1, -1], [0] * 3, [5.0] * 3, [False] * 3, [0.0, 1.0, 2.0]
    stump = Ensemble(Nodes(*(np.array(values) for values in of_nodes)))
    rows = np.array([[-np.inf], [-1e308], [5.0], [np.nextafter(5.0, 6.0)], [1e308], [np.inf], [np.nan]])
    assert stump.sums(rows).tolist() == [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]


def test_arrays_of_any_layout_are_read():
    ensemble = Ensemble(_random_tree(np.random.default_rng(3), 9))
    rows = np.asfortranarray(np.random.default_rng(4).normal(2.0, 1.5, (80, N_FIELDS)))
    expected = ensemble.sums(rows.copy())
    rows.flags.writeable = False
    assert (ensemble.sums(rows) == expected).all()
    assert (ensemble.sums(rows[::2]) == expected[::2]).all()
    assert ensemble.sums(rows[:0]).shape == (0,)


@pytest.fixture(scope="module")
def fitted_rows():
    frame = simulate(1_200, seed=6)
    encoder = fit_encoder(frame, load_schema("simulated"))
    return encoder, encoder.matrix(frame), frame["default"].to_numpy().astype(np.int64)


def test_the_sums_are_lightgbms_own_to_the_last_bit(fitted_rows):
    import lightgbm as library

    encoder, matrix, target = fitted_rows
    model = lightgbm.fit(matrix, target, encoder, {**family("lightgbm").defaults(1_200), "num_iterations": 60}, seed=1)
    theirs = library.Booster(model_str=model.text).predict(matrix, raw_score=True, num_threads=1)
    assert (model.log_odds(matrix) == theirs).all()


def test_the_sums_are_xgboosts_own_within_its_single_precision(fitted_rows):
    import xgboost as library

    encoder, matrix, target = fitted_rows
    model = xgboost.fit(matrix, target, encoder, {**family("xgboost").defaults(1_200), "num_boost_round": 60}, seed=1)
    booster = library.Booster(model_file=bytearray(model.text.encode()))
    # Values at and next to thresholds go where XGBoost, which compares in single precision, sends them.
    edges = model.ensemble.nodes.threshold[model.ensemble.nodes.left >= 0]
    beside = np.concatenate([np.nextafter(edges, -np.inf), edges, np.nextafter(edges, np.inf)])
    rows = matrix[np.arange(len(beside)) % len(matrix)].copy()
    rows[np.arange(len(beside)), np.tile(model.ensemble.nodes.field[model.ensemble.nodes.left >= 0], 3)] = beside
    for each in (matrix, rows):
        theirs = booster.predict(library.DMatrix(each), output_margin=True)
        np.testing.assert_allclose(model.log_odds(each), theirs, rtol=0, atol=2e-5)


# The cache of compiled kernels

KERNEL = "from arrays import compiled\n\n\n@compiled\ndef double(value):\n    return 2 * value\n"


def _was_cached() -> bool:
    """Import the kernel as a new process would, call it, and say whether it was compiled before."""
    for name in ("kernel", "arrays"):
        sys.modules.pop(name, None)
    kernel = importlib.import_module("kernel")
    assert kernel.double(2.0) == 4.0
    return sum(kernel.double.stats.cache_hits.values()) == 1


def test_a_kernel_is_read_from_its_cache_and_compiled_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    shutil.copy(str(arrays.__file__), tmp_path)
    (tmp_path / "kernel.py").write_text(KERNEL)
    cache = tmp_path / "__pycache__"
    cache.write_text("a file where the folder should be: nothing can be written below it, not even by root")
    assert not _was_cached()
    cache.unlink()
    assert not _was_cached()
    assert _was_cached()
    for path in cache.glob("*.nb?"):
        path.write_bytes(path.read_bytes()[:40])
    assert not _was_cached()
    assert _was_cached()


def test_a_disk_that_is_full_or_only_read_keeps_no_kernel_and_refuses_no_answer(monkeypatch):
    refused = []

    def refuse(*_: object) -> None:
        refused.append(1)
        raise PermissionError("a disk that is only read")

    monkeypatch.setattr(FunctionCache, "save_overload", refuse)

    @arrays.compiled
    def double(value: float) -> float:
        return value * 2

    assert double(2.0) == 4.0
    assert refused
