"""What happens when a clerk has corrected cells in the list of rows that could not be scored. Part of score_clients."""

from __future__ import annotations

from typing import Any, TypedDict

from dash import ALL, Dash, Input, Output, State, no_update

from creditrisk.errors import CreditRiskError
from creditrisk.text import sentence
from webapp import corrections, upload_scoring
from webapp.access import the_caller
from webapp.context import AppContext
from webapp.upload_access import opened


class CellId(TypedDict):
    """Of which row, and of which field by its label, a cell is."""

    cell: str
    row: int


def register(app: Dash, context: AppContext) -> None:
    """Add the callback to the page's app."""

    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Output("corrected-message", "children"),
        Output("tick", "disabled", allow_duplicate=True),
        Input("corrected", "n_clicks"),
        State({"cell": ALL, "row": ALL}, "value"),
        State({"cell": ALL, "row": ALL}, "id"),
        State("job", "data"),
        prevent_initial_call=True,
    )
    def score(n_clicks: int, values: list[Any], ids: list[CellId], job: str | None) -> tuple[Any, Any, Any]:
        upload = opened(context, job)
        result = upload_scoring.result_of(context, upload)
        if not n_clicks or upload is None or result is None:
            return no_update, no_update, no_update
        before = {(rejection.row, rejection.column): rejection.value for rejection in result.checked.rejected}
        cells = {
            (int(item["row"]), str(item["cell"])): str(value or "") for item, value in zip(ids, values, strict=True)
        }
        changed = {place: value for place, value in cells.items() if before.get(place) not in (None, value)}
        if not changed:
            return no_update, "Nothing was changed yet.", no_update
        try:
            name = corrections.score_corrected(context, upload, changed, the_caller().actor)
        except CreditRiskError as exc:
            return no_update, sentence(str(exc)), no_update
        return name or no_update, "", name is None
