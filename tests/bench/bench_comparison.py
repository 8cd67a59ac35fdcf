"""How often the verdict is right: `.venv/bin/python tests/bench/bench_comparison.py [comparisons] [rows]`.

Equal models must hardly ever be promoted, better ones often; the table in docs/comparison.md comes from here. Rows are
drawn from applicants of the simulated lender, whose outcomes are known, and from PDs of known truth.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from time import perf_counter

import lightgbm as lgb
import numpy as np
from scipy.special import expit

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.comparison import compare
from creditrisk.datasets import load_schema
from creditrisk.encoding import fit_encoder
from creditrisk.metrics import log_loss
from creditrisk.schema import Costs
from creditrisk.simulator import simulate

SCHEMA = load_schema("simulated")
SMALL = {
    "learning_rate": 0.03,
    "num_leaves": 5,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5,
}
# Champion's PDs, challenger's PDs and outcomes of so many rows.
Rows = tuple[FloatArray, FloatArray, IntArray]
Case = Callable[[np.random.Generator, int], Rows]


def main() -> None:
    n_comparisons = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    n_rows = int(sys.argv[2]) if len(sys.argv) > 2 else 2_000
    print(f"{n_comparisons} comparisons of {n_rows:,} rows each; how often: promote / keep / inconclusive")
    for name, case in cases():
        verdicts, gained = Counter[str](), []
        began = perf_counter()
        for seed in range(n_comparisons):
            champion, challenger, target = case(np.random.default_rng(seed), n_rows)
            folds = np.zeros(n_rows, dtype=np.int64)
            verdicts[compare(champion, challenger, target, folds, Costs(), seed=seed).verdict] += 1
            gained.append(log_loss(champion, target) - log_loss(challenger, target))
        each = " / ".join(f"{verdicts[verdict] / n_comparisons:.1%}" for verdict in ("promote", "keep", "inconclusive"))
        seconds = (perf_counter() - began) / n_comparisons
        print(f"| {name} | {np.mean(gained):+.4f} | {each} | {seconds:.2f} s |", flush=True)


def cases() -> Iterator[tuple[str, Case]]:
    """Each situation by its name."""
    for noise in (0.1, 0.3, 0.6):
        yield f"equal: truth + noise of {noise}, twice", known_truth(noise, noise)
    yield "equal: the same at a bad rate of 6 %", known_truth(0.3, 0.3, mean=-3.2)
    lender = Lender()
    for size in (3_000, 10_000):
        yield (
            f"equal: LightGBM of {size:,} rows, another seed",
            lender.pair(("small", size, 1, 0), ("small", size, 2, 0)),
        )
        yield f"equal: LightGBM, other {size:,} rows", lender.any_two(("small", size))
    yield "shuffled: the same PDs, given to other clients", lender.shuffled(("small", 10_000, 0, 0))
    for before, after in ((0.6, 0.3), (0.5, 0.0), (0.8, 0.4), (1.0, 0.3)):
        yield f"better: noise of {after} against {before}", known_truth(before, after)
    for size in (3_000, 6_000, 10_000):
        yield (
            f"better: small against default LightGBM, {size:,} rows",
            lender.pair(("default", size, 0, 0), ("small", size, 0, 0)),
        )
    yield "better: LightGBM of 10,000 rows against 1,000", lender.pair(("small", 1_000, 0, 0), ("small", 10_000, 0, 0))
    yield (
        "better: the truth against small LightGBM of 1,000 rows",
        lender.pair(("small", 1_000, 0, 0), ("truth", 0, 0, 0)),
    )


def known_truth(noise_before: float, noise_after: float, mean: float = -1.6) -> Case:
    """Two models that see the true log-odds through noise of their own."""

    def case(rng: np.random.Generator, n_rows: int) -> Rows:
        log_odds = rng.normal(mean, 1.2, n_rows)
        target = (rng.random(n_rows) < expit(log_odds)).astype(np.int64)
        before, after = (expit(log_odds + rng.normal(0, noise, n_rows)) for noise in (noise_before, noise_after))
        return before, after, target

    return case


class Lender:
    """Models of the simulated lender and 60,000 applicants that none of them was fitted on."""

    def __init__(self) -> None:
        self.teach, judge = simulate(40_000, seed=23), simulate(60_000, seed=11)
        self.encoder = fit_encoder(self.teach, SCHEMA)
        self.matrix = self.encoder.matrix(judge)
        self.target = judge["default"].to_numpy().astype(np.int64)
        self.truth = judge["true_prob_default"].to_numpy()
        self.known: dict[tuple[str, int, int, int], FloatArray] = {}

    def scored(self, recipe: str, size: int, seed: int, sample: int) -> FloatArray:
        """PDs of all applicants by a model of a recipe, fitted on so many rows of a sample."""
        key = (recipe, size, seed, sample)
        if recipe == "truth":
            return self.truth
        if key not in self.known:
            rows = np.random.default_rng(sample).choice(self.teach.height, size, replace=False)
            frame = self.teach[rows]
            parameters = {"objective": "binary", "seed": seed, "verbosity": -1, "num_threads": 1}
            data = lgb.Dataset(self.encoder.matrix(frame), frame["default"].to_numpy())
            settings, rounds = (SMALL, 400) if recipe == "small" else ({}, 100)
            model = lgb.train(parameters | settings, data, rounds)
            self.known[key] = np.asarray(model.predict(self.matrix))
        return self.known[key]

    def pair(self, before: tuple[str, int, int, int], after: tuple[str, int, int, int]) -> Case:
        """Two given models on rows drawn for each comparison."""

        def case(rng: np.random.Generator, n_rows: int) -> Rows:
            rows = rng.choice(len(self.target), n_rows, replace=False)
            return self.scored(*before)[rows], self.scored(*after)[rows], self.target[rows]

        return case

    def any_two(self, recipe: tuple[str, int]) -> Case:
        """Two of eight models of the same recipe, each fitted on another sample of the same size."""

        def case(rng: np.random.Generator, n_rows: int) -> Rows:
            one, other = rng.choice(8, 2, replace=False)
            return self.pair((*recipe, 0, int(one)), (*recipe, 0, int(other)))(rng, n_rows)

        return case

    def shuffled(self, model: tuple[str, int, int, int]) -> Case:
        """A champion, and a challenger that gives its PDs to other clients."""

        def case(rng: np.random.Generator, n_rows: int) -> Rows:
            before, _, target = self.pair(model, model)(rng, n_rows)
            return before, rng.permutation(before), target

        return case


if __name__ == "__main__":
    main()
