"""The network trained on a CPU and on CUDA: seconds, AUC on held-out applicants, how far apart their log-odds are.

    .venv/bin/python -m tests.bench.network_on_cuda [ROWS …]

Says so and ends with 1 where there is no CUDA. Needs of the libraries only NumPy, SciPy, scikit-learn, Polars, PyTorch,
numba and pydantic.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from creditrisk.arrays import FloatArray
from creditrisk.datasets import load_schema
from creditrisk.encoding import fit_encoder
from creditrisk.learners import dnn
from creditrisk.learners._network_fit import train
from creditrisk.metrics import auc
from creditrisk.simulator import simulate

ROWS = (700, 2_000, 24_000, 100_000)
HELD_OUT = 20_000


def main(sizes: tuple[int, ...]) -> None:
    """Train on each number of rows: twice on CUDA, whose first time starts its libraries, and once on the CPU."""
    frame = simulate(max(sizes) + HELD_OUT, seed=7)
    encoder = fit_encoder(frame, load_schema("simulated"))
    matrix, target = encoder.matrix(frame), frame["default"].to_numpy().astype(np.int64)
    for n_rows in sizes:
        log_odds: dict[str, list[FloatArray]] = {"cuda": [], "cpu": []}
        for device in ("cuda", "cuda", "cpu"):
            started = time.perf_counter()
            trained = train(matrix[:n_rows], target[:n_rows], encoder, dnn.defaults(n_rows), seed=3, device=device)
            seconds = time.perf_counter() - started
            model = dnn.DNNModel(encoder, **trained.arrays)
            log_odds[device].append(model.log_odds(matrix[-HELD_OUT:]))
            area = auc(log_odds[device][-1], target[-HELD_OUT:])
            print(f"{n_rows:9,} rows  {device:4}  {seconds:6.2f} s  AUC {area:.4f}", flush=True)
        first, again = log_odds["cuda"]
        apart = np.abs(log_odds["cpu"][0] - first).mean()
        same = "the same bits twice" if (first == again).all() else "OTHER BITS the second time"
        print(f"{'':9} CUDA gives {same}; its log-odds are {apart:.4f} from the CPU's on average", flush=True)


if __name__ == "__main__":
    if not torch.cuda.is_available():
        sys.exit("There is no CUDA device here that PyTorch can use: nothing to compare.")
    main(tuple(int(rows.replace(",", "").replace("_", "")) for rows in sys.argv[1:]) or ROWS)
