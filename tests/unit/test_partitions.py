"""Drift of a table in parts: the same figures however it lies, and whatever cannot be read is said and not lost."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from creditrisk.errors import SourceError
from creditrisk.scoring import Scorer
from creditrisk.sources import parts_of
from monitoring import partitions
from monitoring.windows import Reference, profile_of

N_ROWS = 4_000


@pytest.fixture(scope="module")
def reference(corner_scorer: Scorer) -> Reference:
    return Reference("corner_lender", "3", corner_scorer.profile, has_ids=True)


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    """Applications of the corner lender, with what batch-score writes beside them."""
    rng = np.random.default_rng(3)
    return pl.DataFrame(
        {
            "client": [f"C{number}" for number in range(N_ROWS)],
            "age_years": rng.integers(18, 80, N_ROWS),
            "amount_eur": rng.integers(1, 20, N_ROWS) * 1000.0,
            "income_eur": pl.Series(rng.normal(30_000, 9_000, N_ROWS)).round(2),
            "housing": rng.choice(["own", "rent", "boat"], N_ROWS),
            "prob_default": rng.beta(2, 9, N_ROWS),
            "model_version": rng.choice(["3", "2"], N_ROWS),
        }
    )


def drift_of(path: Path, reference: Reference, scorer: Scorer) -> partitions.TableDrift:
    parts = parts_of(str(path))
    found = partitions.merge([partitions.count_part(part, reference, scorer.schema) for part in parts], reference)
    return partitions.compare(found, reference, scorer.schema, table="table", n_parts=len(parts))


def test_a_table_counts_as_the_decisions_that_hold_the_same(table, reference, corner_scorer, tmp_path):
    table.write_parquet(tmp_path / "table.parquet")
    found = partitions.count_part(str(tmp_path / "table.parquet"), reference, corner_scorer.schema)
    expected = profile_of(reference.profile, table, "3")
    assert found.profile == expected
    assert not found.n_unreadable


@pytest.mark.parametrize("n_parts", [2, 7])
def test_parts_and_kinds_of_files_do_not_matter(table, reference, corner_scorer, tmp_path, monkeypatch, n_parts):
    whole, parts, texts = (tmp_path / name for name in ("whole.parquet", "parts", "texts"))
    table.write_parquet(whole)
    for folder in (parts, texts):
        (folder / "day=1").mkdir(parents=True)
        (folder / "_SUCCESS").touch()
        (folder / ".part-0.parquet.crc").write_bytes(b"no table")
    length = -(-N_ROWS // n_parts)
    for number in range(n_parts):
        some = table[number * length : (number + 1) * length]
        some.write_parquet(parts / "day=1" / f"part-{number}.parquet")
        (texts / f"part-{number}.csv.gz").write_bytes(gzip.compress(some.write_csv().encode()))
    expected = drift_of(whole, reference, corner_scorer)
    monkeypatch.setattr(partitions, "BLOCK_ROWS", 300)
    for folder in (parts, texts):
        assert drift_of(folder, reference, corner_scorer) == {**expected, "n_parts": n_parts}


def test_what_cannot_be_read_is_missing_and_said(table, reference, corner_scorer, tmp_path):
    age = pl.col("age_years").cast(pl.String)
    odd = table.with_columns(
        pl.when(pl.int_range(pl.len()) < 5).then(pl.lit("old")).otherwise(age).alias("age_years"),
        pl.when(pl.int_range(pl.len()) < 6).then(7.0).otherwise("prob_default").alias("prob_default"),
    ).drop("income_eur", "model_version")
    odd.write_csv(tmp_path / "odd.csv")
    with (tmp_path / "odd.csv").open("a", encoding="utf-8") as file:
        file.write("C9999,44\n")
    found = drift_of(tmp_path / "odd.csv", reference, corner_scorer)
    assert found["n_rows"] == N_ROWS + 1
    said = found["findings"]
    assert any(sentence.startswith("Income is missing in every row") for sentence in said)
    assert "Age: 6 values that cannot be read count as missing." in said
    assert "Predicted risk: 7 values that cannot be read count as missing." in said
    assert found["fields"]["income_eur"]["missing_share"] == 1.0
    assert found["score"]["n_rows"] == N_ROWS + 1


def test_a_part_that_is_no_table_is_left_out_and_said_first(table, reference, corner_scorer, tmp_path):
    table.write_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:5_000])
    (tmp_path / "c.csv").write_text("colour,weight\nred,3\n")
    found = drift_of(tmp_path, reference, corner_scorer)
    assert (found["n_rows"], found["n_parts"]) == (N_ROWS, 1)
    first, second, *_ = found["findings"]
    assert first.startswith("Left out: 'b.parquet' cannot be read")
    assert second.startswith("Left out: these are not the columns of Corner lender")


def test_a_table_without_scores_has_no_figure_of_them(table, reference, corner_scorer, tmp_path):
    table.drop("prob_default").write_parquet(tmp_path / "table.parquet")
    score = drift_of(tmp_path / "table.parquet", reference, corner_scorer)["score"]
    assert (score["psi"], score["n_rows"], score["level"]) == (None, 0, -1)


def test_a_folder_without_a_table_is_named(tmp_path):
    with pytest.raises(SourceError, match="holds no table"):
        parts_of(str(tmp_path))
