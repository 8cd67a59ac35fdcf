"""Calibration: PDs that mean what they say, an order that stays, and contributions that still add up."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit

from creditrisk.errors import SchemaError, TrainingError
from creditrisk.metrics import ExpectedSlope, fit_line, log_loss
from creditrisk.scoring import fit_calibration, fit_platt, load, prior_shift, shifted
from creditrisk.scoring.calibration import (
    BETA_ROWS,
    ISOTONIC_ROWS,
    Beta,
    Isotonic,
    Platt,
    calibration_from_json,
    calibration_to_json,
    fit_beta,
    fit_isotonic,
    stretch,
)

METHODS = (fit_platt, fit_beta, fit_isotonic)


@pytest.fixture(scope="module")
def scored():
    """Scores twice as far out as they should be, and the outcomes."""
    rng = np.random.default_rng(11)
    truth = rng.normal(-1.5, 1.2, 20_000)
    return 2 * truth + 0.5, (rng.random(20_000) < expit(truth)).astype(np.int64), truth


@pytest.fixture(scope="module")
def corner_rows(corner_reference):
    rows = corner_reference.drop("prob_default").with_row_index("row_number", offset=1)
    return rows.with_columns(pl.col("row_number").cast(pl.Int64), client=pl.col("row_number").cast(pl.String))


@pytest.mark.parametrize(
    ("n_rows", "method"),
    [(500, "platt"), (BETA_ROWS - 1, "platt"), (BETA_ROWS, "beta"), (20_000, "beta")],
)
def test_the_number_of_rows_chooses_the_method(scored, n_rows, method):
    scores, target, _ = scored
    assert fit_calibration(scores[:n_rows], target[:n_rows]).method == method


def test_many_rows_get_a_free_curve_only_where_they_clearly_show_that_it_takes_one():
    rng = np.random.default_rng(3)
    scores = rng.normal(0, 2, 2 * ISOTONIC_ROWS)
    # risk rises in two steps, which no bent line follows
    stairs = -3 + 2 / (1 + np.exp(-8 * (scores + 2))) + 2 / (1 + np.exp(-8 * (scores - 2)))
    target = (rng.random(len(scores)) < expit(stairs)).astype(np.int64)
    assert fit_calibration(scores, target).method == "isotonic"
    assert fit_calibration(scores[:ISOTONIC_ROWS], target[:ISOTONIC_ROWS]).method == "beta"


def test_a_line_finds_the_stretch_that_was_put_in(scored):
    scores, target, _ = scored
    fitted = fit_platt(scores, target)  # truth = (score - 0.5) / 2
    assert fitted.slope == pytest.approx(0.5, abs=0.02)
    assert fitted.intercept == pytest.approx(-0.25, abs=0.05)


def test_a_slope_heeds_what_is_known_of_it_as_far_as_that_is_known(scored):
    scores, target = (values[:400] for values in scored[:2])
    alone = fit_line(scores, target)
    as_sure = fit_line(scores, target, ExpectedSlope(alone.slope / 2, alone.slope_se**-2))
    assert alone.slope / 2 < as_sure.slope < alone.slope
    assert as_sure.slope == pytest.approx(0.75 * alone.slope, rel=0.1)
    assert as_sure.slope_se == pytest.approx(alone.slope_se / 2**0.5, rel=0.1)
    assert fit_platt(scores, target, ExpectedSlope(9.0, precision=0.0)) == fit_platt(scores, target)
    surely = fit_platt(scores, target, ExpectedSlope(0.3, precision=1e9))
    assert surely.slope == pytest.approx(0.3, abs=1e-4)
    assert surely.prob_default(scores).mean() == pytest.approx(target.mean(), abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_calibrated_pds_lose_next_to_nothing_against_the_true_ones(scored, method):
    scores, target, truth = scored
    fitted = method(scores[:10_000], target[:10_000])
    judged = log_loss(fitted.prob_default(scores[10_000:]), target[10_000:])
    best = log_loss(expit(truth[10_000:]), target[10_000:])
    raw = log_loss(expit(scores[10_000:]), target[10_000:])
    assert best - 0.002 < judged < best + 0.003 < raw


@pytest.mark.parametrize("method", METHODS)
def test_no_method_changes_the_order_or_makes_a_tie(scored, method):
    scores, target, _ = scored
    ordered = np.unique(scores)
    ordered = ordered[np.diff(ordered, prepend=-np.inf) > 1e-9]
    assert (np.diff(method(scores, target).prob_default(ordered)) > 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_pds_stay_strictly_between_0_and_1_however_far_out_the_score(scored, method):
    scores, target, _ = scored
    found = method(scores, target).prob_default(np.array([-1e6, -500.0, 500.0, 1e6]))
    assert ((found > 0) & (found < 1)).all()


@pytest.mark.parametrize("method", METHODS)
def test_outcomes_that_a_line_separates_give_finite_numbers(method):
    scores = np.linspace(-2, 2, 400)
    fitted = method(scores, (scores > 0).astype(np.int64))
    found = fitted.prob_default(scores)
    assert np.isfinite(found).all()
    assert found[0] < 0.01
    assert found[-1] > 0.99
    assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_scores_that_run_against_the_outcomes_are_refused(scored, method):
    scores, target, _ = scored
    with pytest.raises(TrainingError, match=r"ranks 20,000 unseen rows the wrong way round"):
        method(-scores, target)


def test_a_score_alike_for_everybody_becomes_the_bad_rate():
    target = np.array([0, 0, 0, 1] * 25)  # 25.5 of 101, half a row being held aside for each outcome
    assert fit_platt(np.full(100, -3.0), target).prob_default(np.array([-3.0])) == pytest.approx(25.5 / 101)


def test_a_bend_is_found_where_the_scores_are_bent():
    rng = np.random.default_rng(5)
    scores = rng.normal(-1, 2, 60_000)
    bent = 0.3 * -np.logaddexp(0, -scores) + 1.4 * np.logaddexp(0, scores) - 0.5
    target = (rng.random(60_000) < expit(bent)).astype(np.int64)
    fitted = fit_beta(scores, target)
    assert fitted.slope_low == pytest.approx(0.3, abs=0.08)
    assert fitted.slope_high == pytest.approx(1.4, abs=0.08)


@pytest.mark.parametrize(
    "calibration",
    [Platt(0.8, -0.1), Beta(0.7, 1.2, 0.3), Isotonic((-2.0, 0.0, 1.0), (-1.5, -0.2, 2.0), 0.9)],
    ids=lambda calibration: calibration.method,
)
def test_contributions_add_up_to_the_calibrated_way_from_the_origin(calibration):
    rng = np.random.default_rng(2)
    pushes = rng.normal(0, 1, (50, 6))
    pushes[0] = 0.0  # an applicant at the very origin
    pushes[1] = [1e-9, 0, 0, 0, 0, 0]
    origin = np.full(50, -1.0)
    there = origin + pushes.sum(axis=1)
    carried = pushes * stretch(calibration, there, origin)[:, np.newaxis]
    way = calibration.log_odds(there) - calibration.log_odds(origin)
    np.testing.assert_allclose(carried.sum(axis=1), way, atol=1e-12)
    assert (np.sign(carried) == np.sign(pushes)).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_calibration_survives_json_to_the_last_bit(scored, method):
    scores, target, _ = scored
    fitted = method(scores, target)
    again = calibration_from_json(json.loads(json.dumps(calibration_to_json(fitted))))
    assert again == fitted
    np.testing.assert_array_equal(again.prob_default(scores), fitted.prob_default(scores))


def test_a_known_bad_rate_of_the_portfolio_moves_the_odds_and_nothing_else():
    prob_default = np.array([0.2, 0.5, 0.8])  # odds 1:4, 1:1, 4:1
    # from an even sample to 1 bad in 5: every odds are divided by four
    found = shifted(prob_default, prior_shift(0.5, 0.2))
    np.testing.assert_allclose(found / (1 - found), [1 / 16, 1 / 4, 1])
    np.testing.assert_array_equal(shifted(prob_default, prior_shift(0.5, None)), prob_default)


def test_resampling_the_bads_is_undone_by_the_portfolios_bad_rate():
    rng = np.random.default_rng(8)
    truth = rng.normal(-3, 1.0, 200_000)
    bad = rng.random(200_000) < expit(truth)
    kept = bad | (rng.random(200_000) < bad.mean())  # about as many goods as bads
    fitted = fit_platt(truth[kept], bad[kept].astype(np.int64))
    shift = prior_shift(float(bad[kept].mean()), float(bad.mean()))
    assert fitted.prob_default(truth).mean() > 3 * bad.mean()
    assert shifted(fitted.prob_default(truth), shift).mean() == pytest.approx(bad.mean(), rel=0.02)


def test_a_scorer_shows_portfolio_pds_and_is_judged_by_sample_pds(corner_scorer, corner_rows, tmp_path):
    rule = corner_scorer.rule
    sample_rate = rule.n_bad / (rule.n_bad + rule.n_good)
    rare = replace(corner_scorer, schema=replace(corner_scorer.schema, portfolio_bad_rate=0.02))
    shift = logit(0.02) - logit(sample_rate)
    np.testing.assert_array_equal(rare.sample_prob_default(corner_rows), corner_scorer.prob_default(corner_rows))
    np.testing.assert_allclose(
        logit(rare.prob_default(corner_rows)), logit(corner_scorer.prob_default(corner_rows)) + shift
    )
    there, here = rare.score(corner_rows), corner_scorer.score(corner_rows)
    assert (there["prob_default"] < here["prob_default"]).all()
    # What moved the risk is the same, by how much in PD is not.
    named = pl.col("reasons").list.eval(pl.element().struct.field("code"))
    assert there.select(named).equals(here.select(named))
    rare.save(tmp_path / "scorer")
    again = load(tmp_path / "scorer", name="corner", version="1")
    assert again.score(corner_rows)["prob_default"].equals(there["prob_default"])


@pytest.mark.parametrize("calibration", [Beta(0.7, 1.2, 0.3), Isotonic((-2.0, 0.0), (-1.5, 0.2), 0.9)])
def test_a_scorers_pushes_add_up_on_any_calibration(corner_scorer, corner_rows, calibration):
    scorer = replace(corner_scorer, calibration=calibration)
    reference = np.array([scorer.rule.reference], dtype=np.float64)
    way = logit(scorer.prob_default(corner_rows)) - calibration.log_odds(scorer.model.log_odds(reference))
    np.testing.assert_allclose(scorer.contributions(corner_rows).sum(axis=1), way, atol=1e-9)


@pytest.mark.parametrize("rate", [0.0, 1.0, 3.0])
def test_a_portfolio_rate_that_is_no_share_is_refused(corner_scorer, rate):
    with pytest.raises(SchemaError, match="expected a share between 0 and 1"):
        replace(corner_scorer.schema, portfolio_bad_rate=rate)
