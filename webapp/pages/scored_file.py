"""What is shown of one dropped file: how far it is, why it failed, what came out. From values to Dash components.

How it looks is in assets/style.css, the words for verdicts, risks and amounts in wording.py.
"""

from __future__ import annotations

import polars as pl
from dash import dcc, html
from dash.development.base_component import Component
from dash_ag_grid import AgGrid

from creditrisk.pages.palette import VERDICT_LOOKS
from creditrisk.quality import Checked
from creditrisk.schema import Schema
from creditrisk.text import counted, sentence
from webapp.column_names import Assigned
from webapp.pages import case, file_reading, wording
from webapp.pages.attention import attention, unusual
from webapp.pages.components import Attributes, attributes
from webapp.pages.grid import expected_loss, grid_columns, summary
from webapp.pages.workbook import MOST_ROWS
from webapp.upload_files import Details
from webapp.upload_records import Record

BLOCK_ROWS = 50
# A table fetches its rows in blocks, one after the other: the component keeps only the last request, so that of two
# at once the first would never be answered.
IN_BLOCKS = {
    "cacheBlockSize": BLOCK_ROWS,
    "maxBlocksInCache": 20,
    "maxConcurrentDatasourceRequests": 1,
    "infiniteInitialRowCount": 1,
}

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
    details: Details,
    n_done: int,
    assigned: Assigned,
    can_go_on: bool = False,
    stopped: str = "",
    since_then: str = "",
) -> Component:
    """A scored file: what came out, what needs a look, and every client.

    Parameters
    ----------
    checked, scored, schema
        The file, the results of its first `n_done` rows, and the schema they were made with.
    details
        What the file is called, and under which name its result is kept.
    assigned
        What a person said that its columns hold.
    can_go_on
        Whether the rows behind `n_done` can still be scored.
    stopped
        Why it goes no further than `n_done`; empty if it was a clerk's own wish.
    since_then
        What would be otherwise today, in sentences; empty if nothing.
    """
    n_rows = checked.raw.height
    headline = [html.H2(details.filename, className="filename", tabIndex=-1), html.Span(counted(n_rows, "client"))]
    if n_done < n_rows:
        headline.append(html.Span(f"stopped after {n_done:,}"))
    if can_go_on:
        headline.append(html.Button("Go on", id="go-on-file", className="button", n_clicks=0))
    if details.was_corrected:
        headline.append(html.Span("with corrections made here"))
    if scored.is_empty():
        headline.append(html.Span("none of them could be scored"))
    parts: list[Component | None] = [
        html.Div([*headline, _downloads(details.name, n_done)], className="headline"),
        *file_reading.reading(checked, schema, assigned, can_be_changed=details.can_be_read_anew),
    ]
    notices = [sentence(stopped), since_then]
    if stops := unusual(scored)[1]:
        verb = "was" if len(stops) == 1 else "were"
        asked = f"{counted(len(stops), 'client')} {verb} left to a colleague for that alone."
        notices.append(f"{sentence(stops[0]).rstrip('.')}. {asked}")
    parts += [html.P(text, className="notice stopped", role="status") for text in notices if text]
    is_open = scored.is_empty() or details.was_corrected
    parts.append(attention(checked, scored, schema, n_done=n_done, assigned=assigned, is_open=is_open))
    if scored.height:
        parts += [tiles(checked, scored, schema), review(checked, schema)]
        if schema.wording:
            parts.append(html.P(schema.wording, className="quiet"))
    return html.Section([part for part in parts if part is not None], className="result")


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
            **IN_BLOCKS,
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


def time_left(seconds: float) -> str:
    """How long something takes still, in words that do not change with every second."""
    if seconds < 5:
        return "A few seconds left."
    if seconds < 90:
        return f"About {5 * max(1, round(seconds / 5))} seconds left."
    return f"About {round(seconds / 60)} minutes left."
