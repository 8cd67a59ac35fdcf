"""The verdict on a challenger: hardly ever for an equal one, mostly for a better one, never for nonsense."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit

from creditrisk.comparison import Comparison, Floors, compare, comparison_page, held_out_coverage
from creditrisk.comparison.guardrails import (
    COVERAGE,
    GuardrailInputs,
    gap_answer,
    group_gaps,
    guardrail_checks,
    guardrail_of,
    protected_fields,
)
from creditrisk.errors import ComparisonError
from creditrisk.metrics import audit, protected_groups
from creditrisk.schema import Costs
from creditrisk.validation.checks import checks_for

COSTS = Costs()
N_ROWS = 2_000


def lender(seed: int, *noises: float, n_rows: int = N_ROWS, mean: float = -1.6):
    """Outcomes of so many applicants, and for each noise the PDs of a model that sees the truth through it."""
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(mean, 1.2, n_rows)
    target = (rng.random(n_rows) < expit(log_odds)).astype(np.int64)
    return target, *(expit(log_odds + rng.normal(0, noise, n_rows)) for noise in noises)


def judge(old, new, target, **given) -> Comparison:
    return compare(old, new, target, np.zeros(len(target), dtype=np.int64), COSTS, **given)


def in_folds(*prob_default, n_repeats: int = 3, n_folds: int = 10):
    n_rows = len(prob_default[0])
    folds = np.random.default_rng(0).permuted(np.tile(np.arange(n_rows) % n_folds, (n_repeats, 1)), axis=1)
    return [np.tile(each, (n_repeats, 1)) for each in prob_default], folds


def test_identical_models_are_kept_always():
    for seed in range(5):
        target, model = lender(seed, 0.3)
        found = judge(model, model, target, seed=seed)
        assert (found.verdict, found.sentence) == ("keep", "keep: both give every client the same PD")
    (model,), folds = in_folds(model)
    assert compare(model, model, target, folds, COSTS).verdict == "keep"


@pytest.fixture
def fewer_draws(monkeypatch):
    """A quarter of the bootstrap's draws, where many comparisons are counted.

    A probability near the limit of 0.975 is then known to 0.007 in place of 0.0035, as often too high as too low: the
    share of comparisons that pass it stays what it is.
    """
    monkeypatch.setattr("creditrisk.comparison.paired.N_DRAWS", 500)


def test_of_200_comparisons_of_equal_models_at_most_5_percent_end_in_a_promotion(fewer_draws):
    verdicts = Counter()
    for seed in range(200):
        target, champion, challenger = lender(seed, 0.3, 0.3)
        verdicts[judge(champion, challenger, target, seed=seed).verdict] += 1
    assert verdicts["promote"] <= 10, verdicts


@pytest.mark.parametrize(("before", "after"), [(0.6, 0.3), (0.5, 0.0), (1.0, 0.3)])
def test_a_truly_better_model_is_promoted_at_2_000_rows_in_at_least_four_of_five_comparisons(
    before, after, fewer_draws
):
    verdicts = Counter()
    for seed in range(50):
        target, champion, challenger = lender(seed, before, after)
        verdicts[judge(champion, challenger, target, seed=seed).verdict] += 1
    assert verdicts["promote"] >= 40, verdicts
    assert verdicts["keep"] <= 1, verdicts


def test_a_challenger_whose_pds_were_dealt_to_other_clients_is_never_promoted():
    for seed in range(20):
        target, champion = lender(seed, 1.5)
        found = judge(champion, np.random.default_rng(seed).permutation(champion), target)
        assert found.verdict == "keep"
        assert "worse beyond chance" in found.reason


def test_small_tables_are_judged_on_shared_folds_and_say_how_many_rows_would_tell():
    target, champion, challenger = lender(7, 0.6, 0.4, n_rows=1_000)
    (old, new), folds = in_folds(champion, challenger)
    found = compare(old, new, target, folds, COSTS)
    assert found.method == "Bayesian correlated t-test over 3 x 10 folds that both share"
    assert found.verdict == "inconclusive"
    assert found.rows_needed > 1_000
    assert f"about {found.rows_needed:,} judged rows would show it, these are 1,000" in found.sentence
    better = compare(in_folds(lender(7, 1.5)[1][:1_000])[0][0], new, target, folds, COSTS)
    assert better.verdict == "promote"


def test_from_2_000_rows_with_200_bads_on_folds_are_drawn_again_too_and_one_bad_fewer_is_not_enough():
    target, champion, challenger = lender(1, 0.6, 0.3)
    target = np.zeros_like(target)
    target[np.argsort(-champion)[:200]] = 1
    (old, new), folds = in_folds(champion, challenger, n_repeats=1, n_folds=5)
    assert compare(old, new, target, folds, COSTS).method.startswith("stratified paired bootstrap")
    target[np.argmax(champion)] = 0
    assert compare(old, new, target, folds, COSTS).method.startswith("Bayesian")


def test_figures_of_both_their_difference_and_its_interval_fit_together():
    target, champion, challenger = lender(3, 0.8, 0.3)
    found = judge(champion, challenger, target)
    for figure in found.figures:
        sign = 1 if figure.name == "auc" else -1
        assert figure.improvement == pytest.approx(sign * (figure.challenger - figure.champion))
        assert figure.low < figure.improvement < figure.high
        assert figure.prob_better + figure.prob_worse <= 1
    difference, low, high = found.delong
    assert difference == pytest.approx(found.figure("auc").improvement)
    assert (low, high) == pytest.approx((found.figure("auc").low, found.figure("auc").high), abs=0.003)
    assert json.loads(found.to_json())["verdict"] == found.verdict


def test_a_difference_too_small_to_matter_is_a_tie_and_goes_to_the_champion():
    # With 40,000 rows the smaller noise is surely better, by a tenth of a percent of the log loss.
    target, champion, challenger = lender(2, 0.10, 0.05, n_rows=40_000)
    found = judge(champion, challenger, target)
    assert found.figure("log_loss").prob_better > 0.9
    assert found.verdict == "keep"
    assert "a tie goes to the champion" in found.sentence


def test_a_better_ranking_does_not_make_up_for_pds_that_mean_nothing():
    target, champion, challenger = lender(4, 1.2, 0.1, n_rows=10_000)
    overconfident = expit(1.6 * logit(challenger))
    found = judge(champion, overconfident, target)
    assert found.figure("auc").prob_better == 1
    assert found.verdict == "keep"
    slope = next(item for item in found.guardrails if item.label == "Calibration slope")
    assert slope.is_passed is False
    assert slope.finding.startswith("0.6")  # 1 / 1.6


def test_several_challengers_at_once_share_the_room_left_to_chance():
    target, champion, challenger = lender(5, 0.5, 0.3)
    alone = judge(champion, challenger, target)
    sure = alone.figure("log_loss").prob_better
    assert 0.975 <= sure < 1 - 0.025 / 50, sure
    assert alone.verdict == "promote"
    assert judge(champion, challenger, target, n_challengers=50).verdict == "inconclusive"


def test_the_swap_set_counts_who_changes_lamp_and_what_they_cost():
    # Approve up to 0.14, decline from 0.30 on. Two go from green to red, one from red to green, one stays.
    champion = np.array([0.05, 0.05, 0.50, 0.05])
    challenger = np.array([0.50, 0.50, 0.05, 0.06])
    target = np.array([1, 0, 0, 1])
    found = judge(champion, challenger, target)
    assert found.n_swapped == 3
    swaps = {(swap.before, swap.after): (swap.n, swap.n_bad, swap.saving) for swap in found.swaps}
    # Declining the two instead of approving them saves one bad (5) and costs one good (1).
    assert swaps == {("green", "red"): (2, 1, 5.0 - 1.0), ("red", "green"): (1, 0, 1.0)}
    assert all(0 < swap.low < swap.high < 1 for swap in found.swaps)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda old, new, target: (old[:-1], new, target), "same rows"),
        (lambda old, new, target: (old, np.where(new > 0.5, np.nan, new), target), "PDs of the challenger"),
        (lambda old, new, target: (old + 1, new, target), "PDs of the champion"),
        (lambda old, new, target: (old, new, np.zeros_like(target)), "hold 0 bads"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_sentence(change, said):
    target, old, new = lender(0, 0.3, 0.3)
    with pytest.raises(ComparisonError, match=said):
        judge(*change(old, new, target))


@pytest.mark.parametrize(
    ("before", "after", "heading"),
    [(1.0, 0.3, "Promote the challenger"), (0.6, 0.3, "The champion stays for now"), (0.3, 1.0, "Keep the champion")],
)
def test_the_page_shows_verdict_figures_and_swaps_and_loads_nothing(before, after, heading):
    target, champion, challenger = lender(2, before, after)
    found = judge(champion, challenger, target)
    words = {"champion": "version 3", "challenger": "a <blend>", "protocol": "time-ordered"}
    html = comparison_page(found, title="Corner & co", **words, written_at="2026-01-02 03:04 UTC")
    assert "Champion against challenger · 2026-01-02 03:04 UTC" in html
    assert f"<h2>{heading}</h2>" in html
    assert "Corner &amp; co" in html
    assert "a &lt;blend&gt;" in html
    assert html.count('class="interval"') == len(found.figures)
    assert html.count('<tr><td><span class="lamp') == len(found.swaps)
    assert f"{found.figure('log_loss').challenger:.4f}" in html
    assert not re.search(r"(src|href)=|url\(|<script|@import", html)
    same = comparison_page(judge(champion, champion, target), title="Corner", **words)
    assert "every applicant keeps the same lamp" in same
    assert not re.search(r"[-+]0\.0+\b", same)


# Guardrails


def coverage_guardrails(scorer, prob_default, target, folds=None):
    folds = np.zeros_like(target) if folds is None else folds
    inputs = GuardrailInputs(prob_default[None], target, folds[None], challenger=scorer)
    return [guardrail_of(check, inputs) for check in COVERAGE]


def test_floors_are_off_unless_set_and_keep_a_better_challenger_out():
    assert Floors().guardrails({"auc": 0.5, "f1": 0.1, "cost": 2.0}) == ()
    target, champion, challenger = lender(3, 1.0, 0.3)
    assert judge(champion, challenger, target).verdict == "promote"
    floors = Floors(auc=0.99, cost=5.0).guardrails({"auc": 0.77, "f1": 0.5, "cost": 0.5})
    assert [floor.is_passed for floor in floors] == [False, True]
    found = judge(champion, challenger, target, floors=floors)
    assert (found.verdict, found.reason) == ("keep", "guardrails do not hold: AUC floor")


def test_coverage_per_outcome_is_that_of_the_rule_and_fails_where_a_class_is_missed(corner_scorer):
    # Rows like those the rule was made of: by construction some nine in ten of each outcome are covered.
    known = np.concatenate([corner_scorer.rule.bad_quantiles, corner_scorer.rule.good_quantiles])
    target = np.repeat([1, 0], [len(corner_scorer.rule.bad_quantiles), len(corner_scorer.rule.good_quantiles)])
    assert [item.is_passed for item in coverage_guardrails(corner_scorer, known, target)] == [True, True]
    missed = np.where(target == 1, 0.001, known)  # all bads look safe
    bads, goods = coverage_guardrails(corner_scorer, missed, target)
    assert (bads.is_passed, goods.is_passed) == (False, True)
    assert bads.finding.startswith("0.0 %")


def test_a_model_that_sees_a_protected_field_is_named(corner_scorer):
    assert protected_fields(corner_scorer).status == "holds"
    schema = corner_scorer.schema
    fields = tuple(replace(field, role="protected") if field.name == "age_years" else field for field in schema.fields)
    found = protected_fields(replace(corner_scorer, schema=replace(schema, fields=fields)))
    assert (found.status, found.finding) == ("look", "uses Age")


def test_a_gap_between_groups_may_not_widen_beyond_chance(corner_scorer):
    schema = corner_scorer.schema
    fields = tuple(replace(field, role="protected") if field.name == "housing" else field for field in schema.fields)
    owns = np.arange(2_000) % 2 == 0
    groups = protected_groups(pl.DataFrame({"housing": np.where(owns, "own", "rent")}), replace(schema, fields=fields))
    assert sorted(set(groups["Housing"])) == ["Own home", "Rents"]
    rng = np.random.default_rng(0)
    target = (rng.random(2_000) < 0.2).astype(np.int64)
    chance = rng.random(2_000)
    before = chance < 0.6
    same = group_gaps(groups, before, chance < 0.61, target, seed=1)
    assert [gap_answer(gap).status for gap in same] == ["holds", "holds"]
    wider = group_gaps(groups, before, chance < np.where(owns, 0.7, 0.5), target, seed=1)
    assert [(gap.field, gap.of) for gap in wider] == [("Housing", "approvals"), ("Housing", "approvals of goods")]
    assert [gap_answer(gap).status for gap in wider] == ["look", "look"]
    narrower = group_gaps(groups, chance < np.where(owns, 0.7, 0.5), before, target, seed=1)
    assert {gap_answer(gap).status for gap in narrower} == {"holds"}


def test_gaps_are_measured_from_the_large_group_approved_most_often_as_in_the_pack():
    # All 54 of whom no sex is stated are approved; they are fewer than 2 in 100, so nobody is held against them.
    group = np.repeat(["men", "women", "not stated", ""], [1_600, 1_600, 54, 46])
    rng = np.random.default_rng(4)
    approved = rng.random(3_300) < 0.62
    approved[:1_600] = rng.random(1_600) < 0.65
    approved[3_200:] = True
    target = (rng.random(3_300) < 0.2).astype(np.int64)
    treatments = audit(approved, target, np.full(3_300, 0.2), group, ["men", "women", "not stated"])
    of_all, of_goods = map(gap_answer, group_gaps({"Sex": group}, approved, approved, target, seed=1))
    basis, women, _ = treatments
    assert basis.impact_ratio is None
    gap = 100 * (basis.approvals.value - women.approvals.value)
    assert of_all.finding.startswith(f"gap of {gap:.1f} points instead of {gap:.1f} (change 0.0 to 0.0)")
    assert of_goods.finding.startswith(f"gap of {-100 * women.opportunity_gap.value:.1f} points")
    assert of_all.finding.endswith("leaving out 46 in no group or a small one")


def test_what_cannot_be_told_is_told_so_and_keeps_nobody_out(corner_scorer):
    rule = corner_scorer.rule
    worst = np.sort(rule.bad_quantiles)[len(rule.bad_quantiles) // 10 + 1]
    prob_default = np.repeat([worst * 0.5, worst * 1.5, 0.01], [9, 51, 60])  # 85 % of the bads are kept
    bads, _ = coverage_guardrails(corner_scorer, prob_default, np.repeat([1, 0], 60))
    kept = held_out_coverage(rule, prob_default, np.repeat([1, 0], 60), None, alpha=0.1).bads
    assert kept.value == 0.85
    assert kept.high > 0.86
    assert bads.is_passed is None
    target, champion, challenger = lender(3, 1.0, 0.3)
    found = judge(champion, challenger, target, floors=[bads])
    assert found.verdict == "promote"
    html = comparison_page(found, title="Corner", champion="version 3", challenger="a blend", protocol="time-ordered")
    assert "<td><small>cannot be told</small></td>" in html


def test_coverage_of_rows_judged_by_folds_is_that_of_the_other_folds_sets(corner_scorer):
    rng = np.random.default_rng(6)
    prob_default = rng.beta(1.2, 3.0, 900)
    target = (rng.random(900) < prob_default).astype(np.int64)
    rule = replace(corner_scorer.rule, bad_quantiles=(0.9,), good_quantiles=(0.1,))  # of another model altogether
    scorer = replace(corner_scorer, rule=rule)
    assert [item.is_passed for item in coverage_guardrails(scorer, prob_default, target, np.arange(900) % 10)] == [
        True,
        True,
    ]
    assert coverage_guardrails(scorer, prob_default, target)[0].is_passed is False


def test_the_interval_of_a_gap_is_that_of_drawing_rows(corner_scorer):
    rng = np.random.default_rng(3)
    group = np.where(rng.random(600) < 0.3, "a", "b")
    before, after = rng.random(600) < 0.6, rng.random(600) < np.where(group == "a", 0.8, 0.6)
    target = (rng.random(600) < 0.3).astype(np.int64)

    def gap(approved, rows):
        shares = [approved[rows][group[rows] == name].mean() for name in ("a", "b")]
        return abs(shares[0] - shares[1])

    changes = []
    for _ in range(2_000):
        rows = np.concatenate(
            [rng.choice(np.flatnonzero(target == outcome), (target == outcome).sum()) for outcome in (0, 1)]
        )
        changes.append(100 * (gap(after, rows) - gap(before, rows)))
    found = gap_answer(group_gaps({"Group": group}, before, after, target, seed=1)[0])
    low, high = (float(word) for word in found.finding.split("change ")[1].rstrip(")").split(" to "))
    assert (low, high) == pytest.approx(np.quantile(changes, [0.025, 0.975]), abs=0.6)


def test_groups_of_a_number_are_thirds_and_missing_values_are_in_none(corner_scorer):
    schema = corner_scorer.schema
    fields = tuple(replace(field, role="protected") if field.name == "age_years" else field for field in schema.fields)
    groups = protected_groups(pl.DataFrame({"age_years": [20, 30, 40, None]}), replace(schema, fields=fields))
    assert groups["Age"][3] == ""
    assert len(set(groups["Age"][:3])) == 3
    assert groups["Age"][0].startswith("up to")


def test_a_champion_of_other_fields_is_compared_by_its_pds_alone(corner_scorer):
    """Its schema was changed since: a field it reads is not in the table any more."""
    rng = np.random.default_rng(8)
    frame = pl.DataFrame({"row_number": np.arange(300), "age_years": rng.integers(18, 80, 300)})
    old = rng.uniform(0.05, 0.5, 300)
    target = (rng.random(300) < old).astype(np.int64)
    both = {"champion": corner_scorer, "challenger": corner_scorer}
    found = compare(old, old, target, np.zeros(300, dtype=int), COSTS, frame=frame, **both)
    [reasons] = [item for item in found.guardrails if item.label == "Reasons in common"]
    assert (reasons.is_passed, reasons.finding) == (None, "cannot be told: the champion reads other fields")


def test_with_both_scorers_reasons_fields_and_coverage_are_reported(corner_scorer):
    rng = np.random.default_rng(8)
    frame = pl.DataFrame(
        {
            "row_number": np.arange(300),
            "age_years": rng.integers(18, 80, 300),
            "amount_eur": rng.integers(1, 20, 300) * 1000.0,
            "income_eur": rng.integers(10, 60, 300) * 1000.0,
            "housing": rng.choice(["own", "rent"], 300),
        }
    )
    new = corner_scorer.prob_default(frame)
    target = (rng.random(300) < new).astype(np.int64)
    old = expit(logit(new) + rng.normal(0, 0.5, 300))
    both = {"champion": corner_scorer, "challenger": corner_scorer}
    folds = np.zeros(300, dtype=int)
    found = compare(old, new, target, folds, COSTS, frame=frame, microseconds_per_client=(1234.5, 98.7), **both)
    by_label = {item.label: item for item in found.guardrails}
    assert {"Calibration slope", "Coverage of bads", "Coverage of goods", "Protected fields"} <= set(by_label)
    assert by_label["Reasons in common"].finding.startswith("100 %")
    assert by_label["Reasons in common"].is_passed is None
    assert by_label["Scoring time"].is_passed is None
    assert by_label["Scoring time"].finding == "99 µs a client instead of 1,234 µs"


def test_every_guardrail_has_a_code_of_its_own_and_the_pack_asks_alike(corner_scorer):
    schema = corner_scorer.schema
    fields = tuple(replace(field, role="protected") if field.name == "housing" else field for field in schema.fields)
    scorer = replace(corner_scorer, schema=replace(schema, fields=fields))
    frame = pl.DataFrame({"housing": np.where(np.arange(300) % 2, "own", "rent")})
    verdicts = np.where(np.arange(300) % 3 > 0, "approve", "refer")
    inputs = GuardrailInputs(
        np.full((1, 300), 0.2), np.arange(300) % 2, np.zeros((1, 300), dtype=int), challenger=scorer, frame=frame,
        verdicts=(verdicts, verdicts), microseconds_per_client=(100.0, 100.0),
    )  # fmt: skip
    checks = guardrail_checks(inputs)
    assert [check.code for check in checks] == [
        "plausible-auc", "calibration-slope", "coverage-bads", "coverage-goods", "protected-fields", "gap-housing",
        "gap-housing-goods", "scoring-time",
    ]  # fmt: skip
    shared = {check.code: check.how for check in checks} | {check.code: check.how for check in Floors(auc=0.7).checks}
    for check in checks_for(scorer.schema):
        assert shared.get(check.code, check.how) == check.how
    assert len(shared.keys() & {check.code for check in checks_for(scorer.schema)}) == 5
