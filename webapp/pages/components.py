"""Small parts that several pages are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import ClientsideFunction, Dash, html
from dash.dependencies import DashDependency
from dash.development.base_component import Component

from creditrisk.pages.palette import VERDICT_LOOKS
from creditrisk.scoring import client_words


def message_line() -> Component:
    """Where a page says what has just gone on or gone wrong; every page has one."""
    return html.Div(id="sending", className="sending", role="status")


# Keyword arguments of a Dash component; each has a type of its own.
Attributes = dict[str, Any]


def attributes(prefix: str, **values: object) -> Attributes:
    """Attributes whose names Python cannot write: `aria-label`, `data-max-mb`."""
    return {prefix + name.replace("_", "-"): str(value) for name, value in values.items()}


def lamp(verdict: str, more: str = "") -> Component:
    """A verdict with its sign, its words and its colour; of a logged text that is no verdict, the text."""
    look = next((look for known, look in VERDICT_LOOKS.items() if known == verdict), None)
    if look is None:
        return html.Span(f"{verdict}{more}")
    return html.Span(f"{look.words}{more}", className=f"verdict {look.band}")


def client_button(application_id: str, seq: int) -> Component:
    """A client's number, as a button to all that happened to the client (assets/leads.js).

    Parameters
    ----------
    seq
        Of an entry of the log about the client: the number itself goes into no address and no store.
    """
    shown = client_words(application_id)
    return html.Button(shown, className="link", title="Show in History", **attributes("data-", entry=seq))


def choice(words: str, name: Mapping[str, object], *, is_pressed: bool) -> Component:
    """A button that stays pressed; `name` is its id."""
    pressed = attributes("aria-", pressed=str(is_pressed).lower())
    return html.Button(words, id=dict(name), className="choice", n_clicks=0, **pressed)


def choices(label: str, buttons: Sequence[Component], *, hidden: bool = False) -> Component:
    """A row of buttons with what they choose in front."""
    inside = [html.Span(label, className="quiet"), *buttons]
    return html.Div(inside, className="choices", role="group", hidden=hidden, **attributes("aria-", label=label))


def one_of(kind: str, label: str, options: Sequence[tuple[str, str]], chosen: str, **of_what: str) -> Component:
    """One of several as a row of buttons, of which one is pressed.

    Parameters
    ----------
    kind
        Each button's id is `{"type": kind, "value": VALUE}`, with `of_what`.
    options
        Value and words of each.
    """
    buttons = [
        choice(words, {"type": kind, "value": value, **of_what}, is_pressed=value == chosen) for value, words in options
    ]
    return choices(label, buttons)


def plain_table(
    heads: Sequence[str],
    rows: Sequence[Component],
    *,
    figures: Sequence[str] = (),
    looks: str = "",
    is_tall: bool = False,
    is_narrow: bool = False,
) -> Component:
    """A table that scrolls by itself where it has no room, with the keyboard too.

    Where it has less than 680 pixels its rows stand as blocks, a line for each cell with the head of its column in
    front (parts.css).

    Parameters
    ----------
    heads
        What stands above each column; one that is empty is no heading.
    figures
        The heads of columns of numbers.
    looks
        Another class of the table, for its style.
    is_tall
        Whether it may be long: then it scrolls up and down as well.
    is_narrow
        Whether its few columns have room in 300 pixels: then it stays a table there.
    """
    cells = [
        html.Th(text, scope="col", className="figure" if text in figures else "") if text else html.Td()
        for text in heads
    ]
    for row in rows if not is_narrow else ():
        for head, cell in zip(heads, row.children, strict=True):
            setattr(cell, "data-head", head)  # Python writes no such name
    look = " ".join(["plain", *([] if is_narrow else ["stacks"]), *looks.split()])
    inside = html.Table([html.Thead(html.Tr(cells)), html.Tbody(list(rows))], className=look)
    return html.Div(inside, className="scroll tall" if is_tall else "scroll", tabIndex=0)


def answer_in_browser(
    app: Dash, room: str, function: str, *depends: DashDependency, prevent_initial_call: bool = True
) -> None:
    """Have a callback answered by a function of a page's script (assets/), at once, however slow the network is.

    So of two choices that follow one another both count; of two requests Dash takes the answer to the later one only.

    Parameters
    ----------
    room, function
        Where it stands: `window.dash_clientside[room][function]`.
    depends
        Outputs, inputs and states, as of any callback.
    """
    where = ClientsideFunction(room, function)
    app.clientside_callback(where, *depends, prevent_initial_call=prevent_initial_call)  # type: ignore[no-untyped-call]  # Dash's own has no types
