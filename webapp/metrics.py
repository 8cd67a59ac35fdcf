"""What Prometheus reads from the web process at /metrics.

Counters and histograms of all processes of the app together; drift and performance come from the exporter. No client's
data, no id and no time is ever a label.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from creditrisk.scoring import VERDICTS
from webapp.errors import SENTENCES
from webapp.serving import ServingState

# Where the processes of one app leave their counts for each other; serve.py sets it, prometheus_client reads it too.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# Statuses of errors besides those that a server has anyway.
_OF_THE_DOMAIN = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
)


@dataclass(frozen=True)
class Metrics:
    """The metrics of one process, in a registry of their own."""

    registry: CollectorRegistry
    decisions: Counter
    rejected: Counter
    scoring_seconds: Histogram
    http_errors: Counter

    def count_answer(self, status: int) -> None:
        """Count an answer to a request, if it is an error."""
        if status >= HTTPStatus.BAD_REQUEST:
            self.http_errors.labels(str(status)).inc()

    def text(self, state: ServingState, n_unfinished: int) -> bytes:
        """The metrics of all processes in Prometheus' text format, and what they agree on.

        That is what is served, and how many files wait to be scored or are being scored.
        """
        counts = self.registry
        if folder := os.environ.get(SHARED_FOLDER):
            counts = CollectorRegistry()
            # The library says nothing of its types.
            MultiProcessCollector(counts, folder)  # type: ignore[no-untyped-call]
        served = CollectorRegistry()
        served.register(_Served(state, n_unfinished))
        return generate_latest(counts) + generate_latest(served)


@dataclass(frozen=True, eq=False)
class _Served(Collector):
    """Gauges of the state as it is when they are asked for: files would outlast a model that was replaced."""

    state: ServingState
    n_unfinished: int

    def collect(self) -> Iterator[Metric]:
        model = GaugeMetricFamily("creditrisk_model_info", "1 for the model that answers.", labels=["model", "version"])
        if self.state.scorer is not None:
            model.add_metric([self.state.scorer.name, self.state.scorer.version], 1)
        yield model
        is_up = float(self.state.is_registry_up)
        yield GaugeMetricFamily("creditrisk_registry_up", "1 while the model registry answers, else 0.", value=is_up)
        words = "Files that wait to be scored or are being scored."
        yield GaugeMetricFamily("creditrisk_uploads_unfinished", words, value=self.n_unfinished)


def make_metrics() -> Metrics:
    """Metrics at zero, with every verdict and every known error present from the start."""
    registry = CollectorRegistry()
    metrics = Metrics(
        registry=registry,
        decisions=Counter("creditrisk_decisions", "Decisions answered, by verdict.", ["verdict"], registry=registry),
        rejected=Counter("creditrisk_rejected_rows", "Rows that could not be scored.", registry=registry),
        scoring_seconds=Histogram(
            "creditrisk_scoring_duration_seconds",
            "Time to score and log one request or one chunk of a file.",
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
            registry=registry,
        ),
        http_errors=Counter(
            "creditrisk_http_errors", "Requests answered with an error, by its status.", ["status"], registry=registry
        ),
    )
    # What appears with its first event is no increase to Prometheus, which has to have seen it at rest.
    for verdict in VERDICTS:
        metrics.decisions.labels(verdict)
    for status in (*SENTENCES, *_OF_THE_DOMAIN):
        metrics.http_errors.labels(str(status))
    return metrics
