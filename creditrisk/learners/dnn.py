"""A deep network for tables: TabM with piecewise-linear embeddings, on CUDA where there is one.

Many small networks in one: they share a weight matrix, and each has scalings of its own before and after it, so that
they cost little more than one and err differently. A number enters as its position in quantile bins, through a small
embedding of its own; a category as it does in the encoder's design. Training is PyTorch; scoring is plain NumPy, so
that the web process never needs PyTorch. How its size and shrinkage were chosen is in docs/models.md.

References
----------
Gorishniy, Y., Kotelnikov, A., Babenko, A. (2025). TabM: Advancing Tabular Deep Learning with Parameter-Efficient
Ensembling. ICLR.
Gorishniy, Y., Rubachev, I., Babenko, A. (2022). On Embeddings for Numerical Features in Tabular Deep Learning. NeurIPS.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from creditrisk import strict
from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.errors import ScorerError
from creditrisk.learners._protocol import Fitted, Parameters
from creditrisk.learners._structure import read_tensors

if TYPE_CHECKING:
    import optuna
    import torch

COMPLEXITY = 7

N_NETWORKS = 16
# Inputs that all numbers take together, each of them between two and eight: a hundred fields that took eight each would
# let a few thousand rows be learnt by heart.
EMBEDDED_INPUTS = 160
# Up to here a table is small; from the second on it is large.
SMALL_TABLE_ROWS = 2_000
LARGE_TABLE_ROWS = 5_000
BATCH_ROWS = 64
MAX_BATCHES = 60
# Points on the straight line from the reference to the applicant at which the slope is taken (integrated gradients).
INTEGRATION_STEPS = 16
# Rows scored and explained at once; bounds the memory.
CHUNK_ROWS = 200
# So many rows at once when the mean of what goes into the networks is taken.
REFERENCE_ROWS = 4_000
# PDs are held this far from 0 and 1.
CERTAINTY = 1e-9
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
    (n_networks, width), and the biases and heads of each. `reference` is the mean embedded training row (n_inputs,).
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
    reference: FloatArray
    family: str = "dnn"

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """See `Model.log_odds`: the log-odds of the networks' mean probability."""
        parts = [
            self._finish(self._hidden(self._embed(matrix[first : first + CHUNK_ROWS])))[0]
            for first in range(0, len(matrix), CHUNK_ROWS)
        ]
        return np.concatenate([np.empty(0), *parts])

    def explained(self, matrix: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See `Model.explained`: integrated gradients from the reference, summed per field.

        The line is drawn between embedded rows. Along it the hidden layer's input changes evenly, so the large product
        is needed at its two ends only.

        References
        ----------
        Sundararajan, M., Taly, A., Yan, Q. (2017). Axiomatic Attribution for Deep Networks. ICML.
        """
        origin = self._embed(reference[np.newaxis])
        start = self._hidden(origin)
        base = float(self._finish(start)[0][0])
        fields = input_fields(self.encoder, self.embedding.shape[2])
        order = np.argsort(fields, kind="stable")
        starts = np.flatnonzero(np.diff(fields[order], prepend=-1))
        parts = [np.empty((0, len(self.encoder.fields)))]
        for first in range(0, len(matrix), CHUNK_ROWS):
            embedded = self._embed(matrix[first : first + CHUNK_ROWS])
            end = self._hidden(embedded)
            slope = np.zeros_like(end)
            for step in (np.arange(INTEGRATION_STEPS) + 0.5) / INTEGRATION_STEPS:
                slope += self._slope(start + step * (end - start)) / INTEGRATION_STEPS
            gradient = (slope[:, :, np.newaxis] @ self._folded.transpose(0, 2, 1))[:, :, 0].sum(axis=1)
            per_input = (embedded - origin) * gradient
            per_field = np.add.reduceat(per_input[:, order], starts, axis=1)
            # The midpoint sum misses the exact difference by well under 1 %; spread that rest so that the parts add up.
            rest = self._finish(end)[0] - base - per_field.sum(axis=1)
            weight = np.abs(per_field) + 1e-12
            parts.append(per_field + rest[:, np.newaxis] * weight / weight.sum(axis=1, keepdims=True))
        return self.log_odds(matrix), np.concatenate(parts)

    def save(self, folder: Path) -> None:
        """Write `model.dnn.safetensors`."""
        from safetensors.numpy import save_file

        save_file({name: np.ascontiguousarray(getattr(self, name)) for name in _TENSORS}, folder / FILE)

    @cached_property
    def _folded(self) -> FloatArray:
        """The weights as each network sees them, (n_networks, n_inputs, width)."""
        folded: FloatArray = self.scale_in[:, :, np.newaxis] * self.weights * self.scale_out[:, np.newaxis, :]
        return folded

    def _embed(self, matrix: FloatArray) -> FloatArray:
        numbers, others = split_inputs(self.encoder, matrix)
        bins = np.clip((numbers[:, :, np.newaxis] - self.bin_low) / self.bin_width, 0.0, 1.0)
        # One small product for each row and field, and below for each row and network: always of the same shape, so a
        # row's bits do not depend on its neighbours, which one large product would not promise.
        embedded = (bins[:, :, np.newaxis, :] @ self.embedding)[:, :, 0] + self.embedding_bias
        return np.column_stack([np.maximum(embedded, 0.0).reshape(len(matrix), -1), others])

    def _hidden(self, embedded: FloatArray) -> FloatArray:
        """What goes into the hidden layer's activation, (n_rows, n_networks, width)."""
        product: FloatArray = (embedded[:, np.newaxis, np.newaxis, :] @ self._folded)[:, :, 0] + self.hidden_bias
        return product

    def _finish(self, hidden: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log-odds of the mean probability, (n_rows,), and each network's probability, (n_rows, n_networks)."""
        active = np.maximum(hidden, 0.0)
        each = expit((active[:, :, np.newaxis] @ self.output[:, :, np.newaxis])[:, :, 0, 0] + self.output_bias)
        return logit(np.clip(each.mean(axis=1), CERTAINTY, 1 - CERTAINTY)), each

    def _slope(self, hidden: FloatArray) -> FloatArray:
        """How fast the log-odds rise with what goes into the hidden layer, shape of `hidden`."""
        each = self._finish(hidden)[1]
        mean = np.clip(each.mean(axis=1, keepdims=True), CERTAINTY, 1 - CERTAINTY)
        outer = each * (1 - each) / (N_NETWORKS * mean * (1 - mean))
        slope: FloatArray = (hidden > 0) * outer[:, :, np.newaxis] * self.output
        return slope


FILE = "model.dnn.safetensors"
_TENSORS = ("bin_low", "bin_width", "embedding", "embedding_bias", "weights", "scale_in", "scale_out", "hidden_bias",
            "output", "output_bias", "reference")  # fmt: skip


def defaults(n_rows: int) -> Parameters:
    """Moderate dropout and no early stopping; fewer passes over more rows."""
    is_small, is_large = n_rows <= SMALL_TABLE_ROWS, n_rows >= LARGE_TABLE_ROWS
    return {
        "epochs": 20 if is_small else 12 if is_large else 8,
        "width": 64 if is_large else 128,
        "n_bins": 8,
        "dropout": 0.3 if is_small or is_large else 0.6,
        "learning_rate": 6e-3,
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


def device() -> str:
    """Where networks are trained here."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def fit(matrix: FloatArray, target: IntArray, encoder: Encoder, parameters: Parameters, *, seed: int) -> DNNModel:
    """Train all networks at once with AdamW and a falling learning rate, in batches of 64 rows.

    In larger ones where that would be more than 60 a pass.
    """
    import torch

    torch.set_num_threads(1)
    # Drawn on the CPU, so that the same seed starts the same networks on every device.
    random = torch.Generator().manual_seed(seed)
    numbers, others = split_inputs(encoder, matrix)
    bin_low, bin_width = quantile_bins(numbers, int(parameters["n_bins"]))
    inputs = _Inputs(torch.from_numpy(_binned(numbers, bin_low, bin_width)).to(device()), _fixed(others))
    networks = _draw(inputs, int(parameters["width"]), float(target.mean()), random)
    losses = _descend(networks, inputs, _fixed(target), parameters, random)
    with torch.no_grad():
        parts = torch.split(torch.arange(inputs.n_rows, device=device()), REFERENCE_ROWS)
        sums = [networks.embed(inputs, rows).double().sum(dim=0) for rows in parts]
        reference = torch.stack(sums).sum(dim=0) / inputs.n_rows
    return DNNModel(
        encoder,
        bin_low,
        bin_width,
        _plain(networks.embedding),
        _plain(networks.embedding_bias),
        _plain(networks.weights),
        _plain(networks.scale_in)[:, 0],
        _plain(networks.scale_out)[:, 0],
        _plain(networks.hidden_bias)[:, 0],
        _plain(networks.output)[..., 0],
        _plain(networks.output_bias)[:, 0, 0],
        _plain(reference),
        history={"fitted rows, with dropout": losses},
    )


@dataclass(frozen=True)
class _Inputs:
    """The fitted rows: how far numbers fill their bins, (n_rows, n_numbers, n_bins), and columns of 0 and 1."""

    bins: torch.Tensor
    others: torch.Tensor

    @property
    def n_rows(self) -> int:
        return len(self.bins)


@dataclass(frozen=True)
class _Networks:
    """The weights of all networks while they are trained; see `DNNModel`, whose arrays have fewer axes of length 1."""

    embedding: torch.Tensor
    embedding_bias: torch.Tensor
    weights: torch.Tensor
    scale_in: torch.Tensor
    scale_out: torch.Tensor
    hidden_bias: torch.Tensor
    output: torch.Tensor
    output_bias: torch.Tensor

    def embed(self, inputs: _Inputs, rows: torch.Tensor) -> torch.Tensor:
        """What goes into the networks, (n_rows, n_inputs)."""
        import torch

        embedded = torch.relu(torch.einsum("rfb,fbe->rfe", inputs.bins[rows], self.embedding) + self.embedding_bias)
        return torch.cat([embedded.flatten(1), inputs.others[rows]], dim=1)

    def log_odds(self, embedded: torch.Tensor, dropout: float, random: torch.Generator) -> torch.Tensor:
        """Each network's log-odds with a share of its hidden layer left out, (n_networks, n_rows)."""
        import torch

        active = torch.relu((embedded * self.scale_in) @ self.weights * self.scale_out + self.hidden_bias)
        kept = (torch.rand(active.shape, generator=random) >= dropout).to(active.device) / (1 - dropout)
        return torch.baddbmm(self.output_bias, active * kept, self.output)[..., 0]


def _binned(numbers: FloatArray, low: FloatArray, width: FloatArray) -> NDArray[np.float32]:
    """How far each number fills each of its bins, 0 to 1, (n_rows, n_numbers, n_bins)."""
    bins = np.empty((*numbers.shape, low.shape[1]), dtype=np.float32)
    for index in range(numbers.shape[1]):  # one number at a time: all at once would be as large as many tables
        bins[:, index] = np.clip((numbers[:, index, np.newaxis] - low[index]) / width[index], 0.0, 1.0)
    return bins


def _draw(inputs: _Inputs, width: int, bad_rate: float, random: torch.Generator) -> _Networks:
    """Networks before training: random but for their scalings and biases, at the table's bad rate."""
    import torch

    def drawn(*shape: int, scale: float) -> torch.Tensor:
        return (torch.randn(*shape, generator=random) * scale).to(device()).requires_grad_()

    _, n_numbers, n_bins = inputs.bins.shape
    n_embedded = int(np.clip(EMBEDDED_INPUTS // max(n_numbers, 1), 2, 8))
    n_inputs = n_numbers * n_embedded + inputs.others.shape[1]
    # Drawn in the order in which they stand here.
    return _Networks(
        embedding=drawn(n_numbers, n_bins, n_embedded, scale=n_bins**-0.5),
        embedding_bias=_fixed(np.zeros((n_numbers, n_embedded))).requires_grad_(),
        weights=drawn(n_inputs, width, scale=n_inputs**-0.5),
        scale_in=drawn(N_NETWORKS, 1, n_inputs, scale=1.0),
        scale_out=_fixed(np.ones((N_NETWORKS, 1, width))).requires_grad_(),
        hidden_bias=_fixed(np.zeros((N_NETWORKS, 1, width))).requires_grad_(),
        output=drawn(N_NETWORKS, width, 1, scale=width**-0.5),
        output_bias=_fixed(np.full((N_NETWORKS, 1, 1), logit(bad_rate))).requires_grad_(),
    )


def _descend(
    networks: _Networks, inputs: _Inputs, target: torch.Tensor, parameters: Parameters, random: torch.Generator
) -> list[float]:
    """Train the networks where they are; their mean log loss in each pass, with dropout."""
    import torch

    epochs, dropout = int(parameters["epochs"]), float(parameters["dropout"])
    groups: list[dict[str, Any]] = [
        {
            "params": [networks.embedding, networks.weights, networks.output],
            "weight_decay": parameters["weight_decay"],
        },
        {
            "params": [networks.embedding_bias, networks.scale_in, networks.scale_out, networks.hidden_bias,
                       networks.output_bias],
            "weight_decay": 0.0,
        },
    ]  # fmt: skip
    optimiser = torch.optim.AdamW(groups, lr=float(parameters["learning_rate"]))
    batches = int(np.clip(inputs.n_rows // BATCH_ROWS, 1, MAX_BATCHES))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * batches)
    losses = []
    for _ in range(epochs):
        seen = torch.zeros((), device=device())
        for rows in torch.randperm(inputs.n_rows, generator=random).to(device()).tensor_split(batches):
            log_odds = networks.log_odds(networks.embed(inputs, rows), dropout, random)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(log_odds, target[rows].expand_as(log_odds))
            optimiser.zero_grad()
            torch.autograd.backward(loss * N_NETWORKS)  # the sum of the networks' own losses
            optimiser.step()
            schedule.step()
            seen += loss.detach() * len(rows) / inputs.n_rows
        losses.append(float(seen))
    return losses


def _fixed(array: NDArray[Any]) -> torch.Tensor:
    import torch

    return torch.tensor(array, dtype=torch.float32, device=device())


def _plain(tensor: torch.Tensor) -> FloatArray:
    values: FloatArray = tensor.detach().cpu().numpy().astype(np.float64)
    return values


def load(folder: Path, encoder: Encoder) -> DNNModel:
    """Read `model.dnn.safetensors`."""
    tensors = read_tensors(folder / FILE, _TENSORS)
    if tensors["embedding"].ndim != 3 or tensors["weights"].ndim != 2:
        raise ScorerError(f"{FILE} holds arrays of other dimensions than it was written with")
    n_numbers = sum(not item.is_category for item in encoder.fields)
    n_bins, n_embedded = tensors["embedding"].shape[1:]
    n_inputs, width = n_numbers * n_embedded + int(_is_flag(encoder).sum()), tensors["weights"].shape[1]
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
        "reference": (n_inputs,),
    }
    # Edges of bins are in the fields' own units; all else is near 1, so that no product of them overflows.
    limits = {"bin_low": (-FARTHEST_EDGE, FARTHEST_EDGE), "bin_width": (TINIEST_BIN, FARTHEST_EDGE)}
    for name, shape in shapes.items():
        low, high = limits.get(name, (-MAX_WEIGHT, MAX_WEIGHT))
        strict.array(tensors[name], f"{name} in {FILE}", shape, low=low, high=high)
    arrays: dict[str, Any] = tensors
    return DNNModel(encoder, **arrays)


def split_inputs(encoder: Encoder, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The numbers, filled and held within their limits, (n_rows, n_numbers), and the design's columns of 0 and 1."""
    numeric = [index for index, item in enumerate(encoder.fields) if not item.is_category]
    fill, low, high = (
        np.array([getattr(encoder.fields[index], name) for index in numeric]) for name in ("fill", "low", "high")
    )
    numbers = matrix[:, numeric]
    numbers = np.clip(np.where(np.isnan(numbers), fill, numbers), low, high)
    return numbers, encoder.design(matrix)[:, _is_flag(encoder)]


def input_fields(encoder: Encoder, n_embedded: int) -> IntArray:
    """For each input of the networks, the position of the field it belongs to."""
    numeric = [index for index, item in enumerate(encoder.fields) if not item.is_category]
    return np.concatenate([np.repeat(numeric, n_embedded), encoder.design_fields[_is_flag(encoder)]]).astype(np.int64)


def quantile_bins(numbers: FloatArray, n_bins: int) -> tuple[FloatArray, FloatArray]:
    """Lower edge and width of each number's bins, (n_numbers, n_bins): quantiles, so that each holds as many rows.

    A number with fewer different values has fewer bins; those that are left over lie beyond every value.
    """
    n_numbers = numbers.shape[1]
    low, width = np.full((n_numbers, n_bins), np.inf), np.ones((n_numbers, n_bins))
    for index in range(n_numbers):
        edges = np.unique(np.quantile(numbers[:, index], np.linspace(0.0, 1.0, n_bins + 1)))
        low[index, : len(edges) - 1], width[index, : len(edges) - 1] = edges[:-1], np.diff(edges)
    # Finite, so that it survives every file format; no limit of a number comes near.
    return np.where(np.isinf(low), np.finfo(np.float32).max, low), width


def _is_flag(encoder: Encoder) -> NDArray[np.bool_]:
    """Which columns of the design are 0 or 1: those of categories, and the flags of missing numbers."""
    return np.concatenate(
        [np.arange(item.width) >= (0 if item.is_category else 1) for item in encoder.fields] or [np.empty(0, bool)]
    ).astype(bool)
