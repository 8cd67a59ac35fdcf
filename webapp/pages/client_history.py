"""One client on the page about the past: the timeline, the download of all that is kept, and the way to erase it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import ALL, MATCH, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from creditrisk.decision_log import Event, application_of, events_about, events_numbered, policies_set
from creditrisk.errors import CreditRiskError, DecisionLogError
from creditrisk.schema import Schema
from creditrisk.scoring import client_words
from creditrisk.text import counted, sentence
from webapp.access import Caller, the_caller
from webapp.context import AppContext
from webapp.errors import NothingAboutError
from webapp.pages import timeline
from webapp.pages.components import answer_in_browser, attributes
from webapp.pages.cutoff_panel import reason_box
from webapp.pages.history_lists import grid
from webapp.pages.review import FilterRule
from webapp.personal_data import MOST_CHARACTERS, ROUTE, erase_person
from webapp.pinned_versions import kept_versions

# More about one client are in the download.
MOST_SHOWN = 200


def search_field() -> list[Component]:
    """Where a client's number is typed; a browser is told to keep nothing of it."""
    field = dcc.Input(
        id="sought", type="search", maxLength=MOST_CHARACTERS, autoComplete="off", spellCheck=False, className="seek"
    )
    return [field, html.Button("Show", id="find", className="button primary", n_clicks=0)]


def client(context: AppContext, caller: Caller, application_id: str) -> Component:
    """All that happened to a client.

    Raises
    ------
    NothingAboutError
        If the log holds nothing about the client.
    DecisionLogError
        If the log is away, or an entry was changed.
    """
    events = events_about(context.log, application_id, newest=MOST_SHOWN)
    if not events:
        raise NothingAboutError
    anchor = next(event.seq for event in reversed(events) if event.erased_on is None and event.kind != "shadow")
    parts: list[Component] = [
        html.H2(["Client ", html.Span(client_words(application_id), className="client-number")]),
        dcc.Store(id="anchor", data=anchor),
        html.Div(
            [
                _download(application_id),
                html.Div(_erasing(caller, anchor), id={"part": "erasing", "entry": anchor}, className="erasing"),
            ],
            className="of-person",
        ),
    ]
    if len(events) >= MOST_SHOWN:
        parts.append(html.P(f"The newest {MOST_SHOWN} entries; the download holds all.", className="quiet"))
    parts += [
        timeline.kind_filter(events, anchor),
        html.Div(_shown(context, events, list(timeline.KINDS)), id={"part": "events", "entry": anchor}),
    ]
    return html.Section(parts, className="panel client", **attributes("aria-", label="One client"))


def erased_entries(context: AppContext, seqs: Sequence[int]) -> Component:
    """What is left of entries whose contents were erased."""
    events = events_numbered(context.log, seqs)
    parts = [html.H2("A client who was erased"), _shown(context, events, list(timeline.KINDS))]
    return html.Section(parts, className="panel client")


def _shown(context: AppContext, events: Sequence[Event], kinds: Sequence[str]) -> Component:
    models = {event.model for event in events if event.model}
    schemas: Mapping[str, Schema] = {}
    scorer = context.champion.state.scorer
    if scorer is not None:
        schemas = {scorer.name: scorer.schema}
    try:
        policies = {item.policy.name: item.policy for item in policies_set(context.log)}
    except DecisionLogError:
        policies = {}
    versions = {model: kept_versions(context, model) for model in models}
    return timeline.timeline(events, kinds, timeline.Known(schemas, versions, policies))


def _download(application_id: str) -> Component:
    """A form that assets/history.js sends, so that the number goes into a body and stands in no address."""
    return html.Form(
        html.Button(
            "Download everything about this person",
            type="submit",
            name="application_id",
            value=application_id,
            className="button",
        ),
        action=ROUTE,
        method="post",
        className="actions",
    )


def _erasing(caller: Caller, anchor: int) -> list[Component]:
    if "changes" not in caller.permissions:
        return [html.P("Only an approver may erase what is kept of a person.", className="quiet")]
    return [
        html.Button("Erase this person …", id={"step": "erase", "entry": anchor}, className="button", n_clicks=0),
        # Asked for in the second step; the callback that needs it is there from the start.
        html.Div(
            [dcc.Textarea(id="erase-why"), html.Button(id="erase-now", n_clicks=0), html.P(id="erase-problem")],
            hidden=True,
        ),
    ]


def _confirming(n_entries: int, anchor: int) -> list[Component]:
    """The second step: why, and what it means."""
    what = counted(n_entries, "entry", "entries")
    return [
        html.Div(
            [
                html.P(
                    f"The contents of {what} about this person will be gone for ever: what was stated, the reasons, "
                    "the outcome. It cannot be undone. What was decided when, by which version, stays without a name, "
                    "and the log stays whole.",
                    className="warning",
                ),
                html.Label(
                    ["Why? It stays in the log for ever: leave the client out of it.", reason_box("erase-why")],
                    htmlFor="erase-why",
                ),
                html.Div(
                    [
                        html.Button("Erase for ever", id="erase-now", className="button primary", n_clicks=0),
                        html.Button("Leave it", id={"step": "leave", "entry": anchor}, className="button", n_clicks=0),
                    ],
                    className="actions",
                ),
                html.P(id="erase-problem", role="alert"),
            ],
            className="confirming",
        )
    ]


def register(app: Dash, context: AppContext) -> None:
    """Add the callbacks about one client."""
    _register_filter(app, context)
    _register_erasing(app, context)


def _register_filter(app: Dash, context: AppContext) -> None:
    # In the browser: a second kind, pressed before the first is answered, is one beside it and not in its place.
    button = {"kind": MATCH, "entry": MATCH}
    pressed = Output(button, "aria-pressed")
    answer_in_browser(app, "past", "turn", pressed, Input(button, "n_clicks"), State(button, "aria-pressed"))

    # By the entry that the client was opened with: an answer about one client finds no room with the next one.
    @app.callback(
        Output({"part": "events", "entry": MATCH}, "children"),
        Input({"kind": ALL, "entry": MATCH}, "aria-pressed"),
        State({"kind": ALL, "entry": MATCH}, "id"),
        prevent_initial_call=True,
    )
    def narrow(pressed: list[str], ids: list[dict[str, str | int]]) -> Any:
        if not ids:
            return no_update
        try:
            application_id = application_of(context.log, int(ids[0]["entry"]))
            if application_id is None:
                return no_update
            events = events_about(context.log, application_id, newest=MOST_SHOWN)
            kinds = [str(item["kind"]) for item, state in zip(ids, pressed, strict=True) if state == "true"]
            return _shown(context, events, kinds)
        except DecisionLogError as exc:
            return html.P(sentence(str(exc)), role="alert")


def _register_erasing(app: Dash, context: AppContext) -> None:
    @app.callback(
        Output({"part": "erasing", "entry": MATCH}, "children"),
        Input({"step": ALL, "entry": MATCH}, "n_clicks"),
        prevent_initial_call=True,
    )
    def first_step(n_clicks: list[int | None]) -> Any:
        pressed = ctx.triggered_id
        if not any(n_clicks) or not isinstance(pressed, dict):
            return no_update
        anchor = int(pressed["entry"])
        if pressed["step"] == "leave":
            return _erasing(the_caller(), anchor)
        return _confirming(len(_held_about(context, anchor)), anchor)

    @app.callback(
        Output("client", "children", allow_duplicate=True),
        Output("sending", "children", allow_duplicate=True),
        Output("erase-problem", "children"),
        Output("list", "children"),
        Output("sought", "value"),
        Input("erase-now", "n_clicks"),
        State("erase-why", "value"),
        State("anchor", "data"),
        State("decisions", "filterModel"),
        prevent_initial_call=True,
    )
    def second_step(n_clicks: int | None, why: str | None, anchor: int, shown: dict[str, FilterRule] | None) -> Any:
        if not n_clicks:
            return (no_update,) * 5
        try:
            application_id = application_of(context.log, int(anchor))
            if application_id is None:
                raise NothingAboutError
            seqs = [event.seq for event in _held_about(context, anchor)]
            done = erase_person(context, the_caller(), application_id, why or "")
            # The list still has the number; a new one asks for its rows again.
            return erased_entries(context, seqs), done, "", grid(shown), ""
        except CreditRiskError as exc:
            return no_update, no_update, sentence(str(exc)), no_update, no_update


def _held_about(context: AppContext, anchor: int) -> list[Event]:
    """The entries whose contents are about the client of an entry."""
    application_id = application_of(context.log, int(anchor))
    events = [] if application_id is None else events_about(context.log, application_id)
    return [event for event in events if event.erased_on is None and event.kind not in ("shadow", "erasure")]
