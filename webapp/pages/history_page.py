"""The page about the past: what was decided, everything about one client, and the proof that the log is whole.

A client's number is typed in a field and goes into the body of a request, nowhere else. What the page keeps about a
client that is looked at is the number of an entry of the log.
"""

from __future__ import annotations

from typing import Any, TypedDict

from dash import ALL, MATCH, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from creditrisk.decision_log import application_of, decided_versions
from creditrisk.errors import CreditRiskError, DecisionLogError
from creditrisk.text import sentence
from webapp import log_check
from webapp.access import the_caller
from webapp.context import AppContext
from webapp.pages import client_history, history_lists, timeline
from webapp.pages.components import answer_in_browser, attributes, message_line
from webapp.pages.log_proof import proof
from webapp.pages.review import RowsRequest
from webapp.personal_data import MOST_CHARACTERS
from webapp.scoring_again import compare_with_log, score_with

TITLE = "History"
PATH = "/history"
ORDER = 50


class RowsResponse(TypedDict):
    """A block of rows, and how many there are in all, once the end is known."""

    rowData: list[history_lists.HistoryRow]
    rowCount: int | None


def layout(context: AppContext) -> list[Component]:
    """The page as it is first seen."""
    return [
        html.Main(
            [
                html.H1(TITLE),
                message_line(),
                html.Div(_content(context), className="past"),
                dcc.Store(id="asked-entry"),
            ],
            className="history-page",
        )
    ]


def register(app: Dash, context: AppContext) -> None:
    """Add the page's callbacks."""
    _register_list(app, context)
    _register_client(app, context)
    _register_again(app, context)
    client_history.register(app, context)

    @app.callback(
        Output("proof", "children"),
        Output("proof-tick", "disabled"),
        Input("check-log", "n_clicks"),
        Input("proof-tick", "n_intervals"),
        prevent_initial_call=True,
    )
    def check(n_clicks: int | None, _n: int | None) -> tuple[list[Component], bool]:
        is_asked = n_clicks and ctx.triggered_id == "check-log"
        if is_asked and (problem := log_check.begin(context, the_caller().name)):
            return [html.P(f"It could not be checked: {problem}", role="alert")], True
        found = log_check.last_check(context.settings.home)
        return proof(found), not found.is_running


def _content(context: AppContext) -> list[Component]:
    try:
        if not context.log.is_begun() or not context.log.head()[0]:
            return [_nothing_yet()]
        versions, files = decided_versions(context.log), history_lists.files(context)
    except DecisionLogError as exc:
        return [
            html.Section(
                [html.H2("The decision log cannot be read"), html.P(sentence(str(exc)))],
                className="panel",
                role="alert",
            )
        ]
    checked = log_check.last_check(context.settings.home)
    return [
        _search(),
        html.Div(id="client", tabIndex=-1),
        html.Section([html.H2("Files of clients"), history_lists.files_table(files)], className="panel"),
        html.Section(
            [
                html.H2("Decisions"),
                html.P("The newest first. Choose one to see all that happened to its client.", className="quiet"),
                history_lists.filters(versions, context.champion.state.scorer),
                html.P(id="list-problem", role="alert"),
                html.Div(history_lists.grid(), id="list"),
            ],
            className="panel",
        ),
        html.Section(
            [
                html.H2("Is the log whole?"),
                html.Div(proof(checked), id="proof"),
                *_asking(is_running=checked.is_running),
            ],
            className="panel",
            **attributes("aria-", label="Is the log whole?"),
        ),
    ]


def _nothing_yet() -> Component:
    return html.Section(
        [
            html.H2("Nothing has been decided yet"),
            html.P([html.A("Score a file of clients", href="/"), ": every decision is written down and stands here."]),
        ],
        className="panel",
    )


def _search() -> Component:
    return html.Section(
        [
            html.H2("One client"),
            html.Label("The client's number, as it was scored", htmlFor="sought"),
            html.Div(client_history.search_field(), className="seek-line"),
        ],
        className="panel",
    )


def _asking(*, is_running: bool) -> list[Component]:
    return [
        html.Div(html.Button("Check it now", id="check-log", className="button", n_clicks=0), className="actions"),
        dcc.Interval(id="proof-tick", interval=700, disabled=not is_running),
    ]


def _register_list(app: Dash, context: AppContext) -> None:
    @app.callback(
        Output("decisions", "getRowsResponse"),
        Output("list-problem", "children"),
        Input("decisions", "getRowsRequest"),
        prevent_initial_call=True,
    )
    def rows(request: RowsRequest | None) -> Any:
        if request is None:
            return no_update, no_update
        try:
            wanted = history_lists.wanted_of(request.get("filterModel"))
        except ValueError:
            return RowsResponse(rowData=[], rowCount=0), "Write the day like 2026-10-31."
        try:
            rows_asked, served = (request["startRow"], request["endRow"]), context.champion.state.scorer
            block, n_rows = history_lists.rows_of(context.log, wanted, *rows_asked, served)
        except DecisionLogError as exc:
            # An answer all the same: the table asks for nothing more before it has one.
            return RowsResponse(rowData=[], rowCount=0), f"The list cannot be read: {exc}"
        empty = "No such decision is in the log." if n_rows == 0 else ""
        return RowsResponse(rowData=block, rowCount=n_rows), empty

    buttons = {"only": ALL, "value": ALL}
    answer_in_browser(
        app,
        "past",
        "narrow",
        Output("decisions", "filterModel"),
        Output(buttons, "aria-pressed"),
        Input(buttons, "n_clicks"),
        Input("by-day", "value"),
        State(buttons, "aria-pressed"),
        State(buttons, "id"),
    )


def _register_client(app: Dash, context: AppContext) -> None:
    # What was asked for comes into view, and the keyboard with it.
    answer_in_browser(app, "past", "toClient", Input("client", "children"))
    asked = Output("asked-entry", "data")
    answer_in_browser(app, "past", "askedEntry", asked, Input("find", "id"), prevent_initial_call=False)

    @app.callback(
        Output("client", "children"),
        Output("sending", "children"),
        Input("find", "n_clicks"),
        Input("sought", "n_submit"),
        Input("decisions", "selectedRows"),
        Input("asked-entry", "data"),
        State("sought", "value"),
        prevent_initial_call=True,
    )
    def show(
        _n: int | None,
        _m: int | None,
        selected: list[history_lists.HistoryRow] | None,
        entry: int | None,
        sought: str | None,
    ) -> Any:
        try:
            if ctx.triggered_id in ("decisions", "asked-entry"):
                seq = entry if ctx.triggered_id == "asked-entry" else int(selected[0]["row"]) if selected else None
                if seq is None:
                    return no_update, no_update
                application_id = application_of(context.log, seq)
                if application_id is None:
                    return client_history.erased_entries(context, [seq]), ""
            else:
                application_id = (sought or "").strip()
                if not application_id or len(application_id) > MOST_CHARACTERS:
                    return no_update, "Type the client's number first."
            shown = client_history.client(context, the_caller(), application_id)
            return shown, "All about this client is shown below."
        except (CreditRiskError, ValueError) as exc:
            said = str(exc) if isinstance(exc, CreditRiskError) else "That is no entry of the log."
            return None, sentence(said)


def _register_again(app: Dash, context: AppContext) -> None:
    @app.callback(
        Output({"again": "answer", "entry": MATCH}, "children"),
        Input({"again": "button", "version": ALL, "entry": MATCH}, "n_clicks"),
        prevent_initial_call=True,
    )
    def again(n_clicks: list[int]) -> Any:
        clicked = ctx.triggered_id
        if not any(n_clicks) or not isinstance(clicked, dict):
            return no_update
        seq, version = int(clicked["entry"]), str(clicked["version"])
        try:
            if not version:
                return timeline.compared(compare_with_log(context, seq))
            row, _ = score_with(context, seq, version)
            return timeline.beside(context.log.get(seq).decision, row)
        except CreditRiskError as exc:
            return html.P(sentence(str(exc)))
