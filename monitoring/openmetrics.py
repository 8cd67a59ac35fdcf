"""What archived results would have said to Prometheus, each at its own time, as OpenMetrics text.

For a Prometheus that is new, or lost its disk: `promtool tsdb create-blocks-from openmetrics` makes its past from it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from monitoring.exporter import metrics_of_result
from monitoring.results import Result

Labels = tuple[tuple[str, str], ...]
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class _Family:
    """A metric, and for each of its series times and values in turn; packed, as there are millions in some years."""

    words: str
    series: dict[Labels, array[float]] = field(default_factory=dict)


def to_openmetrics(results: Iterable[Result]) -> Iterator[str]:
    """The metrics of each result with the time it was written at, line by line: a family's series, each oldest first.

    Of two results of one model version that were written at the very same time the first is taken.
    """
    written: dict[tuple[float, str, str], Result] = {}
    for result in results:
        at = datetime.fromisoformat(result["created_at"]).timestamp()
        written.setdefault((at, result["model"], result["model_version"]), result)
    families: dict[str, _Family] = {}
    for (at, _, _), result in sorted(written.items(), key=lambda item: item[0]):
        for metric in metrics_of_result(result):
            series = families.setdefault(metric.name, _Family(metric.documentation)).series
            for sample in metric.samples:
                series.setdefault(tuple(sorted(sample.labels.items())), array("d")).extend((at, sample.value))
    for name, family in sorted(families.items()):
        if not family.series:
            continue
        # All that is told of a result is a gauge.
        yield f"# HELP {name} {family.words.translate(_ESCAPED)}\n# TYPE {name} gauge\n"
        for labels, points in sorted(family.series.items()):
            named = ",".join(f'{label}="{value.translate(_ESCAPED)}"' for label, value in labels)
            for at, value in zip(points[::2], points[1::2], strict=True):
                yield f"{name}{{{named}}} {value} {at}\n"
    yield "# EOF\n"
