"""What people did: the stop switch, the policies that were set, and who made which version champion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dash import html
from dash.development.base_component import Component

from creditrisk.decision_log import Actor, DecisionLog, PolicySet, policies_set
from creditrisk.scoring import Policy
from creditrisk.text import moment_words
from webapp.pages.components import attributes, plain_table
from webapp.pages.cutoff_panel import reason_box

# Longer ago is in the log.
MOST_LISTED = 20
SHOWN, KEPT = "Why? It is shown in the header of every page.", "Why? It is kept in the decision log for ever."


def stop_panel(policy: Policy, *, may_change: bool) -> Component:
    """The stop switch: how it stands, and the one action that changes it."""
    if policy.stop is None:
        said = "One action makes every verdict “ask a colleague”, everywhere, until it is taken back."
        button, is_stopped = "Send everybody to a colleague", False
    else:
        said = f"{_ended(policy.stop.sentence)} Every verdict is “ask a colleague”."
        button, is_stopped = "Let the model decide again", True
    parts: list[Component] = [
        html.H2("Scoring is stopped" if is_stopped else "Stop switch"),
        html.P(said, className="warning" if is_stopped else ""),
    ]
    if may_change:
        parts += [
            html.Label([KEPT if is_stopped else SHOWN, reason_box("stop-why")], htmlFor="stop-why"),
            html.Div(
                html.Button(
                    button, id="stop-switch", className=f"button {'primary' if is_stopped else ''}", n_clicks=0
                ),
                className="buttons",
            ),
        ]
    else:
        parts.append(html.P("Only an approver may do that.", className="quiet"))
    return html.Section(parts, className="panel", **attributes("aria-", label="Stop switch"))


def _ended(said: str) -> str:
    """A sentence that ends with somebody's own words, which may lack the full stop.

    Examples
    --------
    >>> _ended("wrong data"), _ended("wrong data!")
    ('wrong data.', 'wrong data!')
    """
    return said if said.endswith((".", "!", "?", "…")) else f"{said}."


def history(log: DecisionLog, model: str) -> Component:
    """Who made which version champion, and who set what, the newest first."""
    if not log.is_begun():
        done = []
    else:
        done = [(item.at, f"Version {item.fact.value} serves", person(item.by), in_short(item.fact.why))
                for item in log.history("champion") if item.fact.key == model]  # fmt: skip
        done += _of_policies(policies_set(log))
    done.sort(key=lambda item: item[0], reverse=True)
    if not done:
        table: Component = html.P("Nothing was changed yet.")
    else:
        rows = [
            html.Tr([html.Td(moment_words(at)), html.Th(what, scope="row"), html.Td(who), html.Td(why)])
            for at, what, who, why in done[:MOST_LISTED]
        ]
        table = plain_table(("When", "What", "Who", "Why"), rows, looks="words")
    return html.Section([html.H2("What was changed, by whom and why"), table], className="panel")


def in_short(why: str) -> str:
    """Why a version was promoted, without the figures of what spoke against it: they stand beside the version.

    Examples
    --------
    >>> in_short("to see (against the evidence: the comparison says keep: no improvement seen)"), in_short("better")
    ('to see (against the evidence)', 'better')
    """
    reason, against, _ = why.partition(" (against the evidence: ")
    return f"{reason} (against the evidence)" if against else reason


def person(by: Actor) -> str:
    """Who did something, in which role."""
    return f"{by.name} ({by.role})" if by.role else by.name


def _of_policies(found: Sequence[PolicySet]) -> list[tuple[datetime, str, str, str]]:
    """Each policy by what it changed."""
    before, done = Policy(), []
    for item in found:
        done.append((item.at, _changed(before, item.policy), person(item.by), item.why))
        before = item.policy
    return done


def _changed(before: Policy, after: Policy) -> str:
    """What one policy changed of the one before, old and new.

    Examples
    --------
    >>> from creditrisk.scoring import Cutoffs
    >>> one, other = Cutoffs("lender", "3", 0.1, 0.3), Cutoffs("lender", "3", 0.12, 0.3)
    >>> _changed(Policy(1, one), Policy(2, other))
    'Version 3 offers up to 12 and declines from 30 of 100 (before: up to 10, from 30)'
    """
    if (before.stop is None) != (after.stop is None):
        return "Scoring goes on" if after.stop is None else "Scoring is stopped"
    old, new = before.cutoffs, after.cutoffs
    was = "before: the model's own"
    if old is not None:
        was = f"before: up to {100 * old.approve_below:g}, from {100 * old.decline_from:g}"
        if new is not None and old.model_version != new.model_version:
            was += f", for version {old.model_version}"
    if new is None:
        return f"The model decides by its own cut-offs ({was})"
    low, high = 100 * new.approve_below, 100 * new.decline_from
    return f"Version {new.model_version} offers up to {low:g} and declines from {high:g} of 100 ({was})"
