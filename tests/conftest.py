"""Fixtures that every layer of tests shares."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from creditrisk.settings import Settings

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Trained:
    """A home with a trained and registered champion, and what the training printed."""

    settings: Settings
    output: str


@pytest.fixture(scope="session")
def credit_data() -> Path:
    """The folder with the public credit data; the tests that need it say so when it is absent."""
    folder = Path(os.environ.get("CREDITRISK_DATA_DIR", ROOT.parent / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"real credit data not found at {folder}: set CREDITRISK_DATA_DIR to run this test")
    return folder


@pytest.fixture(scope="session")
def german_champion(credit_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """German credit, trained once for all tests through the command line; tests must not change its home."""
    home = tmp_path_factory.mktemp("german")
    source = credit_data / "german_credit" / "german.data"
    command = [sys.executable, "-m", "riskometer", "train", "--dataset", "german_credit", "--source", str(source)]
    environment = {
        **os.environ,
        "CREDITRISK_HOME": str(home),
        "CREDITRISK_PREFECT_PORT": "1",
    }  # no server answers there
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return Trained(Settings(home=home), done.stdout + done.stderr)


@dataclass(frozen=True)
class Web:
    """A running web app: its address and its process, which leads a group of its own."""

    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """`kill -9`, all of its processes at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="session")
def serve_web() -> Iterator[Callable[[Settings], Web]]:
    """Start `riskometer serve` on a free port, wait until it can score, and stop it after the tests."""
    started: list[Web] = []

    def start(settings: Settings) -> Web:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        given = {"HOME": settings.home, "MLFLOW_URI": settings.mlflow_uri, "WEB_PORT": port}
        environment = {**os.environ, **{f"CREDITRISK_{name}": str(value) for name, value in given.items()}}
        said = settings.home / f"web-{port}.log"
        command = [sys.executable, "-m", "riskometer", "serve"]
        with said.open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        web = Web(f"http://127.0.0.1:{port}", process)
        started.append(web)
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"{web.url}/ready", timeout=5) as answer:
                    assert json.load(answer)["ready"]
                    return web
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                assert process.poll() is None, said.read_text()[-2000:]
                assert time.monotonic() < deadline, said.read_text()[-2000:]
                time.sleep(0.2)

    yield start
    for web in started:
        if web.process.poll() is None:
            web.kill()


@pytest.fixture(scope="session")
def german_clients(credit_data: Path) -> str:
    """The first 200 applications of credit-g as CSV, without the outcome, as a clerk would have them."""
    frame = pl.read_csv(credit_data / "credit_g" / "credit-g.csv", infer_schema=False)
    return frame.head(200).drop("class").write_csv()
