"""The versions of the model that serves: what speaks for and against each, and who may make one champion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dash import dcc, html
from dash.development.base_component import Component

from webapp.pages import wording
from webapp.pages.cutoff_panel import reason_box
from webapp.versions_note import KnownVersion

SAME = "The same model came out again."


def versions_panel(versions: Sequence[KnownVersion], *, may_change: bool) -> Component:
    """The table of versions and, for who may, the two moves."""
    if not versions:
        said = "The registry has not said yet which versions there are. It is asked again and again."
        return html.Section([html.H2("Versions"), html.P(said, className="quiet")], className="panel")
    head = html.Tr([html.Th(text, scope="col") for text in ("Version", "Trained", "For it", "Against it", "Look")])
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


def _links(item: KnownVersion) -> list[Component]:
    links: list[Component] = [html.A("Validation", href=item.pack, target="_blank", rel="noreferrer")]
    if item.comparison:
        links += [" · ", html.A("Comparison", href=item.comparison, target="_blank", rel="noreferrer")]
    return links


def _moves(versions: Sequence[KnownVersion]) -> list[Component]:
    others = [item for item in versions if not item.is_champion]
    previous = next((item for item in versions if item.is_previous and not item.is_champion), None)
    if not others:
        return [html.P("There is no other version yet.", className="quiet")]
    first = next((item for item in others if item.is_challenger), others[0])
    options = [{"label": f"Version {_name(item)}", "value": item.version} for item in others]
    back = f"Back to version {previous.version}" if previous is not None else "Back"
    return [
        html.Fieldset(
            [
                html.Legend("Which version is to serve?"),
                dcc.RadioItems(id="to-promote", options=options, value=first.version, className="choices"),
            ]
        ),
        html.Label(["Why? It is kept with the version for ever.", reason_box("move-why")], htmlFor="move-why"),
        html.Div(
            [
                html.Button("Make it serve", id="promote", className="button primary", n_clicks=0),
                html.Button(back, id="roll-back", className="button", n_clicks=0, hidden=previous is None),
            ],
            className="buttons",
        ),
        html.P("It is proved first, which takes some seconds; then it serves within five.", className="quiet"),
    ]
