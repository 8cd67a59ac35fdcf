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
from webapp.pages.components import attributes
from webapp.pages.grid import expected_loss, grid_columns, summary
from webapp.pages.workbook import MOST_ROWS
from webapp.upload_files import Details
from webapp.upload_records import Record

BLOCK_ROWS = 100

# The grid takes its colours from style.css, so that it follows the reader's dark mode.
THEME = (
    "themeQuartz.withParams({fontFamily: 'inherit', fontSize: 14, backgroundColor: 'var(--surface)', "
    "foregroundColor: 'var(--ink)', headerBackgroundColor: 'var(--sunken)', headerTextColor: 'var(--muted)', "
    "borderColor: 'var(--line)', rowHoverColor: 'var(--hover)', selectedRowBackgroundColor: 'var(--chosen)', "
    "accentColor: 'var(--accent)', oddRowBackgroundColor: 'var(--surface)', wrapperBorderRadius: 10, rowHeight: 60, "
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
    """A file on its way: how far, how long still if that is known, and a way out."""
    if n_done == 0:
        progress = "Reading the file and checking every row."
    else:
        progress = f"{n_done:,} of {counted(n_rows, 'client')} scored."
        if seconds_left is not None and not is_paused:
            progress += f" {time_left(seconds_left)}"
    if is_paused:
        progress = f"Paused. {progress if n_done else ''}".strip()
    if is_app_ending:
        progress = f"The app was told to end. {wording.GOES_ON}"
    return html.Section(
        className="notice working",
        role="status",
        children=[
            html.H2(filename),
            html.Progress(value=str(n_done), max=str(max(n_rows, 1))) if n_done else html.Progress(),
            html.P(progress, className="not-cut-off"),
            html.P(f"The app does not answer. {wording.GOES_ON}", className="only-cut-off"),
            html.Div(
                [
                    html.Button("Go on" if is_paused else "Pause", id="pause", className="button", n_clicks=0),
                    html.Button("Stop here", id="stop", className="button", n_clicks=0),
                ],
                className="actions not-cut-off",
            ),
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
    headline = [html.B(details.filename, className="filename"), html.Span(counted(n_rows, "client"))]
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
                    html.P("No such client is in this list.", className="none-found", role="status", hidden=True),
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
            "firstDataRendered": ["fitToScreen(params.api)", "chooseFirst(params.api)"],
            "gridSizeChanged": ["fitToScreen(params.api)"],
            "modelUpdated": ["chooseFirst(params.api)"],
            "cellFocused": ["chooseFocused(params)"],
        },
        dashGridOptions={
            "theme": {"function": THEME},
            "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
            "cacheBlockSize": BLOCK_ROWS,
            "maxBlocksInCache": 20,
            "infiniteInitialRowCount": 1,
            "tooltipShowDelay": 400,
            "tooltipShowMode": "whenTruncated",
            # What is not found is said above the table, in our words.
            "suppressOverlays": ["noMatchingRows"],
            "suppressCellFocus": False,
            # One Tab stop: in at the client that is chosen, out behind the table.
            "focusGridInnerElement": {"function": "focusChosen(params)"},
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
        return "Nearly done."
    if seconds < 90:
        return f"About {5 * max(1, round(seconds / 5))} seconds left."
    return f"About {round(seconds / 60)} minutes left."
