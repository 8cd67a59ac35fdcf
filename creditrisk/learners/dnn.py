"""A small neural network: a few one-layer networks trained at once and averaged, on CUDA where there is one.

Training is PyTorch; scoring is plain NumPy, so that the web process never needs PyTorch. Weight decay, not early
stopping, keeps it from learning the noise: on a thousand rows a held-out part would cost more than it tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, logit

from creditrisk.encoding import Encoder, FloatArray, IntArray
from creditrisk.learners import Parameters

if TYPE_CHECKING:
    import optuna

COMPLEXITY = 7

MEMBERS = 8
WIDTH = 64
# Passes over the table, in batches of 64 rows, larger ones where that would be more than 60 a pass.
EPOCHS = 20
BATCH_ROWS = 64
MAX_BATCHES = 60
# Points on the straight line from the reference to the applicant at which the slope is taken (integrated gradients).
# Against 512 points, 16 are off by at most 0.004 in log-odds on German credit, 64 by 0.001 at four times the time.
INTEGRATION_STEPS = 16
# Rows worked on at once when contributions are computed; bounds the memory.
CONTRIBUTION_ROWS = 200


@dataclass(frozen=True)
class DNNModel:
    """Weights of all members: hidden (members, n_design, width), hidden_bias, output (members, width), output_bias."""

    encoder: Encoder
    hidden: FloatArray
    hidden_bias: FloatArray
    output: FloatArray
    output_bias: FloatArray
    reference: FloatArray  # the mean training row of the design, shape (n_design,)
    family: str = "dnn"
    history: Mapping[str, Sequence[float]] = field(default_factory=dict, compare=False)

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """See `Model.log_odds`: the log-odds of the members' mean probability."""
        return self._forward(self.encoder.design(matrix)[:, np.newaxis, :])[0][:, 0]

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """See `Model.contributions`: integrated gradients from the mean training row, summed per field.

        References
        ----------
        Sundararajan, M., Taly, A., Yan, Q. (2017). Axiomatic Attribution for Deep Networks. ICML.
        """
        base = self._forward(self.reference[np.newaxis, np.newaxis, :])[0][0, 0]
        starts = np.flatnonzero(np.diff(self.encoder.design_fields, prepend=-1))
        steps = (np.arange(INTEGRATION_STEPS) + 0.5) / INTEGRATION_STEPS
        parts = []
        for first in range(0, len(matrix), CONTRIBUTION_ROWS):
            way = self.encoder.design(matrix[first : first + CONTRIBUTION_ROWS]) - self.reference
            line = self.reference + steps[:, np.newaxis] * way[:, np.newaxis, :]
            per_field = np.add.reduceat(way * self._gradient(line).mean(axis=1), starts, axis=1)
            # The midpoint sum misses the exact difference by well under 1 %; spread that rest so that the parts add up.
            rest = self.log_odds(matrix[first : first + CONTRIBUTION_ROWS]) - base - per_field.sum(axis=1)
            weight = np.abs(per_field) + 1e-12
            parts.append(per_field + rest[:, np.newaxis] * weight / weight.sum(axis=1, keepdims=True))
        fields = np.concatenate(parts) if parts else np.empty((0, len(self.encoder.fields)))
        return np.column_stack([fields, np.full(len(matrix), base)])

    def save(self, folder: Path) -> None:
        """Write `model.safetensors`."""
        from safetensors.numpy import save_file

        save_file({name: np.ascontiguousarray(getattr(self, name)) for name in _TENSORS}, folder / "model.safetensors")

    def _forward(self, design: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        # design is (n_rows, n_points, n_design). The product runs once per row and member, with the same shape each
        # time, so a row's bits do not depend on its neighbours, which one large product would not promise.
        active = design[:, np.newaxis] @ self.hidden + self.hidden_bias[:, np.newaxis, :]
        np.maximum(active, 0.0, out=active)
        members = expit((active @ self.output[:, :, np.newaxis])[..., 0] + self.output_bias[:, np.newaxis])
        return logit(np.clip(members.mean(axis=1), 1e-9, 1 - 1e-9)), active, members

    def _gradient(self, design: FloatArray) -> FloatArray:
        _, active, members = self._forward(design)
        mean = np.clip(members.mean(axis=1), 1e-9, 1 - 1e-9)
        outer = members * (1 - members) / (len(self.output) * (mean * (1 - mean))[:, np.newaxis])
        inner = (active > 0) * (outer[..., np.newaxis] * self.output[:, np.newaxis, :])
        return np.asarray((inner @ self.hidden.transpose(0, 2, 1)).sum(axis=1))


_TENSORS = ("hidden", "hidden_bias", "output", "output_bias", "reference")


def defaults(n_rows: int) -> Parameters:
    """Strong weight decay and dropout, no early stopping."""
    return {"dropout": 0.5, "learning_rate": 3e-3, "weight_decay": 0.3}


def suggest(trial: optuna.Trial, n_rows: int) -> Parameters:
    """Around the defaults."""
    return {
        "dropout": trial.suggest_float("dropout", 0.2, 0.6),
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 6e-3, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 0.03, 1.0, log=True),
    }


def fit(matrix: FloatArray, target: IntArray, encoder: Encoder, parameters: Parameters, *, seed: int) -> DNNModel:
    """Train all members at once with AdamW and a falling learning rate; each member shuffles the rows its own way."""
    import torch

    dropout = float(parameters["dropout"])
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # Drawn on the CPU, so that the same seed starts the same networks on every device.
    random = torch.Generator().manual_seed(seed)
    design = encoder.design(matrix)
    inputs = torch.tensor(design, dtype=torch.float32, device=device)
    labels = torch.tensor(target, dtype=torch.float32, device=device)
    n_rows, n_design = inputs.shape

    def drawn(*shape: int, scale: float) -> torch.Tensor:
        return (torch.randn(*shape, generator=random) * scale).to(device).requires_grad_()

    hidden = drawn(MEMBERS, n_design, WIDTH, scale=n_design**-0.5)
    output = drawn(MEMBERS, WIDTH, 1, scale=WIDTH**-0.5)
    hidden_bias = torch.zeros(MEMBERS, 1, WIDTH, device=device, requires_grad=True)
    prior = float(logit(target.mean()))
    output_bias = torch.full((MEMBERS, 1, 1), prior, device=device, requires_grad=True)

    batches = int(np.clip(n_rows // BATCH_ROWS, 1, MAX_BATCHES))
    groups: list[dict[str, Any]] = [
        {"params": [hidden, output], "weight_decay": parameters["weight_decay"]},
        {"params": [hidden_bias, output_bias], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=float(parameters["learning_rate"]))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS * batches)
    for _ in range(EPOCHS):
        orders = torch.stack([torch.randperm(n_rows, generator=random) for _ in range(MEMBERS)]).to(device)
        for rows in orders.tensor_split(batches, dim=1):
            active = torch.relu(torch.baddbmm(hidden_bias, inputs[rows], hidden))
            kept = (torch.rand(active.shape, generator=random) >= dropout).to(device) / (1 - dropout)
            log_odds = torch.baddbmm(output_bias, active * kept, output)[..., 0]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(log_odds, labels[rows]) * MEMBERS
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()

    def plain(tensor: torch.Tensor) -> FloatArray:
        return tensor.detach().cpu().numpy().astype(np.float64)

    return DNNModel(
        encoder,
        plain(hidden),
        plain(hidden_bias)[:, 0],
        plain(output)[..., 0],
        plain(output_bias)[:, 0, 0],
        design.mean(axis=0),
    )


def load(folder: Path, encoder: Encoder) -> DNNModel:
    """Read `model.safetensors`."""
    from safetensors.numpy import load_file

    tensors = load_file(folder / "model.safetensors")
    hidden, hidden_bias, output, output_bias, reference = (tensors[name] for name in _TENSORS)
    return DNNModel(encoder, hidden, hidden_bias, output, output_bias, reference)
