"""The files that somebody has sent, a card for each: how far it is, what came out, and what can be done with it.

What they say lies under home, so that it is the same in every tab and after a restart. Part of the page score_clients.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update, set_props
from dash.development.base_component import Component

from creditrisk.text import counted, sentence
from webapp import upload_scoring
from webapp.context import AppContext
from webapp.pages.components import Attributes, attributes
from webapp.pages.scored_file import time_left
from webapp.upload_access import of_caller
from webapp.uploads import Upload

# Between two looks while something goes on, and while nothing does.
BUSY_MS, IDLE_MS = 1_000, 5_000


def _nothing(_context: AppContext, _name: str) -> None:
    """What is only to be seen changes nothing."""


def _pause_or_go_on(context: AppContext, name: str) -> None:
    """What the one button for both does."""
    is_paused = any(upload.is_paused for upload in of_caller(context) if upload.details.name == name)
    (upload_scoring.go_on if is_paused else upload_scoring.pause)(context, name)


_ACTIONS = {"pause": _pause_or_go_on, "stop": upload_scoring.stop}


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
        interval = BUSY_MS if any(_is_running(upload) and not upload.is_paused for upload in uploads) else IDLE_MS
        return (*_redrawn(uploads, job, shown_before), interval)

    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Output("batches", "children", allow_duplicate=True),
        Output("batches-shown", "data", allow_duplicate=True),
        Output("before", "children", allow_duplicate=True),
        Input({"batch": ALL, "name": ALL}, "n_clicks"),
        State("job", "data"),
        State("batches-shown", "data"),
        prevent_initial_call=True,
    )
    def act(_n_clicks: list[int], job: str | None, shown_before: str | None) -> tuple[Any, Any, Any, Any]:
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
        return (name if what == "show" else no_update), *_redrawn(uploads, job, shown_before), None

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
    """A card for each file but one that is being scored on the stage; none if there is only the one that is shown.

    What still wants somebody stands in sight, and what is over can be folded away.
    """
    listed = [upload for upload in uploads if not (_is_running(upload) and upload.details.name == shown)]
    if [upload.details.name for upload in listed] in ([], [shown]):
        return []
    going_on = [_card(upload, shown) for upload in listed if not upload.is_over]
    over = [_card(upload, shown) for upload in listed if upload.is_over]
    parts: list[Component] = [_list_of(going_on)] if going_on else []
    if over:
        parts.append(html.Details([html.Summary(f"Files sent: {len(over)}"), _list_of(over)], open=shown is None))
    return parts


def _list_of(listed: list[Component]) -> Component:
    return html.Div(listed, className="batch-list", role="list")


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


def _is_running(upload: Upload) -> bool:
    """Whether it is being scored, or waits for that, or is paused."""
    return not (upload.is_over or upload.is_asking)


def _redrawn(uploads: list[Upload], shown: str | None, shown_before: str | None) -> tuple[Any, Any]:
    """The cards and their fingerprint if other cards or buttons are due; if not, just how far each file is.

    A button that stays keeps the focus and every click, and who listens hears no card twice.
    """
    state = _fingerprint(uploads, shown)
    if state != shown_before:
        return cards(uploads, shown), state
    for upload in uploads:
        if _is_running(upload) and upload.details.name != shown:
            for part, properties in _how_far(upload).items():
                set_props({"batch-part": part, "name": upload.details.name}, properties)
            set_props({"batch": "pause", "name": upload.details.name}, _pause_words(upload))
    return no_update, no_update


def _how_far(upload: Upload) -> dict[str, Attributes]:
    """What changes on the card of a file that is being scored: the properties of each part."""
    record = upload.record
    return {
        "card": {"className": _looks(upload)},
        "bar": {"value": str(record.n_done), "max": str(max(record.n_rows, 1))},
        "text": {"children": progress(upload)},
    }


def _looks(upload: Upload) -> str:
    return f"batch {'paused' if upload.is_paused else upload.record.state}"


def _pause_words(upload: Upload) -> Attributes:
    word = "Go on" if upload.is_paused else "Pause"
    return {"children": word, **attributes("aria-", label=f"{word}: {upload.details.filename}")}


def _card(upload: Upload, shown: str | None) -> Component:
    details = upload.details
    buttons = [] if details.name == shown else [("show", "Show")]
    if upload.is_asking:
        buttons += [("stop", "Leave it")]
    elif not upload.is_over:
        buttons += [("pause", "Go on" if upload.is_paused else "Pause"), ("stop", "Stop")]
    parts = _how_far(upload)
    name_of = {part: {"batch-part": part, "name": details.name} for part in parts}
    label = attributes("aria-", label=f"How far {details.filename} is")
    bar = html.Progress(id=name_of["bar"], **parts["bar"], **label) if _is_running(upload) else None
    return html.Div(
        role="listitem",
        id=name_of["card"],
        className=_looks(upload),
        children=[
            html.B(details.filename, className="filename", title=details.filename),
            html.Small(f"sent by {details.actor}{' · shown below' if details.name == shown else ''}"),
            bar,
            html.P(id=name_of["text"], **parts["text"]),
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
    """Which cards there are, and what is on them beside the progress of files that are being scored.

    A browser may keep it: nothing can be read from it.
    """
    said = [
        (upload.details.name, upload.is_asking, None if _is_running(upload) else upload.record) for upload in uploads
    ]
    return hashlib.sha256(repr((said, shown)).encode()).hexdigest()
