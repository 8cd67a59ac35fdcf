"""Encoding: fitted on training rows only, and the same for every batch."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from creditrisk.encoding import EncodedField, Encoder, fit_encoder
from creditrisk.errors import SchemaError
from creditrisk.schema import Category, Field, Schema, Target

SCHEMA = Schema(
    "lender",
    "A lender",
    (
        Field("income_eur", "number", "Income"),
        Field("housing", "category", "Housing", categories=(Category("own", "Own"), Category("rent", "Rent"))),
        Field(
            "savings",
            "category",
            "Savings",
            is_ordered=True,
            categories=(Category("low", "Low"), Category("some", "Some"), Category("high", "High")),
        ),
    ),
    Target("outcome", "Outcome", bad=("1",), good=("0",)),
)
ROWS = pl.DataFrame(
    {
        "income_eur": [1000.0, 2000.0, 3000.0, None],
        "housing": ["own", "rent", "castle", "own"],
        "savings": ["low", "some", "high", None],
    }
)


@pytest.fixture
def encoder() -> Encoder:
    return fit_encoder(ROWS, SCHEMA)


def test_the_matrix_holds_numbers_and_places_in_the_vocabulary(encoder):
    expected = [[1000, 0, 0], [2000, 1, 1], [3000, np.nan, 2], [np.nan, 0, np.nan]]
    np.testing.assert_array_equal(encoder.matrix(ROWS), expected)


def test_unordered_categories_are_one_hot_and_ordered_ones_are_steps(encoder):
    design = encoder.design(encoder.matrix(ROWS))
    # income: value, missing flag; housing: own, rent, flag; savings: at least some, at least high, flag
    assert encoder.design_fields.tolist() == [0, 0, 1, 1, 1, 2, 2, 2]
    assert design[:, 2:].tolist() == [[1, 0, 0, 0, 0, 0], [0, 1, 0, 1, 0, 0], [0, 0, 1, 1, 1, 0], [1, 0, 0, 0, 0, 1]]


def test_a_missing_number_takes_the_training_median_and_a_flag(encoder):
    design = encoder.design(encoder.matrix(ROWS))
    assert design[3, 0] == design[1, 0]  # 2,000 is the median of the three known
    assert design[:, 1].tolist() == [0, 0, 0, 1]


def test_an_absurd_number_is_held_at_the_edge_of_the_training_range(encoder):
    absurd = ROWS.with_columns(income_eur=pl.lit(1e12))
    usual = encoder.design(encoder.matrix(ROWS))[:, 0]
    assert encoder.design(encoder.matrix(absurd))[0, 0] == pytest.approx(usual.max(), abs=0.02)


def test_an_encoder_survives_its_file(encoder):
    assert Encoder.from_json(encoder.to_json()) == encoder


def test_a_field_without_any_value_is_refused_by_name():
    with pytest.raises(SchemaError, match="income_eur"):
        fit_encoder(ROWS.with_columns(income_eur=pl.lit(None, dtype=pl.Float64)), SCHEMA)


def test_the_typical_of_some_rows_is_their_median_or_most_frequent_category_or_nothing_where_most_have_nothing():
    encoder = Encoder(
        (EncodedField("age", fill=40.0), EncodedField("home", ("own", "rent")), EncodedField("income", fill=2.0))
    )
    matrix = np.array([[20.0, 1.0, np.nan], [np.nan, 0.0, np.nan], [30.0, 1.0, 5.0]])
    np.testing.assert_array_equal(encoder.typical(matrix), [25.0, 1.0, np.nan])


def test_a_few_rows_are_encoded_as_many_are(encoder):
    many = pl.concat([ROWS] * 40)
    np.testing.assert_array_equal(encoder.matrix(many)[: ROWS.height], encoder.matrix(ROWS))
