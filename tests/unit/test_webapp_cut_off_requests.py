"""Requests with an idempotency key that were cut off: they go on where they were, and nobody is decided about twice."""

import itertools
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from creditrisk.decision_log.entries import this_process
from creditrisk.errors import DecisionLogError
from creditrisk.scoring.policy import Stop
from webapp import idempotency, scoring
from webapp.app import create_app
from webapp.errors import BusyError

GOOD = {"client": "A7", "age_years": 61, "amount_eur": 2000, "income_eur": 52000, "housing": "own"}
WRONG = {**GOOD, "client": "A9", "age_years": "abc"}
BODY = {"applications": [GOOD, WRONG]}
PEOPLE = [{**GOOD, "client": f"P{number}", "age_years": 25 + 3 * number} for number in range(10)]
MANY = {"applications": [*PEOPLE[:4], WRONG, *PEOPLE[4:]]}


KILLED_AT_SECOND_PART = """
import json, os, sys
from pathlib import Path
from creditrisk.settings import Settings
from webapp import scoring
from webapp.app import create_app

scoring.score_in_chunks.__kwdefaults__["chunk_rows"] = 3
app = create_app(Settings(home=Path(sys.argv[1]), mlflow_uri="http://127.0.0.1:9"))
context = app.extensions["creditrisk"]
context.champion.look()
real, n_appends = context.log._writer.append, iter((1, 2))

def append(entries):
    written = real(entries)
    if next(n_appends) == 2:
        os.kill(os.getpid(), 9)
    return written

context.log._writer.append = append
app.test_client().post("/api/v1/score", json=json.loads(sys.argv[2]), headers={"Idempotency-Key": "key-1"})
"""


def ask(client, body):
    return client.post("/api/v1/score", json=body, headers={"Idempotency-Key": "key-1"})


def error_of(answer):
    return answer.status_code, answer.json["error"]["code"]


@pytest.fixture
def parts_of_three(monkeypatch):
    monkeypatch.setitem(scoring.score_in_chunks.__kwdefaults__, "chunk_rows", 3)


def ids_logged(log):
    return [logged.decision.application_id for logged in log.read(range(1, log.head()[0] + 1))]


def at_append(monkeypatch, log, number, before=lambda: None, after=lambda: None):
    """Do something before or after the log is appended to for the n-th time."""
    real, n_appends = log._writer.append, itertools.count(1)

    def append(entries):
        is_it = next(n_appends) == number
        if is_it:
            before()
        written = real(entries)
        if is_it:
            after()
        return written

    monkeypatch.setattr(log._writer, "append", append)


def away():
    raise DecisionLogError("the decision log is away.")


@pytest.mark.usefixtures("parts_of_three")
def test_a_stop_leaves_what_is_decided_and_the_same_request_goes_on_from_there(client, log, corner_app, monkeypatch):
    context = corner_app.extensions["creditrisk"]
    at_append(monkeypatch, log, 2, after=context.stopping.set)
    assert error_of(ask(client, MANY)) == (503, "stopping")
    assert len(ids_logged(log)) == 5  # of the first six one cannot be scored
    assert error_of(ask(client, {"applications": [GOOD]})) == (422, "key_reused")
    context.stopping.clear()
    answer = ask(client, MANY)
    assert ids_logged(log) == [item["client"] for item in PEOPLE]
    assert answer.data == ask(client, MANY).data == client.post("/api/v1/score", json=MANY).data


@pytest.mark.parametrize("body", [BODY, MANY], ids=["few", "many"])
@pytest.mark.parametrize("number", [1, 2, 4])
@pytest.mark.parametrize("is_logged", [True, False])
@pytest.mark.usefixtures("parts_of_three")
def test_nobody_is_decided_about_twice_when_it_is_not_known_whether_a_part_was_logged(
    client, log, monkeypatch, body, number, is_logged
):
    client.post("/api/v1/score", json=body)  # whoever asks without a key, before, is not taken for them
    n_before = log.head()[0]
    at_append(monkeypatch, log, number, **{"after" if is_logged else "before": away})
    first = ask(client, body)
    assert first.status_code == (200 if body is BODY and number > 1 else 503)
    monkeypatch.undo()
    client.post("/api/v1/outcomes", json=[{"application_id": "A7", "default": True, "observed_on": "2026-03-31"}])
    answer = ask(client, body)
    expected = [item["client"] for item in body["applications"] if item is not WRONG]
    assert ids_logged(log)[n_before : n_before + len(expected)] == ids_logged(log)[n_before:] == expected
    assert answer.data == ask(client, body).data == client.post("/api/v1/score", json=body).data


@pytest.mark.usefixtures("parts_of_three")
def test_a_killed_process_keeps_no_key_and_the_same_request_goes_on_at_once(client, log, corner_settings):
    program = [sys.executable, "-c", KILLED_AT_SECOND_PART, corner_settings.home, json.dumps(MANY)]
    assert subprocess.run(program, check=False).returncode == -9
    assert len(ids_logged(log)) == 5
    answer = ask(client, MANY)
    assert ids_logged(log) == [item["client"] for item in PEOPLE]
    assert answer.data == ask(client, MANY).data == client.post("/api/v1/score", json=MANY).data
    assert list((corner_settings.home / "idempotency").iterdir()) == []


@pytest.mark.parametrize("body", [BODY, MANY], ids=["few", "many"])
def test_an_answer_that_could_not_be_noted_is_found_in_the_log(client, log, monkeypatch, body):
    def keep(claim, *, is_answered=False):
        if is_answered:
            raise BusyError("away")
        real(claim)

    real = idempotency.Claim.keep
    monkeypatch.setattr(idempotency.Claim, "keep", keep)
    first = ask(client, body)
    monkeypatch.undo()
    n_entries = log.head()[0]
    assert first.data == ask(client, body).data == ask(client, body).data
    assert log.head()[0] == n_entries


@pytest.mark.usefixtures("parts_of_three")
def test_a_repeat_says_of_each_part_what_was_decided_when_the_policy_changed_within(
    client, log, corner_app, monkeypatch
):
    context = corner_app.extensions["creditrisk"]

    def stop():
        policy = context.policy.now()
        since = Stop("2026-11-01T08:00:00+00:00", "approver", "wrong data")
        context.policy.change(policy, replace(policy, stop=since), by=this_process(), why="wrong data")

    at_append(monkeypatch, log, 2, after=stop)
    first = ask(client, MANY)
    verdicts = [result["verdict"] for result in first.json["results"]]
    assert (set(verdicts[:5]) != {"refer"}, set(verdicts[5:])) == (True, {"refer"})
    assert ask(client, MANY).data == first.data
    assert [one.decision.verdict for one in log.read(range(1, log.head()[0] + 1))] == verdicts


@pytest.mark.usefixtures("parts_of_three")
def test_a_request_that_was_cut_off_ends_with_the_version_it_was_begun_with(
    client, log, corner_app, corner_settings, old_version, monkeypatch
):
    at_append(monkeypatch, log, 2, before=away)
    assert ask(client, MANY).status_code == 503
    monkeypatch.undo()
    note = {"model": "corner_lender", "version": "2", "sha256": log.noted("scorer", "corner_lender/2")}
    path = corner_settings.home / "serving" / "current.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **note}))
    later = create_app(corner_settings)
    later.extensions["creditrisk"].champion.look()
    assert later.test_client().post("/api/v1/score", json=GOOD).json["model_version"] == "2"
    answer = ask(later.test_client(), MANY)
    assert {result["model_version"] for result in answer.json["results"]} == {answer.json["model_version"]} == {"3"}
