"""Schemas: they survive their file, and refuse what contradicts itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from creditrisk import datasets
from creditrisk.errors import SchemaError
from creditrisk.schema import Category, Field, Schema, Target

AGE = Field("age_years", "integer", "Age", unit="years", minimum=18, maximum=100)
TARGET = Target("outcome", "Outcome", bad=("1",), good=("0",))


def _schema(*fields: Field) -> Schema:
    return Schema("lender", "A lender", fields, TARGET)


@pytest.mark.parametrize("name", datasets.KNOWN)
def test_a_schema_survives_its_file(name):
    schema = datasets.load_schema(name)
    assert Schema.from_toml(schema.to_toml()) == schema


@pytest.mark.parametrize("name", datasets.KNOWN)
def test_no_protected_field_is_a_feature(name):
    schema = datasets.load_schema(name)
    # LendingClub's file has no field that the law protects; where a borrower lives, which stands in for one, is out.
    assert schema.protected or name.startswith("lending_club")
    assert not {field.name for field in schema.protected} & {field.name for field in schema.features}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ((), "no field with role 'feature'"),
        ((AGE, AGE), "names age_years more than once"),
        ((replace(AGE, name="verdict"),), "a name that checks or results use"),
        ((replace(AGE, type="colour"),), "has type 'colour'"),
        ((Field("housing", "category", "Housing"),), "category without categories"),
        ((Field("applied_on", "date", "Applied on"),), "models take numbers, integers and categories"),
    ],
)
def test_a_schema_that_contradicts_itself_is_refused(fields, sentence):
    with pytest.raises(SchemaError, match=sentence):
        _schema(*fields)


def test_an_unknown_key_in_a_schema_file_is_refused_by_name():
    text = _schema(AGE).to_toml().replace("minimum =", "minimun =")
    with pytest.raises(SchemaError, match="minimun"):
        Schema.from_toml(text)


def test_a_file_that_is_not_toml_is_refused():
    with pytest.raises(SchemaError, match="not valid TOML"):
        Schema.from_toml("name: lender")


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (18, 100, "a whole number of years from 18 to 100"),
        (18, None, "a whole number of years, 18 or more"),
        (None, 100, "a whole number of years, 100 or less"),
        (None, None, "a whole number of years"),
    ],
)
def test_what_is_expected_is_said_with_its_bounds(low, high, words):
    assert replace(AGE, minimum=low, maximum=high).expected == words


def test_a_long_list_of_categories_is_cut_when_said():
    field = Field("n", "category", "N", categories=tuple(Category(str(i), f"n{i}") for i in range(9)))
    assert field.expected == "one of: n0, n1, n2, n3, n4, n5 and 3 more"
