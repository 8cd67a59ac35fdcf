"""The queries of a dashboard, and how Prometheus is asked them as Grafana would."""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: its labels, and its values at moments, in seconds since 1970."""

    labels: Mapping[str, str]
    times: list[float]
    values: list[float]

    def named(self, legend: str) -> str:
        """The name that a legend such as `{{model}} version {{version}}` gives it."""
        return re.sub(r"\{\{(\w+)\}\}", lambda found: self.labels.get(found[1], ""), legend)


def filled(expression: str, variables: Mapping[str, str]) -> str:
    """An expression with its variables filled in, longer names first: `$__range`, `$model` and so on.

    Examples
    --------
    >>> filled('sum(increase(x{model="$model"}[$__range]))', {"model": "german_credit", "__range": "1h"})
    'sum(increase(x{model="german_credit"}[1h]))'
    """
    for name in sorted(variables, key=len, reverse=True):
        expression = expression.replace(f"${name}", variables[name])
    return expression


def asked(dashboard: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every expression that a dashboard asks: its panels', its variables' and its annotations', each with a name."""
    found = [
        (f"{dashboard['title']}: {panel['title']} {target['refId']}", target["expr"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    ]
    for variable in dashboard["templating"]["list"]:
        series = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"])
        if series is None:
            raise ValueError(f"the variable {variable['name']} asks '{variable['query']}', which is no label_values")
        found.append((f"{dashboard['title']}: variable {variable['name']}", f"count by ({series[2]}) ({series[1]})"))
    found += [
        (f"{dashboard['title']}: annotation {one['name']}", one["expr"]) for one in dashboard["annotations"]["list"]
    ]
    return found


def at(url: str, expression: str, moment: datetime | None = None) -> list[Series]:
    """What Prometheus at `url` answers for one moment; None: now."""
    parameters = {"query": expression} | ({"time": str(moment.timestamp())} if moment else {})
    return [_series(one["metric"], [one["value"]]) for one in _get(url, "query", parameters)]


def over(url: str, expression: str, start: datetime, end: datetime, *, step_seconds: float) -> list[Series]:
    """What it answers for the moments of a stretch of time."""
    span = {"start": str(start.timestamp()), "end": str(end.timestamp()), "step": str(step_seconds)}
    return [_series(one["metric"], one["values"]) for one in _get(url, "query_range", {"query": expression} | span)]


def _series(labels: Mapping[str, str], pairs: list[tuple[float, str]]) -> Series:
    return Series(labels, [float(moment) for moment, _ in pairs], [float(value) for _, value in pairs])


def _get(url: str, path: str, parameters: Mapping[str, str]) -> list[Any]:
    address = f"{url.rstrip('/')}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310  # the caller's Prometheus
        answer: dict[str, Any] = json.load(response)
    return list(answer["data"]["result"])
