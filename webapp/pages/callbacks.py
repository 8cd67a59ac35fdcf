"""What happens on the page: each callback reads, calls one function, and returns what layout.py made of the answer."""

from __future__ import annotations

import logging
import time
from typing import Any

# Plotly's encoder looks for pandas among the modules, and fails on one that another thread has imported by half.
import pandas  # noqa: F401
import polars as pl
from dash import ALL, Dash, Input, Output, State, ctx, no_update, set_props

from webapp import upload_records
from webapp.errors import where
from webapp.pages import score_clients, shell, wording
from webapp.pages.grid import grid_rows
from webapp.pages.wording import VERDICTS
from webapp.serving import Desk
from webapp.uploads import Upload, Uploads

log = logging.getLogger("webapp.page")


def register(app: Dash, desk: Desk, uploads: Uploads) -> None:
    """Add the callbacks to the page."""
    limits = {"max_rows": desk.settings.upload_max_rows, "max_mb": desk.settings.upload_max_mb}

    @app.callback(
        Output("status", "children"),
        Output("intro", "children"),
        Output("model", "data"),
        Input("heartbeat", "n_intervals"),
        State("model", "data"),
    )
    def keep_header(_n: int | None, shown: str) -> tuple[Any, Any, Any]:
        standing = desk.champion.standing
        now = shell.identity(standing)
        if now == shown:
            return shell.status(standing), no_update, no_update
        return shell.status(standing), score_clients.intro(standing, **limits), now

    @app.callback(
        Output("stage", "children"),
        Output("tick", "disabled"),
        Output("sending", "children"),
        Output("shown", "data"),
        Input("job", "data"),
        Input("tick", "n_intervals"),
        State("shown", "data"),
    )
    def show(job: str | None, _n: int | None, shown: str | None) -> tuple[Any, bool, Any, Any]:
        # What was said about the sending of a file stands until another one has arrived.
        said = "" if ctx.triggered_id == "job" else no_update
        if job is None:
            return score_clients.welcome(desk.champion.standing), True, no_update, None
        upload = uploads.get(job)
        if upload is None:
            return score_clients.fate(upload_records.recall(desk.settings.home, job)), True, said, None
        if upload.is_over and shown == job:
            # The page asks again after it was cut off; the table stays as the clerk left it.
            return no_update, True, said, job
        return _stage(upload), upload.is_over, said, job if upload.is_over else None

    @app.callback(Input("stop", "n_clicks"), State("job", "data"), prevent_initial_call=True)
    def stop(n_clicks: int, job: str | None) -> None:
        upload = uploads.get(job)
        if n_clicks and upload is not None:
            upload.stop.set()

    @app.callback(
        Output("clients", "getRowsResponse"),
        Input("clients", "getRowsRequest"),
        State("job", "data"),
    )
    def rows(request: dict[str, Any] | None, job: str | None) -> Any:
        upload = uploads.get(job)
        if job and upload is None:
            _ask_again()
        if request is None or upload is None or upload.checked is None or upload.scorer is None:
            return no_update
        block, n_rows = grid_rows(
            upload.checked,
            upload.scored,
            upload.scorer.schema,
            start=request["startRow"],
            stop=request["endRow"],
            sort=request.get("sortModel") or [],
            verdict=(request.get("filterModel") or {}).get("verdict", {}).get("filter"),
        )
        return {"rowData": block, "rowCount": n_rows}

    @app.callback(
        Output("clients", "filterModel"),
        Output({"tile": ALL}, "aria-pressed"),
        Input({"tile": ALL}, "n_clicks"),
        State("clients", "filterModel"),
        prevent_initial_call=True,
    )
    def show_only(n_clicks: list[int], shown: dict[str, Any] | None) -> Any:
        if not any(n_clicks) or not isinstance(ctx.triggered_id, dict):
            return no_update, [no_update] * len(n_clicks)
        clicked = ctx.triggered_id["tile"]
        is_shown = (shown or {}).get("verdict", {}).get("filter") == clicked
        only = {} if is_shown else {"verdict": {"filterType": "text", "type": "equals", "filter": clicked}}
        return only, ["true" if only and name == clicked else "false" for name in VERDICTS]

    @app.callback(
        Output("drawer", "children"),
        Output("drawer", "className"),
        Input("clients", "selectedRows"),
        State("job", "data"),
        prevent_initial_call=True,
    )
    def open_drawer(selected: list[dict[str, Any]] | None, job: str | None) -> tuple[Any, str]:
        upload = uploads.get(job)
        if selected and upload is None:
            _ask_again()
        if not selected or upload is None or upload.checked is None or upload.scorer is None:
            return no_update, "drawer"
        row_number = int(selected[0]["row"])
        return _drawer(upload, row_number), "drawer open"

    @app.callback(Output("clients", "selectedRows"), Input("close", "n_clicks"), prevent_initial_call=True)
    def close_drawer(n_clicks: int) -> Any:
        return [] if n_clicks else no_update


def tell(exc: Exception) -> None:
    """Say on the page that a callback failed, and write down where; never what the data was."""
    set_props("sending", {"children": "Something went wrong in the app. Reload the page and try again."})
    log.error("a callback failed: %s", where(exc))


def _ask_again() -> None:
    """Let `show` say what became of a result that is no longer kept, in place of a table that answers no more."""
    set_props("tick", {"disabled": False})


def _stage(upload: Upload) -> Any:
    if upload.has_result and upload.checked is not None and upload.scorer is not None:
        return score_clients.result(
            upload.checked,
            upload.scored,
            upload.scorer.schema,
            name=upload.name,
            filename=upload.filename,
            n_done=upload.n_done,
            stopped=wording.stopped(upload.message, upload.n_done, upload.n_rows, upload.advice),
        )
    if upload.is_over:
        return score_clients.failed(upload.filename, upload.message, upload.advice)
    return score_clients.working(upload.filename, upload.n_done, upload.n_rows, time.monotonic() - upload.started)


def _drawer(upload: Upload, row_number: int) -> Any:
    assert upload.checked is not None
    assert upload.scorer is not None
    is_row = pl.col("row_number") == row_number
    scorer = upload.scorer
    return score_clients.drawer(
        upload.scored.row(by_predicate=is_row, named=True),
        scorer.explain(upload.checked.accepted.filter(is_row)),
        approve_below=scorer.rule.approve_below,
        decline_from=scorer.rule.decline_from,
        target=scorer.schema.target,
        model=f"{scorer.name} v{scorer.version}",
    )
