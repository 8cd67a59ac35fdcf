"""What Prometheus reads from the web process at /metrics.

Counters and histograms of this process only; drift and performance come from the exporter. No client's data, no id and
no time is ever a label.
"""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from creditrisk.scoring import VERDICTS


@dataclass(frozen=True)
class Metrics:
    """The metrics of one app, in a registry of their own."""

    registry: CollectorRegistry
    decisions: Counter
    rejected: Counter
    scoring_seconds: Histogram
    model: Gauge
    registry_up: Gauge

    def text(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)


def make_metrics() -> Metrics:
    """Metrics at zero, with every verdict present from the start."""
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
        model=Gauge("creditrisk_model_info", "1 for the model that answers.", ["model", "version"], registry=registry),
        registry_up=Gauge("creditrisk_registry_up", "1 while the model registry answers, else 0.", registry=registry),
    )
    for verdict in VERDICTS:
        metrics.decisions.labels(verdict)
    return metrics
