"""The Model page: what it says of the model that serves, and what approvers change on it."""

import json
import re
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from plotly.io.json import to_json_plotly

from creditrisk.decision_log import Actor, shadow
from creditrisk.errors import DecisionLogError, RegistryError
from creditrisk.registry import Evidence, TrainedFrom, Version
from creditrisk.registry.evidence import tags_of
from creditrisk.scoring import evaluation_of, figures_at
from creditrisk.settings import Settings
from monitoring.archive import open_archives, pending_folder, store
from monitoring.archive.local import LocalArchive
from monitoring.archive.protocol import Reading
from monitoring.results import RealisedFigures, VintageFigures
from tests.conftest import corner_home
from tests.integration.test_archive import result
from webapp import champion_moves, policy_changes
from webapp.access import ROLES, Caller, local_caller
from webapp.app import create_app
from webapp.errors import ForbiddenError
from webapp.lamp_changes import lamp_changes
from webapp.pages import cutoff_panel, model_card, model_history, model_shadow
from webapp.realised import TooFew, realised
from webapp.service_note import Service, ServiceNote, write_services
from webapp.serving_note import look_at_once
from webapp.version_pages import keep_pages, kept_names
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


def press(app, button, **state):
    """What the page answers once a button is pressed, with these values of its other parts, by id."""
    page = app.view_functions["page /model"].__self__
    spec = next(one for one in page._callback_list if any(item["id"] == button for item in one["inputs"]))
    named = [one.rsplit(".", 1) for one in spec["output"].strip(".").split("...")]
    outputs = [{"id": name, "property": part.partition("@")[0]} for name, part in named]
    answer = app.test_client().post(
        "/ui/model/_dash-update-component",
        json={
            "output": spec["output"],
            "outputs": outputs if len(outputs) > 1 else outputs[0],
            "inputs": [
                []
                if item["id"].startswith("{")
                else {
                    **item,
                    "value": state.get(item["id"], None if item["id"] == "earned" else int(item["id"] == button)),
                }
                for item in spec["inputs"]
            ],
            "state": [{**item, "value": state[item["id"]]} for item in spec["state"]],
            "changedPropIds": [f"{button}.n_clicks"],
        },
    )
    return json.dumps(answer.json, ensure_ascii=False)


def test_a_button_changes_only_what_its_page_shows(app, monkeypatch):
    context = app.extensions["creditrisk"]
    app.test_client().get("/ui/model/_dash-layout")
    first = {"policy-shown": 0, "stop-why": "wrong data\n\x00 again"}
    assert "Scoring is stopped: every verdict" in press(app, "stop-switch", **first)
    assert context.policy.now().stop.why == "wrong data again"
    # The second of two approvers saw the switch off as well.
    answer = press(app, "stop-switch", **first)
    assert "somebody else changed something since" in answer
    assert "Let the model decide again" in answer
    cutoffs = {"approve-below": 10, "decline-from": 20, "cutoffs-why": "to see"}
    assert "somebody else changed something since" in press(app, "save-cutoffs", **cutoffs, **{"policy-shown": 0})
    assert (context.policy.now().number, context.policy.now().cutoffs) == (1, None)
    assert "Saved: version 3 offers" in press(app, "save-cutoffs", **cutoffs, **{"policy-shown": 1})
    assert "Scoring goes on" in press(app, "stop-switch", **{"policy-shown": 2, "stop-why": "mended"})
    monkeypatch.setattr("webapp.champion_moves.subprocess.run", None)
    moves = {"move-why": "worse", "model": "corner_lender v2", "champion-shown": "2"}
    assert "somebody else changed something since" in press(app, "roll-back", **moves)


def test_a_log_that_is_away_is_said_on_the_page_where_a_button_needs_it(app, monkeypatch, caplog):
    app.test_client().get("/ui/model/_dash-layout")

    def away():
        raise DecisionLogError("the decision log is away.")

    monkeypatch.setattr(app.extensions["creditrisk"].policy, "now", away)
    answer = press(app, "list-changes", **{"approve-below": 10, "decline-from": 20})
    assert "The decision log is away." in answer
    assert "failed" not in caplog.text


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
    [_, table] = cutoff_panel.list_of_changes([change], n_looked_at)
    [button] = [part for part in table._traverse() if type(part).__name__ == "Button"]
    assert (button.children, getattr(button, "data-entry")) == ("A7", str(context.log.head()[0]))  # leads to History
    policy_changes.set_cutoffs(context, APPROVER, 0.0, own["prob_default"] / 2, "to see")
    assert score(client)["verdict"] == "decline"
    assert "to see" in layout(client)
    assert "approver (approver)" in layout(client)


def test_cutoffs_of_a_version_that_no_longer_serves_are_said_to_hold_no_more(app):
    context = app.extensions["creditrisk"]
    policy_changes.set_cutoffs(context, APPROVER, 0.0, 0.001, "to see")
    newer = replace(context.scorer(), version="4")
    said = policy_changes.left_behind(context.policy.now(), newer)
    assert said.startswith("The cut-offs that were set for version 3 do not hold for version 4: it decides by its own.")
    assert policy_changes.left_behind(context.policy.now(), context.scorer()) == ""


def test_an_approver_ends_what_every_page_says_of_cutoffs_that_hold_no_more(app, corner_scorer, evaluation):
    context = app.extensions["creditrisk"]
    policy_changes.set_cutoffs(context, APPROVER, 0.0, 0.001, "to see")
    newer = replace(corner_scorer, name="corner_lender", version="4")

    def shown():
        policy = context.policy.now()
        note, now = policy_changes.left_behind(policy, newer), cutoff_panel.in_force(newer.under(policy))
        return to_json_plotly(cutoff_panel.panel(now, evaluation, may_change=True, note=note))

    assert "Keep the model's own" in shown()
    policy_changes.take_cutoffs_back(context, APPROVER, "its own are right")
    assert "Keep the model's own" not in shown()
    assert "do not hold for version 4" not in shown()


def test_taking_the_stop_back_is_asked_for_as_what_it_is(app):
    client, context = app.test_client(), app.extensions["creditrisk"]
    assert model_history.SHOWN in layout(client)
    policy_changes.stop(context, APPROVER, "wrong data from the bureau")
    said = layout(client)
    assert "wrong data from the bureau. Every verdict is" in said
    assert model_history.SHOWN not in said


def test_groups_of_a_number_stand_in_its_order(corner_scorer):
    ages = np.repeat(["over 45 years", "up to 33 years", "over 33 to 45 years"], 20)
    table = evaluation_of(
        np.linspace(0.01, 0.6, 60), np.full(60, 0.1), np.arange(60) % 2, {"Age": ages}, (0.8, 0.7, 0.9)
    )
    said = to_json_plotly(cutoff_panel.effect(corner_scorer, corner_scorer, table))
    places = [said.index(f"Age: {group}") for group in ("up to 33 years", "over 33 to 45 years", "over 45 years")]
    assert places == sorted(places)


def test_a_page_without_a_model_says_how_to_train_one(corner_settings):
    assert "make model-train-flow" in layout(create_app(corner_settings).test_client())


def test_a_slider_that_was_not_moved_stands_for_the_cutoff_to_its_last_digit(corner_scorer):
    rule = corner_scorer.rule
    places = cutoff_panel.position(rule.approve_below), cutoff_panel.position(rule.decline_from)
    assert cutoff_panel.chosen(corner_scorer, places) == (rule.approve_below, rule.decline_from)
    assert cutoff_panel.chosen(corner_scorer, (20.0, places[1])) == (0.2, rule.decline_from)


def test_money_is_in_the_currency_once_it_is_said_what_a_good_loan_earns(corner_scorer, evaluation):
    cost = figures_at(evaluation, corner_scorer.rule, corner_scorer.shift).cost

    def figures(**given):
        table, *_ = cutoff_panel.effect(corner_scorer, corner_scorer, evaluation, **given)
        return to_json_plotly(table)

    assert "Cost of 100 applicants, EUR" not in figures()
    assert f'"{100 * cost:,.1f}"' in figures()
    assert "Cost of 100 applicants, EUR" in figures(earned=1_250)
    assert f'"{125_000 * cost:,.0f}"' in figures(earned=1_250)


class FewVersions:
    """As much of a registry as the note of versions asks for."""

    def __init__(self, challenger, pages=(), previous=None):
        self._challenger, self._pages, self._previous, self.asked = challenger, dict(pages), previous, []

    def at(self, _model, _alias):
        return self._previous

    def run_figures(self, run_id):
        return {"auc": 0.8123} if run_id == "run3" else {}

    def challenger(self, _model):
        return self._challenger

    def pages(self, version, names):
        self.asked.append(version.version)
        return {name: content for name, content in self._pages.items() if name in names}


def registered(number, evidence, sha256):
    at = datetime(2026, 11, int(number), tzinfo=UTC)
    return Version("corner_lender", number, f"run{number}", sha256, at, tags_of(evidence, TrainedFrom()))


def test_the_page_shows_what_speaks_for_and_against_each_version_that_the_registry_has(app):
    client, context = app.test_client(), app.extensions["creditrisk"]
    assert "The registry has not said yet" in layout(client)
    champion = registered("3", Evidence(), "a" * 64)
    same = registered("4", Evidence("keep", "no difference can be told", "3"), "a" * 64)
    changed = replace(registered("5", Evidence(), "b" * 64), tags={"evidence": "{}"})
    worse = registered("2", Evidence("keep", "keep: worse beyond chance", "3"), "c" * 64)
    path = versions_path(context.settings)
    noted = known_versions(FewVersions(changed), champion, [changed, same, champion, worse])
    write_versions(path, noted)
    assert read_versions(path) == noted
    said = layout(client)
    for text in ("5 (challenger)", "3 (serves)", "The same model came out again.", "no difference can be told"):
        assert text in said
    assert "was changed by hand" in said
    assert said.count("Worse beyond chance") == 1
    # Once in bold, once as what speaks against it, and once beside the button that makes it serve.
    assert said.count("t is no better than version 3.") == 3
    assert said.count("81.2 of 100") == 1
    path.write_text('[{"version": 1}]')
    assert read_versions(path) == []
    # Of two equal ones, the later came out again, whichever of them serves.
    of_later = {item.version: item.is_same for item in known_versions(FewVersions(changed), same, [same, champion])}
    assert of_later == {"4": True, "3": False}


def buttons_in(page):
    """Every button of a page and what stands around it: its words and the kinds of parts that hold it."""
    found = []

    def walk(part, around):
        if isinstance(part, list):
            for one in part:
                walk(one, around)
        elif isinstance(part, dict) and "type" in part:
            if part["type"] == "Button":
                found.append((part["props"].get("children"), part["props"], around))
            walk(part["props"].get("children"), (*around, part["type"]))

    walk(page, ())
    return {words: (props, around) for words, props, around in found}


def test_a_version_serves_against_the_evidence_only_below_a_warning_and_the_one_before_is_gone_back_to(app):
    client, context = app.test_client(), app.extensions["creditrisk"]
    champion, worse = registered("3", Evidence("keep", "keep: no improvement seen", "2"), "a" * 64), Evidence(
        "keep", "keep: no improvement seen", "3"
    )  # fmt: skip
    before, challenger = registered("2", Evidence(), "b" * 64), registered("4", worse, "c" * 64)
    versions, path = [challenger, champion, before], versions_path(context.settings)

    def buttons(registry):
        write_versions(path, known_versions(registry, champion, versions))
        return buttons_in(client.get("/ui/model/_dash-layout").json)

    found = buttons(FewVersions(challenger, previous=before))
    props, around = found["Make version 4 serve all the same"]
    assert props["className"] == "button"
    assert "Details" in around
    assert "It is no better than version 3. Version 3 would decide no more" in layout(client)
    # Of the champion, too, it is said what spoke against it.
    assert "It is no better than version 2." in layout(client)
    assert "Make version 2 serve" not in found
    assert not found["Back to version 2"][0].get("hidden")
    found = buttons(FewVersions(challenger))
    assert found["Back"][0]["hidden"]
    assert found["Make version 2 serve"][0]["className"] == "button"


def test_a_version_is_promoted_by_the_command_line_in_the_callers_name_and_the_registry_asked_at_once(app, monkeypatch):
    context, run = app.extensions["creditrisk"], []

    def as_if(command, **_options):
        run.append(command)
        failed = "--instead-of=2" in command
        return SimpleNamespace(returncode=failed, stderr="Error: There is none.\n")

    monkeypatch.setattr("webapp.champion_moves.SERVES_WITHIN_SECONDS", 0.0)
    monkeypatch.setattr("webapp.champion_moves.subprocess.run", as_if)
    versions = [registered(number, Evidence(), "a" * 64) for number in "34"]
    write_versions(versions_path(context.settings), known_versions(FewVersions(versions[1]), versions[0], versions))
    promote, model = partial(champion_moves.promote, context), "corner_lender"
    for may_not in (lambda: promote(ANALYST, model, "4", "better", instead_of="3"),
                    lambda: champion_moves.roll_back(context, ANALYST, model, "worse", instead_of="3")):  # fmt: skip
        with pytest.raises(ForbiddenError):
            may_not()
    with pytest.raises(RegistryError, match="say why"):
        promote(APPROVER, model, "4", " ", instead_of="3")
    for unknown in ("9", "../..", "\0"):
        with pytest.raises(RegistryError, match="has no such version"):
            promote(APPROVER, model, unknown, "better", instead_of="3")
    assert (run, look_at_once(context.settings).exists()) == ([], False)
    with pytest.raises(RegistryError, match="There is none"):
        promote(APPROVER, model, "4", "better", instead_of="2")
    assert promote(APPROVER, model, "4", "--better", instead_of="3").startswith("It is champion now, and")
    said_by = ["--instead-of=3", "--by=approver", "--role=approver"]
    assert run[-1][-7:] == ["promote", "--dataset=corner_lender", "--version=4", *said_by, "--why=--better"]
    assert look_at_once(context.settings).exists()
    # Who presses the button after somebody else goes back no further.
    champion_moves.roll_back(context, APPROVER, model, "worse", instead_of="3")
    assert run[-1][-6:] == ["rollback", "--dataset=corner_lender", *said_by, "--why=worse"]


def test_the_pages_of_a_version_are_copied_once_and_shown_in_a_sandbox(app):
    client, home = app.test_client(), app.extensions["creditrisk"].settings.home
    serving, without = registered("3", Evidence(), "a" * 64), registered("4", Evidence(), "b" * 64)
    page = b"<script>alert(1)</script><p>Passed."
    registry = FewVersions(serving, {"validation.html": page, "other.html": b"?"})
    for _ in range(2):
        keep_pages(registry, home, [serving])
    keep_pages(FewVersions(without), home, [without, serving])
    assert registry.asked == ["3"]
    assert (kept_names(home, "corner_lender", "3"), kept_names(home, "corner_lender", "4")) == (["validation"], [])
    write_versions(versions_path(app.extensions["creditrisk"].settings), known_versions(registry, serving, [serving]))
    assert "Validation of version 3" in layout(client)
    answer = client.get("/model/versions/3/validation.html")
    assert answer.data == page
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none';")
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert client.get("/ui/model/").headers["X-Frame-Options"] == "DENY"
    for nothing in ("3/comparison", "4/validation", "3/other", "99999999999999999999/validation"):
        assert client.get(f"/model/versions/{nothing}.html").status_code == 404


def performance(ratio):
    """A report's figures of clients whose outcome is known; `ratio` is observed to expected, with its interval."""
    realised = dict.fromkeys(RealisedFigures.__annotations__.keys() - {"deciles"}) | {
        "first_month": "2024-01", "last_month": "2024-03", "n_rows": 400, "n_bad": 60,
        "observed_to_expected": None if ratio is None else dict(zip(("value", "low", "high"), ratio, strict=True)),
    }  # fmt: skip
    estimated = {"n_rows": 0, "n_approved": 0, "n_bad": 0, "auc": None, "bad_rate": None, "cost": None}
    lists = {"vintages": [], "groups": [], "alarms": [], "findings": []}
    return {"status": "", "level": 0, "estimated": estimated, "realised": realised, **lists}


def test_outcomes_of_its_own_clients_take_the_place_of_those_of_the_test(app, evaluation):
    scorer, settings = app.extensions["creditrisk"].scorer(), app.extensions["creditrisk"].settings
    assert realised(settings, scorer) == TooFew()
    assert "In the test; the reports know of too few outcomes" in layout(app.test_client())
    archives = open_archives(settings.archive_uris)
    for hour, version, ratio in ((1, "3", (1.19, 1.02, 1.38)), (2, "3", None), (3, "2", (2.0, 1.9, 2.1))):
        told = result(hour, model="corner_lender", model_version=version, performance=performance(ratio))
        store(archives, b"<p>A report", told, pending=pending_folder(settings.home))
    said = layout(app.test_client())
    assert "19 % more" in said
    assert '"went bad than predicted (2 % more to 38 % more)"' in said
    assert "400 of its own clients, decided about from Jan 2024 to Mar 2024" in said


def test_outcomes_that_are_too_young_are_said_to_be_known(app):
    settings = app.extensions["creditrisk"].settings
    vintage = dict.fromkeys(VintageFigures.__annotations__) | {
        "month": "2026-10", "n_approved": 1200, "n_known": 1164, "known_share": 0.97, "is_mature": False, "curve": [],
    }  # fmt: skip
    young = performance(None) | {"realised": None, "level": -1, "vintages": [vintage]}
    told = result(1, model="corner_lender", model_version="3", performance=young)
    store(open_archives(settings.archive_uris), b"<p>A report", told, pending=pending_folder(settings.home))
    assert "1,164 outcomes of its own offers known, too few of them old enough" in layout(app.test_client())


def test_every_figure_of_the_card_has_its_interval_and_says_whose_it_is(app, evaluation):
    scorer = app.extensions["creditrisk"].scorer()
    figures = figures_at(evaluation, scorer.rule, scorer.shift)
    for _, meaning, source in model_card.tiles(evaluation, figures, TooFew()):
        assert re.search(r"\(.+ to .+\)", meaning)
        assert source.startswith("In the test")
    # Where the portfolio has three times the odds of being bad, each bad counts three times.
    for found in (figures, figures_at(evaluation, scorer.rule, np.log(3.0))):
        for between, value in ((found.approval_between, found.approval_rate), (found.bad_between, found.bad_rate)):
            assert between[0] < value < between[1]


def test_an_archive_whose_library_is_missing_leaves_the_page_as_it_is(app, monkeypatch):
    scorer, settings = app.extensions["creditrisk"].scorer(), app.extensions["creditrisk"].settings
    monkeypatch.setitem(sys.modules, "pymongo", None)
    monkeypatch.setattr(Settings, "archive_uris", ["mongodb://nowhere.example/reports"])
    assert realised(settings, scorer) == TooFew()
    assert "80 of 100" in layout(app.test_client())


def test_an_archive_that_is_gone_is_not_waited_for(app, monkeypatch):
    scorer, settings = app.extensions["creditrisk"].scorer(), app.extensions["creditrisk"].settings
    asked = []
    monkeypatch.setattr(LocalArchive, "read", lambda archive, *_: asked.append(archive.name) or Reading([], ()))
    two = settings.model_copy(update={"archives": f"file://{settings.home}/one,file://{settings.home}/two"})

    def ask(state, at):
        asked.clear()
        write_services(two.home, ServiceNote(at, (Service("archive 1", "Report archive 1", state, 0.0, ""),)))
        realised(two, scorer)
        return [name[-3:] for name in asked if name.endswith(("/one", "/two"))]

    assert ask("answers", time.time()) == ask("gone", 0.0) == ["one", "two"]
    assert ask("gone", time.time()) == ["two"]


def test_what_the_challenger_would_have_decided_stands_on_the_page(app, corner_scorer):
    context = app.extensions["creditrisk"]
    score(app.test_client())
    calibration = replace(corner_scorer.calibration, intercept=corner_scorer.calibration.intercept + 9.0)
    challenger = replace(corner_scorer, name="corner_lender", version="4", calibration=calibration)
    shadow(context.log, challenger, after_seq=0, by=Actor("tests", "shadow"))
    said = to_json_plotly(model_shadow.shadow_panel(context.log, "corner_lender", "4"))
    assert "Version 4, which serves now, before it did" in said
    said = to_json_plotly(model_shadow.shadow_panel(context.log, "corner_lender", "3"))
    for text in ('"Version 4"', "0 % of 1 client, scored on ", "and are higher by", "Offer", "Decline"):
        assert text in said
