"""What is shown of one dropped file: how far it is, why it failed, what came out. From values to Dash components.

How it looks is in assets/style.css, the words for verdicts, risks and amounts in wording.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from dash import dcc, html
from dash.development.base_component import Component
from dash_ag_grid import AgGrid

from creditrisk.pages.palette import VERDICT_LOOKS
from creditrisk.quality import Checked, Rejection
from creditrisk.schema import Schema
from creditrisk.scoring import client_words, was_stopped
from creditrisk.text import counted, sentence
from webapp.pages import case, wording
from webapp.pages.components import Attributes, attributes
from webapp.pages.grid import expected_loss, grid_columns, summary
from webapp.pages.workbook import MOST_ROWS
from webapp.upload_records import Record

BLOCK_ROWS = 100
# A longer list is in the downloaded result.
MOST_LISTED = 50

# The grid takes its colours from style.css, so that it follows the reader's dark mode.
THEME = (
    "themeQuartz.withParams({fontFamily: 'inherit', fontSize: 14, backgroundColor: 'var(--surface)', "
    "foregroundColor: 'var(--ink)', headerBackgroundColor: 'var(--sunken)', headerTextColor: 'var(--muted)', "
    "borderColor: 'var(--line)', rowHoverColor: 'var(--hover)', selectedRowBackgroundColor: 'var(--chosen)', "
    "accentColor: 'var(--accent)', oddRowBackgroundColor: 'var(--surface)', wrapperBorderRadius: 10, rowHeight: 40, "
    "headerHeight: 40, browserColorScheme: 'inherit'})"
)


def working(
    filename: str,
    n_done: int,
    n_rows: int,
    *,
    seconds_left: float | None,
    is_app_ending: bool = False,
    is_paused: bool = False,
) -> Component:
    """A file on its way: how far, how long still if that is known, and a way out; `progress` has what changes in it."""
    parts = progress(n_done, n_rows, seconds_left=seconds_left, is_app_ending=is_app_ending, is_paused=is_paused)
    bar = attributes("aria-", label=f"How far {filename} is")
    return html.Section(
        className="notice working",
        children=[
            html.H2(filename),
            html.Progress(id="working-bar", **parts["working-bar"], **bar),
            html.P(id="working-text", className="not-cut-off", **parts["working-text"]),
            html.Span(
                id="working-spoken", className="only-heard not-cut-off", role="status", **parts["working-spoken"]
            ),
            html.P(f"The app does not answer. {wording.GOES_ON}", className="only-cut-off"),
            html.Div(
                [
                    html.Button(id="pause", className="button", n_clicks=0, **parts["pause"]),
                    html.Button("Stop here", id="stop", className="button", n_clicks=0),
                ],
                className="actions not-cut-off",
            ),
        ],
    )


def progress(
    n_done: int, n_rows: int, *, seconds_left: float | None, is_app_ending: bool = False, is_paused: bool = False
) -> dict[str, Attributes]:
    """What the notice of a file on its way says now: the properties of each of its parts, by the part's id.

    Only these change while it is scored, so that its buttons keep the focus. What is heard changes with every quarter.
    """
    text = (
        f"{n_done:,} of {counted(n_rows, 'client')} scored." if n_done else "Reading the file and checking every row."
    )
    quarters = 4 * n_done // max(n_rows, 1)
    spoken = f"{25 * quarters} % scored." if quarters else text if not n_done else "Being scored."
    if n_done and seconds_left is not None and not is_paused:
        text += f" {time_left(seconds_left)}"
    if is_paused:
        text = f"Paused. {text if n_done else ''}".strip()
        spoken = "Paused."
    if is_app_ending:
        text = spoken = f"The app was told to end. {wording.GOES_ON}"
    return {
        "working-bar": {"value": str(n_done), "max": str(max(n_rows, 1))} if n_done else {},
        "working-text": {"children": text},
        "working-spoken": {"children": spoken},
        "pause": {"children": "Go on" if is_paused else "Pause"},
    }


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
    checked: Checked,
    scored: pl.DataFrame,
    schema: Schema,
    *,
    name: str,
    filename: str,
    n_done: int,
    stopped: str = "",
    since_then: str = "",
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
    since_then
        What would be otherwise today, in sentences; empty if nothing.
    """
    n_rows = checked.raw.height
    rejected = [rejection for rejection in checked.rejected if rejection.row <= n_done]
    odd, stops = unusual(scored)
    repeated = repeated_clients(checked, schema)
    headline = [html.H2(filename, className="filename", tabIndex=-1), html.Span(counted(n_rows, "client"))]
    if n_done < n_rows:
        headline.append(html.Span(f"stopped after {n_done:,}"))
    if scored.is_empty():
        headline.append(html.Span("none of them could be scored"))
    parts: list[Component] = [
        html.Div(
            className="headline",
            children=[
                *headline,
                _downloads(name, n_done),
            ],
        )
    ]
    if checked.read_as:
        parts.append(html.P(checked.read_as, className="quiet"))
    if stopped:
        parts.append(html.P(sentence(stopped), className="notice stopped", role="status"))
    if since_then:
        parts.append(html.P(since_then, className="notice stopped", role="status"))
    if stops:
        verb = "was" if len(stops) == 1 else "were"
        asked = f"{counted(len(stops), 'client')} {verb} left to a colleague for that alone."
        parts.append(html.P(f"{sentence(stops[0]).rstrip('.')}. {asked}", className="notice stopped", role="status"))
    if rejected or repeated or odd.height:
        parts.append(attention(rejected, odd, n_scored=scored.height, repeated=repeated))
    if scored.height:
        parts += [tiles(checked, scored, schema), review(checked, schema)]
        if schema.wording:
            parts.append(html.P(schema.wording, className="quiet"))
    return html.Section(parts, className="result")


def _downloads(name: str, n_rows: int) -> Component:
    """The result as a file, in the formats that are written of so many rows."""
    kinds = {"CSV": "csv", "Excel": "xlsx", "Parquet": "parquet"}
    if n_rows > MOST_ROWS:
        del kinds["Excel"]
    links = [
        html.A(
            word,
            href=f"/uploads/{name}/result.{suffix}",
            className="button primary",
            download="",
            **attributes("aria-", label=f"Download the result as {word}"),
        )
        for word, suffix in kinds.items()
    ]
    return html.Div([html.Span("Download result"), *links], className="downloads")


def repeated_clients(checked: Checked, schema: Schema) -> list[tuple[str, list[int]]]:
    """The clients who stand on more than one row of a file, and on which."""
    number = next((field.name for field in schema.fields if field.role == "id"), None)
    if number is None or number not in checked.accepted.columns:
        return []
    given = checked.accepted.select(pl.col(number).cast(pl.String).alias("client"), "row_number").drop_nulls("client")
    rows = given.group_by("client", maintain_order=True).agg("row_number").filter(pl.col("row_number").list.len() > 1)
    return list(rows.iter_rows())


def unusual(scored: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The clients with something unusual about them; and the stop of each that nothing else left to a colleague.

    A stop says nothing about a client: it is taken out of what is unusual.
    """
    if scored.is_empty():
        return scored, []
    odd = scored.filter(pl.col("problems").list.len() > 0)
    first = odd["problems"].list.first()
    is_stopped = pl.Series([was_stopped([text]) for text in first], dtype=pl.Boolean)
    own = odd["problems"].list.slice(1)
    alone = is_stopped & (own.list.len() == 0)
    told = odd.with_columns(pl.when(is_stopped).then(own).otherwise(pl.col("problems")).alias("problems"))
    return told.filter(~alone), first.filter(alone).to_list()


def attention(
    rejected: Sequence[Rejection],
    odd: pl.DataFrame,
    *,
    n_scored: int,
    repeated: Sequence[tuple[str, list[int]]] = (),
) -> Component:
    """Rows that could not be scored, and may be corrected here; those that hold something odd; clients on two rows."""
    n_rows = len(rejected) + odd.height + len(repeated)
    parts: list[Component] = []
    if rejected:
        verb = "was" if n_scored == 1 else "were"
        others = f" The other {counted(n_scored, 'client')} {verb} scored." if n_scored else ""
        parts += [
            html.P(html.B(f"{counted(len(rejected), 'row')} could not be scored.{others}")),
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
            *_correcting(rejected),
        ]
    if odd.height:
        parts += [
            html.P(html.B(f"{counted(odd.height, 'client')} with an unusual value: ask a colleague, or correct it.")),
            html.Ul(
                [
                    html.Li(f"Client {client_words(row['application_id'])}: {'; '.join(row['problems'])}")
                    for row in odd.head(MOST_LISTED).iter_rows(named=True)
                ]
            ),
            *_more(odd.height),
        ]
    if repeated:
        parts += [
            html.P(html.B(f"{counted(len(repeated), 'client')} on more than one row; each row was scored.")),
            html.Ul(
                [
                    html.Li(f"Client {client}: rows {', '.join(f'{row:,}' for row in rows[:10])}")
                    for client, rows in repeated[:MOST_LISTED]
                ]
            ),
            *_more(len(repeated)),
        ]
    verb = "needs" if n_rows == 1 else "need"
    summary_line = html.Summary([html.Span("!", className="flag"), f"{counted(n_rows, 'row')} {verb} your attention"])
    return html.Details([summary_line, html.Div(parts, className="list")], className="attention", open=not n_scored)


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
        for verdict, look in VERDICT_LOOKS.items()
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


def review(checked: Checked, schema: Schema) -> Component:
    """Left the list of clients, right the case of the one that is chosen there."""
    name = "Search a client by number"
    return html.Div(
        className="review",
        children=[
            html.Div(
                className="list-of-clients",
                children=[
                    html.Div(
                        className="seek-line",
                        children=[
                            html.Label(f"{name} ( / )", htmlFor="seek", className="only-heard"),
                            dcc.Input(
                                id="seek",
                                type="search",
                                placeholder=f"{name} ( / )",
                                debounce=0.25,
                                autoComplete="off",
                                maxLength=100,
                                className="seek",
                            ),
                            html.Button("Keys ?", id="show-keys", className="button"),
                        ],
                    ),
                    html.P(id="none-found", className="none-found", role="status", hidden=True),
                    grid(checked, schema),
                ],
            ),
            html.Section(
                id="case",
                className="case",
                tabIndex="0",  # it scrolls
                **attributes("aria-", label="The case"),
                children=case.nothing_chosen(),
            ),
        ],
    )


def ahead() -> Component:
    """A table that nobody sees: the browser has read the grid's script by the time that there are clients to show."""
    return html.Div(AgGrid(columnDefs=[{"field": "client"}], rowData=[]), hidden=True)


def grid(checked: Checked, schema: Schema) -> Component:
    """The table of clients; its rows are asked for in blocks."""
    table: Component = AgGrid(
        id="clients",
        className="clients",
        columnDefs=grid_columns(checked, schema),
        defaultColDef={"sortable": True, "resizable": True, "suppressHeaderMenuButton": True, "filter": False},
        rowModelType="infinite",
        getRowId="params.data.row",
        eventListeners={
            "firstDataRendered": ["begin(params.api)"],
            "gridSizeChanged": ["fitToScreen(params.api)"],
            "filterChanged": ["filtered()"],
            "sortChanged": ["sorted()"],
            "modelUpdated": ["rowsCame(params.api)"],
            "cellFocused": ["chooseFocused(params)"],
        },
        dashGridOptions={
            "theme": {"function": THEME},
            "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": "enableSelection"},
            "cacheBlockSize": BLOCK_ROWS,
            "maxBlocksInCache": 20,
            "infiniteInitialRowCount": 1,
            "tooltipShowDelay": 400,
            "tooltipShowMode": "whenTruncated",
            # What is not found is said above the table, in our words.
            "suppressOverlays": ["noMatchingRows"],
            "suppressCellFocus": False,
            # What is chosen is heard from the page; the grid would name a key that is not one here.
            "localeText": {"ariaRowSelect": " ", "ariaRowDeselect": " "},
            # One Tab stop: in at the client that is chosen (assets/dashAgGridFunctions.js), out behind the table.
            "tabToNextCell": {"function": "leaveTable(params)"},
            "tabToNextHeader": {"function": "leaveTable(params)"},
            "ensureDomOrder": True,
            "enableCellTextSelection": False,
        },
        style={"height": None},
    )
    return table


def _rejected_row(rejection: Rejection) -> Component:
    expected: list[str | Component] = [rejection.expected]
    if rejection.more:
        expected += [html.Br(), " ".join(rejection.more)]
    return html.Tr(
        [
            html.Td(f"{rejection.row:,}", className="figure"),
            html.Td(f"{rejection.line:,}", className="figure"),
            html.Td(rejection.column or "whole row"),
            html.Td(rejection.fault),
            html.Td([*expected, *_correction(rejection)]),
        ]
    )


def _correcting(rejected: Sequence[Rejection]) -> list[Component]:
    """The way to score the rows whose cells were corrected in the list, if any can be."""
    if not any(rejection.column for rejection in rejected[:MOST_LISTED]):
        return []
    return [
        html.P(
            [
                html.Button("Score the corrected clients", id="corrected", className="button", n_clicks=0),
                html.Span(id="corrected-message", role="alert"),
            ],
            className="actions",
        )
    ]


def _correction(rejection: Rejection) -> list[Component]:
    """A field for what should stand in a cell."""
    if not rejection.column:
        return []
    words = f"Correct {rejection.column} of row {rejection.row}"
    cell = dcc.Input(id={"cell": rejection.column, "row": rejection.row}, value=rejection.value, maxLength=1_000)
    return [html.Label([html.Span(words, className="only-heard"), cell])]


def _more(n: int) -> list[Component]:
    if n <= MOST_LISTED:
        return []
    return [html.P(f"And {n - MOST_LISTED:,} more: all of them are in the downloaded result.", className="quiet")]


def time_left(seconds: float) -> str:
    """How long something takes still, in words that do not change with every second."""
    if seconds < 5:
        return "Nearly done."
    if seconds < 90:
        return f"About {5 * max(1, round(seconds / 5))} seconds left."
    return f"About {round(seconds / 60)} minutes left."
