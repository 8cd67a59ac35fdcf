"""Small parts that several pages are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component


def message_line() -> Component:
    """Where a page says what has just gone on or gone wrong; every page has one."""
    return html.Div(id="sending", className="sending", role="status")


def sentence(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


# Keyword arguments of a Dash component; each has a type of its own.
Attributes = dict[str, Any]


def attributes(prefix: str, **values: object) -> Attributes:
    """Attributes whose names Python cannot write: `aria-label`, `data-max-mb`."""
    return {prefix + name.replace("_", "-"): str(value) for name, value in values.items()}


def choice(kind: str, label: str, options: Sequence[tuple[str, str]], chosen: str) -> Component:
    """One of several as a row of buttons, of which one is pressed.

    Parameters
    ----------
    kind
        Each button's id is `{"type": kind, "value": VALUE}`.
    options
        Value and words of each.
    """
    buttons = [
        html.Button(
            words,
            id={"type": kind, "value": value},
            className="option",
            n_clicks=0,
            **attributes("aria-", pressed=str(value == chosen).lower()),
        )
        for value, words in options
    ]
    return html.Div(
        [html.Span(label, className="quiet"), *buttons],
        className="choice",
        role="group",
        **attributes("aria-", label=label),
    )
