"""Performance before outcomes and after: estimates that hold, vintages, and the gap between both as the alarm."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk.decision_log import Decision, DecisionLog, Outcome, erase
from creditrisk.metrics import auc, count_pds, expected_auc, expected_bad_rate, expected_cost, merge_pds
from creditrisk.schema import Category, Field, Schema, Target
from creditrisk.simulator import simulate
from monitoring import performance, report, results
from monitoring.clients import Clients
from monitoring.performance_metrics import metrics_of_performance
from monitoring.windows import Counted, Reference
from tests.unit import test_drift

SCHEMA = Schema(
    name="small",
    title="A small lender",
    fields=(
        Field("client", "text", "Client", role="id"),
        Field("amount_eur", "number", "Amount", unit="EUR"),
        Field("age_years", "integer", "Age", role="protected", unit="years"),
        Field("sex", "category", "Sex", role="protected", categories=(Category("f", "Women"), Category("m", "Men"))),
    ),
    target=Target("default", "Default", bad=("1",), good=("0",)),
    horizon_months=12,
)
COSTS = SCHEMA.costs
AS_OF = datetime(2026, 3, 31, tzinfo=UTC)
# Of the deciles of a reference.
EDGES = [0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4]
risks = st.lists(st.floats(0.001, 0.999), min_size=2, max_size=60)


# --- before outcomes ---


@given(risks)
def test_the_expected_auc_is_that_of_all_pairs_weighed_by_their_chances(values):
    p = np.array(values)
    cells = np.floor((np.log(p / (1 - p)) + 14) * 100)
    weights = p[:, None] * (1 - p[None, :]) * ~np.eye(len(p), dtype=bool)
    wins = (cells[:, None] > cells[None, :]) + 0.5 * (cells[:, None] == cells[None, :])
    assert expected_auc(count_pds(p)).value == pytest.approx((weights * wins).sum() / weights.sum(), abs=1e-3)


@settings(max_examples=25, deadline=None)
@given(risks, risks)
def test_counts_of_parts_add_up_to_those_of_the_whole(one, other):
    whole, parts = count_pds([*one, *other]), merge_pds([count_pds(one), count_pds(other)])
    assert np.array_equal(whole.rows, parts.rows)
    for name in ("bads", "variance"):
        assert getattr(whole, name) == pytest.approx(getattr(parts, name))


@pytest.mark.parametrize("n_rows", [500, 1_000, 2_000])
def test_on_quiet_windows_the_estimates_are_right_and_the_truth_lies_in_their_bands(n_rows):
    """200 windows of the simulated lender, whose PDs are true: bias at most 0.01 AUC, 95 % bands hold 90 % or more."""
    pool = simulate(40_000, seed=5)["true_prob_default"].to_numpy()
    rng = np.random.default_rng(n_rows)
    errors, is_inside = [], []
    for _ in range(200):
        p = rng.choice(pool, n_rows)
        target = (rng.random(n_rows) < p).astype(np.int64)
        approved, declined = p <= 0.14, p >= 0.3
        cost = np.select([approved, declined], [5.0 * target, 1.0 - target], 0.7).mean()
        counts = count_pds(p)
        area = expected_auc(counts)
        bands = (
            (auc(p, target), area.share_band),
            (target.mean(), expected_bad_rate(counts).share_band),
            (
                cost,
                expected_cost(
                    count_pds(p[approved]), count_pds(p[declined]), n_rows - sum(approved | declined), COSTS
                ).band,
            ),
        )
        errors.append(area.value - auc(p, target))
        is_inside.append([band.low <= truth <= band.high for truth, band in bands])
    assert abs(np.mean(errors)) <= 0.01
    assert (np.mean(is_inside, axis=0) >= 0.90).all()
    # ... and are not so wide that they hold anything.
    assert (np.mean(is_inside, axis=0) <= 0.99).all()


def test_of_nobody_nothing_is_expected():
    assert np.isnan(expected_auc(count_pds([])).value)
    assert np.isnan(expected_bad_rate(count_pds([])).sd)
    assert np.isnan(expected_cost(count_pds([]), count_pds([]), 0, COSTS).value)
    figures = performance.estimate(performance.NOBODY, COSTS)
    assert figures == {
        "n_rows": 0,
        "n_approved": 0,
        "n_by_verdict": {},
        "n_bad": 0,
        "auc": None,
        "bad_rate": None,
        "cost": None,
    }


def test_a_window_counted_in_blocks_is_estimated_as_the_whole():
    frame = window_frame(3_000, seed=1)
    whole = performance.count_scored(frame, SCHEMA, "2")
    parts = performance.merge(performance.count_scored(part, SCHEMA, "2") for part in frame.iter_slices(400))
    assert performance.estimate(parts, COSTS) == performance.estimate(whole, COSTS)
    assert parts.groups == whole.groups
    assert whole.among("approve").n_rows == (frame["verdict"] == "approve").sum()


def test_pds_of_other_versions_are_no_part_of_the_estimate():
    frame = window_frame(400, seed=1)
    older = frame.with_columns(model_version=pl.lit("1"), prob_default=pl.lit(0.9))
    scored = performance.count_scored(pl.concat([frame, older]), SCHEMA, "2")
    assert performance.estimate(scored, COSTS) == performance.estimate(
        performance.count_scored(frame, SCHEMA, "2"), COSTS
    )


def window_frame(n_rows: int, *, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    p = rng.beta(2, 10, n_rows)
    return pl.DataFrame(
        {
            "prob_default": p,
            "verdict": np.select([p <= 0.14, p >= 0.3], ["approve", "decline"], "refer"),
            "model_version": ["2"] * n_rows,
            "age_years": rng.integers(18, 60, n_rows),
            "sex": rng.choice(["f", "m", "SECRET", None], n_rows, p=[0.5, 0.4, 0.05, 0.05]).tolist(),
        }
    )


# --- after outcomes ---


def labelled(n_rows: int, *, seed: int, drift: float = 0.0, noise: float = 0.0, month: str = "2024-06") -> pl.DataFrame:
    """Clients with their outcomes; `drift` adds to the log-odds behind their backs, `noise` blurs what tells them."""
    rng = np.random.default_rng(seed)
    frame = window_frame(n_rows, seed=seed)
    p = frame["prob_default"].to_numpy()
    true = 1 / (1 + (1 - p) / p * np.exp(-drift))
    true = (1 - noise) * true + noise * true.mean()
    first = datetime.fromisoformat(f"{month}-01T00:00:00+00:00")
    decided = [first + timedelta(days=int(day)) for day in np.sort(rng.integers(0, 28, n_rows))]
    return frame.with_columns(
        seq=pl.int_range(1, n_rows + 1),
        decided_at=pl.Series(decided, dtype=pl.Datetime("us", "UTC")),
        is_default=pl.Series(rng.random(n_rows) < true),
        observed_on=pl.Series(
            [
                (day + timedelta(days=int(extra))).date()
                for day, extra in zip(decided, rng.integers(20, 365, n_rows), strict=True)
            ]
        ),
    )


def decided_from(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.group_by(pl.col("decided_at").dt.date().alias("day"), "verdict").agg(n_decisions=pl.len())


def summary(
    frame: pl.DataFrame, *, decided: pl.DataFrame | None = None, schema: Schema = SCHEMA
) -> results.PerformanceFigures:
    found = performance.summarise(
        performance.count_scored(window_frame(1_000, seed=9), SCHEMA, "2"),
        Clients.of(frame),
        decided_from(frame) if decided is None else decided,
        schema,
        AS_OF,
        edges=EDGES,
    )
    # Strict JSON, without NaN, as the archive asks for.
    json.dumps(found, allow_nan=False)
    return found


def test_outcomes_that_come_true_raise_no_alarm():
    n_alarms = sum(bool(summary(labelled(1_000, seed=seed))["alarms"]) for seed in range(40))
    assert n_alarms <= 2  # 1 in 100 is meant


def test_clients_turn_out_decile_by_decile_as_they_do_altogether():
    frame = labelled(1_000, seed=1)
    realised = summary(frame)["realised"]
    deciles = realised["deciles"]
    assert len(deciles) == len(EDGES) + 1
    assert sum(one["n_rows"] for one in deciles) == realised["n_rows"]
    assert sum(one["n_bad"] for one in deciles) == realised["n_bad"]
    shown = [one["prob_default"] for one in deciles if one["prob_default"] is not None]
    assert shown == sorted(shown)
    assert [one["prob_default"] is None for one in deciles] == [one["n_rows"] < 30 for one in deciles]


def test_more_bads_than_predicted_are_an_alarm_in_words():
    found = summary(labelled(2_000, seed=1, drift=0.5))
    assert (found["status"], found["level"]) == ("not as predicted", 2)
    assert "more turned out bad than was predicted" in found["alarms"][0]
    assert "PDs are too low by now (concept drift)" in found["alarms"][0]
    ratio = found["realised"]["observed_to_expected"]
    assert 1 < ratio["low"] < ratio["value"] < ratio["high"]


def test_ranking_worse_than_the_pds_say_is_an_alarm_though_the_bad_rate_is_right():
    found = summary(labelled(4_000, seed=2, noise=0.8))
    assert len(found["alarms"]) == 1
    assert "ranked worse than their PDs led to expect" in found["alarms"][0]
    assert found["realised"]["auc"]["high"] < found["realised"]["auc_estimated"]["low"]
    assert found["realised"]["calibration_slope"]["high"] < 1


def test_realised_figures_are_those_of_the_rows():
    frame = labelled(3_000, seed=3)
    found = summary(frame)["realised"]
    p, target = frame["prob_default"].to_numpy(), frame["is_default"].to_numpy()
    is_above = p >= COSTS.cutoff_prob_default
    assert found["auc"]["value"] == pytest.approx(auc(p, target.astype(np.int64)), abs=1e-6)
    assert found["precision"] == pytest.approx(target[is_above].mean(), abs=1e-6)
    assert found["recall"] == pytest.approx(is_above[target].mean(), abs=1e-6)
    approved = frame.filter(pl.col("verdict") == "approve")
    assert found["bad_rate"]["value"] == pytest.approx(approved["is_default"].mean(), abs=1e-6)
    costs = np.select([p <= 0.14, p >= 0.3], [5.0 * target, 1.0 * ~target], 0.7)
    assert found["cost"]["value"] == pytest.approx(costs.mean(), abs=1e-6)


def test_where_only_the_approved_have_outcomes_nothing_is_said_at_the_cutoff():
    frame = labelled(4_000, seed=4).filter(pl.col("verdict") == "approve")
    found = summary(frame)
    assert found["alarms"] == []
    assert found["realised"]["auc"] is not None
    assert {found["realised"][name] for name in ("precision", "recall", "f1")} == {None}


def test_few_of_a_kind_get_a_sentence_and_no_figure():
    few = summary(labelled(29, seed=5))
    assert (few["status"], few["realised"], few["vintages"]) == ("too few outcomes", None, [])
    assert "29 outcomes are known, but too few" in few["findings"][1]
    no_bads = labelled(400, seed=5).with_columns(is_default=pl.lit(value=False))
    found = summary(no_bads)
    assert found["realised"]["auc"] is None
    assert "0 turned out bad" in found["findings"][1]
    assert found["realised"]["bad_rate"]["value"] == 0.0


@pytest.mark.parametrize("value", [0.0, 1.0, 0.2, 1e-300])
@pytest.mark.parametrize("verdict", ["approve", "decline", "refer", None])
@pytest.mark.parametrize("outcomes", [[False], [True], [False, True]])
def test_odd_pds_verdicts_and_outcomes_give_figures_or_none_and_never_a_nan(value, verdict, outcomes):
    frame = labelled(200, seed=1).with_columns(
        prob_default=pl.lit(value),
        verdict=pl.lit(verdict, dtype=pl.String),
        is_default=pl.Series([outcomes[n % len(outcomes)] for n in range(200)]),
        observed_on=pl.lit(date(1999, 1, 1)),
    )
    summary(frame)
    scored = performance.count_scored(frame, SCHEMA, "2")
    json.dumps(performance.summarise(scored, None, None, SCHEMA, AS_OF, edges=EDGES), allow_nan=False)


# --- vintages ---


def test_a_vintage_is_judged_when_its_outcomes_had_their_time_or_are_nearly_all_known():
    old = labelled(1_000, seed=6, month="2024-06")
    young = labelled(1_000, seed=7, month="2025-12")
    early = pl.concat([old, young.filter("is_default")])
    found = summary(early, decided=decided_from(pl.concat([old, young])))
    assert [(one["month"], one["is_mature"]) for one in found["vintages"]] == [("2024-06", True), ("2025-12", False)]
    # The bads of a young vintage are known first: a bad rate of 100 % is neither shown nor an alarm.
    assert {found["vintages"][1][name] for name in ("bad_rate", "observed_to_expected", "auc")} == {None}
    assert 0 < found["vintages"][1]["known_share"] < 0.5
    assert (found["status"], found["realised"]["last_month"]) == ("as predicted", "2024-06")
    whole = summary(pl.concat([old, young]))
    assert whole["vintages"][1]["is_mature"]
    assert (whole["realised"]["first_month"], whole["realised"]["last_month"]) == ("2024-06", "2025-12")
    # The newest are judged alone if they hold enough.
    many = summary(pl.concat([old, labelled(3_000, seed=7, month="2025-12")]))
    assert many["realised"]["first_month"] == "2025-12"


def test_without_a_horizon_only_the_share_that_is_known_counts():
    old = labelled(1_000, seed=6)
    half = summary(old.head(500), decided=decided_from(old), schema=replace(SCHEMA, horizon_months=None))
    assert not half["vintages"][0]["is_mature"]
    assert half["realised"] is None


def test_the_curve_counts_bads_by_months_on_book_as_far_as_all_loans_have_got():
    n = 100
    frame = labelled(n, seed=8, month="2025-10").with_columns(
        verdict=pl.lit("approve"),
        decided_at=pl.lit(datetime(2025, 10, 15, tzinfo=UTC)).dt.cast_time_unit("us"),
        is_default=pl.int_range(n) < 5,
        observed_on=pl.when(pl.int_range(n) < 2).then(date(2025, 11, 10)).otherwise(date(2026, 1, 20)),
    )
    [vintage] = summary(frame)["vintages"]
    # Two within the first month, three in the fourth; a loan of 31 October is four months old at the end of February.
    assert vintage["curve"] == [0.02, 0.02, 0.02, 0.05]


# --- groups ---


def test_groups_are_shown_from_thirty_on_and_a_value_nobody_knows_is_not_named():
    found = summary(labelled(2_000, seed=10))
    groups = {(one["field"], one["group"]): one for one in found["groups"]}
    assert list(groups) == [
        ("age_years", "10 to 19 years"), ("age_years", "20 to 29 years"), ("age_years", "30 to 39 years"),
        ("age_years", "40 to 49 years"), ("age_years", "50 to 59 years"), ("sex", "Women"), ("sex", "Men"),
        ("sex", "another value"),
    ]  # fmt: skip
    assert "SECRET" not in json.dumps(found)
    window = window_frame(1_000, seed=9).filter(pl.col("sex") == "f")
    women = groups["sex", "Women"]
    assert women["approval_rate"]["value"] == pytest.approx((window["verdict"] == "approve").mean(), abs=1e-6)
    small = performance.count_scored(window_frame(100, seed=9), SCHEMA, "2")
    sizes = {key: pair[0] for key, pair in small.groups.items()}
    shown = performance.summarise(small, None, None, SCHEMA, AS_OF, edges=EDGES)["groups"]
    assert {one["group"]: one["approval_rate"] is not None for one in shown if one["field"] == "sex"} == {
        "Women": sizes["sex", "f"] >= 30, "Men": sizes["sex", "m"] >= 30, "another value": False,
    }  # fmt: skip


# --- the log ---


EXAMPLE = Decision(
    "api", "", "small", "2", "", 0.1, 600.0, "approve", "green", 0.9, [], [], {"amount_eur": 1.0, "sex": "f"}
)


@pytest.fixture
def log(tmp_path):
    return DecisionLog(f"sqlite:///{tmp_path / 'decisions.db'}")


def decide(log: DecisionLog, numbers: range, **other: object) -> None:
    log.append([replace(EXAMPLE, application_id=f"A-{n}", **other) for n in numbers])


def tell(log: DecisionLog, numbers: range, *, is_default: bool = False, model: str = "small") -> None:
    log.record_outcomes([Outcome(f"A-{n}", is_default, date(2026, 3, 1), model) for n in numbers])


def known(log: DecisionLog, **options: object) -> pl.DataFrame:
    blocks = list(log.labelled("small", **{"once": True} | options))
    return pl.concat(blocks) if blocks else pl.DataFrame()


def test_outcomes_stand_beside_the_last_decision_and_the_last_outcome_counts(log):
    decide(log, range(5))
    decide(log, range(1), prob_default=0.3)
    tell(log, range(4))
    tell(log, range(1, 2), is_default=True)
    found = known(log, fields=["sex", "amount_eur", "unknown"])
    assert found.columns == [
        "seq", "decided_at", "model_version", "prob_default", "verdict", "sex", "amount_eur", "is_default",
        "observed_on",
    ]  # fmt: skip
    assert found["seq"].to_list() == [2, 3, 4, 6]
    assert found["prob_default"].to_list() == [0.1, 0.1, 0.1, 0.3]
    assert found["is_default"].to_list() == [True, False, False, False]
    assert log.verdicts_by_day("small", once=True)["n_decisions"].to_list() == [5]
    assert log.verdicts_by_day("small")["n_decisions"].to_list() == [6]


def test_a_correction_after_another_scoring_still_counts_once(log):
    decide(log, range(1))
    tell(log, range(1))
    decide(log, range(1), prob_default=0.3)
    tell(log, range(1), is_default=True)
    assert known(log).select("seq", "is_default").rows() == [(3, True)]
    assert known(log, once=False).select("seq", "is_default").rows() == [(1, False), (3, True)]


def test_outcomes_of_other_models_of_nobody_and_of_the_erased_are_left_out(log):
    decide(log, range(4))
    decide(log, range(1), model="other")
    tell(log, range(3), model="")  # of 0 the other model decided last
    tell(log, range(90, 91))
    erase(log, "A-1", why="asked to be forgotten", by="test")
    assert known(log)["seq"].to_list() == [3]
    assert log.verdicts_by_day("small", once=True)["n_decisions"].to_list() == [3]
    assert known(log, since=datetime.now(UTC) + timedelta(days=1)).is_empty()


def test_several_blocks_of_outcomes_are_read_whole_and_the_log_gives_the_figures(log):
    frame = labelled(4_500, seed=11)
    rows = list(frame.select("prob_default", "verdict", "sex").iter_rows(named=True))
    decisions = [
        replace(EXAMPLE, application_id=f"A-{n}", inputs={"amount_eur": 1.0, "sex": row.pop("sex")}, **row)
        for n, row in enumerate(rows)
    ]
    log.append(decisions)
    today = datetime.now(UTC).date()
    log.record_outcomes([Outcome(f"A-{n}", is_bad, today, "small") for n, is_bad in enumerate(frame["is_default"])])
    assert [block.height for block in log.labelled("small", once=True)] == [2_000, 2_000, 500]
    judged = Counted({"n_rows": 4_500, "fields": {}, "prob_default": {}}, first_seq=1, last_seq=4_500)  # type: ignore[typeddict-item]  # all that is looked at
    reference = Reference("small", "2", {"prob_default": {"edges": EDGES}}, has_ids=True)  # type: ignore[typeddict-item]  # all that is looked at
    found = performance.of_log(log, judged, reference, SCHEMA, datetime.now(UTC))
    assert found["estimated"]["n_rows"] == found["realised"]["n_rows"] == 4_500
    assert found["estimated"]["auc"] == found["realised"]["auc_estimated"]
    assert found["alarms"] == []
    assert {one["group"] for one in found["groups"]} == {"Women", "Men", "another value"}


def test_a_log_without_outcomes_or_decisions_is_a_sentence(log):
    nobody = Counted({}, None)  # type: ignore[typeddict-item]  # all that is looked at
    reference = Reference("small", "2", {"prob_default": {"edges": EDGES}}, has_ids=True)  # type: ignore[typeddict-item]  # all that is looked at
    found = performance.of_log(log, nobody, reference, SCHEMA, AS_OF)
    assert (found["status"], found["level"], found["alarms"]) == ("no outcomes", -1, [])
    assert found["findings"][0].startswith("Too few applications to estimate")
    decide(log, range(40))
    found = performance.of_log(log, replace(nobody, first_seq=1, last_seq=40), reference, SCHEMA, AS_OF)
    assert found["estimated"]["bad_rate"]["value"] == pytest.approx(0.1)
    assert found["findings"][-1] == "No outcome is known yet: report them as they become known."


def test_an_outcome_that_somebody_changed_is_a_sentence_and_estimates_stay(log, tmp_path):
    decide(log, range(40))
    tell(log, range(40))
    log.close()
    with closing(sqlite3.connect(tmp_path / "decisions.db", isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER contents_no_update")
        connection.execute("UPDATE contents SET payload = '{}' WHERE seq = 50")
    judged = Counted({}, first_seq=1, last_seq=40)  # type: ignore[typeddict-item]  # all that is looked at
    reference = Reference("small", "2", {"prob_default": {"edges": EDGES}}, has_ids=True)  # type: ignore[typeddict-item]  # all that is looked at
    found = performance.of_log(log, judged, reference, SCHEMA, datetime.now(UTC))
    assert (found["status"], found["level"], found["realised"]) == ("unreadable", -1, None)
    assert found["findings"][-1].startswith("Outcomes cannot be judged: entry 50 cannot be read")
    assert "riskometer verify-log" in found["findings"][-1]
    assert found["estimated"]["bad_rate"] is not None


# --- page and metrics ---


@pytest.fixture(scope="module")
def measured() -> results.PerformanceFigures:
    """Two years of vintages: old ones whose outcomes are all known, young ones whose bads are known first."""
    months = [f"{year}-{month:02d}" for year in (2024, 2025) for month in range(3, 13)]
    parts = [
        labelled(400, seed=number, drift=0.6, month=month).with_columns(seq=pl.int_range(1, 401) + 400 * number)
        for number, month in enumerate(months)
    ]
    everybody = pl.concat(parts)
    is_old = pl.col("decided_at").dt.date() < date(2025, 3, 31)
    known = everybody.filter((pl.col("observed_on") <= AS_OF.date()) & (is_old | pl.col("is_default")))
    return summary(known, decided=decided_from(everybody))


def page(measured: results.PerformanceFigures | None) -> str:
    frame = test_drift.sample(1_000, seed=3)
    found, cut = test_drift.compare(frame), test_drift.window_of(frame)
    result = report.make_result(found, cut, **test_drift.MADE, performance=measured)
    results.check(json.loads(json.dumps(result | {"last_seq": 1}, allow_nan=False)))
    return report.render(result, found, cut, test_drift.SCHEMA).decode()


def test_the_page_says_what_estimates_cannot_see_and_whom_outcomes_are_about(measured):
    html = page(measured)
    assert "<h1>Outcomes are not what was predicted</h1>" in html
    assert measured["alarms"][0] in html
    assert "an estimate cannot see concept drift" in html
    assert "Outcomes exist only for those who were given a loan" in html
    assert html.count("too early to say") == sum(not vintage["is_mature"] for vintage in measured["vintages"]) > 0
    assert html.count("<path d=") == 12
    # The only script is the one that sizes Evidently's frame.
    assert html.count("<script>") == page(None).count("<script>")
    assert "How good the model is" not in page(None)


def test_a_page_without_outcomes_or_applications_is_whole():
    html = page(performance.summarise(performance.NOBODY, None, None, SCHEMA, AS_OF, edges=EDGES))
    assert "No outcome is known yet" in html
    assert "<svg" not in html.split("Charts by Evidently")[0]


def test_figures_become_metrics_with_their_intervals_and_what_is_not_there_is_absent(measured):
    model = {"model": "small", "model_version": "2"}
    found = {
        (sample.name, *sorted(sample.labels.items() - model.items())): sample.value
        for metric in metrics_of_performance(measured, model)
        for sample in metric.samples
    }
    assert not any(np.isnan(value) for value in found.values())
    population = ("population", "with_outcome")
    realised = measured["realised"]
    for name in ("value", "low", "high"):
        ending = "" if name == "value" else f"_{name}"
        assert found[f"creditrisk_auc_realised{ending}", population] == realised["auc"][name]
        assert found[f"creditrisk_auc_estimated{ending}", population] == realised["auc_estimated"][name]
        assert found[f"creditrisk_observed_over_expected{ending}",] == realised["observed_to_expected"][name]
    assert found["creditrisk_performance_status",] == 2
    oldest = measured["vintages"][0]
    assert (
        found["creditrisk_vintage_bad_share", ("months_on_book", "12"), ("vintage", "2024-03")] == oldest["curve"][11]
    )
    assert ("creditrisk_vintage_bad_rate", ("vintage", "2025-12")) not in found
    nobody = performance.summarise(performance.NOBODY, None, None, SCHEMA, AS_OF, edges=EDGES)
    [status] = metrics_of_performance(nobody, model)
    assert [sample.value for sample in status.samples] == [-1]
