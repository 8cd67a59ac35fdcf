"""A Prometheus of our own whose past is made of OpenMetrics text, and what it answers."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Answers:
    """A running Prometheus."""

    address: str

    def series(self, query: str, since: datetime, until: datetime, step: timedelta) -> dict[str, dict[datetime, float]]:
        """The values of each series of a query by time; a series is named by its labels but those of the model."""
        asked = {
            "query": query, "start": since.timestamp(), "end": until.timestamp(), "step": step.total_seconds()
        }  # fmt: skip
        with urllib.request.urlopen(
            f"{self.address}/api/v1/query_range?{urllib.parse.urlencode(asked)}", timeout=30
        ) as answer:
            found = json.load(answer)["data"]["result"]
        return {
            _name(one["metric"]): {datetime.fromtimestamp(at, UTC): float(value) for at, value in one["values"]}
            for one in found
        }


def _name(labels: Mapping[str, str]) -> str:
    return ", ".join(value for name, value in labels.items() if name not in ("__name__", "model", "model_version"))


@contextmanager
def prometheus_with(text: Path, folder: Path, *, lookback: str) -> Iterator[Answers]:
    """Make blocks of the text with promtool, and run Prometheus on them meanwhile.

    Without a retention that long, Prometheus would remove what is years old as soon as it looks.
    """
    data, config = folder / "data", folder / "prometheus.yml"
    made = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)]
    subprocess.run(made, check=True, capture_output=True)
    config.write_text("scrape_configs: []\n", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = {
        "config.file": config,
        "storage.tsdb.path": data,
        "storage.tsdb.retention.time": "100y",
        "query.lookback-delta": lookback,
        "web.listen-address": f"127.0.0.1:{port}",
    }
    command = ["prometheus", *(f"--{name}={value}" for name, value in options.items())]
    with (folder / "prometheus.log").open("w") as output:
        running = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(f"{address}/-/ready")
            yield Answers(address)
        finally:
            running.terminate()
            running.wait(timeout=40)


def _wait(address: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"after {PATIENCE_SECONDS} seconds no answer at {address}")
