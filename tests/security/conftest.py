"""A running web app with a cheap scorer, for tests that knock at it from outside."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from creditrisk.home import LEAST_FREE_BYTES
from creditrisk.scoring import Scorer
from creditrisk.settings import Settings
from tests.conftest import Web, corner_home, web_apps

GOOD = {"client": "A7", "age_years": 61, "amount_eur": 2000, "income_eur": 52000, "housing": "own"}


@pytest.fixture(scope="session")
def home(corner_scorer: Scorer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose saved champion is the corner lender's."""
    return corner_home(corner_scorer, tmp_path_factory.mktemp("corner")).home


@pytest.fixture(scope="session")
def web(home: Path) -> Iterator[Web]:
    """`riskometer serve` with the corner lender's scorer; what it says is in `web-<port>.log` in its home."""
    with web_apps() as start:
        web = start(Settings(home=home, mlflow_uri="http://127.0.0.1:9", upload_max_mb=2))
        # Until the registry was asked for the first time, importing its library takes the processor from everybody.
        deadline = time.monotonic() + 60
        while "not been asked" in requests.get(f"{web.url}/ready", timeout=5).json()["registry"]["problem"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        requests.post(f"{web.url}/api/v1/score", json=GOOD, timeout=20).raise_for_status()
        yield web


@pytest.fixture
def connect(web: Web) -> Iterator[Callable[[bytes], socket.socket]]:
    """Open a connection to the app, send something, and keep it open until the end of the test."""
    with open_connections(web.url) as connect:
        yield connect


@contextmanager
def open_connections(url: str) -> Iterator[Callable[[bytes], socket.socket]]:
    """What opens connections to `url`, and closes them at the end."""
    with ExitStack() as opened:

        def connect(sent: bytes = b"") -> socket.socket:
            parts = urlsplit(url)
            sock = opened.enter_context(socket.create_connection((parts.hostname, parts.port), timeout=20))
            if sent:
                sock.sendall(sent)
            return sock

        yield connect


def answer_on(sock: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    parts = []
    while part := sock.recv(65_536):
        parts.append(part)
    return b"".join(parts)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little more room than the least that is asked for."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = LEAST_FREE_BYTES + 10_000_000
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a file system of its own cannot be mounted here ({done.stderr.strip()}): run the test as root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, left: int) -> Path:
    """Take the room of a disk but for some bytes."""
    status = os.statvfs(folder)
    filler = folder / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, status.f_bavail * status.f_frsize - left)
    return filler
