"""What the page is made of: shell, drop zone, progress, result, drawer. Functions from values to Dash components.

Nothing here asks the registry, the log or the clock; callbacks.py does the asking. How it looks is in assets/style.css,
sending the file in assets/upload.js, the words in words.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from dash import html
from dash.development.base_component import Component
from dash_ag_grid import AgGrid

from creditrisk.quality import Checked, Rejection
from creditrisk.schema import Schema, Target
from webapp.pages import gauge, wording
from webapp.pages.components import attributes, closer, sentence
from webapp.pages.grid import expected_loss, grid_columns, summary
from webapp.pages.wording import VERDICTS
from webapp.serving import Standing
from webapp.upload_records import Record

BLOCK_ROWS = 100
# A longer list is in the downloaded result.
MOST_LISTED = 50
BARS = 5

# The grid takes its colours from style.css, so that it follows the reader's dark mode.
_THEME = (
    "themeQuartz.withParams({fontFamily: 'inherit', fontSize: 14, backgroundColor: 'var(--surface)', "
    "foregroundColor: 'var(--ink)', headerBackgroundColor: 'var(--sunken)', headerTextColor: 'var(--muted)', "
    "borderColor: 'var(--line)', rowHoverColor: 'var(--hover)', selectedRowBackgroundColor: 'var(--chosen)', "
    "accentColor: 'var(--accent)', oddRowBackgroundColor: 'var(--surface)', wrapperBorderRadius: 10, rowHeight: 60, "
    "headerHeight: 40, browserColorScheme: 'inherit'})"
)


def connection() -> Component:
    """What is said while the app does not answer; assets/connection.js shows it, and takes it back."""
    return html.Div(
        id="connection",
        role="alert",
        className="only-cut-off",
        children=[
            html.I("▲", className="sign", **attributes("aria-", hidden="true")),
            html.Div(
                [
                    html.Strong("The connection to the app is lost. "),
                    html.Span("Trying again every few seconds. "),
                    html.Span(["What you see is how it stood at ", html.Span(id="last-answer"), "."]),
                ]
            ),
        ],
    )


def intro(standing: Standing, *, max_rows: int, max_mb: int) -> list[Component]:
    """What to do first: drop a file, or, with no model yet, train one."""
    if standing.scorer is None:
        return [
            html.Section(
                className="notice",
                children=[
                    html.H2("There is no model yet"),
                    html.P(["Ask whoever runs this machine to type ", html.Code("make model-train-flow"), "."]),
                    html.P("The page notices the new model by itself; you need not do anything here."),
                ],
            )
        ]
    schema = standing.scorer.schema
    return [
        html.Div(
            id="drop",
            className="drop",
            role="button",
            tabIndex=0,
            **attributes("data-", max_mb=max_mb),
            children=[
                html.Span("⇩", className="arrow", **attributes("aria-", hidden="true")),
                html.Div(
                    [
                        html.Strong("Drop a CSV of clients here, or choose a file"),
                        html.Small(f"comma, semicolon or tab · up to {max_rows:,} rows · {max_mb} MB"),
                    ]
                ),
            ],
        ),
        html.Div(
            className="beside",
            children=[
                html.A("Download a template", href="/template.csv", className="button", download=""),
                html.Details([html.Summary("Which columns are needed?"), columns_table(schema)], className="columns"),
            ],
        ),
    ]


def welcome(standing: Standing) -> Component | None:
    """What the three verdicts mean, for as long as there is no result to look at."""
    if standing.scorer is None:
        return None
    rule = standing.scorer.rule
    low, high = wording.of_100(rule.approve_below), wording.of_100(rule.decline_from)
    happened = standing.scorer.schema.target.bad_happened
    meanings = {
        "approve": f"At most {low} of 100 similar applicants {happened}.",
        "refer": "Too close to call, or something in the application is unusual. A person decides.",
        "decline": f"At least {high} of 100 similar applicants {happened}.",
    }
    cards = [
        html.Div([html.Span(look.text, className=f"lamp {look.band}"), html.P(meanings[verdict])], className="card")
        for verdict, look in VERDICTS.items()
    ]
    steps = "Every client in the file gets one of three verdicts. Click a client to see why."
    return html.Section([html.P(steps), html.Div(cards, className="cards")], className="welcome")


def columns_table(schema: Schema) -> Component:
    """What each column of a file should hold."""
    fields = [field for field in schema.fields if field.role in ("id", "time", "feature")]
    return html.Table(
        [
            html.Thead(html.Tr([html.Th("Column"), html.Th("What it holds"), html.Th("Needed")])),
            html.Tbody(
                [
                    html.Tr(
                        [
                            html.Td(field.label),
                            html.Td(field.expected),
                            html.Td("yes" if field.is_needed else "if you have it"),
                        ]
                    )
                    for field in fields
                ]
            ),
        ]
    )


def working(filename: str, n_done: int, n_rows: int, seconds: float) -> Component:
    """A file on its way: how far, how long still, and a way out."""
    if n_done == 0:
        said = "Reading the file and checking every row."
    else:
        left = seconds / n_done * (n_rows - n_done)
        said = f"{n_done:,} of {wording.count(n_rows, 'client')} scored. {_time_left(left)}"
    return html.Section(
        className="notice working",
        role="status",
        children=[
            html.H2(filename),
            html.Progress(value=str(n_done), max=str(max(n_rows, 1))) if n_done else html.Progress(),
            html.P(said, className="not-cut-off"),
            html.P("How far it has come will be known when the app answers again.", className="only-cut-off"),
            html.Button("Stop here", id="stop", className="button not-cut-off", n_clicks=0),
        ],
    )


def failed(filename: str, message: str, advice: str) -> Component:
    """A file of which nothing was scored, why, and what to do about it."""
    return html.Section(
        className="notice failed",
        role="alert",
        children=[
            html.H2(f"{filename} could not be scored"),
            html.P(sentence(message)),
            html.P(f"Nothing was scored. {advice}", className="quiet"),
        ],
    )


def fate(record: Record | None) -> Component:
    """A file whose result is not kept, or never was: what became of it."""
    headline, text = wording.fate(record)
    return html.Section(className="notice", role="status", children=[html.H2(headline), html.P(text)])


def result(
    checked: Checked, scored: pl.DataFrame, schema: Schema, *, name: str, filename: str, n_done: int, stopped: str = ""
) -> Component:
    """A scored file: what came out, what needs a look, and every client.

    Parameters
    ----------
    checked, scored, schema
        The file, the results of its first `n_done` rows, and the schema they were made with.
    name
        Under which the result is kept, for its download.
    stopped
        Why it goes no further than `n_done`; empty if it was a clerk's own wish.
    """
    n_rows = checked.raw.height
    rejected = [rejection for rejection in checked.rejected if rejection.row <= n_done]
    n_odd = int(scored["problems"].list.len().gt(0).sum()) if scored.height else 0
    n_attention = len(rejected) + n_odd
    headline = [html.B(filename, className="filename"), html.Span(wording.count(n_rows, "client"))]
    if n_done < n_rows:
        headline.append(html.Span(f"stopped after {n_done:,}"))
    if scored.is_empty():
        headline.append(html.Span("none of them could be scored"))
    parts: list[Component] = [
        html.Div(
            className="headline",
            children=[
                *headline,
                html.A(
                    "Download result (CSV)", href=f"/uploads/{name}/result.csv", className="button primary", download=""
                ),
            ],
        )
    ]
    if stopped:
        parts.append(html.P(sentence(stopped), className="notice stopped", role="status"))
    if n_attention:
        parts.append(attention(rejected, scored, is_open=scored.is_empty()))
    if scored.height:
        parts += [tiles(checked, scored, schema), grid(checked, schema)]
    return html.Section(parts, className="result")


def attention(rejected: Sequence[Rejection], scored: pl.DataFrame, *, is_open: bool) -> Component:
    """Rows that could not be scored, and rows that were but hold something odd; sentences."""
    odd = scored.filter(pl.col("problems").list.len() > 0) if scored.height else scored
    n_rows = len(rejected) + odd.height
    parts: list[Component] = []
    if rejected:
        verb = "was" if scored.height == 1 else "were"
        others = f" The other {wording.count(scored.height, 'client')} {verb} scored." if scored.height else ""
        parts += [
            html.P(html.B(f"{wording.count(len(rejected), 'row')} could not be scored.{others}")),
            html.Table(
                [
                    html.Thead(
                        html.Tr([html.Th(name) for name in ("Row", "Line", "Column", "What stands there", "Expected")])
                    ),
                    html.Tbody([_rejected_row(rejection) for rejection in rejected[:MOST_LISTED]]),
                ],
                className="rejected",
            ),
            *_more(len(rejected)),
        ]
    if odd.height:
        parts += [
            html.P(
                html.B(f"{wording.count(odd.height, 'client')} with an unusual value: ask a colleague, or correct it.")
            ),
            html.Ul(
                [
                    html.Li(f"Client {row['application_id']}: {'; '.join(row['problems'])}")
                    for row in odd.head(MOST_LISTED).iter_rows(named=True)
                ]
            ),
            *_more(odd.height),
        ]
    verb = "needs" if n_rows == 1 else "need"
    summary_line = html.Summary(
        [html.Span("!", className="flag"), f"{wording.count(n_rows, 'row')} {verb} your attention"]
    )
    return html.Details([summary_line, html.Div(parts, className="list")], className="attention", open=is_open)


def tiles(checked: Checked, scored: pl.DataFrame, schema: Schema) -> Component:
    """How many clients got each verdict; a click shows only those. And what the offers are expected to cost."""
    counts = summary(scored)
    cells: list[Component] = [
        html.Button(
            id={"tile": verdict},
            className=f"tile {look.band}",
            n_clicks=0,
            title=f"Show only: {look.word}",
            **attributes("aria-", pressed="false"),
            children=[
                html.Span(look.symbol, className="symbol", **attributes("aria-", hidden="true")),
                html.Span(look.word, className="word"),
                html.Span(f"{counts[verdict]:,}", className="count"),
            ],
        )
        for verdict, look in VERDICTS.items()
    ]
    loss = expected_loss(checked, scored, schema)
    if loss is not None:
        expected, lent = loss
        cells.append(
            html.Div(
                className="loss",
                title="Amount times risk, added up over all offers; nothing is recovered of what goes bad.",
                children=[
                    html.Small("Expected loss on the offers"),
                    html.Span([html.B(wording.amount(expected, "")), f" of {wording.amount(lent, schema.currency)}"]),
                ],
            )
        )
    return html.Div(cells, className="tiles", role="group", **attributes("aria-", label="Verdicts"))


def grid(checked: Checked, schema: Schema) -> Component:
    """The table of clients; its rows are asked for in blocks."""
    table: Component = AgGrid(
        id="clients",
        className="clients",
        columnDefs=grid_columns(checked, schema),
        defaultColDef={"sortable": True, "resizable": True, "suppressHeaderMenuButton": True, "filter": False},
        rowModelType="infinite",
        getRowId="params.data.row",
        eventListeners={event: ["fitToScreen(params.api)"] for event in ("firstDataRendered", "gridSizeChanged")},
        dashGridOptions={
            "theme": {"function": _THEME},
            "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
            "cacheBlockSize": BLOCK_ROWS,
            "maxBlocksInCache": 20,
            "infiniteInitialRowCount": 1,
            "tooltipShowDelay": 400,
            "suppressCellFocus": False,
            "ensureDomOrder": True,
            "enableCellTextSelection": False,
        },
        style={"height": None},
    )
    return table


def drawer(
    row: dict[str, object],
    pushes: pl.DataFrame,
    *,
    approve_below: float,
    decline_from: float,
    target: Target,
    model: str,
) -> list[Component]:
    """One client: the gauge, the risk in words, how sure, and what raised or lowered it.

    Parameters
    ----------
    row
        The client's row of the results.
    pushes
        Columns `label`, `value` (words) and `contribution` (log-odds, above 0 raises the risk), one row a field.
    approve_below, decline_from
        The PDs where the verdict changes.
    target
        The outcome, for its words.
    model
        Name and version of the model that answered.
    """
    verdict, prob_default = VERDICTS[str(row["verdict"])], float(str(row["prob_default"]))
    confidence = float(str(row["confidence"]))
    svg = gauge.gauge(prob_default, approve_below, decline_from)
    raised = pushes.filter(pl.col("contribution") > 0).sort("contribution", descending=True).head(BARS)
    lowered = pushes.filter(pl.col("contribution") < 0).sort("contribution").head(BARS)
    longest = max([abs(value) for value in pushes["contribution"]], default=0.0) or 1.0
    problems = row["problems"] if isinstance(row["problems"], list) else []
    return [
        closer(),
        html.H2(f"Client {row['application_id']}"),
        html.Span(verdict.text, className=f"lamp {verdict.band}"),
        html.Img(src=gauge.as_address(svg), alt=f"Gauge: risk {wording.risk_words(prob_default)}", className="gauge"),
        html.P(
            [html.B(sentence(_about(prob_default))), f" similar applicants {target.bad_happened}."], className="natural"
        ),
        html.P(
            [
                "How sure: ",
                html.B(f"{wording.confidence_words(str(row['verdict']), confidence)}, {wording.percent(confidence)}"),
                html.Br(),
                html.Small(sureness(str(row["verdict"]), confidence, target)),
            ],
            className="sure",
        ),
        *([html.Ul([html.Li(problem) for problem in problems], className="problems")] if problems else []),
        *bars("What raised the risk", raised, longest, "up"),
        *bars("What lowered the risk", lowered, longest, "down"),
        html.P(f"Scored by {model}", className="quiet"),
    ]


def sureness(verdict: str, confidence: float, target: Target) -> str:
    """What the confidence of a verdict means, in a sentence.

    Examples
    --------
    >>> sureness("approve", 0.93, Target("default", "Default", bad=("1",), good=("0",)))
    'Of 100 applicants who did not repay, about 93 were rated riskier than this one.'
    """
    n = wording.of_100(confidence)
    if verdict == "approve":
        return f"Of 100 applicants who {target.bad_happened}, about {n} were rated riskier than this one."
    if verdict == "decline":
        return f"Of 100 applicants who {target.good_happened}, about {n} were rated safer than this one."
    return "Too close to call, or something unusual: a person who knows the client should decide."


def bars(title: str, pushes: pl.DataFrame, longest: float, direction: str) -> list[Component]:
    """Bars of what pushed the risk one way, longest first, with the client's own value."""
    if pushes.is_empty():
        return []
    rows = [
        html.Li(
            [
                html.Span([html.Span(label), html.Span(value, className="value")], className="what"),
                html.Span(
                    html.Span(style={"width": f"{max(2.0, 100 * abs(contribution) / longest):.0f}%"}), className="bar"
                ),
            ]
        )
        for label, value, contribution in pushes.select("label", "value", "contribution").iter_rows()
    ]
    return [html.H3(title), html.Ul(rows, className=f"bars {direction}")]


def _about(prob_default: float) -> str:
    said = wording.risk_words(prob_default)
    return said if said.startswith(("under", "over")) else f"about {said}"


def _rejected_row(rejection: Rejection) -> Component:
    expected: list[Any] = [rejection.expected, *([html.Br(), " ".join(rejection.more)] if rejection.more else [])]
    return html.Tr(
        [
            html.Td(f"{rejection.row:,}", className="figure"),
            html.Td(f"{rejection.line:,}", className="figure"),
            html.Td(rejection.column or "whole row"),
            html.Td(rejection.fault),
            html.Td(expected),
        ]
    )


def _more(n: int) -> list[Component]:
    if n <= MOST_LISTED:
        return []
    return [html.P(f"And {n - MOST_LISTED:,} more: all of them are in the downloaded result.", className="quiet")]


def _time_left(seconds: float) -> str:
    if seconds < 5:
        return "Nearly done."
    if seconds < 90:
        return f"About {5 * max(1, round(seconds / 5))} seconds left."
    return f"About {round(seconds / 60)} minutes left."
