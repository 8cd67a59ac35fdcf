"""Which datasets there are, and how a table of one's own is described and read."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from creditrisk import datasets
from creditrisk.datasets import catalogue, german_credit, simulated
from creditrisk.errors import SchemaError, SourceError
from creditrisk.schema import Costs, Field
from creditrisk.simulator import best_auc, simulate

SIMULATED = datasets.load_schema("simulated")
# A dataset as somebody might add one: a schema file, and a reader beside it.
TOY = """
name = "toy"
title = "A toy lender"

[target]
name = "bad"
label = "Bad"
bad = ["1"]
good = ["0"]

[[fields]]
name = "income_eur"
type = "number"
label = "Income"
"""
TOY_READER = """
from dataclasses import replace
import polars as pl

NOT_FETCHED = "The toy is not fetched."

def prepare(raw):
    return replace(raw, frame=raw.frame.with_columns(pl.col("income_eur").str.strip_suffix(" a month")))
"""


@pytest.mark.parametrize("name", datasets.KNOWN)
def test_every_known_dataset_has_a_schema_of_its_own_name(name):
    assert datasets.load_schema(name).name == name


@pytest.mark.parametrize("name", datasets.KNOWN)
def test_a_known_schema_file_is_as_it_would_be_written(name):
    text = (catalogue.FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    without_comments = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    assert without_comments == datasets.load_schema(name).to_toml()


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A folder of datasets that holds nothing but a toy, and a table of it."""
    (tmp_path / "toy.toml").write_text(TOY, encoding="utf-8")
    (tmp_path / "table.csv").write_text("income_eur,bad\n100 a month,1\n200,0\n", encoding="utf-8")
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    monkeypatch.setattr(catalogue, "KNOWN", catalogue.names_in(tmp_path))
    monkeypatch.setattr(datasets, "__path__", [str(tmp_path)])
    yield tmp_path
    for cached in (catalogue._known_schema, catalogue._known_reader):
        cached.cache_clear()
    sys.modules.pop("creditrisk.datasets.toy", None)


def test_a_dataset_is_known_by_its_schema_file_alone(toy):
    schema = datasets.load_schema("toy")
    checked = datasets.check(datasets.read("toy", str(toy / "table.csv")), schema)
    assert checked.accepted["income_eur"].to_list() == [200.0]
    with pytest.raises(SourceError, match="schema file 'toy' says what the columns are, not where the table lies"):
        datasets.read("toy", None)


def test_a_reader_beside_the_schema_file_is_used(toy):
    (toy / "toy.py").write_text(TOY_READER, encoding="utf-8")
    raw = datasets.read("toy", str(toy / "table.csv"))
    assert datasets.check(raw, datasets.load_schema("toy")).accepted["income_eur"].to_list() == [100.0, 200.0]
    with pytest.raises(SourceError, match="The toy is not fetched"):
        datasets.read("toy", None)


def test_an_unknown_dataset_is_answered_with_the_known_ones():
    with pytest.raises(
        SchemaError, match=r"no dataset called 'germany'.*german_credit, home_credit.*simulated.*\.toml"
    ):
        datasets.load_schema("germany")
    with pytest.raises(SchemaError, match="no dataset called"):
        datasets.read("germany", "table.csv")


def test_a_schema_file_describes_a_table_of_ones_own(tmp_path):
    schema_file, table_file = tmp_path / "ours.toml", tmp_path / "ours.csv"
    schema_file.write_text(SIMULATED.to_toml(), encoding="utf-8")
    simulate(20).write_csv(table_file)
    assert datasets.load_schema(str(schema_file)) == SIMULATED
    assert datasets.read(str(schema_file), str(table_file)).frame.height == 20


def test_a_known_dataset_with_other_costs_is_read_like_the_known_one(tmp_path):
    schema_file, table_file = tmp_path / "ours.toml", tmp_path / "loans.csv"
    schema = replace(datasets.load_schema("lending_club"), costs=Costs(accept_bad=8))
    schema_file.write_text(schema.to_toml(), encoding="utf-8")
    table_file.write_text("int_rate,desc\n0.1065,words\n", encoding="utf-8")
    assert datasets.read(str(schema_file), str(table_file)).frame.rows() == [("10.65",)]


def test_a_namesake_of_a_known_dataset_is_read_as_it_is(tmp_path):
    # A lender's own table may be called lending_club.csv and write its rates as shares.
    rate = Field("int_rate", "number", "Rate", minimum=0, maximum=1)
    schema = replace(datasets.load_schema("lending_club"), fields=(rate,), amount_field="")
    schema_file, table_file = tmp_path / "lending_club.toml", tmp_path / "loans.csv"
    schema_file.write_text(schema.to_toml(), encoding="utf-8")
    table_file.write_text("int_rate,desc\n0.1065,words\n", encoding="utf-8")
    raw = datasets.read(str(schema_file), str(table_file))
    assert raw.frame.rows() == [("0.1065", "words")]
    assert datasets.check(raw, schema).accepted["int_rate"].to_list() == [0.1065]


def test_a_schema_file_without_a_source_is_refused(tmp_path):
    schema_file = tmp_path / "ours.toml"
    schema_file.write_text(SIMULATED.to_toml(), encoding="utf-8")
    with pytest.raises(SourceError, match="not where the table lies"):
        datasets.read(str(schema_file), None)


def test_a_schema_file_that_is_not_there_is_named():
    with pytest.raises(SchemaError, match=r"'nowhere\.toml' was not found"):
        datasets.load_schema("nowhere.toml")


def test_the_simulated_table_does_not_carry_the_truth():
    table = datasets.read("simulated", None)
    assert "true_prob_default" not in table.frame.columns
    assert table.frame.height == simulated.N_APPLICANTS
    # As in a CSV file: the header is line 1.
    assert (table.lines[0], table.lines[-1]) == (2, simulated.N_APPLICANTS + 1)


def test_a_simulated_table_in_a_file_is_read_from_there(tmp_path):
    simulate(5, seed=1).write_csv(tmp_path / "five.csv")
    assert datasets.read("simulated", str(tmp_path / "five.csv")).frame.height == 5


def test_the_truth_joins_the_table_it_belongs_to():
    table = datasets.read("simulated", None).frame.select("application_id", "default")
    joined = table.cast({"default": int}).join(simulated.truth(), on="application_id", validate="1:1")
    assert joined.height == simulated.N_APPLICANTS
    # Any other pairing of rows would give an AUC of one half.
    assert best_auc(joined) > 0.79


@pytest.mark.parametrize(
    "name", ["lending_club", "lending_club_without_pricing", "home_credit", "taiwan_default", "loan_prediction"]
)
def test_without_a_source_a_dataset_that_is_not_fetched_asks_for_one(name):
    with pytest.raises(SourceError, match=r"not fetched by .* Pass the one you have: SOURCE=path/to/"):
        datasets.read(name, None)


@pytest.mark.parametrize(
    ("dataset", "sent"),
    [
        ("lending_club", ["loan_amnt", "earliest_cr_line", "issue_d", "Int Rate"]),
        ("german_credit", german_credit.SOUTH_GERMAN[0].split()),
        ("home_credit", ["AMT_CREDIT", "ext_source_1", "CODE_GENDER"]),
        ("loan_prediction", ["LoanAmount", "Gender"]),
    ],
)
def test_what_a_dataset_reads_or_leaves_out_by_its_schema_is_no_unknown_field(dataset, sent):
    assert datasets.unknown_fields([*sent, "loan_amuont"], datasets.load_schema(dataset)) == ["loan_amuont"]
