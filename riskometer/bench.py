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
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from creditrisk.decision_log import DecisionLog
from creditrisk.errors import CreditRiskError
from creditrisk.registry import CHAMPION_NOTE, SCORER_NOTE, Champion, Registry, find_champion
from creditrisk.settings import Settings

REQUESTS = 300
WARM_UP = 30
# A server that imports a great deal on a busy machine takes its time.
START_SECONDS = 180.0
JSON_HEADERS = {"Content-Type": "application/json"}


def bench(settings: Settings) -> str:
    """Measure and describe: median and 95th percentile, in milliseconds, of one application and of an empty answer."""
    champion = champion_to_measure(settings)
    version, scorer = champion.version, champion.scorer
    with running_app(settings, champion) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        body = one_application(champion)
        empty = times_of(lambda: ask(connection, "GET", "/health"))
        scored = times_of(lambda: ask(connection, "POST", "/api/v1/score", body, JSON_HEADERS))
    ratio = statistics.median(scored) / statistics.median(empty)
    lines = [
        f"{version.model} version {version.version} ({scorer.model.family}), {REQUESTS} requests one after the other:",
        f"  one application, reasons and decision log included   {_figures(scored)}",
        f"  the same server's empty answer (/health)             {_figures(empty)}",
        f"  ratio of the medians                                 {ratio:.1f}",
    ]
    return "\n".join(lines)


def champion_to_measure(settings: Settings) -> Champion:
    """The champion of this home; CreditRiskError if there is none."""
    champion = find_champion(Registry(settings.stores), settings.dataset)
    if champion is None:
        raise CreditRiskError("there is no champion to measure. Train one with `make model-train-flow`.")
    return champion


def one_application(champion: Champion) -> str:
    """The body of a request for one made-up client."""
    from creditrisk.scoring import sample_record

    return json.dumps({"applications": [sample_record(champion.scorer.schema)]})


@contextmanager
def scratch_log(settings: Settings, champion: Champion) -> Iterator[str]:
    """The URL of a decision log of its own that knows the champion, so that the real one is not written to."""
    with tempfile.TemporaryDirectory(dir=settings.home) as scratch:
        url = f"sqlite:///{scratch}/decisions.db"
        version = champion.version
        # An empty log would not know the version, which was proved and promoted before, and it would not be served.
        log = DecisionLog(url)
        log.note(SCORER_NOTE, f"{version.model}/{version.version}", version.sha256)
        log.note(CHAMPION_NOTE, version.model, version.version)
        yield url


@contextmanager
def running_app(settings: Settings, champion: Champion) -> Iterator[int]:
    """The port of a web app that serves the champion and writes into a decision log of its own."""
    port = free_port()
    with scratch_log(settings, champion) as log_url:
        environment = {
            **os.environ,
            "CREDITRISK_DATASET": champion.version.model,
            "CREDITRISK_WEB_PORT": str(port),
            "CREDITRISK_DECISION_LOG_URL": log_url,
        }
        command = [sys.executable, "-m", "riskometer", "serve"]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet) as web:  # noqa: S603  # no shell, and our own words only
            try:
                wait_until_answered(port, "/ready")
                yield port
            finally:
                web.terminate()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_answered(port: int, path: str) -> None:
    """Wait until a server on this machine says 200; CreditRiskError if it does not in three minutes."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise CreditRiskError(f"the server did not come up on port {port} within {START_SECONDS:.0f} s.")


def times_of(request: Callable[[], None]) -> list[float]:
    """Milliseconds of each of many requests, one after the other, once the server is warm."""
    for _ in range(WARM_UP):
        request()
    times = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        request()
        times.append(1000 * (time.perf_counter() - started))
    return times


def ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: str | None = None,
    headers: dict[str, str] | None = None,
) -> None:
    """Send a request and read its answer; CreditRiskError if it is not 200."""
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise CreditRiskError(f"{method} {path} answered {answer.status}: {said[:200]!r}")


def _figures(times: list[float]) -> str:
    high = statistics.quantiles(times, n=20)[-1]
    return f"median {statistics.median(times):5.1f} ms   95 % under {high:5.1f} ms"
