"""Reasons that are none, counted over clients of three tables by a check that knows only tables, not the scorer's own.

Where the table has dates the clients are newer than every row that was fitted; German credit has 1,000 rows and all are
asked about. Numbers are judged against the median of the fitted rows, categories by how many of the fitted rows that
have them were bad.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from creditrisk import datasets
from creditrisk.quality import check
from creditrisk.schema import Field
from creditrisk.scoring import ScoreScale
from creditrisk.training import Budget, train
from tests.bench.figure import Figure
from tests.bench.public_data import DATA, is_here

TABLES = {
    "german_credit": "german_credit/german.data",
    "simulated": "",
    "lending_club": "lending_club/lending_club_2007_2011.csv.gz",
}
N_CLIENTS = 1_000
SEED = 5
# Of each table, how often they may be found.
ASKED = 0


def figures(_rows: int) -> list[Figure]:
    """Trains on each table, one setting a family, and counts over `N_CLIENTS` clients; a figure for each table here."""
    return [
        _of_table(name, str(DATA / file) if file else None)
        for name, file in TABLES.items()
        if not file or is_here(name, file)
    ]


def _of_table(name: str, source: str | None) -> Figure:
    schema = datasets.load_schema(name)
    table = check(datasets.read(name, source), schema, with_target=True).accepted
    training = train(table, schema, scale=ScoreScale(), budget=Budget(1))
    fitted = table
    if schema.time_field is not None:
        time = schema.time_field.name
        fitted = table.filter(pl.col(time) < training.test.frame[time].min())
    clients = training.test.frame
    clients = clients.sample(min(N_CLIENTS, clients.height), seed=SEED)
    scored = training.scorer.score(clients)
    faults = list(no_reasons(scored, clients, fitted, schema.features))
    n = scored["reasons"].list.len().sum()
    without = scored.filter(pl.col("reasons").list.len() == 0).group_by("verdict").len().sort("verdict").rows()
    weak = scored.filter(pl.col("verdict") == "approve", pl.col("strengths").list.len() == 0).height
    verdicts = dict(scored["verdict"].value_counts().sort("verdict").rows())
    print(
        f"{name}: {scored.height:,} clients {verdicts}, {n:,} reasons, {len(faults)} of them none {faults[:5]}; "
        f"without any reason {dict(without)}; {weak} offers without a strength"
    )
    return Figure(f"reasons that are none, {name}", len(faults), 1.0, "", "none asked", at_most=0.0)


def no_reasons(
    scored: pl.DataFrame, clients: pl.DataFrame, fitted: pl.DataFrame, features: Sequence[Field]
) -> Iterator[str]:
    """The code of every reason that is usual, against its field's sign, or of a kind of value that did well.

    Parameters
    ----------
    scored, clients
        What a scorer gave, and the checked rows it was given, in the same order.
    fitted
        The rows it was fitted on, with `default`.
    """
    fields = {field.name: field for field in features}
    did_well = {name: _did_well(field, fitted) for name, field in fields.items()}
    for reasons, client in zip(scored["reasons"].to_list(), clients.iter_rows(named=True), strict=True):
        for reason in reasons:
            name, kind = reason["code"].split(":", 1)
            field, value = fields[name], client[name]
            is_one = (
                reason["push"] > 0
                and reason["value"] != reason["typical"]
                and (value is None if kind == "missing" else _holds(field, kind, value, fitted[name]))
                and kind not in did_well[name]
            )
            if not is_one:
                yield reason["code"]


def _holds(field: Field, kind: str, value: Any, column: pl.Series) -> bool:
    """Whether a value is what its reason says, beyond the median of all, and not against its sign."""
    if field.type == "category":
        return value == kind
    is_high, median = kind == "high", column.cast(pl.Float64).median()
    beyond = value > median if is_high else value < median
    return kind in ("low", "high") and bool(beyond) and field.sign != ("-" if is_high else "+")


def _did_well(field: Field, fitted: pl.DataFrame) -> set[str]:
    """The kinds of value fewer of which were bad than of all rows: categories, sides of the median, nothing given.

    On which side of the median a signed number raises the risk is the lender's word, so none did well.
    """
    column = pl.col(field.name)
    side = pl.when(column > column.median()).then(pl.lit("high")).when(column < column.median()).then(pl.lit("low"))
    kind = column.cast(pl.String) if field.type == "category" else side.otherwise(pl.lit("usual"))
    kinds = fitted.select(pl.when(column.is_null()).then(pl.lit("missing")).otherwise(kind).alias("kind"), "default")
    rates = kinds.group_by("kind").agg(pl.col("default").mean().alias("rate"), pl.len())
    well = rates.filter(pl.col("rate") < fitted["default"].mean())
    is_signed_number = field.sign and field.type != "category"
    return set(well["kind"].to_list()) - ({"low", "high"} if is_signed_number else set())
