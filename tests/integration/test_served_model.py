"""Which model serves is a decision of its own: no training and no promotion of another one changes it."""

from __future__ import annotations

import dataclasses

import pytest
from click.testing import CliRunner

from creditrisk.decision_log import DecisionLog
from creditrisk.errors import RegistryError
from creditrisk.registry import (
    Evidence,
    Registry,
    promote_if_better,
    serving_line,
    serving_name,
    switch_model,
)
from creditrisk.settings import Settings
from riskometer.cli import main
from tests.conftest import poll
from webapp import champion_poller
from webapp.app import create_app
from webapp.serving_note import note_path, read_note

MODEL, OTHER = "corner_lender", "another_lender"


@pytest.fixture(scope="module")
def settings(corner_scorer, corner_reference, prove_corner, lay_registry, tmp_path_factory) -> Settings:
    """A home where one model serves, and another was trained and promoted after it."""
    settings = Settings(home=tmp_path_factory.mktemp("served"))
    prove_corner(settings.home)
    lay_registry(settings.home)
    registry = Registry(settings.stores)
    for scorer in (corner_scorer, _named(corner_scorer, OTHER)):
        version = registry.register(scorer, corner_reference, params={}, metrics={})
        promote_if_better(registry, version)
    return settings


def _named(scorer, name: str):
    return dataclasses.replace(scorer, schema=dataclasses.replace(scorer.schema, name=name))


@pytest.fixture
def run(settings: Settings, monkeypatch):
    monkeypatch.setenv("CREDITRISK_HOME", str(settings.home))
    return lambda *words: CliRunner().invoke(main, list(words))


def test_the_first_champion_serves_and_a_later_one_of_another_model_does_not(settings):
    registry = Registry(settings.stores)
    assert registry.champion(OTHER) is not None
    assert serving_name(registry, settings.dataset) == MODEL
    app = create_app(settings)
    poll(app.extensions["creditrisk"].champion)
    client = app.test_client()
    ready = client.get("/ready").json
    assert (ready["model"], ready["dataset"]) == (MODEL, MODEL)
    assert (
        serving_line(settings.dataset, settings.decision_log)
        == f"The page serves {MODEL}; `riskometer switch MODEL` changes that."
    )


def test_promoting_another_model_says_how_to_switch(settings, run, corner_reference, corner_scorer):
    registry = Registry(settings.stores)
    registry.register(_named(corner_scorer, OTHER), corner_reference, params={}, metrics={})
    said = run("promote", "--why", "to see").output
    assert f"{OTHER} version 2 is champion now" in said
    assert f"The page goes on serving {MODEL}; `riskometer switch {OTHER}` changes that." in said
    assert registry.served() == MODEL


def test_only_the_command_switches_and_the_page_follows(settings, run):
    app = create_app(settings)
    champion = app.extensions["creditrisk"].champion
    poll(champion)
    assert champion.state.scorer.name == MODEL
    said = run("switch", OTHER, "--by", "Ada", "--why", "the branch moved").output
    assert said.startswith(f"The page serves {OTHER} in place of {MODEL} from its next look on, within 2 seconds.")
    poll(champion)
    assert champion.state.scorer.name == OTHER
    assert OTHER in app.test_client().get("/ui/_dash-layout").text
    # A start while the registry is away keeps to what was decided.
    run("switch", MODEL)
    away = create_app(settings.model_copy(update={"mlflow_uri": "http://127.0.0.1:9"}))
    away.extensions["creditrisk"].champion.look()
    assert away.extensions["creditrisk"].champion.state.scorer is None


def test_a_model_without_a_champion_cannot_be_switched_to(settings, run):
    registry = Registry(settings.stores)
    before = registry.served()
    with pytest.raises(RegistryError, match="model 'nobody' has no champion to serve"):
        switch_model(registry, "nobody", chosen="", poll_seconds=60, by="Ada", why="")
    refused = run("switch", "nobody")
    assert refused.exit_code == 1
    assert "Model 'nobody' has no champion to serve" in refused.output
    assert registry.served() == before


def test_the_setting_goes_before_what_was_decided_and_the_command_says_so(settings):
    fixed = settings.model_copy(update={"dataset": MODEL})
    registry = Registry(fixed.stores)
    assert "as CREDITRISK_DATASET says" in serving_line(fixed.dataset, fixed.decision_log)
    said = switch_model(registry, OTHER, chosen=fixed.dataset, poll_seconds=60, by="Ada", why="")
    assert said.startswith(f"Noted, but the page goes on serving {MODEL}: CREDITRISK_DATASET={MODEL} goes before")
    assert serving_name(registry, fixed.dataset) == MODEL
    assert DecisionLog(settings.decision_log).noted("serving") == OTHER


def test_two_apps_of_one_home_that_serve_different_models_keep_a_saved_copy_each(settings):
    chosen = [settings.model_copy(update={"dataset": name}) for name in (MODEL, OTHER)]
    for own in chosen:
        poll(create_app(own).extensions["creditrisk"].champion)
    for own in chosen:
        restarted = create_app(own).extensions["creditrisk"].champion
        restarted.look()
        assert restarted.state.scorer.name == own.dataset


def test_every_move_notes_the_head_of_the_decision_log(settings, corner_scorer, corner_reference):
    registry = Registry(settings.stores)
    log = DecisionLog(settings.decision_log)
    app = create_app(settings.model_copy(update={"dataset": MODEL}))
    poll(app.extensions["creditrisk"].champion)
    application = {"client": "A7", "age_years": 61, "amount_eur": 2000, "income_eur": 52000, "housing": "own"}
    assert app.test_client().post("/api/v1/score", json=application).status_code == 200
    version = registry.register(corner_scorer, corner_reference, params={}, metrics={})
    registry.promote(version, by="Ada", why="it is time", evidence="none")
    noted = registry.noted_heads()
    [what] = [what for what, head in noted if head == log.head()]
    assert what.startswith(f"the record of {MODEL} version {version.version}, promoted at 20")
    assert log.verify(noted).broken is None


def test_an_alias_that_was_moved_in_mlflow_alone_is_not_followed(settings, run, corner_scorer, corner_reference):
    registry = Registry(settings.stores)
    champion = create_app(settings.model_copy(update={"dataset": MODEL})).extensions["creditrisk"].champion
    poll(champion)
    before = champion.state.scorer.version
    refused = registry.register(
        corner_scorer, corner_reference, params={}, metrics={}, evidence=Evidence("keep", "keep: worse", before)
    )
    registry.client.set_registered_model_alias(MODEL, "champion", refused.version)
    poll(champion)
    assert champion.state.scorer.version == before
    assert "was not made so here last: somebody moved the alias" in champion.state.model_problem
    assert (
        "somebody moved the alias"
        in run("score", __file__, "-o", str(settings.home / "out.csv"), "--dataset", MODEL).output
    )
    assert "somebody moved the alias" in run("switch", MODEL).output
    # A person's word, with a reason, is what it takes.
    assert run("promote", "--dataset", MODEL, "--version", refused.version, "--why", "looked into it").exit_code == 0
    poll(champion)
    assert (champion.state.scorer.version, champion.state.model_problem) == (refused.version, "")
    # Nor is a way back to one that was champion before, made in MLflow alone.
    registry.client.set_registered_model_alias(MODEL, "champion", before)
    poll(champion)
    assert champion.state.scorer.version == refused.version
    assert "somebody moved the alias" in champion.state.model_problem


def test_a_hundred_other_models_hide_no_promotion_and_no_digits_break_a_sentence(settings):
    registry = Registry(settings.stores)
    before = registry.noted_heads()
    assert before
    for number in range(101):
        registry.client.create_registered_model(f"a_model_of_nobody_{number}")
    assert registry.noted_heads() == before
    with pytest.raises(RegistryError, match="there is no version '99999"):
        registry.version(MODEL, "9" * 5_000)


def test_scoring_without_a_champion_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("CREDITRISK_HOME", str(tmp_path))
    result = str(tmp_path / "out.csv")
    refused = CliRunner().invoke(main, ["score", __file__, "-o", result])
    assert refused.output == (
        "Error: No model serves yet. Train one with `make model-train-flow`, or choose one with "
        "`riskometer switch MODEL`.\n"
    )
    refused = CliRunner().invoke(main, ["score", __file__, "-o", result, "--dataset", "nobody"])
    assert refused.output == "Error: nobody has no champion yet. Train one with `make model-train-flow`.\n"
    assert refused.exit_code == 1


def test_a_champion_is_noted_before_anything_nobody_waits_for(
    corner_scorer, corner_reference, prove_corner, lay_registry, tmp_path, monkeypatch
):
    settings, noted_by_then = Settings(home=tmp_path), []
    prove_corner(tmp_path)
    lay_registry(tmp_path)
    registry = Registry(settings.stores)
    champion = registry.register(corner_scorer, corner_reference, params={}, metrics={})
    registry.promote(champion, by="the tests", why="to see", evidence="none")
    path = note_path(settings)
    monkeypatch.setattr(champion_poller, "newest", lambda *_: noted_by_then.append(read_note(path).version) or [])
    champion_poller.ChampionPoller(settings).poll()
    assert noted_by_then == [champion.version]
