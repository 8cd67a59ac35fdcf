"""Draws a dashboard without Grafana, from what Prometheus answers to its own queries: pictures for docs/.

    python -m grafana.draw DASHBOARD.json http://127.0.0.1:9090 FROM TO PICTURE.svg [model=NAME field=NAME dark]

FROM and TO are ISO times with their zone. It draws what a panel shows, not how Grafana looks.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from creditrisk.pages.palette import DARK, LIGHT
from grafana.queries import Series, at, filled, over

MOST_POINTS = 400
# Of a picture: inches for one column and one row of Grafana's grid.
COLUMN, LINE = 0.62, 0.30
# Words of so many characters need not be turned.
SHORT = 4
# Numbers so large are written without decimals, unless a panel says otherwise.
ROUND_FROM = 100
COLOURS = ("#3B5B92", "#7A3E9D", "#6B7280", "#9FB4E3", "#2A7F9E", "#8C6D46", "#B05C8A", "#4A6B57")


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom to ask, for which time, with which values of the dashboard's variables."""

    url: str
    start: datetime
    end: datetime
    variables: Mapping[str, str]

    @property
    def step_seconds(self) -> float:
        """Between two points of a line; a scrape at least."""
        return max(15.0, (self.end - self.start).total_seconds() / MOST_POINTS)

    def series(self, panel: Mapping[str, Any]) -> list[tuple[str, Series]]:
        """What a panel shows, each by its name in the legend."""
        span = {
            "__range": f"{int((self.end - self.start).total_seconds())}s",
            "__rate_interval": f"{int(max(60.0, 4 * self.step_seconds))}s",
        }
        found = []
        for target in panel.get("targets", []):
            expression = filled(target["expr"], {**self.variables, **span})
            if target["range"]:
                answers = over(self.url, expression, self.start, self.end, step_seconds=self.step_seconds)
            else:
                answers = at(self.url, expression, self.end)
            found += [(filled(one.named(target["legendFormat"]), self.variables), one) for one in answers]
        return found


def draw(
    dashboard: Mapping[str, Any],
    prometheus_url: str,
    start: datetime,
    end: datetime,
    *,
    variables: Mapping[str, str],
    is_dark: bool = False,
    titles: tuple[str, ...] = (),
    form: str = "svg",
) -> bytes:
    """A picture of a dashboard, as it looks at the time `end`.

    Parameters
    ----------
    dashboard
        As `grafana/dashboards/*.json` hold it.
    start, end
        With their zones.
    variables
        A value for each variable of the dashboard, such as `{"model": "german_credit"}`.
    titles
        The panels to draw; empty: all of them.
    form
        `svg` or `png`.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    tones = DARK if is_dark else LIGHT
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    panels = _closed_up([panel for panel in panels if not titles or panel["title"] in titles])
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    asked = Asked(prometheus_url, start, end, variables)
    style = {
        "font.family": "sans-serif",
        "font.size": 8,
        "svg.hashsalt": "grafana",
        "text.color": tones["ink"],
        "axes.edgecolor": tones["line"],
        "axes.labelcolor": tones["muted"],
        "xtick.color": tones["muted"],
        "ytick.color": tones["muted"],
        "axes.facecolor": "none",
        "svg.fonttype": "none",
    }
    with rc_context(style):
        picture = Figure(figsize=(24 * COLUMN, height * LINE), facecolor=tones["page"])
        for panel in panels:
            _draw_panel(picture, panel, asked, height, tones)
        out = BytesIO()
        picture.savefig(out, format=form, dpi=110, metadata={"Date": None} if form == "svg" else None)
    return out.getvalue()


def _closed_up(panels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The panels without the gaps that rows and those left out would leave."""
    tops = sorted({panel["gridPos"]["y"] for panel in panels})
    moved, next_top = {}, 0
    for top in tops:
        moved[top] = next_top
        next_top += max(panel["gridPos"]["h"] for panel in panels if panel["gridPos"]["y"] == top)
    return [{**panel, "gridPos": {**panel["gridPos"], "y": moved[panel["gridPos"]["y"]]}} for panel in panels]


def _draw_panel(picture: Any, panel: Mapping[str, Any], asked: Asked, height: float, tones: Mapping[str, str]) -> None:
    place, drawing = panel["gridPos"], _DRAWINGS[panel["type"]]
    series = asked.series(panel)
    left, right, above, below = _margins(panel, series)
    axes = picture.add_axes(
        (
            (place["x"] + left) / 24,
            1 - (place["y"] + place["h"] - below) / height,
            (place["w"] - left - right) / 24,
            max(0.2, place["h"] - above - below) / height,
        )
    )
    axes.spines[["top", "right"]].set_visible(False)
    picture.text(
        (place["x"] + 0.3) / 24,
        1 - (place["y"] + 0.35) / height,
        filled(panel["title"], asked.variables),
        fontsize=9,
        fontweight="bold",
        va="top",
    )
    if series:
        drawing(axes, panel, series, asked)
    else:
        axes.set_axis_off()
        words = panel["fieldConfig"]["defaults"].get("noValue", "no data")
        axes.text(0.02, 0.5, words, transform=axes.transAxes, color=tones["muted"])


def _margins(panel: Mapping[str, Any], series: list[tuple[str, Series]]) -> tuple[float, float, float, float]:
    """Room for names to the left, for figures to the right, for the title above, and for words below."""
    match panel["type"]:
        case "stat":
            return 0.3, 0.4, 1.2, 0.2
        case "bargauge":
            return 4.2, 1.4, 1.6, 0.4
        case "state-timeline":
            return 4.2, 0.4, 1.6, 1.2
        case "barchart":
            by = panel["options"]["xField"]
            is_short = all(len(one.labels[by]) <= SHORT for _, one in series)
            return 1.2, 0.4, 2.2, 1.0 if is_short else 4.4
        case "trend":
            return 1.2, 1.6, 1.6, 2.0
    names = _in_legend(panel, series)
    return 1.4, 0.4, 1.6, 1.7 + 0.65 * -(-len(names) // _legend_columns(panel, names))


def _in_legend(panel: Mapping[str, Any], series: list[tuple[str, Series]]) -> list[str]:
    """The names that the legend of lines shows."""
    shown = [(name, _overrides(panel, name)) for name, _ in series]
    return [
        said.get("displayName", name)
        for name, said in shown
        if not said.get("custom.hideFrom", {}).get("legend", False)
    ]


def _legend_columns(panel: Mapping[str, Any], names: list[str]) -> int:
    """How many names fit side by side."""
    inches = 0.5 + 0.06 * max(map(len, names), default=1)
    return max(1, min(len(names), int(panel["gridPos"]["w"] * COLUMN / inches)))


# --- what each kind of panel shows ------------------------------------------------------------------------------------


def _overrides(panel: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What is said of one series beside all others."""
    found: dict[str, Any] = {}
    for override in panel["fieldConfig"]["overrides"]:
        matcher, words = override["matcher"]["id"], override["matcher"]["options"]
        if words == name if matcher == "byName" else re.search(words.strip("/"), name):
            found |= {one["id"]: one["value"] for one in override["properties"]}
    return found


def _colour(panel: Mapping[str, Any], name: str, index: int) -> str:
    chosen = _overrides(panel, name).get("color", {}).get("fixedColor")
    return str(chosen or COLOURS[index % len(COLOURS)])


def _words(panel: Mapping[str, Any], value: float) -> tuple[str, str | None]:
    """A value as it is shown, and its colour if it has one of its own."""
    defaults = panel["fieldConfig"]["defaults"]
    for mapping in defaults.get("mappings", []):
        found = mapping["options"].get(f"{value:g}")
        if found:
            return found["text"], found["color"]
    colour = None
    for step in defaults.get("thresholds", {}).get("steps", []):
        if step["value"] is None or value >= step["value"]:
            colour = step["color"] if step["color"] != "transparent" else None
    places = defaults.get("decimals")
    if defaults.get("unit") == "percentunit":
        return f"{100 * value:.{1 if places is None else places}f} %", colour
    if defaults.get("unit") == "s":
        hours = value / 3_600
        return (
            f"{hours:.1f} h" if hours >= 1 else f"{value / 60:.0f} min" if value >= 60 else f"{value:.3g} s"
        ), colour
    if places is None:
        places = 0 if abs(value) >= ROUND_FROM else 2
    return f"{value:,.{places}f}", colour


def _figures(axes: Any, panel: Mapping[str, Any], series: list[tuple[str, Series]], _asked: Asked) -> None:
    axes.set_axis_off()
    is_name = panel["options"]["textMode"] == "name"
    columns = min(len(series), max(1, panel["gridPos"]["w"] // 3))
    lines = -(-len(series) // columns)
    for index, (name, one) in enumerate(series):
        x, y = (index % columns) / columns, 1 - (index // columns) / lines
        said = _overrides(panel, name)
        text, colour = _words(panel, one.values[-1])
        colour = said.get("color", {}).get("fixedColor") or colour or COLOURS[0]
        label = said.get("displayName", name)
        words = label if is_name else text
        largest = 12 if lines > 1 or columns > 2 else 17
        # A character is a little more than half as wide as it is high.
        fitting = 72 * (panel["gridPos"]["w"] / columns - 0.7) * COLUMN / (0.6 * len(words))
        axes.text(x, y - 0.06 / lines, words, fontsize=min(largest, fitting), color=colour, va="top")
        if (not is_name and len(series) > 1) or (not is_name and panel["options"]["textMode"] == "value_and_name"):
            axes.text(x, y - 0.62 / lines, label, fontsize=8, va="top")


def _lines(axes: Any, panel: Mapping[str, Any], series: list[tuple[str, Series]], asked: Asked) -> None:
    import numpy as np

    custom = panel["fieldConfig"]["defaults"]["custom"]
    is_stacked = custom.get("stacking", {}).get("mode") == "normal"
    is_bars = custom.get("drawStyle") == "bars"
    by_name = dict(series)
    # Intervals have the colour of what they are about.
    kinds = list(dict.fromkeys(re.sub(r", 95 % (from|to)$", "", name) for name, _ in series))
    base = np.zeros(0)
    for name, one in series:
        said = _overrides(panel, name)
        kind = re.sub(r", 95 % (from|to)$", "", name)
        colour = _colour(panel, name, kinds.index(kind))
        is_quiet = said.get("custom.hideFrom", {}).get("legend", False)
        times = [datetime.fromtimestamp(moment, UTC) for moment in one.times]
        label = None if is_quiet else said.get("displayName", name)
        if is_stacked:
            values = np.nan_to_num(np.array(one.values))
            base = base if len(base) == len(values) else np.zeros(len(values))
            if is_bars:
                axes.bar(times, values, bottom=base, width=asked.step_seconds / 86_400, color=colour, label=label)
            else:
                axes.fill_between(times, base, base + values, color=colour, alpha=0.8, label=label, linewidth=0)
            base = base + values
            continue
        is_dashed = "custom.lineStyle" in said
        axes.plot(
            times, one.values, color=colour, lw=0.8 if is_dashed else 1.8, ls="--" if is_dashed else "-", label=label
        )
        low = by_name.get(said.get("custom.fillBelowTo", ""))
        if low is not None and low.times == one.times:
            axes.fill_between(times, low.values, one.values, color=colour, alpha=0.13, linewidth=0)
    for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
        if step["value"] is not None and step["value"] <= axes.get_ylim()[1] * 1.05:
            axes.axhline(step["value"], color=step["color"], lw=0.8, ls=":")
    _axes(axes, panel, asked)


def _axes(axes: Any, panel: Mapping[str, Any], asked: Asked) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    axes.set_xlim(asked.start, asked.end)
    if defaults.get("min") is not None:
        axes.set_ylim(bottom=defaults["min"])
    _ticks(axes, asked)
    axes.yaxis.set_major_formatter(lambda value, _: _words(panel, value)[0])
    axes.grid(axis="y", lw=0.4, alpha=0.5)
    names = axes.get_legend_handles_labels()[1]
    if names:
        box, height = axes.get_position(), axes.figure.get_figheight()
        axes.legend(
            loc="upper left",
            # Below the days and the month, whatever the height of the panel.
            bbox_to_anchor=(box.x0 - 0.01, box.y0 - 1.35 * LINE / height),
            bbox_transform=axes.figure.transFigure,
            ncols=_legend_columns(panel, names),
            frameon=False,
            fontsize=7,
            borderpad=0,
            borderaxespad=0,
        )


def _ticks(axes: Any, asked: Asked) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    where = AutoDateLocator(maxticks=7, tz=UTC)
    axes.set_xlim(asked.start, asked.end)
    axes.xaxis.set_major_locator(where)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(where, tz=UTC))


def _states(axes: Any, panel: Mapping[str, Any], series: list[tuple[str, Series]], asked: Asked) -> None:
    days = asked.step_seconds / 86_400
    shown = {}
    for line, (_, one) in enumerate(series):
        stretches: dict[str, list[tuple[float, float]]] = {}
        for moment, value in zip(one.times, one.values, strict=True):
            text, colour = _words(panel, value)
            stretches.setdefault(colour or COLOURS[0], []).append((moment / 86_400, days))
            shown[text] = colour or COLOURS[0]
        for colour, parts in stretches.items():
            axes.broken_barh(parts, (line - 0.4, 0.8), color=colour, linewidth=0)
    axes.set_ylim(len(series) - 0.5, -0.5)
    axes.set_yticks(range(len(series)), [name for name, _ in series], fontsize=7 if len(series) < 24 else 5.5)
    _ticks(axes, asked)
    handles = [axes.plot([], [], color=colour, lw=5, label=text)[0] for text, colour in shown.items()]
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=4, frameon=False, fontsize=7)


def _ranking(axes: Any, panel: Mapping[str, Any], series: list[tuple[str, Series]], _asked: Asked) -> None:
    values = [one.values[-1] for _, one in series]
    shown = [_words(panel, value) for value in values]
    axes.barh(
        range(len(series)), values, clip_on=True, color=[colour or COLOURS[0] for _, colour in shown], height=0.62
    )
    longest = panel["fieldConfig"]["defaults"].get("max") or max(values) or 1.0
    for line, (text, _) in enumerate(shown):
        axes.text(min(values[line], longest), line, f" {text}", va="center", fontsize=7, clip_on=False)
    axes.set_xlim(0, longest)
    axes.set_ylim(len(series) - 0.4, -0.6)
    axes.set_yticks(range(len(series)), [name for name, _ in series], fontsize=7 if len(series) < 24 else 5.5)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def _spread(axes: Any, panel: Mapping[str, Any], series: list[tuple[str, Series]], _asked: Asked) -> None:
    by, names = panel["options"]["xField"], list(dict.fromkeys(name for name, _ in series))
    places = sorted({one.labels[by] for _, one in series})
    width = 0.8 / len(names)
    for index, name in enumerate(names):
        values = {one.labels[by]: one.values[-1] for legend, one in series if legend == name}
        letter = f"Value #{chr(ord('A') + index)}"
        at_places = [line + (index - (len(names) - 1) / 2) * width for line in range(len(places))]
        heights = [values.get(place, 0.0) for place in places]
        axes.bar(at_places, heights, width * 0.95, color=_colour(panel, letter, index), label=name)
    words = [re.sub(r"^\d+: ", "", place) for place in places]
    if max(map(len, words)) <= SHORT:
        axes.set_xticks(range(len(places)), words, fontsize=7)
    else:
        axes.set_xticks(range(len(places)), words, rotation=45, ha="right", fontsize=7)
    axes.yaxis.set_major_formatter(lambda value, _: _words(panel, value)[0])
    axes.grid(axis="y", lw=0.4, alpha=0.5)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=7)


def _curves(axes: Any, panel: Mapping[str, Any], series: list[tuple[str, Series]], _asked: Asked) -> None:
    along, by = panel["options"]["xField"].split("\\")
    for index, name in enumerate(sorted({one.labels[by] for _, one in series})):
        points = sorted((int(one.labels[along]), one.values[-1]) for _, one in series if one.labels[by] == name)
        marker = "o" if len(points) == 1 else None
        axes.plot(*zip(*points, strict=True), color=COLOURS[index % len(COLOURS)], lw=1.3, marker=marker, label=name)
    axes.set_xlabel(along.replace("_", " "))
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _: _words(panel, value)[0])
    axes.grid(axis="y", lw=0.4, alpha=0.5)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=6)


_DRAWINGS: dict[str, Callable[[Any, Mapping[str, Any], list[tuple[str, Series]], Asked], None]] = {
    "stat": _figures,
    "timeseries": _lines,
    "state-timeline": _states,
    "bargauge": _ranking,
    "barchart": _spread,
    "trend": _curves,
}


if __name__ == "__main__":
    source, address, first, last, target, *rest = sys.argv[1:]
    chosen = dict(word.split("=", 1) for word in rest if "=" in word)
    Path(target).write_bytes(
        draw(
            json.loads(Path(source).read_text(encoding="utf-8")),
            address,
            datetime.fromisoformat(first),
            datetime.fromisoformat(last),
            variables=chosen,
            is_dark="dark" in rest,
            form=Path(target).suffix.lstrip("."),
        )
    )
