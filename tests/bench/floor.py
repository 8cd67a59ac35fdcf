"""The least that scoring a file can cost: Polars reads it, each member's own library predicts; prints seconds as JSON.

    .venv/bin/python -m tests.bench.floor clients.csv simulated

Libraries may use all cores. Loading the model and encoding the rows do not count.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from creditrisk.arrays import FloatArray
from creditrisk.encoding import Encoder
from creditrisk.settings import read_settings
from riskometer.bench import champion_to_measure

BLOCK_ROWS = 10_000


def main(path: str, dataset: str) -> None:
    """Measure and print."""
    scorer = champion_to_measure(read_settings().model_copy(update={"dataset": dataset})).scorer
    seconds = {}
    started = time.perf_counter()
    clients = pl.read_csv(path, try_parse_dates=True, infer_schema_length=10_000)
    seconds["reading"] = time.perf_counter() - started
    matrix = scorer.encoder.matrix(clients)
    for member in getattr(scorer.model, "members", (scorer.model,)):
        predict = _bare(member, scorer.encoder)
        started = time.perf_counter()
        for first in range(0, len(matrix), BLOCK_ROWS):
            predict(matrix[first : first + BLOCK_ROWS])
        seconds[member.family] = time.perf_counter() - started
    print(json.dumps({name: round(value, 3) for name, value in seconds.items()}))


def _bare(model: Any, encoder: Encoder) -> Callable[[FloatArray], object]:
    """The prediction of a fitted model by the library it was fitted with, and nothing around it."""
    if model.family == "xgboost":
        import xgboost

        booster = xgboost.Booster(model_file=bytearray(model.text.encode()))
        return lambda matrix: booster.predict(xgboost.DMatrix(matrix), output_margin=True)
    if model.family == "dnn":
        return _torch_forward(model, encoder)
    if hasattr(model, "text"):
        import lightgbm

        booster = lightgbm.Booster(model_str=model.text)
        return lambda matrix: booster.predict(matrix, raw_score=True)
    return model.log_odds  # a linear model is one product


def _torch_forward(model: Any, encoder: Encoder) -> Callable[[FloatArray], object]:
    """The networks' forward pass in single precision, as PyTorch would serve it; their inputs are made beforehand."""
    import torch

    folded = torch.tensor(np.asarray(model.weights)[np.newaxis] * np.asarray(model.scale_in)[:, :, np.newaxis],
                          dtype=torch.float32)  # fmt: skip
    scale, bias = (torch.tensor(np.asarray(item), dtype=torch.float32) for item in (model.scale_out, model.hidden_bias))
    output = torch.tensor(np.asarray(model.output), dtype=torch.float32)
    inputs = torch.rand(BLOCK_ROWS, folded.shape[1])

    def predict(matrix: FloatArray) -> object:
        with torch.no_grad():
            hidden = torch.relu(inputs[: len(matrix)] @ folded * scale[:, None] + bias[:, None])
            return torch.sigmoid(torch.einsum("nrw,nw->rn", hidden, output)).mean(dim=1)

    return predict


if __name__ == "__main__":
    main(*sys.argv[1:])
