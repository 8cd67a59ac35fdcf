"""The gate of the full stack, as a real nginx: who is let through to the services behind it."""

from __future__ import annotations

import base64
import http.client
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from creditrisk.settings import PREFECT_WORK_POOL
from riskometer.bench import free_port

ROOT = Path(__file__).parents[2]
CONFIG = (ROOT / "infra/gate/nginx.conf").read_text()
PUBLISHED = [3000, 4200, 5051, 9091, 9093, 9696, 9697]
ASKED = "asked:4200"


class Service(BaseHTTPRequestHandler):
    """Stands for what is behind the gate: it answers everybody, and every origin."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = f"{self.command} {self.headers['Host']}".encode()
        if self.path.startswith("/api/"):
            body = f"{self.command} {self.path}\n{self.headers}".encode()
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        if self.path == "/frames":
            self.send_header("X-Frame-Options", "DENY")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_DELETE = do_OPTIONS = do_GET  # noqa: N815  # the library's names

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int | str, int]]:
    """A running gate whose services are on this machine: the port for each published one, and for `ASKED`."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    assert nginx, "install Debian's nginx-light to run this test"
    folder = tmp_path_factory.mktemp("gate")
    service = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    ports: dict[int | str, int] = {port: free_port() for port in [*PUBLISHED, ASKED]}
    config = CONFIG.replace("/tmp/", f"{folder}/").replace("127.0.0.1:8080", f"127.0.0.1:{free_port()}")
    # The second server at 4200 has a line of its own in the map here, as its port is another one.
    services = "map $server_port $service {"
    config = config.replace(services, f"{services}\n{ports[ASKED]} 127.0.0.1:{service.server_port};")
    config = config.replace(f"listen {ASKED};", f"listen 127.0.0.1:{ports[ASKED]};")
    for port in PUBLISHED:
        ours = ports[port]
        config, n_listen = re.subn(rf"listen published:{port};", f"listen 127.0.0.1:{ours};", config)
        config, n_map = re.subn(rf"\b{port} [\w-]+:\d+;", f"{ours} 127.0.0.1:{service.server_port};", config)
        assert (n_listen, n_map) == (1, 1), f"port {port} is not listened on once and led to one service"
    (folder / "nginx.conf").write_text(config)
    start = (
        (ROOT / "infra/gate/start.sh").read_text().replace("/tmp/", f"{folder}/").replace("exec nginx", f"exec {nginx}")
    )
    command = ["sh", "-c", start, "sh", "-e", "stderr", "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command, env={"PATH": os.defpath, "PREFECT_PASSWORD": "a password"})
    try:
        deadline = time.monotonic() + 20
        while not is_open(ports[9696]):
            assert process.poll() is None, "nginx stopped"
            assert time.monotonic() < deadline, "nginx does not listen"
            time.sleep(0.05)
        yield ports
    finally:
        process.terminate()
        process.wait(10)
        service.shutdown()
        service.server_close()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(port: int, method: str = "GET", path: str = "/", **headers: str) -> http.client.HTTPResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, path, headers={"Host": f"127.0.0.1:{port}"} | named)
        answer = connection.getresponse()
        # Kept beside the answer, whose own library knows no such thing.
        answer.text = answer.read().decode()  # type: ignore[attr-defined]
        return answer


@pytest.mark.parametrize("published", PUBLISHED)
def test_this_machine_s_own_names_reach_every_service(gate, published):
    port = gate[published]
    for name in ("127.0.0.1", "localhost"):
        answer = ask(port, Host=f"{name}:{port}")
        assert (answer.status, answer.text) == (200, f"GET {name}:{port}")


@pytest.mark.parametrize("published", PUBLISHED)
@pytest.mark.parametrize(
    "name", ["evil.example:{port}", "127.0.0.1.evil.example:{port}", "127.0.0.1", "localhost:1", "gate:{port}", "",
             "evil.example:{port} 127.0.0.1:{port}", "127.0.0.1:{port}.evil.example", "web:9696"],
)  # fmt: skip
def test_a_foreign_name_reaches_no_service(gate, published, name):
    answer = ask(gate[published], Host=name.format(port=gate[published]))
    assert answer.status in (400, 421), answer.text


def test_the_name_of_another_published_port_is_foreign(gate):
    assert ask(gate[9091], Host=f"127.0.0.1:{gate[9696]}").status == 421


@pytest.mark.parametrize("published", PUBLISHED)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_a_foreign_page_reads_and_starts_nothing(gate, published, method):
    port = gate[published]
    origins = ("https://evil.example", "http://127.0.0.1:1", f"http://localhost:{port}", f"https://127.0.0.1:{port}")
    for origin in (*origins, "null"):
        assert ask(port, method, Origin=origin).status == 403, origin
    # What a browser asks without naming the page: pictures, scripts, frames.
    for mode, dest in (("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")):
        answer = ask(port, method, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode=mode, Sec_Fetch_Dest=dest)
        assert answer.status == 403, mode


def test_a_link_from_elsewhere_opens_a_page(gate):
    following = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    for site in ("cross-site", "same-site"):
        assert ask(gate[9696], Sec_Fetch_Site=site, **following).status == 200
        assert ask(gate[9696], "POST", Sec_Fetch_Site=site, **following).status == 403


def test_a_service_s_own_page_reads_and_writes(gate):
    port = gate[5051]
    own = {"Origin": f"http://127.0.0.1:{port}", "Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "cors"}
    for method in ("GET", "POST", "DELETE"):
        assert ask(port, method, **own).status == 200


def test_no_answer_can_be_framed_or_read_by_another_origin(gate):
    plain, own = ask(gate[9091]), ask(gate[9696], path="/frames")
    assert plain.getheader("X-Frame-Options") == "SAMEORIGIN"
    assert own.getheader("X-Frame-Options") == "DENY"
    for answer in (plain, own):
        policy = answer.getheader("Content-Security-Policy").split("; ")
        assert policy == ["connect-src 'self'", "form-action 'self'", "frame-ancestors 'self'"]
        assert answer.getheader("Access-Control-Allow-Origin") is None


def test_the_web_app_asks_two_things_about_prefect_and_never_learns_its_password(gate):
    port = gate[ASKED]
    password = base64.b64encode(b"riskometer:a password").decode()
    for path in ("/api/health", f"/api/work_pools/{PREFECT_WORK_POOL}"):
        answer = ask(
            port,
            path=f"/api/x/..{path.removeprefix('/api')}?a=b",
            Authorization="Basic bWluZQ==",
            Cookie="a=b",
            Host="asked:4200",
        )
        first, *headers = answer.text.strip().splitlines()
        assert (answer.status, first) == (200, f"GET {path}")
        # Of what it sent, nothing is passed on.
        assert set(headers) == {
            "Host: prefect-server:4200",
            "Connection: close",
            f"Authorization: Basic {password}",
        }
        assert password not in str(answer.getheaders())
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            assert ask(port, method, path=path).status == 403
    for path in ("/", "/api/deployments/", "/api/health/../work_pools/", "/api/work_pools/riskometer/queues",
                 "/api/work_pools/other", "/api/admin/settings", "/api//health%2f..%2fflows"):  # fmt: skip
        assert ask(port, path=path).status == 404, path


def test_the_gate_adds_who_asked_to_what_it_was_told(gate):
    answer = ask(gate[9696], path="/api/v1/model", X_Forwarded_For="192.0.2.1")
    assert "X-Forwarded-For: 192.0.2.1, 127.0.0.1" in answer.text.splitlines()


def test_idle_sockets_do_not_hold_up_the_others(gate):
    sockets = [socket.create_connection(("127.0.0.1", gate[9696])) for _ in range(48)]
    try:
        for stalled in sockets[:8]:
            stalled.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9")
        assert ask(gate[9696]).status == 200
    finally:
        for each in sockets:
            each.close()


def test_the_gate_publishes_what_its_configuration_lists():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert sorted(services["gate"]["ports"]) == [f"127.0.0.1:{port}:{port}" for port in PUBLISHED]
