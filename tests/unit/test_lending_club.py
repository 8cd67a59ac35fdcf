"""LendingClub: both files that circulate give one table, and nothing in it was written after the loan."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from creditrisk import datasets
from creditrisk.columns import KNOWN_POST_OUTCOME_NAMES
from creditrisk.errors import SchemaError, SourceError
from creditrisk.quality import Checked, check
from creditrisk.schema import Field
from creditrisk.sources import from_records

SCHEMA = datasets.load_schema("lending_club")
# What the platform itself concluded about the risk.
PRICING = ("int_rate", "installment_usd", "grade", "sub_grade")


def checked(path: Path) -> Checked:
    return check(datasets.read("lending_club", str(path)), SCHEMA, with_target=True)


@pytest.fixture(scope="module")
def early(credit_data: Path) -> Checked:
    return checked(credit_data / "lending_club" / "lending_club_2007_2011.csv.gz")


@pytest.fixture(scope="module")
def sample(credit_data: Path) -> Checked:
    return checked(credit_data / "lending_club" / "accepted_2007_to_2018_random2000.csv.gz")


def test_the_early_loans_have_all_run_their_course(early: Checked):
    # 34,116 + 1,988 repaid and 5,670 + 761 were charged off, as published.
    assert (early.accepted.height, int(early.accepted["default"].sum())) == (42_535, 6_431)
    assert early.rejected == []
    assert early.accepted["problems"].list.len().sum() == 0
    by_year = early.accepted.group_by(pl.col("issue_date").dt.year()).len().sort("issue_date")["len"].to_list()
    assert by_year == [603, 2_393, 5_281, 12_537, 21_721]


def test_loans_still_running_are_set_aside_with_that_reason_and_counted(sample: Checked):
    reasons = Counter(rejection.fault.split("'")[-1] for rejection in sample.rejected)
    assert set(reasons) == {" is no outcome yet: the loan has not run its course"}
    # 745 current, 6 in their grace period, 26 late; 505 of the 1,223 resolved ones were issued too recently.
    statuses = Counter(rejection.value for rejection in sample.rejected)
    too_young = {status: n for status, n in statuses.items() if status.endswith(", issued too recently")}
    assert statuses.total() - sum(too_young.values()) == 745 + 6 + 21 + 5
    assert too_young == {"Fully Paid, issued too recently": 365, "Charged Off, issued too recently": 140}
    assert (sample.accepted.height, int(sample.accepted["default"].sum())) == (1_223 - 505, 103)
    # What is left was issued at least its own term before the file was made, in March 2019.
    months = sample.accepted["term_months"].cast(pl.Int64)
    last = sample.accepted["issue_date"].dt.year() * 12 + sample.accepted["issue_date"].dt.month() + months
    assert last.max() <= 2019 * 12 + 3


def test_loans_in_both_files_are_the_same_in_every_field(early: Checked, sample: Checked):
    names = [field.name for field in SCHEMA.fields]
    both = early.accepted.select(names).join(sample.accepted.select(names), on="id", how="inner", suffix="_raw")
    assert both.height == 53
    for field in SCHEMA.fields[1:]:
        assert both[field.name].equals(both[f"{field.name}_raw"], check_names=False), field.name


def test_rates_are_per_cent_and_the_history_counts_months(early: Checked):
    first = early.accepted.row(0, named=True)
    assert 5 < early.accepted["int_rate"].min() < early.accepted["int_rate"].max() < 25
    assert 0 <= early.accepted["revolving_use_pct"].min() < early.accepted["revolving_use_pct"].max() < 120
    assert first["credit_history_months"] > 36


@pytest.mark.parametrize("name", ["recoveries", "total_pymnt", "last_fico_range_low", "settlement_status"])
def test_a_field_known_only_after_the_loan_is_refused_by_its_name(name: str):
    # Whichever way a column of that name would be found.
    for field in (
        Field(name, "number", "Later"),
        Field("harmless", "number", "Later", aliases=(name,)),
        Field("harmless", "number", name),
        Field(name.replace("_", "").upper(), "number", "Later"),
    ):
        with pytest.raises(SchemaError, match="for a feature, which is known only after the loan was granted"):
            replace(SCHEMA, fields=(*SCHEMA.fields, field))


def test_a_schema_file_that_takes_a_later_field_is_refused_by_its_name(tmp_path: Path):
    text = SCHEMA.to_toml() + '\n[[fields]]\nname = "recoveries"\ntype = "number"\nlabel = "Got back"\n'
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(SchemaError, match="takes 'recoveries' for a feature"):
        datasets.load_schema(str(tmp_path / "mine.toml"))


def test_every_column_the_file_fills_in_later_is_known_by_name(credit_data: Path):
    path = credit_data / "lending_club" / "accepted_2007_to_2018_random2000.csv.gz"
    later = ("total_pymnt", "total_rec_", "recover", "last_", "out_prncp", "settlement", "hardship", "collection_rec")
    columns = [name for name in datasets.read("lending_club", str(path)).frame.columns if name.startswith(later)]
    assert len(columns) > 30
    assert set(columns) <= KNOWN_POST_OUTCOME_NAMES


def test_without_pricing_nothing_of_the_platforms_own_judgement_is_left():
    left = {field.name for field in datasets.load_schema("lending_club_without_pricing").features}
    assert not left & set(PRICING)
    assert len(left) == len(SCHEMA.features) - len(PRICING)


def test_with_and_without_pricing_all_else_is_the_same():
    without = datasets.load_schema("lending_club_without_pricing")
    fields = tuple(field for field in SCHEMA.fields if field.name not in PRICING)
    assert without == replace(SCHEMA, name=without.name, title=without.title, fields=fields)


def test_where_the_borrower_lives_and_what_they_wrote_never_enters():
    names = {spelling for field in SCHEMA.fields for spelling in (field.name, *field.aliases)}
    assert not names & {"addr_state", "zip_code", "desc", "title", "emp_title"}


def test_what_borrowers_wrote_is_dropped_as_soon_as_it_is_read(early: Checked, sample: Checked):
    for checked in (early, sample):
        assert not {"desc", "title", "emp_title"} & {*checked.raw.columns, *checked.accepted.columns}


def test_the_month_of_a_new_batch_holds_the_loans_whose_term_is_over(credit_data: Path):
    batch = checked(credit_data / "lending_club" / "accepted_2015-12_first999.csv.gz")
    # 36 months from December 2015 were over in March 2019, 60 were not.
    assert set(batch.accepted["term_months"]) == {"36"}
    assert batch.accepted.height + len(batch.rejected) == 999


def test_a_clerks_raw_row_is_read_like_the_file(sample: Checked):
    record = {
        "loan_amnt": "10000", "term": " 36 months", "int_rate": "10.65%", "installment": "325.7", "grade": "B",
        "sub_grade": "B2", "emp_length": "10+ years", "home_ownership": "RENT", "annual_inc": "60000",
        "verification_status": "Verified", "purpose": "credit_card", "issue_d": "Dec-2017",
        "earliest_cr_line": "Jan-2010", "revol_util": "83.7%",
    }  # fmt: skip
    row = datasets.check(from_records([record]), SCHEMA).accepted.row(0, named=True)
    assert (row["int_rate"], row["revolving_use_pct"], row["employment_years"]) == (10.65, 83.7, "10")
    assert row["credit_history_months"] == 95  # seven years and eleven months


def test_a_rows_spelling_is_told_from_the_row_alone():
    base = {
        "Loan_Amnt": "5000", "Term": "36", "Installment": "160", "Grade": "B", "Sub_Grade": "B2",
        "Home_Ownership": "RENT", "Verification_Status": "Verified", "Purpose": "car",
    }  # fmt: skip
    share = base | {
        "Int_Rate": "0.1065",
        "Revol_Util": "0.837",
        "Issue_D": "2017-12-01",
        "Earliest_Cr_Line": "2010-01-01",
    }
    percent = base | {"Int_Rate": "10.65", "Revol_Util": "83.7", "Issue_D": "Dec-2017", "Earliest_Cr_Line": "Jan-2010"}
    together = datasets.check(from_records([share, percent]), SCHEMA)
    assert together.accepted["problems"].to_list() == [[], []]
    first, second = (together.accepted.drop("row_number").row(row, named=True) for row in (0, 1))
    assert first == second
    assert (first["int_rate"], first["revolving_use_pct"], first["credit_history_months"]) == (10.65, 83.7, 95.0)
    # The file comes back as it was sent.
    assert together.raw["Int_Rate"].to_list() == ["0.1065", "10.65"]
    assert together.raw.columns == list(share)


def test_a_length_of_history_that_is_given_is_kept():
    given = {
        "loan_amnt": "5000", "term": "36", "int_rate": "10.65", "installment": "160", "grade": "B", "sub_grade": "B2",
        "home_ownership": "RENT", "verification_status": "Verified", "purpose": "car", "issue_d": "Dec-2017",
        "earliest_cr_line": "Jan-2010", "Credit history months": "12",
    }  # fmt: skip
    assert datasets.check(from_records([given]), SCHEMA).accepted["credit_history_months"].item() == 12


def test_without_a_source_it_says_what_to_pass():
    with pytest.raises(SourceError, match="SOURCE="):
        datasets.read("lending_club", None)
