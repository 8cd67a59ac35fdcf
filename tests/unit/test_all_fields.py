"""All fields together: what none of them shows by itself, whether they count as they did, and who is in each decile."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest

from creditrisk.arrays import FloatArray
from creditrisk.errors import ScorerError
from creditrisk.metrics import build_profile, check_profile, codes_in, count_profile, empty_sample, with_pushes
from creditrisk.metrics.importance import ranking_gain
from creditrisk.schema import Category, Field, Schema, Target
from monitoring import drift, joint, report
from monitoring.deciles import heat_map
from monitoring.drift_metrics import metrics_of_all_fields
from monitoring.results import Result, check
from monitoring.windows import Counted, Window
from tests.unit.test_drift import MADE

HOUSING = ("own", "rent", "free")
SCHEMA = Schema(
    name="small",
    title="A small lender",
    fields=(
        Field("age_years", "number", "Age", unit="years"),
        Field("income_eur", "number", "Income", unit="EUR", is_required=False),
        Field("amount_eur", "number", "Amount", unit="EUR"),
        Field("housing", "category", "Housing", categories=tuple(Category(x, x.title()) for x in HOUSING)),
    ),
    target=Target("default", "Default", bad=("1",), good=("0",)),
)
N_FIELDS = len(SCHEMA.fields)


def sample(n: int, seed: int, *, age_and_income: float = 0.6, amount_sd: float = 1.0) -> pl.DataFrame:
    """Age and income go together by a correlation; the PD hangs on neither."""
    rng = np.random.default_rng(seed)
    age, other, amount = rng.normal(size=(3, n))
    income = age_and_income * age + np.sqrt(1 - age_and_income**2) * other
    return pl.DataFrame(
        {
            "seq": np.arange(1, n + 1),
            "prob_default": 1 / (1 + np.exp(2.5 - 0.5 * amount)),
            "age_years": 40 + 10 * age,
            "income_eur": 3_000 + 500 * income,
            "amount_eur": 5_000 + 1_000 * amount_sd * amount,
            "housing": rng.choice(HOUSING, n, p=[0.6, 0.3, 0.1]),
        }
    )


def contributions(frame: pl.DataFrame) -> FloatArray:
    """What the fields add to the risk: the amount most, then age, then income; housing next to nothing."""
    weights = {"age_years": (40, 0.3 / 10), "income_eur": (3_000, 0.25 / 500), "amount_eur": (5_000, 0.5 / 1_000)}
    numbers = [weight * (frame[name] - middle).to_numpy() for name, (middle, weight) in weights.items()]
    return np.column_stack([*numbers, 0.02 * (frame["housing"] == "rent").to_numpy()])


REFERENCE = sample(5_000, seed=1).with_columns(default=(pl.int_range(pl.len()) % 10 == 0).cast(pl.Int64))
PROFILE = with_pushes(build_profile(REFERENCE, SCHEMA, REFERENCE["prob_default"]), REFERENCE, contributions(REFERENCE))


def compare(frame: pl.DataFrame) -> drift.Drift:
    rows = empty_sample(N_FIELDS).with_rows(PROFILE["fields"], frame, frame["seq"])
    return drift.compare(PROFILE, SCHEMA, count_profile(PROFILE, frame, frame["prob_default"]), rows)


def result_of(found: drift.Drift, frame: pl.DataFrame) -> tuple[Result, Window]:
    counted = Counted(count_profile(PROFILE, frame, frame["prob_default"]), 1, frame.height)
    window = Window(counted, after_seq=0, head_seq=frame.height, head_hash="0" * 64, judged=counted)
    return report.make_result(found, window, **MADE), window


def written(frame: pl.DataFrame) -> tuple[Result, str]:
    found = compare(frame)
    result, window = result_of(found, frame)
    return check(json.loads(json.dumps(result, allow_nan=False))), report.render(result, found, window, SCHEMA).decode()


# --- the sample ---


def test_the_sample_of_parts_is_that_of_the_whole():
    rows = sample(7_000, seed=2)
    whole = empty_sample(N_FIELDS).with_rows(PROFILE["fields"], rows, rows["seq"])
    edges = [0, 1, 1_500, 4_000, 7_000]
    blocks = [rows[a:b] for a, b in pairwise(edges)]
    grown = empty_sample(N_FIELDS)
    for block in blocks:
        grown = grown.with_rows(PROFILE["fields"], block, block["seq"])
    parts = [empty_sample(N_FIELDS).with_rows(PROFILE["fields"], block, block["seq"]) for block in blocks]
    merged = parts[3].merged(parts[1]).merged(parts[0]).merged(parts[2])
    for other in (grown, merged):
        assert np.array_equal(other.keys, whole.keys)
        assert np.array_equal(other.codes, whole.codes)
    assert whole.codes.shape == (2_000, N_FIELDS)
    # Every row has the same chance: of the first half come as many as of the second, within four standard deviations.
    half = rows[:3_500]
    of_half = empty_sample(N_FIELDS).with_rows(PROFILE["fields"], half, half["seq"])
    assert abs(np.isin(whole.keys, of_half.keys).sum() - 1_000) < 4 * np.sqrt(500 * 5 / 7)


def test_the_reference_keeps_bins_of_rows_and_no_value_of_anybody():
    codes = codes_in(PROFILE["sample"])
    assert codes.shape == (2_000, N_FIELDS)
    # A tenth of the rows in each decile of a continuous field, give or take.
    assert np.bincount(codes[:, 0], minlength=10) == pytest.approx(np.full(10, 200), abs=60)
    assert check_profile(json.loads(json.dumps(PROFILE)), SCHEMA) == PROFILE


@pytest.mark.parametrize(
    ("key", "wrong", "sentence"),
    [
        ("sample", {}, "must have the fields"),
        ("sample", {**PROFILE["sample"], "age_years": "????"}, "text of codes for 'age_years'"),
        ("sample", {**PROFILE["sample"], "age_years": "AAEC"}, "the same rows"),
        ("sample", {**PROFILE["sample"], "age_years": "/w=="}, "does not know"),
        ("deciles", {**PROFILE["deciles"], "counts": [1, 2]}, "a count for each"),
        ("deciles", {**PROFILE["deciles"], "fields": {"zip": {"counts": [], "sums": []}}}, "does not know"),
        ("deciles", {**PROFILE["deciles"], "risks": ["1"] * 10}, "finite number"),
    ],
)
def test_a_profile_that_was_changed_is_refused(key, wrong, sentence):
    with pytest.raises(ScorerError, match=sentence):
        check_profile({**PROFILE, key: wrong}, SCHEMA)


# --- all fields together ---


def test_fields_that_go_together_otherwise_are_seen_though_none_has_shifted():
    """Correlation 0.6 turns to -0.6; what each field looks like by itself, and the score, stay what they were."""
    found = [compare(sample(500, seed=seed, age_and_income=-0.6)) for seed in range(600, 620)]
    assert sum(any(field.level > 0 for field in (*one.fields, one.score)) for one in found) <= 1
    assert all(one.joint.level >= 1 for one in found)
    assert {name for one in found for name in one.joint.fields} == {"age_years", "income_eur"}
    [sentence] = drift.findings(found[0])
    assert "mostly by Age and Income: how the fields go together has changed" in sentence or (
        "mostly by Income and Age: how the fields go together has changed" in sentence
    )


@pytest.mark.parametrize("n", [500, 1_000])
def test_quiet_windows_raise_hardly_an_alarm_of_any_kind(n):
    """Every field, the score, all fields together and their importance: 5 % of the reports at most; docs/drift.md."""
    quiet = [compare(sample(n, seed=seed)) for seed in range(700, 800)]
    assert sum(any(field.level > 0 for field in (*one.fields, one.score)) or _deeper(one) for one in quiet) <= 5
    assert sum(map(_deeper, quiet)) <= 1


def _deeper(found: drift.Drift) -> bool:
    return found.joint.level > 0 or found.importance.level > 0


def test_below_300_rows_nothing_is_judged_of_all_fields_together():
    window = sample(299, seed=3, age_and_income=-0.6)
    found = compare(window)
    assert (found.joint, found.importance) == (None, None)
    result, _ = result_of(found, window)
    assert {"multivariate", "importance"}.isdisjoint(result)


def test_chance_leaves_the_auc_of_quiet_windows_where_it_is_said_to():
    found = [joint.joint_drift(PROFILE, _rows(sample(600, seed=seed))) for seed in range(40)]
    assert np.mean([one.auc for one in found]) == pytest.approx(0.5, abs=0.01)
    # The bound is meant for 95 of 100, and errs on the quiet side.
    assert sum(one.auc > one.bound for one in found) <= 4


def _rows(frame: pl.DataFrame) -> Any:
    return empty_sample(N_FIELDS).with_rows(PROFILE["fields"], frame, frame["seq"])


# --- importance ---


def test_the_gain_of_a_ranking_is_what_comes_first_discounted():
    # Ideal 3/log2(2) + 2/log2(3) + 1/log2(4) = 3 + 1.26186 + 0.5; the other way round 1 + 1.26186 + 1.5.
    assert ranking_gain([3, 2, 1], [30, 20, 10]) == pytest.approx(1.0)
    assert ranking_gain([3, 2, 1], [[1, 2, 3]]) == pytest.approx([3.76186 / 4.76186], abs=1e-5)


def test_importance_is_the_share_of_each_bin_times_what_its_values_add():
    found = compare(sample(2_000, seed=4)).importance
    assert found.level == 0
    # The mean size of a normal number is 0.798 standard deviations; within its bins they are averaged.
    expected = {"amount_eur": 0.5, "age_years": 0.3, "income_eur": 0.25}
    for name, weight in expected.items():
        assert found.shift.reference[name] == pytest.approx(0.798 * weight, rel=0.03)
    assert list(found.shift.ranks()) == ["amount_eur", "age_years", "income_eur", "housing"]


def test_another_order_of_importance_is_an_alarm_that_says_who_changed_places():
    # Amounts all near the middle: what counted most counts least but one.
    window = sample(1_000, seed=5, amount_sd=0.1)
    found = compare(window)
    assert found.importance.level == 2
    sentences = [one for one in drift.findings(found) if one.startswith("The fields that count most")]
    assert "Amount (number 1, now 3), Age (number 2, now 1)" in sentences[0]


def test_where_nobody_knows_what_values_add_there_is_no_importance():
    bare = build_profile(REFERENCE, SCHEMA, REFERENCE["prob_default"])
    window = sample(500, seed=6)
    assert drift.compare(bare, SCHEMA, count_profile(bare, window, window["prob_default"])).importance is None


# --- deciles ---


def test_a_decile_has_the_means_of_its_clients():
    window = sample(3_000, seed=7)
    found = compare(window).deciles
    edges = [-np.inf, *PROFILE["prob_default"]["edges"], np.inf]
    by_name = {field["name"]: field for field in found["fields"]}
    assert list(by_name) == ["amount_eur", "age_years", "income_eur", "housing"]  # the most important first
    for place, (low, high) in enumerate(pairwise(edges)):
        held = window.filter((pl.col("prob_default") > low) & (pl.col("prob_default") <= high))
        ages = held["age_years"].clip(PROFILE["fields"]["age_years"]["low"], PROFILE["fields"]["age_years"]["high"])
        assert found["n_rows"][place] == held.height
        assert found["prob_default"][place] == pytest.approx(held["prob_default"].mean(), abs=1e-6)
        assert by_name["age_years"]["means"][place] == pytest.approx(ages.mean(), abs=1e-5)
        assert by_name["housing"]["means"][place] == pytest.approx((held["housing"] == "own").mean(), abs=1e-6)
    assert sum(found["n_known_reference"]) == 5_000
    assert sum(found["n_bad_reference"]) == 500


def test_what_moved_in_a_decile_is_told_beyond_chance_only():
    quiet, older = sample(3_000, seed=8), sample(3_000, seed=8).with_columns(pl.col("age_years") + 5)
    for window, expected in ((quiet, [None] * 10), (older, [0.5] * 10)):
        [ages] = [field for field in compare(window).deciles["fields"] if field["name"] == "age_years"]
        moved = [0.0 if one is None else one for one in ages["moved"]]
        assert moved == pytest.approx([0.0 if one is None else one for one in expected], abs=0.35)
        assert sum(one is None for one in ages["moved"]) in ((9, 10) if window is quiet else (0, 1))


def test_one_absurd_value_does_not_speak_for_its_decile():
    window = sample(3_000, seed=9)
    absurd = window.with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(1e100).otherwise("income_eur").alias("income_eur")
    )
    means = [compare(one).deciles["fields"][2]["means"] for one in (window, absurd)]
    assert means[0] == pytest.approx(means[1], rel=0.01)


def test_deciles_of_few_have_no_figure_and_scores_of_others_are_in_none():
    window = sample(100, seed=10)
    assert set(compare(window).deciles["fields"][0]["means"]) == {None}
    is_own = pl.Series([True] * 40 + [False] * 60)
    counted = count_profile(PROFILE, window, window["prob_default"], is_own)
    assert sum(counted["deciles"]["counts"]) == sum(counted["prob_default"]["counts"]) == 40
    assert counted["n_rows"] == 100


# --- page and metrics ---


def test_the_page_and_the_metrics_tell_all_of_it():
    result, html = written(sample(1_000, seed=5, amount_sd=0.1))
    for heading in ("All fields together", "Who is in each decile", "Housing: Own, of 100", "(was number 1)"):
        assert heading in html
    found = {
        (one.name, *one.labels.values()): one.value
        for metric in metrics_of_all_fields(result, {"model": "small"})
        for one in metric.samples
    }
    assert found["creditrisk_multivariate_auc", "small"] == result["multivariate"]["auc"]
    assert found["creditrisk_importance_status", "small"] == 2
    assert found["creditrisk_decile_rows", "small", "10"] == result["deciles"]["n_rows"][9]
    assert ("creditrisk_field_importance", "small", "housing") in found
    assert not any(np.isnan(value) for value in found.values())


def test_a_joint_shift_is_the_headline_where_no_field_has_shifted():
    found = compare(sample(1_000, seed=11, age_and_income=-0.6))
    result, html = written(sample(1_000, seed=11, age_and_income=-0.6))
    assert result["multivariate"]["level"] == 2
    assert "<h1>Have a look at how the fields go together</h1>" in html
    assert "Nothing has drifted" not in html
    quiet = replace(found, joint=None, importance=None)
    assert drift.findings(quiet)[0].startswith("Nothing has drifted")


def test_the_heat_map_says_how_clients_turned_out_where_that_is_known():
    deciles = compare(sample(1_000, seed=12)).deciles
    realised = [{"n_rows": 40, "n_bad": 4, "prob_default": 0.1}] * 10
    [line] = [line for line in heat_map(deciles, realised) if line.label.startswith("Turned out bad")]
    assert {cell.now for cell in line.cells} == {"10"}
    [line] = [line for line in heat_map(deciles, []) if line.label.startswith("Turned out bad")]
    assert {cell.now for cell in line.cells} == {"–"}
