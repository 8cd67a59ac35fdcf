"""Differences between two models on the same rows, against other ways of finding them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import t
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from creditrisk.comparison.paired import bootstrap, correlated_t, row_losses
from creditrisk.metrics import auc, decision_costs, delong, evaluate, log_loss, recalibrate
from creditrisk.schema import Costs

COSTS = Costs(accept_bad=5, decline_good=1)


@pytest.fixture(scope="module")
def rows():
    """A thousand applicants, and two models that see their log-odds through noise, the challenger through less."""
    rng = np.random.default_rng(5)
    log_odds = rng.normal(-1.5, 1.2, 1_000)
    target = (rng.random(1_000) < expit(log_odds)).astype(np.int64)
    # Rounded, so that there are ties within and between the outcomes.
    champion, challenger = (np.round(expit(log_odds + rng.normal(0, noise, 1_000)), 3) for noise in (0.8, 0.3))
    return np.clip(champion, 0.001, 0.999), np.clip(challenger, 0.001, 0.999), target


def test_the_bootstrap_gives_what_resampling_row_by_row_gives(rows):
    champion, challenger, target = rows
    draws = bootstrap(champion[None], challenger[None], target, COSTS, seed=1)
    # The plain way: draw rows of each outcome, compute both figures on them, subtract.
    rng = np.random.default_rng(2)
    good, bad = np.flatnonzero(target == 0), np.flatnonzero(target == 1)
    plain = []
    for _ in range(500):
        drawn = np.concatenate([rng.choice(good, len(good)), rng.choice(bad, len(bad))])
        old, new, outcome = champion[drawn], challenger[drawn], target[drawn]
        cost = decision_costs(new, outcome, COSTS).mean() - decision_costs(old, outcome, COSTS).mean()
        plain.append((log_loss(new, outcome) - log_loss(old, outcome), auc(new, outcome) - auc(old, outcome), cost))
    for name, expected in zip(("log_loss", "auc", "cost"), np.array(plain).T, strict=True):
        spread = expected.std()
        assert draws[name].mean() == pytest.approx(expected.mean(), abs=0.2 * spread)
        assert draws[name].std() == pytest.approx(spread, rel=0.12)  # 500 draws know it to 3 %


def test_the_same_seed_gives_the_same_draws_and_another_seed_others(rows):
    champion, challenger, target = rows
    first, again, other = (
        bootstrap(champion[None], challenger[None], target, COSTS, seed=seed)["auc"] for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_same_model_twice_differs_by_exactly_nothing(rows):
    champion, _, target = rows
    folds = np.tile(np.arange(1_000) % 5, (2, 1))
    twice = np.tile(champion, (2, 1))
    for draws in (
        bootstrap(champion[None], champion[None], target, COSTS, seed=1),
        correlated_t(twice, twice, target, folds, COSTS),
    ):
        assert all(not found.any() for found in draws.values())


def test_delong_agrees_with_the_bootstrap_and_with_scikit_learn(rows):
    champion, challenger, target = rows
    difference, error = delong(champion, challenger, target)
    assert difference == pytest.approx(roc_auc_score(target, challenger) - roc_auc_score(target, champion), abs=1e-12)
    draws = bootstrap(champion[None], challenger[None], target, COSTS, seed=1)["auc"]
    assert error == pytest.approx(draws.std(), rel=0.08)


def test_recalibration_is_logistic_regression_on_the_log_odds(rows):
    champion, _, target = rows
    expected = LogisticRegression(C=1e9, tol=1e-10).fit(logit(champion)[:, None], target)
    found = recalibrate(champion, target)
    assert (found.intercept, found.slope) == pytest.approx((expected.intercept_[0], expected.coef_[0, 0]), abs=1e-4)


def test_a_model_that_ranks_the_wrong_way_round_has_one_negative_slope_everywhere(rows):
    champion, _, target = rows
    turned = 1 - champion
    assert recalibrate(turned, target).slope == pytest.approx(-recalibrate(champion, target).slope)
    assert evaluate(turned, target, COSTS).calibration_slope == recalibrate(turned, target).slope < 0


def test_pds_without_any_spread_or_that_part_the_outcomes_exactly_can_be_recalibrated():
    target = np.array([0, 0, 0, 1])
    assert np.isfinite(recalibrate(np.full(4, 0.3), target).slope_se)
    assert np.isfinite(recalibrate(np.array([0.1, 0.1, 0.2, 0.9]), target).slope)


def test_what_calibration_loses_is_the_log_loss_a_recalibration_saves(rows):
    _, challenger, target = rows
    overconfident = expit(2 * logit(challenger))
    line = recalibrate(overconfident, target)
    mended = expit(line.intercept + line.slope * logit(overconfident))
    lost = row_losses(overconfident, target, COSTS)[:, 3].mean()
    assert lost == pytest.approx(log_loss(overconfident, target) - log_loss(mended, target))
    assert lost > row_losses(challenger, target, COSTS)[:, 3].mean() >= 0


def test_the_correlated_t_posterior_follows_its_formula(rows):
    champion, challenger, target = rows
    folds = np.random.default_rng(0).permuted(np.tile(np.arange(1_000) % 10, (3, 1)), axis=1)
    old, new = np.tile(champion, (3, 1)), np.tile(challenger, (3, 1))
    posterior = correlated_t(old, new, target, folds, COSTS)["auc"]
    # 30 folds that each judge a tenth: scale^2 = (1/30 + (1/10) / (9/10)) var(d), 29 degrees of freedom.
    d = [
        auc(challenger[fold == number], target[fold == number]) - auc(champion[fold == number], target[fold == number])
        for fold in folds
        for number in range(10)
    ]
    expected = t(29, loc=np.mean(d), scale=np.sqrt((1 / 30 + 1 / 9) * np.var(d, ddof=1)))
    assert (posterior < 0).mean() == pytest.approx(expected.cdf(0), abs=0.001)
    assert np.quantile(posterior, [0.025, 0.975]) == pytest.approx(expected.ppf([0.025, 0.975]), rel=0.01)
