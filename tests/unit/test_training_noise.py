"""Which models do not differ beyond noise, and which of them is the cheapest to score with."""

from __future__ import annotations

import numpy as np
import pytest

from creditrisk.arrays import FloatArray
from creditrisk.learners import FAMILIES, family, is_blend, steps_per_client
from creditrisk.training.noise import MATTERS_SHARE, can_win, cheapest_alike

N_ROWS = 10_000
TARGET = np.arange(N_ROWS) % 2
# Bad rate one half: the log loss of one PD for everybody is log 2.
MATTERS = MATTERS_SHARE * np.log(2)


def _losses(*excess: float, sd: float) -> FloatArray:
    """Losses of a best model and of others that exceed it by so much on average, with noise of so much a row."""
    noise = np.where(np.arange(N_ROWS) % 2, sd, -sd)
    return np.array([np.full(N_ROWS, 0.5), *(0.5 + more + noise for more in excess)])


def test_of_models_alike_the_cheapest_wins():
    # A standard error of 0.1 / 100; a third of what matters is well within it.
    losses = _losses(MATTERS / 3, MATTERS / 3, sd=0.1)
    assert cheapest_alike(losses, [800.0, 200.0, 400.0], TARGET) == 1
    assert cheapest_alike(losses, [100.0, 200.0, 400.0], TARGET) == 0


def test_a_difference_beyond_noise_is_not_given_away_for_speed():
    # The same difference, now with a standard error of 0.001 / 100.
    assert cheapest_alike(_losses(MATTERS / 3, sd=0.001), [800.0, 1.0], TARGET) == 0


def test_a_difference_that_matters_is_not_given_away_however_noisy():
    assert cheapest_alike(_losses(3 * MATTERS, sd=1.0), [800.0, 1.0], TARGET) == 0


def test_of_equally_cheap_models_the_better_wins_and_of_equal_ones_the_first():
    assert cheapest_alike(_losses(MATTERS / 3, sd=0.1)[::-1], [5.0, 5.0], TARGET) == 1
    assert cheapest_alike(_losses(0.0, 0.0, sd=0.0), [5.0, 5.0, 5.0], TARGET) == 0


def test_only_what_is_worse_beyond_one_standard_error_cannot_win():
    assert can_win(_losses(0.0009, 0.0011, sd=0.1)).tolist() == [True, True, False]


@pytest.mark.parametrize("name", [name for name in FAMILIES if not is_blend(name)])
@pytest.mark.parametrize("n_rows", [1_000, 20_000])
def test_every_family_has_a_cost_that_is_counted(name, n_rows):
    steps = steps_per_client({name: family(name).defaults(n_rows)})
    assert (steps == 1.0) == (name == "logistic_regression")


@pytest.mark.parametrize(
    ("name", "less", "more"),
    [
        ("lightgbm", {"num_iterations": 200, "num_leaves": 15}, {"num_iterations": 800, "num_leaves": 15}),
        ("lightgbm", {"num_iterations": 200, "num_leaves": 15}, {"num_iterations": 200, "num_leaves": 31}),
        ("xgboost", {"num_boost_round": 200, "max_depth": 3}, {"num_boost_round": 200, "max_depth": 4}),
        ("random_forest", {"n_estimators": 100, "max_depth": 4}, {"n_estimators": 100, "max_depth": 8}),
        ("dnn", {"width": 64}, {"width": 128}),
    ],
)
def test_more_trees_deeper_trees_and_wider_networks_cost_more(name, less, more):
    assert family(name).steps_per_client(less) < family(name).steps_per_client(more)


def test_a_blend_costs_what_its_members_cost_together():
    members = {name: family(name).defaults(N_ROWS) for name in ("lightgbm", "xgboost", "dnn")}
    alone = [steps_per_client({name: settings}) for name, settings in members.items()]
    assert steps_per_client(members) == sum(alone)
