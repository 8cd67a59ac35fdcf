"""Schemas: they survive their file, and refuse what contradicts itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from creditrisk import datasets
from creditrisk.errors import SchemaError
from creditrisk.schema import Category, Costs, Field, Schema, Target

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
        ((replace(AGE, name="problems"),), "a name that checks or results use"),
        ((replace(AGE, type="colour"),), "the type 'colour'"),
        ((Field("housing", "category", "Housing"),), "category without categories"),
        (
            (Field("housing", "category", "Housing", categories=(Category("own", "Own"),), missing=("OWN",)),),
            "lets 'OWN' of 'housing' be a category and mean missing",
        ),
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
    def field(n):
        return Field("n", "category", "N", categories=tuple(Category(str(i), f"n{i}") for i in range(n)))

    assert field(7).expected == "one of: n0, n1, n2, n3, n4, n5, n6"
    assert field(20).expected == "one of: n0, n1, n2, n3, n4, n5 and 14 more"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": "../../x"}, "cannot be called so"),
        ({"name": ""}, "cannot be called so"),
        ({"fields": (replace(AGE, name="^.*$"),)}, "Give it a plain name"),
        ({"fields": (AGE, Field("day", "text", "Day", role="time"))}, "the time of application, with the type 'text'"),
        ({"fields": (replace(AGE, minimum=100, maximum=18),)}, "from 100 to 18: no value lies between"),
        ({"fields": (replace(AGE, aliases=("outcome",)),)}, "'age_years' and 'outcome' be read from the same column"),
        ({"fields": (AGE, Field("sex", "text", "Sex", role="protected", aliases=("age_years",)))}, "the same column"),
        ({"fields": (AGE, replace(AGE, name="bad", role="target"))}, "The outcome has a part of its own"),
        ({"fields": (replace(AGE, type="category", categories=(Category("a", "A"),) * 2),)}, "lists a category"),
        ({"costs": Costs(accept_bad=0.0, decline_good=0.0)}, "costs of 0 or less"),
        ({"costs": Costs(accept_bad=-5.0)}, "costs of 0 or less"),
        ({"horizon_months": -12}, "horizon_months of -12"),
        ({"amount_field": "lent"}, "not one of its numbers"),
        ({"target": replace(TARGET, unresolved=("1",))}, "unresolved, and good or bad"),
        ({"target": replace(TARGET, bad=())}, "which values of the target are bad"),
    ],
)
def test_what_would_fail_later_is_refused_at_once(wrong, sentence):
    with pytest.raises(SchemaError, match=sentence):
        replace(_schema(AGE), **wrong)


@pytest.mark.parametrize(
    ("written", "instead", "sentence"),
    [
        ('bad = [\n    "1",\n]', "bad = [1]", "target.bad.1 is to be a text between quotation marks"),
        ('bad = [\n    "1",\n]', 'bad = "10"', "target.bad is to be a list between brackets"),
        ("minimum = 18", 'minimum = "18"', "fields.1.minimum is to be a number without quotation marks"),
        ("minimum = 18", "minimum = nan", "fields.1.minimum is to be a number"),
        ("minimum = 18", "minimum = 2024-03-31", "holds dates"),
        ('label = "Age"', "label = 3", "fields.1.label is to be a text"),
        ('label = "Age"', 'label = "Age"\nis_required = "no"', "fields.1.is_required is to be true or false"),
        ('name = "age_years"', "", "fields.1.name is missing"),
        ("accept_bad = 5.0", 'accept_bad = "5"', "costs.accept_bad is to be a number"),
        ('title = "A lender"', "title = 'A lender'\nhorizon_months = 1.5", "horizon_months is to be a whole number"),
    ],
)
def test_a_file_written_by_hand_is_told_where_it_is_wrong(written, instead, sentence):
    text = _schema(AGE).to_toml()
    assert written in text
    with pytest.raises(SchemaError, match=sentence):
        Schema.from_toml(text.replace(written, instead))


@pytest.mark.parametrize("text", ['target = "BAD"\nfields = []', 'fields = ["a"]', "x = " + "[" * 5_000 + "]" * 5_000])
def test_a_file_of_another_shape_is_refused_with_a_sentence(text):
    with pytest.raises(SchemaError, match="the schema"):
        Schema.from_toml(text)


def test_a_schema_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "my.toml"
    path.write_bytes(_schema(replace(AGE, label="Größe")).to_toml().encode("latin-1"))
    with pytest.raises(SchemaError, match=r"my\.toml is not written in UTF-8"):
        Schema.from_file(path)
