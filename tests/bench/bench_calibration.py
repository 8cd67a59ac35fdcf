"""Which calibration for how many rows: `python tests/bench/bench_calibration.py [repeats]`.

A model is fitted on applicants of the simulated lender, calibrated on others by each method, and judged on 20,000 more;
the table in docs/calibration.md comes from here. Applicants are drawn in any order, so that nothing drifts.
"""

from __future__ import annotations

import sys

import numpy as np

from creditrisk.calibration import Calibration, fit_beta, fit_isotonic, fit_platt
from creditrisk.datasets.simulated import SCHEMA
from creditrisk.encoding import fit_encoder
from creditrisk.evaluation import auc, calibration_error, log_loss
from creditrisk.learners import family
from creditrisk.simulator import simulate

FAMILIES = ("logistic_regression", "random_forest", "lightgbm")
METHODS = (fit_platt, fit_beta, fit_isotonic)
SIZES = (1_000, 2_000, 5_000, 10_000, 20_000)
N_FIT, N_JUDGE = 15_000, 20_000


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    found: dict[tuple[str, int, str], list[tuple[float, ...]]] = {}
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        table = simulate(N_FIT + max(SIZES) + N_JUDGE, seed=seed)
        table = table[rng.permutation(table.height)]
        target = table["default"].to_numpy().astype(np.int64)
        encoder = fit_encoder(table[:N_FIT], SCHEMA)
        matrix = encoder.matrix(table)
        for name in FAMILIES:
            module = family(name)
            fitted = module.fit(matrix[:N_FIT], target[:N_FIT], encoder, module.defaults(N_FIT), seed=seed)
            scores = fitted.log_odds(matrix[N_FIT:])
            judge, outcomes = scores[-N_JUDGE:], target[-N_JUDGE:]
            for size in SIZES:
                for method in METHODS:
                    made: Calibration = method(scores[:size], target[N_FIT : N_FIT + size])
                    prob_default = made.prob_default(judge)
                    figures = (
                        auc(prob_default, outcomes),
                        float(np.mean((prob_default - outcomes) ** 2)),
                        log_loss(prob_default, outcomes),
                        calibration_error(prob_default, outcomes),
                    )
                    found.setdefault((name, size, made.method), []).append(figures)
    print("| family | rows | method | AUC | Brier | log loss | ECE |\n| --- | --- | --- | --- | --- | --- | --- |")
    for (name, size, method_name), rows in found.items():
        area, brier, loss, error = np.mean(rows, axis=0)
        print(f"| {name} | {size:,} | {method_name} | {area:.4f} | {brier:.5f} | {loss:.5f} | {error:.4f} |")


if __name__ == "__main__":
    main()
