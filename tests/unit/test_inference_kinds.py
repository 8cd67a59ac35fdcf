"""Kinds of columns in tables nobody has seen: what names rows, time, codes, people and things the law bars."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from creditrisk.columns import is_post_outcome, key
from creditrisk.datasets import load_schema
from creditrisk.quality import check
from creditrisk.schema import Schema
from creditrisk.schema_inference import Inference, infer
from creditrisk.schema_inference.kinds import Column
from creditrisk.sources import from_records, read_table

N_ROWS = 600
R = random.Random(8)
BAD = [int(R.random() < 0.25) for _ in range(N_ROWS)]
DAYS = [date(2015, 1, 1) + timedelta(R.randrange(1_500)) for _ in range(N_ROWS)]


def inferred(n_rows: int = N_ROWS, **columns: Sequence[object]) -> Inference:
    names = ["BAD", "income", *columns]
    rows = zip(BAD[:n_rows], numbers(800, 9_000)[:n_rows], *columns.values(), strict=True)
    return infer(from_records([dict(zip(names, row, strict=True)) for row in rows]), target="BAD", bad=["1"], name="x")


def column(name: str, cells: Sequence[object]) -> Column:
    return inferred(**{name: cells}).columns[1]


def any_of(*values: object) -> list[object]:
    rng = random.Random(repr(values))
    return [rng.choice(values) for _ in range(N_ROWS)]


def numbers(low: int, high: int) -> list[object]:
    rng = random.Random(f"{low} {high}")
    return [rng.randint(low, high) for _ in range(N_ROWS)]


def lognormal(scale: float) -> list[int]:
    rng = random.Random(scale)
    return [int(rng.lognormvariate(scale, 1)) for _ in range(N_ROWS)]


def with_codes(codes: Sequence[object], share: float, cells: Sequence[object]) -> list[object]:
    rng = random.Random(repr(codes))
    return [rng.choice(codes) if rng.random() < share else cell for cell in cells]


# What names a row


@pytest.mark.parametrize(
    "name",
    ["X", "X.1", "index", "rownames", "...1", "Unnamed: 0.1", "Column1", "Sr. No", "__index_level_0__", "lfd. Nr."],
)
def test_a_saved_index_is_no_feature_under_any_of_its_usual_names(name):
    assert column(name, R.sample(range(60_000), N_ROWS)).field.role != "feature"


@pytest.mark.parametrize(
    "cells",
    [
        R.sample(range(4_000), N_ROWS),  # a sample of a table's rows
        R.sample(range(100_000_000, 900_000_000), N_ROWS),  # nine digits each
        [f"{number:010}" for number in R.sample(range(10**9), N_ROWS)],
        [f"{number:08x}-{number % 77:04x}" for number in R.sample(range(10**8), N_ROWS)],
    ],
)
def test_numbers_that_differ_in_every_row_name_it_whatever_they_are_called(cells):
    assert (column("folder", cells).field.role, column("folder", cells).flag) == ("id", "id")


@pytest.mark.parametrize("scale", [8, 12, 16])
def test_whole_amounts_that_differ_in_nearly_every_row_are_amounts(scale):
    assert column("turnover", lognormal(scale)).field.role == "feature"


@pytest.mark.parametrize("name", ["cpf", "PESEL", "Aadhaar", "steuer_id", "national id", "msisdn", "ssn"])
def test_numbers_that_the_state_or_a_network_gives_to_people_are_personal(name):
    found = column(name, numbers(10**10, 10**11 - 1))
    assert (found.field.role, found.flag) == ("excluded", "personal?")


@pytest.mark.parametrize("name", ["customerid", "cust_num", "policy no", "Kundennummer"])
def test_numbers_of_clients_who_stand_in_several_rows_are_left_out(name):
    assert column(name, numbers(10_000, 10_100)).field.role == "excluded"


# What is a time


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("approval_date", lambda day: (day - date(1904, 1, 1)).days),
        ("approval_date", lambda day: (day - date(1960, 1, 1)).days),  # SAS, Stata
        ("approval_date", lambda day: 12 * (day.year - 1960) + day.month - 1),  # months, Stata
        ("approval_date", lambda day: day.toordinal() + 366),  # MATLAB
        ("approval_date", lambda day: f"{day:%m%Y}"),
        ("approval_date", lambda day: f"{day:%Y%j}"),
        ("stamp", lambda day: 1_000 * 86_400 * (day - date(1970, 1, 1)).days),
        ("c7", lambda day: f"{day:%Y%m%d}"),
        ("c7", lambda day: f"{day:%d%m%Y}"),
        ("c7", lambda day: f"{day:%Y%m}"),
        ("c7", lambda day: f"{day:%Y-M%m}"),
        ("c7", lambda day: f"{day:%b'%y}"),
        ("c7", lambda day: f"{day.year}/{(day.year + 1) % 100}"),
        ("c7", lambda day: f"Q{(day.month + 2) // 3}/{day:%y}"),
        ("c7", lambda day: f"{'Spring' if day.month < 7 else 'Autumn'} {day.year}"),
        ("cohort", lambda day: day.year),
        ("Jahr", lambda day: day.year),
        ("fiscal year", lambda day: day.year),
        ("quarter", lambda day: f"Q{(day.month + 2) // 3}"),
        ("month", lambda day: f"{day:%B}"),
        ("orig_time", lambda day: 12 * (day.year - 2015) + day.month),
    ],
)
def test_times_are_no_quantity_however_they_are_counted_or_worded(name: str, written: Callable[[date], object]):
    assert column(name, [written(day) for day in DAYS]).field.role in ("time", "excluded")


@pytest.mark.parametrize("name", ["year_built", "car_year", "employed_years"])
def test_years_of_things_stay(name):
    assert column(name, numbers(1_950, 2_018)).field.role == "feature"


@pytest.mark.parametrize("name", ["last_rech_date_ma", "days_since_last_update"])
def test_a_date_that_counts_the_days_since_something_is_a_quantity(name):
    assert column(name, numbers(0, 90)).field.type == "number"
    assert column(name, numbers(0, 90)).field.role == "feature"


# Digits that are no quantity


@pytest.mark.parametrize(
    "name",
    ["SIC", "naics2", "branch", "branch_code", "Filialnummer", "prod_cd", "sector", "dealer", "loan officer", "state",
     "region", "mcc", "occupation_code", "manufacturer_id", "UseOfLoan", "ListingCategory (numeric)", "BankFDICNumber"],
)  # fmt: skip
def test_few_codes_are_categories_without_order(name):
    field = column(name, any_of(*range(1_101, 6_700, 300))).field
    assert (field.role, field.type, field.is_ordered) == ("feature", "category", False)


@pytest.mark.parametrize("name", ["sic_code", "zip3", "supplier_id", "pincode", "county", "NAICS"])
def test_many_codes_are_asked_about(name):
    found = column(name, numbers(100, 399))
    assert (found.field.role, found.flag) == ("excluded", "codes")


@pytest.mark.parametrize(
    "name", ["region_population", "sector_growth", "latitude", "number_of_products", "days_last_phone_change"]
)
def test_what_is_measured_of_a_branch_or_region_is_a_quantity(name):
    assert column(name, [f"{amount / 7:.3f}" for amount in lognormal(5)]).field.type == "number"


# Numbers that are not read


@pytest.mark.parametrize(
    ("written", "share"),
    [
        (lambda amount: f"{amount:.2f}".replace(".", "·"), "0%"),
        (lambda amount: f"{amount:.0f}".translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")), "0%"),
        (lambda amount: f"{amount:.0f} ✓", "0%"),
        (lambda amount: f">{amount:.0f}", "0%"),
        (lambda amount: f"{amount:.0f}" if int(amount) % 4 else f"ask {amount:.0f}", "7"),  # three quarters
    ],
)
def test_numbers_in_a_notation_that_is_not_read_are_asked_about_with_the_share_that_is(written, share):
    found = column("savings", [written(amount) for amount in lognormal(7)])
    assert (found.field.role, found.flag) == ("excluded", "unread")
    assert share in found.decide


# Codes for missing


@pytest.mark.parametrize(
    ("codes", "share", "low", "high"),
    [
        ([96, 98], 0.02, 0, 14), ([9_999_999], 0.004, 0, 90_000), ([999], 0.02, 500, 850), ([9_999], 0.02, 500, 850),
        ([0], 0.03, 500, 850), ([-1], 0.02, 0, 100), ([-999], 0.02, 0, 9_000), ([-1, 99], 0.02, 0, 40),
        ([9], 0.04, 1, 4), ([-1], 0.04, 0, 3), ([77, 88, 99], 0.05, 1, 5), ([-9, -8, -7], 0.2, 0, 120),
        ([99_998, 99_999], 0.02, 0, 900), ([0], 0.5, 300, 890),
    ],
)  # fmt: skip
def test_codes_for_missing_are_noticed_and_have_no_say_in_bounds(codes, share, low, high):
    found = column("column", with_codes(codes, share, numbers(low, high)))
    assert found.flag == "code?"
    assert sorted(map(int, found.field.missing)) == sorted(codes)
    assert "does it mean missing? As it is, it is read as not given" in found.decide
    if found.field.is_numeric:
        assert (found.field.minimum or 0) >= min(low, 0)
        assert (found.field.maximum or 0) < 2 * high or max(codes) < high
    else:
        assert found.field.is_ordered
        assert not {known.value for known in found.field.categories} & {str(code) for code in codes}


@pytest.mark.parametrize(
    "cells",
    [numbers(-50, 50), numbers(-2, 8), any_of(0, 1), lognormal(8),
     any_of(500, 1_000, 5_000, 10_000), numbers(300, 850), any_of(12, 24, 36, 60, 120),
     with_codes([0], 0.8, numbers(12, 35))],
)  # fmt: skip
def test_ordinary_values_are_no_codes_for_missing(cells):
    assert column("column", cells).flag == ""


def test_values_that_send_many_of_the_tables_own_rows_to_a_person_are_said():
    some, more = (
        [f"about {cell}" if n % 64 == first else cell for n, cell in enumerate(numbers(0, 90))] for first in (3, 4)
    )
    n_odd = sum(n % 64 in (3, 4) for n in range(N_ROWS))

    said = [remark for remark in inferred(late=some, later=more).outcome if "own rows" in remark]

    assert len(said) == 1
    assert f"({n_odd})" in said[0]
    assert "'late', 'later'" in said[0]
    assert not any("own rows" in remark for remark in inferred(late=some).outcome)


def test_a_proposed_code_is_read_as_missing_from_the_schemas_file_in_any_spelling():
    score = [f"{cell}.0" if cell else cell for cell in with_codes([0], 0.5, numbers(300, 890))]
    found = inferred(score=score)
    text = found.to_toml()

    checked = check(
        from_records([{"income": 1_000, "score": cell} for cell in ("0", "0.0", 0, "00", 700)]), found.schema
    )

    assert Schema.from_toml(text) == found.schema
    assert "# DECIDE: 0 in" in text
    assert checked.accepted["score"].to_list() == [None, None, None, None, 700]
    assert checked.accepted["problems"].to_list() == [[]] * 5
    assert not any("own rows" in remark for remark in found.outcome)


# People, and what the law bars


@pytest.mark.parametrize(
    "values",
    [
        ("M", "F", "U"), ("M", "F", "X", "9"), ("Male", "Female", "Sex Not Available", "Joint"), ("homme", "femme"),
        ("K", "M"), ("Married", "Single"), ("White", "Black", "Asian", "Other"), ("SC", "ST", "OBC", "General"),
        ("m", "f", "nicht angegeben"), ("Herr", "Frau", "Firma"), ("A91", "A92", "A93"),
        ("Unaccompanied", "Family", "Spouse, partner", "Children", "Other_A", "Group of people"),
    ],
)  # fmt: skip
def test_values_give_a_protected_field_away_beside_codes_for_unknown(values):
    assert column("c7", any_of(*values)).field.role == "protected"


@pytest.mark.parametrize(
    "values",
    [("S", "M", "L"), ("H", "M", "L"), ("Single", "Joint"), ("White", "Red", "Black"),
     ("single family", "condo", "other"), ("Mr. Cooper Mortgage", "Chase", "Flagstar"), ("A", "B", "F", "M")],
)  # fmt: skip
def test_one_value_among_others_gives_nothing_away(values):
    assert column("c7", any_of(*values)).field.role == "feature"


@pytest.mark.parametrize(
    "name",
    [
        "edad",
        "Idade",
        "estado_civil",
        "genero",
        "fecha_nacimiento",
        "ageband",
        "LanguageCode",
        "native_country",
        "residence permit",
        "wife_income",
    ],
)
def test_protected_names_are_known_in_other_languages(name):
    assert column(name, any_of(1, 2, 3)).field.role == "protected"


@pytest.mark.parametrize(
    "name",
    ["health_score", "has_diabetes", "smoker", "BMI", "sick_leave_days", "ICD10", "facebook_friends", "num_followers",
     "social_media_score", "union_member", "political_party", "church_member", "genetic_risk", "biometric_hash",
     "Krankheitstage", "Gewerkschaft", "TikTok", "FaceBookLikes", "InvestmentFromFriendsAmount"],
)  # fmt: skip
def test_what_the_law_bars_from_credit_is_left_out_with_the_law_named(name):
    found = column(name, numbers(0, 50))
    assert (found.field.role, found.flag) == ("excluded", "barred")
    assert "2023/2225, Art. 18" in found.decide


@pytest.mark.parametrize(
    "name",
    ["health_insurance_premium", "credit_union_loans", "social_security_income", "financial_health", "health_sector",
     "third_party", "likelihood", "OBS_30_CNT_SOCIAL_CIRCLE", "union_bank"],
)  # fmt: skip
def test_money_and_things_that_only_sound_so_stay(name):
    assert column(name, numbers(0, 50)).field.role == "feature"


def test_ethnicity_is_kept_from_the_model_with_the_law_named():
    found = column("ethnicity", any_of("a", "b", "c"))
    assert found.field.role == "protected"
    assert "2023/2225, Art. 18" in found.decide


# The table as a whole


def test_too_few_rows_or_bads_are_said_at_once():
    assert "150 rows with" in inferred(150).outcome[1]
    assert "training needs at least 200 rows with 20 bads and 20 goods" in inferred(150).outcome[1]
    assert not any("too few" in remark for remark in inferred(400).outcome)


# Against the schemas made by hand


@pytest.mark.parametrize(
    ("dataset", "path", "target", "bad", "good"),
    [
        ("german_credit", "german_credit/german.data", "21", "2", ()),
        ("loan_prediction", "loan_prediction/train_u6lujuX_CVtuZ9i.csv", "Loan_Status", "N", ()),
        ("home_credit", "home_credit/application_train_random1000.csv.gz", "TARGET", "1", ()),
        (
            "lending_club",
            "lending_club/accepted_2007_to_2018_random2000.csv.gz",
            "loan_status",
            "Charged Off",
            ("Fully Paid",),
        ),
    ],
)
def test_what_the_hand_made_schema_keeps_from_the_model_is_no_feature(
    credit_data: Path, dataset: str, path: str, target: str, bad: str, good: tuple[str, ...]
):
    raw = read_table(str(credit_data / path))
    found = infer(raw, target=target, bad=[bad], good=good, name="own")
    kept = [field for field in load_schema(dataset).fields if field.role in ("id", "time", "protected")]
    spellings = {key(name): field.name for field in kept for name in (field.name, field.label, *field.aliases)}

    features = [item.header for item in found.columns if item.field.role == "feature"]

    assert [header for header in features if key(header) in spellings or is_post_outcome(header)] == []
