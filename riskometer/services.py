"""The services of one machine: how each is started, where it listens, and when it is healthy."""

from __future__ import annotations

import http.client
import os
import sys
import sysconfig
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from creditrisk.hosts import reached_at
from creditrisk.settings import PREFECT_PASSWORD_VARIABLE, PREFECT_WORK_POOL, Settings
from flows.prefect_server import PASSWORD_VARIABLE
from flows.queue import mark_interrupted_runs, worker_is_there
from riskometer.leftovers import MARK


@dataclass(frozen=True, slots=True)
class Service:
    """One process: how it is started, which port it listens on, and how to tell that it is healthy.

    `setting` is the setting that moves it to another port; `needs` are the services that have to answer before it
    starts, `prepare` is what has to be done then.
    """

    name: str
    title: str
    command: tuple[str, ...]
    is_healthy: Callable[[], bool]
    url: str = ""
    port: int | None = None
    setting: str = ""
    needs: tuple[str, ...] = ()
    prepare: Callable[[], object] = lambda: None


def services(settings: Settings) -> tuple[Service, ...]:
    """The services of one machine, in the order in which they are shown."""
    riskometer = str(Path(sysconfig.get_path("scripts")) / "riskometer")
    host = reached_at(settings.host)
    return (
        _server("web", "Risk-O-Meter", (riskometer, "serve"), settings.web_port, host=host, needs=("mlflow",)),
        _server(
            "prefect",
            "Prefect",
            (sys.executable, "-m", "flows.prefect_server", "--port", str(settings.prefect_port)),
            settings.prefect_port,
            health="/api/health",
        ),
        _server(
            "mlflow",
            "MLflow",
            _mlflow_command(settings),
            settings.mlflow_port,
            prepare=partial(_settle_in, settings),
        ),
        _server(
            "exporter",
            "Metrics of the reports",
            (riskometer, "export-metrics"),
            settings.exporter_port,
            host=host,
            page="/metrics",
            needs=("mlflow",),
        ),
        Service(
            name="worker",
            title="Prefect worker",
            command=(sys.executable, "-m", "flows.worker"),
            is_healthy=partial(worker_is_there, settings),
            needs=("prefect",),
            prepare=partial(mark_interrupted_runs, settings, PREFECT_WORK_POOL),
        ),
    )


def _server(
    name: str,
    title: str,
    command: tuple[str, ...],
    port: int,
    *,
    host: str = "127.0.0.1",
    health: str = "/health",
    page: str = "",
    needs: tuple[str, ...] = (),
    prepare: Callable[[], object] = lambda: None,
) -> Service:
    """A service that answers over HTTP: healthy once the path `health` answers, shown to people at the path `page`."""
    address = f"http://{host}:{port}"
    return Service(
        name=name,
        title=title,
        command=command,
        is_healthy=partial(_answers, f"{address}{health}"),
        url=f"{address}{page}",
        port=port,
        setting=f"CREDITRISK_{name.upper()}_PORT",
        needs=needs,
        prepare=prepare,
    )


def _mlflow_command(settings: Settings) -> tuple[str, ...]:
    """MLflow's server on this home's files.

    Runs made without a server keep their artifacts as plain paths under home; the server leaves them there, so that
    either can read what the other wrote.
    """
    return (
        *(sys.executable, "-m", "mlflow", "server", "--port", str(settings.mlflow_port)),
        *("--backend-store-uri", f"sqlite:///{settings.home / 'mlflow' / 'mlflow.db'}"),
        *("--default-artifact-root", (settings.home / "mlflow" / "artifacts").as_uri(), "--no-serve-artifacts"),
        *("--workers", "1", "--app-name", "riskometer"),
    )


def _settle_in(settings: Settings) -> None:
    """Let MLflow find its files if this home was moved or copied here."""
    from creditrisk.registry import settle_in

    settle_in(settings.home)


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment every service gets: ours, with the addresses of its neighbours and all telemetry off.

    Without the password of any Prefect server: those who need this home's read it from its file.
    """
    own = {
        name: value for name, value in os.environ.items() if name not in (PREFECT_PASSWORD_VARIABLE, PASSWORD_VARIABLE)
    }
    return own | {
        MARK: str(settings.home),
        "CREDITRISK_HOME": str(settings.home),
        "CREDITRISK_MLFLOW_URI": f"http://127.0.0.1:{settings.mlflow_port}",
        "PREFECT_API_URL": f"http://127.0.0.1:{settings.prefect_port}/api",
        "PREFECT_HOME": str(settings.home / "prefect"),
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # MLflow's own job queue serves language models; without it the server is one process.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "DO_NOT_TRACK": "true",
        # Neighbours are never reached through a proxy.
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"])),
    }


def _answers(url: str) -> bool:
    """Whether `url` answers with status 200; never through a proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as response:
            response.read()
            return True
    except (OSError, http.client.HTTPException):
        return False
