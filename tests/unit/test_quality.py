"""Rows told apart: what is accepted, what is accepted with a remark, what is rejected and in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk.errors import SchemaError
from creditrisk.quality import Checked, check, read_cells
from creditrisk.schema import Category, Field, Schema, Target
from creditrisk.sources import from_records, parse_table, parse_upload, read_table

SCHEMA = Schema(
    name="loans",
    title="Loans",
    fields=(
        Field("client_number", "text", "Client number", role="id", is_required=False),
        Field("applied_on", "date", "Date of application", role="time", is_required=False),
        Field("age_years", "integer", "Age", unit="years", minimum=18, maximum=100, aliases=("alter",)),
        Field("amount_eur", "number", "Loan amount", unit="EUR", minimum=100),
        Field("rate", "number", "Interest rate", is_required=False, maximum=1),
        Field(
            "guarantor",
            "category",
            "Guarantor",
            categories=(Category("g0", "Nobody", ("none",)), Category("g1", "A relative", ("family",))),
        ),
        Field("housing", "category", "Housing", is_required=False, categories=(Category("own", "Owns the home"),)),
    ),
    target=Target("outcome", "Outcome", bad=("1", "bad"), good=("0", "good"), aliases=("class",)),
)
GOOD_ROW = {"age_years": "40", "amount_eur": "1000", "guarantor": "g1"}


def checked(text: str, schema: Schema = SCHEMA, *, with_target: bool = False) -> Checked:
    return check(parse_upload(text.encode(), filename="clients.csv", max_rows=1_000), schema, with_target=with_target)


def one(**cells: object) -> Checked:
    """A single application, good but for the cells given."""
    return check(from_records([GOOD_ROW | cells]), SCHEMA)


def test_an_accepted_table_has_the_names_order_and_types_of_the_schema():
    result = checked("housing,extra,age_years,amount_eur,guarantor\nown,x,40,1000.5,g1\n")
    assert result.accepted.schema == {
        "row_number": pl.Int64,
        "client_number": pl.String,
        "applied_on": pl.Date,
        "age_years": pl.Int64,
        "amount_eur": pl.Float64,
        "rate": pl.Float64,
        "guarantor": pl.String,
        "housing": pl.String,
        "problems": pl.List(pl.String),
    }
    # Absent optional columns are null; columns the schema does not know stay in `raw` only.
    assert result.accepted.row(0) == (1, None, None, 40, 1000.5, None, "g1", "own", [])
    assert result.raw.columns == ["housing", "extra", "age_years", "amount_eur", "guarantor"]
    assert (result.accepted["problems"].to_list(), result.rejected) == ([[]], [])


@pytest.mark.parametrize("header", ["age_years", "AGE YEARS", "Age-Years", "ageyears", "Age", " Alter "])
def test_columns_are_found_by_name_label_or_alias_however_spelt(header):
    result = checked(f"{header},loan  AMOUNT,guarantor\n40,1000,g1\n")
    assert result.accepted["age_years"].to_list() == [40]


def test_the_name_of_a_field_wins_over_its_aliases():
    result = checked("alter,age_years,amount_eur,guarantor\n1,40,1000,g1\n")
    assert result.accepted["age_years"].to_list() == [40]


def test_every_row_is_either_accepted_or_rejected_with_a_sentence():
    result = checked(
        "age_years,amount_eur,guarantor\n40,1000,g1\nabc,1000,g1\n130,1000,castle\n40,,g1\n\n40,1000\nx,y,g0\n40,9,g0\n"
    )
    assert result.accepted["row_number"].to_list() == [1, 3, 7]
    assert result.accepted["problems"].to_list() == [
        [],
        ["Age: 130 is outside 18 to 100 years", "Guarantor: 'castle' is not a known value"],
        ["Loan amount: 9 is below 100 EUR"],
    ]
    assert [rejection.sentence for rejection in result.rejected] == [
        "Row 2 (line 3), Age: 'abc' is not a number. Expected a whole number of years from 18 to 100.",
        "Row 4 (line 5), Loan amount: nothing is filled in. Expected a number of EUR, 100 or more.",
        "Row 5 (line 7): the row has 2 cells where the table has 3 columns. Expected 3 cells, one for each column.",
        "Row 6 (line 8), Age: 'x' is not a number. Expected a whole number of years from 18 to 100. "
        "Also Loan amount: 'y' is not a number. Expected a number of EUR, 100 or more.",
    ]
    first = result.rejected[0]
    assert (first.row, first.line, first.column, first.value) == (2, 3, "Age", "abc")


def test_an_unknown_category_is_kept_as_it_came():
    assert one(guarantor=" Castle ").accepted["guarantor"].to_list() == ["Castle"]


@pytest.mark.parametrize("text", ["G1", "a RELATIVE", " family "])
def test_categories_are_found_by_value_label_or_alias(text):
    assert one(guarantor=text).accepted["guarantor"].to_list() == ["g1"]


def test_none_is_a_category_where_the_schema_says_so_and_missing_elsewhere():
    result = one(guarantor="none", housing="none")
    assert result.accepted.select("guarantor", "housing").rows() == [("g0", None)]
    assert result.accepted["problems"].to_list() == [[]]


@pytest.mark.parametrize("text", ["", "NA", "n/a", "NULL", "None", "nan", "?", None])
def test_every_word_for_missing_is_null_in_every_type(text):
    result = one(rate=text, housing=text, applied_on=text, client_number=text)
    assert result.accepted.select("rate", "housing", "applied_on", "client_number").row(0) == (None,) * 4


@pytest.mark.parametrize("text", ["", "NA", None])
def test_a_missing_needed_value_rejects_the_row_in_every_type(text):
    for name in ("age_years", "amount_eur", "guarantor"):
        result = one(**{name: text})
        assert result.accepted.height == 0
        assert result.rejected[0].fault == "nothing is filled in"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1234.5", 1234.5),
        ("+5e2", 500.0),
        ("1,234.50", 1234.5),
        ("12,345", 12345.0),
        ("1,234,567", 1234567.0),
        # With the field's own unit, EUR, and with thousands set apart by a blank or, as in Switzerland, an apostrophe.
        ("€ 1,200", 1200.0),
        ("1200.50 EUR", 1200.5),
        ("1 200", 1200.0),
        ("1'200.50", 1200.5),
    ],
)
def test_numbers_are_read_where_there_is_one_way_to_read_them(text, number):
    assert one(amount_eur=text).accepted["amount_eur"].to_list() == [number]


@pytest.mark.parametrize(
    "text", ["1234,5", "1.234,50", "12,34", "0,125", "12 %", "1 20", "1_200", "inf", "1e400", "--5", "٣٤٥"]
)
def test_any_other_number_is_rejected_in_a_comma_file(text):
    result = one(amount_eur=text)
    assert [rejection.fault for rejection in result.rejected] == [f"'{text}' is not a number"]


def test_an_amount_in_another_currency_is_rejected_as_such():
    result = one(amount_eur="$ 1,200")
    assert [rejection.fault for rejection in result.rejected] == ["'$ 1,200' is in another currency: convert it"]


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        # A comma anywhere in the column: commas are decimal, points stand between thousands.
        (("1234,5", "1.234,50", "1.234", "12"), [1234.5, 1234.5, 1234.0, 12.0]),
        (("1,234", "999"), [1.234, 999.0]),
        # No comma, and a point that cannot stand between thousands: points are decimal.
        (("1234.5", "1.234"), [1234.5, 1.234]),
        (("0.125", "1.234"), [0.125, 1.234]),
    ],
)
def test_a_semicolon_file_may_write_decimals_with_a_comma(cells, numbers):
    rows = "".join(f"40;{cell};g1\n" for cell in cells)
    result = checked("age_years;amount_eur;guarantor\n" + rows)
    assert result.rejected == []
    assert result.accepted["amount_eur"].to_list() == numbers


def test_points_that_may_mean_two_things_are_not_guessed():
    text = "age_years;amount_eur;guarantor\n40;1.234;g1\n40;999;g1\n"
    unbounded = tuple(replace(field, minimum=None) for field in SCHEMA.fields)
    result = checked(text, replace(SCHEMA, fields=unbounded))
    assert result.accepted["row_number"].to_list() == [2]
    assert "'1.234' can be read in two ways" in result.rejected[0].sentence
    # No loan is below 100, so the point stands between thousands.
    assert checked(text).accepted["amount_eur"].to_list() == [1234, 999]


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        # Three different cells with three digits behind the point are a habit; so are two points.
        (("1.234", "12.500", "3.100", "999"), [1234, 12500, 3100, 999]),
        (("1.234.567", "1.234"), [1234567, 1234]),
    ],
)
def test_points_between_thousands_are_told_by_the_column(cells, numbers):
    values, unreadable = read_cells(pl.Series(cells), Field("income", "number", "Income"), ";")
    assert (values.to_list(), unreadable) == (numbers, [])


def test_what_the_cells_of_a_column_do_not_say_those_of_the_others_do():
    schema = replace(SCHEMA, fields=(*SCHEMA.fields, Field("born", "date", "Born", role="protected")))
    rows = "31/12/2024;04/03/1990;40;500,50;0,125;g1\n01/02/2025;05/06/1991;41;1.200,75;1.234;g1\n"
    result = checked(f"applied_on;born;age_years;amount_eur;rate;guarantor\n{rows}", schema)
    assert result.accepted["born"].to_list() == [date(1990, 3, 4), date(1991, 6, 5)]
    assert result.accepted["applied_on"].to_list() == [date(2024, 12, 31), date(2025, 2, 1)]
    assert result.accepted["rate"].to_list() == [0.125, 1234]
    assert result.read_as == "Dates read as day/month/year; amounts with a decimal comma."


def test_a_file_says_how_it_is_written_before_the_schema_does():
    american = Field("applied_on", "date", "Applied", role="time", date_format="%m/%d/%Y")
    schema = replace(SCHEMA, fields=(american, *SCHEMA.fields[2:]))
    head = "applied_on,age_years,amount_eur,guarantor\n"
    told = checked(f"{head}02/03/2024,40,500,g1\n31/03/2024,40,500,g1\n", schema)
    assert told.accepted["applied_on"].to_list() == [date(2024, 3, 2), date(2024, 3, 31)]
    unsaid = checked(f"{head}02/03/2024,40,500,g1\n", schema)
    assert unsaid.accepted["applied_on"].to_list() == [date(2024, 2, 3)]


def test_another_currency_is_not_taken_for_the_fields_own_without_a_word():
    head = "age_years,amount_eur,guarantor\n"
    all_of_them = checked(head + "".join(f'40,"${amount}",g1\n' for amount in ("1,200", "1,300", "1,400")))
    assert all_of_them.read_as == "Amounts in $ taken for EUR: nothing was converted."
    one_of_them = checked(f'{head}40,"$1,200",g1\n40,"€1,300",g1\n40,1400,g1\n')
    assert [item.value for item in one_of_them.rejected] == ["$1,200"]
    mixed = read_cells(pl.Series(["$1,200", "€1,300", "£1,400"]), Field("income", "number", "Income"))
    assert mixed[1] == [0, 1, 2]


def test_points_are_not_guessed_where_the_column_contradicts_itself():
    result = checked("age_years;amount_eur;guarantor\n40;500,5;g1\n40;1.234;g1\n40;1234.125;g1\n")

    assert result.accepted["amount_eur"].to_list() == [500.5]
    assert "'1.234' can be read in two ways" in result.rejected[0].sentence


@pytest.mark.parametrize("text", ["7", "07", "7.0", "007,00"])
def test_a_code_is_the_same_however_its_number_is_spelt(text):
    grade = Field("grade", "category", "Grade", categories=(Category("007", "Low"), Category("9", "High")))
    values, unreadable = read_cells(pl.Series([text]), grade)

    assert (values.to_list(), unreadable) == (["007"], [])


def test_codes_that_are_the_same_number_are_kept_apart():
    grade = Field("grade", "category", "Grade", categories=(Category("07", "Low"), Category("7", "High")))

    assert read_cells(pl.Series(["07", "7", "7.0"]), grade)[0].to_list() == ["07", "7", "7.0"]


@pytest.mark.parametrize("text", ["12.5.3", "1,234.50", "12.5"])
def test_other_numbers_are_rejected_beside_decimal_commas(text):
    result = checked(f"age_years;amount_eur;guarantor\n40;{text};g1\n40;1200,5;g1\n")
    assert result.accepted["amount_eur"].to_list() == [1200.5]
    assert result.rejected[0].fault == f"'{text}' is not a number"


@pytest.mark.parametrize("text", ["40", "40.0", "4e1"])
def test_whole_numbers_may_carry_a_point(text):
    assert one(age_years=text).accepted["age_years"].to_list() == [40]


@pytest.mark.parametrize("text", ["40.5", "1e300"])
def test_other_numbers_are_not_whole(text):
    assert one(age_years=text).rejected[0].fault == f"'{text}' is not a whole number"


@pytest.mark.parametrize(
    "text",
    ["2024-03-31", "31.03.2024", "31.3.2024", "31.03.24", "31/03/2024", "03/31/2024", "31-3-24", "31. März 2024"],
)
def test_dates_are_read_however_they_are_written_if_in_one_way_only(text):
    assert one(applied_on=text).accepted["applied_on"].to_list() == [date(2024, 3, 31)]


@pytest.mark.parametrize("text", ["03/04/2024", "2024-02-30", "01.03.24", "0024-01-01", "yesterday"])
def test_other_dates_are_rejected(text):
    # No model reads the day, so a client is scored without; who is to teach needs it.
    scored = one(applied_on=text)
    assert (scored.accepted["applied_on"].to_list(), scored.rejected) == ([None], [])
    taught = check(from_records([GOOD_ROW | {"applied_on": text, "outcome": "1"}]), SCHEMA, with_target=True)
    expected = f"Date of application: '{text}' is not a date. Expected a date such as 2024-03-31."
    assert expected in taught.rejected[0].sentence


def test_formulas_are_just_text():
    formula = '=HYPERLINK("http://x")'
    result = one(client_number=formula, guarantor=formula)
    assert result.accepted.select("client_number", "guarantor").row(0) == (formula, formula)


def test_long_and_broken_values_are_shown_short_and_on_one_line():
    rejection = one(age_years="x\n" * 100).rejected[0]
    assert rejection.value == "x " * 19 + "x…"
    assert len(rejection.value) == 40
    assert f"'{rejection.value}' is not a number" in rejection.sentence


def test_all_missing_columns_are_named_at_once():
    with pytest.raises(SchemaError) as caught:
        checked(
            "age_years,amount_eur,x\n1,2,3\n", replace(SCHEMA, fields=(*SCHEMA.fields, Field("n", "number", "Count")))
        )
    assert str(caught.value) == (
        "2 needed columns are missing from the file: Guarantor (guarantor), Count (n). Add them and try again."
    )


def test_one_missing_column_is_named_by_label_and_name():
    with pytest.raises(
        SchemaError, match=r"^1 needed column is missing from the file: Guarantor \(guarantor\)\. Add it"
    ):
        checked("age_years,amount_eur\n1,2\n")


def test_another_table_is_told_from_one_with_a_gap():
    with pytest.raises(SchemaError) as caught:
        checked("make,model,age\nVW,Golf,3\n")
    assert str(caught.value) == (
        "these are not the columns of Loans: the first line of the file has make, model, age. Expected Age, "
        "Loan amount, Guarantor. Choose another file, or put these names on its first line."
    )


def test_a_client_on_the_first_line_is_not_repeated():
    with pytest.raises(SchemaError, match="holds numbers, so it seems to be a client already") as caught:
        checked("Smith,40,1000\nJones,41,1000\n")
    assert "Smith" not in str(caught.value)


def test_columns_without_names_are_known_by_their_places_as_long_as_all_are_there():
    fields = (Field("column_1", "category", "Column 1", categories=(Category("b", "b"),)),)
    fields += tuple(Field(f"column_{number}", "number", f"Column {number}") for number in (2, 3))
    outcome_last = Schema("s", "S", fields, Target("column_4", "Column 4", ("+",), ("-",)))
    outcome_first = Schema("s", "S", fields[1:], Target("column_1", "Column 1", ("+",), ("-",)))

    with_outcome = parse_table(b"b,30.8,0,+\nb,58.6,4.4,-\n", filename="x.csv")
    without = parse_table(b"b,30.8,0\nb,58.6,4.4\n", filename="x.csv")
    shifted = parse_table(b"30.8,0\n58.6,4.4\n", filename="x.csv")

    assert check(with_outcome, outcome_last, with_target=True).accepted["default"].to_list() == [1, 0]
    assert check(without, outcome_last).accepted["column_3"].to_list() == [0, 4.4]
    with pytest.raises(SchemaError, match="has 2 columns without names where S has 3, so which is which cannot be"):
        check(shifted, outcome_first)


@pytest.mark.parametrize("nothing", ["#NULL!", "$null$", "(null)", "\\N", "#VALUE!", "#DIV/0!"])
def test_what_databases_and_spreadsheets_write_for_nothing_is_nothing(nothing):
    values, unreadable = read_cells(pl.Series(["1.5", nothing]), Field("x", "number", "X", is_required=False))
    assert (values.to_list(), unreadable) == ([1.5, None], [])


def test_names_on_the_second_line_are_found_there():
    result = checked(",X1,X2,X3\nclient_number,age_years,amount_eur,guarantor\n7,40,1000,g1\n8,abc,1000,g1\n")
    assert result.accepted.select("row_number", "client_number").rows() == [(1, "7")]
    assert result.rejected[0].sentence.startswith("Row 2 (line 4), Age: 'abc'")
    assert result.raw.columns == ["client_number", "age_years", "amount_eur", "guarantor"]


def test_the_two_header_lines_of_the_taiwan_file_are_read(credit_data: Path):
    limit = Field("limit_bal", "number", "Limit", unit="TWD", minimum=10_000)
    schema = Schema(
        "taiwan",
        "Taiwan",
        (limit, Field("age", "integer", "Age", unit="years", minimum=18)),
        Target("default payment next month", "Default", bad=("1",), good=("0",)),
    )
    raw = read_table(str(credit_data / "taiwan_default" / "default_of_credit_card_clients.csv.gz"))
    result = check(raw, schema, with_target=True)
    # As published: 30,000 clients, 6,636 of them in default.
    assert (result.accepted.height, int(result.accepted["default"].sum())) == (30_000, 6_636)
    assert result.rejected == []


def test_the_outcome_is_ignored_unless_asked_for():
    text = "age_years,amount_eur,guarantor,CLASS\n40,1000,g1,Bad\n40,1000,g1,0\n40,1000,g1,2\n40,1000,g1,\n"
    assert checked(text).accepted.height == 4
    assert "default" not in checked(text).accepted.columns
    result = checked(text, with_target=True)
    assert result.accepted["default"].to_list() == [1, 0]
    assert result.accepted["default"].dtype == pl.Int8
    assert [rejection.sentence for rejection in result.rejected] == [
        "Row 3 (line 4), Outcome: '2' is neither good nor bad. Expected '1' or 'bad' for bad, '0' or 'good' for good.",
        "Row 4 (line 5), Outcome: nothing is filled in. Expected '1' or 'bad' for bad, '0' or 'good' for good.",
    ]


def test_training_without_an_outcome_is_refused():
    with pytest.raises(SchemaError, match=r"the outcome is missing from the file: Outcome \(outcome\)"):
        checked("age_years,amount_eur,guarantor\n40,1000,g1\n", with_target=True)


def test_an_outcome_turned_round_is_refused_and_chance_is_not():
    schema = replace(SCHEMA, target=replace(SCHEMA.target, bad_rate_expected=0.30))

    def file(n_bad: int, n_rows: int) -> str:
        rows = "".join(f"40,1000,g1,{int(row < n_bad)}\n" for row in range(n_rows))
        return "age_years,amount_eur,guarantor,outcome\n" + rows

    # 100 rows at 30 %: two standard errors are 2 * sqrt(0.21 / 100) = 9.2 points, so 16 to 44 bads pass.
    assert checked(file(44, 100), schema, with_target=True).accepted["default"].sum() == 44
    with pytest.raises(SchemaError, match="45 rows are bad, 55 good and 0 neither, where 30% should be bad"):
        checked(file(45, 100), schema, with_target=True)
    with pytest.raises(SchemaError, match="probably coded the other way round"):
        checked(file(70, 100), schema, with_target=True)


CELL = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["40", "1.234", "1,5", "12.0", "g1", "none", "NA", "2024-03-31", "abc", "1e5", "-3", "=1"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELL, CELL, CELL, CELL, CELL), min_size=1, max_size=8), st.sampled_from([",", ";"]))
def test_whatever_the_cells_hold_no_row_is_lost_and_every_sentence_ends(rows, delimiter):
    names = ["age_years", "amount_eur", "guarantor", "applied_on", "rate"]
    raw = replace(from_records([dict(zip(names, row, strict=True)) for row in rows]), delimiter=delimiter)
    result = check(raw, SCHEMA)
    numbers = [*result.accepted["row_number"], *(rejection.row for rejection in result.rejected)]
    assert sorted(numbers) == list(range(1, len(rows) + 1))
    assert result.accepted["problems"].null_count() == 0
    assert all(rejection.sentence.endswith(".") for rejection in result.rejected)


@pytest.mark.parametrize(
    "text",
    ["2024-03-31", "31.03.2024", "2024/03/31", "31-Mar-2024", "Mar 31, 2024", "20240331", "2024-03-31 23:59:59",
     "2024-03-31T00:00:00", "31.03.2024 8:15"],
)  # fmt: skip
def test_dates_are_read_where_there_is_one_way_to_read_them(text):
    assert one(applied_on=text).accepted["applied_on"].to_list() == [date(2024, 3, 31)]


def test_a_month_is_its_first_day():
    for text in ("Mar-2024", "Mar 2024", "March 2024", "2024-03", "Mar-24"):
        assert one(applied_on=text).accepted["applied_on"].to_list() == [date(2024, 3, 1)]


def test_what_a_slash_divides_is_read_as_the_schema_says_and_not_at_all_without_it():
    spec = SCHEMA.field("applied_on")
    cells = pl.Series(["03/04/2024", "10/11/2024"])

    american, _ = read_cells(cells, replace(spec, date_format="%m/%d/%Y"))
    european, unreadable = read_cells(cells, replace(spec, date_format="%d/%m/%Y"))

    assert american.to_list() == [date(2024, 3, 4), date(2024, 10, 11)]
    assert european.to_list() == [date(2024, 4, 3), date(2024, 11, 10)]
    assert unreadable == []
    assert read_cells(cells, spec)[1] == [0, 1]


def test_three_decimal_commas_are_a_habit_and_one_is_a_slip():
    spec = SCHEMA.field("amount_eur")
    assert read_cells(pl.Series(["10,65", "7,5", "1.234,50", "9"]), spec)[0].to_list() == [10.65, 7.5, 1234.5, 9.0]
    assert read_cells(pl.Series(["10,65", "7.5", "1,234.50", "9"]), spec)[1] == [0]
    # 10.65 contradicts: the commas stay unreadable.
    assert read_cells(pl.Series(["10,65", "7,5", "3,25", "10.65"]), spec)[1] == [0, 1, 2]


def test_of_two_headers_that_differ_in_their_dashes_each_field_gets_its_own():
    fields = (
        Field("pay_1_2", "number", "Pay 1 2", aliases=("PAY-1",)),
        Field("pay_1", "number", "Pay 1"),
    )
    schema = replace(SCHEMA, fields=fields, amount_field="")
    table = parse_table(b"PAY-1,pay_1\n1,2\n", filename="x.csv")

    assert check(table, schema).accepted.select("pay_1_2", "pay_1").rows() == [(1.0, 2.0)]


def test_what_the_schema_excludes_is_not_read_and_keeps_no_row_out():
    fields = (*SCHEMA.fields, Field("recovered", "number", "Recovered", role="excluded"))
    schema = replace(SCHEMA, fields=fields)

    absent = check(from_records([GOOD_ROW]), schema)
    unreadable = check(from_records([{**GOOD_ROW, "recovered": "a lot"}]), schema)

    for result in (absent, unreadable):
        assert result.rejected == []
        assert "recovered" not in result.accepted.columns


def test_no_column_is_read_for_two_fields():
    age, rest = SCHEMA.field("age_years"), [field for field in SCHEMA.fields if field.name != "age_years"]
    borrower = Field("maturity", "integer", "Maturity", is_required=False, aliases=("AGE-YEARS",))
    schema = replace(SCHEMA, fields=(borrower, replace(age, role="protected"), *rest))
    accepted = checked("age_years,amount_eur,guarantor\n40,1000,g1\n", schema).accepted
    assert accepted["age_years"].to_list() == [40]
    assert accepted["maturity"].to_list() == [None]


LINES = "client,age_years,amount_eur,guarantor\n" + "".join(f"c{n},{30 + n},{1000 + n},g1\n" for n in range(4))


TOTALS, NOTE = "the line seems to hold totals, no client", "the line seems to hold a note, no client"


@pytest.mark.parametrize(
    ("below", "said"),
    [
        ("Total,,4006,\n", [TOTALS]),
        ("4,126,4006,g1\n", [TOTALS]),
        ("Grand total:,,4006,\nSource: the bank's books,,,\n", [TOTALS, NOTE]),
        ("Note: amounts at par\n", [NOTE]),
        (LINES.partition("\n")[0] + "\nc9,40,1000,g1\n", ["the line holds the names of the columns once more"]),
        ("Total,40,1000,g1\n", []),
        ("c9,40,,g1\n", ["nothing is filled in"]),
    ],
)
def test_totals_notes_and_repeated_names_are_no_clients_and_are_named(below, said):
    schema = replace(SCHEMA, fields=tuple(replace(field, is_required=False) for field in SCHEMA.fields))
    result = checked(LINES + below, SCHEMA if said == ["nothing is filled in"] else schema)
    assert [item.fault for item in result.rejected] == said
    assert result.accepted.height + len(result.rejected) == result.raw.height


def test_nobody_is_refused_for_what_no_model_reads():
    needed = replace(
        SCHEMA, fields=tuple(replace(field, is_required=True) for field in SCHEMA.fields[:2]) + SCHEMA.fields[2:]
    )
    head = "age_years,amount_eur,guarantor"
    assert checked(f"{head}\n40,1000,g1\n", needed).rejected == []
    assert (
        checked(f"{head},applied_on\n40,1000,g1,soon\n40,1000,g1,\n", needed).accepted["applied_on"].to_list()
        == [None] * 2
    )
    with pytest.raises(SchemaError, match="Client number"):
        checked(f"{head},outcome\n40,1000,g1,1\n", needed, with_target=True)
