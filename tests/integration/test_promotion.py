"""Who becomes champion, against a real registry: by verdict, by a person, cut off half-way, two at once, and back."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from scipy.special import expit

from creditrisk.comparison import Floors, compare
from creditrisk.decision_log import Actor, DecisionLog
from creditrisk.errors import RegistryError
from creditrisk.registry import (
    PACK,
    PAGE,
    Evidence,
    Registry,
    Version,
    approve,
    evidence_from,
    find_challenger,
    promote_if_better,
    roll_back,
    settle_in,
)
from creditrisk.schema import Costs
from creditrisk.settings import Settings
from riskometer.cli import main
from tests.integration.receivers import WebServer, web_server

MODEL = "corner_lender"


@pytest.fixture(scope="module")
def registered_once(tmp_path_factory, prove_corner, lay_registry, corner_scorer, corner_reference) -> Path:
    """A home with one version, with which most tests begin: to register it takes MLflow most of their time."""
    home = tmp_path_factory.mktemp("registered") / "home"
    prove_corner(home)
    lay_registry(home)
    Registry(Settings(home=home).stores).register(corner_scorer, corner_reference, params={}, metrics={})
    return home


def copied(home: Path, to: Path) -> Settings:
    shutil.copytree(home, to)
    settle_in(to)
    return Settings(home=to)


@pytest.fixture
def settings(tmp_path: Path, registered_once) -> Settings:
    return copied(registered_once, tmp_path / "home")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """Who is told of promotions."""
    with web_server() as web:
        monkeypatch.setenv("CREDITRISK_NOTIFY", f"json://127.0.0.1:{web.port}/hook")
        yield web


@pytest.fixture
def registry(settings: Settings) -> Registry:
    return Registry(settings.stores)


@pytest.fixture
def make(registry: Registry, corner_scorer, corner_reference):
    """Register one more version, with the evidence a training would give it; the first without any is there."""
    there = [registry.version(MODEL, "1")]

    def register(evidence: Evidence = Evidence()) -> Version:  # noqa: B008  # it never changes
        if there and evidence == Evidence():
            return there.pop()
        return registry.register(corner_scorer, corner_reference, params={}, metrics={}, evidence=evidence)

    return register


def standing(registry: Registry) -> tuple[str, str]:
    champion, previous = registry.champion(MODEL), registry.at(MODEL, "previous")
    return champion.version if champion else "", previous.version if previous else ""


def by_hand(registry: Registry, version: Version) -> None:
    registry.promote(version, by="a tester", why="to see", evidence="none")


def verdict_of(noise_before: float, noise_after: float):
    rng = np.random.default_rng(5)
    log_odds = rng.normal(-1.6, 1.2, 2_000)
    target = (rng.random(2_000) < expit(log_odds)).astype(np.int64)
    before, after = (expit(log_odds + rng.normal(0, noise, 2_000)) for noise in (noise_before, noise_after))
    return compare(before, after, target, np.zeros(2_000, dtype=np.int64), Costs())


# By verdict


def test_the_first_version_becomes_champion_and_a_better_one_takes_over_with_its_evidence(registry, settings, make):
    assert promote_if_better(registry, make()) == (True, "there was no champion yet")
    better = make(evidence_from(verdict_of(1.0, 0.3), registry.champion(MODEL)))
    is_champion, why = promote_if_better(registry, better)
    assert is_champion
    assert why.startswith("promote: better beyond chance")
    assert standing(registry) == ("2", "1")
    tags = registry.champion(MODEL).tags
    assert (tags["promoted_by"], tags["promoted_why"]) == ("model-train", why)
    assert tags["promoted_evidence"] == f"run {better.run_id}, comparison.html"
    [_, last] = DecisionLog(settings.decision_log).history("champion")
    assert last.by == Actor("model-train", "service")


def test_a_person_is_logged_with_their_role_and_the_pages_of_a_version_can_be_had(
    registry, settings, corner_scorer, corner_reference
):
    pages = {PACK: "<p>Passed", "figures/one.svg": "<svg/>"}
    version = registry.register(corner_scorer, corner_reference, params={}, metrics={}, pages=pages)
    assert registry.pages(version, (PACK, PAGE)) == {PACK: b"<p>Passed"}
    run = ["promote", "--dataset", MODEL, "--by", "Ada", "--role", "approver", "--why", "seen"]
    assert CliRunner().invoke(main, run, env={"CREDITRISK_HOME": str(settings.home)}).exit_code == 0
    [made] = DecisionLog(settings.decision_log).history("champion")
    assert made.by == Actor("Ada", "approver", is_automatic=False)
    assert registry.champion(MODEL).tags["promoted_by"] == "Ada"


def test_an_equal_one_stays_challenger_and_says_why(registry, make):
    promote_if_better(registry, make())
    same = make(evidence_from(verdict_of(0.3, 1.0), registry.champion(MODEL)))
    is_champion, why = promote_if_better(registry, same)
    assert not is_champion
    assert why.startswith("keep: worse beyond chance")
    assert standing(registry) == ("1", "")


def test_one_that_could_not_be_compared_stays_challenger(registry, make):
    promote_if_better(registry, make())
    assert promote_if_better(registry, make()) == (False, "it could not be compared with the champion")


def test_where_a_person_has_to_approve_a_better_one_waits_and_so_does_the_first(registry, make):
    first = make()
    is_champion, why = promote_if_better(registry, first, "approval")
    assert not is_champion
    assert "waits for a person" in why
    approve(registry, find_challenger(registry, MODEL), by="Ada", why="first model")
    better = make(evidence_from(verdict_of(1.0, 0.3), registry.champion(MODEL)))
    assert not promote_if_better(registry, better, "approval")[0]
    assert standing(registry) == ("1", "")
    done = approve(registry, find_challenger(registry, MODEL), by="Ada", why="")
    assert done.startswith("corner_lender version 2 is champion now")
    tags = registry.champion(MODEL).tags
    assert tags["promoted_by"] == "Ada"
    assert tags["promoted_why"].startswith("promote: better beyond chance")


def test_a_version_below_a_floor_does_not_even_become_the_first_champion(registry, make):
    asked = Floors(auc=0.75).guardrails({"auc": 0.71, "f1": 0.4, "cost": 0.5})
    low = make(evidence_from(None, None, asked))
    is_champion, why = promote_if_better(registry, low)
    assert not is_champion
    assert "AUC floor: 0.7100, at least 0.75 is asked" in why
    assert standing(registry) == ("", "")


def test_a_verdict_about_another_champion_moves_nothing(registry, make):
    first, second = make(), make()
    by_hand(registry, first)
    better = make(evidence_from(verdict_of(1.0, 0.3), registry.champion(MODEL)))
    by_hand(registry, second)
    with pytest.raises(RegistryError, match="to replace version 1, which is no longer champion"):
        promote_if_better(registry, better)
    assert standing(registry) == ("2", "1")


# By a person


def test_against_the_verdict_a_person_needs_a_reason_and_it_is_kept(registry, make):
    promote_if_better(registry, make())
    make(evidence_from(verdict_of(0.3, 1.0), registry.champion(MODEL)))
    with pytest.raises(RegistryError, match="not promoted without a reason: the comparison says keep: worse"):
        approve(registry, find_challenger(registry, MODEL, "2"), by="Ada", why="  ")
    assert standing(registry) == ("1", "")
    approve(registry, find_challenger(registry, MODEL, "2"), by="Ada", why="the old one uses a field we lose")
    why = registry.champion(MODEL).tags["promoted_why"]
    assert why.startswith("the old one uses a field we lose (against the evidence: the comparison says keep")


def test_the_champion_cannot_be_promoted_again_nor_a_version_that_does_not_exist(registry, make):
    by_hand(registry, make())
    with pytest.raises(RegistryError, match="version 1 is champion already"):
        approve(registry, find_challenger(registry, MODEL, "1"), by="Ada", why="again")
    for typed in ("9", "abc", "-1", "1; drop table"):
        with pytest.raises(RegistryError, match=f"no version '{typed}' of model 'corner_lender': it has versions 1"):
            approve(registry, find_challenger(registry, MODEL, typed), by="Ada", why="a typing error")
    with pytest.raises(RegistryError, match="nobody has no previous champion to go back to, nor a champion"):
        roll_back(registry, "nobody", by="Ada", why="")
    with pytest.raises(RegistryError, match="nobody has no challenger"):
        approve(registry, find_challenger(registry, "nobody"), by="Ada", why="")


def test_a_version_that_does_not_score_as_it_did_is_not_promoted(registry, make, corner_scorer, corner_reference):
    by_hand(registry, make())
    other = corner_reference.with_columns(prob_default=pl.col("prob_default") + 1e-6)
    changed = registry.register(corner_scorer, other, params={}, metrics={})
    with pytest.raises(RegistryError, match="does not give its 50 reference rows the PDs"):
        by_hand(registry, changed)
    without_a_field = registry.register(corner_scorer, corner_reference.drop("housing"), params={}, metrics={})
    with pytest.raises(RegistryError, match="does not give"):
        by_hand(registry, without_a_field)
    assert standing(registry) == ("1", "")


# Back


def test_a_rollback_goes_back_and_a_second_one_returns(registry, make):
    for version in (make(), make(), make()):
        by_hand(registry, version)
    assert standing(registry) == ("3", "2")
    assert roll_back(registry, MODEL, by="Ada", why="").startswith("corner_lender is back at version 2")
    assert standing(registry) == ("2", "3")
    with pytest.raises(RegistryError, match="version 3 is no longer champion, version 2 is"):
        roll_back(registry, MODEL, by="Bob", why="it is worse", instead_of="3")
    roll_back(registry, MODEL, by="Ada", why="it was the data", instead_of="2")
    assert standing(registry) == ("3", "2")
    assert [
        (event.what, event.version, event.instead_of, event.by, event.why) for event in registry.history(MODEL)
    ] == [
        ("promoted", "1", "", "a tester", "to see"),
        ("promoted", "2", "1", "a tester", "to see"),
        ("promoted", "3", "2", "a tester", "to see"),
        ("rolled back", "2", "3", "Ada", "rolled back by hand"),
        ("rolled back", "3", "2", "Ada", "it was the data"),
    ]
    assert registry.champion(MODEL).tags["promoted_why"] == "it was the data"


def test_with_nothing_to_go_back_to_it_says_so(registry, make):
    with pytest.raises(RegistryError):
        roll_back(registry, MODEL, by="Ada", why="")
    by_hand(registry, make())
    with pytest.raises(RegistryError, match="no previous champion to go back to: version 1 was the first"):
        roll_back(registry, MODEL, by="Ada", why="")


# Cut off, and at once

CUT_OFF = """
import os, signal, sys
from pathlib import Path
from creditrisk.registry import Registry
from creditrisk.settings import Settings

registry = Registry(Settings(home=Path(sys.argv[1])).stores)
writes = 0

def deadly(method):
    def call(*given, **named):
        global writes
        writes += 1
        if writes == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return method(*given, **named)
    return call

for name in ("set_registered_model_tag", "set_model_version_tag", "set_registered_model_alias"):
    setattr(registry.client, name, deadly(getattr(registry.client, name)))
registry.promote(registry.version("corner_lender", "3"), by="cut off", why="to see", evidence="none")
"""


@pytest.mark.parametrize("write", [1, 4])
def test_a_version_whose_registration_broke_off_is_deleted_by_the_next_training(registry, make, monkeypatch, write):
    by_hand(registry, make())
    done = iter(range(1, 100))

    def breaking(*given: str) -> None:
        if next(done) == write:
            raise ConnectionError("the server went away")
        kept(*given)

    kept = registry.client.set_model_version_tag
    with monkeypatch.context() as patched:
        patched.setattr(registry.client, "set_model_version_tag", breaking)
        with pytest.raises(RegistryError, match="went away"):
            make()
    registry.clean_up()
    assert [int(item.version) for item in registry.client.search_model_versions(f"name = '{MODEL}'")] == [1]
    assert standing(registry) == ("1", "")
    assert make().version > "1"


def test_what_a_killed_process_left_of_applicants_is_removed_after_a_while(registry, make):
    make(), make()
    assert list((registry.home / "scratch").iterdir()) == []
    fresh, old = registry.home / "scratch" / "fresh", registry.home / "scratch" / "old"
    for folder in (fresh, old):
        folder.mkdir()
        (folder / "reference.parquet").touch()
    os.utime(old, (0, 0))
    registry.clean_up()
    assert [path.name for path in (registry.home / "scratch").iterdir()] == ["fresh"]


def test_a_history_that_was_changed_by_hand_is_named_and_nothing_moves(registry, make):
    by_hand(registry, make())
    key = next(key for key in registry.client.get_registered_model(MODEL).tags if key.startswith("promotion."))
    registry.client.set_registered_model_tag(MODEL, key, "tidied up")
    with pytest.raises(RegistryError, match=f"its tag '{re.escape(key)}' cannot be read"):
        by_hand(registry, make())
    assert standing(registry) == ("1", "")


@pytest.fixture(scope="module")
def promoted_twice(tmp_path_factory, registered_once, corner_scorer, corner_reference) -> Path:
    """A home with three versions, of which the second is champion and the first was."""
    settings = copied(registered_once, tmp_path_factory.mktemp("promoted") / "home")
    registry = Registry(settings.stores)
    second, _ = (registry.register(corner_scorer, corner_reference, params={}, metrics={}) for _ in range(2))
    for version in (registry.version(MODEL, "1"), second):
        by_hand(registry, version)
    return settings.home


# The writes of a promotion: 1 the history, 2 to 5 the version's tags, 6 champion, 7 previous.
@pytest.mark.parametrize(("write", "champion"), [(1, "2"), (2, "2"), (6, "2"), (7, "3")])
def test_killed_at_any_moment_there_is_a_valid_champion_and_the_next_move_finishes(
    promoted_twice, tmp_path, write, champion
):
    settings = copied(promoted_twice, tmp_path / "home")
    registry = Registry(settings.stores)
    done = subprocess.run([sys.executable, "-c", CUT_OFF, str(settings.home), str(write)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert registry.champion(MODEL).version == champion
    registry.prove(registry.champion(MODEL))
    # The way back leads to the one before, wherever it was cut off.
    roll_back(registry, MODEL, by="Ada", why="")
    before = {"2": "1", "3": "2"}[champion]
    assert standing(registry) == (before, champion)
    last = registry.history(MODEL)[-1]
    assert (last.what, last.version, last.instead_of) == ("rolled back", before, champion)


def test_a_clock_that_is_put_back_leads_the_way_back_to_no_other_version(registry, make, monkeypatch):
    versions, times = [make(), make(), make()], iter(range(60))

    class Backwards(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 11, 26, 12, tzinfo=tz) - timedelta(minutes=next(times))

    monkeypatch.setattr("creditrisk.registry.moves.datetime", Backwards)
    for version in versions:
        by_hand(registry, version)
    assert standing(registry) == ("3", "2")
    roll_back(registry, MODEL, by="Ada", why="worse")
    assert standing(registry) == ("2", "3")
    roll_back(registry, MODEL, by="Ada", why="better after all")
    assert [(event.what, event.version) for event in registry.history(MODEL)] == [
        ("promoted", "1"),
        ("promoted", "2"),
        ("promoted", "3"),
        ("rolled back", "2"),
        ("rolled back", "3"),
    ]


def test_two_promotions_at_once_follow_each_other(settings, registry, make):
    versions = [make(), make(), make(), make()]
    by_hand(registry, versions[0])
    with ThreadPoolExecutor(3) as people:
        list(people.map(lambda version: by_hand(Registry(settings.stores), version), versions[1:]))
    events = registry.history(MODEL)
    assert sorted(event.version for event in events) == ["1", "2", "3", "4"]
    assert [event.instead_of for event in events] == ["", *(event.version for event in events[:-1])]
    assert standing(registry) == (events[-1].version, events[-2].version)


# On the command line and in Prefect's pages


def test_of_two_people_who_saw_the_same_champion_one_promotes_and_the_other_is_told(settings, registry, make):
    versions = [make(), make(), make()]
    by_hand(registry, versions[0])

    def approve_one(version: Version) -> str:
        try:
            return approve(Registry(settings.stores), version, by="Ada", why="better", instead_of="1")
        except RegistryError as exc:
            return str(exc)

    with ThreadPoolExecutor(2) as people:
        at_once = sorted(people.map(approve_one, versions[1:]), key=lambda said: "Nothing was changed" in said)
    champion, _ = standing(registry)
    assert at_once[0].startswith(f"corner_lender version {champion} is champion now")
    assert "was to replace version 1, which is no longer champion. Nothing was changed" in at_once[1]
    # Who presses after it is done is told as well, also of the very version that is champion by now.
    assert [approve_one(version).count("Nothing was changed") for version in versions] == [1, 1, 1]
    assert standing(registry) == (champion, "1")


def test_the_command_line_promotes_asks_for_a_reason_and_goes_back(
    settings, registry, make, told, monkeypatch, lay_registry, tmp_path
):
    def run(*words: str):
        return CliRunner().invoke(main, list(words))

    lay_registry(tmp_path / "empty")
    monkeypatch.setenv("CREDITRISK_HOME", str(tmp_path / "empty"))
    assert "No model has a challenger" in run("promote").output
    monkeypatch.setenv("CREDITRISK_HOME", str(settings.home))
    make()
    assert run("promote").output == "corner_lender version 1 is champion now.\n"
    make(evidence_from(verdict_of(0.3, 1.0), registry.champion(MODEL)))
    refused = run("promote")
    assert refused.exit_code == 1
    assert "without a reason" in refused.output
    done = run("promote", "--version", "2", "--by", "Ada", "--why", "it is time")
    assert "`previous`, and `make rollback DATASET=corner_lender` goes back" in done.output
    assert registry.champion(MODEL).tags["promoted_by"] == "Ada"
    assert run("rollback").output.startswith("corner_lender is back at version 1")
    assert registry.champion(MODEL).tags["promoted_by"] != ""
    assert run("rollback", "--why", "no, forward").exit_code == 0
    assert standing(registry) == ("2", "1")
    titles = [message["title"] for message in told.sent_to("/hook")]
    assert titles == [f"Risk-O-Meter: corner_lender version {version} is champion now" for version in (1, 2, 1, 2)]
    assert not re.search("Ada|it is time", str(told.bodies))  # that is kept with the version


@pytest.mark.usefixtures("prefect")
def test_the_deployment_promotes_and_shows_what_was_decided_on(settings, registry, make, told, monkeypatch):
    from prefect.artifacts import Artifact

    from flows.promote import promote

    monkeypatch.setenv("CREDITRISK_HOME", str(settings.home))
    by_hand(registry, make())
    better = make(evidence_from(verdict_of(1.0, 0.3), registry.champion(MODEL)))
    with pytest.raises(RegistryError, match="who approved it and why"):
        promote(approved_by=" ", why="")
    assert promote(approved_by="Ada", why="seen and approved") == {"model": MODEL, "version": "2"}
    assert len(told.sent_to("/hook")) == 1
    shown = Artifact.get("promotion").data
    assert "promote: better beyond chance" in shown
    assert f"runs/{better.run_id}/artifacts/comparison.html" in shown
    assert f"runs/{better.run_id}/artifacts/validation.html" in shown
    assert "empty: the challenger" in promote.parameters.properties["version"]["description"]  # words beside the field
    assert "speaks against it" not in shown
    assert standing(registry) == ("2", "1")
    assert registry.champion(MODEL).tags["promoted_by"] == "Ada"


def test_a_reason_longer_than_anybody_reads_is_refused(registry, make):
    by_hand(registry, make())
    with pytest.raises(RegistryError, match="the reason has 5,000 characters; up to 1,000 are kept"):
        approve(registry, make(), by="Ada", why="a" * 5_000)
    assert standing(registry) == ("1", "")
