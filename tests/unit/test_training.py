"""The training path: nothing is judged by rows it was fitted or chosen on, and the whole path is deterministic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from creditrisk.datasets import simulated
from creditrisk.decision import ScoreScale
from creditrisk.errors import TrainingError
from creditrisk.schema import Schema
from creditrisk.simulator import simulate
from creditrisk.splits import stratified_folds, time_split
from creditrisk.training import Training, train

UNDATED = replace(
    simulated.SCHEMA, fields=tuple(field for field in simulated.SCHEMA.fields if field.role not in ("time", "excluded"))
)


def _train(frame: pl.DataFrame, schema: Schema, seed: int = 1) -> Training:
    return train(frame, schema, scale=ScoreScale(), seed=seed, threads=2, progress=lambda *_: None)


@pytest.fixture(scope="module")
def applicants() -> pl.DataFrame:
    return simulate(4_000, seed=5).with_row_index("row_number", offset=1)


@pytest.fixture(scope="module")
def by_time(applicants) -> Training:
    return _train(applicants, simulated.SCHEMA)


def test_time_splits_share_no_row_and_no_day_and_the_newest_judge(applicants):
    split = time_split(applicants["application_date"])
    parts = [split.train, split.validation, split.test]
    assert sorted(np.concatenate(parts).tolist()) == list(range(applicants.height))
    days = [applicants["application_date"].gather(part) for part in parts]
    assert days[0].max() < days[1].min()
    assert days[1].max() < days[2].min()
    assert [round(len(part) / applicants.height, 1) for part in parts] == [0.6, 0.2, 0.2]


def test_folds_judge_each_row_once_with_the_share_of_bads_of_the_table():
    target = np.array([1] * 30 + [0] * 70)
    folds = list(stratified_folds(target, 10, seed=1))
    assert sorted(np.concatenate([judge for _, judge in folds]).tolist()) == list(range(100))
    assert all(target[judge].sum() == 3 and not set(teach) & set(judge) for teach, judge in folds)


def test_the_cheapest_candidate_is_chosen(by_time):
    chosen = by_time.scorer.model.family
    costs = {item.family: item.performance.cost for item in by_time.candidates}
    assert costs[chosen] == min(costs.values())
    assert set(costs) == {"logistic_regression", "lightgbm", "dnn", "blend"}


def test_it_is_judged_on_the_newest_rows_and_comes_near_the_best_reachable_auc(by_time, applicants):
    assert by_time.judged["application_date"].min() > by_time.reference["application_date"].max()
    truth = by_time.judged["true_prob_default"].to_numpy()
    outcome = by_time.judged["default"].to_numpy()
    best = (truth[outcome == 1][:, None] > truth[outcome == 0]).mean()
    assert (
        0.68 < by_time.performance.auc < best + 0.02
    )  # 2,400 rows to learn from; better than the truth would be a leak


def test_the_same_seed_gives_the_same_scorer_to_the_last_byte(applicants, by_time, tmp_path):
    by_time.scorer.save(tmp_path / "one")
    _train(applicants, simulated.SCHEMA).scorer.save(tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_a_field_that_is_noise_in_training_and_tells_all_later_gains_nothing():
    # A planted leak: from the first judged day on, one field equals the outcome. Whoever fits on judged rows finds it.
    frame = simulate(3_000, seed=6).with_row_index("row_number", offset=1)
    first_judged = frame["application_date"].sort()[int(frame.height * 0.8)]
    noise = pl.Series(np.random.default_rng(1).integers(0, 2, frame.height)).cast(pl.Float64)
    leak = pl.when(pl.col("application_date") >= first_judged).then(pl.col("default").cast(pl.Float64)).otherwise(noise)
    planted = _train(frame.with_columns(savings_eur=leak), simulated.SCHEMA)
    assert planted.performance.auc < 0.85  # the leak alone would give 1.0


def test_outcomes_shuffled_among_applicants_are_refused_because_nothing_holds():
    frame = simulate(400, seed=8).with_row_index("row_number", offset=1)
    shuffled = np.random.default_rng(3).permutation(frame["default"].to_numpy())
    with pytest.raises(TrainingError, match="the wrong way round"):
        _train(frame.with_columns(default=pl.Series(shuffled)), UNDATED)


def test_too_few_rows_or_bads_are_refused_with_the_numbers():
    frame = simulate(150, seed=5).with_row_index("row_number", offset=1)
    with pytest.raises(TrainingError, match="150 usable rows"):
        _train(frame, simulated.SCHEMA)


def test_the_card_names_figures_costs_and_what_is_not_used(by_time):
    card = by_time.scorer.card
    assert f"{by_time.performance.auc:.3f}" in card
    assert "Protected fields" in card
    assert "Age" in card
