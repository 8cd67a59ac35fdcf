"""Where else one looks: Prefect, MLflow and Grafana, each at the page that shows the model."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from creditrisk.settings import Settings

# A service on this machine answers at once.
PATIENCE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ServiceLink:
    """Another service's page: its name, what is to be seen there, and its address as a browser reaches it."""

    name: str
    shows: str
    address: str


def service_links(settings: Settings, model: str, version: str) -> list[ServiceLink]:
    """The pages of the services that a setting names, or that answer on this machine.

    Parameters
    ----------
    model, version
        Those that serve; empty if none does.
    """
    mlflow = f"/#/models/{quote(model, safe='')}/versions/{quote(version, safe='')}" if model else "/#/models"
    candidates = [
        ("Prefect", "runs and schedules", settings.prefect_api_url.removesuffix("/api"), settings.prefect_port,
         "/deployments"),
        ("MLflow", "the version that serves" if model else "the models", settings.mlflow_uri, settings.mlflow_port,
         mlflow),
        ("Grafana", "the dashboard", settings.grafana_url, 3000, "/d/risk-o-meter"),
    ]  # fmt: skip
    with ThreadPoolExecutor(len(candidates)) as pool:
        bases = list(pool.map(lambda item: _base(item[2], item[3]), candidates))
    return [
        ServiceLink(name, shows, base + page)
        for (name, shows, _, _, page), base in zip(candidates, bases, strict=True)
        if base
    ]


def _base(configured: str, port: int) -> str:
    """Where a browser finds a service; empty if no setting says so and nothing answers at its port on this machine.

    A name without a dot, such as `mlflow`, is one that containers call each other by: on this machine, their ports are
    the same as ever.
    """
    parts = urlsplit(configured)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"http://127.0.0.1:{port}" if _answers(port) else ""
    # Without a name and a password that may stand before the host.
    host = parts.netloc.rpartition("@")[2]
    if "." in host or ":" in parts.hostname or parts.hostname == "localhost":
        return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
    return f"http://127.0.0.1:{port}"


def _answers(port: int) -> bool:
    try:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)):
            return True
    except OSError:
        return False
