"""The Model page: what it says of the model that serves, and what approvers change on it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from creditrisk.errors import RegistryError
from creditrisk.registry import Evidence, TrainedFrom, Version
from creditrisk.registry.evidence import tags_of
from creditrisk.scoring import evaluation_of
from tests.conftest import corner_home
from webapp import champion_moves, policy_changes
from webapp.access import ROLES, Caller, local_caller
from webapp.app import create_app
from webapp.errors import ForbiddenError
from webapp.lamp_changes import lamp_changes
from webapp.pages import cutoff_panel, model_card
from webapp.serving_note import look_at_once
from webapp.versions_note import known_versions, read_versions, versions_path, write_versions

GOOD = {"client": "A7", "age_years": 61, "amount_eur": 2000, "income_eur": 52000, "housing": "own"}
ANALYST, APPROVER = (Caller(role, role, ROLES[role]) for role in ("analyst", "approver"))


@pytest.fixture(scope="module")
def evaluation():
    risks = np.linspace(0.01, 0.6, 400)
    target = (np.arange(400) % 10 < 12 * risks).astype(np.int64)
    return evaluation_of(risks, np.full(400, 0.1), target, {"Age": np.repeat(["young", "old"], 200)}, (0.8, 0.75, 0.85))


@pytest.fixture
def app(corner_scorer, evaluation, tmp_path):
    app = create_app(corner_home(replace(corner_scorer, metrics={"evaluation": evaluation}), tmp_path))
    app.extensions["creditrisk"].champion.look()
    return app


def score(client, **headers):
    answer = client.post("/api/v1/score", json={"applications": [GOOD]}, headers=headers)
    assert answer.status_code == 200
    return answer.json["results"][0]


def layout(client):
    return json.dumps(client.get("/ui/model/_dash-layout").json, ensure_ascii=False)


def test_what_went_bad_beyond_the_prediction_stands_beside_what_speaks_for_the_model(app, evaluation):
    ratio = model_card.observed_to_expected(evaluation)
    headline, words = model_card.against_predicted(ratio)
    assert headline.endswith("% more")
    said = layout(app.test_client())
    for text in ("80 of 100", headline, words, "Where to offer, where to decline", "Stop switch", "Age: old (200)"):
        assert text in said
    groups = model_card.risk_groups(evaluation)
    assert [group.n_rows for group in groups] == [40] * 10
    assert groups[0].bads_caught == 1.0
    assert sum(group.n_bad for group in groups) == sum(evaluation["n_bad"])


def test_a_version_without_an_evaluation_says_so(corner_app):
    assert "was not kept with this version" in layout(corner_app.test_client())


def test_the_stop_switch_holds_at_once_in_the_api_and_in_the_header_until_it_is_taken_back(app):
    client, context = app.test_client(), app.extensions["creditrisk"]
    before = score(client, **{"Idempotency-Key": "one"})
    policy_changes.stop(context, APPROVER, "wrong data")
    stopped = score(client)
    assert (before["verdict"], stopped["verdict"]) == ("approve", "refer")
    [problem] = stopped["problems"]
    assert problem.endswith("by approver: wrong data")
    assert problem in layout(client)
    assert problem in json.dumps(client.get("/ui/_dash-layout").json)
    assert score(client, **{"Idempotency-Key": "one"}) == before  # the same answer as before, not a decision anew
    policy_changes.go_on(context, APPROVER, "data mended")
    assert score(client)["verdict"] == "approve"
    assert problem not in json.dumps(client.get("/ui/_dash-layout").json)


def test_only_who_may_change_things_does(app):
    context = app.extensions["creditrisk"]
    for change in (policy_changes.stop, policy_changes.go_on, policy_changes.take_cutoffs_back):
        with pytest.raises(ForbiddenError, match="Only an approver"):
            change(context, ANALYST, "because")
    with pytest.raises(ForbiddenError):
        policy_changes.set_cutoffs(context, ANALYST, 0.1, 0.2, "because")
    assert context.policy.now().number == 0
    policy_changes.stop(context, local_caller(), "on this machine")


def test_saved_cutoffs_decide_and_a_list_names_who_gets_another_verdict(app):
    client, context = app.test_client(), app.extensions["creditrisk"]
    own = score(client)
    now = cutoff_panel.in_force(context.policy.apply(context.scorer()))
    then = cutoff_panel.with_cutoffs(now, 0.0, own["prob_default"] / 2)
    [change], n_looked_at = lamp_changes(context.log, now, then)
    assert (change.application_id, change.before, change.after, n_looked_at) == ("A7", "approve", "decline", 1)
    policy_changes.set_cutoffs(context, APPROVER, 0.0, own["prob_default"] / 2, "to see")
    assert score(client)["verdict"] == "decline"
    assert "to see" in layout(client)
    assert "approver (approver)" in layout(client)


def test_cutoffs_of_a_version_that_no_longer_serves_are_said_to_hold_no_more(app):
    context = app.extensions["creditrisk"]
    policy_changes.set_cutoffs(context, APPROVER, 0.0, 0.001, "to see")
    newer = replace(context.scorer(), version="4")
    said = policy_changes.left_behind(context.policy.now(), newer)
    assert said == "The cut-offs that were set for version 3 do not hold for version 4: it decides by its own."


def test_a_slider_that_was_not_moved_stands_for_the_cutoff_to_its_last_digit(corner_scorer):
    rule = corner_scorer.rule
    places = cutoff_panel.position(rule.approve_below), cutoff_panel.position(rule.decline_from)
    assert cutoff_panel.chosen(corner_scorer, places) == (rule.approve_below, rule.decline_from)
    assert cutoff_panel.chosen(corner_scorer, (20.0, places[1])) == (0.2, rule.decline_from)


class FewVersions:
    """As much of a registry as the note of versions asks for."""

    def __init__(self, *versions):
        self._versions = versions

    def versions(self, _model):
        return list(self._versions)

    def at(self, _model, _alias):
        return None

    def challenger(self, _model):
        return self._versions[-1]

    def page_address(self, version, page, port):
        return f"http://127.0.0.1:{port}/{version.run_id}/{page}"


def registered(number, evidence, sha256):
    at = datetime(2026, 11, int(number), tzinfo=UTC)
    return Version("corner_lender", number, f"run{number}", sha256, at, tags_of(evidence, TrainedFrom()))


def test_the_page_shows_what_speaks_for_and_against_each_version_that_the_registry_has(app):
    client, context = app.test_client(), app.extensions["creditrisk"]
    assert "The registry has not said yet" in layout(client)
    champion = registered("3", Evidence(), "a" * 64)
    same = registered("4", Evidence("keep", "no difference can be told", "3"), "a" * 64)
    changed = replace(registered("5", Evidence(), "b" * 64), tags={"evidence": "{}"})
    path = versions_path(context.settings)
    noted = known_versions(FewVersions(champion, same, changed), champion, 5051)
    write_versions(path, noted)
    assert read_versions(path) == noted
    said = layout(client)
    for text in ("5 (challenger)", "3 (serves)", "The same model came out again.", "no difference can be told"):
        assert text in said
    assert "was changed by hand" in said
    path.write_text('[{"version": 1}]')
    assert read_versions(path) == []


def test_a_version_is_promoted_by_the_command_line_in_the_callers_name_and_the_registry_asked_at_once(app, monkeypatch):
    context, run = app.extensions["creditrisk"], []

    def as_if(command, **_options):
        run.append(command)
        failed = "--version=9" in command
        return SimpleNamespace(returncode=failed, stdout="It is champion now.\n", stderr="Error: There is none.\n")

    monkeypatch.setattr("webapp.champion_moves.subprocess.run", as_if)
    for may_not in (lambda: champion_moves.promote(context, ANALYST, "corner_lender", "4", "better"),
                    lambda: champion_moves.roll_back(context, ANALYST, "corner_lender", "worse")):  # fmt: skip
        with pytest.raises(ForbiddenError):
            may_not()
    with pytest.raises(RegistryError, match="say why"):
        champion_moves.promote(context, APPROVER, "corner_lender", "4", " ")
    with pytest.raises(RegistryError, match="There is none"):
        champion_moves.promote(context, APPROVER, "corner_lender", "9", "better")
    assert not look_at_once(context.settings).exists()
    assert champion_moves.promote(context, APPROVER, "corner_lender", "4", "--better") == "It is champion now."
    assert run[-1][-5:] == ["promote", "--dataset=corner_lender", "--version=4", "--by=approver", "--why=--better"]
    assert look_at_once(context.settings).exists()
