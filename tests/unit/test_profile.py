"""The frozen bins: what they hold, and that nothing falls between them."""

from __future__ import annotations

import json
from functools import reduce
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk.metrics import build_profile, count_entry, count_profile, counts_of, merge_profiles, with_pushes
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
        assert counts_of(entry).sum() == built["n_rows"] == 1_000


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
        assert counts_of(count_entry(entry, reference[name])).tolist() == counts_of(entry).tolist()


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
    assert counts_of(count_entry(entry, window)).tolist() == [1, 0, 1, 2]  # own, rent, missing, unseen


def test_infinity_and_nan_count_as_missing():
    entry = build_profile(frame(), SCHEMA, np.full(1_000, 0.1))["fields"]["savings_eur"]
    assert counts_of(count_entry(entry, pl.Series([float("inf"), float("nan"), None])))[-1] == 3


# --- windows, and parts of them ---


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=5), st.integers(0, 2**32 - 1))
def test_the_profiles_of_parts_merge_into_that_of_the_whole(cuts, seed):
    reference = build_profile(frame(), SCHEMA, np.linspace(0.01, 0.5, 1_000))
    rng = np.random.default_rng(seed)
    rows = frame(400).with_columns(
        pl.when(pl.Series(rng.random(400) < 0.2)).then(None).otherwise("savings_eur").alias("savings_eur"),
        pl.when(pl.Series(rng.random(400) < 0.1)).then(pl.lit("boat")).otherwise("housing").alias("housing"),
    )
    risks = pl.Series(rng.random(400))
    whole = count_profile(reference, rows, risks)
    edges = [0, *sorted(cuts), 400]
    parts = [count_profile(reference, rows[a:b], risks[a:b]) for a, b in pairwise(edges)]
    merged = reduce(merge_profiles, parts)
    for name, entry in [*whole["fields"].items(), ("", whole["prob_default"])]:
        other = merged["fields"][name] if name else merged["prob_default"]
        for key, value in entry.items():
            assert other[key] == (pytest.approx(value, rel=1e-12) if key in ("mean", "sd") else value), (name, key)
    assert merged["n_rows"] == 400
    together, at_once = dict(merged["deciles"]), dict(whole["deciles"])
    by_field = together.pop("fields"), at_once.pop("fields")
    for sums, other in [(at_once, together), *((by_field[1][name], by_field[0][name]) for name in by_field[1])]:
        for key, value in sums.items():
            assert other[key] == (pytest.approx(value, rel=1e-12) if key in ("risks", "sums") else value), key
    assert sum(together["counts"]) == 400


def test_bins_are_counted_out_of_the_grid_as_by_themselves():
    column = frame()["savings_eur"]
    entry = build_profile(frame(), SCHEMA, np.full(1_000, 0.1))["fields"]["savings_eur"]
    window = pl.concat([column * 1.1 - 5, pl.Series([1e9, -1e9])])
    counted = count_entry(entry, window)
    edges = [-np.inf, *entry["edges"], np.inf]
    assert counted["counts"] == [int(((window > low) & (window <= high)).sum()) for low, high in pairwise(edges)]
    assert (counted["low"], counted["high"]) == (-1e9, 1e9)
    assert set(entry["edges"]) <= set(entry["grid"])
    assert len(entry["grid"]) <= 110


def test_a_bin_knows_what_its_values_add_to_the_risk():
    rows = frame()
    built = build_profile(rows, SCHEMA, np.full(1_000, 0.1))
    contributions = np.column_stack([np.zeros(1_000), np.zeros(1_000), np.where(rows["housing"] == "own", -0.5, 0.25)])
    pushes = with_pushes(built, rows, contributions)["fields"]
    assert pushes["housing"]["pushes"] == [-0.5, 0.25, 0.0, 0.0]  # own, rent, missing, unseen
    assert pushes["age_years"]["pushes"] == [0.0] * 11


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([[1.0]] * 50),
        pl.Series([[]] * 50),
        pl.Series([[1.0]] * 50, dtype=pl.Array(pl.Float64, 1)),
        pl.Series([b"\xff"] * 50),
        pl.Series([{"a": 1}] * 50),
        pl.Series(["x"] * 50, dtype=pl.Categorical),
    ],
    ids=lambda values: str(values.dtype),
)
def test_a_column_of_another_kind_is_missing_or_unseen_and_stops_nothing(values):
    reference = build_profile(frame(), SCHEMA, np.linspace(0.01, 0.5, 1_000))
    odd = pl.DataFrame(dict.fromkeys(reference["fields"], values))
    counted = count_profile(reference, odd, pl.repeat(0.1, 50, dtype=pl.Float64, eager=True))
    for entry in counted["fields"].values():
        assert sum(entry["counts"]) == 0
        assert (entry["n_missing"] if entry["type"] == "numeric" else entry["n_unseen"]) == 50
    assert merge_profiles(counted, counted)["n_rows"] == 100
