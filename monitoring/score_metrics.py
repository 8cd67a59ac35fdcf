"""What Prometheus reads about the predicted risk and the verdicts of a window; what does not exist is absent."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.core import GaugeMetricFamily, Metric

from monitoring.results import BinFigures, EstimatedFigures, Result


def metrics_of_score(result: Result, model: Mapping[str, str]) -> list[Metric]:
    """How the predicted risk is spread, and which verdicts were given; `model` holds the labels that all have."""
    measured = result.get("performance")
    return [
        *_of_bins(result.get("score_bins", []), model),
        *(_of_verdicts(measured["estimated"], model) if measured else []),
    ]


def _of_bins(bins: list[BinFigures], model: Mapping[str, str]) -> list[Metric]:
    """Both spreads; the words of a bin begin with its number, so that they sort."""
    labels = [*model, "bin"]
    now = GaugeMetricFamily(
        "creditrisk_score_bin_share", "Share of applications in a bin of predicted risk, 0 to 1.", labels=labels
    )
    then = GaugeMetricFamily(
        "creditrisk_score_bin_share_reference", "The same share in the reference, 0 to 1.", labels=labels
    )
    for number, bin_ in enumerate(bins, start=1):
        if not bin_["share"] and not bin_["share_reference"]:
            continue  # such as the bin of missing values
        values = [*model.values(), f"{number:02d}: {bin_['words']}"]
        then.add_metric(values, bin_["share_reference"])
        if bin_["share"] is not None:
            now.add_metric(values, bin_["share"])
    return [now, then]


def _of_verdicts(estimated: EstimatedFigures, model: Mapping[str, str]) -> list[Metric]:
    counts = estimated.get("n_by_verdict", {})
    share = GaugeMetricFamily(
        "creditrisk_verdict_share", "Share of a verdict among those of the window, 0 to 1.", labels=[*model, "verdict"]
    )
    for verdict, n_decisions in counts.items():
        if n_decisions:
            share.add_metric([*model.values(), verdict], n_decisions / sum(counts.values()))
    return [share]
