"""The lists of the page about the past: files of clients, and decisions a block of rows at a time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypedDict, cast

import polars as pl
from dash import dcc, html
from dash.development.base_component import Component
from dash_ag_grid import AgGrid

from creditrisk.decision_log import Channel, DecisionLog, ListedDecision, Wanted, begun_batches, list_decisions
from creditrisk.errors import CreditRiskError
from creditrisk.pages.palette import VERDICT_LOOKS
from creditrisk.scoring import Scorer, client_words
from creditrisk.text import counted, moment_words
from webapp import upload_files
from webapp.context import AppContext
from webapp.pages import batches, timeline, wording
from webapp.pages.components import attributes, choice, choices, lamp, plain_table
from webapp.pages.review import FilterRule
from webapp.pages.scored_file import BLOCK_ROWS, IN_BLOCKS, THEME
from webapp.upload_access import of_caller
from webapp.uploads import Upload

# That the list of decisions can be narrowed down to, the newest.
MOST_VERSIONS = 12
# Of the batch flow; older ones lie beside their predictions.
MOST_FILES = 20
# That stand in sight; the decisions come below them.
MOST_AT_ONCE = 5


class File(NamedTuple):
    """A file of clients: when it was begun (UTC), where it came in, what it is called, and what came of it.

    `upload` is the name under which the app still has it, empty if it has not.
    """

    at: datetime
    channel: str
    name: str
    who: str
    version: str
    said: str
    verdicts: Mapping[str, int]
    upload: str = ""


class HistoryRow(TypedDict):
    """A decision as the grid shows it; `row` is its number in the log."""

    row: str
    when: str
    client: str
    verdict: str
    risk: str
    version: str
    channel: str
    who: str


def files(context: AppContext) -> list[File]:
    """The files that the caller may see, of the page and of the batch flow, the newest first.

    Raises
    ------
    DecisionLogError
        If the log is away.
    """
    found = [_of_upload(upload) for upload in of_caller(context)]
    if context.log.is_begun():
        for item in begun_batches(context.log, at_most=MOST_FILES):
            n_decided = sum(item.verdicts.values())
            said = f"{counted(n_decided, 'client')} decided"
            name = f"Applications of {wording.day(date.fromisoformat(item.day))}"
            who = item.by.name
            found.append(File(item.at, "batch", name, who, item.model_version, said, item.verdicts))
    return sorted(found, key=lambda item: item.at, reverse=True)


def _of_upload(upload: Upload) -> File:
    details = upload.details
    verdicts = _verdicts(upload.folder, upload.noted_at) if upload.has_result else {}
    at = datetime.fromtimestamp(details.started, UTC)
    said = batches.progress(upload)
    return File(at, "page", details.filename, details.actor, details.version, said, verdicts, details.name)


# A result does not change any more; it may be half a million rows.
@lru_cache(maxsize=64)
def _verdicts(folder: Path, _noted_at: float) -> dict[str, int]:
    try:
        scored = upload_files.read_scored(folder)
    except (OSError, ValueError, CreditRiskError, pl.exceptions.PolarsError):
        return {}
    return dict(scored.group_by("verdict").len().iter_rows()) if scored.height else {}


def files_table(found: Sequence[File]) -> Component:
    """The files as a table, the older ones folded; what to do first if there is none."""
    if not found:
        return html.P(
            ["No file of yours is kept here. ", html.A("Drop a file of clients", href="/"), ", and it will be listed."],
            className="quiet",
        )
    heads = ["When", "File", "From", "Sent by", "Version", "What came of it"]
    rows = []
    for item in found:
        counts = [lamp(verdict, f" {item.verdicts.get(verdict, 0):,}") for verdict in VERDICT_LOOKS if item.verdicts]
        rows.append(
            html.Tr(
                [
                    html.Td(moment_words(item.at)),
                    html.Th(_opener(item), scope="row"),
                    *(html.Td(text) for text in (item.channel, item.who, item.version)),
                    html.Td([html.Span(item.said), html.Div(counts, className="counts")]),
                ]
            )
        )
    table = plain_table(heads, rows[:MOST_AT_ONCE], looks="words")
    older = rows[MOST_AT_ONCE:]
    if not older:
        return table
    return html.Div(
        [
            table,
            html.Details([html.Summary(counted(len(older), "older file")), plain_table(heads, older, looks="words")]),
        ]
    )


def _opener(item: File) -> Component | str:
    """The name of a file, as a button to its clients (assets/leads.js) for as long as they are kept."""
    if not item.upload:
        return item.name
    more = attributes("data-", upload=item.upload) | attributes("aria-", label=f"Show {item.name} on Score clients")
    return html.Button(item.name, className="link", title="Show on Score clients", **more)


def wanted_of(model: Mapping[str, FilterRule] | None) -> Wanted:
    """What the grid is told to show, as a question to the log; ValueError if it is nothing that can be asked."""
    said = {name: rule["filter"] for name, rule in (model or {}).items()}
    name, _, version = said.get("version", "").rpartition("/")
    channel = said.get("channel")
    if channel not in (None, *timeline.CHANNELS):
        raise ValueError("no such channel")
    day = date.fromisoformat(said["when"]) if "when" in said else None
    return Wanted(said.get("verdict", ""), (name, version) if name else None, cast("Channel | None", channel), day)


def rows_of(
    log: DecisionLog, wanted: Wanted, start: int, stop: int, served: Scorer | None = None
) -> tuple[list[HistoryRow], int | None]:
    """The decisions from `start` to `stop` (exclusive), and how many there are if the end is among them."""
    start, stop = max(0, start), max(0, min(stop, start + 10 * BLOCK_ROWS))
    found = list_decisions(log, wanted, skip=start, at_most=stop - start + 1)
    n_rows = start + len(found) if len(found) <= stop - start else None
    return [_row(item, served) for item in found[: stop - start]], n_rows


def _row(item: ListedDecision, served: Scorer | None) -> HistoryRow:
    return {
        "row": str(item.seq),
        "when": moment_words(item.at),
        "client": "erased" if item.application_id is None else client_words(item.application_id),
        "verdict": item.verdict,
        "risk": wording.risk_words(item.prob_default),
        "version": wording.version_words(served, item.model, item.model_version),
        "channel": timeline.CHANNELS.get(item.channel or "", "—"),
        "who": item.by.name,
    }


def filters(versions: Sequence[tuple[str, str]], served: Scorer | None) -> Component:
    """What narrows the list of decisions down: buttons, of which one of each line can be pressed, and a day."""
    of_version = {f"{model}/{version}": wording.version_words(served, model, version) for model, version in versions}
    lines = {
        "verdict": ("Verdict", {verdict: look.words for verdict, look in VERDICT_LOOKS.items()}),
        "version": ("Version", of_version),
        "channel": ("From", timeline.CHANNELS),
    }
    parts: list[Component] = []
    for column, (word, values) in lines.items():
        buttons = [
            choice(label, {"only": column, "value": value}, is_pressed=False)
            for value, label in list(values.items())[:MOST_VERSIONS]
        ]
        parts.append(choices(word, buttons))
    today = time.strftime("%Y-%m-%d", time.gmtime())
    day = dcc.Input(id="by-day", type="text", debounce=True, placeholder=today, maxLength=10, autoComplete="off")
    label = html.Label("Day (year-month-day)", htmlFor="by-day", className="quiet")
    parts.append(html.Div([label, day], className="choices"))
    return html.Div(parts, className="filters")


# Client, verdict and risk share the room that is left, and need no more than a narrow screen has.
_LEAST_WIDTHS = {"client": 92, "verdict": 150, "risk": 100}


def _width(name: str, width: int) -> dict[str, int]:
    least = _LEAST_WIDTHS.get(name)
    return {"width": width} if least is None else {"flex": width, "minWidth": least}


def grid(model: dict[str, FilterRule] | None = None) -> Component:
    """The table of decisions; its rows are asked for in blocks. `model` is what it is narrowed down to."""
    widths = {
        "client": ("Client", 140),
        "verdict": ("Verdict", 180),
        "risk": ("Risk", 120),
        "when": ("When", 192),
        "version": ("Version", 240),
        "channel": ("From", 84),
        "who": ("By", 120),
    }
    columns = [
        {
            "field": name,
            "headerName": word,
            **_width(name, width),
            "filter": "agTextColumnFilter",
            "suppressHeaderFilterButton": True,
            "suppressFloatingFilterButton": True,
            **({"cellRenderer": "Verdict"} if name == "verdict" else {}),
        }
        for name, (word, width) in widths.items()
    ]
    table: Component = AgGrid(
        id="decisions",
        className="decisions",
        columnDefs=columns,
        filterModel=model or {},
        defaultColDef={"sortable": False, "resizable": True, "suppressHeaderMenuButton": True},
        rowModelType="infinite",
        getRowId="params.data.row",
        dashGridOptions={
            "theme": {"function": THEME},
            "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
            "rowHeight": 44,
            **IN_BLOCKS,
            "ensureDomOrder": True,
        },
        style={"height": None},
    )
    return table
