"""What the reports of a model say over time: small charts whose columns open the report, and the table behind them.

Lines, dots and intervals are one SVG text, stretched to the width there is; words and marks lie above it as HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import quote

from dash import html
from dash.development.base_component import Component

from creditrisk.metrics import ACT_PSI, WATCH_DISTANCE, WATCH_PSI
from creditrisk.pages.palette import DARK, LIGHT
from creditrisk.text import moment_words
from monitoring.results import FieldFigures, Interval, PerformanceFigures, Result
from monitoring.status import ACT
from webapp.pages.components import attributes, plain_table

# Of the schedule of every three hours, a week.
MOST_DRAWN = 56
_HEIGHT = 100.0


@dataclass(frozen=True, slots=True)
class Point:
    """A figure and the ends of its interval, both the figure itself where it has none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Series:
    """One figure over the reports, None where a report has none; `tone` says how it is drawn."""

    name: str
    points: Sequence[Point | None]
    tone: Literal["accent", "ink"] = "accent"


@dataclass(frozen=True, slots=True)
class Chart:
    """Series over the same reports, oldest first; `is_alarm` tells which of them raised one about this.

    `limits` are lines with their names; `low` is where the axis begins; `words` writes a figure. `name` tells the chart
    from others with the same title.
    """

    title: str
    meaning: str
    series: Sequence[Series]
    is_alarm: Sequence[bool]
    words: Callable[[float], str]
    limits: Sequence[tuple[str, float]] = ()
    low: float = 0.0
    name: str = ""


def charts_of(results: Sequence[Result]) -> list[Chart]:
    """The charts of reports, oldest first: shift of the risk, of fields, of all together, AUC, bad rate."""
    measured = [result.get("performance") for result in results]
    is_not_as_predicted = [one is not None and one["level"] == ACT for one in measured]
    joint = [result.get("multivariate") for result in results]
    return [
        _shift(
            "Shift of the predicted risk",
            [result["score"] for result in results],
            [result["score"]["level"] >= 1 for result in results],
        ),
        Chart(
            "Fields that shifted",
            "Share of all fields.",
            [Series("shifted", [_point(result["drift_share"]) for result in results])],
            [any(field["level"] == ACT for field in result["fields"].values()) for result in results],
            _per_cent,
        ),
        Chart(
            "All fields together",
            "How well a classifier tells these applications from the reference (AUC): 0.5 is not at all.",
            [
                Series("found", [_point(one["auc"] if one else None) for one in joint]),
                Series("by chance, at most", [_point(one["auc_bound"] if one else None) for one in joint], "ink"),
            ],
            [one is not None and one["level"] == ACT for one in joint],
            lambda value: f"{value:.2f}",
            low=0.5,
        ),
        Chart(
            "How well it ranks",
            "AUC: estimated before outcomes are known (CBPE), and seen on those that are; with 95 % intervals.",
            [
                Series("estimated", [_interval(one["estimated"]["auc"] if one else None) for one in measured]),
                Series("seen", [_interval(_realised(one, "auc")) for one in measured], "ink"),
            ],
            is_not_as_predicted,
            lambda value: f"{value:.2f}",
            low=0.5,
        ),
        Chart(
            "Offers that went bad",
            "Of those whose outcome is known: how many had been predicted, and how many were seen.",
            [
                Series("predicted", [_interval(_realised(one, "bad_rate_estimated")) for one in measured]),
                Series("seen", [_interval(_realised(one, "bad_rate")) for one in measured], "ink"),
            ],
            is_not_as_predicted,
            _per_cent,
        ),
    ]


def field_labels(results: Sequence[Result]) -> dict[str, str]:
    """The fields of reports by name, each with its label, what shifted most at any time first."""
    worst: dict[str, tuple[int, float]] = {}
    labels = {}
    for result in results:
        for name, figures in result["fields"].items():
            worst[name] = max(worst.get(name, (-1, 0.0)), (figures["level"], figures["psi"] or 0.0))
            labels[name] = figures["label"]
    return {name: labels[name] for name in sorted(worst, key=lambda name: worst[name], reverse=True)}


def field_chart(results: Sequence[Result], name: str) -> Chart:
    """How far one field was from the reference over reports, oldest first."""
    figures = [result["fields"].get(name) for result in results]
    label = next(one["label"] for one in figures if one is not None)
    is_alarm = [one is not None and one["level"] == ACT for one in figures]
    return _shift(f"Shift of {label}", figures, is_alarm, name=f"field/{name}")


def _shift(title: str, figures: Sequence[FieldFigures | None], is_alarm: Sequence[bool], name: str = "") -> Chart:
    """PSI and distance over reports: a shift is one where either passes its limit, and chance alone hardly would."""
    has_mean = any(one is not None and one.get("mean_reference") is not None for one in figures)
    distance = "in standard deviations" if has_mean else "of Jensen and Shannon"
    return Chart(
        title,
        f"PSI against the reference, and the distance from it {distance}: 0 is no shift. It has shifted where either "
        f"is above {WATCH_DISTANCE:.2f} and chance alone would hardly do that, strongly where the PSI is above "
        f"{ACT_PSI:.2f}.",
        [
            Series("PSI", [_point(one["psi"] if one else None) for one in figures]),
            Series("distance", [_point(one.get("distance") if one else None) for one in figures], "ink"),
        ],
        is_alarm,
        lambda value: f"{value:.2f}",
        limits=[("look", WATCH_PSI), ("act, by PSI", ACT_PSI)],
        name=name,
    )


def _point(value: float | None) -> Point | None:
    return None if value is None else Point(value, value, value)


def _interval(figure: Interval | None) -> Point | None:
    return None if figure is None else Point(figure["value"], figure["low"], figure["high"])


def _realised(
    measured: PerformanceFigures | None, name: Literal["auc", "bad_rate", "bad_rate_estimated"]
) -> Interval | None:
    return None if measured is None or measured["realised"] is None else measured["realised"][name]


def _per_cent(value: float) -> str:
    return f"{100 * value:.1f} %" if 0 < value < 0.095 else f"{100 * value:.0f} %"


def figure(chart: Chart, ids: Sequence[str], times: Sequence[str]) -> Component:
    """A chart with its words.

    Parameters
    ----------
    ids, times
        Of the reports, oldest first; a click on a column asks for its report.
    """
    known = [point for series in chart.series for point in series.points if point is not None]
    heading = [html.H3(chart.title), html.P(chart.meaning, className="quiet")]
    if not known:
        return html.Div([*heading, html.P("No report has this figure yet.", className="nothing")], className="chart")
    top = max([*(point.high for point in known), *(limit for _, limit in chart.limits)]) * 1.05
    high, low = max(top, chart.low + 0.05), min([chart.low, *(point.low for point in known)])

    def at(value: float) -> float:
        return 100 * (value - low) / (high - low)

    columns = [
        html.Button(
            html.I("▲", style={"bottom": f"{at(_highest(chart, index)):.1f}%"}) if is_alarm else "",
            id={"type": "behind", "chart": chart.name or chart.title, "report": ids[index]},
            title=_column_words(chart, index, times[index]),
            tabIndex=-1,
            n_clicks=0,
        )
        for index, is_alarm in enumerate(chart.is_alarm)
    ]
    limits = [
        html.Span(f"{name} {chart.words(limit)}", className="limit", style={"bottom": f"{at(limit):.1f}%"})
        for name, limit in chart.limits
    ]
    source = "data:image/svg+xml," + quote(drawing(chart, low, high))
    buttons = html.Div(columns, className="columns", **attributes("aria-", hidden="true"))
    plot = html.Div([html.Img(src=source, alt=alternative(chart, times)), *limits, buttons], className="plot")
    scale = html.Div([html.Span(chart.words(high)), html.Span(chart.words(low))], className="scale")
    ends = html.Div([html.Span(times[0]), html.Span(times[-1] if len(times) > 1 else "")], className="ends")
    plot = html.Div([scale, plot], className="frame")
    return html.Div([*heading, _newest(chart, times), plot, ends], className="chart")


def _highest(chart: Chart, index: int) -> float:
    points = [series.points[index] for series in chart.series]
    return max([point.high for point in points if point is not None], default=chart.low)


def _column_words(chart: Chart, index: int, time: str) -> str:
    return f"{time}: {_said(chart, index)}{' (alarm)' if chart.is_alarm[index] else ''}"


def _said(chart: Chart, index: int) -> str:
    said = []
    for series in chart.series:
        point = series.points[index]
        if point is not None:
            said.append(f"{series.name} {point_words(point, chart.words)}")
    return "; ".join(said) or "no figure"


def point_words(point: Point | None, words: Callable[[float], str]) -> str:
    """A figure and its interval, a dash if there is none.

    Examples
    --------
    >>> point_words(Point(0.8, 0.75, 0.85), lambda value: f"{value:.2f}"), point_words(None, str)
    ('0.80 (0.75 to 0.85)', '–')
    """
    if point is None:
        return "–"
    between = "" if point.low == point.high else f" ({words(point.low)} to {words(point.high)})"
    return words(point.value) + between


def _newest(chart: Chart, times: Sequence[str]) -> Component:
    """The newest figure of each series by its name, in place of a legend; with its time if the last report has none."""
    parts: list[Component] = []
    for series in chart.series:
        index = max((index for index, point in enumerate(series.points) if point is not None), default=-1)
        point = series.points[index]
        when = "" if point is None or index == len(times) - 1 else f", as of {times[index]}"
        words = f"{series.name} {point_words(point, chart.words)}{when}"
        parts.append(html.Span([html.I("●", className=series.tone, **attributes("aria-", hidden="true")), " ", words]))
    return html.P(parts, className="newest")


def alternative(chart: Chart, times: Sequence[str]) -> str:
    """What the drawing shows, in a sentence."""
    n_alarms = sum(chart.is_alarm)
    alarms = f" Alarms: {n_alarms} of {len(times)} reports." if n_alarms else ""
    return f"{chart.title}, {times[0]} to {times[-1]}. Last: {_said(chart, len(times) - 1)}.{alarms}"


def drawing(chart: Chart, low: float, high: float) -> str:
    """Lines, dots and intervals as an SVG that fills whatever box it is put into; `low` and `high` end its axis."""
    n = len(chart.is_alarm)

    def y(value: float) -> float:
        return _HEIGHT * (1 - (value - low) / (high - low))

    has_intervals = any(point and point.low < point.high for series in chart.series for point in series.points)
    # Two intervals of one report stand a little beside each other, so that they can be told apart.
    apart = min(0.5, 0.016 * n) if has_intervals else 0.0
    shapes = [f'<path class="limit" d="M0 {y(limit):.2f}H{n}"/>' for _, limit in chart.limits]
    for place, series in enumerate(chart.series):
        centre = 0.5 + (place - (len(chart.series) - 1) / 2) * apart
        line, dots, between, is_begun = "", "", "", False
        for index, point in enumerate(series.points):
            if point is None:
                is_begun = False
                continue
            x = index + centre
            line += f"{'L' if is_begun else 'M'}{x:.2f} {y(point.value):.2f}"
            dots += f"M{x:.2f} {y(point.value):.2f}h0"
            between += f"M{x:.2f} {y(point.low):.2f}V{y(point.high):.2f}" if point.low < point.high else ""
            is_begun = True
        shapes += [f'<path class="{kind} {series.tone}" d="{path}"/>'
                   for kind, path in (("between", between), ("line", line), ("dot", dots)) if path]  # fmt: skip
    style = f"{_STYLE}{_rules(LIGHT)}@media (prefers-color-scheme:dark){{{_rules(DARK)}}}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {n} {_HEIGHT:.0f}" preserveAspectRatio="none">'
        f"<style>{style}</style>{''.join(shapes)}</svg>"
    )


_STYLE = (
    "path{fill:none;vector-effect:non-scaling-stroke;stroke-linecap:round}.limit{stroke-width:1;stroke-dasharray:4 4}"
    ".line{stroke-width:1.5;stroke-opacity:.6}.dot{stroke-width:6}.between{stroke-width:2;stroke-opacity:.45}"
)


def _rules(tones: dict[str, str]) -> str:
    return f".accent{{stroke:{tones['accent']}}}.ink{{stroke:{tones['ink']}}}.limit{{stroke:{tones['muted']}}}"


def moment(text: str) -> str:
    """A time of a result, the same everywhere on the page.

    Examples
    --------
    >>> moment("2026-03-01T05:09:00+01:00")
    '1 Mar 2026, 04:09'
    """
    return moment_words(datetime.fromisoformat(text)).removesuffix(" UTC")


def table(charts: Sequence[Chart], ids: Sequence[str], times: Sequence[str], name: str = "table") -> Component:
    """The figures of charts, a row for each report, the newest first; `name` tells it from other tables."""
    named = [(chart, series) for chart in charts for series in chart.series]
    heads = ["Report (UTC)", *(f"{chart.title}: {series.name}" for chart, series in named), "Alarms"]
    rows = []
    for index in reversed(range(len(ids))):
        alarms = [chart.title for chart in charts if chart.is_alarm[index]]
        button = html.Button(
            times[index], id={"type": "behind", "chart": name, "report": ids[index]}, className="link", n_clicks=0
        )
        cells = [html.Td(point_words(series.points[index], chart.words)) for chart, series in named]
        rows.append(html.Tr([html.Th(button, scope="row"), *cells, html.Td(", ".join(alarms) or "–")]))
    inside = [html.Summary("The figures as a table"), plain_table(heads, rows, is_tall=True)]
    return html.Details(inside, className="figures-table")
