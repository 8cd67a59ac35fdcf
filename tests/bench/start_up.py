"""How long one waits for a command: its help, and the web app with a saved champion until it can score."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from creditrisk.settings import read_settings
from riskometer.bench import champion_to_measure, running_app
from tests.bench.figure import Figure

REPEATS = 5


def figures(rows: int) -> list[Figure]:
    """Medians of a few starts, against Python's own with Polars imported; `rows` does not matter here."""
    settings = read_settings()
    champion = champion_to_measure(settings)

    def serve_until_ready() -> None:
        with running_app(settings, champion):
            ready.append(time.perf_counter())

    ready: list[float] = []
    bare = _median(lambda: _run("-c", "import polars"))
    starts = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        serve_until_ready()
        starts.append(ready[-1] - started)
    return [
        Figure("riskometer --help", _median(lambda: _run("-m", "riskometer", "--help")), bare, "s",
               "Python imports Polars"),
        Figure("riskometer serve until ready", statistics.median(starts), bare, "s", "Python imports Polars"),
    ]  # fmt: skip


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=dict(os.environ))


def _median(work: Callable[[], None]) -> float:
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)
