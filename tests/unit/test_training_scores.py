"""Out-of-sample scores, how long fits will take, and the recipe kept with a scorer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from creditrisk.datasets import load_schema
from creditrisk.encoding import fit_encoder
from creditrisk.errors import TrainingError
from creditrisk.metrics import ExpectedSlope, evaluate
from creditrisk.schema import Costs
from creditrisk.scoring import ScoreScale
from creditrisk.simulator import simulate
from creditrisk.training import Budget, Candidate, Job, JobResult, OnFitDone, Recipe
from creditrisk.training.halves import ByHalves, scores_by_halves
from creditrisk.training.plan import Plan
from creditrisk.training.progress import ProgressEstimate
from creditrisk.training.results import metrics_of, noted_recipe
from creditrisk.training.scores import HALVINGS, MANY_ROWS, OutOfSampleScores, Split, n_halvings, simple_families
from creditrisk.training.tuning import Trial

HALVES = np.arange(0, 50), np.arange(50, 100)
# The fake ranks rows by their position: in each half the later rows are bad, but for every seventh.
RISING = np.where(np.arange(100) % 7 == 0, np.arange(100) % 50 < 25, np.arange(100) % 50 >= 25).astype(np.int64)
SETTINGS = ({"step": 1}, {"step": 2})
SCHEMA = load_schema("simulated")
# Seconds of the fits of real trainings, job by job in the order in which they were begun: tests/bench/fit_times.py.
FIT_TIMES = Path(__file__).parent / "fit_times"


class FakeRunner:
    """Each row's log-odds is its position times the setting's step; notes the jobs, and fails where it is told to."""

    def __init__(self) -> None:
        self.done: list[tuple[str, int, int]] = []
        self.failing: tuple[str, int, int] | None = None

    def __call__(self, jobs: list[Job], on_fit_done: OnFitDone) -> Iterable[tuple[int, JobResult]]:
        for index, job in reversed(list(enumerate(jobs))):
            trials, failures = [], []
            for number, setting in enumerate(job.proposals):
                fit = (job.family, int(job.scored[0]), int(setting["step"]))
                self.done.append(fit)
                on_fit_done(job.family, 1.0)
                if fit == self.failing:
                    failures.append("out of memory")
                else:
                    trials.append(Trial(job.family, number, setting, 1.0, 5.0, job.scored * float(setting["step"])))
            yield index, JobResult(trials, failures)


@pytest.fixture
def runner():
    return FakeRunner()


@pytest.fixture
def scores(runner):
    """Two repeats of two folds over a hundred rows."""
    frame = simulate(100, seed=1)
    encoder = fit_encoder(frame, SCHEMA)
    splits = [Split(repeat, fold, HALVES[1 - fold], HALVES[fold], encoder) for repeat in range(2) for fold in range(2)]
    plan = Plan(SCHEMA, ScoreScale(), 0.8, 1, Budget(2), runner, lambda *_: None)
    return OutOfSampleScores(frame, splits, plan)


def _both(_: str) -> tuple[dict[str, bool | int | float | str], ...]:
    return tuple(dict(setting) for setting in SETTINGS)


def test_every_row_gets_the_score_of_the_split_that_did_not_fit_it(scores):
    scores.try_settings({name: _both(name) for name in simple_families()})
    assert list(scores.trials) == simple_families()
    assert [trial.seconds for trial in scores.trials["dnn"]] == [2.0, 2.0]
    everything = np.arange(100)
    assert scores.log_odds(scores.trials["dnn"][1].recipe, everything).tolist() == (2.0 * everything).tolist()
    mean = Recipe("blend", {"dnn": {"step": 1}, "xgboost": {"step": 2}})
    assert scores.log_odds(mean, np.array([10, 90])).tolist() == [15.0, 135.0]


def test_a_setting_that_fails_in_one_fold_is_left_out(scores, runner):
    runner.failing = ("dnn", 50, 2)
    scores.try_settings({name: _both(name) for name in simple_families()})
    assert [trial.number for trial in scores.trials["dnn"]] == [0]
    with pytest.raises(TrainingError, match="dnn was chosen, but could not be fitted in every fold"):
        scores.log_odds(Recipe("dnn", {"dnn": {"step": 2}}), np.arange(100))
    # The rows of the fold that has it can be had.
    assert scores.log_odds(Recipe("dnn", {"dnn": {"step": 2}}), np.arange(3)).tolist() == [0.0, 2.0, 4.0]


def test_only_what_is_missing_is_fitted(scores, runner):
    scores.try_settings({name: _both(name) for name in simple_families()})
    recipe = Recipe("dnn", {"dnn": {"step": 2}})
    assert not scores.covers(recipe)
    runner.done.clear()
    scores.fit_missing([(split, recipe) for split in scores.splits for _ in range(2)])
    assert sorted(runner.done) == [("dnn", 0, 2), ("dnn", 50, 2)]  # the folds of the second repeat, once each
    assert scores.covers(recipe)
    assert scores.log_odds(recipe, np.array([7]), repeat=1).tolist() == [14.0]


def test_the_settings_of_the_only_split_are_jobs_of_their_own(scores, monkeypatch):
    scores.splits = scores.splits[:1]
    jobs: list[Job] = []
    monkeypatch.setattr(FakeRunner, "__call__", _noting(jobs, FakeRunner.__call__))
    scores.try_settings({name: _both(name) for name in simple_families()})
    assert [job.proposals for job in jobs if job.family == "dnn"] == [(setting,) for setting in SETTINGS]
    assert [trial.number for trial in scores.trials["dnn"]] == [0, 1]


def _noting(jobs: list[Job], run: Any) -> Any:
    return lambda self, given, on_fit_done: jobs.extend(given) or run(self, given, on_fit_done)


def test_a_setting_that_lost_the_screening_is_not_fitted_again(scores, runner):
    scores.target = RISING.copy()  # so that backwards is worse beyond noise, in all rows and in either half
    screening = [replace(split, repeat=-1) for split in scores.splits[:2]]
    scores.try_settings({name: (*_both(name), {"step": -1}) for name in simple_families()}, screening=screening)
    steps = sorted(step for name, _, step in runner.done if name == "dnn")
    assert steps == [-1, -1, 1, 1, 1, 1, 2, 2, 2, 2]
    assert [trial.number for trial in scores.trials["dnn"]] == [0, 1, 2]
    assert [trial.number for trial in scores.contenders("dnn", np.arange(100))] == [0, 1]


def test_the_rows_that_a_choice_is_tested_on_have_no_say_in_the_screening(scores):
    scores.target = RISING.copy()
    screening = [replace(split, repeat=-1) for split in scores.splits[:2]]
    scores.try_settings({name: (*_both(name), {"step": -1}) for name in simple_families()}, screening=screening)
    tested, others = HALVES
    before = [trial.number for trial in scores.contenders("dnn", others)]
    scores.target[tested] = 1 - scores.target[tested]
    assert [trial.number for trial in scores.contenders("dnn", others)] == before == [0, 1]


def test_a_row_that_a_model_was_fitted_on_has_no_score(scores):
    scores.splits = scores.splits[:1]
    scores.try_settings({name: _both(name) for name in simple_families()})
    recipe = scores.trials["dnn"][0].recipe
    assert scores.log_odds(recipe, HALVES[0]).tolist() == HALVES[0].tolist()
    with pytest.raises(TrainingError):
        scores.log_odds(recipe, HALVES[1])


def test_time_left_takes_each_family_at_its_own_pace(monkeypatch):
    clock = 0.0
    monkeypatch.setattr("creditrisk.training.progress.time.monotonic", lambda: clock)
    estimate = ProgressEstimate(n_cores=1)
    estimate.begin({"lightgbm": 2, "xgboost": 2}, {"lightgbm": 1.0}, {"lightgbm": 2, "xgboost": 2})
    assert estimate.seconds_left() == 0.0
    clock = 4.0
    estimate.note("lightgbm", 4.0)
    # Not met yet, an XGBoost takes 0.9 of a LightGBM: one LightGBM and two of those are left, and one LightGBM later.
    assert estimate.seconds_left() == pytest.approx(4 + 2 * 0.9 * 4 + 4)
    clock = 5.0
    estimate.note("xgboost", 1.0)
    assert estimate.seconds_left() == pytest.approx(4 + 1 + 4)


def _ends(sequence: dict[str, Any]) -> list[tuple[float, int, str, float]]:
    """When each recorded fit ends if the jobs of each stage are done in their order on so many cores, and its stage."""
    free, ends = [0.0] * sequence["n_cores"], []
    for number, stage in enumerate(sequence["stages"]):
        free = [max(free)] * len(free)
        for name, fits in stage["jobs"]:
            core = int(np.argmin(free))
            for seconds in fits:
                free[core] += seconds
                ends.append((free[core], number, name, seconds))
    return sorted(ends)


@pytest.mark.parametrize("path", sorted(FIT_TIMES.glob("*.json")), ids=lambda path: path.stem)
def test_time_left_is_right_within_a_factor_of_two_from_the_first_fifth_on(path, monkeypatch):
    sequence = json.loads(path.read_text())
    ends = _ends(sequence)
    clock, total, stage = 0.0, ends[-1][0], -1
    monkeypatch.setattr("creditrisk.training.progress.time.monotonic", lambda: clock)
    estimate = ProgressEstimate(sequence["n_cores"])
    for clock, number, name, seconds in ends:  # the clock is read by the estimate
        if number != stage:
            stage, jobs = number, sequence["stages"][number]["jobs"]
            fits: Counter[str] = Counter()
            for family, took in jobs:
                fits[family] += len(took)
            estimate.begin(fits, sequence["stages"][number]["later"], Counter(family for family, _ in jobs))
        estimate.note(name, seconds)
        # During the fit for good, the last stage, nothing is told any more.
        if clock >= total / 5 and stage < len(sequence["stages"]) - 1:
            assert 0.5 <= estimate.seconds_left() / (total - clock) <= 2.0, (clock, total, name)


def test_the_recipe_kept_with_a_scorer_is_read_back():
    performance = evaluate(np.array([0.1, 0.2, 0.6, 0.7]), np.array([0, 0, 1, 1]), Costs())
    recipe = Recipe("blend", {"dnn": {"width": 64}, "xgboost": {"eta": 0.03}})
    metrics = metrics_of(
        recipe, [Candidate("blend", recipe, 1.0, 5.0, performance, performance)], performance, "tested"
    )
    assert list(metrics) == ["family", "recipe", "protocol", "performance", "candidates", "evaluation"]
    assert noted_recipe(metrics) == recipe
    assert noted_recipe({}) is None
    unknown = replace(recipe, parameters={"of_another_version": {}})
    assert noted_recipe(metrics_of(unknown, [], performance, "tested")) is None


def test_every_row_is_scored_by_models_of_the_halves_without_it(scores, runner):
    recipe, rows = Recipe("dnn", {"dnn": {"step": 2}}), np.arange(10, 90)
    by_halves = scores_by_halves(scores, recipe, rows, scores_frame(), scores._plan)
    assert len(runner.done) == 2 * HALVINGS
    assert by_halves.log_odds.shape == (HALVINGS, 80)
    assert np.isfinite(by_halves.log_odds).all()
    # A model scores its rows by their place, and each half has a line of its own.
    assert all(len(np.unique(division)) == 80 for division in by_halves.log_odds)


def test_the_halves_tell_a_slope_by_the_rows_that_a_calibration_has_not():
    by_halves = ByHalves(np.zeros((3, 2_000)), ExpectedSlope(0.9, precision=100.0))
    assert by_halves.slope_for(500) == ExpectedSlope(0.9, precision=75.0)
    assert by_halves.slope_for(2_000).precision == 0


def test_a_large_table_is_divided_less_often():
    assert [n_halvings(n_rows) for n_rows in (80, MANY_ROWS - 1, MANY_ROWS)] == [HALVINGS, HALVINGS, 2]


def test_a_recipe_that_fits_no_halves_is_refused(scores, monkeypatch):
    monkeypatch.setattr(scores, "has", lambda split, recipe: False)
    recipe, rows = Recipe("dnn", {"dnn": {"step": 2}}), np.arange(10, 90)
    with pytest.raises(TrainingError, match="could not be fitted on halves of the 80 applications"):
        scores_by_halves(scores, recipe, rows, scores_frame(), scores._plan)


def scores_frame() -> pl.DataFrame:
    return simulate(100, seed=1)[10:90]
