"""The registry against a real MLflow on SQLite, and when it is away."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from creditrisk.decision_log import DecisionLog
from creditrisk.decision_log.facts import facts
from creditrisk.errors import RegistryError
from creditrisk.registry import Registry, TrainedFrom, load_version, serving_folder, serving_name
from creditrisk.scoring import Scorer, typical_record
from creditrisk.settings import Settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("registry"))


@pytest.fixture(scope="module")
def versions(settings, corner_scorer: Scorer, corner_reference):
    registry = Registry(settings.stores)
    return [
        registry.register(
            corner_scorer, corner_reference, params={}, metrics={"auc": 0.7}, trained_from=TrainedFrom(source="here")
        )
        for _ in "12"
    ]


def test_the_newest_version_is_challenger_and_nothing_serves_before_a_promotion(settings, versions):
    registry = Registry(settings.stores)
    assert registry.at("corner_lender", "challenger").version == "2"
    assert registry.champion("corner_lender") is None
    assert registry.champion("nobody") is None
    assert serving_name(registry, settings.dataset) is None


def test_what_was_registered_comes_back_to_the_last_bit_and_needs_the_registry_only_once(
    settings, versions, corner_scorer, corner_reference
):
    registry = Registry(settings.stores)
    scorer = registry.load(versions[0])
    assert (scorer.name, scorer.version, scorer.sha256) == ("corner_lender", "1", versions[0].sha256)
    assert scorer.calibration == corner_scorer.calibration
    assert registry.reference_sample(versions[0]).equals(corner_reference)
    away = settings.model_copy(update={"mlflow_uri": "http://127.0.0.1:1"})
    assert load_version(away.stores, "corner_lender", "1").sha256 == versions[0].sha256


def test_mlflow_shows_what_a_version_takes_what_it_was_trained_on_and_for_how_long(
    settings, corner_scorer, corner_reference
):
    import mlflow

    registry = Registry(settings.stores)
    version = registry.register(
        replace(corner_scorer, card="The card.\n" + "A line of it.\n" * 1_000),
        corner_reference,
        params={},
        metrics={},
        trained_from=TrainedFrom("corner_lender", "loans.csv", "ab" * 32),
        pages={"data_checks.html": "<p>", "data_checks.json": "{}"},
        begun=datetime.now(UTC) - timedelta(minutes=5),
    )
    run = registry.client.get_run(version.run_id)
    assert 300 <= (run.info.end_time - run.info.start_time) / 1000 < 600
    [table] = run.inputs.dataset_inputs
    assert (table.dataset.name, table.dataset.digest) == ("corner_lender", ("ab" * 32)[:36])
    assert "loans.csv" in table.dataset.source
    shown = registry.client.get_model_version(version.model, version.version).description
    assert shown.startswith("[data checks](#/experiments/")
    assert "/artifacts/data_checks.html)\n\nThe card.\n" in shown
    assert len(shown) <= 5_000
    assert shown.endswith("/artifacts/card.md).")
    assert run.data.tags["mlflow.note.content"] == shown
    info = mlflow.models.get_model_info(f"models:/{version.model}/{version.version}")
    fields = corner_scorer.schema.fields
    # By label too: MLflow would keep from us what it does not know.
    expected = [*(field.name for field in fields), *(field.label for field in fields)]
    assert info.signature.inputs.input_names() == expected
    assert "prob_default" in info.signature.outputs.input_names()
    # What each holds, which the signature cannot say without refusing what we read.
    told = {field["name"]: (field["type"], field["required"]) for field in info.metadata["fields"]}
    assert told == {
        "client": ("string", False),
        "age_years": ("long", True),
        "amount_eur": ("double", True),
        "income_eur": ("double", False),
        "housing": ("string", True),
    }
    model = mlflow.pyfunc.load_model(info.model_uri)
    assert model.input_example.to_dict("records") == [typical_record(corner_scorer)]
    assert 0 < model.predict(model.input_example)["prob_default"][0] < 1


def test_a_copy_that_was_changed_is_fetched_again(settings, versions):
    registry = Registry(settings.stores)
    folder = registry.fetch(versions[0])
    (folder / "card.md").write_text("changed")
    assert "changed" not in (registry.fetch(versions[0]) / "card.md").read_text()


def test_promotion_keeps_the_one_before_and_says_who_and_why(settings, versions):
    registry = Registry(settings.stores)
    for version in versions:
        registry.promote(version, by="a tester", why="to see", evidence="none")
    assert registry.champion("corner_lender").version == "2"
    assert registry.champion("corner_lender").tags["promoted_by"] == "a tester"
    assert serving_name(registry, settings.dataset) == "corner_lender"
    assert registry.at("corner_lender", "previous").version == "1"


def test_a_registry_that_is_away_gives_one_sentence_without_the_password_and_soon(settings):
    away = settings.model_copy(update={"mlflow_uri": "http://user:secret@127.0.0.1:1"})
    with pytest.raises(RegistryError, match="does not answer") as caught:
        Registry(away.stores).champion("corner_lender")
    assert "secret" not in str(caught.value)


def test_it_counts_how_often_a_table_has_judged(settings, corner_scorer, corner_reference):
    registry = Registry(settings.stores)
    assert registry.n_trained_on("corner_lender", "abc") == 0
    registry.register(
        corner_scorer, corner_reference, params={}, metrics={}, trained_from=TrainedFrom(data_sha256="abc")
    )
    assert registry.n_trained_on("corner_lender", "abc") == 1
    assert registry.n_trained_on("corner_lender", "other") == 0
    registry.client.set_model_version_tag("corner_lender", "1", "trained_from", "changed by hand")
    assert registry.n_trained_on("corner_lender", "other") == 1
    # Nor does anybody know of one without the tag what it was trained on.
    registry.client.delete_model_version_tag("corner_lender", "1", "trained_from")
    assert registry.n_trained_on("corner_lender", "other") == 1


def test_opening_it_changes_nothing_of_the_process(settings, versions):
    before = dict(os.environ)
    Registry(settings.stores)
    assert dict(os.environ) == before


def test_copies_lie_where_the_start_without_a_registry_looks(settings, versions):
    Registry(settings.stores).fetch(versions[1])
    assert (serving_folder(settings.home, "corner_lender", "2") / "schema.toml").is_file()


def test_a_number_that_the_decision_log_knows_from_an_older_registry_is_not_given_again(
    settings, versions, corner_scorer, corner_reference
):
    registry = Registry(settings.stores)
    last = int(registry.at("corner_lender", "challenger").version)
    log = DecisionLog(settings.decision_log)
    for number in (last + 1, last + 2):
        log.note("scorer", f"corner_lender/{number}", "of a registry that is gone")
    version = registry.register(corner_scorer, corner_reference, params={}, metrics={})
    assert version.version == str(last + 3)
    there = {int(item.version) for item in registry.client.search_model_versions("name = 'corner_lender'")}
    assert not {last + 1, last + 2} & there
    assert registry.load(registry.at("corner_lender", "challenger")).sha256 == version.sha256


def test_what_called_for_a_training_is_kept_with_version_run_and_decision_log(
    settings, versions, corner_scorer, corner_reference
):
    registry = Registry(settings.stores)
    why = "Income has shifted strongly."
    version = registry.register(corner_scorer, corner_reference, params={}, metrics={}, reason=why)
    assert registry.version("corner_lender", version.version).tags["reason"] == why
    assert registry.client.get_run(version.run_id).data.tags["reason"] == why
    assert registry.last_trained("corner_lender") == registry.version("corner_lender", version.version).created_at
    assert registry.last_trained("nobody") is None
    with DecisionLog(settings.decision_log).store.transaction() as connection:
        [noted] = [fact.why for fact in facts(connection, "scorer") if fact.key == f"corner_lender/{version.version}"]
    assert noted == f"registered; trained because: {why}"
    assert "reason" not in versions[0].tags
