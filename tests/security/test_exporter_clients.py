"""The exporter answers to its names, and silent clients neither hold it up nor pile up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from wsgiref.simple_server import make_server

import pytest

from creditrisk.settings import Settings
from monitoring import exporter


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an exporter that waits half a second for a request."""
    home = tmp_path_factory.mktemp("exporter")
    application = exporter.make_app(Settings(home=home, allowed_hosts="exporter"))
    with (
        pytest.MonkeyPatch.context() as patched,
        make_server("127.0.0.1", 0, application, exporter._Server, exporter._Handler) as server,
    ):
        patched.setattr(exporter, "REQUEST_SECONDS", 0.5)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def ask(port: int, *headers: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall("\r\n".join(["GET /health HTTP/1.1", *headers, "", ""]).encode())
        return client.recv(1_000)


@pytest.mark.parametrize("host", ["127.0.0.1:9697", "localhost", "exporter:9697"])
def test_it_answers_to_its_names(port: int, host: str) -> None:
    assert b" 200 OK" in ask(port, f"Host: {host}")


@pytest.mark.parametrize(
    "headers",
    [
        ("Host: evil.example",),
        ("Host: 192.168.0.7:9697",),
        (),
        ("Host: 127.0.0.1:9697", "Origin: http://evil.example"),
        ("Host: 127.0.0.1:9697", "Sec-Fetch-Site: cross-site"),
    ],
)
def test_it_answers_no_other_name_and_no_foreign_page(port: int, headers: tuple[str, ...]) -> None:
    assert b" 403 Forbidden" in ask(port, *headers)


def test_silent_and_dripping_clients_are_let_go(port: int) -> None:
    before = threading.active_count()
    n_clients = exporter.MOST_CONNECTIONS + 30
    with ExitStack() as opened:
        silent = [
            opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(n_clients)
        ]
        # Each has a thread that reads and one that waits for its deadline.
        assert threading.active_count() - before <= 2 * exporter.MOST_CONNECTIONS + 10  # some are about to end
        dripping = silent[-80::20]
        deadline = time.monotonic() + 20
        while dripping:
            assert time.monotonic() < deadline, "a client that sends a byte now and then is waited for"
            for client in list(dripping):
                try:
                    client.sendall(b"G")
                except OSError:
                    dripping.remove(client)
            time.sleep(0.1)
        for client in silent:
            with suppress(ConnectionError):
                assert client.recv(1) == b""  # the exporter has closed it

    assert b" 200 OK" in ask(port, "Host: localhost")


def test_a_scrape_is_let_in_however_many_keep_silent(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "REQUEST_SECONDS", 60.0)
    with ExitStack() as opened:
        silent = [
            opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            for _ in range(exporter.MOST_CONNECTIONS)
        ]
        for _ in range(20):
            assert b" 200 OK" in ask(port, "Host: localhost")
        # A scrape gives its place back: one silent client made room, the one that has been so longest.
        silent[0].settimeout(10)
        assert silent[0].recv(1) == b""
        silent[-1].settimeout(0.2)
        with pytest.raises(TimeoutError):
            silent[-1].recv(1)
