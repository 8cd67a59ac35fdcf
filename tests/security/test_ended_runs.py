"""A training that is told to end, or killed, ends at once and takes its server along."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from creditrisk.scoring import Scorer
from creditrisk.simulator import simulate
from flows.engine import WORKER_VARIABLE
from riskometer.leftovers import MARK, leftovers

START = """
import sys, time
from creditrisk.settings import read_settings
from flows.local_run import start_server, wait_until_it_answers
server = start_server()
if sys.argv[1:] == ["answering"]:
    wait_until_it_answers(server, read_settings())
print(server.process.pid, server.api_url, flush=True)
time.sleep(600)
"""


def environment(home: Path) -> dict[str, str]:
    return os.environ | {
        "CREDITRISK_HOME": str(home),
        "CREDITRISK_PREFECT_PORT": "1",  # no server answers there
    }


def test_a_training_told_to_end_does_so_within_seconds(lay_prefect: Callable[[Path], None], tmp_path: Path) -> None:
    home, source = tmp_path / "home", tmp_path / "loans.csv"
    lay_prefect(home)
    simulate(3_000, seed=5).write_csv(source)
    command = [sys.executable, "-m", "riskometer", "train", "--dataset", "simulated", "--source", str(source)]
    with subprocess.Popen(
        command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as training:
        assert training.stdout is not None
        lines = []
        for line in training.stdout:
            lines.append(line)
            if "fitting: 0 of" in line:
                break
        assert training.poll() is None, "".join(lines)
        servers = psutil.Process(training.pid).children()
        time.sleep(3)  # in the middle of the fits, which a signal does not reach by itself

        training.send_signal(signal.SIGTERM)
        told_at = time.monotonic()
        said = training.stdout.read()

    assert time.monotonic() - told_at < 10
    assert training.returncode == 128 + signal.SIGTERM
    assert "Ended by SIGTERM" in said
    assert "Traceback" not in said
    assert len(servers) == 1
    assert psutil.wait_procs(servers, timeout=10)[1] == []
    with sqlite3.connect(f"file:{home / 'prefect' / 'prefect.db'}?mode=ro", uri=True) as database:
        assert database.execute("SELECT name, state_type FROM flow_run").fetchall()[0][1] == "CRASHED"


def test_the_server_of_a_run_killed_early_goes_with_it(tmp_path: Path) -> None:
    (tmp_path / "prefect").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", START], env=environment(tmp_path), stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        server = psutil.Process(int(run.stdout.readline().split()[0]))

        run.kill()

    assert psutil.wait_procs([server], timeout=10)[1] == []


def test_the_server_of_a_killed_run_goes_with_it_and_asked_for_a_password(
    lay_prefect: Callable[[Path], None], tmp_path: Path
) -> None:
    lay_prefect(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", START, "answering"], env=environment(tmp_path), stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        pid, api_url = run.stdout.readline().split()
        server = psutil.Process(int(pid))
        port = int(api_url.removesuffix("/api").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as stranger:
            stranger.sendall(f"GET /api/admin/version HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            assert b" 401 " in stranger.recv(100)

        run.kill()

    assert psutil.wait_procs([server], timeout=15)[1] == []


def test_a_run_goes_with_its_killed_worker() -> None:
    run = "from flows.engine import end_with_worker; end_with_worker(); print('runs', flush=True); time.sleep(600)"
    worker = f"""
import os, subprocess, sys, time
os.environ[{WORKER_VARIABLE!r}] = str(os.getpid())
subprocess.Popen([sys.executable, "-c", "import time; {run}"]).wait()
"""
    _check_it_goes_with_its_parent(worker, until="runs")


def test_the_proof_of_a_scorer_goes_with_the_killed_process_that_asked_for_it(
    corner_scorer: Scorer, tmp_path: Path
) -> None:
    corner_scorer.save(tmp_path / "scorer")
    asking = f"""
import pathlib
from creditrisk.scoring import proving
print("asks", flush=True)
proving.problems_of([pathlib.Path({str(tmp_path / "scorer")!r})] * 2_000)
"""
    _check_it_goes_with_its_parent(asking, until="asks")


def _check_it_goes_with_its_parent(program: str, *, until: str) -> None:
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().strip() == until
        while not (children := psutil.Process(parent.pid).children()):
            assert parent.poll() is None
            time.sleep(0.05)

        parent.kill()

    assert psutil.wait_procs(children, timeout=10)[1] == []


@pytest.mark.parametrize(("command", "told"), [("down", "Ended what it left running"), ("up", "is taken")])
def test_what_a_killed_supervisor_left_is_ended_before_anything_else(command: str, told: str, tmp_path: Path) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    left = subprocess.Popen(sleeper, env=os.environ | {MARK: str(tmp_path)})
    other = subprocess.Popen(sleeper, env=os.environ | {MARK: str(tmp_path / "another")})
    try:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            done = subprocess.run(
                [sys.executable, "-m", "riskometer", command],
                env=os.environ | {"CREDITRISK_HOME": str(tmp_path), "CREDITRISK_MLFLOW_PORT": port},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )

        assert told in done.stdout
        assert "Ended what it left running: 1 process." in done.stdout
        assert left.wait(5) == -signal.SIGTERM
        assert other.poll() is None
        assert leftovers(tmp_path) == set()
    finally:
        left.kill()
        other.kill()
        left.wait()
        other.wait()
