"""What the dashboards are made of: panels in the words and colours of the page, and what all dashboards share.

Blue is what there is, grey what it is compared with, violet what wants attention; the colours of the verdicts mean
verdicts alone. A panel's width and height are in Grafana's grid, which is 24 wide.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    timeseries,
    trend,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphDrawStyle,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    GridPos,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from creditrisk.pages.palette import VERDICT_LOOKS

BLUE, PALE, GREY, VIOLET = "#3B5B92", "#9FB4E3", "#6B7280", "#7A3E9D"
SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
# Where people open reports comes from the exporter, as its settings say; a point leads to the report it is of.
REPORT_OF_POINT = "${reports:raw}/at?model=${model:percentencode}&time=${__value.time}"
REPORT_OF_SERIES = "${reports:raw}/at?model=${__field.labels.model}&time=${__value.time}"
EVERY_REPORT = "${reports:raw}/"
REPORTS = "${reports:raw}/?model=${model:percentencode}"
STATUS = {"-1": ("cannot be judged", GREY), "0": ("stable", BLUE), "1": ("watch", PALE), "2": ("act", VIOLET)}
WATCH_AND_ACT = ((0.1, GREY), (0.25, VIOLET))
COLUMNS = 24
# A panel, its width and its height.
Sized = tuple[Any, int, int]


@dataclass(frozen=True, slots=True)
class Query:
    """An expression of PromQL, and the name of what it gives; colour None: as Grafana chooses."""

    expr: str
    legend: str
    colour: str | None = None
    # The name of the series down to which the area is filled, as of an interval.
    band_to: str = ""
    is_dashed: bool = False


class Placed:
    """Hands out places from left to right, row by row."""

    def __init__(self) -> None:
        self._x = self._y = self._height = 0

    def next(self, width: int, height: int) -> GridPos:
        """The next place of that size, in the same row if it has room."""
        if self._x + width > COLUMNS:
            self._x, self._y, self._height = 0, self._y + self._height, 0
        place = GridPos(h=height, w=width, x=self._x, y=self._y)
        self._x, self._height = self._x + width, max(self._height, height)
        return place


def _target(query: Query, ref_id: str, *, instant: bool, table: bool = False) -> prometheus.Dataquery:
    found = prometheus.Dataquery().ref_id(ref_id).datasource(SOURCE).expr(query.expr).legend_format(query.legend)
    if table:
        found = found.format("table")
    return found.instant() if instant else found.range()


def _fixed(colour: str) -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(FieldColorModeId.FIXED).fixed_color(colour)


def _by_threshold() -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS)


def _steps(*steps: tuple[float | None, str]) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=colour) for value, colour in steps])
    )


def _legend() -> common.VizLegendOptions:
    below = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    return below.show_legend(True)


def _mapping(words: dict[str, tuple[str, str]]) -> list[ValueMap]:
    options = {
        value: ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(words.items())
    }
    return [ValueMap(options=options)]


def _style(panel: Any, queries: list[Query]) -> Any:
    """Name and colour each series that has a name of its own; verdicts have the words and colours of the page."""
    for query in queries:
        properties = []
        if query.colour:
            properties.append(DynamicConfigValue("color", {"mode": "fixed", "fixedColor": query.colour}))
        if query.band_to:
            properties += [
                DynamicConfigValue("custom.fillBelowTo", query.band_to),
                DynamicConfigValue("custom.fillOpacity", 15),
            ]
        if query.is_dashed:
            properties += [
                DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [4, 4]}),
                DynamicConfigValue("custom.lineWidth", 1),
            ]
        if properties:
            panel = panel.override_by_name(query.legend, properties)
        if query.legend == "{{verdict}}":
            for verdict, look in VERDICT_LOOKS.items():
                colour = {"mode": "fixed", "fixedColor": look.on_either.upper()}
                words = [DynamicConfigValue("displayName", look.words), DynamicConfigValue("color", colour)]
                panel = panel.override_by_name(verdict, words)
    return panel


def _begun(
    panel: Any, title: str, description: str, queries: list[Query], *, instant: bool, table: bool = False
) -> Any:
    panel = panel.title(title).description(description).datasource(SOURCE)
    for index, query in enumerate(queries):
        panel = panel.with_target(_target(query, chr(ord("A") + index), instant=instant, table=table))
    return panel


def figure(
    title: str,
    description: str,
    queries: list[Query],
    *,
    unit: str = "short",
    decimals: int | None = 0,
    words: dict[str, tuple[str, str]] | None = None,
    alarm_from: float | None = None,
    otherwise: str = "no report yet",
    names_only: bool = False,
) -> Any:
    """Large figures, one for each series; violet from `alarm_from` on, or in words for each value."""
    steps = [(None, BLUE), *([(alarm_from, VIOLET)] if alarm_from is not None else [])]
    text = BigValueTextMode.NAME if names_only else BigValueTextMode.AUTO
    if any(query.legend == "{{verdict}}" for query in queries):
        text = BigValueTextMode.VALUE_AND_NAME
    panel = (
        _begun(stat.Panel(), title, description, queries, instant=True)
        .unit(unit)
        .no_value(otherwise)
        .thresholds(_steps(*steps))
        .color_scheme(_by_threshold() if alarm_from is not None or words else _fixed(BLUE))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(text)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
    )
    if decimals is not None:
        panel = panel.decimals(decimals)
    return _style(panel.mappings(_mapping(words)) if words else panel, queries)


def lines(
    title: str,
    description: str,
    queries: list[Query],
    *,
    unit: str = "short",
    decimals: int | None = None,
    least: float | None = None,
    marks: tuple[tuple[float, str], ...] = (),
    quiet: str = "",
    stacked: bool = False,
    bars: bool = False,
) -> Any:
    """Series over time. `marks` are levels to be seen; series whose names match `quiet` are thin and in no legend."""
    panel = (
        _begun(timeseries.Panel(), title, description, queries, instant=False)
        .unit(unit)
        .draw_style(GraphDrawStyle.BARS if bars else GraphDrawStyle.LINE)
        .line_width(0 if bars else 2)
        .fill_opacity(80 if bars or stacked else 0)
        .show_points(VisibilityMode.NEVER)
        .span_nulls(True)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .thresholds(_steps((None, "transparent"), *marks))
        .thresholds_style(
            common.GraphThresholdsStyleConfig().mode(
                GraphTresholdsStyleMode.DASHED if marks else GraphTresholdsStyleMode.OFF
            )
        )
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    if stacked or bars:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    if least is not None:
        panel = panel.min(least)
    if decimals is not None:
        panel = panel.decimals(decimals)
    if quiet:
        thin = [
            DynamicConfigValue("custom.lineWidth", 1),
            DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [4, 4]}),
            DynamicConfigValue("custom.hideFrom", {"legend": True, "tooltip": False, "viz": False}),
        ]
        panel = panel.override_by_regexp(quiet, thin)
    return _style(panel, queries)


def psi_with_bound(title: str, what: str, metric: str, chosen: str) -> Any:
    """A PSI over time beside what chance alone stays below; `chosen` are the labels of its series."""
    return lines(
        title,
        f"{what}; lines at 0.10 (look) and 0.25 (act). Chance alone stays below the bound in 95 of 100 windows of "
        "this size.",
        [
            Query(f"creditrisk_{metric}{{{chosen}}}", "PSI", BLUE),
            Query(f"creditrisk_{metric}_bound{{{chosen}}}", "by chance", GREY, is_dashed=True),
        ],
        decimals=2,
        least=0,
        marks=WATCH_AND_ACT,
    )


def now_and_then(metric: str, chosen: str) -> list[Query]:
    """A figure of the window, and the same of the training data."""
    return [
        Query(f"creditrisk_{metric}{{{chosen}}}", "now", BLUE),
        Query(f"creditrisk_{metric}_reference{{{chosen}}}", "training data", GREY, is_dashed=True),
    ]


def states(title: str, description: str, queries: list[Query], words: dict[str, tuple[str, str]]) -> Any:
    """A line of coloured stretches for each series: what its value stood for, and when it changed."""
    return (
        _begun(statetimeline.Panel(), title, description, queries, instant=False)
        .mappings(_mapping(words))
        .thresholds(_steps((None, BLUE)))
        .color_scheme(_by_threshold())
        .merge_values(True)
        .show_value(VisibilityMode.NEVER)
        .row_height(0.85)
        .fill_opacity(85)
        .legend(_legend())
    )


def ranking(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str = "short",
    decimals: int = 1,
    most: float | None = None,
    marks: tuple[tuple[float, str], ...] = (),
) -> Any:
    """A bar for each series, as it is now."""
    panel = (
        _begun(bargauge.Panel(), title, description, [query], instant=True)
        .unit(unit)
        .decimals(decimals)
        .min(0)
        .thresholds(_steps((None, BLUE), *marks))
        .color_scheme(_by_threshold() if marks else _fixed(BLUE))
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
    )
    return panel if most is None else panel.max(most)


def spread(title: str, description: str, by: str, now: Query, then: Query) -> Any:
    """Two bars for each value of the label `by`: as it is, and as it was."""
    panel = _begun(barchart.Panel(), title, description, [now, then], instant=True, table=True)
    for letter, query in (("A", now), ("B", then)):
        colour = {"mode": "fixed", "fixedColor": query.colour}
        words = [DynamicConfigValue("displayName", query.legend), DynamicConfigValue("color", colour)]
        panel = panel.override_by_name(f"Value #{letter}", words)
    hidden = {"Time": True, "Time 1": True, "Time 2": True}
    return (
        panel.unit("percentunit")
        .min(0)
        .x_field(by)
        .legend(_legend())
        .fill_opacity(85)
        .x_tick_label_rotation(-45)
        .x_tick_label_max_length(24)
        .with_transformation(DataTransformerConfig("joinByField", options={"byField": by, "mode": "outer"}))
        .with_transformation(DataTransformerConfig("organize", options={"excludeByName": hidden}))
        .with_transformation(DataTransformerConfig("sortBy", options={"fields": {}, "sort": [{"field": by}]}))
    )


def curves(title: str, description: str, query: Query, *, along: str, by: str) -> Any:
    """A curve for each value of the label `by`, along the numbers of the label `along`."""
    corner = f"{along}\\{by}"
    to_number = {"targetField": corner, "destinationType": "number"}
    matrix = {"rowField": along, "columnField": by, "valueField": "Value", "emptyValue": "null"}
    return (
        _begun(trend.Panel(), title, description, [query], instant=True, table=True)
        .unit("percentunit")
        .min(0)
        .x_field(corner)
        .legend(_legend())
        .draw_style(GraphDrawStyle.LINE)
        .line_width(2)
        .with_transformation(DataTransformerConfig("groupingToMatrix", options=matrix))
        .with_transformation(
            DataTransformerConfig("convertFieldType", options={"fields": {}, "conversions": [to_number]})
        )
        .with_transformation(DataTransformerConfig("sortBy", options={"fields": {}, "sort": [{"field": corner}]}))
    )


def variable(name: str, label: str, query: str, *, several: bool = False, hidden: bool = False) -> Any:
    """What can be chosen above a dashboard: the values of a label."""
    found = (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .hide(VariableHide.HIDE_VARIABLE if hidden else VariableHide.DONT_HIDE)
    )
    if several:
        every = VariableOption(text="All", value="$__all", selected=True)
        found = found.multi(True).include_all(True).current(every)
    return found


def row(title: str, places: Placed, *, repeat: str = "") -> dashboard.Row:
    """A heading; with `repeat`, what follows comes once for each value chosen of that variable."""
    found = dashboard.Row(title).grid_pos(places.next(COLUMNS, 1))
    return found.repeat(repeat) if repeat else found


MODEL = variable("model", "Model", "label_values(creditrisk_window_rows, model)", several=True)
ONE_MODEL = variable("model", "Model", "label_values(creditrisk_window_rows, model)")
REPORTS_ADDRESS = variable("reports", "", "label_values(creditrisk_reports_info, address)", hidden=True)


def begin(uid: str, title: str, description: str) -> dashboard.Dashboard:
    """A dashboard with what all of them have."""
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["risk-o-meter"])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .timezone("browser")
        .refresh("1m")
        .time("now-7d", "now")
        .link(
            dashboard.DashboardLink("Risk-O-Meter")
            .type("dashboards")
            .tags(["risk-o-meter"])
            .keep_time(True)
            .include_vars(True)
        )
    )


def document(built: dashboard.Dashboard) -> str:
    """A dashboard as the JSON that Grafana reads; what its SDK has no words for is added here."""
    found: dict[str, Any] = json.loads(json.dumps(built.build(), cls=JSONEncoder))
    for number, panel in enumerate(found["panels"], start=1):
        panel["id"] = number
        targets = panel.get("targets", [])
        if any('model="$model"' in query["expr"] for query in targets):
            _link(panel, REPORT_OF_POINT, REPORTS)
        elif any("{{model}}" in query["legendFormat"] and "$model" in query["expr"] for query in targets):
            _link(panel, REPORT_OF_SERIES, EVERY_REPORT)
    found["annotations"] = {"list": [CHAMPION_CHANGES]}
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _link(panel: dict[str, Any], of_point: str, of_panel: str) -> None:
    """Lead from each point to the report that it is of, where a point has a time, and from the panel to all of them."""
    panel["links"] = [{"title": "All reports", "url": of_panel, "targetBlank": True}]
    if panel["type"] in ("timeseries", "state-timeline", "stat"):
        panel["fieldConfig"]["defaults"]["links"] = [
            {"title": "The report of then", "url": of_point, "targetBlank": True}
        ]


# The value of the series is the moment itself.
CHAMPION_CHANGES = {
    "name": "New champion",
    "datasource": {"type": "prometheus", "uid": "prometheus"},
    "enable": True,
    "iconColor": VIOLET,
    "expr": 'creditrisk_champion_since_timestamp_seconds{model=~"$model"} * 1000',
    "useValueForTime": True,
    "titleFormat": "{{model}}: version {{model_version}} became champion",
    "step": "5m",
}
