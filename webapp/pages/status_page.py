"""The page about everything that runs: how each service is, what follows when one is away, and what to do then.

It asks no service itself: it reads what `service_watch.py` found, so nothing here waits for anything.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from webapp.access import the_caller
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
# What does not answer for itself, and how one says that it is well.
WELL = {"report": "in time", "queue": "has room", "disk": "has room"}


def layout(context: AppContext) -> list[Component]:
    """The page as it is first seen."""
    return [
        html.Main(
            [html.H1(TITLE), message_line(), html.Div(_content(context), id="services")],
            className="status-page",
            tabIndex="0",  # it scrolls, and holds nothing else that a keyboard could reach
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
    summary = html.P(_summary(note, time.time()), className="summary")
    return [summary, html.Ul(lines, className="services"), *_elsewhere(note)]


def _elsewhere(note: ServiceNote) -> list[Component]:
    """Where the services' own pages are, for those who look after the model."""
    if not note.links or "analysis" not in the_caller().permissions:
        return []
    links = [
        html.A(f"{link.name}: {link.shows}", href=link.address, target="_blank", rel="noreferrer")
        for link in note.links
    ]
    return [html.Nav(links, className="elsewhere", **attributes("aria-", label="Other services"))]


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
    word = WELL.get(service.key, word) if service.state == "answers" else word
    said: list[Component] = [html.P(service.said)]
    if service.follows and service.state not in ("answers", "unknown"):
        said.append(html.P(service.follows))
    if service.to_do:
        said.append(html.P([html.B("What to do: "), *_with_code(service.to_do)], className="to-do"))
    return html.Li(
        [
            html.Div([html.I(sign, className="sign", **attributes("aria-", hidden="true")), word], className="lamp"),
            html.H2(service.title),
            html.Div(said, className="about"),
            html.Div(f"since {_moment(service.since)}", className="quiet since"),
        ],
        className=f"service {service.state}",
    )


def _with_code(text: str) -> list[str | Component]:
    """A sentence in which what stands between backticks is for the command line."""
    return [html.Code(part) if index % 2 else part for index, part in enumerate(text.split("`"))]


def _clock(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S} UTC"


def _moment(moment: float) -> str:
    """A time of today, or of another day."""
    at = datetime.fromtimestamp(moment, UTC)
    return f"{at:%H:%M} UTC" if at.date() == datetime.now(UTC).date() else f"{wording.day(at)}, {at:%H:%M} UTC"
