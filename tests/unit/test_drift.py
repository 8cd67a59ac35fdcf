"""Drift in figures and words: what PSI is, when it is an alarm, and that odd windows give findings, never a NaN."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from creditrisk.metrics import build_profile, distances, stability
from creditrisk.schema import Category, Field, Schema, Target
from monitoring import drift, report, results
from monitoring.windows import Counted, Window, profile_of

HOUSING = ("own", "rent", "free")
PURPOSES = tuple(f"purpose {letter}" for letter in "ABCDEFGHIJKL")
SCHEMA = Schema(
    name="small",
    title="A small lender",
    fields=(
        Field("age_years", "integer", "Age", unit="years"),
        Field("income_eur", "number", "Income", unit="EUR", is_required=False),
        Field("housing", "category", "Housing", categories=tuple(Category(x, x.title()) for x in HOUSING)),
        Field("purpose", "category", "Purpose", categories=tuple(Category(x, x.title()) for x in PURPOSES)),
    ),
    target=Target("default", "Default", bad=("1",), good=("0",)),
)

MADE = {"model": "small", "model_version": "7", "created_at": datetime(2024, 3, 31, 9, tzinfo=UTC)}
counts = st.lists(st.integers(0, 500), min_size=2, max_size=12).filter(sum)


def sample(n: int, seed: int, *, income_shift: float = 0.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "seq": np.arange(1, n + 1),
            "decided_at": [datetime(2024, 3, 31, tzinfo=UTC)] * n,
            "model_version": ["7"] * n,
            "prob_default": rng.beta(2, 20, n),
            "age_years": rng.integers(18, 80, n),
            "income_eur": np.exp(rng.normal(8 + income_shift, 0.5, n)),
            "housing": rng.choice(HOUSING, n, p=[0.6, 0.3, 0.1]),
            "purpose": rng.choice(PURPOSES, n),
        },
        schema_overrides={"decided_at": pl.Datetime("us", "UTC")},
    )


REFERENCE = sample(5_000, seed=1)
PROFILE = build_profile(REFERENCE, SCHEMA, REFERENCE["prob_default"].to_numpy())


def compare(window: pl.DataFrame) -> drift.Drift:
    return drift.compare(PROFILE, SCHEMA, profile_of(PROFILE, window, "7"))


def window_of(frame: pl.DataFrame) -> Window:
    counted = Counted(profile_of(PROFILE, frame, "7"))
    if not frame.is_empty():
        period = frame["decided_at"][0], frame["decided_at"][-1]
        counted = replace(counted, first_seq=1, last_seq=frame.height, period=period)
    return Window(counted, after_seq=0, head_seq=500, head_hash="0" * 64, judged=counted)


def field(found: drift.Drift, name: str) -> drift.FieldDrift:
    return next(one for one in found.fields if one.name == name)


# --- the two figures ---


def test_psi_is_the_sum_over_bins_of_share_difference_times_log_ratio():
    # (0.6 - 0.5) * ln(0.6 / 0.5) + (0.4 - 0.5) * ln(0.4 / 0.5) = 0.1 * 0.182322 + 0.1 * 0.223144
    assert stability.population_stability_index([50, 50], [60, 40]) == pytest.approx(0.0405465, abs=1e-6)


def test_an_empty_bin_counts_as_half_a_row_of_the_smaller_table():
    # floor 0.5 / 100 = 0.005; (0.5 - 0.005) * ln(0.5 / 0.005) for the lost bin, (1 - 0.5) * ln(1 / 0.5) for the other.
    expected = 0.495 * math.log(100) + 0.5 * math.log(2)
    assert stability.population_stability_index([500, 500], [0, 100]) == pytest.approx(expected)


@given(counts)
def test_psi_of_a_window_with_itself_is_zero(rows):
    assert stability.population_stability_index(rows, rows) == 0.0


@given(counts.flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))))
def test_psi_is_never_negative_symmetric_and_finite(two):
    one, other = two
    psi = stability.population_stability_index(one, other)
    assert 0.0 <= psi < math.inf
    assert psi == pytest.approx(stability.population_stability_index(other, one))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_drift_ignores_the_order_of_rows(seed):
    window = sample(400, seed=2, income_shift=0.3)
    shuffled = window.sample(fraction=1.0, shuffle=True, seed=seed)
    # Means are sums, whose last bit depends on the order.
    figures = [report.make_result(compare(one), window_of(one), **MADE)["fields"] for one in (window, shuffled)]
    assert figures[0] == figures[1]


@pytest.mark.parametrize(("n", "predicted"), [(100, 0.173), (200, 0.088), (500, 0.037), (1_000, 0.020)])
def test_chance_stays_below_the_bound_in_95_of_100_windows(n, predicted):
    """Ten bins and 5,000 reference rows: the figures of chi2_{.95, 9} * (1/n + 1/5000), and their coverage."""
    rng = np.random.default_rng(n)
    reference = [500] * 10
    windows = rng.multinomial(n, [0.1] * 10, size=2_000)
    # The reference is drawn too, so both sides vary as the bound supposes.
    references = rng.multinomial(5_000, [0.1] * 10, size=2_000)
    psi = [stability.population_stability_index(*pair) for pair in zip(references, windows, strict=True)]
    assert stability.no_drift_bound(reference, windows[0]) == pytest.approx(predicted, abs=0.001)
    # 95 % of 2,000 windows, less what a small n adds to the tail.
    assert 0.92 <= np.mean(np.array(psi) <= predicted) <= 0.97


# --- the other distances, beside those of the field's own libraries ---

VALUES = st.lists(st.integers(-50, 50), min_size=2, max_size=60)


@given(VALUES, VALUES)
def test_distances_from_counts_of_single_values_are_those_of_scipy(one, other):
    grid = np.unique([*one, *other]).astype(float)
    counts = [np.array([side.count(value) for value in grid]) for side in (one, other)]
    expected = stats.ks_2samp(one, other, method="asymp")
    distance, p_value = distances.kolmogorov_smirnov(*counts)
    assert (distance, p_value) == pytest.approx((expected.statistic, expected.pvalue), abs=1e-9)
    wasserstein = distances.wasserstein(grid, *counts)
    assert wasserstein == pytest.approx(stats.wasserstein_distance(one, other), abs=1e-9)


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)), min_size=2, max_size=12))
def test_distances_of_categories_are_those_of_scipy(pairs):
    one, other = np.array(pairs).T
    expected = stats.chi2_contingency([one, other], correction=False)
    assert distances.chi_square(one, other) == pytest.approx((expected.statistic, expected.pvalue), abs=1e-9)
    assert distances.jensen_shannon(one, other) == pytest.approx(jensenshannon(one, other), abs=1e-7)


def test_a_moved_mean_is_welchs_test():
    rng = np.random.default_rng(3)
    one, other = rng.normal(0, 1, 4_000), rng.normal(0.05, 2, 3_000)
    sides = [(len(side), float(side.mean()), float(side.std(ddof=1))) for side in (one, other)]
    assert distances.moved_mean(*sides) == pytest.approx(stats.ttest_ind(one, other, equal_var=False).pvalue, rel=0.01)


def test_normed_wasserstein_and_jensen_shannon_are_evidentlys():
    """Its methods of these names, on values of a few kinds each, so that its bins are ours."""
    import pandas as pd
    from evidently.legacy.calculations.stattests import jensenshannon_stat_test, wasserstein_stat_test

    rng = np.random.default_rng(5)
    one, other = rng.integers(0, 8, 3_000), rng.integers(1, 9, 2_000)
    grid = np.arange(9.0)
    counts = [np.array([(side == value).sum() for value in grid]) for side in (one, other)]
    normed = wasserstein_stat_test.func(pd.Series(one), pd.Series(other), "num", 0.1)[0]
    assert distances.wasserstein(grid, *counts) / one.std() == pytest.approx(normed, abs=1e-9)
    texts = [pd.Series([f"v{value}" for value in side]) for side in (one % 7, other % 7)]
    shares = [np.array([(side == f"v{value}").sum() for value in range(7)]) for side in texts]
    assert distances.jensen_shannon(*shares) == pytest.approx(
        jensenshannon_stat_test.func(*texts, "cat", 0.1)[0], abs=1e-9
    )


# --- when it is an alarm ---


@pytest.mark.parametrize("n", [200, 300, 500, 1_000])
def test_two_hundred_windows_without_drift_raise_at_most_ten_alarms(n):
    """5 % of the reports at most, all fields and the score of one report taken together."""
    quiet = [compare(sample(n, seed=seed)) for seed in range(100, 300)]
    alarms = [any(f.level > 0 for f in (*found.fields, found.score)) for found in quiet]
    assert sum(alarms) <= 10


def test_a_shift_of_a_fifth_of_a_standard_deviation_is_seen_in_a_thousand_applications():
    """In 95 of 100 windows at least; the PSI alone, at 0.05, would never tell."""
    found = [field(compare(sample(1_000, seed=seed, income_shift=0.1)), "income_eur") for seed in range(400, 500)]
    assert sum(one.status == "watch" for one in found) >= 95
    assert np.quantile([one.psi for one in found], 0.95) < stability.WATCH_PSI


def test_one_absurd_value_makes_no_distance():
    window = sample(1_000, seed=7)
    absurd = window.with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(1e11).otherwise("income_eur").alias("income_eur")
    )
    assert field(compare(absurd), "income_eur").distance == pytest.approx(
        field(compare(window), "income_eur").distance, abs=0.01
    )


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2024-03-31T09:00:00"])
def test_a_time_that_is_none_in_utc_is_no_result(time):
    frame = sample(10, seed=1)
    made = report.make_result(compare(frame), window_of(frame), **MADE)
    results.check(made)
    with pytest.raises(results.UnreadableResultError, match="created_at"):
        results.check({**made, "created_at": time})


def test_more_fields_raise_no_more_false_alarms():
    shift = stability.Shift(np.array([500, 500]), np.array([60, 440]), ("", ""), 0, 0, psi=0.2, distance=0.2)
    alone, among = ([replace(shift, p_value=p) for p in ps] for ps in ([0.004], [0.004, *[0.5] * 99]))
    assert stability.judged(alone)[0].status == "watch"
    assert stability.judged(among)[0].status == "stable"


def test_a_large_shift_is_an_act_and_is_said_in_the_schemas_words():
    found = compare(sample(2_000, seed=3, income_shift=1.0))
    assert field(found, "income_eur").status == "act"
    assert found.drift_share == 1 / 4
    assert len(drift.findings(found)) == 1
    assert drift.findings(found)[0].startswith("Income has shifted strongly (PSI ")
    assert "mostly more applications with more than" in drift.findings(found)[0]
    assert " EUR (10 % before, " in drift.findings(found)[0]


def test_nothing_found_is_said_too():
    found = compare(sample(2_000, seed=4))
    assert found.drift_share == 0.0
    assert drift.findings(found)[0].startswith("Nothing has drifted")


def test_below_300_rows_nothing_is_judged_however_large_the_shift():
    found = compare(sample(299, seed=5, income_shift=3.0))
    assert {one.status for one in found.fields} == {"too few rows"}
    assert found.drift_share is None
    assert drift.findings(found)[0].startswith("Only 299 applications were scored.")


def test_scores_of_another_version_are_not_drift_of_the_score():
    window = sample(1_000, seed=6).with_columns(
        pl.when(pl.int_range(pl.len()) < 500).then(pl.lit("6")).otherwise(pl.lit("7")).alias("model_version"),
        pl.when(pl.int_range(pl.len()) < 500).then(0.9).otherwise(pl.col("prob_default")).alias("prob_default"),
    )
    found = compare(window)
    assert (found.score.n_rows, found.score.status) == (500, "stable")
    assert field(found, "age_years").n_rows == 1_000


# --- odd windows ---

ALL_MISSING = sample(500, seed=7).with_columns(pl.lit(None).alias("income_eur"))
NOT_LOGGED = sample(500, seed=7).drop("income_eur")
CONSTANT = sample(500, seed=8).with_columns(pl.lit(40).alias("age_years"))
UNSEEN = sample(500, seed=9).with_columns(
    pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("A. Person, 1 Any Street")).otherwise("housing").alias("housing")
)
INFINITE = sample(500, seed=10).with_columns(pl.lit(math.inf).alias("income_eur"))
EMPTY = sample(0, seed=11)
BARE = EMPTY.select("seq", "decided_at", "model_version", "prob_default")

ODD = [
    (ALL_MISSING, "Income is missing in every row (reference: 0 %)."),
    (NOT_LOGGED, "Income is missing in every row (reference: 0 %)."),
    (INFINITE, "Income is missing in every row (reference: 0 %)."),
    (CONSTANT, "Age holds one single value in all rows that have one."),
    (UNSEEN, "Housing: 3 rows hold a value that the model has never seen."),
    (EMPTY, "No application was scored in this window"),
    (BARE, "No application was scored in this window"),
]


@pytest.mark.parametrize(("window", "finding"), ODD)
def test_an_odd_window_is_a_finding_and_strict_json(window, finding):
    found = compare(window)
    assert any(said.startswith(finding) for said in drift.findings(found))
    cut = window_of(window)
    result = report.make_result(found, cut, **MADE)
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_a_stuck_source_is_an_act_not_merely_a_word():
    assert (field(compare(ALL_MISSING), "income_eur").status, field(compare(ALL_MISSING), "income_eur").level) == (
        "all missing",
        2,
    )
    assert (field(compare(CONSTANT), "age_years").status, field(compare(CONSTANT), "age_years").level) == (
        "constant",
        2,
    )


def test_a_value_that_chance_may_well_repeat_is_not_called_constant():
    # 60 % own their home: five owners in a row come about in 0.6^5 = 8 % of windows, ten in 0.6 %.
    five, ten = (sample(n, seed=12).with_columns(pl.lit("own").alias("housing")) for n in (5, 10))
    assert field(compare(five), "housing").status == "too few rows"
    assert field(compare(ten), "housing").status == "constant"


def test_more_than_ten_categories_are_joined_from_the_rarest_up():
    bins = field(compare(sample(1_000, seed=13)), "purpose").bins
    assert [bin_.words for bin_ in bins[9:]] == ["a rarer value", "no value", "an unseen value"]
    assert sum(bin_.reference_share for bin_ in bins) == pytest.approx(1.0)


def test_no_figure_of_a_finding_is_rounded_to_what_it_is_not():
    bins = (drift.Bin("1 to 2 EUR", 0.0312, 0.0344), drift.Bin("more than 2 EUR", 0.9688, 0.9656))
    close = replace(
        field(compare(sample(2_000, seed=3)), "income_eur"),
        status="act", level=2, psi=0.3, psi_bound=0.0004, bins=bins,
    )  # fmt: skip
    [sentence] = drift.findings(drift.Drift(400_000, (), close))
    assert "PSI 0.3000; chance alone stays below 0.0004" in sentence
    assert "3.1 % before, 3.4 % now" in sentence
    [sentence] = drift.findings(drift.Drift(400_000, (), replace(close, psi=0.2504, psi_bound=0.2496)))
    assert "PSI 0.2504; chance alone stays below 0.2496" in sentence
    [few, *_] = drift.findings(compare(sample(1, seed=3)))
    assert few.startswith("Only 1 application was scored.")


# --- the page ---


def page(window: pl.DataFrame) -> str:
    found = compare(window)
    cut = window_of(window)
    result = report.make_result(found, cut, **MADE)
    return report.render(result, found, cut, SCHEMA).decode()


def test_the_page_says_the_findings_and_forbids_itself_the_network():
    html = page(sample(2_000, seed=3, income_shift=1.0))
    assert "Have a look at: Income" in html
    assert "Income has shifted strongly" in html
    assert "default-src 'none'" in html


def test_an_empty_window_has_a_page():
    assert "No applications in this window" in page(EMPTY)
