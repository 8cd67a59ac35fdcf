"""A champion swapped again and again under clients: requests that failed, and how long the new one takes to answer.

The champion of this home is registered twice in a home of its own, which an app serves; one of the two is promoted as
the other answers. What counts is the time from the end of a promotion to the first answer of the new version.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Thread

from creditrisk.registry import Registry, Version
from creditrisk.settings import PREFIX, Settings, read_settings
from riskometer.bench import JSON_HEADERS, champion_to_measure, free_port, one_application, wait_until_answered
from tests.bench.figure import Figure

CLIENTS = 4
SWAPS = 30
SECONDS_BETWEEN = 10.0
# Longer than the new one may take by far.
PATIENCE_SECONDS = 60.0


@dataclass
class Seen:
    """What the clients were answered: how often, how often not with 200, and when each version answered last."""

    n_answers: int = 0
    failures: list[str] = field(default_factory=list)
    last_of: dict[str, float] = field(default_factory=dict)


def figures(rows: int) -> list[Figure]:
    """The slowest of the swaps, in seconds, beside the five it may take; `rows` does not matter here."""
    champion = champion_to_measure(read_settings())
    body = one_application(champion)
    with tempfile.TemporaryDirectory(prefix="riskometer-swaps-") as folder:
        settings = Settings(home=Path(folder), web_port=free_port())
        registry = Registry(settings.stores)
        sample = Registry(read_settings().stores).reference_sample(champion.version)
        first, second = (
            registry.register(replace(champion.scorer, card=f"{number}"), sample, params={}, metrics={})
            for number in (1, 2)
        )
        _promote(registry, first)
        with _app(settings), _clients(settings.web_port, body) as seen:
            took = [_swap(registry, (second, first)[number % 2], seen) for number in range(SWAPS)]
    print(f"{len(took)} swaps under {CLIENTS} clients: {', '.join(f'{seconds:.1f}' for seconds in took)} s; "
          f"{seen.n_answers:,} answers, {len(seen.failures)} failed {seen.failures[:3]}")  # fmt: skip
    return [
        Figure("the slowest of the swaps", max(took), 5.0, "s", "the five seconds it may take", at_most=1.0),
        Figure("requests that failed meanwhile", len(seen.failures) + 1, 1, "", "none, plus one", at_most=1.0),
    ]


def _promote(registry: Registry, version: Version) -> None:
    registry.promote(version, by="the bench", why="a swap", evidence="none")


def _swap(registry: Registry, version: Version, seen: Seen) -> float:
    """Seconds from the end of a promotion to the first answer of the version."""
    begun = time.monotonic()
    _promote(registry, version)
    promoted = time.monotonic()
    # One that answered before the promotion was over is no slower than that.
    while seen.last_of.get(version.version, 0.0) < begun:
        if time.monotonic() > promoted + PATIENCE_SECONDS:
            raise TimeoutError(f"version {version.version} does not answer")
        time.sleep(0.02)
    took = max(0.0, seen.last_of[version.version] - promoted)
    # All processes have followed by the next swap: whoever still answers with the old one would be taken for new.
    time.sleep(max(0.0, begun + SECONDS_BETWEEN - time.monotonic()))
    return took


@contextmanager
def _app(settings: Settings) -> Iterator[None]:
    given = {f"{PREFIX}HOME": str(settings.home), f"{PREFIX}WEB_PORT": str(settings.web_port)}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)} | given
    command, quiet = [sys.executable, "-m", "riskometer", "serve"], subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet) as web:
        try:
            wait_until_answered(settings.web_port, "/ready")
            yield
        finally:
            web.terminate()


@contextmanager
def _clients(port: int, body: str) -> Iterator[Seen]:
    """Clients that ask one thing after the other, each over its own connection, until the end."""
    seen, is_over = Seen(), Event()

    def ask_on() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while not is_over.is_set():
            try:
                connection.request("POST", "/api/v1/score", body, JSON_HEADERS)
                response = connection.getresponse()
                answer = response.read()
            except (OSError, http.client.HTTPException) as exc:
                seen.failures.append(type(exc).__name__)
                connection.close()
                continue
            seen.n_answers += 1
            if response.status == 200:
                seen.last_of[json.loads(answer)["model_version"]] = time.monotonic()
            else:
                seen.failures.append(str(response.status))

    threads = [Thread(target=ask_on) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
