"""What reading and checking cost beside Polars' own reader: `.venv/bin/python tests/bench/bench_reading.py 200000`.

Simulated applicants as clean files, read and checked as a whole and in blocks, against Polars' reader of the same file
with its types; CPU seconds, the least of several runs that take turns. Then one application as JSON.

Measured on two shared cores, 200,000 rows x 26 columns; ratios differ by 0.3 between runs. Before columns were looked
at as wholes, a clean CSV file cost 1.35 s of reading and 1.39 s of checking over a floor of 0.12 s, 23 times as long,
and one application 4.7 ms; when all of a Parquet file became text, it cost 8 to 11 times its floor.

    file           floor    read   check   ratio  blocks   ratio
    csv             0.12    0.18    0.10     2.3    0.31     2.6
    quoted.csv      0.14    0.29    0.10     2.8    0.36     2.6
    semi.csv        0.12    0.18    0.17     3.0    0.39     3.3
    parquet         0.02    0.03    0.03     2.6    0.07     3.3
    one application: 0.51 ms
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import polars as pl

from creditrisk import datasets
from creditrisk.simulator import simulate
from creditrisk.sources import from_records, read_blocks, read_table

REPEATS = 3
BLOCK_ROWS = 50_000
N_SINGLE = 200
SCHEMA = datasets.load_schema("simulated")


def cpu_seconds(work: Callable[[], object]) -> float:
    begin = process_time()
    work()
    return process_time() - begin


def checked_in_blocks(path: str) -> int:
    return sum(checked.accepted.height for checked in datasets.check_blocks(read_blocks(path, BLOCK_ROWS), SCHEMA))


def main(n_rows: int) -> None:
    # 26 columns: what is known when a client applies, so neither the outcome nor its day.
    applicants = simulate(n_rows).drop("true_prob_default", "default", "outcome_date")
    with TemporaryDirectory() as folder:
        files = {name: str(Path(folder) / f"clients.{name}") for name in ("csv", "quoted.csv", "semi.csv", "parquet")}
        applicants.write_csv(files["csv"])
        applicants.write_csv(files["quoted.csv"], quote_style="always")
        applicants.write_csv(files["semi.csv"], separator=";", decimal_comma=True)
        applicants.write_parquet(files["parquet"])
        floors: dict[str, Callable[[str], pl.DataFrame]] = {
            "csv": pl.read_csv,
            "quoted.csv": pl.read_csv,
            "semi.csv": lambda path: pl.read_csv(path, separator=";", decimal_comma=True),
            "parquet": pl.read_parquet,
        }
        print(f"{n_rows:,} rows x {applicants.width} columns; CPU seconds")
        print(f"{'file':12}{'floor':>8}{'read':>8}{'check':>8}{'ratio':>8}{'blocks':>8}{'ratio':>8}")
        for name, path in files.items():
            runs = []
            for _ in range(REPEATS):
                floor = cpu_seconds(lambda path=path, read=floors[name]: read(path))
                begin = process_time()
                raw = read_table(path)
                read = process_time() - begin
                check = cpu_seconds(lambda raw=raw: datasets.check(raw, SCHEMA))
                runs.append((floor, read, check, cpu_seconds(lambda path=path: checked_in_blocks(path))))
            floor, read, check, blocks = map(min, zip(*runs, strict=True))
            ratios = (read + check) / floor, blocks / floor
            print(f"{name:12}{floor:8.2f}{read:8.2f}{check:8.2f}{ratios[0]:8.1f}{blocks:8.2f}{ratios[1]:8.1f}")
    record = applicants.row(0, named=True)
    record["application_date"] = str(record["application_date"])
    single = min(
        cpu_seconds(lambda: [datasets.check(from_records([record]), SCHEMA) for _ in range(N_SINGLE)])
        for _ in range(REPEATS)
    )
    print(f"one application: {single / N_SINGLE * 1_000:.2f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
