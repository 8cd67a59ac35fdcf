"""A schema worked out from a table nobody described: what each kind of column is taken for, and what it must not be."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from creditrisk.errors import SchemaError
from creditrisk.metrics import auc
from creditrisk.quality import check, leaks_target
from creditrisk.quality.leakage import share_of_bads_alike
from creditrisk.schema import Field, Schema
from creditrisk.schema_inference import Inference, infer
from creditrisk.schema_inference.header_hints import canonical, protected_word, sounds_later
from creditrisk.sources import RawTable, from_records, parse_table, read_table

N_LOANS = 400
RNG = np.random.default_rng(3)
OUTCOME = (RNG.random(N_LOANS) < 0.25).astype(int)
INCOME = RNG.integers(800, 9_000, N_LOANS)


def table(**columns: list[object]) -> RawTable:
    """Four hundred loans with an outcome, an income, and the columns given."""
    everything = {"BAD": OUTCOME.tolist(), "income": INCOME.tolist(), **columns}
    names = list(everything)
    return from_records([dict(zip(names, cells, strict=True)) for cells in zip(*everything.values(), strict=True)])


def inferred(raw: RawTable, *, bad: tuple[str, ...] = ("1",), good: tuple[str, ...] = ()) -> Inference:
    return infer(raw, target="BAD", bad=bad, good=good, name="my loans")


def column(*cells: object, name: str = "column") -> Field:
    """The field proposed for a column that goes round the cells."""
    values = [cells[number % len(cells)] for number in range(N_LOANS)]
    return inferred(table(**{name: values})).schema.fields[1]


# Types


@pytest.mark.parametrize(
    ("cells", "kind", "unit", "bounds"),
    [
        (range(100, 200), "number", "", (100, 200)),
        ([f"{number / 7:.2f}" for number in range(100)], "number", "", (0, 15)),
        ([f"{number / 7 + 1:.2f}%" for number in range(100)], "number", "%", (1, 16)),
        ([f" {number} months" for number in range(12, 61)], "number", "months", (10, 60)),
        ([f"{number // 12}yrs {number % 12}mon" for number in range(6, 190)], "number", "months", (0, 190)),
        (["3 years", "5 months", "1 year and 2 months", "10 YRS, 1 m"], "number", "months", (0, 130)),
        ([f"€ {number},500.00" for number in range(1, 90)], "number", "EUR", (0, 90_000)),
        ([f"-${number},500.00" for number in range(1, 90)], "number", "USD", (-90_000, 0)),
        ([f"R$ {number},500.00" for number in range(1, 90)], "number", "BRL", (0, 90_000)),
        (
            ["Rs. 1,500", "₹ 2,500", "Rs 3,500", "rs 4500", *(f"₹{n}00" for n in range(11, 60))],
            "number",
            "INR",
            (1_000, 6_000),
        ),
        ([f"{number} 500,50 zł" for number in range(1, 90)], "number", "PLN", (0, 90_000)),
        ([f"{number},000" for number in range(1, 90)], "number", "", (0, 90_000)),
        ([f"1.{number:03},50" for number in range(1, 990, 11)], "number", "", (1_000, 2_000)),
        ([f"{number} 250" for number in range(1, 90)], "number", "", (0, 90_000)),
    ],
)
def test_numbers_are_found_however_they_are_written(cells, kind, unit, bounds):
    field = column(*cells)

    assert (field.type, field.unit, field.role) == (kind, unit, "feature")
    assert (field.minimum, field.maximum) == bounds


def test_tables_named_in_other_scripts_keep_names_of_their_own():
    names = {infer(table(), target="BAD", bad=("1",), name=name).schema.name for name in ("кредит", "日本")}

    assert len(names) == 2
    assert all(name.startswith("own_data_") for name in names)


def test_digits_beyond_any_number_are_no_number():
    field = column(*(str(4_000_000_000_000_000 + 7_919 * number) for number in range(N_LOANS)))

    assert (field.type, field.role) == ("text", "id")


def test_a_table_with_more_cells_than_names_is_refused():
    text = "age,BAD\n" + "".join(f"{row},{20 + row},{row % 2}\n" for row in range(1, 40))

    with pytest.raises(SchemaError, match="39 rows have 3 cells, but the first line names 2 columns"):
        inferred(parse_table(text.encode(), filename="r.csv"))


@pytest.mark.parametrize("nothing", ["", "NA", "n/a", "?", "NULL", "none", "-", "NaN"])
def test_words_for_nothing_leave_a_number_a_number(nothing):
    field = column(*range(100, 150), nothing)

    assert (field.type, field.is_required) == ("number", False)
    assert (field.minimum, field.maximum) == (100, 150)


@pytest.mark.parametrize("nothing", ["unknown", "Not available", "keine Angabe"])
def test_words_for_nothing_among_numbers_are_answers_among_categories(nothing):
    raw = table(debt=[*range(100, 480)] + [nothing] * 20, owned=([0, 1, 2, nothing] * 100), home=["own", nothing] * 200)
    found = inferred(raw)
    debt, owned, home = found.schema.fields[1:]

    assert (debt.type, debt.is_required, debt.maximum) == ("number", False, 500)
    assert [category.value for category in owned.categories] == ["0", "1", "2"]
    assert {category.value for category in home.categories} == {"own", nothing}
    assert check(raw, found.schema).rejected == []


def test_few_whole_numbers_are_an_ordered_category_without_gaps():
    field = column(0, 1, 2, 4)

    assert (field.type, field.is_ordered) == ("category", True)
    assert [category.value for category in field.categories] == ["0", "1", "2", "3", "4"]


def test_codes_written_as_decimals_are_the_same_codes():
    field = column("1.0", "2.0", "3.0")
    assert [(category.value, category.aliases) for category in field.categories] == [
        ("1", ("1.0",)),
        ("2", ("2.0",)),
        ("3", ("3.0",)),
    ]


def test_few_values_below_zero_are_asked_about_and_stay():
    months = [*range(350)] + [-9] * 30 + [-8] * 20
    found = inferred(table(months=months, gain=[number % 100 - 50 for number in range(N_LOANS)]))

    assert [(item.flag, item.field.role) for item in found.columns[1:]] == [("code?", "feature"), ("", "feature")]
    assert found.columns[1].decide.startswith("-9, -8 in 50 rows (12.5%), apart from all other values")


def test_two_terms_far_apart_stay_numbers():
    assert column(36, 60).type == "number"


def test_counts_are_whole_and_amounts_are_not_because_they_happen_to_be():
    assert column(*range(100, 150), name="num_loans").type == "integer"
    assert column(*range(100, 150), name="savings").type == "number"


def test_categories_are_spelt_as_most_rows_spell_them_and_rare_ones_are_one():
    cells = ["Own"] * 5 + ["own"] * 2 + ["Rent"] * 3
    raw = table(home=[*(cells * 40)[: N_LOANS - 2], "boat", "boat"])

    found = inferred(raw)
    field = found.schema.field("home")

    assert [category.value for category in field.categories] == ["Own", "Rent", "other"]
    assert found.columns[1].counts == (("Own", 280), ("Rent", 118), ("other", 2))  # 40 rounds of 7 and 3, two boats
    checked = check(raw, found.schema, with_target=True)
    assert checked.rejected == []
    assert checked.accepted["problems"].list.len().sum() == 0
    assert set(checked.accepted["home"][N_LOANS - 2 :]) == {"other"}


def test_categories_that_say_their_place_are_ordered():
    field = column("10+ years", "< 1 year", "2 years", "1 year")
    assert [category.value for category in field.categories] == ["< 1 year", "1 year", "2 years", "10+ years"]
    assert field.is_ordered
    assert not column("A34", "A410", "A40").is_ordered


def test_none_is_an_answer_where_nothing_else_is_missing_and_a_gap_where_something_is():
    answer = column("none", "guarantor")
    gap = column("none", "guarantor", "")

    assert [category.value for category in answer.categories] == ["guarantor", "none"]
    assert [category.value for category in gap.categories] == ["guarantor"]
    assert (answer.is_required, gap.is_required) == (True, False)


@pytest.mark.parametrize(
    ("cells", "date_format"),
    [
        (["2020-01-31", "2021-02-28"], ""),
        (["31.01.2020", "28.02.2021"], ""),
        (["Dec-2011", "Jan-2012"], ""),
        (["20200131", "20210228"], ""),
        (["2020.01.31", "2021.02.28"], ""),
        (["31JAN2020", "28FEB2021"], ""),
        (["31 January 2020", "28 February 2021"], ""),
        (["January 31, 2020", "February 28 2021"], ""),
        (["2020/01", "2021/02"], ""),
        (["31.01.20", "28.02.21"], "%d.%m.%y"),
        (["2020-01-31 10:00:00", "2021-02-28 11:30:00"], ""),
        (["01/31/2020", "02/28/2021"], "%m/%d/%Y"),
        (["31/01/2020", "28/02/2021"], "%d/%m/%Y"),
        (["31-01-20", "28-02-21"], "%d-%m-%y"),
        (["28-Feb-97", "1-Mar-66"], ""),
        (["200711", "200802"], "%Y%m"),
        (["930711", "981231"], "%y%m%d"),
    ],
)
def test_dates_are_found_and_say_how_they_are_written(cells, date_format):
    field = column(*cells, name="seen")
    if cells[0].isdigit():
        assert field.type == "number"  # digits alone may be anything
        field = column(*cells, name="visit_date")
    assert (field.type, field.role, field.date_format) == ("date", "excluded", date_format)


def test_zeros_in_front_that_make_no_categories_fill_up_a_number():
    filled = column(*[f"{number * 7:05}" for number in range(200)])
    place = column(*[f"{number * 7:05}" for number in range(200)], name="zip")

    assert (filled.type, filled.role, filled.maximum) == ("number", "feature", 1_400)
    assert (place.type, place.role) == ("text", "excluded")


# Roles


@pytest.mark.parametrize(
    ("cells", "date_format"),
    [
        (["01/03/2020", "01/11/2020", "01/02/2021"], "%d/%m/%Y"),
        (["03/01/2020", "11/01/2020", "02/01/2021"], "%m/%d/%Y"),
    ],
)
def test_what_is_always_the_first_is_the_day(cells, date_format):
    assert column(*cells).date_format == date_format


def test_a_date_of_application_divides_the_table_by_time():
    months = [f"20{10 + number // 120:02}-{number // 10 % 12 + 1:02}-01" for number in range(N_LOANS)]
    found = inferred(table(application_date=months, last_seen_on=months))
    roles = {field.name: field.role for field in found.schema.fields}
    assert roles == {"income": "feature", "application_date": "time", "last_seen_on": "excluded"}


def test_one_date_for_all_divides_nothing():
    assert inferred(table(application_date=["2020-01-01"] * N_LOANS)).schema.time_field is None


def test_a_number_that_the_older_rows_lack_is_left_out():
    days = [f"2020-{number // 35 + 1:02}-{number % 28 + 1:02}" for number in range(N_LOANS)]
    new = [number * 3 % 101 if number > 350 else None for number in range(N_LOANS)]

    found = inferred(table(BAD=[number % 2 for number in range(N_LOANS)], issue_d=days, new=new))

    assert found.schema.field("issue_d").role == "time"
    assert found.schema.field("new").role == "excluded"


def test_one_of_the_columns_that_tell_rows_apart_is_the_id():
    found = inferred(
        table(
            **{"": list(range(N_LOANS)), "Unnamed: 0": list(range(N_LOANS))},
            row=list(range(1, N_LOANS + 1)),
            loan_id=[f"LP{number:05}" for number in range(N_LOANS)],
            link=[f"https://lender/{number}" for number in range(N_LOANS)],
        )
    )
    assert found.schema.id_field == found.schema.field("loan_id")
    assert {column.header for column in found.columns if column.field.role == "excluded"} == {
        "", "Unnamed: 0", "row", "link",
    }  # fmt: skip


def test_the_number_of_a_client_who_stands_in_several_rows_is_left_out_and_that_of_a_branch_is_not():
    several = [number % 100 for number in range(N_LOANS)]
    fields = inferred(table(customer_id=several, branch_id=[100 * (number % 50) for number in several])).schema
    assert fields.field("customer_id").role == "excluded"
    assert (fields.field("branch_id").role, fields.field("branch_id").type) == ("feature", "category")


@pytest.mark.parametrize("name", ["ApprovalFY", "origination_quarter", "MonthsSinceOrigination", "issue_year"])
def test_when_the_loan_was_granted_is_not_learned_from(name):
    assert column(*range(2_000, 2_030), name=name).role == "excluded"


def test_a_date_that_only_bads_have_is_told_as_leakage():
    days = [f"2020-01-{number % 28 + 1:02}" if bad else "" for number, bad in enumerate(OUTCOME)]
    found = inferred(table(day_seen=days, other=["2020-01-01", "2020-02-01"] * 200))
    assert [(item.field.role, item.flag) for item in found.columns[1:]] == [
        ("excluded", "leakage?"),
        ("excluded", "date"),
    ]


def test_an_amount_that_happens_to_differ_in_every_row_is_no_id():
    amounts = random.Random(1).sample(range(1_000, 90_000), N_LOANS)
    assert inferred(table(amount=amounts)).schema.field("amount").role == "feature"


@pytest.mark.parametrize(
    "name",
    ["sex", "Gender", "AGE", "person_age", "ageGroup", "DAYS_BIRTH", "date of birth", "marital-status", "Married",
     "personal_status_sex", "Nationality", "foreign_worker", "religion", "RACE", "ethnic_group", "disability",
     "Geschlecht", "Alter", "Familienstand", "Staatsangehörigkeit", "CODE_GENDER", "NAME_FAMILY_STATUS"],
)  # fmt: skip
def test_what_the_law_may_protect_is_kept_from_the_model(name):
    assert column("3", "17", "20", "55", "61", "a", name=name).role == "protected"


@pytest.mark.parametrize(
    "name",
    ["wage", "package", "mileage", "average", "storage", "language_pack", "OWN_CAR_AGE", "account_age_months",
     "percentage", "altered", "racer", "essex", "mortgage", "foreign_currency", "Sexton", "usage", "engagement"],
)  # fmt: skip
def test_words_that_only_contain_such_a_word_are_left_alone(name):
    assert protected_word(name) == ""


def test_values_betray_a_protected_field_that_its_name_does_not():
    assert column("male single", "female div/dep/mar", name="status").role == "protected"
    assert column("F", "M", name="code").role == "protected"
    assert column("own", "rent", name="status").role == "feature"


@pytest.mark.parametrize(
    "name",
    ["recoveries", "collection_recovery_fee", "total_pymnt", "total_rec_prncp", "last_pymnt_amnt", "charged_off_amount",
     "ChargeOffDate", "write-off amount", "settlement_status", "arrears_90d_after_12m", "hardship_flag",
     "days_to_default", "sent_to_collections", "ChgOffPrinGr", "PrincipalPaymentsMade", "CustomerPayments",
     "paid_late_fees", "GrossPrincipalLoss", "months_on_book", "zero_balance_code", "date_closed",
     "LossGivenDefault", "Mahnstufe", "Inkasso", "Ausfalldatum",
     "Rückstand nach 12 Monaten", "principal_recovered", "netrecoveries", "recoveries2", "PaidInFullDate", "LOAN AGE",
     "MODIFICATION FLAG", "CURRENT ACTUAL UPB", "npa_date", "EAD1", "interest_paid", "late_fees", "closed_at"],
)  # fmt: skip
def test_names_that_tell_of_after_the_decision_are_known(name):
    assert sounds_later(name)


@pytest.mark.parametrize(
    "name",
    ["PAY_0", "PAY_AMT1", "EXT_SOURCE_2", "fico_range_low", "pub_rec", "delinq_2yrs", "chargeoff_within_12_mths",
     "collections_12_mths_ex_med", "cb_person_default_on_file", "previous_default", "acc_now_delinq", "total_acc",
     "mths_since_last_delinq", "lump_sum_payment", "first_payment_date", "ExpectedLoss",
     "frühere Mahnungen", "installment", "status", "account_status", "late_payments", "net_loss",
     "NumberOfTimes90DaysLate", "Outstanding_Debt", "paid_up_capital", "discovery_card"],
)  # fmt: skip
def test_what_was_known_on_the_day_is_not_taken_for_later(name):
    assert not sounds_later(name)


def test_a_column_that_knows_the_outcome_is_left_out_and_a_strong_honest_one_stays():
    rng = np.random.default_rng(5)
    knows = OUTCOME * 500 + rng.normal(0, 100, N_LOANS)  # five standard deviations apart
    strong = OUTCOME * 1.5 + rng.normal(0, 1, N_LOANS)  # one and a half: an AUC of 0.86
    fee = [round(float(rng.random()) * 40, 2) if bad and rng.random() < 0.6 else 0 for bad in OUTCOME]

    found = inferred(table(knows=knows.round(1).tolist(), strong=strong.round(3).tolist(), fee=fee))

    roles = {column.header: (column.field.role, column.flag) for column in found.columns}
    assert roles["knows"] == ("excluded", "leakage?")
    assert roles["strong"] == ("feature", "")
    # Not one of the rows with a fee is good, though most bads have none: its AUC alone is no more than 0.8.
    assert roles["fee"] == ("excluded", "leakage?")
    assert auc(share_of_bads_alike(pl.Series(fee, dtype=pl.Float64), OUTCOME), OUTCOME) < 0.9


def test_a_frequent_value_that_only_goods_have_is_not_hidden_by_the_ordinary_ones_below_it():
    # A fifth of the goods, 300 rows where 75 bads were due, have the amount 99999999; all others any amount below.
    bad = np.tile([0, 0, 0, 1], 500)
    rng = np.random.default_rng(4)
    amount = rng.integers(1_000, 40_000, 2_000)
    amount[np.flatnonzero(bad == 0)[::5]] = 99_999_999

    assert leaks_target(pl.Series(amount), bad) == "of 300 rows with some of its values not one is bad"


def test_rows_that_are_nearly_told_do_not_hide_those_that_are():
    # A fifth of the bads have ten times their score; of the lowest scores five in six are bad.
    rng = np.random.default_rng(6)
    bad = np.tile([0, 0, 0, 1], 1_000)
    score = rng.integers(650, 750, 4_000)
    lowest = np.r_[np.flatnonzero(bad == 1)[:250], np.flatnonzero(bad == 0)[:50]]
    score[lowest] = 600
    score[np.flatnonzero(bad == 1)[250:450]] *= 10

    clue = leaks_target(pl.Series(score), bad)

    assert clue.endswith("of all bads")
    assert leaks_target(pl.Series(score), bad, is_from_before=True) == clue


def test_what_says_that_it_was_known_before_may_tell_more_and_stays_with_a_word():
    # Three quarters of the goods and not one of the bads have it.
    spared = ["yes" if not bad and number % 4 else "no" for number, bad in enumerate(OUTCOME)]
    ranks = (OUTCOME * 3 + np.random.default_rng(2).normal(0, 1, N_LOANS)).round(3).tolist()  # an AUC of 0.98
    knows = [str(bad) for bad in OUTCOME]

    found = inferred(table(previous_defaults=spared, code=spared, credit_score=ranks, ranks=ranks, past_default=knows))

    assert {item.header: (item.field.role, item.flag) for item in found.columns[1:]} == {
        "previous_defaults": ("feature", "strong?"),
        "code": ("excluded", "leakage?"),
        "credit_score": ("feature", "strong?"),
        "ranks": ("excluded", "leakage?"),
        "past_default": ("excluded", "leakage?"),
    }


def test_chance_gives_nothing_away():
    rng = np.random.default_rng(11)
    for _ in range(50):
        assert leaks_target(pl.Series(rng.integers(0, 40, 300)), (rng.random(300) < 0.1).astype(np.int64)) == ""


def test_free_text_people_constants_and_what_is_empty_are_left_out():
    words = ["roof", "car", "debt", "the", "for", "my", "wedding", "old", "new", "house"]
    rng = random.Random(2)
    found = inferred(
        table(
            purpose=[" ".join(rng.choices(words, k=8)) for _ in range(N_LOANS)],
            e_mail=[f"p{rng.randrange(300)}@example.org" for _ in range(N_LOANS)],
            zip_code=[f"{rng.randrange(300):03}xx" for _ in range(N_LOANS)],
            currency=["EUR"] * N_LOANS,
            spare=[""] * N_LOANS,
            seldom=["x" if number < 3 else "" for number in range(N_LOANS)],
        )
    )
    assert {column.header: column.flag for column in found.columns if column.header != "income"} == {
        "purpose": "free text",
        "e_mail": "personal?",
        "zip_code": "many values",
        "currency": "constant",
        "spare": "empty",
        "seldom": "many values",
    }
    assert [field.name for field in found.schema.features] == ["income"]


# Names


def test_names_are_canonical_and_the_header_stays_as_an_alias():
    assert canonical("Größe (m²) -- alt") == "groesse_m2_alt"
    fields = inferred(table(**{"Größe (m²)": [n % 50 for n in range(N_LOANS)]})).schema.fields
    assert (fields[1].name, fields[1].aliases) == ("groesse_m2", ("Größe (m²)",))


def test_headers_that_come_to_the_same_name_get_a_number_each_and_each_finds_its_own_column():
    raw = table(
        **{
            "PAY-1": [n % 50 for n in range(N_LOANS)],
            "pay_1": [100 + n % 50 for n in range(N_LOANS)],
            "Pay 1": [200 + n % 50 for n in range(N_LOANS)],
        }
    )
    schema = inferred(raw).schema
    accepted = check(raw, schema, with_target=True).accepted

    assert len({field.name for field in schema.fields}) == 4
    assert sorted(accepted[field.name].min() for field in schema.fields[1:]) == [0, 100, 200]
    assert accepted["pay_1"].min() == 100  # the header that is a name already keeps it


def test_names_that_checks_and_results_use_are_not_taken():
    raw = table(verdict=["yes", "no"] * 200, seq=[n % 50 for n in range(N_LOANS)])
    schema = inferred(raw).schema
    assert [(field.name, field.aliases) for field in schema.fields[1:]] == [
        ("verdict_2", ("verdict",)),
        ("seq_2", ("seq",)),
    ]
    assert check(raw, schema, with_target=True).rejected == []


# The outcome


@pytest.mark.parametrize(
    ("values", "bad", "good"),
    [
        (("0", "1"), ("1",), ()),
        (("0.0", "1.0"), ("1",), ("0",)),
        (("no", "YES"), ("yes",), ("no",)),
        (("good", "bad"), ("bad",), ()),
        (("none", "bad"), ("bad",), ("none",)),
    ],
)
def test_outcomes_are_read_however_they_are_coded(values, bad, good):
    raw = table(BAD=[values[outcome] for outcome in OUTCOME])
    found = inferred(raw, bad=bad, good=good)
    accepted = check(raw, found.schema, with_target=True).accepted
    assert accepted["default"].sum() == OUTCOME.sum()
    assert accepted.height == N_LOANS


def test_more_than_two_outcomes_are_told_and_with_good_the_others_are_open():
    raw = table(BAD=["paid", "lost", "current", "paid", ""] * 80)

    without = inferred(raw, bad=("lost",))
    with_good = inferred(raw, bad=("LOST",), good=("paid",))

    assert without.schema.target.good == ("paid", "current")
    assert "Taken for good, because they are not bad: 'paid' (160), 'current' (80)." in without.outcome
    assert any("'current' (80) may be loans whose outcome is still open" in word for word in without.outcome)
    assert (with_good.schema.target.bad, with_good.schema.target.unresolved) == (("lost",), ("current",))
    checked = check(raw, with_good.schema, with_target=True)
    assert (checked.accepted.height, len(checked.rejected)) == (240, 160)  # 80 open, 80 empty


@pytest.mark.parametrize(
    ("target", "bad", "sentence"),
    [
        ("BDA", ("1",), r"no column 'BDA' to take the outcome from\. Did you mean 'BAD'\?"),
        ("zzz", ("1",), r"The table has 'BAD', 'income'\."),
        ("BAD", ("2",), r"no row has '2' in column 'BAD': it holds '0' \(\d+\), '1' \(\d+\)"),
        ("BAD", ("0", "1"), "all 400 outcomes in column 'BAD' are bad"),
    ],
)
def test_a_target_that_cannot_be_used_is_a_sentence(target, bad, sentence):
    with pytest.raises(SchemaError, match=sentence):
        infer(table(), target=target, bad=bad, name="x")


def test_a_value_cannot_be_bad_and_good():
    with pytest.raises(SchemaError, match="cannot be bad and good at once"):
        inferred(table(), bad=("1",), good=("1",))


def test_a_table_with_nothing_to_learn_from_is_a_sentence():
    raw = from_records([{"BAD": n % 2, "sex": "mf"[n % 2 ^ (n % 3 == 0)], "constant": 1} for n in range(100)])
    with pytest.raises(SchemaError, match="none of the 2 columns beside 'BAD' can be learned from"):
        inferred(raw)


# The file


UGLY = """;"Größe - alt";Rate;Term;"Ist verheiratet?";Beginn;outcome\r
"""


def ugly_file(order: list[int]) -> bytes:
    """A German export: semicolons, decimal commas, units, CRLF, quotes, an index column; rows in the order given."""
    rng = np.random.default_rng(4)
    rows = [
        f'{number};"{rng.integers(1_000, 9_000) / 10:.1f}";{rng.random() * 20:.2f} %; {rng.integers(6, 84)} Monate;'
        f"{'ja' if rng.random() < 0.5 else 'nein'};{rng.integers(1, 28):02}.{rng.integers(1, 12):02}.2020;"
        f"{'schlecht' if rng.random() < 0.3 else 'gut'}\r\n".replace(".", ",", 2)
        for number in range(300)
    ]
    return (UGLY + "".join(rows[place] for place in order)).encode("cp1252")


def test_the_order_of_the_rows_does_not_matter():
    shuffled = random.Random(1).sample(range(300), 300)
    files = [parse_table(ugly_file(order), filename="x.csv") for order in (list(range(300)), shuffled)]

    first, second = (infer(raw, target="outcome", bad=["schlecht"], name="x").to_toml() for raw in files)

    assert first == second


def test_the_file_written_is_the_schema_and_the_checks_accept_the_table_with_it():
    raw = parse_table(ugly_file(list(range(300))), filename="x.csv")
    found = infer(raw, target="outcome", bad=["schlecht"], name="x")

    schema = Schema.from_toml(found.to_toml())

    assert schema == found.schema
    checked = check(raw, schema, with_target=True)
    assert [rejection.sentence for rejection in checked.rejected] == []
    assert checked.accepted["problems"].list.len().sum() == 0
    assert {field.name: (field.type, field.role, field.unit) for field in schema.fields[1:]} == {
        "groesse_alt": ("number", "feature", ""),
        "rate": ("number", "feature", "%"),
        "term": ("number", "feature", "monate"),
        "ist_verheiratet": ("category", "protected", ""),
        "beginn": ("date", "excluded", ""),
    }


def test_reasons_stand_beside_the_fields_they_are_about():
    text = inferred(table(sex=["m", "f"] * 200, recoveries=[n % 50 for n in range(N_LOANS)])).to_toml()

    blocks = {block.split('name = "')[1].split('"')[0]: block for block in text.split("[[fields]]")[1:]}
    assert "# DECIDE: its name says 'sex'" in blocks["sex"]
    assert '{ value = "f", label = "f" },  # 200 rows' in blocks["sex"]
    assert "# DECIDE: going by its name it was written after the decision" in blocks["recoveries"]
    assert "DECIDE" not in blocks["income"]


def test_a_file_without_names_is_learned_from_by_the_places_of_its_columns():
    rows = zip(INCOME, OUTCOME, strict=True)
    lines = [f"b,{income},0,{'u' if income % 3 else 'y'},{'-' if bad else '+'}" for income, bad in rows]
    raw = parse_table("\n".join(lines).encode(), filename="loans.data")

    for target in ("column 5", "5"):
        schema = infer(raw, target=target, bad=["-"], name="x").schema
        assert [field.name for field in schema.features] == ["column_2", "column_4"]
        assert check(raw, schema, with_target=True).accepted["default"].sum() == OUTCOME.sum()
    with pytest.raises(SchemaError, match="its columns are called 'column 1' to 'column 5'"):
        infer(raw, target="BAD", bad=["-"], name="x")


def test_letters_and_marks_that_would_break_a_file_do_not():
    nasty = ['quote " inside', "back\\slash", "tab\there", "{ brace = 1 }", "# hash", "Stra\u00c3\u0178e", "<script>"]
    raw = table(**{'x "y" = \\ #': [nasty[number % 7] for number in range(N_LOANS)]})
    found = inferred(raw)

    assert Schema.from_toml(found.to_toml()) == found.schema
    assert found.columns[1].flag == "letters?"
    assert check(raw, found.schema, with_target=True).rejected == []


def test_a_second_line_of_names_is_found(credit_data: Path):
    raw = read_table(str(credit_data / "taiwan_default" / "default_of_credit_card_clients.csv.gz"))
    for target in ("default payment next month", "Y"):
        found = infer(raw, target=target, bad=["1"], name="cards")
        assert found.schema.target.name == "default_payment_next_month"
        assert found.schema.id_field == found.schema.field("id")
        assert {field.name for field in found.schema.protected} == {"sex", "marriage", "age"}
        assert len(found.schema.features) == 20


@pytest.mark.parametrize(
    ("path", "target", "bad", "n_features"),
    [
        ("south_german_credit/SouthGermanCredit.asc", "credit_risk", "0", 17),
        ("credit_g/credit-g.csv", "class", "bad", 17),
        ("loan_prediction/train_u6lujuX_CVtuZ9i.csv", "Loan_Status", "N", 9),
        ("loan_prediction/variants/train_semicolon_reexport.csv", "loan_status", "n", 9),
    ],
)
def test_real_files_are_accepted_whole_with_the_schema_worked_out_from_them(
    credit_data: Path, path: str, target: str, bad: str, n_features: int
):
    raw = read_table(str(credit_data / path))
    schema = infer(raw, target=target, bad=[bad], name="own").schema
    checked = check(raw, schema, with_target=True)
    assert checked.rejected == []
    assert checked.accepted["problems"].list.len().sum() == 0
    assert len(schema.features) == n_features


def test_what_lending_club_wrote_down_later_is_left_out_and_what_it_asked_for_stays(credit_data: Path):
    raw = read_table(str(credit_data / "lending_club" / "accepted_2007_to_2018_random2000.csv.gz"))
    schema = infer(raw, target="loan_status", bad=["Charged Off"], good=["Fully Paid"], name="own").schema

    names = {field.name for field in schema.features}

    assert {"fico_range_low", "dti", "annual_inc", "int_rate", "grade", "term", "emp_length"} <= names
    assert not {name for name in names if sounds_later(name)}
    assert schema.time_field == schema.field("issue_d")
    assert schema.field("term").unit == "months"
    assert schema.field("emp_length").is_ordered
    assert schema.amount_field == "loan_amnt"


# Signs


@pytest.mark.parametrize(
    ("name", "slope", "sign"),
    [
        ("debt_to_income", 1, "+"),
        ("credit_score", -1, "-"),
        # The data speaks against the name, says nothing, or the name says nothing.
        ("debt_to_income", -1, ""),
        ("debt_to_income", 0, ""),
        ("shoe_size", 1, ""),
    ],
)
def test_a_sign_is_proposed_where_the_name_and_the_data_agree(name, slope, sign):
    noise = np.random.default_rng(1).normal(size=N_LOANS)
    proposed = inferred(table(**{name: np.round(60 + 10 * (noise + slope * OUTCOME), 1).tolist()}))
    [of_name] = [item for item in proposed.columns if item.header == name]
    assert of_name.field.sign == sign
    assert ("can only" in of_name.decide) == bool(sign)
    assert Schema.from_toml(proposed.to_toml()).field(of_name.field.name).sign == sign
