"""What a web page from elsewhere can reach while `make up` runs: nothing. Real servers, real Chromium."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import prefect
import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import EVIL

SERVICES = ("WEB", "EXPORTER", "MLFLOW", "PREFECT")
PATIENCE_SECONDS = 120
# What a page may send anywhere without asking, and what it has to ask for first: all of it to the same address.
TRY_ALL = """async ([url, method, body]) => {
  const seen = [];
  const kinds = [
    {mode: 'cors'}, {mode: 'no-cors'}, {mode: 'cors', credentials: 'include'},
    {mode: 'cors', headers: {'Content-Type': 'application/json'}}, {mode: 'cors', headers: {'X-Asked-By': 'page'}},
    {mode: 'no-cors', headers: {'Content-Type': 'text/plain'}},
  ];
  for (const kind of kinds) {
    try {
      const answer = await fetch(url, {method, ...(method === 'GET' ? {} : {body}), ...kind});
      if (answer.status !== 0) seen.push([kind, answer.status, await answer.text()]);
    } catch (refused) {}
  }
  return seen;
}"""
OPEN_SOCKET = """url => new Promise(done => {
  const socket = new WebSocket(url, ['prefect']);
  socket.onopen = () => done('open');
  socket.onerror = socket.onclose = () => done('refused');
})"""
SEND_FORM = """([url, type, name, value]) => new Promise(done => {
  const frame = Object.assign(document.createElement('iframe'), {name: 'answer-' + Math.random()});
  const form = Object.assign(document.createElement('form'), {action: url, method: 'post', enctype: type,
                                                              target: frame.name});
  form.append(Object.assign(document.createElement('input'), {name, value}));
  document.body.append(frame, form);
  frame.onload = () => done();
  setTimeout(done, 2000);
  form.submit();
})"""
# A frame without an origin of its own, whose script asks as `Origin: null`.
FROM_SANDBOX = """([url, body]) => new Promise(done => {
  const frame = document.createElement('iframe');
  frame.sandbox = 'allow-scripts';
  frame.srcdoc = `<script>fetch(${JSON.stringify(url)}, {method: 'POST', body: ${JSON.stringify(body)}})
    .then(answer => answer.text()).then(text => parent.postMessage(text, '*'), () => parent.postMessage('', '*'))
    <` + '/script>';
  addEventListener('message', event => done(event.data), {once: true});
  document.body.append(frame);
})"""
# What each service would change or start for whoever asks.
WRITES = {
    "PREFECT": [
        ("/api/flows/", {"name": "from-elsewhere"}),
        ("/api/work_pools/", {"name": "from-elsewhere", "type": "process"}),
        ("/api/deployments/filter", {}),
    ],
    "MLFLOW": [
        ("/api/2.0/mlflow/experiments/create", {"name": "from-elsewhere"}),
        ("/ajax-api/2.0/mlflow/experiments/create", {"name": "from-elsewhere"}),
        ("/api/2.0/mlflow/registered-models/create", {"name": "from-elsewhere"}),
    ],
    "WEB": [("/api/v1/score", {"applications": [{}]}), ("/invocations", {"dataframe_records": [{}]})],
    "EXPORTER": [("/metrics", {})],
}
READS = {
    "PREFECT": ["/api/health", "/api/ready", "/ui-settings", "/api/admin/version", "/", "/sign-in", "/docs"],
    "MLFLOW": ["/health", "/version", "/", "/api/2.0/mlflow/experiments/search?max_results=9", "/server-info"],
    "WEB": ["/ready", "/", "/metrics", "/api/v1/openapi.json"],
    "EXPORTER": ["/metrics", "/health"],
}


@dataclass(frozen=True)
class Stack:
    """A home with nothing in it, a port for each service, and what `up` printed."""

    home: Path
    ports: dict[str, int]
    printed: str

    @property
    def password(self) -> str:
        return (self.home / "prefect" / "password").read_text().strip()

    def url(self, service: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.ports[service]}"

    def ask(self, service: str, path: str, body: Any = None, method: str | None = None) -> Any:
        """The JSON that the owner of this home gets."""
        headers = {"Content-Type": "application/json"}
        if service == "PREFECT":
            headers["Authorization"] = f"Basic {base64.b64encode(self.password.encode()).decode()}"
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url(service) + path, sent, headers, method=method)
        for _ in range(20):
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:
                    return json.loads(answer.read() or "null")
            except urllib.error.HTTPError as exc:
                if exc.code != 503:  # so Prefect says that its database is busy; to be asked again
                    raise
            except TimeoutError:  # or says nothing at all for as long as that
                pass
            time.sleep(0.5)
        raise TimeoutError(f"{service} is busy")


def riskometer(command: str, home: Path, ports: dict[str, int]) -> subprocess.CompletedProcess[str]:
    named = {f"CREDITRISK_{service}_PORT": str(port) for service, port in ports.items()}
    # As on a machine where everybody may read what everybody writes.
    return subprocess.run(
        [sys.executable, "-m", "riskometer", command],
        env={
            **os.environ,
            **named,
            "CREDITRISK_HOME": str(home),
            "PREFECT_HOME": str(_prefect_elsewhere(home)),
            "PREFECT_WORKER_QUERY_SECONDS": "1",  # how often the worker asks for runs
        },
        umask=0o022,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _prefect_elsewhere(home: Path) -> Path:
    """A Prefect home as somebody may have set it for other work."""
    return home.parent / "prefect-elsewhere"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("doors") / "home"
    probes = {service: socket.create_server(("127.0.0.1", 0)) for service in SERVICES}
    ports = {service: probe.getsockname()[1] for service, probe in probes.items()}
    for probe in probes.values():
        probe.close()
    done = riskometer("up", home, ports)
    try:
        assert done.returncode == 0, done.stdout
        yield Stack(home, ports, done.stdout)
    finally:
        riskometer("down", home, ports)


@pytest.fixture(scope="module")
def foreign_port() -> Iterator[int]:
    """The port of somebody else's web server, here on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title>")

        def log_message(self, *_arguments: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(params=[EVIL, "127.0.0.1", "localhost"])
def foreign_page(browser: Browser, foreign_port: int, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of another origin: of another site, and of another port of this machine."""
    page = browser.new_page()
    page.goto(f"http://{request.param}:{foreign_port}/")
    yield page
    page.close()


def state_of(stack: Stack) -> dict[str, Any]:
    """All that a stranger could have started, made or changed; not the runs that the scheduler plans by itself."""
    things = ("flows", "deployments", "flow_runs", "work_pools", "block_documents", "variables", "automations")
    state: dict[str, Any] = {
        thing: sorted(
            item["id"] for item in stack.ask("PREFECT", f"/api/{thing}/filter", {}) if not item.get("auto_scheduled")
        )
        for thing in things
    }
    state["experiments"] = stack.ask("MLFLOW", "/api/2.0/mlflow/experiments/search?max_results=99")
    state["models"] = stack.ask("MLFLOW", "/api/2.0/mlflow/registered-models/search")
    return state


def test_a_page_of_another_origin_reads_nothing_and_starts_nothing(stack: Stack, foreign_page: Page) -> None:
    before = state_of(stack)

    for service in SERVICES:
        for path in READS[service]:
            assert foreign_page.evaluate(TRY_ALL, [stack.url(service) + path, "GET", ""]) == [], path
        for path, body in WRITES[service]:
            url = stack.url(service) + path
            for method in ("POST", "PUT", "DELETE"):
                assert foreign_page.evaluate(TRY_ALL, [url, method, json.dumps(body)]) == [], path
            assert foreign_page.evaluate(FROM_SANDBOX, [url, json.dumps(body)]) == "", path
            # A form that looks like JSON: its one field's name and value make up the whole text.
            foreign_page.evaluate(SEND_FORM, [url, "text/plain", json.dumps(body)[:-1] + ', "x": "', '"}'])
        socket_url = stack.url(service).replace("http", "ws") + "/api/events/out"
        assert foreign_page.evaluate(OPEN_SOCKET, socket_url) == "refused"

    assert state_of(stack) == before


def test_a_page_that_comes_from_our_own_port_under_a_foreign_name_shows_nothing(stack: Stack, browser: Browser) -> None:
    page = browser.new_page()
    for service in SERVICES:
        for path in READS[service]:
            answer = page.goto(stack.url(service, EVIL) + path)
            assert answer is not None
            assert answer.status in (400, 403, 421), path
            assert "access-control-allow-origin" not in answer.headers
    page.close()


def test_a_request_under_a_foreign_name_or_for_a_foreign_page_is_refused(stack: Stack) -> None:
    before = state_of(stack)
    ours = {service: f"127.0.0.1:{port}" for service, port in stack.ports.items()}
    basic = f"Basic {base64.b64encode(stack.password.encode()).decode()}"

    for service, own in ours.items():
        strange = [
            {"Host": EVIL},
            {"Host": f"{EVIL}:{stack.ports[service]}"},
            {"Host": f"127.0.0.1.{EVIL}"},
            {"Host": "192.168.0.7"},
            {"Host": own, "Origin": f"http://{EVIL}"},
            {"Host": own, "Origin": "http://127.0.0.1:8000"},
            {"Host": own, "Origin": "null"},
            {"Host": own, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
            {"Host": own, "Sec-Fetch-Site": "same-site"},
        ]
        asked = [("GET", path, None) for path in READS[service]] + [("POST", *write) for write in WRITES[service]]
        for headers in strange:
            for method, path, body in asked:
                if service == "WEB" and method == "GET" and headers["Host"] == own:
                    continue  # answered, and no page of another origin can read it
                sent = "" if body is None else json.dumps(body)
                # Not even whoever knows the password is answered then.
                given = headers | {"Authorization": basic, "Content-Type": "application/json"}
                assert status_of(stack.ports[service], method, path, given, sent) in (400, 403, 421), (headers, path)

    assert state_of(stack) == before


def status_of(port: int, method: str, path: str, headers: dict[str, str], body: str = "") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host=True)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            connection.putheader(name, value)
        connection.endheaders(body.encode())
        return connection.getresponse().status
    finally:
        connection.close()


def test_prefect_answers_nobody_without_the_password_of_this_home(stack: Stack) -> None:
    own = f"127.0.0.1:{stack.ports['PREFECT']}"
    wrong = f"Basic {base64.b64encode(b'riskometer:wrong').decode()}"

    for headers in ({}, {"Authorization": wrong}):
        for path, body in WRITES["PREFECT"]:
            given = {"Host": own, "Content-Type": "application/json"} | headers
            assert status_of(stack.ports["PREFECT"], "POST", path, given, json.dumps(body)) == 401


def test_the_password_is_on_no_command_line_and_in_no_log(stack: Stack) -> None:
    command_lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    said = [path for path in (stack.home / "logs").iterdir() if stack.password in path.read_text()]

    assert stack.password in stack.printed
    assert not any(stack.password.encode() in line for line in command_lines)
    assert said == []
    assert stat.S_IMODE((stack.home / "prefect" / "password").stat().st_mode) == 0o600


def test_prefects_page_signs_in_and_asks_no_other_host(stack: Stack, browser: Browser) -> None:
    page = browser.new_page()
    outside, broken = [], []
    page.on("requestfinished", lambda request: outside.append(request.url) if EVIL in request.url else None)
    page.on(
        "request", lambda request: None if request.url.startswith(stack.url("PREFECT")) else outside.append(request.url)
    )
    page.on("pageerror", lambda error: broken.append(str(error)))
    [address] = [line.strip() for line in stack.printed.splitlines() if "/sign-in#" in line]

    page.goto(address)
    page.wait_for_url("**/dashboard**")
    # By its own links: a page that is left while it still asks for its settings forgets the password.
    page.get_by_role("link", name="Deployments").click()
    page.get_by_text("every-3-hours").click(timeout=60_000)
    page.wait_for_url("**/deployments/deployment/**")
    page.goto(f"{page.url.partition('?')[0]}/run")
    page.get_by_text("Enforce Parameter Schema").wait_for()

    assert "riskometer:" not in page.url
    assert outside == []
    assert broken == []
    page.close()


def test_only_an_address_that_was_typed_and_fits_signs_a_browser_in(
    stack: Stack, browser: Browser, foreign_port: int
) -> None:
    kept = "() => localStorage.getItem('prefect-password')"
    page = browser.new_page()
    page.goto(f"http://{EVIL}:{foreign_port}/")
    with page.expect_navigation() as led:
        page.evaluate(f"location = '{stack.url('PREFECT')}/sign-in#evil:evil'")
    assert led.value.status == 403
    assert page.evaluate(kept) is None
    page.close()
    page = browser.new_page()
    page.goto(f"{stack.url('PREFECT')}/sign-in#riskometer:of-yesterday")
    page.get_by_text("This is not the password of this server").wait_for()
    assert page.evaluate(kept) is None
    page.close()


def test_prefects_page_is_laid_out_under_home(stack: Stack) -> None:
    laid_out = stack.home / "prefect" / "ui" / "v2" / "index.html"
    own_copy = Path(prefect.__ui_v2_static_subpath__) / "index.html"

    assert laid_out.is_file()
    assert not own_copy.exists() or own_copy.stat().st_mtime < laid_out.stat().st_mtime - 5


def test_a_home_has_its_own_prefect_whatever_the_environment_says(stack: Stack) -> None:
    assert (stack.home / "prefect" / "prefect.db").is_file()
    assert not _prefect_elsewhere(stack.home).exists()


def test_the_worker_refuses_runs_that_are_not_ours(stack: Stack, tmp_path: Path) -> None:
    pwned, evil = tmp_path / "pwned", tmp_path / "evil.py"
    evil.write_text(f"import pathlib\npathlib.Path({str(pwned)!r}).touch()\n")
    steps = [{"prefect.deployments.steps.run_shell_script": {"script": f"touch {pwned}"}}]
    refused: dict[str, str] = {}
    for sentence, variables, entrypoint in (
        ("sets command", {"command": f"touch {pwned}"}, None),
        ("sets working_dir", {"working_dir": str(tmp_path)}, None),
        ("sets CREDITRISK_HOME", {"env": {"CREDITRISK_HOME": str(tmp_path)}}, None),
        ("is none of the flows that run here", {}, f"{evil}:evil"),
    ):
        refused[run_of(stack, variables, entrypoint, steps)] = sentence
    ours = run_of(stack, {}, None, steps)

    for run_id, sentence in refused.items():
        state = wait_for_end(stack, run_id)
        assert state["type"] == "CRASHED"
        assert sentence in state["message"]
    # Our own code, without the steps: it finds no champion to report on.
    assert "no champion" in wait_for_end(stack, ours)["message"]
    assert not pwned.exists()


def run_of(stack: Stack, variables: dict[str, Any], entrypoint: str | None, steps: list[Any]) -> str:
    """Start a run of a deployment that a stranger has made; its id."""
    deployments = stack.ask("PREFECT", "/api/deployments/filter", {})
    [report] = [item for item in deployments if item["name"] == "every-3-hours"]
    strange = {
        "name": f"strange-{time.monotonic_ns()}",
        "flow_id": report["flow_id"],
        "entrypoint": entrypoint or report["entrypoint"],
        "pull_steps": steps,
        "work_pool_name": "riskometer",
    }
    deployment = stack.ask("PREFECT", "/api/deployments/", strange)
    path = f"/api/deployments/{deployment['id']}/create_flow_run"
    run_id: str = stack.ask("PREFECT", path, {"job_variables": variables})["id"]
    return run_id


def wait_for_end(stack: Stack, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        state: dict[str, Any] = stack.ask("PREFECT", f"/api/flow_runs/{run_id}")["state"]
        if state["type"] in ("CRASHED", "FAILED", "COMPLETED", "CANCELLED"):
            return state
        time.sleep(0.1)
    raise AssertionError(f"after {PATIENCE_SECONDS} seconds the run has not ended")


def test_what_is_written_under_home_is_for_its_owner_only(stack: Stack) -> None:
    copied = stack.home / "prefect" / "ui"  # of Prefect's own package, with its modes
    written = [path for path in stack.home.rglob("*") if copied not in path.parents and not path.is_socket()]

    assert stat.S_IMODE(stack.home.stat().st_mode) == 0o700
    assert len(written) > 20
    assert [path for path in written if stat.S_IMODE(path.lstat().st_mode) & 0o077] == []


def test_services_of_a_killed_supervisor_are_found_and_ended(stack: Stack) -> None:
    os.kill(int((stack.home / "stack" / "supervisord.pid").read_text()), signal.SIGKILL)
    time.sleep(0.2)

    done = riskometer("down", stack.home, stack.ports)

    assert done.returncode == 0, done.stdout
    assert "The supervisor was killed earlier. Ended what it left running" in done.stdout
    for port in stack.ports.values():
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
