"""The network's training, in PyTorch, on CUDA where there is one.

On a CPU most of the time goes to three large products a batch: forward, and backward to the weights and to the
embeddings. Everything else is kept small beside them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.learners._network_inputs import quantile_bins, split_inputs
from creditrisk.learners._protocol import Parameters

if TYPE_CHECKING:
    import torch

N_NETWORKS = 16
# Inputs that all numbers take together, each of them between two and eight: a hundred fields that took eight each would
# let a few thousand rows be learnt by heart.
EMBEDDED_INPUTS = 160
BATCH_ROWS = 64
MAX_BATCHES = 60


@dataclass(frozen=True)
class Trained:
    """The arrays of a `DNNModel`, by their names there, and the mean log loss of each pass, with dropout."""

    arrays: dict[str, FloatArray]
    losses: list[float]


def train(
    matrix: FloatArray, target: IntArray, encoder: Encoder, parameters: Parameters, *, seed: int, device: str
) -> Trained:
    """Train all networks at once with AdamW and a falling learning rate, in batches of 64 rows.

    In larger ones where that would be more than 60 a pass.
    """
    import torch

    torch.set_num_threads(1)
    # Drawn on the CPU, so that the same seed starts the same networks on every device.
    random = torch.Generator().manual_seed(seed)
    numbers, others = split_inputs(encoder, matrix)
    bin_low, bin_width = quantile_bins(numbers, int(parameters["n_bins"]))
    inputs = _Inputs(torch.from_numpy(_binned(numbers, bin_low, bin_width)).to(device), _fixed(others, device))
    networks = _draw(inputs, int(parameters["width"]), float(target.mean()), random)
    losses = _descend(networks, inputs, _fixed(target, device), parameters, random)
    arrays = {item.name: _plain(getattr(networks, item.name)) for item in fields(networks)}
    arrays["scale_in"] = np.ascontiguousarray(arrays["scale_in"].T)
    return Trained({"bin_low": bin_low, "bin_width": bin_width, **arrays}, losses)


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
    """The weights of all networks while they are trained; see `DNNModel`. Here `scale_in` is (n_inputs, n_networks)."""

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

        products = torch.bmm(inputs.bins[rows].transpose(0, 1), self.embedding).transpose(0, 1)
        embedded = torch.relu(products + self.embedding_bias)
        return torch.cat([embedded.flatten(1), inputs.others[rows]], dim=1)

    def log_odds(self, embedded: torch.Tensor, dropout: float, random: torch.Generator) -> torch.Tensor:
        """Each network's log-odds with a share of its hidden layer left out, (n_rows, n_networks).

        The scalings before the layer go to its weights, so that one product does for all networks; so does one with the
        heads, each in a column of its own between zeros.
        """
        import torch

        folded = self.scale_in.unsqueeze(2) * self.weights.unsqueeze(1)
        hidden = torch.addcmul(self.hidden_bias.flatten(), embedded @ folded.flatten(1), self.scale_out.flatten())
        active = torch.relu(hidden) * _kept(hidden, dropout, random)
        own = torch.eye(N_NETWORKS, device=hidden.device) / (1 - dropout)
        heads = (self.output.unsqueeze(2) * own.unsqueeze(1)).flatten(0, 1)
        return torch.addmm(self.output_bias, active, heads)


def _kept(hidden: torch.Tensor, dropout: float, random: torch.Generator) -> torch.Tensor:
    """1 where the layer is kept, 0 where it is left out.

    By a random byte each: to draw a number for each would take as long as the product.
    """
    import torch

    words = torch.empty((hidden.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None, generator=random)
    drawn = words.view(torch.uint8)[: hidden.numel()].view(hidden.shape).to(hidden.device)
    # As numbers of the layer's own kind: bytes are compared one by one.
    return drawn.to(hidden.dtype).ge_(round(dropout * 256))


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
        return (torch.randn(*shape, generator=random) * scale).to(inputs.bins.device).requires_grad_()

    def filled(*shape: int, value: float = 0.0) -> torch.Tensor:
        return torch.full(shape, value, device=inputs.bins.device).requires_grad_()

    _, n_numbers, n_bins = inputs.bins.shape
    n_embedded = int(np.clip(EMBEDDED_INPUTS // max(n_numbers, 1), 2, 8))
    n_inputs = n_numbers * n_embedded + inputs.others.shape[1]
    # Drawn in the order in which they stand here.
    return _Networks(
        embedding=drawn(n_numbers, n_bins, n_embedded, scale=n_bins**-0.5),
        embedding_bias=filled(n_numbers, n_embedded),
        weights=drawn(n_inputs, width, scale=n_inputs**-0.5),
        scale_in=drawn(n_inputs, N_NETWORKS, scale=1.0),
        scale_out=filled(N_NETWORKS, width, value=1.0),
        hidden_bias=filled(N_NETWORKS, width),
        output=drawn(N_NETWORKS, width, scale=width**-0.5),
        output_bias=filled(N_NETWORKS, value=float(logit(bad_rate))),
    )


class AdamW:
    """AdamW over some tensors by PyTorch's own function; its class imports a compiler, a second in each process.

    References
    ----------
    Loshchilov, I., Hutter, F. (2019). Decoupled Weight Decay Regularization. ICLR.
    """

    def __init__(self, tensors: list[torch.Tensor], weight_decay: float) -> None:
        import torch

        self._tensors, self._weight_decay = tensors, weight_decay
        self._means, self._squares = ([torch.zeros_like(tensor) for tensor in tensors] for _ in range(2))
        self._steps = [torch.zeros((), device=tensor.device) for tensor in tensors]

    def step(self, learning_rate: float) -> None:
        """Move the tensors by their gradients, which are used up."""
        import torch
        from torch.optim.adamw import adamw

        gradients = [tensor.grad for tensor in self._tensors if tensor.grad is not None]
        with torch.no_grad():
            adamw(
                self._tensors, gradients, self._means, self._squares, [], self._steps, fused=True, amsgrad=False,
                beta1=0.9, beta2=0.999, lr=learning_rate, weight_decay=self._weight_decay, eps=1e-8, maximize=False,
            )  # fmt: skip
        for tensor in self._tensors:
            tensor.grad = None


def falling_rates(start: float, n_steps: int) -> Iterator[float]:
    """Learning rates that fall from a start to nothing along half a cosine."""
    heights = [1 + math.cos(math.pi * step / n_steps) for step in range(n_steps + 1)]
    for height, following in pairwise(heights):
        yield start
        start *= following / height


def _descend(
    networks: _Networks, inputs: _Inputs, target: torch.Tensor, parameters: Parameters, random: torch.Generator
) -> list[float]:
    """Train the networks where they are; their mean log loss in each pass, with dropout."""
    import torch

    epochs, dropout = int(parameters["epochs"]), float(parameters["dropout"])
    batches = int(np.clip(inputs.n_rows // BATCH_ROWS, 1, MAX_BATCHES))
    decayed = [networks.embedding, networks.weights, networks.output]
    others = [networks.embedding_bias, networks.scale_in, networks.scale_out, networks.hidden_bias,
              networks.output_bias]  # fmt: skip
    groups = (AdamW(decayed, float(parameters["weight_decay"])), AdamW(others, 0.0))
    rates = falling_rates(float(parameters["learning_rate"]), epochs * batches)
    losses = []
    for _ in range(epochs):
        seen = torch.zeros((), device=target.device)
        for rows in torch.randperm(inputs.n_rows, generator=random).to(target.device).tensor_split(batches):
            log_odds = networks.log_odds(networks.embed(inputs, rows), dropout, random)
            told = target[rows, np.newaxis].expand_as(log_odds)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(log_odds, told)
            torch.autograd.backward(loss * N_NETWORKS)  # the sum of the networks' own losses
            rate = next(rates)
            for group in groups:
                group.step(rate)
            seen += loss.detach() * len(rows) / inputs.n_rows
        losses.append(float(seen))
    return losses


def _fixed(array: NDArray[Any], device: str) -> torch.Tensor:
    import torch

    return torch.tensor(array, dtype=torch.float32, device=device)


def _plain(tensor: torch.Tensor) -> FloatArray:
    values: FloatArray = tensor.detach().cpu().numpy().astype(np.float64)
    return values
