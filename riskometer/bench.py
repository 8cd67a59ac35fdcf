"""How long one application takes over the API, beside the same server's bare round trip.

It starts a web process of its own on a free port, with the champion of this home and a decision log of its own, so
nothing of the real one is touched. Times of a busy machine drift; the ratio drifts less.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from creditrisk.decision_log import DecisionLog
from creditrisk.errors import CreditRiskError
from creditrisk.registry import SCORER_NOTE, Registry, find_champion
from creditrisk.settings import Settings

REQUESTS = 300
WARM_UP = 30
START_SECONDS = 60.0


def bench(settings: Settings) -> str:
    """Measure and describe: median and 95th percentile, in milliseconds, of one application and of an empty answer."""
    from creditrisk.scoring import sample_record

    champion = find_champion(Registry(settings.stores), settings.dataset)
    if champion is None:
        raise CreditRiskError("there is no champion to measure. Train one with `make model-train-flow`.")
    version, scorer = champion.version, champion.scorer
    body = json.dumps({"applications": [sample_record(scorer.schema)]})
    with tempfile.TemporaryDirectory(dir=settings.home) as scratch, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        log_url = f"sqlite:///{scratch}/decisions.db"
        # An empty log would not know the version, which was proved above, and it would not be served.
        DecisionLog(log_url).note(SCORER_NOTE, f"{version.model}/{version.version}", version.sha256)
        environment = {
            **os.environ,
            "CREDITRISK_DATASET": version.model,
            "CREDITRISK_WEB_PORT": str(port),
            "CREDITRISK_DECISION_LOG_URL": log_url,
        }
        command = [sys.executable, "-m", "riskometer", "serve"]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet) as web:  # noqa: S603  # no shell, and our own words only
            try:
                _wait(port)
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                headers = {"Content-Type": "application/json"}
                empty = _times(lambda: _ask(connection, "GET", "/health"))
                scored = _times(lambda: _ask(connection, "POST", "/api/v1/score", body, headers))
            finally:
                web.terminate()
    ratio = statistics.median(scored) / statistics.median(empty)
    lines = [
        f"{version.model} version {version.version} ({scorer.model.family}), {REQUESTS} requests one after the other:",
        f"  one application, reasons and decision log included   {_figures(scored)}",
        f"  the same server's empty answer (/health)             {_figures(empty)}",
        f"  ratio of the medians                                 {ratio:.1f}",
    ]
    return "\n".join(lines)


def _times(ask: Callable[[], None]) -> list[float]:
    for _ in range(WARM_UP):
        ask()
    times = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        ask()
        times.append(1000 * (time.perf_counter() - started))
    return times


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: str | None = None,
    headers: dict[str, str] | None = None,
) -> None:
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise CreditRiskError(f"{method} {path} answered {answer.status}: {said[:200]!r}")


def _wait(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise CreditRiskError(f"the web app did not come up on port {port} within {START_SECONDS:.0f} s.")


def _figures(times: list[float]) -> str:
    high = statistics.quantiles(times, n=20)[-1]
    return f"median {statistics.median(times):5.1f} ms   95 % under {high:5.1f} ms"
