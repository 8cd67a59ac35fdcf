"""What archived results would have said to Prometheus, each at its own time, as OpenMetrics text.

For a Prometheus that is new, or lost its disk: `promtool tsdb create-blocks-from openmetrics` makes its past from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from types import SimpleNamespace

from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import generate_latest

from monitoring.exporter import metrics_of_result
from monitoring.results import Result


def to_openmetrics(results: Iterable[Result]) -> str:
    """The metrics of each result with the time it was written at: family by family, in each its series, oldest first.

    Of two results of one model version that were written at the very same time the first is taken.
    """
    written: dict[tuple[float, str, str], Result] = {}
    for result in results:
        at = datetime.fromisoformat(result["created_at"]).timestamp()
        written.setdefault((at, result["model"], result["model_version"]), result)
    families: dict[str, Metric] = {}
    for (at, _, _), result in sorted(written.items(), key=lambda item: item[0]):
        for metric in metrics_of_result(result):
            family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
            family.samples += [sample._replace(timestamp=at) for sample in metric.samples]
    for family in families.values():
        family.samples.sort(key=lambda sample: sorted(sample.labels.items()))
    known = [families[name] for name in sorted(families)]
    text: bytes = generate_latest(SimpleNamespace(collect=lambda: known))  # type: ignore[no-untyped-call]
    return text.decode()
