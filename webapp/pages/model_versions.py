"""The versions of the model that serves: what speaks for and against each, and who may make one champion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dash import html
from dash.development.base_component import Component

from webapp.pages import wording
from webapp.pages.cutoff_panel import reason_box
from webapp.versions_note import KnownVersion

SAME = "The same model came out again."
HOW_LONG = "A version is proved first, which takes some seconds; then it serves within five."
MOVING = "Working on it: the version is proved, then made to serve. Stay on this page."


def versions_panel(versions: Sequence[KnownVersion], *, may_change: bool) -> Component:
    """The table of versions and, for who may, the two moves."""
    if not versions:
        said = "The registry has not said yet which versions there are. It is asked again and again."
        return html.Section([html.H2("Versions"), html.P(said, className="quiet")], className="panel")
    head = html.Tr(
        [
            html.Th(text, scope="col")
            for text in ("Version", "Trained", "What the comparison found", "What speaks against it", "Look")
        ]
    )
    rows = [
        html.Tr(
            [
                html.Th(_name(item), scope="row"),
                html.Td(wording.day(datetime.fromisoformat(item.created_at))),
                html.Td(SAME if item.is_same else item.evidence or "–"),
                html.Td(item.against or "–"),
                html.Td(_links(item)),
            ]
        )
        for item in versions
    ]
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="plain words")
    parts: list[Component] = [html.H2("Versions"), html.Div(table, className="scroll", tabIndex=0)]
    parts += (
        _moves(versions)
        if may_change
        else [html.P("Only an approver may change which version serves.", className="quiet")]
    )
    return html.Section(parts, className="panel")


def _name(item: KnownVersion) -> str:
    roles = [
        words
        for words, holds in (
            ("serves", item.is_champion),
            ("before", item.is_previous),
            ("challenger", item.is_challenger),
        )
        if holds and not (words == "challenger" and item.is_champion)
    ]
    return item.version + (f" ({', '.join(roles)})" if roles else "")


def _links(item: KnownVersion) -> list[Component | str]:
    links: list[Component | str] = [html.A("Validation", href=item.pack, target="_blank", rel="noreferrer")]
    if item.comparison:
        links += [" · ", html.A("Comparison", href=item.comparison, target="_blank", rel="noreferrer")]
    return links


def _moves(versions: Sequence[KnownVersion]) -> list[Component]:
    others = [item for item in versions if not item.is_champion]
    previous = next((item for item in versions if item.is_previous and not item.is_champion), None)
    if not others:
        return [html.P("There is no other version yet.", className="quiet")]
    back = f"Back to version {previous.version}" if previous is not None else "Back"
    return [
        html.Label(["Why? It is kept with the version for ever.", reason_box("move-why")], htmlFor="move-why"),
        html.Div(
            [
                *(
                    html.Button(
                        f"Make version {item.version} serve",
                        id={"type": "promote", "version": item.version},
                        className="button primary" if item.is_challenger else "button",
                        n_clicks=0,
                    )
                    for item in others
                ),
                html.Button(back, id="roll-back", className="button", n_clicks=0, hidden=previous is None),
            ],
            className="buttons",
        ),
        html.P(HOW_LONG, id="moving", className="quiet", role="status"),
    ]
