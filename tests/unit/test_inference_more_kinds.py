"""Kinds of columns as files of other countries and programs hold them, and what stands around a table."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta

import polars as pl
import pytest

from creditrisk.errors import SchemaError, SourceError
from creditrisk.quality import are_units, check
from creditrisk.quality.leakage import leaks_target
from creditrisk.schema_inference import Inference, header_hints, infer
from creditrisk.schema_inference.kinds import Column
from creditrisk.sources import parse_table

N_ROWS = 300
R = random.Random(28)
BAD = [int(R.random() < 0.3) for _ in range(N_ROWS)]
DAYS = [date(2015, 1, 1) + timedelta(R.randrange(1_500)) for _ in range(N_ROWS)]


def any_of(*values: object) -> list[object]:
    rng = random.Random(repr(values))
    return [rng.choice(values) for _ in range(N_ROWS)]


def inferred(above: str = "", below: str = "", **columns: Sequence[object]) -> Inference:
    cells = {"income": [f"{800 + 7.5 * n}" for n in range(N_ROWS)], **columns, "BAD": BAD}
    rows = [",".join(cells), *(",".join(map(str, row)) for row in zip(*cells.values(), strict=True))]
    content = "\n".join([*([above] if above else []), *rows, *([below] if below else [])])
    return infer(parse_table(content.encode(), filename="x.csv"), target="BAD", bad=["1"], name="x")


def column(name: str, cells: Sequence[object]) -> Column:
    return inferred(**{name: cells}).columns[1]


@pytest.mark.parametrize(
    "values",
    [
        ("Kadın", "Erkek"), ("мужской", "женский"), ("男", "女"), ("muž", "žena"), ("Man", "Kvinna", "Okänt"),
        ("1-Male", "2-Female", "9-Unknown"), ("M.", "Mme", "Mlle"), ("Masculin", "Féminin"), ("женат", "холост"),
        ("verh.", "ledig", "gesch.", "verw."), ("Fem", "Masc"),
    ],
)  # fmt: skip
def test_values_give_a_protected_field_away_in_other_languages(values):
    assert column("c7", any_of(*values)).field.role == "protected"


@pytest.mark.parametrize(
    "values", [("MS Access", "MS Excel", "SAP", "Oracle"), ("Man Trucks", "Frau Holle GmbH", "Volvo", "Scania")]
)
def test_a_title_before_a_name_gives_nothing_away(values):
    assert column("c7", any_of(*values)).field.role == "feature"


@pytest.mark.parametrize("name", ["Пол", "cinsiyet", "Kjønn", "płeć", "NACIONALITY", "medeni durum", "性别"])
def test_protected_names_are_known_in_other_scripts(name):
    assert header_hints.protected_word(name) != ""


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("ANTDAT", lambda day: f"1{day:%y%m%d}"),
        ("c7", lambda day: f"{day:%y%m%d}"),
        ("created_on", lambda day: (day.toordinal() - 1) * 864 * 10**9),
        ("created_on", lambda day: (day - date(1970, 1, 1)).days * 86_400 * 10**9),
        ("ym", lambda day: f"{day:%y%m}"),
        ("c7", lambda day: f"{day.year}年第{(day.month + 2) // 3}季度"),
        ("c7", lambda day: f"{'Jänner' if day.month < 7 else 'Feber'} {day.year}"),
        ("vintage", lambda day: f'"Week {day.isocalendar()[1]}, {day.isocalendar()[0]}"'),
        ("vintage", lambda day: f"{(day.month + 2) // 3}. čtvrtletí {day.year}"),
        ("vintage", lambda day: f"{(day.month + 2) // 3} кв. {day.year}"),
        ("vintage", lambda day: f"{day.year}. {'I' * ((day.month + 3) // 4)}. negyedév"),
        ("vintage", lambda day: f"FYE {day.year}"),
        ("booked", lambda day: day.year if day.year > 2015 else "before 2016"),
    ],
)
def test_times_of_other_programs_and_countries_are_no_quantity(name: str, written: Callable[[date], object]):
    assert column(name, [written(day) for day in DAYS]).field.role in ("time", "excluded")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("account_type", (1, 3, 7, 9)), ("home_ownership", (1, 2, 3, 4)), ("cod_sucursal", (10, 25, 31, 77)),
        ("kommunkod", (180, 1_280, 1_480)), ("Zweigstelle", (101, 203, 305)),
    ],
)  # fmt: skip
def test_codes_of_kinds_and_places_have_no_order(name, values):
    found = column(name, any_of(*values))
    assert (found.field.role, found.field.type, found.field.is_ordered) == ("feature", "category", False)
    assert found.field.missing == ()


def test_what_is_measured_may_have_decimals_though_whole_and_close_together_by_chance():
    found = inferred(interest_rate=any_of(*range(3, 10)), cards=any_of(*range(7)))
    later = parse_table(b"income,interest_rate,cards\n900,4.75,3\n", filename="x.csv")
    checked = check(later, found.schema)
    assert checked.accepted["interest_rate"].to_list() == [4.75]
    assert checked.accepted["problems"].to_list() == [[]]
    assert found.schema.field("cards").is_ordered


def test_words_among_numbers_are_asked_about_and_read_as_not_given():
    cells = ["UNK" if n % 7 == 0 else n * 13 % 900 for n in range(N_ROWS)]
    found = column("savings", cells)
    assert (found.field.role, found.field.type, found.flag) == ("feature", "number", "code?")
    assert found.field.missing == ("UNK",)
    some = ["ask me first please" if n == 3 else f"w{n}" if n % 7 == 0 else n for n in range(N_ROWS)]
    assert column("savings", some).field.role == "excluded"


def test_a_year_that_is_none_is_a_code_for_missing():
    cells = [1900 if n % 20 == 0 else 1990 + n * 7 % 27 for n in range(N_ROWS)]
    assert column("car_year", cells).field.missing == ("1900",)


def test_what_is_written_so_long_after_the_loan_is_no_feature():
    names = ("bal_after_12m", "Interest Collected", "LAST_UPB", "rate_after_90_days")
    assert all(map(header_hints.sounds_later, names))
    assert not any(map(header_hints.sounds_later, ("last_income", "interest_rate", "look_after_children")))


def test_a_number_that_hardly_any_good_and_no_bad_lacks_is_noticed_in_a_small_table():
    bad = pl.Series([n % 4 == 0 for n in range(N_ROWS)])
    given = pl.Series([None if is_bad or n % 9 == 0 else n * 37 % 997 for n, is_bad in enumerate(bad)])
    target = bad.cast(pl.Int64).to_numpy()
    assert "with anything in it not one is bad" in leaks_target(given, target)
    assert leaks_target(pl.Series([None if n % 5 == 0 else n * 37 % 997 for n in range(N_ROWS)]), target) == ""


def test_amounts_filled_up_with_zeros_are_amounts():
    cells = [f"{int(R.lognormvariate(9, 0.6)):010}" for _ in range(N_ROWS)]
    assert column("loan_amt", cells).field.role == "feature"
    assert column("folder", [f"{number:010}" for number in R.sample(range(10**9), N_ROWS)]).field.role == "id"


def test_yes_and_no_as_access_writes_them():
    found = inferred(insured=any_of(-1, 0))
    later = parse_table(b"income,insured\n900,True\n900,no\n900,-1\n900,1\n", filename="x.csv")
    checked = check(later, found.schema)
    assert checked.accepted["insured"].to_list() == ["-1", "0", "-1", "1"]
    assert [len(problems) for problems in checked.accepted["problems"].to_list()] == [0, 0, 0, 1]


def test_signs_in_names_may_be_written_in_words():
    found = inferred(**{"% used": any_of(*range(40)), "# loans": any_of(*range(50))})
    later = parse_table(b"income,percent_used,number_loans\n900,12,7\n", filename="x.csv")
    assert check(later, found.schema).accepted.select("used", "loans").row(0) == (12, 7)


@pytest.mark.parametrize("units", ["EUR,EUR,0/1", "EUR,%,flag", "decimal(10,2),int,int"])
def test_a_line_of_units_below_the_names_teaches_nothing(units):
    cells = {"income": any_of(*range(900, 1_100)), "savings": any_of(*range(50)), "BAD": BAD}
    rows = [",".join(map(str, row)) for row in zip(*cells.values(), strict=True)]
    units = '"decimal(10,2)",int,int' if "(" in units else units
    table = parse_table("\n".join(["income,savings,BAD", units, *rows]).encode(), filename="x.csv")
    found = infer(table, target="BAD", bad=["1"], name="x")
    assert [(field.name, field.is_required) for field in found.schema.fields] == [("income", True), ("savings", True)]
    assert "line 2" in found.outcome[1]


def test_counts_in_every_column_below_the_table_are_no_client():
    found = inferred(below="Count,300,300", savings=any_of(*range(500)))
    assert "line 302" in found.outcome[1]
    assert found.schema.field("income").is_required


def test_a_title_with_commas_in_it_is_no_line_of_names():
    found = inferred(above="Loans, granted in 2019, all branches, all", savings=any_of(*range(500)))
    assert [field.name for field in found.schema.fields] == ["income", "savings"]


def test_cells_divided_by_control_characters_are_said_to_be():
    with pytest.raises(SourceError, match="divided by control characters") as caught:
        parse_table(b"income\x01BAD\n4711\x010\n4712\x011\n", filename="x.csv")
    assert "4711" not in str(caught.value)
    with pytest.raises(SourceError, match="binary data"):
        parse_table(b"\x00\x01\x02\x7fELF\x05\x06", filename="x.csv")


def test_years_whose_loans_are_mostly_open_are_asked_about():
    n_years = 4
    years = [2018 + n % n_years for n in range(4 * N_ROWS)]
    status = ["bad" if n % 11 == 0 else "open" if year == 2021 and n % 8 else "good" for n, year in enumerate(years)]
    rows = [f"{n * 37 % 997},{year},{word}" for n, (year, word) in enumerate(zip(years, status, strict=True))]
    table = parse_table("\n".join(["income,issue_year,status", *rows]).encode(), filename="x.csv")
    found = infer(table, target="status", bad=["bad"], good=["good"], name="x")
    assert any("DECIDE: of the loans of 2021 and later ('issue_year') only" in remark for remark in found.outcome)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("\n".join(f"Ada Miller{n % 3},rent,skilled" for n in range(60)), "seems to be a client already"),
        ("\n".join(f"Ada Miller rent {n}" for n in range(60)), "what divides its cells was not found"),
        ("\n".join(f'{{"name": "Ada Miller", "BAD": {n % 2}}}' for n in range(60)), "holds JSON"),
    ],
)
def test_a_file_without_names_is_refused_in_words_that_quote_nobody(content, words):
    with pytest.raises((SchemaError, SourceError), match=words) as caught:
        infer(parse_table(content.encode(), filename="x.csv"), target="BAD", bad=["1"], name="x")
    assert "Miller" not in str(caught.value)


def test_values_for_names_are_not_quoted_where_clients_are_scored():
    schema = inferred(savings=any_of(*range(500))).schema
    table = parse_table(b"Ada Miller,rent\nBob,rent\nEve,own\n", filename="x.csv")
    with pytest.raises(SchemaError, match="seems to be a client already") as caught:
        check(table, schema)
    assert "Miller" not in str(caught.value)


def test_letters_that_are_also_signs_of_currencies_are_no_units():
    table = parse_table(b"own,occ,channel\nN,P,R\nY,P,R\n", filename="x.csv")
    assert not are_units(table.texts)
    assert are_units(parse_table(b"rent,car\nEUR,yes/no\n500,yes\n", filename="x.csv").texts)
    assert not are_units(parse_table(b"paid,car\nEUR,text\nEUR,text\n", filename="x.csv").texts)


def test_a_word_beside_a_few_numbers_is_an_answer():
    found = column("term", any_of(12, 24, 36, 48, "other"))
    assert (found.field.type, found.flag, found.field.missing) == ("category", "", ())
