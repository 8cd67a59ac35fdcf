"""How good the models are on every table: the README's results, made by the training itself.

    python -m tests.bench.bench_models path/to/data [table ...]

`data` is a folder as the tests read it (CREDITRISK_DATA_DIR). Prints one line of Markdown a table: the whole path,
choosing and calibrating included, on rows it never used. How often a confidence of 90 % held is given twice for bads
and goods: as it came out (sets made by other folds, or by the time before), and on average over 50 random halves of the
test rows, one of which makes the sets that the other tests. The second leaves out what time changes; it fails below
86 % or above 94 %. Takes some 20 minutes on two cores.
"""

from __future__ import annotations

import sys
import time
from datetime import date
from pathlib import Path

import numpy as np

from creditrisk import datasets
from creditrisk.arrays import IntArray
from creditrisk.comparison import COVERAGE_RULES, held_out_coverage
from creditrisk.comparison.coverage import COVERAGE_ALPHA
from creditrisk.datasets import simulated
from creditrisk.quality import check
from creditrisk.scoring import DecisionRule, ScoreScale
from creditrisk.splits import stratified_folds
from creditrisk.training import HeldOut, train

N_SPLITS = 50

TABLES: dict[str, tuple[str, date | None, float]] = {
    # dataset, file, first day of the test rows, the AUC above which something must be leaking
    "simulated": ("", None, 0.83),
    "german_credit": ("german_credit/german.data", None, 0.83),
    "lending_club": ("lending_club/lending_club_2007_2011.csv.gz", date(2011, 1, 1), 0.75),
    "lending_club_without_pricing": ("lending_club/lending_club_2007_2011.csv.gz", date(2011, 1, 1), 0.75),
    "taiwan_default": ("taiwan_default/default_of_credit_card_clients.csv.gz", None, 0.80),
    "home_credit": ("home_credit/application_train_first5000.tsv.gz", None, 0.775),
}


def main(data: Path, names: list[str]) -> None:
    """Train on each table and print its line."""
    print("| table | judged | AUC | Brier | cost | 90 % held for bads, goods | in random halves | chosen |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in names or list(TABLES):
        file, test_from, suspicious = TABLES[name]
        schema = datasets.load_schema(name)
        checked = check(datasets.read(name, str(data / file) if file else None), schema, with_target=True)
        started = time.perf_counter()
        training = train(checked.accepted, schema, scale=ScoreScale(), test_from=test_from)
        seconds = time.perf_counter() - started
        performance = training.performance
        best = f" (best reachable {simulated.best_auc(training.test.frame):.3f})" if name == "simulated" else ""
        tested = (
            f"{training.test.frame.height:,} newest"
            if schema.time_field is not None
            else f"{len(training.test.folds)} x {training.test.folds.max() + 1} folds"
        )
        rule, first = training.scorer.rule, training.test.prob_default[0]
        held = held_out_coverage(rule, first, training.test.target, training.test.folds[0], alpha=COVERAGE_ALPHA)
        bads, goods = held_in_halves(rule, training.test)
        print(
            f"| `{name}` | {tested} | {performance.auc:.4f}{best} | {performance.brier:.4f} | {performance.cost:.3f} | "
            f"{held.bads.value:.1%}, {held.goods.value:.1%} | {bads:.1%}, {goods:.1%} | "
            f"{training.scorer.model.family}, {seconds:.0f} s |",
            flush=True,
        )
        if performance.auc > suspicious:
            raise SystemExit(f"{name}: an AUC of {performance.auc:.3f} is above {suspicious}: something leaks.")
        if not all(
            COVERAGE_RULES[outcome].low <= share <= COVERAGE_RULES[outcome].high
            for outcome, share in (("bads", bads), ("goods", goods))
        ):
            raise SystemExit(f"{name}: confidences of 90 % hold for {bads:.1%} of bads and {goods:.1%} of goods.")


def held_in_halves(rule: DecisionRule, test: HeldOut) -> tuple[float, float]:
    """How often sets made by one half of the test rows hold in the other, for bads and goods; mean of 50 splits."""
    kept = [
        held_out_coverage(rule, test.prob_default[0], test.target, _halves(test.target, seed), alpha=COVERAGE_ALPHA)
        for seed in range(N_SPLITS)
    ]
    return float(np.mean([one.bads.value for one in kept])), float(np.mean([one.goods.value for one in kept]))


def _halves(target: IntArray, seed: int) -> IntArray:
    half = np.zeros(len(target), dtype=np.int64)
    half[next(stratified_folds(target, 2, seed=seed))[1]] = 1
    return half


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
