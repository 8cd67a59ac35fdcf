"""Clients that send nothing, little or slowly, or take no answer: nobody else waits for them."""

import json
import socket
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests

from tests.security.conftest import GOOD, answer_on, open_connections
from webapp import connections
from webapp.app import create_app
from webapp.connections import Server
from webapp.errors import BusyError
from webapp.security import body_limit

HEAD = b"POST /api/v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
STALLED = HEAD + b"Content-Length: 100000\r\n\r\n{"


# Less than the server's patience with anybody else here: who had to wait for them would not be answered in time.
SOON = min(connections.HEAD_SECONDS, connections.GRACE_SECONDS, connections.LINGER_SECONDS) / 2


def is_answered(url, **sent):
    return requests.request("POST" if sent else "GET", url, timeout=SOON, **sent).status_code == 200


def test_idle_and_stalled_sockets_keep_nobody_waiting(web, connect):
    for sent in [b""] * 40 + [STALLED] * 8 + [b"GET /heal"] * 8:
        connect(sent)
    # Answers of hundreds of kilobytes that nobody takes.
    script = b"GET /ui/_dash-component-suites/dash/dcc/dash_core_components.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for _ in range(8):
        connect(script * 10)
    for _ in range(5):
        assert is_answered(f"{web.url}/health")
        assert is_answered(f"{web.url}/api/v1/score", json=GOOD)


def test_more_sockets_than_the_server_keeps_shut_nobody_out(web, connect):
    for _ in range(connections.MAX_CONNECTIONS + 100):
        connect(b"")
    assert is_answered(f"{web.url}/health")


def test_long_scorings_do_not_delay_what_operators_ask(web):
    body = json.dumps([GOOD] * 6_000)
    with ThreadPoolExecutor(16) as askers:

        def score(_number):
            return requests.post(f"{web.url}/api/v1/score", data=body, headers={"Content-Type": "application/json"},
                                 timeout=60).status_code  # fmt: skip

        scorings = [askers.submit(score, number) for number in range(16)]
        time.sleep(0.3)
        for route in ("/health", "/metrics", "/ready") * 2:
            assert is_answered(web.url + route)
        assert sum(not scoring.done() for scoring in scorings) > 8  # so some were waiting for a thread
        assert {scoring.result() for scoring in scorings} == {200}


def test_ready_answers_while_somebody_else_locks_the_log(web, home):
    with (
        closing(sqlite3.connect(home / "decisions.db", isolation_level=None)) as other,
        ThreadPoolExecutor(20) as askers,
    ):
        other.execute("BEGIN IMMEDIATE")
        asked = [askers.submit(requests.get, f"{web.url}/ready", timeout=10) for _ in range(20)]
        assert is_answered(f"{web.url}/health")
        answers = [ask.result() for ask in asked]
        other.execute("ROLLBACK")
    assert {answer.status_code for answer in answers} == {503}
    assert not answers[0].json()["decision_log"]["reachable"]


def test_ready_answers_while_the_database_says_nothing(corner_settings):
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"postgresql://decisions@127.0.0.1:{silent.getsockname()[1]}/decisions"
        client = create_app(corner_settings.model_copy(update={"decision_log_url": url})).test_client()
        answer = client.get("/ready")
    assert answer.status_code == 503
    assert answer.json["decision_log"]["problem"].startswith("The decision log has not answered for 1.")


# Deadlines, cut short


@pytest.fixture
def quick_url(corner_app, corner_settings, monkeypatch):
    """The app in this process, with a server that loses its patience within a second."""
    for name in ("HEAD_SECONDS", "GRACE_SECONDS", "LINGER_SECONDS"):
        monkeypatch.setattr(connections, name, 0.6)
    monkeypatch.setattr(connections, "MAX_HELD_BODIES", 1)
    stopping = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        port = listener.getsockname()[1]

        def limit(path):
            return body_limit(corner_settings, path)

        counted = corner_app.extensions["creditrisk"].metrics.count_answer
        server = Server(corner_app, listener, body_limit=limit, max_body=2_000_000, on_answer=counted)
        runs = threading.Thread(target=server.run, args=(stopping,))
        runs.start()
        yield f"http://127.0.0.1:{port}"
        stopping.set()
        server.pull_trigger()
        runs.join()
        server.drain()


def drip(sock, data, seconds):
    """Send a byte now and then until the other side has had enough."""
    try:
        for byte in data:
            sock.sendall(bytes([byte]))
            time.sleep(seconds)
    except OSError:
        return


def test_a_connection_that_says_nothing_is_closed(quick_url):
    with open_connections(quick_url) as connect:
        assert answer_on(connect()) == b""


@pytest.mark.parametrize("begun", [b"", STALLED], ids=["head", "body"])
def test_a_request_that_comes_a_byte_at_a_time_is_told_that_it_is_too_slow(quick_url, begun):
    with open_connections(quick_url) as connect:
        sock = connect(begun)
        sender = threading.Thread(target=drip, args=(sock, HEAD * 10, 0.2), daemon=True)
        sender.start()
        answer = answer_on(sock)
        sender.join()
    assert answer.startswith(b"HTTP/1.1 408 ") or answer.startswith(b"HTTP/1.0 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "too_slow"


def test_a_body_at_the_pace_of_a_slow_line_is_waited_for(quick_url, monkeypatch):
    monkeypatch.setattr(connections, "SLOW_BYTES_PER_SECOND", 100)
    body = json.dumps(GOOD).encode()
    with open_connections(quick_url) as connect:
        sock = connect(HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 50):
            sock.sendall(body[start : start + 50])
            time.sleep(0.4)
        assert answer_on(sock).startswith(b"HTTP/1.1 200 ")


def test_an_answer_that_nobody_takes_is_given_up(quick_url):
    request = b"GET /ui/_dash-component-suites/dash/dcc/dash_core_components.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with open_connections(quick_url) as connect:
        sock = connect(request * 40)  # more than the buffers of two sockets hold
        time.sleep(1.8)
        try:
            n_taken = len(answer_on(sock))
        except ConnectionResetError:
            n_taken = 0
    assert n_taken < 40 * 300_000


def test_of_too_many_half_bodies_the_oldest_gives_way(quick_url):
    head = b"POST /uploads HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
    half = head + b"Content-Length: 1900000\r\n\r\n" + b"x" * 1_800_000
    with open_connections(quick_url) as connect:
        first = connect(half)
        time.sleep(0.3)
        second = connect(half)
        assert answer_on(first).startswith(b"HTTP/1.1 503 ")
        second.sendall(b"x" * 100_000)
        assert second.recv(100).startswith(b"HTTP/1.1 202 ")


def test_more_scorings_than_may_wait_are_told_when_to_come_back(quick_url, monkeypatch):
    monkeypatch.setattr(connections, "MAX_WAITING", 0)
    answer = requests.post(f"{quick_url}/api/v1/score", json=GOOD, timeout=5)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0
    assert requests.get(f"{quick_url}/health", timeout=5).status_code == 200


def test_more_files_than_may_wait_are_told_when_to_come_back(corner_app):
    def fail():
        raise BusyError("Several files are being scored at the moment.")

    corner_app.add_url_rule("/fail", view_func=fail)
    answer = corner_app.test_client().get("/fail")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0
