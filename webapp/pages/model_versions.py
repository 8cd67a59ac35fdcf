"""The versions of the model that serves: what speaks for and against each, its pages, and who may make one champion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from dash import dcc, html
from dash.development.base_component import Component

from webapp.pages import wording
from webapp.pages.components import attributes, plain_table
from webapp.pages.cutoff_panel import reason_box
from webapp.version_pages import page_address
from webapp.versions_note import KnownVersion

SAME = "The same model came out again."
HOW_LONG = "A version is proved first, which takes some seconds; then it serves within five."
MOVING = "Working on it: the version is proved, then made to serve. Stay on this page."


def versions_panel(
    versions: Sequence[KnownVersion], pages: Mapping[str, Sequence[str]], serves: str, *, may_change: bool
) -> Component:
    """The table of versions, room for a page of one of them and, for who may, the two moves.

    Parameters
    ----------
    pages
        By version, the names of the pages that are kept of it.
    serves
        The version that serves.
    """
    if not versions:
        said = "The registry has not said yet which versions there are. It is asked again and again."
        return html.Section([html.H2("Versions"), html.P(said, className="quiet")], className="panel")
    heads = ("Version", "Trained", "What the comparison found", "What speaks against it", "Look")
    rows = [
        html.Tr(
            [
                html.Th(_name(item), scope="row"),
                html.Td(wording.day(datetime.fromisoformat(item.created_at))),
                html.Td(SAME if item.is_same else item.evidence or "–"),
                html.Td(_against(item) or "–"),
                html.Td(_looks(item.version, pages.get(item.version, ()))),
            ]
        )
        for item in versions
    ]
    parts: list[Component] = [
        html.H2("Versions"),
        plain_table(heads, rows, looks="words"),
        html.Div(id="version-page", className="version-page"),
    ]
    parts += (
        _moves(versions, serves)
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


def _against(item: KnownVersion) -> str:
    """What speaks against a version; the comparison's sentence, which stands beside it, is not said twice."""
    said = f"the comparison says {item.evidence}"
    is_beside = item.evidence and not item.is_same
    return item.against.replace(said, "what the comparison found") if is_beside else item.against


def _looks(version: str, names: Sequence[str]) -> Component | str:
    """A button for each page of a version."""
    if not names:
        return "–"
    return html.Div(
        [
            html.Button(
                name.capitalize(),
                id={"type": "look", "version": version, "name": name},
                className="button small",
                n_clicks=0,
                **attributes("aria-", label=f"{name.capitalize()} of version {version}"),
            )
            for name in names
        ],
        className="buttons",
    )


def version_page(version: str, name: str, *, is_same: bool) -> list[Component]:
    """A page of a version, in a frame that may do nothing.

    Parameters
    ----------
    is_same
        Whether it is the very model that serves.
    """
    title, address = f"{name.capitalize()} of version {version}", page_address(version, name)
    said = [html.P(f"{SAME} So this page compares it with itself.")] if is_same and name == "comparison" else []
    return [
        html.Div(
            [
                html.H3(title),
                html.Div(
                    [
                        html.A("Open by itself", href=address, target="_blank", rel="noreferrer", className="button"),
                        html.Button("Close", id="close-page", className="button", n_clicks=0),
                    ],
                    className="buttons",
                ),
            ],
            className="page-head",
        ),
        *said,
        html.Iframe(src=address, title=title, sandbox=""),
    ]


def _moves(versions: Sequence[KnownVersion], serves: str) -> list[Component]:
    others = [item for item in versions if not item.is_champion]
    champion = next((item.version for item in versions if item.is_champion), serves)
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
        # What these buttons are pressed for: the registry's champion, which may be another one than serves.
        dcc.Store(id="champion-shown", data=champion),
    ]
