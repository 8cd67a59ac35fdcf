"""The page about everything that runs: how each service is, what follows when one is away, and what to do then.

It asks no service itself: it reads what `service_watch.py` found, so nothing here waits for anything.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from webapp.context import AppContext
from webapp.pages import wording
from webapp.pages.components import attributes, message_line
from webapp.service_note import OLD_SECONDS, Service, ServiceNote, State, read_services

TITLE = "Status"
PATH = "/status"
ORDER = 60
# A lamp is a sign and a word before it is a colour.
LAMPS: dict[State, tuple[str, str]] = {
    "answers": ("●", "answers"),
    "look": ("◆", "needs a look"),
    "gone": ("▲", "gone"),
    "off": ("○", "not started"),
    "unknown": ("?", "not known"),
}


def layout(context: AppContext) -> list[Component]:
    """The page as it is first seen."""
    return [
        html.Main(
            [html.H1(TITLE), message_line(), html.Div(_content(context), id="services")],
            className="status-page",
        )
    ]


def register(app: Dash, context: AppContext) -> None:
    """Add the page's callback."""

    @app.callback(Output("services", "children"), Input("heartbeat", "n_intervals"), prevent_initial_call=True)
    def refresh(_n: int | None) -> list[Component]:
        return _content(context)


def _content(context: AppContext) -> list[Component]:
    note = read_services(context.settings.home)
    if not note.asked_at:
        return [html.P("Nobody has looked yet. This takes a few seconds after the app was started.")]
    lines = [_line(service) for service in note.services]
    return [html.P(_summary(note, time.time()), className="summary"), html.Ul(lines, className="services")]


def _summary(note: ServiceNote, now: float) -> str:
    """What all lines together say, and when they were true."""
    asked = f"Asked at {_clock(note.asked_at)}; this page renews itself."
    if now - note.asked_at > OLD_SECONDS:
        return (
            f"Nobody has looked since {_moment(note.asked_at)}: the part of the app that asks has stopped, and is "
            "started again by itself. What follows is how it stood then."
        )
    if note.gone:
        return f"Gone: {', '.join(service.title for service in note.gone)}. {asked}"
    if any(service.state == "look" for service in note.services):
        return f"Everything that was started answers, and something needs a look. {asked}"
    return f"Everything that was started answers. {asked}"


def _line(service: Service) -> Component:
    sign, word = LAMPS[service.state]
    more: list[Component] = []
    if service.follows and service.state not in ("answers", "unknown"):
        more.append(html.P(service.follows))
    if service.to_do:
        more.append(html.P([html.B("What to do: "), service.to_do], className="to-do"))
    return html.Li(
        [
            html.Div([html.I(sign, className="sign", **attributes("aria-", hidden="true")), word], className="lamp"),
            html.Div([html.H2(service.title), html.P(service.said), *more]),
            html.Div(f"since {_moment(service.since)}", className="quiet since"),
        ],
        className=f"service {service.state}",
    )


def _clock(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S} UTC"


def _moment(moment: float) -> str:
    at = datetime.fromtimestamp(moment, UTC)
    return f"{wording.day(at)}, {at:%H:%M} UTC"
