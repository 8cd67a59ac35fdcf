"""A deep network for tables: TabM with piecewise-linear embeddings, on CUDA where there is one.

Many small networks in one: they share a weight matrix, and each has scalings of its own before and after it, so that
they cost little more than one and err differently. A number enters as its position in quantile bins, through a small
embedding of its own; a category as it does in the encoder's design. Training is PyTorch (`_network_fit.py`); scoring is
NumPy and compiled kernels (`_network_kernels.py`), so that the web process never needs PyTorch. How its
size and shrinkage were chosen is in docs/models.md.

References
----------
Gorishniy, Y., Kotelnikov, A., Babenko, A. (2025). TabM: Advancing Tabular Deep Learning with Parameter-Efficient
Ensembling. ICLR.
Gorishniy, Y., Rubachev, I., Babenko, A. (2022). On Embeddings for Numerical Features in Tabular Deep Learning. NeurIPS.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from creditrisk import strict
from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.errors import ScorerError
from creditrisk.learners._network_fit import N_NETWORKS, train
from creditrisk.learners._network_inputs import input_fields, is_flag
from creditrisk.learners._protocol import Fitted, Parameters
from creditrisk.learners._structure import read_tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import optuna

    from creditrisk.learners._network_kernels import Inputs, SingleArray, Weights

COMPLEXITY = 7

# Up to here a table is small; from the second on it is large.
SMALL_TABLE_ROWS = 2_000
LARGE_TABLE_ROWS = 5_000
# Rows embedded at once; bounds the memory.
CHUNK_ROWS = 500
# What a hidden unit of all networks costs, counted in nodes of trees (measured: 22 µs for 64 units, 9 for 800 nodes).
NODES_OF_A_UNIT = 30
# What a model file may hold at most.
MAX_WEIGHT = 1e6
FARTHEST_EDGE = float(np.finfo(np.float32).max)
TINIEST_BIN = 1e-300


@dataclass(frozen=True)
class DNNModel(Fitted):
    """The weights of all networks.

    Bins and embeddings of the n_numbers numeric fields: `bin_low`, `bin_width` (n_numbers, n_bins), `embedding`
    (n_numbers, n_bins, n_embedded), `embedding_bias` (n_numbers, n_embedded). Then `weights` (n_inputs, width), shared
    by all networks, with the scalings of each before, `scale_in` (n_networks, n_inputs), and after, `scale_out`
    (n_networks, width), and the biases and heads of each.
    """

    encoder: Encoder
    bin_low: FloatArray
    bin_width: FloatArray
    embedding: FloatArray
    embedding_bias: FloatArray
    weights: FloatArray
    scale_in: FloatArray
    scale_out: FloatArray
    hidden_bias: FloatArray
    output: FloatArray
    output_bias: FloatArray
    family: str = "dnn"

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """See `Model.log_odds`: the log-odds of the networks' mean probability."""
        from creditrisk.learners import _network_kernels

        parts = [_network_kernels.log_odds(rows, self._weights) for rows in self._embedded(matrix)]
        return np.concatenate([np.empty(0), *parts])

    def explained(self, matrix: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See `Model.explained`: integrated gradients from the reference, summed per field.

        A field that is as the reference has it contributes nothing.

        References
        ----------
        Sundararajan, M., Taly, A., Yan, Q. (2017). Axiomatic Attribution for Deep Networks. ICML.
        """
        from creditrisk.learners import _network_kernels

        start, base = self._origin(reference.tobytes())
        log_odds, parts = [np.empty(0)], [np.empty((0, len(self.encoder.fields)))]
        for rows in self._embedded(matrix):
            log_odds.append(_network_kernels.log_odds(rows, self._weights))
            difference = log_odds[-1] - base
            parts.append(_network_kernels.contributions(rows, start, difference, self._inputs.first, self._weights))
        return np.concatenate(log_odds), np.concatenate(parts)

    @cached_property
    def _origin(self) -> Callable[[bytes], tuple[SingleArray, float]]:
        """A reference as it goes into the networks, (n_inputs,), and its log-odds."""
        from creditrisk.learners import _network_kernels

        # A scorer has one reference for all rows.
        @lru_cache(maxsize=16)
        def origin(reference: bytes) -> tuple[SingleArray, float]:
            start = next(self._embedded(np.frombuffer(reference)[np.newaxis]))
            return start[0], float(_network_kernels.log_odds(start, self._weights)[0])

        return origin

    def _embedded(self, matrix: FloatArray) -> Iterator[SingleArray]:
        """What goes into the networks, (n_rows, n_inputs) at a time."""
        from creditrisk.learners import _network_kernels

        matrix = np.ascontiguousarray(matrix, dtype=np.float64)
        for first in range(0, len(matrix), CHUNK_ROWS):
            yield _network_kernels.embed(matrix[first : first + CHUNK_ROWS], self._inputs)

    def save(self, folder: Path) -> None:
        """Write `model.dnn.safetensors`."""
        from safetensors.numpy import save_file

        save_file({name: np.ascontiguousarray(getattr(self, name)) for name in _TENSORS}, folder / FILE)

    @cached_property
    def _order(self) -> IntArray:
        """The inputs of the networks, field by field, as the kernels take them; here numbers come first."""
        return np.argsort(input_fields(self.encoder, self.embedding.shape[2]), kind="stable")

    @cached_property
    def _inputs(self) -> Inputs:
        from creditrisk.learners import _network_kernels

        fields = self.encoder.fields
        is_number = np.array([not item.is_category for item in fields])
        belongs_to = input_fields(self.encoder, self.embedding.shape[2])
        return _network_kernels.Inputs(
            first=np.concatenate([[0], np.cumsum(np.bincount(belongs_to, minlength=len(fields)))]),
            number=np.where(is_number, np.cumsum(is_number) - 1, -1),
            is_ordered=np.array([item.is_ordered for item in fields]),
            has_missing=np.array([item.has_missing for item in fields]),
            fill=np.array([item.fill for item in fields], dtype=np.float64),
            low=np.array([item.low for item in fields], dtype=np.float64),
            high=np.array([item.high for item in fields], dtype=np.float64),
            bin_low=np.ascontiguousarray(self.bin_low),
            bin_width=np.ascontiguousarray(self.bin_width),
            embedding=np.ascontiguousarray(self.embedding),
            embedding_bias=np.ascontiguousarray(self.embedding_bias),
        )

    @cached_property
    def _weights(self) -> Weights:
        from creditrisk.learners import _network_kernels

        folded = self.scale_in[:, :, np.newaxis] * self.weights * self.scale_out[:, np.newaxis, :]
        by_input = folded[:, self._order].transpose(1, 0, 2).reshape(len(self.weights), -1)
        return _network_kernels.Weights(
            folded=np.ascontiguousarray(by_input, dtype=np.float32),
            bias=self.hidden_bias.ravel().astype(np.float32),
            output=np.ascontiguousarray(self.output, dtype=np.float32),
            output_bias=np.ascontiguousarray(self.output_bias),
        )


FILE = "model.dnn.safetensors"
_TENSORS = ("bin_low", "bin_width", "embedding", "embedding_bias", "weights", "scale_in", "scale_out", "hidden_bias",
            "output", "output_bias")  # fmt: skip


def defaults(n_rows: int) -> Parameters:
    """Moderate dropout and no early stopping; fewer passes over more rows."""
    is_small, is_large = n_rows <= SMALL_TABLE_ROWS, n_rows >= LARGE_TABLE_ROWS
    return {
        "epochs": 20 if is_small else 12 if is_large else 8,
        "width": 64 if is_small or is_large else 128,
        "n_bins": 8,
        "dropout": 0.3 if is_small or is_large else 0.6,
        "learning_rate": 8e-3 if is_small else 6e-3,
        "weight_decay": 0.3,
    }


def suggest(trial: optuna.Trial, n_rows: int) -> Parameters:
    """Around the defaults."""
    usual = defaults(n_rows)
    return {
        "epochs": usual["epochs"],
        "width": trial.suggest_categorical("width", [64, 96, 128]),
        "n_bins": trial.suggest_int("n_bins", 4, 16),
        "dropout": trial.suggest_float("dropout", 0.1, 0.6),
        "learning_rate": trial.suggest_float("learning_rate", 2e-3, 1e-2, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 0.03, 3.0, log=True),
    }


def steps_per_client(parameters: Parameters) -> float:
    """See `Family.steps_per_client`: by the hidden units of a network.

    Examples
    --------
    >>> steps_per_client({"width": 64})
    1920.0
    """
    return float(parameters["width"]) * NODES_OF_A_UNIT


def device() -> str:
    """Where networks are trained here."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def fit(matrix: FloatArray, target: IntArray, encoder: Encoder, parameters: Parameters, *, seed: int) -> DNNModel:
    """Train all networks at once with AdamW and a falling learning rate, for a fixed number of passes."""
    trained = train(matrix, target, encoder, parameters, seed=seed, device=device())
    arrays: dict[str, Any] = trained.arrays
    return DNNModel(encoder, **arrays, history={"fitted rows, with dropout": trained.losses})


def load(folder: Path, encoder: Encoder) -> DNNModel:
    """Read `model.dnn.safetensors`."""
    tensors = read_tensors(folder / FILE, _TENSORS)
    if tensors["embedding"].ndim != 3 or tensors["weights"].ndim != 2:
        raise ScorerError(f"{FILE} holds arrays of other dimensions than it was written with")
    n_numbers = sum(not item.is_category for item in encoder.fields)
    n_bins, n_embedded = tensors["embedding"].shape[1:]
    n_inputs, width = n_numbers * n_embedded + int(is_flag(encoder).sum()), tensors["weights"].shape[1]
    shapes: dict[str, tuple[int, ...]] = {
        "bin_low": (n_numbers, n_bins),
        "bin_width": (n_numbers, n_bins),
        "embedding": (n_numbers, n_bins, n_embedded),
        "embedding_bias": (n_numbers, n_embedded),
        "weights": (n_inputs, width),
        "scale_in": (N_NETWORKS, n_inputs),
        "scale_out": (N_NETWORKS, width),
        "hidden_bias": (N_NETWORKS, width),
        "output": (N_NETWORKS, width),
        "output_bias": (N_NETWORKS,),
    }
    # Edges of bins are in the fields' own units; all else is near 1, so that no product of them overflows.
    limits = {"bin_low": (-FARTHEST_EDGE, FARTHEST_EDGE), "bin_width": (TINIEST_BIN, FARTHEST_EDGE)}
    for name, shape in shapes.items():
        low, high = limits.get(name, (-MAX_WEIGHT, MAX_WEIGHT))
        strict.array(tensors[name], f"{name} in {FILE}", shape, low=low, high=high)
    arrays: dict[str, Any] = tensors
    return DNNModel(encoder, **arrays)
