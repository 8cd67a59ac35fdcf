"""Which calibration for how many rows: `.venv/bin/python tests/bench/bench_calibration.py [repeats] [dataset source]`.

A model is fitted on a part of the applicants, calibrated on others by each method and by `fit_calibration`, and judged
on the rest; the tables in docs/calibration.md come from here. Without a dataset the applicants are the simulated
lender's. They are taken in any order, so that nothing drifts.
"""

from __future__ import annotations

import sys

import numpy as np
import polars as pl

from creditrisk import datasets
from creditrisk.encoding import fit_encoder
from creditrisk.learners import family
from creditrisk.metrics import auc, calibration_error, log_loss
from creditrisk.quality import check
from creditrisk.schema import Schema
from creditrisk.scoring import Calibration, fit_calibration, fit_platt
from creditrisk.scoring.calibration import fit_beta, fit_isotonic
from creditrisk.simulator import simulate

FAMILIES = ("logistic_regression", "random_forest", "lightgbm")
METHODS = {"platt": fit_platt, "beta": fit_beta, "isotonic": fit_isotonic, "as chosen": fit_calibration}
SIZES = (1_000, 5_000, 10_500, 15_000)
N_SIMULATED = 55_000


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    found: dict[tuple[str, int, str], list[tuple[float, ...]]] = {}
    for seed in range(repeats):
        table, schema = applicants(seed)
        table = table[np.random.default_rng(seed).permutation(table.height)]
        # Of a hundred 27 teach, 36 calibrate, 37 judge.
        n_fit, n_known = int(0.27 * table.height), int(0.63 * table.height)
        target = table["default"].to_numpy().astype(np.int64)
        encoder = fit_encoder(table[:n_fit], schema)
        matrix = encoder.matrix(table)
        for name in FAMILIES:
            module = family(name)
            fitted = module.fit(matrix[:n_fit], target[:n_fit], encoder, module.defaults(n_fit), seed=seed)
            scores = fitted.log_odds(matrix)
            judge, outcomes = scores[n_known:], target[n_known:]
            for size in (size for size in SIZES if n_fit + size <= n_known):
                for method_name, method in METHODS.items():
                    made: Calibration = method(scores[n_fit : n_fit + size], target[n_fit : n_fit + size])
                    prob_default = made.prob_default(judge)
                    figures = (
                        auc(prob_default, outcomes),
                        float(np.mean((prob_default - outcomes) ** 2)),
                        log_loss(prob_default, outcomes),
                        calibration_error(prob_default, outcomes),
                    )
                    found.setdefault((name, size, method_name), []).append(figures)
    print("| family | rows | method | AUC | Brier | log loss | ECE |\n| --- | --- | --- | --- | --- | --- | --- |")
    for (name, size, label), rows in found.items():
        area, brier, loss, error = np.mean(rows, axis=0)
        print(f"| {name} | {size:,} | {label} | {area:.4f} | {brier:.5f} | {loss:.5f} | {error:.4f} |")


def applicants(seed: int) -> tuple[pl.DataFrame, Schema]:
    name, source = sys.argv[2:4] if len(sys.argv) > 3 else ("simulated", None)
    schema = datasets.load_schema(name)
    if source is None:
        return simulate(N_SIMULATED, seed=seed), schema
    return check(datasets.read(name, source), schema, with_target=True).accepted, schema


if __name__ == "__main__":
    main()
