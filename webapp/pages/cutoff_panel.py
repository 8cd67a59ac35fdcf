"""The cut-offs in money: two sliders, what each position would have done to applicants of known fate, and saving it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dash import dcc, html
from dash.development.base_component import Component

from creditrisk.scoring import CutoffFigures, Cutoffs, Evaluation, Scorer, figures_at
from creditrisk.text import counted
from webapp.callback_bodies import MOST_MONEY
from webapp.lamp_changes import LampChange
from webapp.pages import wording
from webapp.pages.components import attributes, client_button, lamp, plain_table
from webapp.pages.model_card import share

# The step of a slider, in applicants of 100.
STEP = 0.5
# A longer list is told by its number.
MOST_LISTED = 50


def with_cutoffs(scorer: Scorer, approve_below: float, decline_from: float) -> Scorer:
    """The scorer as it would decide by other PDs, 0 to 1, and never stopped."""
    cutoffs = Cutoffs(scorer.name, scorer.version, approve_below, decline_from)
    return scorer.under(replace(scorer.policy, cutoffs=cutoffs, stop=None))


def in_force(scorer: Scorer) -> Scorer:
    """The scorer as it decides while it is not stopped."""
    return scorer.under(replace(scorer.policy, stop=None))


def position(prob_default: float) -> float:
    """Where a slider stands for a PD.

    Examples
    --------
    >>> position(1 / 6)
    16.5
    """
    return round(100 * prob_default / STEP) * STEP


def chosen(scorer: Scorer, positions: tuple[float, float]) -> tuple[float, float]:
    """The PDs that the sliders stand for; where one was not moved, the cut-off in force to its last digit.

    Raises
    ------
    TypeError, ValueError
        If they are no numbers.
    """
    own = scorer.rule.approve_below, scorer.rule.decline_from
    low, high = (
        cutoff if float(place) == position(cutoff) else float(place) / 100
        for place, cutoff in zip(positions, own, strict=True)
    )
    return low, high


def panel(scorer: Scorer, evaluation: Evaluation | None, *, may_change: bool, note: str) -> Component:
    """The sliders and what follows from them.

    Parameters
    ----------
    scorer
        Under the policy in force.
    note
        What to know about cut-offs that were set before; empty if nothing.
    """
    heading: list[Component] = [html.H2("Where to offer, where to decline")]
    if note:
        heading.append(html.P(note, className="warning", role="note"))
    if evaluation is None:
        return html.Section(
            [*heading, html.P("What other cut-offs would do was not kept with this version.")], className="panel"
        )
    rule = scorer.rule
    sliders = html.Div(
        [
            _slider("approve-below", "Offer up to", position(rule.approve_below)),
            _slider("decline-from", "Decline from", position(rule.decline_from)),
        ],
        className="sliders",
    )
    return html.Section(
        [
            *heading,
            html.P(
                "What would have come of it among applicants whose fate is known. Money is in units of what one good "
                f"loan earns: a bad loan costs {rule.costs.accept_bad:g}, a good client declined "
                f"{rule.costs.decline_good:g}, a colleague's look {rule.costs.review:g}. Whom a colleague looks at is "
                "taken to be decided rightly.",
                className="quiet",
            ),
            sliders,
            _earned(scorer.schema.currency),
            html.Div(effect(scorer, scorer, evaluation), id="effect", **attributes("aria-", live="polite")),
            html.Div(
                [
                    html.Button("Who would get another verdict?", id="list-changes", className="button", n_clicks=0),
                    html.Div(id="changes", role="status"),
                ]
            ),
            _saving(scorer) if may_change else html.P("Only an approver may save other cut-offs.", className="quiet"),
        ],
        className="panel",
        **attributes("aria-", label="Cut-offs"),
    )


def _slider(name: str, label: str, value: float) -> Component:
    return html.Label(
        [
            html.Span([f"{label} ", html.B(f"{value:g} of 100", id=f"{name}-said")]),
            dcc.Input(id=name, type="range", min=0, max=100, step=STEP, value=value, className="range"),
        ],
        htmlFor=name,
    )


def _earned(currency: str) -> Component:
    return html.Label(
        [
            f"One good loan earns, in {currency or 'money'}",
            dcc.Input(id="earned", type="number", min=0, max=MOST_MONEY, placeholder="in units of it"),
        ],
        className="earned",
        htmlFor="earned",
    )


def _saving(scorer: Scorer) -> Component:
    buttons = [html.Button("Save these cut-offs", id="save-cutoffs", className="button primary", n_clicks=0)]
    if scorer.policy.cutoffs is not None:
        # Those of another version hold no more: to confirm that ends what the header says about them.
        words = "Back to the model's own" if scorer.rule.cutoffs is not None else "Keep the model's own"
        buttons.append(html.Button(words, id="own-cutoffs", className="button", n_clicks=0))
    else:
        # The page listens to it.
        buttons.append(html.Button(id="own-cutoffs", hidden=True, n_clicks=0))
    return html.Div(
        [
            html.Label(
                ["Why? It is kept in the decision log for ever.", reason_box("cutoffs-why")], htmlFor="cutoffs-why"
            ),
            html.Div(buttons, className="buttons"),
        ],
        className="saving",
    )


def reason_box(name: str) -> Component:
    """Where a person writes why."""
    return dcc.Textarea(id=name, maxLength=1_000, rows=2, className="reason")


def effect(now: Scorer, then: Scorer, evaluation: Evaluation, earned: float | None = None) -> list[Component]:
    """What the cut-offs of `then` would have done beside those of `now`.

    Parameters
    ----------
    earned
        What one good loan earns, in the schema's currency; if not given, money is in units of it.
    """
    before, after = (figures_at(evaluation, scorer.rule, scorer.shift) for scorer in (now, then))
    is_moved = (now.rule.approve_below, now.rule.decline_from) != (then.rule.approve_below, then.rule.decline_from)
    currency = f", {now.schema.currency}" if earned and now.schema.currency else ""

    def money(of_one: float) -> str:
        return f"{100 * of_one * earned:,.0f}" if earned else f"{100 * of_one:,.1f}"

    lines = [
        ("Get an offer", share(before.approval_rate), share(after.approval_rate)),
        ("Go to a colleague", share(before.referral_rate), share(after.referral_rate)),
        ("Are declined", share(before.decline_rate), share(after.decline_rate)),
        ("Of those with an offer go bad", _bad(before), _bad(after)),
        (f"Cost of 100 applicants{currency}", money(before.cost), money(after.cost)),
        (f"Profit from 100 applicants{currency}", money(before.profit), money(after.profit)),
    ]
    parts: list[Component] = [_table(("", "Now", "Then" if is_moved else "Then (not moved)"), lines)]
    if after.groups:
        fields = list(dict.fromkeys(group.field for group in before.groups))
        pairs = sorted(
            zip(before.groups, after.groups, strict=True),
            key=lambda pair: (fields.index(pair[0].field), _third(pair[0].group)),
        )
        groups = [
            (f"{one.field}: {one.group} ({one.n_rows:,})", share(one.approval_rate), share(other.approval_rate))
            for one, other in pairs
        ]
        parts.append(html.H3("Who gets an offer, by group (the model sees none of these)"))
        parts.append(_table(("Group (applicants)", "Now", "Then"), groups))
    return parts


def _third(group: str) -> int:
    """Which third of a number a group is, as `protected_groups` calls them; those of categories keep their order.

    Examples
    --------
    >>> sorted(["over 33 to 45 years", "over 45 years", "up to 33 years"], key=_third)
    ['up to 33 years', 'over 33 to 45 years', 'over 45 years']
    >>> sorted(["Male", "Female"], key=_third)
    ['Male', 'Female']
    """
    if group.startswith("up to "):
        return 0
    return 2 if group.startswith("over ") and " to " not in group else 1


def _bad(figures: CutoffFigures) -> str:
    return f"{100 * figures.bad_rate:.1f} %" if figures.approval_rate else "–"


def _table(heads: Sequence[str], lines: Sequence[tuple[str, str, str]]) -> Component:
    rows = [
        html.Tr(
            [
                html.Th(name, scope="row"),
                html.Td(now, className="figure"),
                html.Td(html.B(then) if then != now else then, className="figure"),
            ]
        )
        for name, now, then in lines
    ]
    return plain_table(heads, rows, figures=heads[1:], is_narrow=True)


def list_of_changes(changes: Sequence[LampChange], n_looked_at: int) -> list[Component]:
    """The clients of the last decisions whose verdict would be another one."""
    if not n_looked_at:
        return [html.P("The decision log holds no decision of this version yet.")]
    of_whom = f"of the last {counted(n_looked_at, 'client')} this version decided about"
    if not changes:
        return [html.P(f"None {of_whom} would get another verdict.")]
    rows = [
        html.Tr(
            [
                html.Th(client_button(change.application_id, change.seq), scope="row"),
                html.Td(wording.risk_words(change.prob_default), className="figure"),
                html.Td(lamp(change.before)),
                html.Td(lamp(change.after)),
            ]
        )
        for change in changes[:MOST_LISTED]
    ]
    listed = f"; the newest {MOST_LISTED} are listed" if len(changes) > MOST_LISTED else ""
    return [
        html.P(f"{len(changes):,} {of_whom} would get another verdict{listed}."),
        plain_table(("Client", "Risk", "Now", "Then"), rows, figures=("Risk",), is_tall=True),
    ]
