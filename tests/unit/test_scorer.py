"""The scorer folder: whole, plain, checked; and what scoring returns."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from creditrisk.errors import ScorerError
from creditrisk.quality import with_problems
from creditrisk.scoring import client_words, fingerprint, load
from creditrisk.scoring.reasons import SMALLEST_PUSH
from creditrisk.scoring.scorer import RESULT_SCHEMA


def _applications(n: int = 50) -> pl.DataFrame:
    rng = np.random.default_rng(9)
    return pl.DataFrame(
        {
            "row_number": np.arange(1, n + 1),
            "client": [f"c{number}" if number % 2 else None for number in range(n)],
            "age_years": rng.integers(18, 80, n),
            "amount_eur": rng.integers(1, 20, n) * 1000.0,
            "income_eur": rng.integers(10, 60, n) * 1000.0,
            "housing": rng.choice(["own", "rent"], n),
        }
    )


@pytest.fixture
def folder(corner_scorer, tmp_path):
    corner_scorer.save(tmp_path / "scorer")
    return tmp_path / "scorer"


def test_a_scorer_survives_its_folder_to_the_last_bit(corner_scorer, folder):
    frame = _applications()
    again = load(folder, name=corner_scorer.name, version=corner_scorer.version)
    assert again.score(frame).equals(corner_scorer.score(frame))
    assert again.sha256 == fingerprint(folder)


def test_the_folder_holds_the_files_of_the_contract_and_strict_json(folder):
    names = {path.name for path in folder.iterdir()}
    tables = {
        "encoder.json",
        "calibration.json",
        "spread.json",
        "decision.json",
        "profile.json",
        "reasons.json",
        "metrics.json",
    }
    others = {"golden.json", "spread.txt", "schema.toml", "model.logistic_regression.safetensors", "card.md"}
    assert names == tables | others

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    for path in folder.glob("*.json"):
        json.loads(path.read_text(), parse_constant=refuse)


def test_a_folder_that_was_changed_is_refused(corner_scorer, folder):
    noted = fingerprint(folder)
    decision = folder / "decision.json"
    decision.write_text(decision.read_text().replace("5.0", "0.5", 1))
    with pytest.raises(ScorerError, match="not the one registered"):
        load(folder, name="corner_lender", version="1", sha256=noted)


@pytest.mark.parametrize(
    "name", ["schema.toml", "encoder.json", "model.logistic_regression.safetensors", "decision.json"]
)
def test_a_folder_with_a_file_missing_is_refused_in_words(folder, name):
    (folder / name).unlink()
    with pytest.raises(ScorerError, match="cannot be read"):
        load(folder, name="corner_lender", version="1")


def test_a_folder_is_never_written_over(corner_scorer, folder):
    with pytest.raises(ScorerError, match="not empty"):
        corner_scorer.save(folder)


def test_scoring_returns_the_contract_with_an_id_of_the_row_where_there_is_no_client_number(corner_scorer):
    frame = _applications()
    scored = corner_scorer.score(frame)
    assert dict(scored.schema) == RESULT_SCHEMA
    first, second, third = scored["application_id"].to_list()[:3]
    assert second == "c1"
    assert [client_words(number) for number in (first, third)] == ["row 1", "row 3"]
    assert scored["prob_default"].is_between(0, 1).all()
    assert scored["confidence"].is_between(0, 1).all()
    bands = dict(zip(scored["verdict"], scored["band"], strict=True))
    assert bands.items() <= {"approve": "green", "refer": "amber", "decline": "red"}.items()


def test_people_without_a_number_are_not_one_person_and_the_same_row_stays_who_it_is(corner_scorer):
    frame = _applications(40).with_columns(client=pl.lit(None, pl.String))
    ids = corner_scorer.score(frame)["application_id"]
    assert ids.n_unique() == 40
    assert corner_scorer.score(frame.head(1))["application_id"].to_list() == [ids[0]]
    another = frame.head(1).with_columns(income_eur=pl.lit(31_234.0))
    assert corner_scorer.score(another)["application_id"].to_list() != [ids[0]]


def test_a_row_with_a_problem_is_referred(corner_scorer):
    frame = with_problems(_applications(2), [["Age: 130 is outside 18 to 100"], []])
    scored = corner_scorer.score(frame)
    assert scored["verdict"][0] == "refer"
    assert scored["problems"].to_list() == [["Age: 130 is outside 18 to 100"], []]


def test_a_few_rows_are_scored_as_in_a_table_of_many_to_the_last_bit(corner_scorer, corner_rows):
    many = corner_scorer.score(corner_rows).to_dicts()
    rows = corner_rows.to_dicts()
    assert corner_rows.height > 8
    assert list(map(repr, corner_scorer.score_few(rows))) == list(map(repr, many))
    assert [repr(corner_scorer.score_few([row])) for row in rows] == [repr([row]) for row in many]
    assert corner_scorer.score_few([]) == []


@pytest.fixture
def corner_rows() -> pl.DataFrame:
    rng, n = np.random.default_rng(3), 60
    frame = pl.DataFrame(
        {
            "row_number": range(1, n + 1),
            "client": [None if number % 5 == 0 else f"C{number}" for number in range(n)],
            "age_years": [None if number % 7 == 0 else int(rng.integers(18, 80)) for number in range(n)],
            "amount_eur": rng.integers(1, 20, n) * 1000.0,
            "income_eur": rng.integers(10, 60, n) * 1000.0,
            "housing": [("own", "rent", None, "castle")[number % 4] for number in range(n)],
        }
    )
    return with_problems(frame, [["odd"] if number % 9 == 0 else [] for number in range(n)])


def test_no_rows_give_an_empty_table_of_the_same_shape(corner_scorer):
    assert dict(corner_scorer.score(_applications(0)).schema) == RESULT_SCHEMA


def test_pushes_and_reasons_agree(corner_scorer):
    frame = _applications(20)
    scored = corner_scorer.score(frame)
    explained = corner_scorer.explain(frame)
    for row in scored.iter_rows(named=True):
        pushes = explained.filter(pl.col("row_number") == row["row_number"]).sort("contribution", descending=True)
        upward = pushes.filter(pl.col("contribution") >= SMALLEST_PUSH)
        fields = [reason["code"].split(":")[0] for reason in row["reasons"]]
        assert fields == [name for name in upward["field"] if name in fields]
        by_field = dict(zip(pushes["field"], pushes["push"], strict=True))
        assert [reason["push"] for reason in row["reasons"]] == [by_field[name] for name in fields]


def test_moving_the_top_reason_to_what_is_usual_lowers_the_risk(corner_scorer):
    frame = _applications(20).with_columns(income_eur=pl.lit(2_000.0))
    before = corner_scorer.prob_default(frame)
    assert (corner_scorer.prob_default(frame.with_columns(income_eur=pl.lit(40_000.0))) < before).all()


def test_high_and_low_are_said_against_the_typical_approved_applicants_too(corner_scorer):
    frame = _applications(1).with_columns(income_eur=pl.lit(37_000.0))  # more than half of all earn
    rule = replace(corner_scorer.rule, reference=(80.0, 1e3, 40e3, 0.0))
    [given] = replace(corner_scorer, rule=rule).score(frame)["reasons"].to_list()
    against_all = {item.name: item.fill for item in corner_scorer.encoder.fields}
    assert against_all["income_eur"] < 37_000.0 < 40_000.0
    assert "income_eur" not in [reason["code"].split(":")[0] for reason in given]
    higher = frame.with_columns(income_eur=pl.lit(against_all["income_eur"] - 1.0))
    [given] = replace(corner_scorer, rule=rule).score(higher)["reasons"].to_list()
    assert "income_eur:low" in [reason["code"] for reason in given]
