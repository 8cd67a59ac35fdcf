"""The files that somebody has sent, a card for each: how far it is, what came out, and what can be done with it.

What they say lies under home, so that it is the same in every tab and after a restart. Part of the page score_clients.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from creditrisk.text import counted, sentence
from webapp import upload_scoring
from webapp.context import AppContext
from webapp.pages.components import attributes
from webapp.pages.scored_file import time_left
from webapp.upload_access import of_caller
from webapp.uploads import Upload

# Between two looks while something goes on, and while nothing does.
BUSY_MS, IDLE_MS = 1_000, 5_000


def _nothing(_context: AppContext, _name: str) -> None:
    """What is only to be seen changes nothing."""


_ACTIONS = {"pause": upload_scoring.pause, "go on": upload_scoring.go_on, "stop": upload_scoring.stop}


def layout() -> list[Component]:
    """Where the cards stand, and the question about a file that comes again."""
    return [
        html.Div(id="before"),
        html.Section(id="batches", className="batches", **attributes("aria-", label="Files")),
        dcc.Store(id="known-before"),
        dcc.Store(id="batches-shown"),
        dcc.Interval(id="batches-tick", interval=IDLE_MS),
    ]


def register(app: Dash, context: AppContext) -> None:
    """Add the callbacks of the cards to the page's app."""

    @app.callback(
        Output("batches", "children"),
        Output("batches-shown", "data"),
        Output("batches-tick", "interval"),
        Input("batches-tick", "n_intervals"),
        Input("job", "data"),
        Input("shown", "data"),
        State("batches-shown", "data"),
    )
    def show(_n: int | None, job: str | None, _shown: str | None, shown_before: str | None) -> tuple[Any, Any, int]:
        uploads = of_caller(context)
        interval = (
            BUSY_MS
            if any(not (upload.is_over or upload.is_paused or upload.is_asking) for upload in uploads)
            else IDLE_MS
        )
        state = _fingerprint(uploads, job)
        # Cards that say the same are left alone, and with them where the keyboard is.
        return (no_update, no_update, interval) if state == shown_before else (cards(uploads, job), state, interval)

    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Output("batches", "children", allow_duplicate=True),
        Output("batches-shown", "data", allow_duplicate=True),
        Output("before", "children", allow_duplicate=True),
        Input({"batch": ALL, "name": ALL}, "n_clicks"),
        State("job", "data"),
        prevent_initial_call=True,
    )
    def act(_n_clicks: list[int], job: str | None) -> tuple[Any, Any, Any, Any]:
        clicked = ctx.triggered_id
        if not isinstance(clicked, dict) or not ctx.triggered[0]["value"]:
            return no_update, no_update, no_update, no_update
        name, what = clicked["name"], clicked["batch"]
        if all(upload.details.name != name for upload in of_caller(context)):
            # It was removed meanwhile; the cards say so.
            what = ""
        _ACTIONS.get(what, _nothing)(context, name)
        job = name if what == "show" else job
        uploads = of_caller(context)
        return (name if what == "show" else no_update), cards(uploads, job), _fingerprint(uploads, job), None

    @app.callback(Output("before", "children"), Input("known-before", "data"), prevent_initial_call=True)
    def ask(name: str | None) -> Component | None:
        upload = next((upload for upload in of_caller(context) if name and upload.details.name == name), None)
        return sent_again(upload) if upload is not None else None


def scored_before(context: AppContext, content: bytes) -> Upload | None:
    """The caller's latest file of these bytes that was scored as it would be now, or is at this moment.

    That is by the present model, under the cut-offs and the stop in force: DecisionLogError if these are not known.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    scorer = context.scorer()
    for upload in of_caller(context):
        details = upload.details
        is_same = details.content_sha256 == sha256 and details.sha256 == scorer.sha256
        if is_same and (upload.has_result or not upload.is_over) and upload_scoring.is_decided_as_now(context, details):
            return upload
    return None


def cards(uploads: list[Upload], shown: str | None) -> list[Component]:
    """A card for each file; none if there is only the one that the page shows already."""
    if [upload.details.name for upload in uploads] in ([], [shown]):
        return []
    is_open = shown is None or any(not (upload.is_over or upload.is_asking) for upload in uploads)
    listed = html.Div([_card(upload, shown) for upload in uploads], className="batch-list", role="list")
    return [html.Details([html.Summary(f"Files sent: {len(uploads)}"), listed], open=is_open)]


def sent_again(upload: Upload) -> Component:
    """A file that was scored before: what came out then, and the way to have it scored once more."""
    return html.Section(
        className="notice",
        role="status",
        children=[
            html.P(
                f"This very file was sent before, as {upload.details.filename}: {progress(upload)} It is shown below."
            ),
            html.Div(
                [
                    # What it does stands in assets/upload.js, which still has the file.
                    html.Button("Score again", id="score-again", className="button", n_clicks=0),
                ],
                className="actions",
            ),
        ],
    )


def progress(upload: Upload) -> str:
    """How far a file is, or what came of it, in a sentence or two."""
    record = upload.record
    clients = counted(record.n_rows, "client")
    if upload.is_over:
        return _ended(upload, clients)
    if upload.is_asking:
        return f"{clients}. Not scored yet: say which column is which."
    if upload.is_paused:
        return f"Paused after {record.n_done:,} of {clients}." if record.n_rows else "Paused before its first client."
    if not record.n_rows:
        return "Waiting, or being read."
    left = f" {time_left(upload.seconds_left)}" if upload.seconds_left is not None else ""
    return f"{record.n_done:,} of {clients} scored.{left}"


def _ended(upload: Upload, clients: str) -> str:
    record, details = upload.record, upload.details
    when = f"at {time.strftime('%H:%M', time.localtime(upload.noted_at))}"
    if record.state == "failed":
        return f"Nothing was scored. {sentence(details.message)}"
    if not record.n_done:
        return f"Stopped {when} before its first client."
    cut = f" It was stopped after {record.n_done:,}." if record.n_done < record.n_rows else ""
    return f"{record.n_scored:,} of {clients} scored {when} by v{details.version}.{cut}"


def _card(upload: Upload, shown: str | None) -> Component:
    details, record = upload.details, upload.record
    buttons = [] if details.name == shown else [("show", "Show")]
    if upload.is_asking:
        buttons += [("stop", "Leave it")]
    elif not upload.is_over:
        buttons += [("go on", "Go on") if upload.is_paused else ("pause", "Pause"), ("stop", "Stop")]
    bar = (
        html.Progress(value=str(record.n_done), max=str(max(record.n_rows, 1)))
        if not (upload.is_over or upload.is_asking)
        else None
    )
    return html.Div(
        role="listitem",
        className=f"batch {'paused' if upload.is_paused else record.state}",
        children=[
            html.B(details.filename, className="filename", title=details.filename),
            html.Small(f"sent by {details.actor}{' · shown below' if details.name == shown else ''}"),
            bar,
            html.P(progress(upload)),
            html.Div(
                [
                    html.Button(
                        word,
                        id={"batch": what, "name": details.name},
                        className="button",
                        n_clicks=0,
                        **attributes("aria-", label=f"{word}: {details.filename}"),
                    )
                    for what, word in buttons
                ],
                className="actions",
            ),
        ],
    )


def _fingerprint(uploads: list[Upload], shown: str | None) -> str:
    """What the cards say, as a browser may keep it: nothing can be read from it."""
    said = [(upload.details.name, upload.record, upload.is_paused) for upload in uploads]
    return hashlib.sha256(repr((said, shown)).encode()).hexdigest()
