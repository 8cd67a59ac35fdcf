"""Requests that are refused or are none: each gets a proper answer, and none harms the next one or is written down."""

import http.client
import json
import socket
import time
from urllib.parse import urlsplit

import pytest

from tests.security.conftest import GOOD, answer_on

SMALL = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def to_app(url):
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)


def answers_of(raw):
    """Status, headers and body of every answer in what came over one connection."""
    found = []
    while raw:
        head, _, rest = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        n_bytes = int(headers.get("content-length", len(rest)))
        found.append((int(lines[0].split()[1]), headers, rest[:n_bytes]))
        raw = rest[n_bytes:]
    return found


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/v1/score", {"Content-Type": "text/plain"}, 415),
        ("/api/v1/score", {"Content-Type": "application/json", "Host": "evil.example"}, 403),
        ("/api/v1/score", {"Content-Type": "application/json", "Origin": "https://evil.example"}, 403),
        ("/nothing/here", {"Content-Type": "application/json"}, 404),
        ("/health", {"Content-Type": "application/json"}, 405),
        ("/ui/_dash-update-component", {"Content-Type": "application/json"}, 400),
    ],
)
def test_the_connection_lives_on_after_a_body_that_was_refused(web, path, headers, status):
    connection = to_app(web.url)
    connection.connect()
    first_socket = connection.sock
    for _ in range(20):
        connection.request("POST", path, b"x" * 200_000, headers)
        refused = connection.getresponse()
        assert (refused.status, set(json.load(refused))) == (status, {"error"})
        connection.request("GET", "/health")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"status":"ok"}\n')
    assert connection.sock is first_socket
    connection.close()


@pytest.mark.parametrize(
    ("path", "n_bytes"), [("/ui/_dash-update-component", 1_200_000), ("/api/v1/score", 60_000_000)]
)
def test_a_body_beyond_the_limit_is_answered_before_the_connection_ends(web, path, n_bytes):
    for _ in range(3):
        connection = to_app(web.url)
        connection.request("POST", path, b"x" * n_bytes, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Connection")) == (413, "close")
        assert json.load(answer)["error"]["code"] == "too_large"
        # The next request opens a connection of its own.
        connection.request("GET", "/health")
        assert connection.getresponse().status == 200
        connection.close()


@pytest.mark.parametrize(("kept", "status"), [(b"Content-Length: 900000000", 413), (b"Transfer-Encoding: gzip", 501)])
def test_what_is_refused_before_it_is_whole_has_mlflows_shape_on_mlflows_route(web, kept, status):
    head = b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n" + kept + b"\r\n\r\n"
    parts = urlsplit(web.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as sock:
        sock.sendall(head)
        [(said, _, body)] = answers_of(answer_on(sock))
    assert said == status
    assert json.loads(body).keys() == {"error_code", "message", "stack_trace"}


def test_a_body_that_is_announced_too_large_is_not_asked_for(connect):
    sock = connect(b"POST /api/v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   b"Expect: 100-continue\r\nContent-Length: 900000000\r\n\r\n")  # fmt: skip
    [(status, _, _)] = answers_of(answer_on(sock))
    assert status == 413


def test_a_body_is_asked_for_when_a_client_waits_for_that(connect):
    body = json.dumps(GOOD).encode()
    sock = connect(b"POST /api/v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))  # fmt: skip
    assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    sock.sendall(body)
    [(status, _, _)] = answers_of(answer_on(sock))
    assert status == 200


def test_a_body_in_chunks_is_scored(connect):
    body = json.dumps(GOOD).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:30], body[30:]))
    sock = connect(b"POST /api/v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")  # fmt: skip
    [(status, _, answer)] = answers_of(answer_on(sock))
    assert (status, json.loads(answer)["results"][0]["application_id"]) == (200, "A7")


def test_requests_sent_all_at_once_are_answered_in_order(connect):
    last = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answers = answers_of(
        answer_on(connect(SMALL + b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" + last))
    )
    assert [status for status, _, _ in answers] == [200, 200, 404]


def test_a_head_request_gets_the_headers_alone(connect):
    raw = answer_on(connect(b"HEAD /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    assert raw.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: 16\r\n" in raw
    assert raw.endswith(b"\r\n\r\n")


POST = b"POST /api/v1/score HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 50 + b"\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"get /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /health HTTP/3.7\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nSecret-Name\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nA: b\nSecret: c\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nA: " + b"Secret" * 10_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"Secret" * 10_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
        (POST + b"Content-Length: -1\r\n\r\n", 400),
        (POST + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n", 400),
        (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n123456", 400),
        (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nSecret\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 2_000, 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 20_000, 400),
        (b"POST /api/v1/score HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ],
)  # fmt: skip
def test_what_is_no_request_gets_an_error_that_repeats_nothing(connect, sent, status):
    [(got, headers, body)] = answers_of(answer_on(connect(sent)))
    assert (got, headers["connection"], headers["content-type"]) == (status, "close", "application/json")
    assert set(json.loads(body)["error"]) == {"code", "message"}
    assert b"Secret" not in body
    assert "server" not in headers


def test_nothing_behind_a_refused_request_is_taken_for_a_request(connect):
    sock = connect(
        b"POST /ui/_dash-update-component HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n" + SMALL
    )
    assert [status for status, _, _ in answers_of(answer_on(sock))] == [413]


def test_headers_of_a_proxy_change_nothing(connect):
    forwarded = b"X-Forwarded-Host: localhost\r\nForwarded: host=localhost\r\nX-Forwarded-For: 127.0.0.1\r\n"
    sock = connect(b"GET /health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n" + forwarded + b"\r\n")
    assert [status for status, _, _ in answers_of(answer_on(sock))] == [403]


def test_the_access_log_holds_nothing_that_a_client_sent(web, home, connect):
    path = b"/uploads/SecretName/result.csv?q=SecretQuery HTTP/1.1\r\nHost: localhost\r\nX: SecretHeader\r\n\r\n"
    connect(b"SECRETMETHOD " + path).recv(1000)
    connect(b"GET " + path).recv(1000)
    log = home / f"web-{urlsplit(web.url).port}.log"
    deadline = time.monotonic() + 10
    wanted = '"method": "GET", "route": "/uploads/<name>/result.csv", "status": 4'
    while wanted not in log.read_text():  # written behind the answer
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert '"method": "(other)"' in log.read_text()
    assert "secret" not in log.read_text().lower()


def test_a_client_that_has_closed_its_side_still_gets_the_answer(connect):
    sock = connect(SMALL)
    sock.shutdown(socket.SHUT_WR)
    assert answers_of(answer_on(sock))[0][0] == 200
