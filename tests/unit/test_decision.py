"""Verdicts, confidence and points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk.errors import TrainingError
from creditrisk.schema import Costs
from creditrisk.scoring import DecisionRule, ScoreScale, fit_rule

COSTS = Costs()


def _rule(costs: Costs = COSTS, n: int = 4_000, seed: int = 1) -> DecisionRule:
    rng = np.random.default_rng(seed)
    prob_default = rng.beta(1.2, 3.0, n)
    target = (rng.random(n) < prob_default).astype(np.int64)
    return fit_rule(prob_default, target, np.array([2.0, np.nan]), costs, ScoreScale())


def test_the_verdict_is_the_cheapest_of_three_expected_costs():
    costs = Costs(accept_bad=5, decline_good=1, review=0.7)
    prob_default = np.linspace(0.001, 0.999, 999)
    verdicts = _rule(costs).verdicts(prob_default, np.zeros(999, dtype=bool))
    expected = np.array([prob_default * 5, np.full(999, 0.7), 1 - prob_default])  # approve, refer, decline
    chosen = np.select([verdicts == "approve", verdicts == "refer"], [expected[0], expected[1]], expected[2])
    np.testing.assert_allclose(chosen, expected.min(axis=0), atol=1e-12)


def test_a_review_dearer_than_any_mistake_is_never_asked_for():
    # min(5 p, 1 - p) peaks at p = 1/6 with 5/6
    verdicts = _rule(Costs(review=0.9)).verdicts(np.linspace(0, 1, 500), np.zeros(500, dtype=bool))
    assert set(verdicts) == {"approve", "decline"}


@given(st.lists(st.floats(0.001, 0.999), min_size=2, max_size=20))
def test_a_higher_pd_never_gets_a_kinder_verdict(values):
    prob_default = np.sort(np.array(values))
    rank = {"approve": 0, "refer": 1, "decline": 2}
    verdicts = _RULE.verdicts(prob_default, np.zeros(len(values), dtype=bool))
    assert [rank[verdict] for verdict in verdicts] == sorted(rank[verdict] for verdict in verdicts)


_RULE = _rule()


def test_a_row_that_needs_a_look_is_referred_whatever_its_pd():
    assert _rule().verdicts(np.array([0.001]), np.ones(1, dtype=bool)).tolist() == ["refer"]


@pytest.mark.parametrize("alpha", [0.1, 0.2])
def test_confidence_rules_out_the_opposite_outcome_as_often_as_it_says(alpha):
    rule = _rule(n=20_000, seed=1)
    rng = np.random.default_rng(2)
    prob_default = rng.beta(1.2, 3.0, 20_000)
    target = rng.random(20_000) < prob_default
    # Of the bads, at most alpha may be approved with a confidence of 1 - alpha or more; and of the goods declined so.
    for verdict, opposite in (("approve", target), ("decline", ~target)):
        confidence = rule.conformal_level(prob_default, np.full(20_000, verdict, dtype="<U7"))
        wrong = (confidence[opposite] > 1 - alpha).mean()
        assert wrong == pytest.approx(alpha, abs=0.02)


def test_confidence_is_low_on_the_fence_and_high_far_from_it():
    rule = _rule()
    fence, safe = rule.conformal_level(np.array([0.17, 0.01]), np.array(["refer", "approve"]))
    assert fence < safe
    assert 0 <= fence <= 1


def test_points_double_the_odds_every_twenty():
    # 30:1, 60:1 and 15:1
    points = ScoreScale(600, 30, 20).points(np.array([1 / 31, 1 / 61, 1 / 16]))
    assert points.tolist() == [600.0, 620.0, 580.0]


def test_a_rule_survives_its_file():
    rule = _rule()
    assert DecisionRule.from_json(rule.to_json()) == rule


def test_a_rule_needs_both_outcomes():
    with pytest.raises(TrainingError, match="both outcomes"):
        fit_rule(np.array([0.1, 0.2]), np.array([0, 0]), np.zeros(1), Costs(), ScoreScale())
