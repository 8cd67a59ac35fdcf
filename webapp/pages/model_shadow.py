"""What challengers would have decided about the same applications, beside what was decided."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from creditrisk.decision_log import DecisionLog, ShadowComparison, compare_shadows
from creditrisk.text import counted
from webapp.pages import wording
from webapp.pages.components import lamp, plain_table
from webapp.pages.model_card import share


def shadow_panel(log: DecisionLog, model: str, serves: str) -> Component:
    """The challengers that scored along, the newest first; the version that `serves` as it did before."""
    found = compare_shadows(log, model) if log.is_begun() else []
    parts: list[Component] = [
        html.H2("What challengers would have decided"),
        html.P(
            "The version trained last scores every application a second time, behind everybody else. Nobody is "
            "answered by it, and it counts as no decision.",
            className="quiet",
        ),
    ]
    if not found:
        parts.append(
            html.P("Nothing yet. It begins once the version trained last is another than the one that serves.")
        )
    for one in found:
        parts += _comparison(one, serves=one.model_version == serves)
    return html.Section(parts, className="panel")


def _comparison(one: ShadowComparison, *, serves: bool) -> list[Component]:
    """One challenger: how often it agrees, how far its risks lie, and where the verdicts part."""
    apart = sorted((item for item in one.verdicts if item[0] != item[1]), key=lambda item: -item[2])
    parts: list[Component] = [
        html.H3(f"Version {one.model_version}" + (", which serves now, before it did" if serves else "")),
        html.P(
            f"It would have given the same verdict to {share(one.agreement)} of "
            f"{counted(one.n_decisions, 'client')}, scored {_between(one)}. {_distance(one)}"
        ),
    ]
    if not apart:
        return parts
    rows = [
        html.Tr([html.Td(lamp(decided)), html.Td(lamp(would_be)), html.Td(f"{n:,}", className="figure")])
        for decided, would_be, n in apart
    ]
    return [*parts, plain_table(("Decided", "It would have said", "Clients"), rows, figures=("Clients",))]


def _between(one: ShadowComparison) -> str:
    first, last = wording.day(one.first), wording.day(one.last)
    return f"on {first}" if first == last else f"from {first} to {last}"


def _distance(one: ShadowComparison) -> str:
    """How far its risks lie from those decided on.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 11, 2, tzinfo=UTC)
    >>> _distance(ShadowComparison("lender", "4", at, at, -0.012, 0.031, (("approve", "approve", 3),)))
    'Its risks lie 3.1 of 100 away from those decided on, and are lower by 1.2 on average.'
    """
    away, moved = 100 * one.mean_distance, 100 * one.mean_difference
    lies = f"Its risks lie {away:.1f} of 100 away from those decided on"
    if abs(moved) < 0.05:
        return f"{lies}, and are neither higher nor lower on average."
    return f"{lies}, and are {'higher' if moved > 0 else 'lower'} by {abs(moved):.1f} on average."
