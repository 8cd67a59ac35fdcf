"""Taiwan, Home Credit and Loan Prediction: counts as published, traps seen through, words for people."""

from __future__ import annotations

from pathlib import Path

import pytest

from creditrisk import datasets
from creditrisk.card import write_card
from creditrisk.errors import SchemaError, SourceError
from creditrisk.quality import Checked, check

TABLES = {
    "taiwan_default": ("taiwan_default/default_of_credit_card_clients.csv.gz", 30_000, 6_636),
    "home_credit": ("home_credit/application_train_first5000.tsv.gz", 5_000, 386),
    "home_credit sample": ("home_credit/application_train_random1000.csv.gz", 1_000, 95),
    "loan_prediction": ("loan_prediction/train_u6lujuX_CVtuZ9i.csv", 614, 192),
    "loan_prediction copy": ("loan_prediction/variants/train_semicolon_reexport.csv", 614, 192),
}


def read(folder: Path, table: str) -> Checked:
    name, (path, *_) = table.split(maxsplit=1)[0], TABLES[table]
    return check(datasets.read(name, str(folder / path)), datasets.load_schema(name), with_target=True)


@pytest.mark.parametrize("table", TABLES)
def test_every_row_is_read_and_the_bads_are_as_published(credit_data: Path, table: str):
    found = read(credit_data, table)
    _, n_rows, n_bad = TABLES[table]
    assert (found.accepted.height, int(found.accepted["default"].sum())) == (n_rows, n_bad)
    assert found.rejected == []
    assert not any(found.problems)


@pytest.mark.parametrize("name", datasets.KNOWN)
def test_every_field_has_a_label_that_is_not_its_column(name: str):
    for field in datasets.load_schema(name).fields:
        assert field.label
        assert "_" not in field.label, field.name


@pytest.mark.parametrize("name", ["taiwan_default", "home_credit", "loan_prediction"])
def test_sex_and_marital_status_are_kept_for_the_audit_only(name: str):
    schema = datasets.load_schema(name)
    protected = {field.name for field in schema.protected}
    assert protected & {"sex", "code_gender", "gender"}
    assert protected & {"marriage", "name_family_status", "married"}
    assert not protected & {field.name for field in schema.features}


def test_undocumented_codes_of_taiwan_are_kept_and_called_so(credit_data: Path):
    found = read(credit_data, "taiwan_default")
    field = datasets.load_schema("taiwan_default").field("education")
    counts = dict(found.accepted["education"].value_counts().iter_rows())
    assert (counts["0"], counts["5"], counts["6"]) == (14, 280, 51)
    assert field.in_words("5") == "Not documented (code 5)"


def test_the_thousand_years_of_employment_at_home_credit_mean_no_employment(credit_data: Path):
    found = read(credit_data, "home_credit")
    assert found.accepted["days_employed"].null_count() == 904
    assert found.accepted["days_employed"].max() <= 0
    assert found.accepted["organization_type"].null_count() == 904  # XNA


def test_a_taiwan_file_with_its_outcome_turned_round_is_refused(credit_data: Path):
    raw = datasets.read("taiwan_default", str(credit_data / TABLES["taiwan_default"][0]))
    name = raw.frame.columns[-1]
    turned = raw.frame.with_columns(raw.frame[name].replace({"0": "1", "1": "0"}).alias(name))
    with pytest.raises(SchemaError, match="the other way round"):
        check(type(raw)(turned, raw.lines), datasets.load_schema("taiwan_default"), with_target=True)


def test_three_and_more_dependants_are_one_category_however_a_copy_spells_them(credit_data: Path):
    original, copy = read(credit_data, "loan_prediction"), read(credit_data, "loan_prediction copy")
    assert original.accepted["dependents"].equals(copy.accepted["dependents"])
    assert (original.accepted["dependents"] == "3+").sum() == 51


def test_applications_without_an_outcome_can_be_scored(credit_data: Path):
    path = credit_data / "loan_prediction" / "test_Y3wMUE5_7gLdaTN.csv"
    found = check(datasets.read("loan_prediction", str(path)), datasets.load_schema("loan_prediction"))
    assert found.accepted.height == 367


def test_an_approval_is_never_called_a_default(corner_scorer):
    schema = datasets.load_schema("loan_prediction")
    assert "approval" in schema.notes
    assert schema.target.bad_happened == "were refused a loan"
    from dataclasses import replace

    from creditrisk.evaluation import evaluate

    figures = evaluate(*_pds(), schema.costs)
    card = write_card(replace(corner_scorer, schema=schema), [], {}, figures, "judged somehow")
    assert "were refused a loan" in card
    assert "did not repay" not in card
    assert "default" not in card.casefold().replace("approvals, not defaults", "")


def _pds():
    import numpy as np

    return np.array([0.1, 0.2, 0.6, 0.7]), np.array([0, 0, 1, 1])


@pytest.mark.parametrize("name", ["taiwan_default", "home_credit", "loan_prediction"])
def test_without_a_source_it_says_what_to_pass(name: str):
    with pytest.raises(SourceError, match="SOURCE="):
        datasets.read(name, None)
