"""What the validation pack and the summary say of the table a training read."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from types import SimpleNamespace

import polars as pl
import pytest
import yaml

from creditrisk.errors import TrainingError
from creditrisk.quality import check, examine
from creditrisk.registry import TrainedFrom, Version
from creditrisk.registry.evidence import NOT_COMPARED, tags_of
from creditrisk.schema import Field, Schema, Target
from creditrisk.settings import Settings
from creditrisk.sources import RawTable
from creditrisk.validation.sections import not_in_schema
from flows.model_train import facts_of, model_train, what_to_train
from flows.training_records import TIMED_ROWS, microseconds_per_client, run_params
from tests.conftest import ROOT

SCHEMA = Schema(
    name="loans",
    title="Loans",
    fields=(Field("income", "number", "Income"), Field("amount", "number", "Amount")),
    target=Target("outcome", "Outcome", bad=("1",), good=("0",)),
)


def test_a_second_line_of_names_is_no_row_and_the_names_above_it_are_no_columns():
    rows = [["income", "amount", "outcome", "note"], *([f"{n}", f"{n % 7}", f"{n % 2}", "x"] for n in range(1, 41))]
    frame = pl.DataFrame(rows, schema=["X1", "X2", "Y", "X3"], orient="row")
    checked = check(RawTable(frame, list(range(2, 43))), SCHEMA, with_target=True)

    facts = facts_of(checked, examine(checked, SCHEMA), "")

    assert (facts.n_read, facts.n_accepted, facts.n_bad) == (40, 40, 20)
    assert not_in_schema(facts.columns, SCHEMA) == {"known_later": [], "others": ["note"]}


class Champions:
    """A registry in which one version is champion, and serves."""

    def __init__(self, **tags: str) -> None:
        self._version = Version("loans", "3", "run", "", datetime(2026, 1, 1, tzinfo=UTC), tags)

    def served(self) -> str:
        return self._version.model

    def champion(self, _model: str) -> Version:
        return self._version


def test_what_serves_is_trained_again_on_the_table_it_came_from(tmp_path):
    kept = tags_of(NOT_COMPARED, TrainedFrom("loans.toml", "gs://bucket/loans.csv", "5c" * 32))

    assert what_to_train(None, None, Champions(**kept), Settings(home=tmp_path)) == (
        "loans.toml",
        "gs://bucket/loans.csv",
    )


def test_a_champion_of_an_unknown_table_is_not_trained_again_on_another(tmp_path):
    with pytest.raises(TrainingError, match="nothing is kept of the table that the champion of loans was trained on"):
        what_to_train(None, None, Champions(), Settings(home=tmp_path))


def test_a_person_starts_a_quick_search_and_the_schedule_a_deep_one(tmp_path):
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    sunday = next(item for item in deployments if item["name"] == "sunday")
    assert [schedule["parameters"] for schedule in sunday["schedules"]] == [{"search": "deep"}]
    assert "search" not in sunday["parameters"]  # which are those of a run that a person queues, too
    assert inspect.signature(model_train.fn).parameters["search"].default == "quick"
    settings = Settings(home=tmp_path)
    assert settings.search_trials < settings.deep_search_trials


class SlowScorer:
    """Takes a millisecond a row by a clock of its own."""

    def __init__(self) -> None:
        self.clock = 0.0

    def score(self, rows: pl.DataFrame) -> None:
        assert rows.height == TIMED_ROWS
        self.clock += 1e-3 * rows.height


def test_what_scoring_a_client_takes_is_measured_on_a_few_rows(monkeypatch):
    scorer = SlowScorer()
    monkeypatch.setattr("flows.training_records.time.perf_counter", lambda: scorer.clock)
    assert microseconds_per_client(scorer, pl.DataFrame({"row_number": range(1_000)})) == pytest.approx(1_000)


def test_where_networks_are_trained_is_asked_only_where_one_was(monkeypatch):
    monkeypatch.setattr("creditrisk.learners.dnn.device", lambda: "cuda")
    scorer = SimpleNamespace(model=SimpleNamespace(family="decision_tree"))
    recipe = SimpleNamespace(parameters={"decision_tree": {"max_depth": 4}})
    tree, network = SimpleNamespace(family="decision_tree"), SimpleNamespace(family="dnn")
    training = SimpleNamespace(scorer=scorer, recipe=recipe, protocol="by time", candidates=[tree])
    assert "device" not in run_params(training, 1)
    training.candidates.append(network)
    assert run_params(training, 1)["device"] == "cuda"
