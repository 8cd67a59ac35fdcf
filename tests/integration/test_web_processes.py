"""Several processes behind one address: who answers, what they share, and what becomes of it when one of them dies."""

import http.client
import os
import re
import signal
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psutil
import pytest
import requests

from creditrisk.decision_log import DecisionLog
from creditrisk.settings import Settings
from tests.conftest import Web, corner_home
from webapp.uploads import Uploads

GOOD = {"client": "A7", "age_years": 61, "amount_eur": 2000, "income_eur": 52000, "housing": "own"}
PATIENCE_SECONDS = 60


@pytest.fixture
def settings(corner_scorer, tmp_path) -> Settings:
    return corner_home(corner_scorer, tmp_path).model_copy(update={"web_workers": 2})


@pytest.fixture
def web(settings, serve_web) -> Web:
    web = serve_web(settings)
    assert len(answering(web)) == 2
    return web


def children(web: Web, kind: str) -> list[psutil.Process]:
    alive = [child for child in psutil.Process(web.process.pid).children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in alive if kind in child.cmdline()]


def answering(web: Web) -> list[psutil.Process]:
    """The processes that answer, in the order of their start; at once after it they may not be ready."""
    return sorted(children(web, "answer"), key=lambda child: child.create_time())


def spread(connections: Sequence[http.client.HTTPConnection], web: Web) -> list[int]:
    """Open these connections anew; how many of them each process has."""
    for connection in connections:
        connection.close()
        connection.request("GET", "/health")
        connection.getresponse().read()
    return [
        sum(c.status == "ESTABLISHED" and c.laddr.port == web.port for c in process.net_connections())
        for process in answering(web)
    ]


def wait_until(is_so) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def counted(web: Web, name: str) -> float:
    lines = requests.get(f"{web.url}/metrics", timeout=10).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(rf"{name}[{{ ]", line))


def test_connections_are_spread_and_counters_of_all_processes_add_up_also_after_one_died(web, settings):
    with ExitStack() as opened:
        connections = [http.client.HTTPConnection("127.0.0.1", web.port, timeout=30) for _ in range(4)]
        for connection in connections:
            opened.callback(connection.close)
        # Both are ready a moment after the first one is.
        wait_until(lambda: spread(connections, web) == [2, 2])
        # On a busy machine one of the two takes its model over later.
        wait_until(lambda: all(is_ready(connection) for connection in connections))
        for connection in connections:
            score_on(connection)
    assert counted(web, "creditrisk_decisions_total") == 4
    assert counted(web, "creditrisk_scoring_duration_seconds_count") == 4
    # One that the app answers, and one that is refused before it.
    assert requests.get(f"{web.url}/nowhere", timeout=30).status_code == 404
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as sock:
        sock.sendall(b"GET / HTTP/9.9\r\n\r\n")
        assert b" 400 " in sock.recv(100)
    wait_until(lambda: counted(web, 'creditrisk_http_errors_total{status="404"}') == 1)
    wait_until(lambda: counted(web, 'creditrisk_http_errors_total{status="400"}') == 1)

    before = answering(web)
    before[0].kill()
    # Whoever connects now is answered by the other one.
    for _ in range(3):
        assert requests.post(f"{web.url}/api/v1/score", json=GOOD, timeout=30).status_code == 200
    wait_until(lambda: len(answering(web)) == 2)
    assert before[1].is_running()
    assert counted(web, "creditrisk_decisions_total") == 7
    assert "pid=" not in requests.get(f"{web.url}/metrics", timeout=10).text
    log = DecisionLog(settings.decision_log)
    assert sum(log.counts_by_verdict().values()) == 7
    assert log.verify().broken is None
    log.close()


def is_ready(connection: http.client.HTTPConnection) -> bool:
    connection.request("GET", "/ready")
    answer = connection.getresponse()
    answer.read()
    return answer.status == 200


def score_on(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", "/api/v1/score", str(GOOD).replace("'", '"'), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200


def test_what_asks_the_registry_may_die_and_is_started_again(web):
    [asking] = children(web, "poll")
    asking.kill()
    assert requests.post(f"{web.url}/api/v1/score", json=GOOD, timeout=30).status_code == 200
    wait_until(lambda: children(web, "poll") not in ([], [asking]))
    # What it found is known to all that answer: here, that there is no registry.
    for _ in answering(web):
        wait_until(
            lambda: "not been asked" not in requests.get(f"{web.url}/ready", timeout=5).json()["registry"]["problem"]
        )


def test_no_process_outlives_a_parent_that_was_killed(web):
    left = psutil.Process(web.process.pid).children(recursive=True)
    os.kill(web.process.pid, signal.SIGKILL)
    web.process.wait()
    _, alive = psutil.wait_procs(left, timeout=20)
    assert not alive


def test_a_process_told_to_end_alone_is_replaced(web):
    first, second = answering(web)
    first.terminate()
    wait_until(lambda: not first.is_running())
    wait_until(lambda: len(answering(web)) == 2)
    assert second in answering(web)


def test_a_file_is_finished_whoever_is_killed_and_every_client_is_scored_once(web, settings, serve_web):
    n_clients = 60_000
    rows = [f"N{number},61,2000,52000,own" for number in range(n_clients)]
    table = "\n".join(["client,age_years,amount_eur,income_eur,housing", *rows])
    kind = {"Content-Type": "application/octet-stream"}
    uploads = Uploads(settings.home)

    def n_done() -> int:
        return max((upload.record.n_done for upload in uploads.sent_by(None)), default=0)

    # First the processes that answer, then the parent with those that it started in their place. A file is answered
    # when it is done, or has taken long: this one is not, as who would answer is killed.
    with ThreadPoolExecutor(1) as sender:
        sender.submit(requests.post, f"{web.url}/uploads", data=table, headers=kind, timeout=30)
        wait_until(lambda: n_done() > 0)
        for process in answering(web):
            process.kill()
    before = n_done()
    wait_until(lambda: n_done() > before)
    web.kill()
    assert n_done() < n_clients, "too fast for this test"
    [name] = [upload.details.name for upload in uploads.sent_by(None)]
    web = serve_web(settings)
    wait_until(lambda: requests.get(f"{web.url}/uploads/{name}/result.csv", timeout=30).status_code == 200)
    result = requests.get(f"{web.url}/uploads/{name}/result.csv", timeout=30).text
    assert result.count("\n") == n_clients + 1
    log = DecisionLog(settings.decision_log)
    logged = [logged.decision.application_id for logged in log.read(range(1, log.head()[0] + 1))]
    log.close()
    assert logged == [f"N{number}" for number in range(n_clients)]


def test_what_keeps_the_app_from_starting_is_said_once_and_ends_it(serve_web, settings, tmp_path):
    with pytest.raises(AssertionError, match=r"Error: .*decision log"):
        serve_web(settings.model_copy(update={"decision_log_url": "nonsense://"}))
