"""Figures of merit, against hand-made cases and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from creditrisk.calibration import fit_platt
from creditrisk.comparison import compare_metrics
from creditrisk.errors import TrainingError
from creditrisk.evaluation import evaluate
from creditrisk.schema import Costs


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


@pytest.mark.parametrize(("saving", "is_better"), [(-0.2, False), (0.0, False), (0.08, False), (0.09, True)])
def test_a_challenger_has_to_be_cheaper_by_two_standard_errors(saving, is_better):
    # standard errors 0.03 and 0.03: of the difference 0.0424, twice that 0.0849
    champion = {"performance": {"cost": 0.6, "cost_se": 0.03}}
    challenger = {"performance": {"cost": 0.6 - saving, "cost_se": 0.03}}
    assert compare_metrics(champion, challenger).is_better is is_better
