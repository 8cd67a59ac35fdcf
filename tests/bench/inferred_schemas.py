"""What `schema infer` alone is worth: each built-in table read as an unknown one, beside its schema made by hand.

    python -m tests.bench.inferred_schemas path/to/data [table ...]

`data` is a folder as the tests read it (CREDITRISK_DATA_DIR). Prints the AUC of two families with their default
settings, the mean of repeated 5-fold cross-validation, its difference, and how far that moves from one division into
folds to another; fails where the inferred schema is worth less by more than 0.005.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from creditrisk import datasets, learners
from creditrisk.encoding import fit_encoder
from creditrisk.metrics import auc
from creditrisk.quality import check
from creditrisk.schema import Schema
from creditrisk.schema_inference import infer
from creditrisk.sources import read_table
from creditrisk.splits import stratified_folds

N_FOLDS = 5
MOST_LOST = 0.005
FAMILIES = ("lightgbm", "logistic_regression")
# Dataset: file, column with the outcome, what is bad, how often it is divided into folds.
TABLES: dict[str, tuple[str, str, str, int]] = {
    "german_credit": ("german_credit/german.data", "column_21", "2", 20),
    "taiwan_default": ("taiwan_default/default_of_credit_card_clients.csv.gz", "default payment next month", "1", 2),
    "home_credit": ("home_credit/application_train_first5000.tsv.gz", "TARGET", "1", 10),
    "loan_prediction": ("loan_prediction/train_u6lujuX_CVtuZ9i.csv", "Loan_Status", "N", 20),
}


def main(data: Path, names: list[str]) -> None:
    """Compare the schemas of each table and print its lines."""
    print("| table | family | made by hand | inferred | inferred less by | moves by |")
    print("| --- | --- | --- | --- | --- | --- |")
    lost: list[str] = []
    for name in names or list(TABLES):
        file, target, bad, n_divisions = TABLES[name]
        path = str(data / file)
        by_hand = datasets.load_schema(name)
        raw = read_table(path)
        inferred = infer(raw, target=target, bad=[bad], name=name).schema
        tables = (
            (by_hand, check(datasets.read(name, path), by_hand, with_target=True).accepted),
            (inferred, check(raw, inferred, with_target=True).accepted),
        )
        for family in FAMILIES:
            hand, own = ([*aucs(table, schema, family, n_divisions)] for schema, table in tables)
            less = [one - other for one, other in zip(hand, own, strict=True)]
            moves = statistics.stdev(less) / len(less) ** 0.5
            means = [statistics.fmean(values) for values in (hand, own, less)]
            print(
                f"| {name} | {family} | " + " | ".join(f"{mean:.4f}" for mean in means) + f" | {moves:.4f} |",
                flush=True,
            )
            if means[2] > MOST_LOST:
                lost.append(f"{name} with {family}")
    if lost:
        raise SystemExit(f"More than {MOST_LOST} is lost: {', '.join(lost)}.")


def aucs(table: pl.DataFrame, schema: Schema, family: str, n_divisions: int) -> Iterator[float]:
    """The AUC of each division of the table into folds, the mean of its folds."""
    target = table["default"].to_numpy()
    for seed in range(n_divisions):
        found = []
        for train, test in stratified_folds(target, N_FOLDS, seed=seed):
            encoder = fit_encoder(table[train], schema)
            parameters = learners.family(family).defaults(len(train))
            model = learners.family(family).fit(
                encoder.matrix(table[train]), target[train], encoder, parameters, seed=seed
            )
            found.append(auc(model.log_odds(encoder.matrix(table[test])), target[test]))
        yield statistics.fmean(found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
