"""The validation pack: every figure computed, honest where it cannot be told, one page that loads nothing."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from creditrisk.comparison import compare
from creditrisk.learners import FAMILIES, family, is_blend
from creditrisk.metrics import Estimate, audit, evaluate, log_loss, profile
from creditrisk.metrics.fairness import difference
from creditrisk.schema import Category, Field
from creditrisk.scoring import fit_rule
from creditrisk.training import HeldOut, Training
from creditrisk.training.results import Candidate, Recipe, Result
from creditrisk.validation import DataFacts, pack_json, validate, validation_page
from creditrisk.validation.case import inputs_of
from creditrisk.validation.checks import checks_for, headline_of, saved_log_loss
from creditrisk.validation.pack import SECTIONS, THEMES
from creditrisk.validation.search_ranges import SearchRange, search_ranges
from monitoring import drift
from monitoring.windows import profile_of

ROOT = Path(__file__).resolve().parents[2]
N_ROWS = 3_000
REGION = Field(
    "region", "category", "Region", role="protected", categories=(Category("n", "North"), Category("s", "South"))
)
BIRTH = Field("birthplace", "category", "Birthplace", role="protected", categories=(Category("x", "Here"),))
DAY = Field("applied_on", "date", "Applied on", role="time")


def make_training(scorer, *, dated: bool, truthful: bool = True) -> Training:
    """A training whose judged rows go bad as the scorer says, or half as often; two regions differ by their incomes."""
    rng = np.random.default_rng(5)
    south = rng.random(N_ROWS) < 0.4
    frame = pl.DataFrame(
        {
            "row_number": np.arange(1, N_ROWS + 1),
            "client": [str(number) for number in range(N_ROWS)],
            "age_years": rng.integers(18, 80, N_ROWS),
            "amount_eur": rng.integers(1, 20, N_ROWS) * 1000.0,
            "income_eur": np.where(south, rng.integers(10, 30, N_ROWS), rng.integers(20, 60, N_ROWS)) * 1000.0,
            "housing": rng.choice(["own", "rent"], N_ROWS),
            "region": np.where(south, "s", "n"),
            "applied_on": [date(2023, 1, 1) + timedelta(days=int(day)) for day in np.arange(N_ROWS) * 365 // N_ROWS],
        }
    )
    extra = (REGION, BIRTH, DAY) if dated else (REGION, BIRTH)
    scorer = replace(scorer, schema=replace(scorer.schema, fields=scorer.schema.fields + extra))
    prob_default = scorer.prob_default(frame)
    target = (rng.random(N_ROWS) < prob_default * (1.0 if truthful else 0.5)).astype(np.int64)
    known = (rng.random(N_ROWS) < prob_default).astype(np.int64)  # of other applicants like these
    reference = np.array(scorer.rule.reference, dtype=np.float64)
    scorer = replace(
        scorer,
        profile=profile.build_profile(frame[::2], scorer.schema, prob_default[::2]),
        rule=fit_rule(prob_default, known, reference, scorer.rule.costs, scorer.rule.scale),
    )
    performance = evaluate(prob_default, target, scorer.schema.costs)
    recipe = Recipe("logistic_regression", {"logistic_regression": {"inverse_penalty": 0.1}})
    n_repeats = 1 if dated else 3
    noise = rng.normal(0, 0.02, (n_repeats, N_ROWS)) * (n_repeats > 1)
    log_odds = np.log(prob_default / (1 - prob_default)) + noise
    folds = np.zeros((1, N_ROWS), dtype=np.int64) if dated else np.tile(np.arange(N_ROWS) % 10, (3, 1))
    return Training(
        scorer=scorer,
        recipe=recipe,
        candidates=[Candidate("logistic_regression", recipe, 0.1, 1.0, performance, performance)],
        results=[tried(number, inverse_penalty) for number, inverse_penalty in enumerate((0.1, 0.5))],
        failures={"xgboost": "the library is not installed."},
        performance=performance,
        protocol="judged for a test",
        auc_sd=None if dated else 0.02,
        test=HeldOut(frame, target, expit(log_odds), folds),
        champion_prob_default=None,
        reference=frame[::2],
        n_train=2_000,
    )


def tried(number, inverse_penalty) -> Result:
    return Result("logistic_regression", number, {"inverse_penalty": inverse_penalty}, 0.1, 0.5)


@pytest.fixture(scope="module")
def by_time(corner_scorer):
    return make_training(corner_scorer, dated=True)


@pytest.fixture(scope="module")
def by_folds(corner_scorer):
    return make_training(corner_scorer, dated=False)


FACTS = DataFacts(
    source="loans.csv",
    sha256="ab" * 32,
    n_read=3_010,
    n_accepted=3_000,
    n_bad=600,
    seed=7,
    written_at="2026-01-02T03:04+00:00",
    rejected={"Age: not a number": 3, "Income <missing>": 7},
)


def written(training, data=None, **given):
    """The pack as it is read again from its JSON."""
    return json.loads(pack_json(validate(training, data=data or DataFacts(), **given)))


@pytest.fixture(scope="module")
def pack(by_time):
    return written(by_time, FACTS)


def test_the_pack_is_strict_json_and_the_same_each_time(by_time, pack):
    assert json.loads(json.dumps(pack, allow_nan=False)) == pack
    assert written(by_time, FACTS) == pack


def test_a_truthful_model_passes_every_check_of_its_figures(pack):
    status = {check["label"]: check["status"] for check in pack["checks"] if check["section"] != "fairness"}
    assert set(status.values()) == {"holds"}, status


def test_pds_twice_too_high_call_for_a_look(corner_scorer):
    found = written(make_training(corner_scorer, dated=True, truthful=False))
    ratio = found["calibration"]["observed_to_expected"]
    assert ratio["low"] < 0.5 < ratio["high"]
    assert "Calibration error within chance" in [
        check["label"] for check in found["checks"] if check["status"] == "look"
    ]


def test_figures_are_those_of_the_training_and_lie_in_their_intervals(by_time, pack):
    performance = pack["performance"]
    for name in ("auc", "ks_good_bad", "brier", "log_loss", "cost", "accuracy", "precision", "recall", "specificity"):
        found = performance[name]
        assert found["value"] == pytest.approx(getattr(by_time.performance, name), abs=1e-9), name
        assert found["low"] < found["value"] < found["high"], name


def test_rows_are_shared_out_by_time_by_segment_and_by_verdict(pack):
    performance = pack["performance"]
    assert [row["label"] for row in performance["by_time"]] == [f"2023-{month:02d}" for month in range(1, 13)]
    for groups in [performance["by_time"], *(segment["groups"] for segment in performance["by_segment"])]:
        assert sum(row["n_rows"] for row in groups) == N_ROWS
    assert performance["by_segment"][0]["label"] == "Loan amount"
    assert sum(share["value"] for share in pack["purpose"]["verdicts"].values()) == pytest.approx(1.0)


def test_what_was_set_aside_is_counted_by_reason(pack):
    assert pack["data"]["rejected"] == {"Income <missing>": 7, "Age: not a number": 3}
    assert pack["data"]["rejected_share"] == pytest.approx(10 / 3_010)


def test_a_table_without_dates_says_what_it_cannot_tell(by_folds):
    found = written(by_folds)
    assert found["performance"]["by_time"] == []
    assert found["stability"]["shifts"] == []
    assert found["stability"]["refits"]["n"] == 3
    assert found["stability"]["folds"]["n"] == 30
    assert any("no dates" in limit for limit in found["limits"])
    status = {check["label"]: check["status"] for check in found["checks"]}
    assert status["Applicants are like those it learnt from"] == "unknown"


def status_of(pack, code) -> str:
    [status] = [check["status"] for check in pack["checks"] if check["code"] == code]
    return status


def test_every_check_has_a_code_of_its_own_and_says_how_it_was_established(by_time, by_folds):
    for pack in (written(by_time), written(by_folds)):
        codes = [check["code"] for check in pack["checks"]]
        assert len(set(codes)) == len(codes)
        assert all(re.fullmatch(r"[a-z_]+(-[a-z_]+)*", code) for code in codes)
        assert all(
            check["how"].endswith(".") and check["limits"] and check["section"] in SECTIONS for check in pack["checks"]
        )


def with_setting(training, inverse_penalty, n_tried=2) -> Training:
    recipe = Recipe("logistic_regression", {"logistic_regression": {"inverse_penalty": inverse_penalty}})
    return replace(training, recipe=recipe, results=[tried(number, 0.1) for number in range(n_tried)])


@pytest.mark.parametrize(
    ("inverse_penalty", "n_tried", "status"),
    [
        (0.1, 2, "holds"),  # in the middle of 0.005 to 2, on the logarithm
        (2.0, 2, "look"),
        (1.9, 2, "look"),  # log(2 / 1.9) is less than a hundredth of log(2 / 0.005)
        (1.8, 2, "holds"),
        (0.0051, 2, "look"),
        (2.0, 1, "unknown"),  # nothing was searched
        (2.0, 0, "unknown"),
    ],
)
def test_a_setting_at_an_end_of_its_range_calls_for_a_look(by_time, inverse_penalty, n_tried, status):
    found = written(with_setting(by_time, inverse_penalty, n_tried))
    assert status_of(found, "settings-inside-ranges") == status


def test_the_setting_at_an_end_is_named_with_its_range(by_time):
    html = validation_page(validate(with_setting(by_time, 2.0)))
    assert "logistic regression, inverse_penalty 2 at the upper end of 0.005 to 2" in html


def test_the_ranges_are_those_the_family_draws_from():
    small, large = search_ranges("lightgbm", 1_000), search_ranges("lightgbm", 50_000)
    assert small["num_leaves"] == SearchRange(3, 10, is_log=False)
    assert large["num_leaves"] == SearchRange(3, 31, is_log=False)
    assert small["learning_rate"] == SearchRange(0.01, 0.06, is_log=True)
    assert "width" not in search_ranges("dnn", 1_000)  # one of three, without an end
    for name in FAMILIES:
        if not is_blend(name):
            assert set(search_ranges(name, 1_000)) <= set(family(name).defaults(1_000))


def judged_by(training, prob_default) -> Training:
    test = training.test
    return replace(training, test=replace(test, prob_default=np.broadcast_to(prob_default, test.prob_default.shape)))


def test_a_model_that_saves_log_loss_beyond_chance_is_better_than_a_constant(by_time, by_folds):
    for training in (by_time, by_folds):
        assert status_of(written(training), "better-than-constant") == "holds"


def test_a_model_of_noise_is_not_better_than_a_constant(by_time, by_folds):
    noise = np.random.default_rng(3).uniform(0.05, 0.6, N_ROWS)
    for training in (by_time, by_folds):
        assert status_of(written(judged_by(training, noise)), "better-than-constant") == "look"


def test_a_handful_of_bads_cannot_tell_a_model_from_a_constant(by_time):
    few = np.concatenate([np.flatnonzero(by_time.test.target == 0)[:300], np.flatnonzero(by_time.test.target)[:9]])
    test = by_time.test
    some = HeldOut(test.frame[few], test.target[few], test.prob_default[:, few], test.folds[:, few])
    assert status_of(written(replace(by_time, test=some)), "better-than-constant") == "unknown"


def test_what_is_saved_is_the_log_loss_of_the_bad_rate_known_before_less_that_of_the_pds(by_time, by_folds):
    rule, test = by_time.scorer.rule, by_time.test
    known = np.full(N_ROWS, rule.n_bad / (rule.n_bad + rule.n_good))
    expected = log_loss(known, test.target) - log_loss(test.prob_default[0], test.target)
    assert saved_log_loss(inputs_of(by_time)).value == pytest.approx(expected)
    # By folds it is the rate of the other nine folds.
    target, folds = by_folds.test.target, by_folds.test.folds[0]
    others = np.array([target[folds != fold].mean() for fold in folds])
    expected = log_loss(others, target) - np.mean([log_loss(own, target) for own in by_folds.test.prob_default])
    assert saved_log_loss(inputs_of(by_folds)).value == pytest.approx(expected)


def test_the_pack_and_the_drift_report_say_the_same_of_the_same_rows(by_time):
    test, scorer = by_time.test, by_time.scorer
    older = test.frame.with_columns(pl.col("age_years") + 12)
    pack = written(replace(by_time, test=replace(test, frame=older)))
    window = older.with_columns(prob_default=pl.Series(test.prob_default[0]), model_version=pl.lit("1"))
    report = drift.compare(scorer.profile, scorer.schema, profile_of(scorer.profile, window, "1"))
    reported = {field.label: (field.psi, field.psi_bound, field.status) for field in (*report.fields, report.score)}
    shifts = {item["label"]: (item["psi"], item["bound"], item["status"]) for item in pack["stability"]["shifts"]}
    assert shifts == reported
    assert {status for *_, status in shifts.values()} >= {"stable", "act"}


def test_the_table_of_checks_in_the_docs_is_the_one_that_is_asked(by_time):
    docs = (ROOT / "docs" / "validation-pack.md").read_text(encoding="utf-8")
    stated = re.findall(r"^\| `([a-z-]+(?:<field>)?)` \| (\w+) \| (.+?) \| (.+?) \|$", docs, re.MULTILINE)
    schema = replace(by_time.scorer.schema, fields=(*by_time.scorer.schema.features, REGION))
    asked = [
        (check.code.replace("region", "<field>"), check.section, check.label.replace("Region", "*field*"), check.how)
        for check in checks_for(schema)
    ]
    assert stated == asked


def test_the_headline_counts_every_check_that_is_shown(by_folds):
    def check(status):
        return {"status": status}

    assert headline_of([check("holds")] * 13) == "All 13 checks hold"
    assert (
        headline_of([check("holds")] * 11 + [check("look"), check("unknown")])
        == "11 of 13 checks hold; 1 calls for a look; 1 cannot be told"
    )
    assert headline_of([check("holds")] * 10 + [check("look")] * 2) == "10 of 12 checks hold; 2 call for a look"
    found = written(by_folds)
    assert f"of {len(found['checks'])} checks hold" in found["headline"]
    html = validation_page(found)
    assert html.count("<b>Cannot be told:</b>") == sum(check["status"] == "unknown" for check in found["checks"]) > 0


def test_a_shift_of_the_applicants_is_named(by_time):
    judged = by_time.test
    older = judged.frame.with_columns(pl.col("age_years") + 30)
    moved = replace(by_time, test=replace(judged, frame=older))
    found = written(moved)["stability"]["shifts"]
    assert [shift["label"] for shift in found if shift["status"] == "act"] == ["Age"]


def test_pds_rise_where_the_model_says_they_do(pack):
    ends = {row["label"]: [end["prob_default"] for end in row["ends"]] for row in pack["sensitivity"]["fields"]}
    assert ends["Loan amount"][0] < ends["Loan amount"][1]  # from the low to the high tenth
    assert ends["Income"][0] > ends["Income"][1]
    assert ends["Housing"][0] < ends["Housing"][1]  # from the safest to the riskiest category


def test_a_value_left_out_is_tried_only_where_it_may_be_left_out(pack):
    rows = {row["label"]: row for row in pack["sensitivity"]["fields"]}
    assert [label for label, row in rows.items() if row["missing"] is not None] == ["Income"]  # the others are required
    low, high = (end["prob_default"] for end in rows["Income"]["ends"])
    assert high < rows["Income"]["missing"] < low  # it is read as a usual income


def test_a_step_of_a_tenth_is_tried_up_and_down(by_time, pack):
    scorer = by_time.scorer
    rows = {row["label"]: row for row in pack["sensitivity"]["fields"]}
    sample = by_time.test.frame.sample(250, seed=11)
    before = scorer.prob_default(sample)
    ways = [scorer.prob_default(sample.with_columns(pl.col("amount_eur") * factor)) for factor in (0.9, 1.1)]
    assert rows["Loan amount"]["step_mean"] == pytest.approx(np.mean([np.abs(way - before) for way in ways]))
    assert rows["Loan amount"]["step_largest"] == pytest.approx(np.max([np.abs(way - before) for way in ways]))
    # An age of 25 becomes 28 or 22: whole years, one step at least.
    years = pl.col("age_years") * 1.0
    ages = [(years * 1.1).ceil().cast(pl.Int64), (years * 0.9).floor().cast(pl.Int64)]
    ways = [scorer.prob_default(sample.with_columns(age)) for age in ages]
    assert rows["Age"]["step_mean"] == pytest.approx(np.mean([np.abs(way - before) for way in ways]))


def test_reasons_of_a_smooth_model_stay_when_numbers_move_by_a_hair(pack):
    stability = pack["reasons"]["reason_stability"]
    assert 0.9 < stability["reasons_kept"] <= 1.0
    assert 0.9 < stability["same_verdict"] <= 1.0


def test_values_that_the_schema_does_not_expect_are_counted(by_time, pack):
    assert pack["data"]["odd_share"] == 0.0
    judged = by_time.test
    number = pl.col("row_number")
    odd = judged.frame.with_columns(
        pl.when(number <= 300).then(500).otherwise("age_years").alias("age_years"),
        pl.when(number.is_between(201, 600)).then(pl.lit("boat")).otherwise("housing").alias("housing"),
    )
    found = written(replace(by_time, test=replace(judged, frame=odd)))
    assert found["data"]["odd_share"] == 600 / N_ROWS  # the first 300 by age, up to the 600th by housing
    assert any("(20.0 % of those judged)" in limit for limit in found["limits"])


def test_what_nothing_was_learnt_from_is_named_with_the_reason(by_time):
    scorer = by_time.scorer
    left_out = (
        Field("decided_on", "date", "Decided on", role="excluded", description="When the file was closed."),
        Field("letter", "text", "Letter", role="excluded"),
        Field("paid_back", "number", "Paid back", role="excluded", aliases=("total_pymnt",)),
    )
    schema = replace(scorer.schema, fields=scorer.schema.fields + left_out)
    columns = ["Age years", "AMOUNT-EUR", "default", "recoveries", "shoe size", "letter"]
    told = replace(by_time, scorer=replace(scorer, schema=schema))
    found = written(told, DataFacts(columns=tuple(columns)))["data"]
    assert {field["label"]: field["why_excluded"] for field in found["fields"] if field["role"] == "excluded"} == {
        "Decided on": "When the file was closed",
        "Letter": "free text",
        "Paid back": "known only after the decision",
    }
    assert found["not_in_schema"] == {"known_later": ["recoveries"], "others": ["shoe size"]}


def test_a_bar_holds_only_for_a_figure_within_it_and_is_broken_only_beyond_chance(by_time):
    seen = set()
    for n_rows, stretch in [(N_ROWS, 1.0), (N_ROWS, 0.5), (60, 0.7), (60, 2.0), (150, 1.3)]:
        judged = by_time.test
        log_odds = np.log(judged.prob_default / (1 - judged.prob_default))[:, :n_rows] * stretch
        some = HeldOut(judged.frame[:n_rows], judged.target[:n_rows], expit(log_odds), judged.folds[:, :n_rows])
        found = written(replace(by_time, test=some))
        status = next(check["status"] for check in found["checks"] if check["label"].startswith("Neither over- nor"))
        slope = found["calibration"]["slope"]
        is_within, may_be_within = 0.8 <= slope["value"] <= 1.25, slope["high"] >= 0.8 and slope["low"] <= 1.25
        assert status == ("holds" if is_within else "unknown" if may_be_within else "look")
        seen.add(status)
    assert seen == {"holds", "unknown", "look"}


def test_the_plan_says_where_chance_ends_in_the_next_thousand_applications(pack):
    plan = {row["what"]: row for row in pack["monitoring"]}
    share = pack["purpose"]["verdicts"]["approve"]["value"]
    # The share of 1,000 new applicants less that of the 3,000 judged.
    reach = 1.96 * (share * (1 - share) * (1 / 1_000 + 1 / N_ROWS)) ** 0.5
    assert plan["Offers"]["look"] == f"outside {100 * (share - reach):.1f} % to {100 * (share + reach):.1f} %"
    assert plan["AUC"]["known"] == "after 12 months"
    assert float(plan["AUC"]["look"].removeprefix("below ")) < pack["performance"]["auc"]["low"]
    assert (
        plan["Region: offers over the basis, lowest"]["today"]
        == f"{pack['fairness'][0]['groups'][1]['impact_ratio']['value']:.2f}"
    )


def test_the_pack_claims_no_record_of_what_people_decide(pack):
    assert any("not what a person decided instead" in limit for limit in pack["limits"])
    assert "what the person then decided is not" in validation_page(pack)


def test_the_scale_of_the_pds_is_among_the_limits(by_time, pack):
    scorer = by_time.scorer
    n_known, share = scorer.rule.n_bad + scorer.rule.n_good, scorer.rule.n_bad / N_ROWS
    said = (
        f"the {n_known:,} applications they were calibrated on, of which {100 * share:.1f} % did not repay "
        "(of the whole table 20.0 %)."
    )
    assert any(said in limit for limit in pack["limits"])
    moved = replace(by_time, scorer=replace(scorer, schema=replace(scorer.schema, portfolio_bad_rate=0.05)))
    limits = written(moved)["limits"]
    assert any("bad rate of 5.0 %" in limit for limit in limits)
    assert not any("they were calibrated on" in limit for limit in limits)


def test_the_poorer_region_is_found_and_the_field_not_held_is_said(pack):
    fairness = {field["label"]: field["groups"] for field in pack["fairness"]}
    north, south = fairness["Region"]
    assert north["impact_ratio"] is None  # approved most often: the others are held against it
    assert south["impact_ratio"]["high"] < 1
    assert south["opportunity_gap"]["high"] < 0
    assert fairness["Birthplace"] == []
    assert any(limit.startswith("Birthplace is protected, but the table does not hold it") for limit in pack["limits"])


def test_groups_are_held_against_the_one_approved_most_often():
    approved = np.repeat([True, False, True, False, True], [90, 10, 60, 40, 10])
    target = np.repeat([0, 1, 0, 1, 0], [80, 20, 50, 50, 10])
    groups = np.repeat(["a", "b", "tiny"], [100, 100, 10])
    first, second, tiny = audit(approved, target, np.full(210, 0.2), groups, ["a", "b", "tiny"])
    assert first.approvals.value == 0.9
    assert second.impact_ratio.value == pytest.approx(60 / 90)
    assert second.impact_ratio.low < 60 / 90 < second.impact_ratio.high
    # all 80 goods of a stand among its 90 approved; of b's 50 goods all 50
    assert second.opportunity_gap.value == pytest.approx(0.0)
    assert second.observed_to_expected.value == pytest.approx(0.5 / 0.2)
    assert tiny.is_small
    assert tiny.approvals.value == 1.0  # though all of them are approved, nobody is held against ten


def test_a_group_of_less_than_two_in_a_hundred_is_no_basis_for_the_others():
    # all 60 of the small group are approved, 1 in 66; the next in line is the basis
    groups = np.repeat(["small", "large", "other"], [60, 2_000, 1_940])
    approved = np.concatenate([np.ones(60, dtype=bool), np.arange(2_000) < 1_800, np.arange(1_940) < 1_700])
    small, large, other = audit(
        approved, np.zeros(4_000, int), np.full(4_000, 0.1), groups, ["small", "large", "other"]
    )
    assert large.impact_ratio is None
    assert small.impact_ratio.value == pytest.approx(1 / 0.9)
    assert other.impact_ratio.value == pytest.approx((1_700 / 1_940) / 0.9)


def test_applicants_without_a_value_are_a_segment_of_their_own(by_time):
    judged = by_time.test
    gaps = judged.frame.with_columns(pl.when(pl.col("row_number") % 2 == 0).then("amount_eur").alias("amount_eur"))
    found = written(replace(by_time, test=replace(judged, frame=gaps)))["performance"]["by_segment"][0]
    assert found["groups"][-1]["label"] == "not given"
    assert found["groups"][-1]["n_rows"] == N_ROWS // 2


def test_a_difference_of_shares_is_as_sure_as_the_two_together():
    found = difference(Estimate(0.6, 0.5, 0.7), Estimate(0.6, 0.5, 0.7))
    assert (found.low, found.value, found.high) == pytest.approx((-0.1 * 2**0.5, 0.0, 0.1 * 2**0.5))


def test_every_section_stands_on_the_page_and_answers_to_a_theme(pack):
    html = validation_page(pack)
    for name, words in SECTIONS.items():
        assert f'<h2 id="{name}">' in html
        assert words in html
    assert {name for _, _, names in THEMES for name in names} == set(SECTIONS)
    for article in range(9, 16):
        assert f"EU AI Act, article {article}" in html
    assert "SR 26-2" in html
    assert "11-7" not in html


def test_the_page_loads_nothing_and_escapes_what_came_from_outside(pack):
    svg = "<svg xmlns='http://www.w3.org/2000/svg'/>"
    html = validation_page(pack, {"roc": svg, "calibration": svg})
    assert html.count("data:image/svg+xml;base64,") == 2
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", html)
    assert "Income &lt;missing&gt;" in html
    assert "<script" not in html


def test_a_training_that_was_called_for_says_why_on_top_and_any_other_has_no_such_line(pack):
    assert "Trained because" not in validation_page(pack)
    assert json.loads(pack_json(pack))["trained_because"] is None
    called_for = pack | {"trained_because": "Income <has> shifted."}
    top = validation_page(called_for).partition('<div class="checks')[0]
    assert "<p>Trained because: Income &lt;has&gt; shifted.</p>" in top
    assert json.loads(pack_json(called_for))["trained_because"] == "Income <has> shifted."


def test_the_top_of_the_page_says_which_training_is_signed_for(pack):
    top = validation_page(pack).partition('<div class="checks')[0]
    for fact in ("2026-01-02T03:04+00:00", "logistic regression", "<dd>7</dd>", FACTS.sha256):
        assert fact in top
    assert "3,000 <small>used,</small> 600 <small>bad, 20.0 %" in top
    assert "given when it is registered" in top


def test_who_and_what_a_table_leaves_out_is_counted(by_time):
    judged = by_time.test
    few = judged.frame.with_columns(
        pl.when(pl.col("row_number") <= 12).then(pl.lit("boat")).otherwise("housing").alias("housing")
    )
    found = written(replace(by_time, test=replace(judged, frame=few)))
    segments = {segment["label"]: segment for segment in found["performance"]["by_segment"]}
    assert segments["Housing"]["n_left_out"] == 12
    assert sum(group["n_rows"] for group in segments["Housing"]["groups"]) == N_ROWS - 12
    html = validation_page(found)
    assert "12 applicants are left out, in groups of fewer than 30." in html
    assert "left out, in groups" not in validation_page(found | {"performance": written(by_time)["performance"]})


def test_no_two_columns_of_a_table_have_the_same_heading(pack):
    for table in re.findall(r"<thead>(.*?)</thead>", validation_page(pack)):
        headings = re.findall(r"<th[^>]*>(.*?)</th>", table)
        assert len(set(headings)) == len(headings)


def test_the_page_is_well_formed(pack):
    void, open_tags = {"meta", "br", "img", "hr", "input", "link"}, []

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in void:
                open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Parser().feed(validation_page(pack))
    assert open_tags == []


def test_empty_lines_wait_for_signatures_and_given_ones_stand(by_time):
    signed = {"role": "Model owner", "name": "A. Example", "decision": "approved", "date": "2026-01-02"}
    lines = written(by_time, approvals=[signed])["approvals"]
    assert lines[0] == signed
    assert [line["role"] for line in lines[1:]] == ["Independent validator", "Business owner", "Risk committee"]
    assert {line["name"] for line in lines[1:]} == {""}


def test_the_comparison_with_the_champion_is_in_the_pack(by_time):
    judged, costs = by_time.test, by_time.scorer.schema.costs
    worse = np.clip(judged.prob_default * 0.5 + 0.1, 0.01, 0.99)
    found = compare(worse, judged.prob_default, judged.target, judged.folds, costs, seed=1)
    pack = written(by_time, comparison=found)
    assert pack["comparison"]["verdict"] == found.verdict
    assert pack["comparison"]["figures"][0] == asdict(found.figures[0])
    html = validation_page(pack)
    assert "There was no champion" not in html
    assert f"<b>{found.verdict.capitalize()}</b>: {found.reason}" in html


def test_the_verdict_is_said_once_and_a_zero_has_no_sign(by_time):
    judged, costs = by_time.test, by_time.scorer.schema.costs
    same = compare(judged.prob_default, judged.prob_default, judged.target, judged.folds, costs, seed=1)
    html = validation_page(validate(by_time, comparison=same))
    assert "<b>Keep</b>: both give every client the same PD." in html
    assert not re.search(r"[-+]0\.0+\b", html)


def test_no_applicant_stands_in_a_pack(by_time, pack):
    text = json.dumps(pack)
    for row in by_time.test.frame.sample(20, seed=1).iter_rows(named=True):
        assert f'"{row["client"]}"' not in text


def test_the_pack_of_an_approval_speaks_of_refusals_and_claims_nothing_of_repayment(by_folds):
    target = replace(
        by_folds.scorer.schema.target, bad_happened="were refused a loan", good_happened="were granted one"
    )
    schema = replace(by_folds.scorer.schema, target=target, horizon_months=0, amount_field="")
    found = written(replace(by_folds, scorer=replace(by_folds.scorer, schema=schema)), FACTS)
    text = validation_page(found)
    assert "how many of 100 similar applicants were refused a loan (outcome: Default)" in text
    assert "nothing here says who repays" in text
    assert "0 months" not in text
    assert "extrapolated" not in text  # who was declined is in the table
    assert "within 12 months (outcome: Default)" in validation_page(validate(by_folds, data=FACTS))
    soon = replace(by_folds.scorer.schema, horizon_months=1)
    text = validation_page(validate(replace(by_folds, scorer=replace(by_folds.scorer, schema=soon)), data=FACTS))
    assert "within 1 month (outcome: Default)" in text
    assert "1 months" not in text


def test_where_nobody_says_what_time_the_outcomes_cover_the_pack_claims_none(by_folds):
    schema = replace(by_folds.scorer.schema, horizon_months=None)
    text = validation_page(validate(replace(by_folds, scorer=replace(by_folds.scorer, schema=schema)), data=FACTS))
    assert f"{schema.target.bad_happened} (outcome: Default)" in text
    assert "Nothing says how long after the application the outcomes were taken" in text
    assert "12 months" not in text
