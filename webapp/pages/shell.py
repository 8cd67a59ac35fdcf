"""What stands around every page: header, navigation, and what is said while the app does not answer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update, set_props
from dash.development.base_component import Component

from creditrisk.errors import CreditRiskError
from creditrisk.scoring import NO_POLICY, Policy
from creditrisk.text import sentence
from monitoring.status import ACT, WORDS
from webapp.access import Caller, page_permission, the_caller
from webapp.context import AppContext
from webapp.errors import no_room, where
from webapp.pages import Page, status_page, wording
from webapp.pages.components import attributes
from webapp.policy_changes import left_behind
from webapp.service_note import read_services
from webapp.serving import ServingState

APP_NAME = "Risk-O-Meter"
# Seldom enough for a server (a look costs it 1.4 ms), often enough to show within five seconds what others changed.
HEADER_SECONDS = 3

log = logging.getLogger("webapp.page")


def shell(page: Page, pages: Sequence[Page], context: AppContext) -> Component:
    """The whole of `page` as it is first seen, one of `pages`."""
    state, caller = context.champion.state, the_caller()
    seen = [other for other in pages if page_permission(other.PATH) in caller.permissions]
    return html.Div(
        className="shell",
        children=[
            html.Header(
                className="top",
                children=[
                    html.Img(src="/ui/assets/mark.svg", alt="", className="mark"),
                    html.Span(APP_NAME, className="name"),
                    html.Div(status(state, _policy(context)), id="status", role="status"),
                    html.Div(lamp(context, caller), id="health", role="status"),
                    *_account(caller),
                    html.Details([html.Summary("Menu"), _navigation(page, seen, context)], className="menu"),
                ],
            ),
            _connection(),
            _navigation(page, seen, context),
            *page.layout(context),
            dcc.Store(id="model", data=identity_of(state)),
            dcc.Interval(id="heartbeat", interval=1000 * HEADER_SECONDS),
        ],
    )


def register(app: Dash, context: AppContext) -> None:
    """Keep the header true. A page that shows the model listens to the data of the store `model`."""

    @app.callback(
        Output("status", "children"),
        Output("health", "children"),
        Output("model", "data"),
        Input("heartbeat", "n_intervals"),
        State("model", "data"),
    )
    def keep_header(_n: int | None, shown: str) -> tuple[list[Component], Component, Any]:
        state = context.champion.state
        identity, health = identity_of(state), lamp(context, the_caller())
        return status(state, _policy(context)), health, no_update if identity == shown else identity


def report_failure(exc: Exception) -> None:
    """Say on the page that a callback failed, and write down where; never what the data was.

    What is one of our errors says so in its own sentence, and is no failure.
    """
    if isinstance(exc, CreditRiskError):
        set_props("sending", {"children": sentence(str(exc))})
        return
    said = no_room(exc) or "Something went wrong in the app. Reload the page and try again."
    set_props("sending", {"children": said})
    log.error("a callback failed: %s", where(exc))


def _account(caller: Caller) -> list[Component]:
    """As whom one is signed in; nothing where nobody needs to be."""
    if caller.role == "local":
        return []
    return [html.A([html.B(caller.name), f" {caller.role}"], href="/account", className="account", title="Sign out")]


def _connection() -> Component:
    """What is said while the app does not answer; assets/connection.js shows it, and takes it back."""
    return html.Div(
        id="connection",
        role="alert",
        className="only-cut-off",
        children=[
            html.I("▲", className="sign", **attributes("aria-", hidden="true")),
            html.Div(
                [
                    html.Strong("The connection to the app is lost. "),
                    html.Span("Trying again every few seconds. "),
                    html.Span(["What you see is how it stood at ", html.Span(id="last-answer"), "."]),
                ]
            ),
        ],
    )


def _navigation(page: Page, pages: Sequence[Page], context: AppContext) -> Component:
    """Links to the pages: a column beside the page, and once more as a menu of the header on narrow screens."""
    links = [
        html.A(
            _title(other, context), href=other.PATH, **(attributes("aria-", current="page") if other is page else {})
        )
        for other in pages
    ]
    return html.Nav([*links, html.A("API", href="/api/docs")], className="side", **attributes("aria-", label="Pages"))


def _title(page: Page, context: AppContext) -> str | list[Component | str]:
    """What a page is called in the navigation; Monitoring with a mark while the last report says watch or act."""
    if page.PATH != "/monitoring" or not (says := read_services(context.settings.home).report_says):
        return page.TITLE
    sign = "▲" if says == WORDS[ACT] else "●"
    return [page.TITLE, html.I(f"{sign} {says}", className=f"mark-of {says}", title="What the last report says")]


def lamp(context: AppContext, caller: Caller) -> Component:
    """The header's lamp, which leads to the Status page: healthy, or what is gone."""
    gone = read_services(context.settings.home).gone
    state, policy = context.champion.state, _policy(context)
    is_healthy = state.scorer is not None and not state.consequence and policy is not None and policy.stop is None
    if gone:
        sign, words = "▲", f"{gone[0].title} is gone" if len(gone) == 1 else f"{len(gone)} services are gone"
    elif policy is not None and policy.stop is not None:
        sign, words = "○", "stopped"
    else:
        sign, words = ("●", "healthy") if is_healthy else ("○", "status")
    parts: list[Component | str] = [html.I(sign, className="sign", **attributes("aria-", hidden="true")), words]
    look = "lamp gone" if gone else "lamp"
    if page_permission(status_page.PATH) not in caller.permissions:
        return html.Span(parts, className=look)
    return html.A(parts, href=status_page.PATH, className=look, title="How everything that runs is")


def identity_of(state: ServingState) -> str:
    """Which model answers, as one text; empty if none does."""
    return f"{state.scorer.name} v{state.scorer.version}" if state.scorer else ""


def _away(said: str) -> Component:
    return html.Span([html.I("▲ ", className="sign"), said], className="state away")


def _policy(context: AppContext) -> Policy | None:
    """What people set; None while that cannot be read, and nothing is decided."""
    try:
        return context.policy.now()
    except CreditRiskError:
        return None


def status(state: ServingState, policy: Policy | None = NO_POLICY) -> list[Component]:
    """The right of the header: which model answers, since when, whether scoring is stopped, and what is away."""
    parts: list[Component] = []
    if state.scorer is not None:
        parts.append(html.Span(["model ", html.B(state.scorer.schema.title), f" v{state.scorer.version}"]))
        if state.since is not None:
            parts.append(html.Span(f"since {wording.day(state.since)}"))
        if state.dataset not in ("", state.scorer.name):
            parts.append(html.Span(f"in place of {state.dataset}, which is to serve"))
    if policy is None:
        parts.append(_away("What people set on top of the model cannot be read: nothing is decided."))
    elif policy.stop is not None:
        parts.append(_away(policy.stop.sentence))
    elif said := left_behind(policy, state.scorer):
        parts.append(_away(said))
    if state.consequence:
        parts.append(_away(state.consequence))
    elif state.scorer is None:
        parts.append(html.Span([html.I("○ ", className="sign"), "no model yet"], className="state away"))
    parts.append(html.Span([html.I("▲ ", className="sign"), "no connection"], className="state away only-cut-off"))
    return parts
