"""The files that somebody has sent, a card for each: how far it is, what came out, and what can be done with it.

What they say lies under home, so that it is the same in every tab and after a restart. Part of the page score_clients.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update, set_props
from dash.development.base_component import Component

from creditrisk.text import counted, sentence
from webapp import upload_files, upload_scoring
from webapp.context import AppContext
from webapp.pages.components import Attributes, attributes
from webapp.pages.scored_file import time_left
from webapp.pages.wording import day
from webapp.upload_access import of_caller, sent_by_caller
from webapp.uploads import Upload

# Between two looks while something goes on, and while nothing does.
BUSY_MS, IDLE_MS = 1_000, 5_000
# Cards of files that are over are drawn at once; more take a click, so that a hundred do not make every step slower.
MOST_OVER = 8
# Of what `_drawn` names, nothing.
_AS_IT_IS = (no_update,) * 6


def _nothing(_context: AppContext, _name: str) -> None:
    """What is only to be seen changes nothing."""


def _pause_or_go_on(context: AppContext, name: str) -> None:
    """What the one button for both does."""
    is_paused = any(upload.is_paused for upload in of_caller(context) if upload.details.name == name)
    (upload_scoring.go_on if is_paused else upload_scoring.pause)(context, name)


def _remove(context: AppContext, name: str) -> None:
    upload = next(upload for upload in of_caller(context) if upload.details.name == name)
    if not upload.is_kept:
        context.uploads.remove(upload)
        return
    # It may have gone on since it was looked at.
    with suppress(FileNotFoundError), upload_files.locked(upload.folder / "lock") as is_free:
        now = context.uploads.at(upload.folder)
        if is_free and now is not None and now.is_over:
            context.uploads.remove(now)


_ACTIONS = {
    "pause": _pause_or_go_on,
    "go on": upload_scoring.go_on,
    "stop": upload_scoring.stop,
    "remove": _remove,
}


def layout() -> list[Component]:
    """Where the cards stand, and the question about a file that comes again."""
    return [
        html.Div(id="before"),
        html.Section(
            id="batches",
            className="batches",
            children=[
                html.Div(id="batches-going-on"),
                # Only what is in it is drawn anew: it stays unfolded as files come and end.
                html.Details(
                    [html.Summary(id="batches-summary"), html.Div(id="batches-over")], id="batches-folded", hidden=True
                ),
            ],
            **attributes("aria-", label="Files"),
        ),
        dcc.Store(id="known-before"),
        dcc.Store(id="batches-shown"),
        dcc.Store(id="batches-all", data=False),
        dcc.Interval(id="batches-tick", interval=IDLE_MS),
    ]


def register(app: Dash, context: AppContext) -> None:
    """Add the callbacks of the cards, and of what is asked about a file that comes again, to the page's app."""
    _register_cards(app, context)

    @app.callback(Output("before", "children"), Input("known-before", "data"), Input("job", "data"))
    def ask(name: str | None, job: str | None) -> Component | None:
        upload = next((item for item in sent_by_caller(context) if name and item.details.name == name), None)
        # What is said to be shown below is no longer, once something else is.
        return None if upload is None or (upload.is_kept and job != name) else sent_again(upload)

    @app.callback(
        Output("known-before", "data", allow_duplicate=True),
        Input("close-before", "n_clicks"),
        State("known-before", "data"),
        prevent_initial_call=True,
    )
    def close(n_clicks: int, name: str | None) -> str | None:
        return None if n_clicks else name


def _register_cards(app: Dash, context: AppContext) -> None:
    @app.callback(
        *_drawn(),
        Output("batches-tick", "interval"),
        Input("batches-tick", "n_intervals"),
        Input("job", "data"),
        Input("shown", "data"),
        Input("batches-all", "data"),
        State("batches-shown", "data"),
    )
    def show(
        _n: int | None, job: str | None, _shown: str | None, are_all: bool, shown_before: str | None
    ) -> tuple[Any, ...]:
        uploads = of_caller(context)
        interval = BUSY_MS if any(_is_running(upload) and not upload.is_paused for upload in uploads) else IDLE_MS
        return (*_redrawn(uploads, job, shown_before, are_all=are_all), interval)

    @app.callback(Output("batches-all", "data"), Input("all-batches", "n_clicks"), prevent_initial_call=True)
    def show_all(n_clicks: int) -> Any:
        return True if n_clicks else no_update

    @app.callback(
        *_drawn(allow_duplicate=True),
        Output("job", "data", allow_duplicate=True),
        Output("known-before", "data", allow_duplicate=True),
        Input({"batch": ALL, "name": ALL}, "n_clicks"),
        State("job", "data"),
        State("batches-shown", "data"),
        State("batches-all", "data"),
        prevent_initial_call=True,
    )
    def act(_n_clicks: list[int], job: str | None, shown_before: str | None, are_all: bool) -> tuple[Any, ...]:
        clicked = ctx.triggered_id
        if not isinstance(clicked, dict) or not ctx.triggered[0]["value"]:
            return *_AS_IT_IS, no_update, no_update
        name, what = clicked["name"], clicked["batch"]
        if all(upload.details.name != name for upload in of_caller(context)):
            # It was removed meanwhile; the cards say so.
            what = ""
        _ACTIONS.get(what, _nothing)(context, name)
        # Whatever was done with the file that is shown, the page looks at it again.
        set_props("tick", {"disabled": False})
        set_props("sending", {"children": ""})
        job_then = {"show": name, "remove": None if name == job else job}.get(what, job)
        redrawn = _redrawn(of_caller(context), job_then, shown_before, are_all=are_all)
        return *redrawn, (no_update if job_then == job else job_then), None


def scored_before(context: AppContext, content: bytes) -> Upload | None:
    """The caller's file of these bytes that was scored as it would be now, or is at this moment; the whole of it first.

    That is by the present model, under the cut-offs and the stop in force: DecisionLogError if these are not known.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    scorer = context.scorer()
    alike = [
        upload
        for upload in sent_by_caller(context)
        if upload.details.content_sha256 == sha256
        and upload.details.sha256 == scorer.sha256
        and _rank(upload) is not None
        and upload_scoring.is_decided_as_now(context, upload.details)
    ]
    return min(alike, key=lambda upload: _rank(upload) or 0, default=None)


def scored_of(context: AppContext, content_sha256: str) -> str | None:
    """The random name of the caller's latest file of some content that can be looked at; None if there is none."""
    alike = (item for item in of_caller(context) if item.has_result and item.details.content_sha256 == content_sha256)
    return next((item.details.name for item in alike), None)


def _rank(upload: Upload) -> int | None:
    """Which of several runs of a file says most about it; None if it says nothing."""
    if upload.is_over and not upload.record.n_scored and not upload.has_result:
        return None
    cases = (
        upload.has_result and upload.is_whole,
        _is_running(upload),
        upload.is_kept and upload.is_asking,
        upload.is_whole,
        upload.has_result,
    )
    return next((rank for rank, is_so in enumerate(cases) if is_so), len(cases))


class Cards(NamedTuple):
    """What stands in the list of files: in sight, and what can be folded away, with its heading; None if nothing."""

    going_on: Component | None
    summary: str
    over: list[Component]
    is_open: bool
    is_hidden: bool


def _drawn(**more: bool) -> list[Output]:
    """Where the parts of `Cards` go, and what tells whether they are still right."""
    places = ("going-on", "children"), ("summary", "children"), ("over", "children"), ("folded", "open")
    outputs = [Output(f"batches-{place}", part, **more) for place, part in (*places, ("folded", "hidden"))]
    return [*outputs, Output("batches-shown", "data", **more)]


def cards(uploads: list[Upload], shown: str | None, *, are_all: bool = False) -> Cards:
    """A card for each file but one that is being scored on the stage; none if there is only the one that is shown.

    What still wants somebody stands in sight, and what is over can be folded away: the latest of it, or all.
    """
    listed = [upload for upload in uploads if not (_is_running(upload) and upload.details.name == shown)]
    if [upload.details.name for upload in listed] in ([], [shown]):
        return Cards(None, "", [], is_open=False, is_hidden=True)
    going_on = [_card(upload, shown) for upload in listed if upload.is_kept and not upload.is_over]
    over = [upload for upload in listed if upload.is_over or not upload.is_kept]
    drawn = over if are_all else over[:MOST_OVER]
    folded: list[Component] = [_list_of([_card(upload, shown) for upload in drawn])]
    if len(drawn) < len(over):
        folded.append(html.Button(f"Show all {len(over)}", id="all-batches", className="button", n_clicks=0))
    in_sight = _list_of(going_on) if going_on else None
    is_open = shown is None or are_all
    return Cards(in_sight, f"Files sent: {len(over)}", folded, is_open=is_open, is_hidden=not over)


def _list_of(listed: list[Component]) -> Component:
    return html.Div(listed, className="batch-list", role="list")


def sent_again(upload: Upload) -> Component:
    """A file that was scored before: what came out then, and the way to have it scored once more."""
    named = f", as {upload.details.filename}" if upload.details.filename else ""
    what = ": it is being scored." if _is_running(upload) and not upload.is_paused else f": {progress(upload)}"
    where = " It is shown below." if upload.is_kept else " Its clients would be decided about once more."
    return html.Section(
        className="notice",
        role="status",
        children=[
            html.P(f"This very file was sent before{named}{what}{where}"),
            html.Div(
                [
                    # What it does stands in assets/upload.js, which still has the file.
                    html.Button("Score again", id="score-again", className="button", n_clicks=0),
                    html.Button("Close", id="close-before", className="button", n_clicks=0),
                ],
                className="actions",
            ),
        ],
    )


def progress(upload: Upload) -> str:
    """How far a file is, or what came of it, in a sentence or two."""
    record = upload.record
    clients = counted(record.n_rows, "client")
    if upload.is_over or not upload.is_kept:
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
    when = _when(upload.noted_at)
    if record.state == "failed":
        return f"Nothing was scored. {sentence(details.message)}"
    if not record.n_done:
        return f"Stopped {when} before its first client."
    cut = f" It was stopped after {record.n_done:,}." if record.n_done < record.n_rows else ""
    gone = "" if upload.is_kept else " The result is no longer kept here."
    return f"{record.n_scored:,} of {clients} scored {when} by v{details.version}.{cut}{gone}"


def _when(at: float) -> str:
    """A time of today, or a day and a time, in the time of this machine."""
    then, today = datetime.fromtimestamp(at), datetime.now()
    on = "" if then.date() == today.date() else f"on {day(then)} "
    return f"{on}at {then:%H:%M}"


def _is_running(upload: Upload) -> bool:
    """Whether it is being scored, or waits for that, or is paused."""
    return upload.is_kept and not (upload.is_over or upload.is_asking)


def _redrawn(uploads: list[Upload], shown: str | None, shown_before: str | None, *, are_all: bool) -> tuple[Any, ...]:
    """The cards and their fingerprint if other cards or buttons are due; if not, just how far each file is.

    A button that stays keeps the focus and every click, and who listens hears no card twice.
    """
    state = _fingerprint(uploads, shown, are_all=are_all)
    if state != shown_before:
        return *cards(uploads, shown, are_all=are_all), state
    for upload in uploads:
        if _is_running(upload) and upload.details.name != shown:
            for part, properties in _how_far(upload).items():
                set_props({"batch-part": part, "name": upload.details.name}, properties)
            set_props({"batch": "pause", "name": upload.details.name}, _pause_words(upload))
    return _AS_IT_IS


def _how_far(upload: Upload) -> dict[str, Attributes]:
    """What changes on the card of a file that is being scored: the properties of each part."""
    record = upload.record
    return {
        "card": {"className": _looks(upload)},
        "bar": {"value": str(record.n_done), "max": str(max(record.n_rows, 1))},
        "text": {"children": progress(upload)},
    }


def _looks(upload: Upload) -> str:
    if not upload.is_kept:
        return "batch past"
    return f"batch {'paused' if upload.is_paused else upload.record.state}"


def _pause_words(upload: Upload) -> Attributes:
    word = "Go on" if upload.is_paused else "Pause"
    return {"children": word, **attributes("aria-", label=f"{word}: {upload.details.filename}")}


def _card(upload: Upload, shown: str | None) -> Component:
    details = upload.details
    is_shown = details.name == shown and upload.is_kept
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
            html.Small(f"sent by {details.actor}{' · shown below' if is_shown else ''}"),
            bar,
            html.P(id=name_of["text"], **parts["text"]),
            html.Div(_buttons(upload, is_shown), className="actions"),
        ],
    )


def _buttons(upload: Upload, is_shown: bool) -> list[Component]:
    """What can be done with a file. What would take a result away takes two clicks."""
    name, filename = upload.details.name, upload.details.filename

    def button(what: str, word: str) -> Component:
        label = attributes("aria-", label=f"{word}: {filename}")
        return html.Button(word, id={"batch": what, "name": name}, className="button", n_clicks=0, **label)

    if not upload.is_kept:
        return [button("remove", "Remove")]
    buttons = [] if is_shown else [button("show", "Show")]
    if upload.is_asking:
        return [*buttons, button("stop", "Leave it")]
    if not upload.is_over:
        buttons.append(button("pause", "Go on" if upload.is_paused else "Pause"))
        return [*buttons, button("stop", "Stop")]
    if upload.can_go_on:
        buttons.append(button("go on", "Go on"))
    if not upload.has_result:
        return [*buttons, button("remove", "Remove")]
    sure = [html.Summary("Remove", **attributes("aria-", label=f"Remove: {filename}")), button("remove", "Remove now")]
    return [*buttons, html.Details(sure, className="remove")]


def _fingerprint(uploads: list[Upload], shown: str | None, *, are_all: bool) -> str:
    """Which cards there are, and what is on them beside the progress of files that are being scored.

    A browser may keep it: nothing can be read from it.
    """
    said = [
        (upload.details.name, upload.is_asking, upload.is_kept, None if _is_running(upload) else upload.record)
        for upload in uploads
    ]
    return hashlib.sha256(repr((said, shown, are_all)).encode()).hexdigest()
