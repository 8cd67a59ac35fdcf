"""The versions of the model that serves: what speaks for and against each, its pages, and who may make one champion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from dash import dcc, html
from dash.development.base_component import Component

from creditrisk.text import sentence
from webapp.pages import wording
from webapp.pages.components import attributes, plain_table
from webapp.pages.cutoff_panel import reason_box
from webapp.version_pages import page_address
from webapp.versions_note import KnownVersion

SAME = "The same model came out again."
# What a comparison says, by its verdict, of a version beside the one that it was compared with.
FOUND: Mapping[str, str] = MappingProxyType(
    {
        "promote": "it is better than version {}",
        "keep": "it is no better than version {}",
        "inconclusive": "too few clients to tell whether it is better than version {}",
    }
)
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
    heads = ("Version", "Trained", "Pairs told apart", "What the comparison found", "What speaks against it", "Look")
    rows = [
        html.Tr(
            [
                html.Th(_name(item), scope="row"),
                html.Td(wording.day(datetime.fromisoformat(item.created_at))),
                html.Td(f"{100 * item.auc:.1f} of 100" if item.auc else "–", className="figure"),
                html.Td(_found(item)),
                html.Td(_against(item) or "–"),
                html.Td(_looks(item.version, pages.get(item.version, ()))),
            ]
        )
        for item in versions
    ]
    parts: list[Component] = [
        html.H2("Versions"),
        html.P(
            "“Pairs told apart”: of a client who went bad and one who did not, how often it finds the riskier, each "
            "version in its own test. The comparison is on the same clients.",
            className="quiet",
        ),
        plain_table(heads, rows, figures=("Pairs told apart",), looks="words"),
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


def _found(item: KnownVersion) -> Component | str:
    """What the comparison of a version found: in plain words, and its figures below a fold."""
    if item.is_same:
        return SAME
    if item.verdict not in FOUND:
        return item.evidence or "–"
    figures = sentence(item.evidence.removeprefix(f"{item.verdict}: "))
    fold = html.Details([html.Summary("In figures"), html.P(f"{figures}.")])
    return html.Div([html.B(f"{sentence(FOUND[item.verdict].format(item.compared_with))}."), fold])


def _against(item: KnownVersion) -> str:
    """What speaks against a version, in a sentence; of the comparison, whose figures stand beside it, what it found."""
    said = f"the comparison says {item.evidence}"
    if item.evidence and not item.is_same:
        plainly = FOUND.get(item.verdict, "the comparison speaks against it").format(item.compared_with)
        said = item.against.replace(said, plainly)
    else:
        said = item.against
    return f"{sentence(said).rstrip('.')}." if said else ""


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
                **attributes("aria-", label=_title(version, name)),
                **attributes("data-", look=_title(version, name)),
            )
            for name in names
        ],
        className="buttons",
    )


def _title(version: str, name: str) -> str:
    return f"{name.capitalize()} of version {version}"


def version_page(version: str, name: str, *, is_same: bool) -> list[Component]:
    """A page of a version, in a frame that may do nothing.

    Parameters
    ----------
    is_same
        Whether it is the very model it was compared with.
    """
    title, address = _title(version, name), page_address(version, name)
    said = [html.P(f"{SAME} So this page compares it with itself.")] if is_same and name == "comparison" else []
    return [
        html.Div(
            [
                # Where assets/model.js brings the focus.
                html.H3(title, id="version-page-title", tabIndex=-1),
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
                # To go back to the version before is a move of its own.
                *(_move(item, champion) for item in others if item is not previous),
                html.Button(back, id="roll-back", className="button", n_clicks=0, hidden=previous is None),
            ],
            className="buttons moves",
        ),
        html.P(HOW_LONG, id="moving", className="quiet", role="status"),
        # What these buttons are pressed for: the registry's champion, which may be another one than serves.
        dcc.Store(id="champion-shown", data=champion),
    ]


def _move(item: KnownVersion, champion: str) -> Component:
    """The button that makes a version serve; where something speaks against that, below a fold that says what."""

    def button(words: str, look: str) -> Component:
        return html.Button(words, id={"type": "promote", "version": item.version}, className=look, n_clicks=0)

    words = f"Make version {item.version} serve"
    if not item.against:
        return button(words, "button primary" if item.is_challenger else "button")
    warning = f"{_against(item)} Version {champion} would decide no more; your name and reason are kept with this."
    return html.Details(
        [
            html.Summary(f"{words}, against the evidence …", className="button"),
            html.P(warning, className="warning", role="note"),
            button(f"{words} all the same", "button"),
        ],
        className="against",
    )
