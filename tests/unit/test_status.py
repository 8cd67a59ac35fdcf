"""The Status page: how services are asked, what is said of one that is away, and the lamp in the header."""

import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask import g

from creditrisk.settings import PREFECT_PASSWORD_VARIABLE, PREFECT_WORK_POOL, Settings, prefect_password
from flows import password
from webapp import service_checks, service_watch
from webapp.access import ROLES, Caller, local_caller
from webapp.pages import shell, status_page
from webapp.service_checks import Check, Finding, last_report
from webapp.service_links import ServiceLink
from webapp.service_note import Service, ServiceNote, read_services, service_note_path, write_services
from webapp.service_watch import ServiceWatch

NOW = datetime(2025, 11, 26, 15, tzinfo=UTC)


@contextmanager
def prefect(answers):
    """A server with Prefect's addresses and these answers; `given` holds the credentials it got."""
    given = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            given.append(self.headers.get("Authorization"))
            status, body = answers.get(self.path, (404, b""))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server.server_address[1], given
        server.shutdown()


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path, prefect_port=1)


def noted(state="gone", key="mlflow", title="MLflow", **more):
    return Service(key, title, state, NOW.timestamp(), "It does not answer.", "No training.", "`make up`", **more)


def test_a_worker_is_there_when_prefect_says_that_its_pool_is_ready(tmp_path):
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "password").write_text("riskometer:secret\n")
    pool = f"/api/work_pools/{PREFECT_WORK_POOL}"
    for answer, state in [
        ((200, b'{"status":"READY"}'), "answers"),
        ((200, b'{"status":"NOT_READY"}'), "gone"),
        ((404, b""), "gone"),
        ((401, b""), "unknown"),
        ((502, b""), "unknown"),
    ]:
        with prefect({"/api/health": (200, b"true"), pool: answer}) as (port, given):
            settings = Settings(home=tmp_path, prefect_port=port)
            assert service_checks.ask_prefect(settings).state == "answers"
            found = service_checks.ask_worker(settings)
            assert found.state == state
            assert ("password" in found.said) == (answer[0] == 401)
            assert given == [None, "Basic cmlza29tZXRlcjpzZWNyZXQ="]
    assert service_checks.ask_worker(settings).state == "unknown"  # nobody there to tell


def test_prefects_password_is_told_to_no_other_server(tmp_path, monkeypatch):
    made = password.make_password(Settings(home=tmp_path))
    monkeypatch.setenv(PREFECT_PASSWORD_VARIABLE, "someone:else")
    assert prefect_password(Settings(home=tmp_path)) == made
    assert prefect_password(Settings(home=tmp_path, prefect_api_url="http://another:4200/api")) == "someone:else"
    assert prefect_password(Settings(home=tmp_path / "none")) == "someone:else"


def test_what_nobody_started_is_not_gone_and_what_was_there_is(settings, monkeypatch):
    watch = ServiceWatch(settings, started=0.0, n_answering=1)
    states = {service.key: service.state for service in watch.look().services}
    assert (states["prefect"], states["worker"], states["mlflow"], states["log"]) == (
        "off",
        "unknown",
        "answers",
        "answers",
    )
    assert [states[key] for key in ("archive 1", "queue", "disk", "report")] == ["answers", "answers", "answers", "off"]
    assert list(states).index("report") == list(states).index("worker") + 1

    monkeypatch.setitem(watch._checks, "prefect", replace(watch._checks["prefect"], ask=lambda: Finding("answers", "")))
    watch.look()
    monkeypatch.setitem(
        watch._checks, "prefect", replace(watch._checks["prefect"], ask=lambda: Finding("gone", "", is_expected=False))
    )
    assert [service.title for service in watch.look().gone] == ["Prefect"]


def test_an_exporter_that_does_not_answer_is_gone_where_it_is_started_beside_the_app(tmp_path, monkeypatch):
    def state(**more):
        found = ServiceWatch(Settings(home=tmp_path, **more), 0.0, 1).look().services
        return next((one.state for one in found if one.key == "exporter"), "not asked")

    with prefect({"/health": (200, b"ok")}) as (port, _):
        assert state(exporter_port=port) == "answers"
    service_note_path(tmp_path).unlink()
    assert state(exporter_port=port) == "off"
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert state(exporter_port=port) == "gone"
    # Between containers each has an address of its own, which this app is not told.
    assert state(exporter_port=port, prefect_api_url="http://prefect-server:4200/api") == "not asked"


def test_the_page_leads_those_who_look_after_the_model_to_the_other_services(corner_app, corner_settings):
    link = ServiceLink("Grafana", "the dashboard", "http://127.0.0.1:3000/d/risk-o-meter")
    disk = Service("disk", "Disk", "answers", NOW.timestamp(), "81 GB free.")
    write_services(corner_settings.home, ServiceNote(NOW.timestamp(), (disk,), "", (link,)))
    assert read_services(corner_settings.home).links == (link,)
    page = json.dumps(corner_app.test_client().get("/ui/status/_dash-layout").json)
    for words in (link.address, "Grafana: the dashboard", "has room"):
        assert words in page
    with corner_app.test_request_context():
        g.caller = Caller("clerk", "clerk", ROLES["clerk"])
        assert status_page._elsewhere(read_services(corner_settings.home)) == []


def test_where_other_services_are_is_noted_with_each_look(settings):
    with prefect({}) as (port, _):
        links = ServiceWatch(settings.model_copy(update={"mlflow_port": port}), 0.0, 1).look().links
    assert f"http://127.0.0.1:{port}/#/models" in [link.address for link in links]


def test_what_is_started_beside_the_app_is_missed_only_after_a_while(settings, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    for started, state in [(0.0, "gone"), (datetime.now(UTC).timestamp(), "off")]:
        [found] = [one for one in ServiceWatch(settings, started, 1).look().services if one.key == "prefect"]
        assert found.state == state
    assert found.follows.startswith("Scoring goes on.")


def test_a_service_that_hangs_keeps_nobody_waiting_and_is_asked_once(settings, monkeypatch):
    monkeypatch.setattr(service_watch, "TIMEOUT_SECONDS", 0.1)
    watch, let_go, asked = ServiceWatch(settings, 0.0, 1), threading.Event(), []

    def hang():
        asked.append(1)
        let_go.wait(30)
        return Finding("answers", "")

    away = Finding("gone", "It does not answer.")
    watch._checks = {"worker": Check("Worker", hang, away), "log": Check("Log", lambda: Finding("answers", ""), away)}
    for _ in range(2):
        states = {one.key: one.state for one in watch.look().services}
        assert (states["worker"], states["log"]) == ("gone", "answers")
    assert len(asked) == 1
    let_go.set()


def test_since_when_is_kept_as_long_as_nothing_changes(settings):
    first = ServiceWatch(settings, 0.0, 1).look()
    again = ServiceWatch(settings, 0.0, 1)  # the process that asks was replaced
    assert [one.since for one in again.look().services] == [one.since for one in first.services]
    again._checks["disk"] = replace(again._checks["disk"], ask=lambda: Finding("look", "1 kB free."))
    then = {one.key: one.since for one in again.look().services}
    before = {one.key: one.since for one in first.services}
    assert [key for key in then if then[key] != before[key]] == ["disk"]


def test_a_report_is_missing_when_more_than_twice_its_interval_old():
    def state(hours, *, is_scheduled):
        result = {
            "created_at": (NOW - timedelta(hours=hours)).isoformat(),
            "model": "german_credit",
            "model_version": "7",
        }
        return last_report(result, NOW, 0, is_scheduled=is_scheduled).state

    assert [state(hours, is_scheduled=True) for hours in (0.1, 5.9, 6.1)] == ["answers", "answers", "gone"]
    assert state(100, is_scheduled=False) == "off"
    assert [last_report(None, NOW, 0, is_scheduled=each).state for each in (True, False)] == ["unknown", "off"]


def test_addresses_are_shown_without_their_passwords(settings):
    told = settings.model_copy(update={"archives": "mongodb://clerk:secret@127.0.0.1:1/reports"})
    checks = service_checks.checks_of(told, service_checks.opened(told.archive_uris), 1)
    assert checks["archive 1"].otherwise.said == "mongodb://127.0.0.1:1/reports does not answer."
    [unreadable] = service_checks.opened(["ftp://clerk:secret@host/reports"]).items()
    assert unreadable == ("ftp://host/reports", None)
    assert service_checks.ask_archive(*unreadable).state == "unknown"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"asked_at": 1, "services": [{"key": "x"}], "report_says": "", "links": []}', "{"]
)
def test_a_note_that_is_something_else_is_none(tmp_path, text):
    service_note_path(tmp_path).parent.mkdir()
    service_note_path(tmp_path).write_text(text)
    assert read_services(tmp_path) == ServiceNote()


def test_the_lamp_says_what_is_gone_and_leads_to_the_page(corner_app, corner_settings):
    context = corner_app.extensions["creditrisk"]
    note = ServiceNote(NOW.timestamp(), (noted(),), "act")
    write_services(corner_settings.home, note)
    assert read_services(corner_settings.home) == note
    link = shell.lamp(context, local_caller())
    assert (link.href, link.className, link.children[1]) == ("/status", "lamp gone", "MLflow is gone")
    words = shell.lamp(context, Caller("nobody", "clerk", frozenset()))
    assert not hasattr(words, "href")
    assert words.children[1] == "MLflow is gone"
    write_services(corner_settings.home, replace(note, services=(noted(), noted(key="log", title="Decision log"))))
    assert shell.lamp(context, local_caller()).children[1] == "2 services are gone"


def test_the_page_says_what_follows_and_what_to_do(corner_app, corner_settings):
    client = corner_app.test_client()

    def page():
        return json.dumps(client.get("/ui/status/_dash-layout").json, ensure_ascii=False)

    assert "Nobody has looked yet." in page()
    write_services(corner_settings.home, ServiceNote(NOW.timestamp(), (noted(),)))
    for words in ("Nobody has looked since 26 Nov 2025, 15:00 UTC", "No training.", "What to do: ", "▲", '"gone"'):
        assert words in page()
    said = status_page._summary(ServiceNote(NOW.timestamp(), (noted(),)), NOW.timestamp() + 5)
    assert said == "Gone: MLflow. Asked at 15:00:00 UTC; this page renews itself."
