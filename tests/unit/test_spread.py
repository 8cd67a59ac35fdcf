"""How far a PD may lie from the truth: the spread between models, the calibration's own uncertainty, what follows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit, ndtr

from creditrisk.encoding import Encoder, fit_encoder
from creditrisk.errors import ScorerError
from creditrisk.metrics import ExpectedSlope
from creditrisk.scoring import Spread, fit_spread
from creditrisk.scoring.spread import FACTOR, MAX_SD, SKEW, likely_range, share_below
from tests.conftest import CORNER_SCHEMA


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return fit_encoder(_rows(400), CORNER_SCHEMA)


def _rows(n: int) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    return pl.DataFrame(
        {
            "age_years": rng.integers(18, 80, n),
            "amount_eur": rng.integers(1, 20, n) * 1000.0,
            "income_eur": rng.integers(10, 60, n) * 1000.0,
            "housing": rng.choice(["own", "rent"], n),
        }
    )


@pytest.fixture(scope="module")
def spread(encoder: Encoder) -> Spread:
    """Models that differ twice as far about people who rent, calibrated on 4,000 rows."""
    return _fitted(encoder)


def _fitted(encoder: Encoder, expected: ExpectedSlope | None = None) -> Spread:
    rng, rows = np.random.default_rng(6), _rows(4_000)
    deviation = np.where(rows["housing"] == "rent", 0.4, 0.2)
    by_halves = deviation * rng.standard_normal((3, rows.height))
    prob_default = rng.beta(1.2, 6.0, rows.height)
    target = (rng.random(rows.height) < prob_default).astype(np.int64)
    return fit_spread(encoder.matrix(rows), by_halves, encoder, prob_default, target, expected=expected, seed=1)


def test_the_spread_between_models_is_learnt_from_the_fields(spread, encoder):
    rows = _rows(400)
    between = np.exp(0.5 * spread.trees.log_mean(encoder.matrix(rows)))
    rents = (rows["housing"] == "rent").to_numpy()
    assert between[rents].mean() == pytest.approx(0.4, rel=0.1)
    assert between[~rents].mean() == pytest.approx(0.2, rel=0.15)


def test_the_calibration_is_known_least_far_from_where_its_rows_are(spread, encoder):
    matrix = np.repeat(encoder.matrix(_rows(1)), 3, axis=0)
    at_centre, above, far = spread.sd(matrix, expit(spread.centre + np.array([0.0, 1.0, 3.0])))
    assert at_centre < above < far
    # 4,000 rows with about a sixth of them bad: the level is known to 1 / sqrt(4,000 * 1/6 * 5/6) at best.
    assert spread.level_variance**0.5 == pytest.approx(1 / (4_000 * 5 / 36) ** 0.5, rel=0.25)
    between = np.exp(spread.trees.log_mean(matrix[:1]))[0]
    assert at_centre == pytest.approx((between + spread.shared_variance + spread.level_variance) ** 0.5)


def test_what_all_models_get_wrong_is_the_same_for_everybody(spread):
    mean_variance = (0.4**2 + 0.2**2) / 2
    assert spread.shared_variance == pytest.approx((FACTOR**2 - 1) * mean_variance, rel=0.05)


def test_a_slope_known_before_is_known_better(spread, encoder):
    se = spread.slope_variance**0.5
    told = _fitted(encoder, ExpectedSlope(1.0, precision=se**-2))
    assert told.slope_variance == pytest.approx(spread.slope_variance / 2, rel=0.05)


def test_models_err_more_about_high_risks(spread, encoder):
    known = replace(spread, level_variance=0.0, slope_variance=0.0)
    matrix = np.repeat(encoder.matrix(_rows(1)), 2, axis=0)
    at_centre, above = known.sd(matrix, expit(known.centre + np.array([0.0, 1.0])))
    assert above == pytest.approx(at_centre * np.exp(known.tilt))
    assert above > at_centre


def test_a_spread_survives_its_files(spread, encoder, tmp_path):
    spread.save(tmp_path)
    again, matrix = Spread.load(tmp_path, encoder), encoder.matrix(_rows(50))
    prob_default = np.linspace(0.01, 0.9, 50)
    assert again == spread
    assert again.sd(matrix, prob_default).tolist() == spread.sd(matrix, prob_default).tolist()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("spread.json", '"shared_variance": ', '"shared_variance": NaN, "x": '),
        ("spread.json", '"shared_variance": ', '"shared_variance": -'),
        ("spread.json", '"tilt": 0.12', '"tilt": 2'),
        ("spread.json", '"centre"', '"middle"'),
        ("spread.txt", "objective=regression", "objective=gamma"),
        ("spread.txt", "leaf_value=", "leaf_value=1e9 "),
    ],
)
def test_a_spread_that_was_changed_is_refused(spread, encoder, tmp_path, name, old, new):
    spread.save(tmp_path)
    text = (tmp_path / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new, 1))
    with pytest.raises(ScorerError):
        Spread.load(tmp_path, encoder)


@pytest.mark.parametrize("prob_default", [0.001, 0.05, 0.3, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("sd", [0.05, 0.6, MAX_SD])
def test_a_pd_lies_within_its_likely_range(prob_default, sd):
    low, high = likely_range(np.array([prob_default]), np.array([sd]))
    assert 0 < low[0] < prob_default < high[0] < 1


def _drawn(prob_default, sd, rng, n):
    """True log-odds that may be behind PDs, shape (n, n_rows): lognormal errors, brought to the mean and sd asked."""
    errors = np.exp(SKEW * rng.standard_normal((n, len(sd))))
    errors = (errors - np.exp(SKEW**2 / 2)) / np.sqrt(np.exp(2 * SKEW**2) - np.exp(SKEW**2))
    return logit(prob_default) - (0.5 - prob_default) * sd**2 + sd * errors


def test_a_pd_is_the_mean_of_what_may_be_true_and_the_range_holds_80_of_100():
    prob_default, sd = np.array([0.03, 0.1, 0.25]), np.array([0.3, 0.5, 0.5])
    drawn = _drawn(prob_default, sd, np.random.default_rng(4), 200_000)
    assert expit(drawn).mean(axis=0) == pytest.approx(prob_default, rel=0.03)
    assert drawn.std(axis=0) == pytest.approx(sd, rel=0.02)
    low, high = likely_range(prob_default, sd)
    assert ((low <= expit(drawn)) & (expit(drawn) <= high)).mean(axis=0) == pytest.approx(0.8, abs=0.005)
    assert (drawn < logit(high)).mean(axis=0) == pytest.approx(share_below(logit(high), prob_default, sd), abs=0.005)


def test_confidence_is_the_share_of_true_pds_in_the_zone_of_the_pd(corner_scorer):
    rule, rng = corner_scorer.rule, np.random.default_rng(3)
    prob_default, sd = np.array([0.05, 0.2, 0.6]), np.array([0.5, 0.4, 0.8])
    true = expit(_drawn(prob_default, sd, rng, 200_000))
    zones = [(0.0, rule.approve_below), (rule.approve_below, rule.decline_from), (rule.decline_from, 1.0)]
    shares = [((true[:, row] > low) & (true[:, row] <= high)).mean() for row, (low, high) in enumerate(zones)]
    assert rule.confidence(prob_default, sd) == pytest.approx(shares, abs=0.005)


def test_a_zone_without_an_end_is_never_left(corner_scorer):
    # Certain enough, far inside: nothing is lost beyond the last digit.
    confidence = corner_scorer.rule.confidence(np.array([1e-9, 1 - 1e-9]), np.array([0.1, 0.1]))
    assert confidence == pytest.approx([1.0, 1.0])
    # On the fence the mean is the PD, and the mean of skewed errors has more than half of them below.
    on_the_fence = corner_scorer.rule.confidence(np.array([corner_scorer.rule.approve_below]), np.array([1e-3]))
    assert on_the_fence[0] == pytest.approx(ndtr(SKEW / 2), abs=0.01)


def test_who_is_in_doubt_is_referred_and_keeps_the_confidence_of_the_zone(corner_scorer):
    rows = _rows(300).with_columns(row_number=pl.int_range(1, 301), client=pl.lit(None, pl.String))
    scored = corner_scorer.score(rows)
    prob_default, rule = scored["prob_default"].to_numpy(), corner_scorer.rule
    by_pd = rule.verdicts(prob_default, np.zeros(300, dtype=bool))
    in_doubt = scored["confidence"].to_numpy() < rule.ask_below
    expected = np.where(in_doubt, "refer", by_pd)
    assert scored["verdict"].to_list() == expected.tolist()
    assert ((by_pd != "refer") & in_doubt).any()
    sample = corner_scorer.sample_prob_default(rows)
    assert corner_scorer.confidence(rows, sample).tolist() == scored["confidence"].to_list()
    assert (scored["prob_default_low"] < scored["prob_default"]).all()
