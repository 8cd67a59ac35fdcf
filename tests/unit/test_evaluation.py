"""Figures of merit, against hand-made cases and scikit-learn."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import beta
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from creditrisk.comparison.coverage import conformal_sets, coverage_of
from creditrisk.errors import TrainingError
from creditrisk.metrics import (
    auc_estimate,
    by_group,
    calibration_error,
    calibration_error_floor,
    deciles,
    evaluate,
    mean_estimate,
    periods,
    rate,
    rate_interval,
)
from creditrisk.schema import Costs
from creditrisk.scoring import ScoreScale, fit_platt, fit_rule


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(4)
    prob_default = np.round(rng.beta(2, 5, 3_000), 2)  # rounded, so that there are ties
    return prob_default, (rng.random(3_000) < prob_default).astype(np.int64)


def test_figures_agree_with_an_independent_library(sample):
    prob_default, target = sample
    found = evaluate(prob_default, target, Costs())
    assert found.auc == pytest.approx(roc_auc_score(target, prob_default), abs=1e-12)
    assert found.gini == pytest.approx(2 * found.auc - 1)
    assert found.brier == pytest.approx(brier_score_loss(target, prob_default), abs=1e-12)
    assert found.log_loss == pytest.approx(sklearn_log_loss(target, np.clip(prob_default, 1e-12, 1)), abs=1e-9)


def test_a_calibrated_pd_has_a_slope_of_one_and_an_exaggerated_one_less(sample):
    prob_default, target = sample
    log_odds = np.log(np.clip(prob_default, 0.01, 0.99) / (1 - np.clip(prob_default, 0.01, 0.99)))
    assert fit_platt(log_odds, target).slope == pytest.approx(1.0, abs=0.1)
    assert fit_platt(3 * log_odds, target).slope == pytest.approx(1 / 3, abs=0.04)


def test_the_cut_off_follows_from_the_costs():
    # 5:1 puts it at 1/6: declining at 0.17 costs a good one, approving at 0.16 costs five
    found = evaluate(np.array([0.16, 0.17, 0.16, 0.17]), np.array([1, 0, 0, 1]), Costs(accept_bad=5, decline_good=1))
    assert found.cost == (5 + 1 + 0 + 0) / 4


def test_one_outcome_alone_cannot_be_judged():
    with pytest.raises(TrainingError, match="both outcomes"):
        evaluate(np.array([0.1, 0.2]), np.array([0, 0]), Costs())


def test_a_model_that_ranks_the_wrong_way_round_is_not_calibrated(sample):
    prob_default, target = sample
    with pytest.raises(TrainingError, match="wrong way round"):
        fit_platt(-prob_default, target)


def test_the_interval_of_a_share_is_jeffreys():
    # 3 of 20: the middle 95 % of a Beta(3.5, 17.5)
    found = rate(3, 20)
    assert found.value == 0.15
    assert (found.low, found.high) == pytest.approx(tuple(beta.ppf([0.025, 0.975], 3.5, 17.5)))
    low, high = rate_interval([0, 20, 0], [20, 20, 0])
    assert low.tolist()[0] == 0.0
    assert high.tolist()[1] == 1.0
    assert (low[2], high[2]) == (0.0, 1.0)  # nobody: nothing is known


def test_the_interval_of_an_auc_holds_the_truth_19_times_in_20():
    # bads one standard deviation above goods: the true AUC is Phi(1 / sqrt 2) = 0.7602
    rng = np.random.default_rng(6)
    hits = 0
    for _ in range(400):
        target = np.repeat([0, 1], [150, 50])
        found = auc_estimate(rng.normal(target, 1.0), target)
        hits += found.low <= 0.7602 <= found.high
    assert 0.92 <= hits / 400 <= 0.98


def test_the_interval_of_a_mean_is_two_standard_errors_wide_on_either_side():
    found = mean_estimate(np.repeat([0.0, 1.0], 50))  # standard deviation 0.5025, over ten: 0.05025
    assert found.value == 0.5
    assert found.high - found.value == pytest.approx(1.96 * 0.05025, rel=1e-3)


@pytest.mark.parametrize(("n_rows", "mean", "bound"), [(1_000, 0.033, 0.044), (200, 0.074, 0.100)])
def test_true_pds_show_a_calibration_error_by_chance_alone(n_rows, mean, bound):
    # ten groups of n / 10 rows; a group's gap is |N(0, p (1 - p) 10 / n)|, on average 0.8 sqrt(p (1 - p) 10 / n)
    prob_default = expit(np.random.default_rng(1).normal(-1.0, 1.2, n_rows))
    found = calibration_error_floor(prob_default, seed=2)
    assert found == pytest.approx((mean, bound), rel=0.1)


def test_tables_by_tenths_do_not_depend_on_the_order_of_rows_with_the_same_pd():
    prob_default, target = np.repeat([0.1, 0.2, 0.4], [50, 30, 20]), np.tile([0, 0, 0, 1, 0], 20)
    sorted_by_outcome = np.lexsort((target, prob_default))
    found = deciles(prob_default[sorted_by_outcome], target[sorted_by_outcome])
    assert found == deciles(prob_default, target)
    assert [row.n_rows for row in found] == [50, 30, 20]
    assert sum(row.n_bad for row in found) == 20
    assert found[0].bads_caught == 1.0  # all that lie at or above the safest
    gap = abs(0.1 - 0.2) * 0.5 + abs(0.2 - 0.2) * 0.3 + abs(0.4 - 0.2) * 0.2
    assert calibration_error(prob_default, target) == pytest.approx(gap)


def test_the_largest_gap_of_the_decile_table_is_the_ks_of_its_groups(sample):
    prob_default, target = sample
    table = deciles(prob_default, target)
    assert max(row.ks_good_bad for row in table) <= evaluate(prob_default, target, Costs()).ks_good_bad
    assert sum(row.n_rows for row in table) == len(target)


def test_the_gap_of_a_tenth_is_its_share_of_the_bads_so_far_less_that_of_the_goods():
    prob_default, target = np.arange(100) / 100, np.zeros(100, dtype=np.int64)
    target[[95, 96, 97, 98, 5]] = 1  # four of five bads, and six of 95 goods, are in the riskiest tenth
    *_, first = deciles(prob_default, target)
    assert first.ks_good_bad == pytest.approx(4 / 5 - 6 / 95)
    assert first.bads_caught == 4 / 5
    assert deciles(prob_default, target)[0].ks_good_bad == 0  # with the safest tenth, all have been counted


def test_groups_share_out_the_rows_and_small_ones_get_no_auc():
    prob_default = np.tile([0.1, 0.3], 50)
    target = np.array(([0, 1] * 25) + ([0] * 50))
    groups = np.repeat(["town", "land"], [50, 50])
    land, town = by_group(prob_default, target, groups, Costs(accept_bad=5, decline_good=1))
    assert (land.label, land.n_rows, land.n_bad, town.n_bad) == ("land", 50, 0, 25)
    assert land.auc is None  # no bad among them
    assert town.auc is not None
    assert town.auc.value == 1.0
    assert town.mean_prob_default == pytest.approx(0.2)
    assert town.observed_to_expected.value == pytest.approx(0.5 / 0.2)
    assert town.cost == 0.0
    assert land.cost == 0.5  # the 25 goods at 0.3 are declined
    assert [found.label for found in by_group(prob_default, target, groups, Costs(), ["town", "sea"])] == ["town"]


@pytest.mark.parametrize(
    ("months", "first"), [(13, "2020-01"), (14, "2020 Q1"), (37, "2020 Q1"), (38, "2020"), (120, "2020")]
)
def test_time_is_cut_as_finely_as_thirteen_rows_allow(months, first):
    days = [date(2020 + month // 12, 1 + month % 12, 1) for month in range(months)]
    found = periods(days)
    assert found[0] == first
    assert len(set(found)) <= 13


def test_conformal_sets_hold_the_true_outcome_as_often_as_they_promise():
    rng = np.random.default_rng(9)
    prob_default = expit(rng.normal(-1, 1.3, 12_000))
    target = (rng.random(12_000) < prob_default).astype(np.int64)
    rule = fit_rule(prob_default[:6_000], target[:6_000], np.zeros(3), Costs(), ScoreScale())
    sets = conformal_sets(rule, prob_default[6_000:], 0.1)
    found = coverage_of(sets, target[6_000:], 0.1)
    assert found.bads.value == pytest.approx(0.9, abs=0.025)
    assert found.goods.value == pytest.approx(0.9, abs=0.015)
    assert found.bads.low < found.bads.value < found.bads.high
    assert found.ambiguous == sets.all(axis=1).mean()
    few_known = coverage_of(sets, target[6_000:], 0.1, n_known=(100, 100)).bads
    reach = 1.96 * (0.1 * 0.9 * (1 / target[6_000:].sum() + 1 / 100)) ** 0.5
    assert few_known.high - few_known.low == pytest.approx(2 * reach, rel=0.1)
    assert 0.2 < found.ambiguous < 0.8
