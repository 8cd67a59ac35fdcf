"""What reading and checking cost beside Polars' own reader of the same file with its types.

Simulated applicants as clean files, as a whole and in blocks; CPU time, the least of several runs that take turns.
Before columns were looked at as wholes, a clean CSV file cost 23 times its floor and one application 4.7 ms; when all
of a Parquet file became text, it cost 8 to 11 times its floor. Ratios differ by 0.3 between runs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import polars as pl

from creditrisk import datasets
from creditrisk.simulator import simulate
from creditrisk.sources import from_records, read_blocks, read_table
from tests.bench.figure import Figure

REPEATS = 3
BLOCK_ROWS = 50_000
N_SINGLE = 200
SCHEMA = datasets.load_schema("simulated")


def write_arff(table: pl.DataFrame, path: str) -> None:
    """Weka's form: names and kinds, then rows, texts in single quotes."""
    head = ["@relation clients"]
    for name, kind in table.schema.items():
        values = table[name].drop_nulls().unique().sort().to_list() if kind == pl.String else []
        named = "{" + ",".join(f"'{value}'" for value in values) + "}" if len(values) < 100 else "string"
        head.append(f"@attribute '{name}' {named if kind == pl.String else 'numeric'}")
    days = pl.col(pl.Date).cast(pl.String)
    rows = table.with_columns(days).write_csv(
        None, include_header=False, quote_char="'", quote_style="non_numeric", null_value="?"
    )
    Path(path).write_text("\n".join([*head, "@data", rows]), encoding="utf-8")


def read_arff(path: str) -> pl.DataFrame:
    """Polars knows no ARFF: its reader of the rows alone."""
    n_head = Path(path).read_text(encoding="utf-8").split("@data\n", 1)[0].count("\n") + 1
    return pl.read_csv(path, skip_rows=n_head, has_header=False, quote_char="'", null_values="?")


# How each kind of file is written, and how Polars reads it.
KINDS: dict[str, tuple[Callable[[pl.DataFrame, str], object], Callable[[str], pl.DataFrame]]] = {
    "csv": (pl.DataFrame.write_csv, pl.read_csv),
    "quoted.csv": (partial(pl.DataFrame.write_csv, quote_style="always"), pl.read_csv),
    "semi.csv": (
        partial(pl.DataFrame.write_csv, separator=";", decimal_comma=True),
        partial(pl.read_csv, separator=";", decimal_comma=True),
    ),
    "tsv": (partial(pl.DataFrame.write_csv, separator="\t"), partial(pl.read_csv, separator="\t")),
    "txt": (
        partial(pl.DataFrame.write_csv, separator=" ", null_value="NA"),
        partial(pl.read_csv, separator=" ", null_values="NA"),
    ),
    "arff": (write_arff, read_arff),
    "parquet": (pl.DataFrame.write_parquet, pl.read_parquet),
}


def cpu_seconds(work: Callable[[], object]) -> float:
    begin = process_time()
    work()
    return process_time() - begin


def checked_in_blocks(path: str) -> int:
    return sum(checked.accepted.height for checked in datasets.check_blocks(read_blocks(path, BLOCK_ROWS), SCHEMA))


def figures(rows: int) -> list[Figure]:
    """Each kind of file, whole and in blocks; then one application as JSON."""
    # 26 columns: what is known when a client applies, so neither the outcome nor its day.
    applicants = simulate(rows).drop("true_prob_default", "default", "outcome_date")
    found = []
    with TemporaryDirectory() as folder:
        for kind, (write, read) in KINDS.items():
            path = str(Path(folder) / f"clients.{kind}")
            write(applicants, path)
            floor, whole, blocks = least_of_several(path, read)
            per_row = 1e6 / rows
            unit, floor_is = "µs a row", "Polars' typed reader"
            found += [
                Figure(f"reading and checking {kind}", whole * per_row, floor * per_row, unit, floor_is, at_most=3.0),
                Figure(f"the same in blocks, {kind}", blocks * per_row, floor * per_row, unit, floor_is),
            ]
    record = applicants.row(0, named=True) | {"application_date": "2024-05-17"}
    single = min(
        cpu_seconds(lambda: [datasets.check(from_records([record]), SCHEMA) for _ in range(N_SINGLE)])
        for _ in range(REPEATS)
    )
    per_row = 1e6 * single / N_SINGLE
    return [*found, Figure("checking one application", per_row, found[0].value, "µs", "a row of a whole file")]


def least_of_several(path: str, read: Callable[[str], pl.DataFrame]) -> tuple[float, float, float]:
    """CPU seconds of Polars' reader, of a file read and checked as a whole, and in blocks."""
    runs = [
        (
            cpu_seconds(lambda: read(path)),
            cpu_seconds(lambda: datasets.check(read_table(path), SCHEMA)),
            cpu_seconds(lambda: checked_in_blocks(path)),
        )
        for _ in range(REPEATS)
    ]
    floor, whole, blocks = map(min, zip(*runs, strict=True))
    return floor, whole, blocks
