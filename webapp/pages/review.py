"""The review of a scored file: left the list of clients, right the case of the one that is chosen.

Keys, focus and what the list chooses by itself are in assets/case.js. What is searched for stands in the bodies of
requests: never in an address, and on no disk.
"""

from __future__ import annotations

from typing import Any, TypedDict

import polars as pl
from dash import ALL, Dash, Input, Output, State, ctx, html, no_update, set_props
from dash.development.base_component import Component

from creditrisk.decision_log import log_what_if
from creditrisk.errors import DecisionLogError
from creditrisk.pages.palette import VERDICT_LOOKS
from creditrisk.scoring import WhatIf, what_would_change
from webapp import upload_scoring
from webapp.access import the_caller
from webapp.context import AppContext
from webapp.pages import case
from webapp.pages.components import answer_in_browser, attributes
from webapp.pages.grid import GridRow, SortRule, grid_rows
from webapp.scoring import scored_rows
from webapp.upload_access import opened
from webapp.uploads import Result

# Longer than any client's number; what is beyond it is not looked for.
MOST_SOUGHT = 100
KEYS = (
    ("J or ↓", "next client"),
    ("K or ↑", "the client before"),
    ("Enter", "into the case"),
    ("Esc", "back to the list"),
    ("/", "search a client by number"),
    ("1 2 3", "only offers, only for a colleague, only declines; again for all"),
    ("?", "this list"),
)


class FilterRule(TypedDict):
    """Which rows the grid shows by one column, as AG Grid writes it."""

    filterType: str
    type: str
    filter: str


class RowsRequest(TypedDict):
    """What the grid asks for: rows `startRow` to `endRow` (exclusive)."""

    startRow: int
    endRow: int
    sortModel: list[SortRule]
    filterModel: dict[str, FilterRule]


class RowsResponse(TypedDict):
    """A block of rows, and how many there are in all."""

    rowData: list[GridRow]
    rowCount: int


def around() -> list[Component]:
    """What stands on the page beside the review: what a screen reader is told, and the list of keys."""
    rows = [html.Tr([html.Th(html.Kbd(key), scope="row"), html.Td(what)]) for key, what in KEYS]
    return [
        html.Div(id="spoken", className="only-heard", **attributes("aria-", live="polite")),
        html.Dialog(
            id="keys",
            children=[
                html.H2("Keys", id="keys-title"),
                html.Table(html.Tbody(rows)),
                html.P("Off while you type, and together with Ctrl or Alt.", className="quiet"),
                html.Button("Close", id="close-keys", className="button"),
            ],
            **attributes("aria-", labelledby="keys-title"),
        ),
    ]


def register(app: Dash, context: AppContext) -> None:
    """Add the callbacks of the list and the case."""
    _register_list(app, context)
    _register_case(app, context)


def _register_list(app: Dash, context: AppContext) -> None:
    @app.callback(
        Output("clients", "getRowsResponse"),
        Input("clients", "getRowsRequest"),
        State("clients", "selectedRows"),
        State("job", "data"),
        prevent_initial_call=True,
    )
    def rows(request: RowsRequest | None, selected: list[GridRow] | None, job: str | None) -> Any:
        result = _result(context, job)
        if request is None or result is None:
            return no_update
        wanted = {name: rule["filter"] for name, rule in (request.get("filterModel") or {}).items()}
        block, n_rows = grid_rows(
            result.checked,
            result.scored,
            result.scorer.schema,
            ask_below=result.scorer.rule.ask_below,
            start=request["startRow"],
            stop=request["endRow"],
            sort=request.get("sortModel") or [],
            verdict=wanted.get("verdict"),
            sought=wanted.get("client", "")[:MOST_SOUGHT],
            chosen_row=int(selected[0]["row"]) if selected else None,
        )
        return RowsResponse(rowData=block, rowCount=n_rows)

    shown = Output("clients", "filterModel"), Output({"tile": ALL}, "aria-pressed")
    answer_in_browser(app, "review", "showOnly", *shown, Input({"tile": ALL}, "n_clicks"), Input("seek", "value"))

    @app.callback(Output("none-found", "children"), Input("clients", "filterModel"), prevent_initial_call=True)
    def say_why_none(shown: dict[str, FilterRule] | None) -> str:
        rules = shown or {}
        return none_found(rules["verdict"]["filter"] if "verdict" in rules else None, is_sought="client" in rules)


def none_found(only: str | None, *, is_sought: bool) -> str:
    """Why the list is empty: nobody has the one verdict that is shown, or the number that is sought.

    Examples
    --------
    >>> none_found(None, is_sought=True)
    'No such client is in this list. Esc takes the search back.'
    >>> none_found("decline", is_sought=True)
    'No such client among those with Decline, the only ones shown. Press Decline again to search all of them.'
    """
    word = next((look.word for verdict, look in VERDICT_LOOKS.items() if verdict == only), "")
    if word and is_sought:
        return f"No such client among those with {word}, the only ones shown. Press {word} again to search all of them."
    if word:
        return f"No client has {word}. Press {word} again to see all of them."
    return "No such client is in this list. Esc takes the search back."


def _register_case(app: Dash, context: AppContext) -> None:
    @app.callback(
        Output("case", "children"),
        Output("spoken", "children"),
        Input("clients", "selectedRows"),
        State("job", "data"),
        prevent_initial_call=True,
    )
    def show_case(selected: list[GridRow] | None, job: str | None) -> tuple[Any, Any]:
        client = _client(context, int(selected[0]["row"]), job) if selected else None
        if client is None:
            return case.nothing_chosen(), ""
        return case.case(client), case.spoken(client)

    chips = {"what-if": ALL, "file": ALL, "row": ALL}

    @app.callback(
        Output({"answer-of": ALL, "row": ALL}, "children"),
        Output(chips, "aria-pressed"),
        Output("spoken", "children", allow_duplicate=True),
        Input(chips, "n_clicks"),
        State(chips, "aria-pressed"),
        prevent_initial_call=True,
    )
    def try_it(n_clicks: list[int], pressed: list[str]) -> Any:
        # The chip says whose it is: the list may have gone on to another client.
        chosen = ctx.triggered_id
        as_it_is = [no_update] * len(ctx.outputs_list[0]), [no_update] * len(n_clicks), no_update
        is_clicked = any(n_clicks) and isinstance(chosen, dict)
        client = _client(context, chosen["row"], str(chosen["file"])) if is_clicked else None
        if client is None:
            return as_it_is
        names = [item.field.name for item in client.what_ifs]
        if chosen["what-if"] not in names or len(pressed) != len(names):
            return as_it_is
        at = names.index(chosen["what-if"])
        asked = None if pressed[at] == "true" else client.what_ifs[at]
        if asked is not None and (refused := _noted(context, client, asked)):
            set_props("sending", {"children": refused})
            return as_it_is
        now_pressed = ["true" if asked is not None and place == at else "false" for place in range(len(names))]
        answers = [case.answer(client, asked)] * len(ctx.outputs_list[0])
        return answers, now_pressed, case.spoken(client, asked)


def _noted(context: AppContext, client: case.Client, asked: WhatIf) -> str:
    """Write down what is about to be shown; why it could not be, or nothing."""
    try:
        log_what_if(context.log, client.row, asked, the_caller().actor)
    except DecisionLogError as exc:
        return f"Nothing was tried: {exc}"
    return ""


def _result(context: AppContext, job: str | None) -> Result | None:
    """The result that is looked at. One that is no longer kept is asked for again, so that the page says so."""
    result = upload_scoring.result_of(context, opened(context, job))
    if job and result is None:
        set_props("tick", {"disabled": False})
    return result


def _client(context: AppContext, number: int, job: str | None) -> case.Client | None:
    """The client in one row of the file, with what would change the verdict."""
    result = _result(context, job)
    if result is None:
        return None
    is_row = pl.col("row_number") == number
    row = next(iter(scored_rows(result.scored.filter(is_row))), None)
    if row is None:  # of another file, or of no file at all
        return None
    application, scorer = result.checked.accepted.filter(is_row), result.decider_of(number)
    what_ifs = what_would_change(scorer, application, row["verdict"])
    return case.Client(row, application, scorer.explain(application), what_ifs, scorer, job or "")
