"""The card of the model that serves, in plain words: what it is for, how good it is, whether its risks come true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

import numpy as np
from dash import html
from dash.development.base_component import Component

from creditrisk.metrics import Estimate, rate
from creditrisk.scoring import CutoffFigures, Evaluation, Scorer
from creditrisk.text import counted, sentence
from webapp.pages import wording
from webapp.pages.components import attributes, plain_table
from webapp.realised import Realised, TooFew

N_GROUPS = 10
# So large a difference from what was predicted is none.
AS_PREDICTED = 0.005
NO_OUTCOMES = "the reports know of too few outcomes of its own clients"


@dataclass(frozen=True, slots=True)
class RiskGroup:
    """About a tenth of the evaluation's applicants, by risk: what was predicted, and what became of them."""

    n_rows: int
    n_bad: int
    predicted: float
    bad_rate: Estimate
    bads_caught: float


def risk_groups(evaluation: Evaluation) -> list[RiskGroup]:
    """The ten groups, the safest first; fewer where many risks are equal.

    `bads_caught` is the share of all bads that are in the group or a riskier one.
    """
    n_bad = np.asarray(evaluation["n_bad"])
    n_rows = n_bad + np.asarray(evaluation["n_good"])
    expected = n_rows * np.asarray(evaluation["prob_default"])
    place = np.minimum((np.cumsum(n_rows) - n_rows / 2) * N_GROUPS // n_rows.sum(), N_GROUPS - 1).astype(np.int64)
    groups = []
    for group in np.unique(place):
        here, n_here = place == group, int(n_rows[place == group].sum())
        bad_here = int(n_bad[here].sum())
        caught = float(n_bad[place >= group].sum() / max(n_bad.sum(), 1))
        groups.append(RiskGroup(n_here, bad_here, float(expected[here].sum() / n_here), rate(bad_here, n_here), caught))
    return groups


def observed_to_expected(evaluation: Evaluation) -> Estimate:
    """How many went bad for each that was predicted to, with its 95 % interval."""
    n_bad = np.asarray(evaluation["n_bad"])
    n_rows = n_bad + np.asarray(evaluation["n_good"])
    share = float((n_rows * np.asarray(evaluation["prob_default"])).sum() / n_rows.sum())
    found = rate(int(n_bad.sum()), int(n_rows.sum()))
    return Estimate(found.value / share, found.low / share, found.high / share)


def against_predicted(ratio: Estimate) -> tuple[str, str]:
    """How many went bad beside what was predicted: a headline, and the interval in words.

    Examples
    --------
    >>> against_predicted(Estimate(1.19, 1.02, 1.38))
    ('19 % more', 'went bad than predicted (2 % more to 38 % more)')
    >>> against_predicted(Estimate(1.001, 0.9, 1.1))
    ('As many', 'went bad as predicted (10 % fewer to 10 % more)')
    """
    between = f"({_more(ratio.low)} to {_more(ratio.high)})"
    if abs(ratio.value - 1) < AS_PREDICTED:
        return "As many", f"went bad as predicted {between}"
    return _more(ratio.value), f"went bad than predicted {between}"


def _more(ratio: float) -> str:
    return f"{abs(100 * (ratio - 1)):.0f} % {'more' if ratio >= 1 else 'fewer'}"


def card(
    scorer: Scorer,
    evaluation: Evaluation | None,
    figures: CutoffFigures | None,
    outcomes: Realised | TooFew,
    serving: str,
) -> Component:
    """What the model is for, since when and by whom it serves, and its figures, all of one size.

    Parameters
    ----------
    figures
        At the cut-offs in force.
    outcomes
        What became of clients it decided about, or that too few outcomes are known.
    serving
        Since when and by whom, in a sentence.
    """
    schema = scorer.schema
    within = f" within {schema.horizon_months} months" if schema.horizon_months else ""
    purpose = f"It estimates how many of 100 similar applicants {schema.target.bad_happened}{within}."
    protected = ", ".join(field.label for field in schema.protected)
    parts: list[Component] = [
        html.H2(f"{schema.title}, version {scorer.version}"),
        html.P(f"{purpose} {serving}"),
    ]
    if protected:
        parts.append(html.P(f"It never sees: {protected}. These are kept for the audit alone.", className="quiet"))
    if evaluation is None or figures is None:
        parts.append(html.P("How good it is was not kept with this version. Train anew to see it here."))
    else:
        n = sum(evaluation["n_good"]) + sum(evaluation["n_bad"])
        parts.append(html.Ul([_tile(*tile) for tile in tiles(evaluation, figures, outcomes)], className="figures"))
        parts.append(
            html.P(
                f"The test: {n:,} applications that it was not trained on; in brackets where chance stays 95 times in "
                f"100. {sentence(str(scorer.metrics.get('protocol', ''))[:400])}.",
                className="quiet",
            )
        )
    return html.Section(parts, className="panel", **attributes("aria-", label="The model"))


def tiles(evaluation: Evaluation, figures: CutoffFigures, outcomes: Realised | TooFew) -> list[tuple[str, str, str]]:
    """The figures of the card: each large, with what it means and whose it is."""
    area, low, high = (100 * value for value in evaluation["auc"])
    has_offers = figures.approval_rate > 0
    got, most = (share(end) for end in figures.approval_between)
    by_now = "In the test, by the cut-offs in force"
    return [
        (
            f"{area:.0f} of 100",
            f"pairs of a client who went bad and one who did not: it finds the riskier ({low:.0f} to {high:.0f})",
            "In the test",
        ),
        _went_bad(evaluation, outcomes),
        (
            wording.risk_words(figures.bad_rate) if has_offers else "–",
            "of those with an offer went bad"
            + (f" ({wording.range_words(*figures.bad_between)})" if has_offers else ""),
            by_now,
        ),
        (
            share(figures.approval_rate),
            f"got an offer ({got} to {most}); {share(figures.referral_rate)} went to a colleague",
            by_now,
        ),
    ]


def _went_bad(evaluation: Evaluation, outcomes: Realised | TooFew) -> tuple[str, str, str]:
    """How many went bad beside what was predicted: of its own clients, and of the test until that can be told."""
    if isinstance(outcomes, TooFew):
        figure, words = against_predicted(observed_to_expected(evaluation))
        known = f"{counted(outcomes.n_known, 'outcome')} of its own offers known, too few of them old enough"
        return figure, words, f"In the test; {known if outcomes.n_known else NO_OUTCOMES}"
    figure, words = against_predicted(outcomes.ratio)
    months = (outcomes.first_month, outcomes.last_month)
    first, last = (f"{datetime.fromisoformat(f'{month}-01'):%b %Y}" for month in months)
    between = f"in {first}" if first == last else f"from {first} to {last}"
    whose = f"{outcomes.n_rows:,} of its own clients, decided about {between}; the report of {wording.day(outcomes.at)}"
    return figure, words, whose


def _tile(figure: str, meaning: str, source: str) -> Component:
    return html.Li([html.B(figure), html.Span(meaning), html.Small(f"{source}.")])


def share(value: float) -> str:
    """A share in per cent, to a whole one.

    Examples
    --------
    >>> share(0.614), share(0.004)
    ('61 %', '0.4 %')
    """
    return f"{100 * value:.1f} %" if 0 < value < 0.01 else f"{100 * value:.0f} %"


def calibration(groups: Sequence[RiskGroup]) -> Component:
    """Predicted and observed risk of ten groups of clients, as a chart whose rows are a table."""
    top = max([*(group.predicted for group in groups), *(group.bad_rate.high for group in groups), 0.01])
    # The line ends at a whole number, which stands above it.
    top = ceil(100 * top) / 100
    line = f"From 0 to {100 * top:.0f} of 100"
    names = ("Group", "Clients", "Predicted", "Went bad", line, "Bads found so far")
    rows = [
        html.Tr(
            [
                html.Th(_group_name(index, len(groups)), scope="row"),
                html.Td(f"{group.n_rows:,}", className="figure"),
                html.Td(f"{100 * group.predicted:.1f}", className="figure"),
                html.Td(
                    f"{100 * group.bad_rate.value:.1f} ({100 * group.bad_rate.low:.0f} to "
                    f"{100 * group.bad_rate.high:.0f})",
                    className="figure",
                ),
                html.Td(_track(group, top), className="track-cell"),
                html.Td(share(group.bads_caught), className="figure"),
            ]
        )
        for index, group in enumerate(groups)
    ]
    figures = [name for name in names[1:] if name != line]
    return html.Section(
        [
            html.H2("Do its risks come true?"),
            html.P(
                "Clients of the test in ten groups of the same size, the riskiest first. The line is where 95 of 100 "
                "repeats would lie, the dot what became of them, the bar what was predicted; of 100 clients. “Bads "
                "found so far”: the share of all who went bad that is in this group and the riskier ones.",
                className="quiet",
            ),
            plain_table(names, rows[::-1], figures=figures, looks="calibration", is_narrow=True),
        ],
        className="panel",
    )


def _group_name(index: int, n_groups: int) -> str:
    name = {0: " (safest)", n_groups - 1: " (riskiest)"}.get(index, "")
    return f"{n_groups - index}{name}"


def _track(group: RiskGroup, top: float) -> Component:
    """Prediction, outcome and its interval on one line that ends at `top`."""

    def at(value: float) -> str:
        return f"{100 * min(value / top, 1):.2f}%"

    low, high = group.bad_rate.low, group.bad_rate.high
    return html.Div(
        [
            html.Span(className="predicted", style={"width": at(group.predicted)}),
            html.Span(className="between", style={"left": at(low), "width": at(high - low)}),
            html.Span(className="dot", style={"left": at(group.bad_rate.value)}),
        ],
        className="track",
        **attributes("aria-", hidden="true"),
    )
