"""What stands around every page: title, header, navigation."""

from __future__ import annotations

from dash import dcc, html
from dash.development.base_component import Component

from webapp.pages import wording
from webapp.pages.components import attributes, closer
from webapp.pages.score_clients import connection, intro
from webapp.serving import Standing

TITLE = "Risk-O-Meter"
HEADER_SECONDS = 15


def page(standing: Standing, *, max_rows: int, max_mb: int) -> Component:
    """The whole page as it is first seen."""
    return html.Div(
        className="shell",
        children=[
            html.Header(
                className="top",
                children=[
                    html.Img(src="/ui/assets/mark.svg", alt="", className="mark"),
                    html.Span(TITLE, className="name"),
                    html.Div(status(standing), id="status", role="status"),
                ],
            ),
            connection(),
            html.Nav(html.A("Score clients", href="/", **attributes("aria-", current="page")), className="side"),
            html.Main(
                [
                    html.H1("Score clients"),
                    html.Div(intro(standing, max_rows=max_rows, max_mb=max_mb), id="intro"),
                    html.Div(id="sending", className="sending", role="status"),
                    html.Div(id="stage"),
                ]
            ),
            html.Aside(id="drawer", className="drawer", **attributes("aria-", label="One client"), children=[closer()]),
            dcc.Store(id="model", data=identity(standing)),
            dcc.Store(id="job", storage_type="session"),
            dcc.Store(id="shown"),
            dcc.Interval(id="heartbeat", interval=1000 * HEADER_SECONDS),
            dcc.Interval(id="tick", interval=500, disabled=True),
        ],
    )


def identity(standing: Standing) -> str:
    """Which model answers, as one text; empty if none does."""
    return f"{standing.scorer.name} v{standing.scorer.version}" if standing.scorer else ""


def status(standing: Standing) -> list[Component]:
    """The right of the header: which model answers, since when, and what is away."""
    parts: list[Component] = []
    if standing.scorer is not None:
        parts.append(html.Span(["model ", html.B(standing.scorer.name), f" v{standing.scorer.version}"]))
        if standing.since is not None:
            parts.append(html.Span(f"since {wording.day(standing.since)}"))
        if standing.dataset not in ("", standing.scorer.name):
            parts.append(html.Span(f"in place of {standing.dataset}, which is to serve"))
    if standing.consequence:
        parts.append(html.Span([html.I("▲ ", className="sign"), standing.consequence], className="state away"))
    elif standing.scorer is None:
        parts.append(html.Span([html.I("○ ", className="sign"), "no model yet"], className="state away"))
    else:
        parts.append(html.Span([html.I("● ", className="sign"), "healthy"], className="state"))
    parts.append(html.Span([html.I("▲ ", className="sign"), "no connection"], className="state away only-cut-off"))
    return parts
