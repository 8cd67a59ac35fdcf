"""A run in this process, where no Prefect server of this home answers.

Prefect needs a server for every run. Its own temporary one asks nobody for a password, and goes on when the run was
killed; ours (prefect_server.py) listens on a socket that we hand it, knows a password made for this run, and ends with
this process.
"""

from __future__ import annotations

import atexit
import logging
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module

from creditrisk.errors import CreditRiskError
from creditrisk.home import make_home
from creditrisk.settings import PREFECT_PASSWORD_VARIABLE, Settings
from flows import queue
from flows.engine import EndedBySignal, flow_of, heard_signals, leave, run
from flows.logs import log_sentences_only
from flows.password import new_password
from flows.prefect_server import PASSWORD_VARIABLE
from flows.queue import NOT_YET, NOT_YET_CODE, FlowArguments

# The first start makes a database, which a slow disk can hold up.
START_SECONDS = 120
STOP_SECONDS = 5.0


class LocalRunError(CreditRiskError):
    """The temporary server of a run did not start."""


def run_here(settings: Settings, entrypoint: str, arguments: FlowArguments) -> int:
    """Run a flow in this process; what it raises is raised here. Returns 0, or NOT_YET_CODE.

    A signal ends this process within seconds: the run is marked, and nothing is left running.
    """
    make_home(settings.home)
    log_sentences_only()
    with _leaving_at_signals(), asking(server := start_server()):
        # What takes long to import is imported while the server starts; every flow asks MLflow.
        flow_of(entrypoint)
        import_module("mlflow")
        wait_until_it_answers(server, settings)
        return _run(entrypoint, arguments)


def run_here_seen(settings: Settings, entrypoint: str, arguments: FlowArguments) -> int:
    """The same, told to the Prefect server at `settings.prefect_url`, which workers on other machines can reach."""
    log_sentences_only()
    with _leaving_at_signals(), queue.asking(settings):
        return _run(entrypoint, arguments)


def _run(entrypoint: str, arguments: FlowArguments) -> int:
    from prefect import get_client

    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run(flow_of(entrypoint), parameters=arguments)
    run(entrypoint, flow_run, "result")
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(flow_run.id).state
    return NOT_YET_CODE if state is not None and state.name == NOT_YET else 0


@contextmanager
def _leaving_at_signals() -> Iterator[None]:
    try:
        with heard_signals():
            yield
    except EndedBySignal as ended:
        print(f"\nEnded by {ended.signal.name} before it was done.", file=sys.stderr)
        leave(128 + ended.signal)  # which closes the pipe that a temporary server lives by


@dataclass(frozen=True)
class Server:
    """A Prefect server that lasts as long as this process."""

    process: subprocess.Popen[bytes]
    api_url: str
    password: str


def start_server() -> Server:
    """Start one, on a free port of the loopback interface."""
    password = new_password()
    environment = os.environ | {PASSWORD_VARIABLE: password}
    environment.pop("PREFECT_API_URL", None)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        api_url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        process = subprocess.Popen(  # noqa: S603  # no shell, and our own words only
            [sys.executable, "-m", "flows.prefect_server", "--socket", str(listening.fileno())],
            env=environment,
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno()],
            # Ctrl-C is for this process, which still has something to tell the server then.
            start_new_session=True,
        )
    # Registered before Prefect is imported, so called after it has sent the last lines of the log.
    atexit.register(_stop, process)
    return Server(process, api_url, password)


@contextmanager
def asking(server: Server) -> Iterator[None]:
    """Within, all of Prefect asks this server."""
    os.environ |= {
        "PREFECT_API_URL": server.api_url,
        PREFECT_PASSWORD_VARIABLE: server.password,
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    }
    # For settings that were read before.
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    # Nobody can look there for longer than the run takes.
    logging.getLogger("prefect.flow_runs").addFilter(lambda record: not record.getMessage().startswith("View at "))
    with temporary_settings(updates={PREFECT_API_URL: server.api_url, PREFECT_API_AUTH_STRING: server.password}):
        yield


def wait_until_it_answers(server: Server, settings: Settings) -> None:
    """Wait for a server that was just started.

    Raises
    ------
    LocalRunError
        If it ends, or does not answer in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while server.process.poll() is None and (left := deadline - time.monotonic()) > 0:
        try:
            with urllib.request.urlopen(f"{server.api_url}/health", timeout=left):  # noqa: S310  # http, and of our own making
                return
        except OSError:
            time.sleep(0.05)
    raise LocalRunError(
        f"Prefect's temporary server did not start. Look whether the disk of {settings.home} is full or slow, or start "
        "everything with `make up` first."
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
