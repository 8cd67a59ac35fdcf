"""What Prometheus reads about all fields together: gauges of one result; a figure that does not exist is absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric

from monitoring.results import DecileFigures, ImportanceFigures, JointFigures, Result


def metrics_of_all_fields(result: Result, model: Mapping[str, str]) -> list[Metric]:
    """Multivariate drift, drift of importance and deciles; `model` holds the labels that all metrics have."""
    metrics: list[Metric] = []
    if "multivariate" in result:
        metrics += _of_joint(result["multivariate"], model)
    if "importance" in result:
        metrics += _of_importance(result["importance"], model)
    if "deciles" in result:
        metrics += _of_deciles(result["deciles"], model)
    return metrics


def _of_joint(joint: JointFigures, model: Mapping[str, str]) -> list[Metric]:
    words = "How well a classifier tells the window from the reference by all fields (AUC), 0.5 not at all."
    bound = "What that AUC stays below in 95 of 100 windows by chance alone."
    return [
        _gauge("multivariate_auc", words, model, [joint["auc"]]),
        _gauge("multivariate_auc_bound", bound, model, [joint["auc_bound"]]),
        _gauge("multivariate_status", "0 stable, 1 watch, 2 act.", model, [joint["level"]]),
    ]


def _of_importance(importance: ImportanceFigures, model: Mapping[str, str]) -> list[Metric]:
    words = "1 if fields count in the order they did in the reference (normalised discounted gain)."
    bound = "What that gain stays above in 95 of 100 windows by chance alone."
    fields = importance["fields"]
    sizes = [field["importance"] for field in fields.values()]
    sizes_then = [field["importance_reference"] for field in fields.values()]
    by_field = "What a field adds to the log-odds on average, by size."
    return [
        _gauge("importance_gain", words, model, [importance["gain"]]),
        _gauge("importance_gain_bound", bound, model, [importance["gain_bound"]]),
        _gauge("importance_status", "0 stable, 1 watch, 2 act.", model, [importance["level"]]),
        _gauge("field_importance", by_field, model, sizes, field=list(fields)),
        _gauge("field_importance_reference", "The same in the reference.", model, sizes_then, field=list(fields)),
    ]


def _of_deciles(deciles: DecileFigures, model: Mapping[str, str]) -> list[Metric]:
    numbers = [f"{number:02}" for number, _ in enumerate(deciles["n_rows"], start=1)]
    words = "Applications of the window by decile of the predicted risk."
    return [
        _gauge("decile_rows", words, model, deciles["n_rows"], decile=numbers),
        _gauge("decile_prob_default", "Mean PD by decile, 0 to 1.", model, deciles["prob_default"], decile=numbers),
    ]


def _gauge(
    name: str, words: str, model: Mapping[str, str], values: Sequence[float | None], **series: Sequence[str]
) -> Metric:
    """A gauge with a value for each item of its series; without any, for the model alone."""
    metric = GaugeMetricFamily(f"creditrisk_{name}", words, labels=[*model, *series])
    for value, *labels in zip(values, *series.values(), strict=True):
        if value is not None:
            metric.add_metric([*model.values(), *labels], value)
    return metric
