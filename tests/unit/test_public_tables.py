"""Taiwan, Home Credit and Loan Prediction: counts as published, traps seen through, words for people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from creditrisk import datasets
from creditrisk.errors import SchemaError, SourceError
from creditrisk.metrics import evaluate
from creditrisk.quality import Checked, check
from creditrisk.sources import from_records
from creditrisk.training.card import write_card

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
    assert found.accepted["problems"].list.len().sum() == 0


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


def test_taiwans_repayments_are_classes_with_words(credit_data: Path):
    schema = datasets.load_schema("taiwan_default")
    found = read(credit_data, "taiwan_default").accepted
    fields = [field for field in schema.features if field.label.startswith("Repayment in")]
    assert [field.name for field in fields] == ["pay_0", "pay_2", "pay_3", "pay_4", "pay_5", "pay_6"]
    for field in fields:
        assert field.is_ordered
        assert set(found[field.name]) <= {known.value for known in field.categories}
    assert fields[0].in_words("2") == "2 months late"
    # As published: 14,737 paid in part in September, 2,759 did not use the card.
    assert (found["pay_0"] == "0").sum() == 14_737
    assert (found["pay_0"] == "-2").sum() == 2_759


def test_home_credits_ratios_are_worked_out_where_they_are_not_given(credit_data: Path):
    found = read(credit_data, "home_credit").accepted
    ratio = found["amt_credit"] / found["amt_income_total"]
    assert ((found["credit_to_income"] - ratio).abs() < 1e-9).all()
    row = {"AMT_CREDIT": "300000", "AMT_INCOME_TOTAL": "0", "AMT_ANNUITY": "15000", "EXT_SOURCE_2": "0.4",
           "EXT_SOURCE_3": "0.6", "goods_to_credit": "0.9", "NAME_INCOME_TYPE": "Maternity leave"}  # fmt: skip
    scored = datasets.check(from_records([row]), datasets.load_schema("home_credit"))
    values = scored.accepted.row(0, named=True)
    assert (values["credit_to_income"], values["annuity_to_credit"], values["goods_to_credit"]) == (None, 0.05, 0.9)
    assert (values["ext_source_mean"], values["name_income_type"]) == (0.5, "Working")
    assert scored.accepted["problems"].to_list() == [[]]


def test_home_credit_gives_the_same_table_in_both_files(credit_data: Path):
    one, other = (read(credit_data, name).accepted.drop("row_number") for name in ("home_credit", "home_credit sample"))
    shared = one.join(other, on="sk_id_curr", how="semi").sort("sk_id_curr")
    assert shared.height == 20
    assert shared.equals(other.join(one, on="sk_id_curr", how="semi").sort("sk_id_curr"))


def test_what_tells_the_marital_status_or_a_birth_is_no_feature_of_home_credit():
    schema = datasets.load_schema("home_credit")
    assert not {field.name for field in schema.features} & {"name_type_suite", "cnt_fam_members", "cnt_children"}
    assert "Maternity leave" not in {known.value for known in schema.field("name_income_type").categories}


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
    # Amount times the chance of a refusal is no loss, so none is shown.
    assert schema.amount_field == ""
    figures = evaluate(np.array([0.1, 0.2, 0.6, 0.7]), np.array([0, 0, 1, 1]), schema.costs)
    card = write_card(replace(corner_scorer, schema=schema), [], {}, figures, "judged somehow")
    assert "were refused a loan" in card
    assert "did not repay" not in card
    assert "default" not in card.casefold().replace("approvals, not defaults", "")


@pytest.mark.parametrize("name", ["taiwan_default", "home_credit", "loan_prediction"])
def test_without_a_source_it_says_what_to_pass(name: str):
    with pytest.raises(SourceError, match="SOURCE="):
        datasets.read(name, None)
