"""Requests that are sent again, versions that are named, decisions that are looked up, and the ids of requests."""

import io
import json
import logging
import sqlite3
import threading
from contextlib import closing, suppress
from datetime import datetime
from types import SimpleNamespace

import pytest
from jsonschema import Draft202012Validator

from creditrisk.decision_log.decisions import named
from webapp import accounts, api, idempotency, small_database
from webapp.access import Caller, local_caller
from webapp.app import create_app
from webapp.errors import BusyError
from webapp.http_requests import AppTask, ErrorTask, RefusalError
from webapp.json_logs import REQUEST_ID, JsonLines, request_id
from webapp.small_database import SmallDatabase

GOOD = {"client": "A7", "age_years": 61, "amount_eur": 2000, "income_eur": 52000, "housing": "own"}
WRONG = {**GOOD, "client": "A9", "age_years": "abc"}
BODY = {"applications": [GOOD, WRONG]}


def ask(client, body=BODY, key="key-1"):
    return client.post("/api/v1/score", json=body, headers={"Idempotency-Key": key})


def error_of(answer):
    return answer.status_code, answer.json["error"]["code"]


def n_decisions(log):
    return sum(log.counts_by_verdict().values())


# The same request again


@pytest.mark.parametrize("body", [BODY, {"applications": [GOOD] * 9 + [WRONG]}], ids=["few", "many"])
def test_the_same_key_and_body_get_the_same_answer_and_one_decision(client, log, body):
    first = ask(client, body)
    n_before = n_decisions(log)
    again = ask(client, body)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.data == first.data == client.post("/api/v1/score", json=body).data
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert n_decisions(log) == n_before + len(body["applications"]) - 1  # of the request without a key


def test_outcomes_with_a_key_are_answered_as_before_and_recorded_once(client, log, corner_settings):
    ask(client, key="scoring")
    outcome = {"application_id": "A7", "default": True, "observed_on": "2026-03-31"}

    def report(body, key="outcomes-1"):
        return client.post("/api/v1/outcomes", json=body, headers={"Idempotency-Key": key})

    first, again = report([outcome]), report([outcome])
    assert again.data == first.data
    assert first.json["recorded"] == 1
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert log.outcomes().height == 1
    assert error_of(report([{**outcome, "default": False}])) == (422, "key_reused")
    assert error_of(report(BODY, key="scoring")) == (422, "key_reused")  # of another route
    assert error_of(report([{}], key="outcomes-2")) == (400, "bad_request")
    assert report([outcome], key="outcomes-2").json["unchanged"] == 1
    assert b"A7" not in (corner_settings.home / "idempotency.sqlite3").read_bytes()


@pytest.mark.parametrize("path", ["/api/v1/score.csv", "/invocations"])
def test_a_key_is_refused_where_none_is_kept(client, log, path):
    table = f"{','.join(GOOD)}\n{','.join(map(str, GOOD.values()))}\n"
    answer = client.post(path, data=table, content_type="text/csv", headers={"Idempotency-Key": "1"})
    assert answer.status_code == 400
    assert "This route keeps no Idempotency-Key" in answer.text
    assert n_decisions(log) == 0


def test_a_key_with_another_body_is_refused_and_another_key_decides_anew(client, log):
    ask(client)
    assert error_of(ask(client, {"applications": [GOOD]})) == (422, "key_reused")
    assert n_decisions(log) == 1
    assert ask(client, key="key-2").status_code == 200
    assert n_decisions(log) == 2


def test_another_process_and_a_later_start_know_the_key(client, corner_settings, log):
    first = ask(client)
    later = create_app(corner_settings)
    later.extensions["creditrisk"].champion.look()
    assert ask(later.test_client()).data == first.data
    assert n_decisions(log) == 1


def test_a_key_is_good_for_a_day(client, log, monkeypatch):
    ask(client)
    now = idempotency.time.time()
    monkeypatch.setattr(idempotency, "time", SimpleNamespace(time=lambda: now + 86_390))
    assert ask(client, {"applications": [GOOD]}).status_code == 422
    monkeypatch.setattr(idempotency, "time", SimpleNamespace(time=lambda: now + 86_410))
    assert ask(client, {"applications": [GOOD]}).status_code == 200
    assert n_decisions(log) == 2


def test_a_clock_that_is_put_back_forgets_no_key_and_keeps_none_for_ever(client, monkeypatch):
    now = idempotency.time.time()
    monkeypatch.setattr(idempotency, "time", SimpleNamespace(time=lambda: now + 1e6))  # it was days ahead
    ask(client)
    monkeypatch.setattr(idempotency, "time", SimpleNamespace(time=lambda: now))
    assert ask(client).headers["Idempotent-Replayed"] == "true"
    monkeypatch.setattr(idempotency, "time", SimpleNamespace(time=lambda: now + 86_410))
    assert ask(client, {"applications": [GOOD]}).status_code == 200  # a day after it was seen again


def test_two_requests_with_one_key_at_once_make_one_decision(client, corner_app, log, monkeypatch):
    begun, may_end, real = threading.Event(), threading.Event(), log.append

    def slow(*args, **kwargs):
        begun.set()
        assert may_end.wait(10)
        return real(*args, **kwargs)

    monkeypatch.setattr(log, "append", slow)
    answers = []
    first = threading.Thread(target=lambda: answers.append(ask(corner_app.test_client())))
    first.start()
    assert begun.wait(10)
    second = ask(client)
    may_end.set()
    first.join()
    assert (error_of(second), second.headers["Retry-After"]) == ((409, "key_in_use"), "2")
    assert ask(client).data == answers[0].data
    assert n_decisions(log) == 1


def test_the_lock_of_a_request_that_nobody_sends_again_goes_with_its_key(corner_settings, monkeypatch):
    keys, caller = idempotency.IdempotencyKeys(corner_settings.home), local_caller()
    monkeypatch.setattr(idempotency.IdempotencyKeys, "_leave", lambda *_: None)  # as if it had been killed
    with pytest.raises(ValueError, match="killed"), keys.claimed(caller, "one", b"{}"):
        raise ValueError("killed")
    now = idempotency.time.time()
    monkeypatch.setattr(idempotency, "time", SimpleNamespace(time=lambda: now + 86_410))
    with keys.claimed(caller, "two", b"{}"):
        assert len(list((corner_settings.home / "idempotency").iterdir())) == 1


# Whose key it is


def test_a_key_belongs_to_who_sent_it(client, log, corner_settings):
    home = corner_settings.home
    assert ask(client).status_code == 200  # before there were accounts
    accounts.add_user(home, "anna", "analyst", "correct horse battery")
    tokens = [accounts.add_key(home, name, ("score", "outcomes")) for name in ("one", "two")]
    senders = [{"Authorization": f"Bearer {token}"} for token in tokens]
    for sender in senders:
        headers = {"Idempotency-Key": "key-1", **sender}
        first, again = [client.post("/api/v1/score", json=BODY, headers=headers) for _ in range(2)]
        assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert n_decisions(log) == 3
    outcome = {"application_id": "A7", "default": True, "observed_on": "2026-03-31"}
    for sender, number in zip(senders, ("recorded", "unchanged"), strict=True):
        headers = {"Idempotency-Key": "key-2", **sender}
        first, again = [client.post("/api/v1/outcomes", json=[outcome], headers=headers) for _ in range(2)]
        assert (first.json[number], again.data) == (1, first.data)
    other = client.post(
        "/api/v1/score", json={"applications": [GOOD]}, headers={"Idempotency-Key": "key-2", **senders[1]}
    )
    assert error_of(other) == (422, "key_reused")


@pytest.mark.parametrize("role", ["local", "key"])
def test_an_account_a_program_and_the_local_caller_of_one_name_have_keys_of_their_own(corner_settings, role):
    keys, nobody = idempotency.IdempotencyKeys(corner_settings.home), frozenset()
    for caller in (Caller("anna", "clerk", nobody), Caller("anna", role, nobody)):
        with keys.claimed(caller, "key-1", b"{}") as claim:
            assert not claim.is_repeat
    with keys.claimed(Caller("anna", "approver", nobody), "key-1", b"{}") as claim:
        assert claim.is_repeat


def test_a_home_with_keys_of_an_earlier_state_goes_on(client, corner_settings):
    with closing(sqlite3.connect(corner_settings.home / "idempotency.sqlite3")) as old:
        old.execute("CREATE TABLE answers (number INTEGER PRIMARY KEY, key BLOB, body BLOB, began_at REAL, model TEXT)")
        old.execute("CREATE INDEX answers_by_age ON answers (began_at)")
        old.commit()
    assert ask(client).data == ask(client).data


def test_a_request_that_failed_may_be_sent_again_with_its_key(client, log):
    assert ask(client, {"applications": [{"colour": "red"}]}).status_code == 422
    assert ask(client, {"applications": [GOOD]}).status_code == 200
    assert n_decisions(log) == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "Änne"])
def test_a_key_that_is_none_is_refused(client, log, key):
    assert error_of(ask(client, key=key)) == (400, "bad_request")
    assert n_decisions(log) == 0


def test_keys_are_bounded_and_hold_nothing_of_an_applicant(client, corner_settings, monkeypatch):
    monkeypatch.setattr(idempotency, "MOST_KEYS", 2)
    assert [ask(client, key=f"Schmidt-{number}").status_code for number in range(3)] == [200, 200, 503]
    for path in corner_settings.home.glob("idempotency.sqlite3*"):
        content = path.read_bytes()
        assert not [word for word in (b"Schmidt", b"A7", b"52000") if word in content]


def test_where_keys_cannot_be_kept_nothing_is_scored_until_they_can(client, corner_settings, log):
    in_the_way = corner_settings.home / "idempotency.sqlite3"
    in_the_way.mkdir()
    answer = ask(client)
    assert (error_of(answer), answer.headers["Retry-After"]) == ((503, "busy"), "30")
    in_the_way.rmdir()
    assert ask(client).status_code == 200
    assert n_decisions(log) == 1


# A version by its name


class SlowToLeave:
    """A lock whose first holder goes on only when the next one is in the middle of its work."""

    def __init__(self):
        self.lock, self.next_is_in, self.n_left = threading.Lock(), threading.Event(), 0

    def acquire(self, timeout):
        return self.lock.acquire(timeout=timeout)

    def release(self):
        self.n_left += 1
        is_first = self.n_left == 1
        self.lock.release()
        if is_first:
            assert self.next_is_in.wait(10)


def test_a_request_that_fails_leaves_the_connection_to_the_next_one(tmp_path):
    database = SmallDatabase(
        tmp_path / "small.sqlite3", "CREATE TABLE IF NOT EXISTS t (n INTEGER);", away="It is away."
    )
    lock = database._lock = SlowToLeave()
    has_begun = threading.Event()

    def fail():
        with suppress(BusyError), database.transaction():
            has_begun.set()
            raise OSError

    failing = threading.Thread(target=fail)
    failing.start()
    assert has_begun.wait(10)
    with database.transaction() as connection:
        lock.next_is_in.set()
        failing.join()
        connection.execute("INSERT INTO t VALUES (1)")
    with database.transaction() as connection:
        assert connection.execute("SELECT n FROM t").fetchall() == [(1,)]


def test_nobody_waits_for_all_who_came_before(tmp_path, monkeypatch):
    monkeypatch.setattr(small_database, "PATIENCE_SECONDS", 0.05)
    database = SmallDatabase(tmp_path / "small.sqlite3", "", away="It is away.")
    refused = []

    def ask():
        with suppress(BusyError), database.transaction():
            return
        refused.append(True)

    asking = threading.Thread(target=ask, daemon=True)
    with database.transaction():
        asking.start()
        asking.join(10)
        assert refused == [True]
    with database.transaction() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("key", [None, "key-1"])
def test_a_request_is_scored_by_the_version_that_it_names(client, log, old_version, key):
    headers = {"Idempotency-Key": key} if key else {}
    answers = [client.post("/api/v1/score", json={**BODY, "model_version": "2"}, headers=headers) for _ in range(2)]
    for answer in answers:
        assert answer.json["model_version"] == answer.json["results"][0]["model_version"] == "2"
    assert log.decisions_about("A7", at_most=1)[0].decision.model_version == "2"
    assert client.post("/api/v1/score", json={**BODY, "model_version": "3"}).json["model_version"] == "3"


def test_a_lone_application_is_scored_by_the_version_beside_its_fields(client, log, old_version):
    answer = client.post("/api/v1/score", json={**GOOD, "model_version": "2"}).json
    assert (answer["model_version"], answer["unknown_fields"]) == ("2", [])
    refused = client.post("/api/v1/score", json={**GOOD, "model_version": "99"})
    assert error_of(refused) == (409, "version_not_kept")
    assert n_decisions(log) == 1


@pytest.mark.usefixtures("old_version")
def test_a_version_that_is_not_kept_is_answered_with_those_that_are(client):
    error = client.post("/api/v1/score", json={**BODY, "model_version": "9"}).json["error"]
    assert error["kept_versions"] == ["3", "2"]
    assert error["message"].endswith("Leave model_version out, or name one that is: 2.")


def test_a_version_that_is_not_kept_is_refused_with_the_one_that_serves(client, log, old_version):
    (old_version / "schema.toml").write_text("changed")
    for version in ("1", "2", "../3"):
        answer = client.post("/api/v1/score", json={**BODY, "model_version": version})
        assert error_of(answer) == (409, "version_not_kept")
        assert "version 3 serves" in answer.json["error"]["message"]
    assert error_of(client.post("/api/v1/score", json={**BODY, "model_version": 3})) == (400, "bad_request")
    assert n_decisions(log) == 0


def test_a_repeat_whose_version_is_gone_says_so_and_decides_nothing(client, log, old_version, corner_settings):
    body = {**BODY, "model_version": "2"}
    assert ask(client, body).status_code == 200
    (old_version / "schema.toml").write_text("changed")
    later = create_app(corner_settings)
    later.extensions["creditrisk"].champion.look()
    assert error_of(ask(later.test_client(), body)) == (409, "version_not_kept")
    assert n_decisions(log) == 1


# What was decided


def test_decisions_about_an_application_are_found_newest_first(client, log):
    client.post("/api/v1/score", json=[GOOD, {**GOOD, "client": "A8"}])
    scored = client.post("/api/v1/score", json={**GOOD, "age_years": 30}).json["results"][0]
    answer = client.post("/api/v1/decisions/search", json={"application_id": "A7"}).json
    document = client.get("/api/v1/openapi.json").json
    Draft202012Validator({"$ref": "#/components/schemas/FoundDecisions", **document}).validate(answer)
    assert [found["entry"] for found in answer["decisions"]] == [3, 1]
    newest = answer["decisions"][0]
    scored["reasons"] = named(scored["reasons"])  # what they are measured against follows from code and inputs
    assert {key: scored[key] for key in newest.keys() & scored.keys()} == {
        key: newest[key] for key in newest.keys() & scored.keys()
    }
    assert newest["hash"] == log.head()[1]
    assert datetime.fromisoformat(newest["decided_at"]).utcoffset().total_seconds() == 0
    assert not answer["has_more"]
    assert client.post("/api/v1/decisions/search", json={"application_id": " A7\n"}).json == answer
    for unknown in ("A9", "' OR 1=1 --", "%"):
        found = client.post("/api/v1/decisions/search", json={"application_id": unknown}).json
        assert found == {"decisions": [], "has_more": False}


def test_no_more_decisions_are_answered_than_described(client, monkeypatch):
    monkeypatch.setattr(api, "MOST_FOUND", 2)
    client.post("/api/v1/score", json=[GOOD] * 3)
    answer = client.post("/api/v1/decisions/search", json={"application_id": "A7"}).json
    assert ([found["entry"] for found in answer["decisions"]], answer["has_more"]) == ([3, 2], True)


@pytest.mark.parametrize(
    "body", [{}, {"application_id": " "}, {"application_id": 7}, [1], {"application_id": "A7", "x": 1}]
)
def test_a_search_for_nobody_is_refused(client, body):
    assert error_of(client.post("/api/v1/decisions/search", json=body)) == (400, "bad_request")


# Ids of requests


@pytest.mark.parametrize(
    ("sent", "is_kept"),
    [
        ("0af76519-16cd-43dd-8448-eb211c80319c", True),
        ("0AF7651916cd43dd8448eb211c80319c", True),
        ("0af76519-16cd43dd8448eb211c80319c", False),
        ("Anna Schmidt", False),
        ("0af7651916cd43dd8448eb211c80319c\n", False),
        ("", False),
        (None, False),
    ],
)
def test_an_id_is_taken_over_if_it_is_a_uuid(sent, is_kept):
    assert (request_id(sent) == sent) == is_kept
    assert request_id(request_id(sent)) != request_id(None)


@pytest.mark.parametrize("kind", [AppTask, ErrorTask])
def test_every_answer_of_the_server_and_its_log_line_carry_the_id(kind, monkeypatch):
    written, lines = [], []
    sent = "0af7651916cd43dd8448eb211c80319c"
    request = SimpleNamespace(
        version="1.1", headers={"X_REQUEST_ID": sent}, command="POST", path="/uploads", error=RefusalError(413)
    )
    server = SimpleNamespace(adj=SimpleNamespace(ident=None), on_answer=lambda _status: None)
    task = kind(SimpleNamespace(write_soon=written.append, server=server), request)

    def answered():
        task.complete, task.content_length, task.status = True, 2, "200 OK"
        task.write(b"ok")

    if kind is AppTask:
        monkeypatch.setattr(task, "execute", answered)
    monkeypatch.setattr("webapp.http_requests.access_log.info", lambda *_args, extra: lines.append(extra["facts"]))
    task.service()
    assert f"\r\nX-Request-Id: {sent}\r\n".encode() in b"".join(written)
    [facts] = lines
    assert (facts["request_id"], facts["method"]) == (sent, "POST")


def test_log_lines_are_json_with_the_request_s_id_and_no_message_of_an_exception(corner_app):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("webapp.test")
    logger.addHandler(handler)
    with corner_app.test_request_context(environ_overrides={REQUEST_ID: "some-id"}):
        try:
            raise ValueError("Anna Schmidt")
        except ValueError:
            logger.exception("it %s", "failed")
    logger.warning("plain", extra={"facts": {"status": 200}})
    logger.removeHandler(handler)
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["message"], first["request_id"], first["level"]) == ("it failed", "some-id", "error")
    assert first["exception"].startswith("ValueError test_webapp_repeats.py:")
    assert "Anna" not in stream.getvalue()
    assert (second["message"], second["status"]) == ("plain", 200)
    assert datetime.fromisoformat(second["at"]).tzinfo is not None
