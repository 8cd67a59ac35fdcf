"""What happens when a clerk has corrected cells in the list of what needs a look. Part of score_clients."""

from __future__ import annotations

from concurrent.futures import wait
from typing import Any, TypedDict

from dash import ALL, Dash, Input, Output, State, ctx, no_update, set_props

from creditrisk.errors import CreditRiskError
from creditrisk.text import counted, sentence
from webapp import corrections, upload_files, upload_scoring
from webapp.access import the_caller
from webapp.context import AppContext
from webapp.pages.attention import correctable
from webapp.upload_access import opened

# A few clients are scored by then, and the page shows them at once.
PATIENCE_SECONDS = 1.5


class CellId(TypedDict):
    """Of which row, and of which field by its label, a cell is."""

    cell: str
    row: int


def register(app: Dash, context: AppContext) -> None:
    """Add the callback to the page's app."""

    @app.callback(
        Output("corrected-message", "children"),
        Output("tick", "disabled", allow_duplicate=True),
        Input("corrected", "n_clicks"),
        Input({"cell": ALL, "row": ALL}, "n_submit"),
        State({"cell": ALL, "row": ALL}, "value"),
        State({"cell": ALL, "row": ALL}, "id"),
        State("job", "data"),
        prevent_initial_call=True,
    )
    def score(
        _n_clicks: int, _n_submit: list[Any], values: list[Any], ids: list[CellId], job: str | None
    ) -> tuple[Any, Any]:
        upload = opened(context, job)
        result = upload_scoring.result_of(context, upload)
        if not ctx.triggered[0]["value"] or upload is None or result is None:
            return no_update, no_update
        if context.uploads.is_being_corrected(upload):
            return "Corrected clients are being scored. They will stand here in a moment.", False
        assigned = upload_files.read_answer(upload.folder) or {}
        schema = result.scorer.schema
        before = correctable(result.checked, result.scored, schema, n_done=result.n_done, assigned=assigned)
        cells = {
            (int(item["row"]), str(item["cell"])): str(value or "") for item, value in zip(ids, values, strict=True)
        }
        changed = {place: value for place, value in cells.items() if before.get(place) not in (None, value)}
        if not changed:
            return "Nothing was changed yet.", no_update
        try:
            correcting = corrections.score_corrected(context, upload, changed, the_caller().actor)
        except CreditRiskError as exc:
            return sentence(str(exc)), no_update
        return _told(context, correcting)


def _told(context: AppContext, correcting: corrections.Correcting | None) -> tuple[Any, Any]:
    """What is said below the list, and whether the page looks for the rows that join the result."""
    if correcting is None:
        return "This file is gone. Drop it again.", no_update
    refused = " ".join(rejection.sentence for rejection in correcting.refused)
    if correcting.work is None:
        return refused, no_update
    wait([correcting.work], timeout=PATIENCE_SECONDS)
    upload = context.uploads.get(correcting.name)
    if upload is not None and upload.record.state == "failed":
        return f"Nothing was scored. {sentence(upload.details.message)}", no_update
    said = (
        f"{counted(correcting.n_clients, 'corrected client')} scored."
        if correcting.n_clients
        else "Nothing was scored: not right yet, as the list says."
    )
    set_props("sending", {"children": f"{said} {refused}".strip()})
    # What was said about the file as it was sent before is no longer so.
    set_props("known-before", {"data": None})
    return refused, False
