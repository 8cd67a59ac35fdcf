"""What Prometheus reads about acting: the triggers of one result, and whether it calls for a retraining."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.core import GaugeMetricFamily, Metric

from monitoring.results import Result


def metrics_of_acting(result: Result, model: Mapping[str, str]) -> list[Metric]:
    """The metrics of both; `model` holds the labels that all have. A trigger that was not judged has none."""
    words = "1 if the last report calls for a retraining, else 0."
    called_for = GaugeMetricFamily("creditrisk_retraining_called_for", words, labels=list(model))
    called_for.add_metric(list(model.values()), float("retraining" in result))
    words = "1 if a limit that a person wrote is passed, 0 if it is kept."
    met = GaugeMetricFamily("creditrisk_trigger_met", words, labels=[*model, "trigger"])
    for trigger in result.get("triggers", []):
        if trigger["value"] is not None:
            met.add_metric([*model.values(), trigger["name"]], float(trigger["is_met"]))
    return [called_for, met]
