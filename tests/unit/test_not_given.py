"""Codes that mean "not given": one way of reading for tables, typed columns, records and the page's own client."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from creditrisk.quality import check, check_few, read_cells
from creditrisk.quality.few import FEW
from creditrisk.schema import Category, Field, FieldType, Schema, Target
from creditrisk.sources import from_records, parse_table

OWN_OR_RENT = (Category("1", "Own"), Category("2", "Rent"))


def field(kind: FieldType, *codes: str) -> Field:
    categories = OWN_OR_RENT if kind == "category" else ()
    return Field("x", kind, "X", missing=codes, categories=categories, is_required=False)


@pytest.mark.parametrize("times", [1, 1 + FEW])
@pytest.mark.parametrize(
    ("spec", "cells", "values"),
    [
        (field("number", "365243"), ["365243", "365243.0", "365,243", "3.65243e5", "-12"], [None] * 4 + [-12.0]),
        (field("number", "-9", "refused"), ["-9.00", " Refused ", "9", "0.5"], [None, None, 9.0, 0.5]),
        (field("integer", "99"), ["99", "099", "98"], [None, None, 98]),
        (field("number", "9.999"), ["9.999", "10,65", "1,5", "7,25"], [None, 10.65, 1.5, 7.25]),
        (field("category", "9", "k.W."), ["1", "rent", "9", "9.0", "K.W."], ["1", "2", None, None, None]),
        (field("date", "01.01.1900"), ["1900-01-01", "01.01.1900", "2020-05-01"], [None, None, date(2020, 5, 1)]),
        (field("text", "0"), ["0", "A 0"], [None, "A 0"]),
        (field("number", "-1"), [-1, 3], [None, 3.0]),
        (field("number", "-1"), [-1.0, 3.5], [None, 3.5]),
        (field("date", "1900-01-01"), [date(1900, 1, 1), date(2020, 5, 1)], [None, date(2020, 5, 1)]),
    ],
)
def test_codes_for_missing_are_nothing_in_every_spelling_and_type(spec, cells, values, times):
    read, unreadable = read_cells(pl.Series(cells * times), spec, ";" if "10,65" in cells else ",")
    assert read.to_list() == values * times
    assert unreadable == []


def schema(*, is_required: bool) -> Schema:
    age = Field("age", "integer", "Age", minimum=18, maximum=100, missing=("999",), is_required=is_required)
    return Schema("lender", "A lender", (age,), Target("bad", "Bad", ("1",), ("0",)))


def test_a_code_beyond_the_bounds_is_nothing_odd_in_files_and_records_alike():
    optional, records = schema(is_required=False), [{"age": 999}, {"age": "999.0"}, {"age": 998}]
    problems = [[], [], ["Age: 998 is outside 18 to 100"]]
    table = parse_table(b"age\n999\n999.0\n998\n", filename="x.csv")
    for checked in (check(from_records(records), optional), check(table, optional)):
        assert checked.accepted["age"].to_list() == [None, None, 998]
        assert checked.accepted["problems"].to_list() == problems
    assert [row["problems"] for row in check_few(records, optional).accepted] == problems


@pytest.mark.parametrize("n_rows", [2, 2 * FEW])
def test_a_code_for_missing_does_not_fill_in_what_is_required(n_rows):
    checked = check(from_records([{"age": 40}, {"age": 999}] * (n_rows // 2)), schema(is_required=True))
    assert len(checked.rejected) == n_rows // 2
    assert checked.accepted["age"].unique().to_list() == [40]
