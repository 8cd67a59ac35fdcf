"""The web app is told to end while it scores: it ends soon, in order, and nobody takes a part for the whole."""

import signal
import sqlite3
import threading
import time
from contextlib import closing

import pytest
import requests

from tests.conftest import corner_home
from tests.security.conftest import GOOD

HEADER = "client,age_years,amount_eur,income_eur,housing"


@pytest.fixture
def own_web(corner_scorer, serve_web, tmp_path):
    return serve_web(corner_home(corner_scorer, tmp_path).model_copy(update={"web_workers": 2}))


@pytest.fixture
def one_process(corner_scorer, serve_web, tmp_path):
    """An app of which one process answers, where the test asks that one only."""
    return serve_web(corner_home(corner_scorer, tmp_path).model_copy(update={"web_workers": 1}))


def stop(web, number):
    """Seconds from the signal to the end of the process, which must end of its own accord."""
    before = time.monotonic()
    web.process.send_signal(number)
    assert web.process.wait(timeout=20) == 0
    return time.monotonic() - before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_csv_answer_breaks_off_and_what_was_sent_is_logged(own_web, tmp_path, number):
    table = "\n".join([HEADER, *(f"{n},61,2000,52000,own" for n in range(60_000))])
    answer = requests.post(
        f"{own_web.url}/api/v1/score.csv", data=table, headers={"Content-Type": "text/csv"}, stream=True, timeout=20
    )
    parts = answer.iter_content(4096)
    received = [next(parts)]
    assert stop(own_web, number) < 10
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        received += parts
    n_rows = b"".join(received).count(b"\n") - 1
    with closing(sqlite3.connect(tmp_path / "decisions.db")) as log:
        [(n_logged,)] = log.execute("SELECT count(*) FROM events WHERE kind = 'decision'").fetchall()
    assert 0 < n_rows <= n_logged < 60_000


def test_a_json_request_is_told_that_the_app_stops_and_when_to_come_back(one_process, tmp_path):
    answers = []

    def ask():
        answers.append(requests.post(f"{one_process.url}/api/v1/score", json=[GOOD] * 10_000, timeout=20))

    asking = threading.Thread(target=ask)
    # Its first rows wait for the log while the app is told to end.
    with closing(sqlite3.connect(tmp_path / "decisions.db", isolation_level=None)) as log:
        log.execute("BEGIN IMMEDIATE")
        asking.start()
        time.sleep(1)
        one_process.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        log.execute("ROLLBACK")
    assert one_process.process.wait(timeout=10) == 0
    asking.join()
    assert answers[0].status_code == 503
    assert answers[0].json()["error"]["code"] == "stopping"
    assert int(answers[0].headers["Retry-After"]) > 0


def test_an_upload_and_idle_connections_do_not_hold_the_end_up(one_process):
    session = requests.Session()
    assert session.get(f"{one_process.url}/health", timeout=5).status_code == 200
    table = "\n".join([HEADER, *(f"{n},61,2000,52000,own" for n in range(60_000))])
    kind = {"Content-Type": "application/octet-stream"}
    assert session.post(f"{one_process.url}/uploads", data=table, headers=kind, timeout=20).status_code == 202
    assert stop(one_process, signal.SIGTERM) < 10
    session.close()
