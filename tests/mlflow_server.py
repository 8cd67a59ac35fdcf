"""MLflow's server for tests, on a home's files as `make up` starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from creditrisk.settings import Settings
from riskometer.services import child_environment, services


@contextmanager
def mlflow_server(settings: Settings, more: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """Serve the registry of a home at the port of `mlflow_uri` until the end of the block.

    Parameters
    ----------
    more
        What the server's environment holds besides.
    """
    [part] = [part for part in services(settings) if part.name == "mlflow"]
    part.prepare()
    own = settings.home / "mlflow"
    (own / "artifacts").mkdir(parents=True, exist_ok=True)
    port = settings.mlflow_uri.rpartition(":")[2]
    command = [sys.executable, "-m", "mlflow", "server", "--port", port, "--workers", "1", "--no-serve-artifacts"]
    command += ["--backend-store-uri", f"sqlite:///{own / 'mlflow.db'}"]
    command += ["--default-artifact-root", (own / "artifacts").as_uri()]
    environment = {**child_environment(settings), **more}
    said = own / "server.log"
    with said.open("wb") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, start_new_session=True, cwd=settings.home, env=environment
        )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{settings.mlflow_uri}/health", timeout=5)
                break
            except OSError:
                assert time.monotonic() < deadline, said.read_text()[-2000:]
                time.sleep(0.05)
        yield
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
