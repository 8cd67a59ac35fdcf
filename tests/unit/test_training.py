"""The training path: nothing is tested on rows it was fitted or chosen on, and the whole path is deterministic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from creditrisk.datasets import load_schema
from creditrisk.encoding import fit_encoder
from creditrisk.errors import TrainingError
from creditrisk.learners import FAMILIES, family, is_blend, members_of, steps_per_client
from creditrisk.schema import Schema
from creditrisk.scoring import ScoreScale
from creditrisk.simulator import simulate
from creditrisk.splits import stratified_folds, time_split
from creditrisk.training import Budget, Candidate, Job, JobResult, Recipe, Training, run_job, train
from creditrisk.training.noise import MATTERS_SHARE
from creditrisk.training.results import metrics_of
from creditrisk.training.tuning import N_BLIND, propose

SCHEMA = load_schema("simulated")
UNDATED = replace(SCHEMA, fields=tuple(field for field in SCHEMA.fields if field.role not in ("time", "excluded")))


def _train(frame: pl.DataFrame, schema: Schema, seed: int = 1, trials: int = 1, **options: Any) -> Training:
    return train(frame, schema, scale=ScoreScale(), seed=seed, budget=Budget(trials), **options)


@pytest.fixture(scope="module")
def applicants() -> pl.DataFrame:
    return simulate(4_000, seed=5).with_row_index("row_number", offset=1)


@pytest.fixture(scope="module")
def by_time(applicants) -> Training:
    return _train(applicants, SCHEMA)


@pytest.fixture(scope="module")
def by_time_again(applicants, by_time) -> Training:
    """The same training once more, now with a champion to be compared with."""
    return _train(applicants, SCHEMA, champion=by_time.scorer)


def test_time_splits_share_no_row_and_no_day_and_the_newest_are_the_test(applicants):
    split = time_split(applicants["application_date"])
    parts = [split.train, split.validation, split.test]
    assert sorted(np.concatenate(parts).tolist()) == list(range(applicants.height))
    days = [applicants["application_date"].gather(part) for part in parts]
    assert days[0].max() < days[1].min()
    assert days[1].max() < days[2].min()
    assert [round(len(part) / applicants.height, 1) for part in parts] == [0.6, 0.2, 0.2]


def test_folds_test_each_row_once_with_the_share_of_bads_of_the_table():
    target = np.array([1] * 30 + [0] * 70)
    folds = list(stratified_folds(target, 10, seed=1))
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(100))
    assert all(target[test].sum() == 3 and not set(train) & set(test) for train, test in folds)


@pytest.fixture(scope="module")
def fewer_folds() -> Iterator[None]:
    """Two repeats of two folds in place of three of ten: the same path, in an eighth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("creditrisk.training.by_folds.SMALL_TABLE_FOLDS", (2, 2))
        yield


@pytest.fixture
def fewer_families(monkeypatch) -> None:
    """Two families that are fitted at once, where the path is asked about and not what it finds."""
    for module in ("scores", "choosing"):
        monkeypatch.setattr(f"creditrisk.training.{module}.FAMILIES", ("decision_tree", "logistic_regression"))


@pytest.fixture(scope="module")
def by_folds(fewer_folds, by_time) -> Training:
    """Trained on 400 applicants without dates, two settings a family, beside a champion blended of the defaults."""
    frame = simulate(400, seed=9).with_row_index("row_number", offset=1)
    defaults = {member: family(member).defaults(300) for member in members_of("blend", 300)}
    metrics = metrics_of(Recipe("blend", defaults), [], by_time.performance, "tested")
    champion = replace(by_time.scorer, metrics=metrics)
    return _train(frame, UNDATED, trials=2, champion=champion)


def test_the_family_wins_that_has_the_lowest_validation_log_loss_or_is_cheaper_and_as_good(by_time):
    assert by_time.failures == {}
    assert [item.family for item in by_time.candidates] == list(FAMILIES)
    best = min(by_time.candidates, key=lambda item: item.validation.log_loss)
    chosen = next(item for item in by_time.candidates if item.family == by_time.recipe.family)
    assert chosen.validation.log_loss <= best.validation.log_loss + MATTERS_SHARE * np.log(2)
    assert _steps(chosen) <= _steps(best)
    assert by_time.scorer.model.family == chosen.family
    assert by_time.scorer.metrics["recipe"]["parameters"] == chosen.recipe.parameters
    assert all(item.microseconds_per_client > 0 for item in by_time.candidates)


@pytest.mark.parametrize(("budget", "is_known"), [(Budget(N_BLIND), True), (Budget(N_BLIND + 1), False)])
def test_with_dates_settings_are_known_beforehand_as_long_as_no_outcome_leads_the_search(applicants, budget, is_known):
    jobs: list[Job] = []
    with pytest.raises(TrainingError, match="no family could be fitted: "):
        train(applicants, SCHEMA, scale=ScoreScale(), budget=budget, run=lambda given, _: _refused(given, jobs))
    assert {len(job.proposals) for job in jobs} == {1 if is_known else 0}
    assert sum(job.n_fits for job in jobs) == budget.trials * sum(not is_blend(name) for name in FAMILIES)


def _refused(given: list[Job], jobs: list[Job]) -> list[tuple[int, JobResult]]:
    jobs += given
    return [(index, JobResult([], ["out of memory"])) for index in range(len(given))]


@pytest.mark.parametrize("name", ["decision_tree", "logistic_regression"])
def test_what_is_proposed_is_what_a_search_begins_with(applicants, name):
    encoder, rows = fit_encoder(applicants, SCHEMA), np.arange(600)
    matrix, target = encoder.matrix(applicants), applicants["default"].to_numpy().astype(np.int64)
    job = Job(name, matrix, target, rows, rows + 600, encoder, 3, Budget(N_BLIND), n_validation=300)
    searched = tuple(trial.parameters for trial in run_job(job).trials)
    assert propose(name, 600, trials=N_BLIND, seed=3) == searched


def _steps(candidate: Candidate) -> float:
    return steps_per_client(candidate.recipe.parameters)


def test_the_best_settings_tried_have_figures_on_validation_and_test_rows(by_folds):
    for name in FAMILIES:
        if is_blend(name):
            continue
        tried = [result for result in by_folds.results if result.family == name]
        assert [result.number for result in tried] == [0, 1], name
        assert tried[0].parameters != tried[1].parameters, name
        for result in tried:
            assert result.seconds > 0
            assert (result.validation is None) == (result.test is None)
            assert result.validation is None or result.validation.n_rows == result.test.n_rows == 400


def test_every_row_is_tested_in_one_fold_of_every_repeat(by_folds):
    test = by_folds.test
    assert test.prob_default.shape == test.folds.shape == (2, 400)
    assert ((test.prob_default > 0) & (test.prob_default < 1)).all()
    for fold_of in test.folds:
        assert np.bincount(fold_of).tolist() == [200] * 2
    assert "2 x 2-fold" in by_folds.protocol


def test_a_champion_of_a_recipe_that_is_tried_is_tested_in_the_same_folds(by_folds):
    assert by_folds.champion_prob_default.shape == (2, 400)
    # The champion's recipe is fixed, the path chooses anew in each fold; where it chooses the same, it gives the same.
    same = (by_folds.champion_prob_default == by_folds.test.prob_default).mean()
    assert 0 < same <= 1


def test_a_champion_of_a_dated_table_scores_the_test_rows_itself(by_time_again):
    assert (by_time_again.champion_prob_default == by_time_again.test.prob_default).all()


def test_a_family_that_cannot_be_fitted_is_named_with_its_reason(applicants, monkeypatch):
    def out_of_memory(*_: Any, **__: Any) -> Any:
        raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")

    monkeypatch.setattr("creditrisk.learners.dnn.fit", out_of_memory)
    for module in ("scores", "choosing"):
        monkeypatch.setattr(f"creditrisk.training.{module}.FAMILIES", ("decision_tree", "dnn"))
    training = _train(applicants.head(1_000), SCHEMA)
    assert training.failures == {"dnn": "RuntimeError: CUDA out of memory. Tried to allocate 20 GiB"}
    assert "dnn" not in {item.family for item in training.candidates}
    assert "CUDA out of memory" in training.scorer.card


def test_the_first_day_of_the_test_can_be_given(applicants, fewer_families):
    training = _train(applicants, SCHEMA, test_from=date(2023, 1, 1))
    assert training.test.frame["application_date"].min() >= date(2023, 1, 1)
    assert training.test.frame.height == applicants.filter(pl.col("application_date") >= date(2023, 1, 1)).height
    with pytest.raises(TrainingError, match="cannot be divided by time"):
        _train(applicants, SCHEMA, test_from=date(1999, 1, 1))
    with pytest.raises(TrainingError, match="no time field"):
        _train(applicants, UNDATED, test_from=date(2023, 1, 1))


def test_on_the_newest_rows_it_comes_near_the_best_reachable_auc(by_time, applicants):
    assert by_time.test.frame["application_date"].min() > by_time.reference["application_date"].max()
    truth = by_time.test.frame["true_prob_default"].to_numpy()
    outcome = by_time.test.target
    best = (truth[outcome == 1][:, None] > truth[outcome == 0]).mean()
    # 2,400 rows to learn from; better than the truth would be a leak
    assert 0.68 < by_time.performance.auc < best + 0.02


def test_the_same_seed_gives_the_same_scorer_to_the_last_byte(by_time, by_time_again, tmp_path):
    by_time.scorer.save(tmp_path / "one")
    by_time_again.scorer.save(tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_a_field_that_is_noise_until_the_test_and_tells_all_there_gains_nothing(fewer_families):
    # A planted leak: from the first day of the test on, one field is the outcome. Whoever fits on test rows finds it.
    frame = simulate(3_000, seed=6).with_row_index("row_number", offset=1)
    first_tested = frame["application_date"].sort()[int(frame.height * 0.8)]
    noise = pl.Series(np.random.default_rng(1).integers(0, 2, frame.height)).cast(pl.Float64)
    leak = pl.when(pl.col("application_date") >= first_tested).then(pl.col("default").cast(pl.Float64)).otherwise(noise)
    planted = _train(frame.with_columns(savings_eur=leak), SCHEMA)
    assert planted.performance.auc < 0.85  # the leak alone would give 1.0


def test_shuffled_outcomes_gain_nothing_in_folds(fewer_folds, fewer_families):
    # Noise with many settings to choose from: whoever chooses or calibrates on test rows reports more than a coin.
    frame = simulate(400, seed=8).with_row_index("row_number", offset=1)
    areas = []
    for seed in range(4, 8):  # of which one is reported on
        shuffled = np.random.default_rng(seed).permutation(frame["default"].to_numpy())
        try:
            areas.append(_train(frame.with_columns(default=pl.Series(shuffled)), UNDATED, seed, 8).performance.auc)
        except TrainingError:  # no family ranks such rows the right way round: nothing is reported at all
            continue
    assert np.mean([0.5, *areas]) < 0.56


def test_shuffled_outcomes_are_refused_because_nothing_holds(fewer_folds, fewer_families):
    frame = simulate(400, seed=8).with_row_index("row_number", offset=1)
    shuffled = np.random.default_rng(3).permutation(frame["default"].to_numpy())
    with pytest.raises(TrainingError, match="the wrong way round"):
        _train(frame.with_columns(default=pl.Series(shuffled)), UNDATED)


def test_too_few_rows_or_bads_are_refused_with_the_numbers():
    frame = simulate(150, seed=5).with_row_index("row_number", offset=1)
    with pytest.raises(TrainingError, match="150 usable rows"):
        _train(frame, SCHEMA)


def test_what_is_usual_among_the_approved_goes_with_the_scorer(by_time):
    scorer = by_time.scorer
    usual = dict(zip((field.name for field in scorer.encoder.fields), scorer.rule.reference, strict=True))
    of_all = {field.name: field.fill for field in scorer.encoder.fields}
    assert usual["income_eur"] != of_all["income_eur"]
    assert usual["savings_eur"] > of_all["savings_eur"]


def test_the_card_names_figures_costs_and_what_is_not_used(by_time):
    card = by_time.scorer.card
    assert f"{by_time.performance.auc:.3f}" in card
    assert "Protected fields" in card
    assert "Age" in card
