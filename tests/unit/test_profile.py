"""The frozen bins: what they hold, and that nothing falls between them."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from creditrisk.metrics import bin_counts, build_profile, reference_counts
from creditrisk.schema import Category, Field, Schema, Target

SCHEMA = Schema(
    name="small",
    title="A small lender",
    fields=(
        Field("age_years", "integer", "Age", unit="years"),
        Field("savings_eur", "number", "Savings", unit="EUR"),
        Field(
            "housing",
            "category",
            "Housing",
            categories=(Category("own", "Own"), Category("rent", "Rent"), Category("free", "Free")),
        ),
        Field("sex", "category", "Sex", role="protected", categories=(Category("f", "f"), Category("m", "m"))),
    ),
    target=Target("default", "Default", bad=("1",), good=("0",)),
)


def frame(n: int = 1_000) -> pl.DataFrame:
    rng = np.random.default_rng(7)
    return pl.DataFrame(
        {
            "age_years": rng.integers(18, 80, n),
            "savings_eur": np.where(rng.random(n) < 0.6, 0.0, rng.lognormal(7, 1, n)),
            "housing": rng.choice(["own", "rent"], n),
            "sex": rng.choice(["f", "m"], n),
        }
    )


def test_every_reference_row_is_counted_once_in_at_most_ten_bins():
    built = build_profile(frame(), SCHEMA, np.linspace(0.01, 0.5, 1_000))
    for entry in [*built["fields"].values(), built["prob_default"]]:
        assert len(entry["counts"]) <= 10
        assert reference_counts(entry).sum() == built["n_rows"] == 1_000


def test_protected_fields_stay_out_of_the_profile():
    assert set(build_profile(frame(), SCHEMA, np.full(1_000, 0.1))["fields"]) == {
        "age_years",
        "savings_eur",
        "housing",
    }


def test_the_profile_is_strict_json_even_for_an_all_missing_and_a_constant_column():
    odd = frame(20).with_columns(pl.lit(None, pl.Float64).alias("savings_eur"), pl.lit(40).alias("age_years"))
    text = json.dumps(build_profile(odd, SCHEMA, np.full(20, 0.2)), allow_nan=False)
    back = json.loads(text)
    assert back["fields"]["savings_eur"]["counts"] == [0]
    assert back["fields"]["savings_eur"]["n_missing"] == 20
    assert back["fields"]["savings_eur"]["mean"] is None
    assert back["fields"]["age_years"]["counts"] == [0, 20, 0]  # below 40, 40, above 40


def test_counting_the_reference_again_gives_its_own_counts():
    reference = frame()
    built = build_profile(reference, SCHEMA, np.full(1_000, 0.1))
    for name, entry in built["fields"].items():
        assert bin_counts(entry, reference[name]).tolist() == reference_counts(entry).tolist()


def test_deciles_of_a_continuous_field_hold_a_tenth_each():
    built = build_profile(frame(), SCHEMA, np.linspace(0.0, 1.0, 1_000))
    assert built["prob_default"]["counts"] == [100] * 10


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # 3 % zeros: every decile is 1, and yet the zeros need their own bin.
        ([0] * 3 + [1] * 97, [3, 97]),
        ([1] * 10 + [2] * 20 + [3] * 30 + [4] * 40, [10, 20, 30, 40]),
        # 20 distinct values, 80 % of the rows on one in the middle: below it, on it, above it.
        ([*range(10), *[10] * 80, *range(11, 21)], [10, 80, 10]),
    ],
)
def test_a_common_value_gets_a_bin_of_its_own(values, expected):
    built = build_profile(frame(len(values)), SCHEMA, np.array(values, dtype=float))
    assert built["prob_default"]["counts"] == expected


def test_a_category_the_reference_never_held_is_unseen_and_not_lost():
    entry = build_profile(frame(), SCHEMA, np.full(1_000, 0.1))["fields"]["housing"]
    assert entry["categories"] == ["own", "rent"]
    window = pl.Series(["own", "free", "tent", None])
    assert bin_counts(entry, window).tolist() == [1, 0, 1, 2]  # own, rent, missing, unseen


def test_infinity_and_nan_count_as_missing():
    entry = build_profile(frame(), SCHEMA, np.full(1_000, 0.1))["fields"]["savings_eur"]
    assert bin_counts(entry, pl.Series([float("inf"), float("nan"), None]))[-1] == 3
