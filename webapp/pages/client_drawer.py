"""The drawer about one client: the gauge, the risk in words, how sure, and what raised or lowered it."""

from __future__ import annotations

import polars as pl
from dash import html
from dash.development.base_component import Component

from creditrisk.pages.palette import VERDICT_LOOKS
from creditrisk.schema import Target
from creditrisk.scoring import ScoredRow
from webapp.pages import gauge, wording
from webapp.pages.components import closer, sentence

# In each direction.
MOST_BARS = 5


def drawer(
    row: ScoredRow,
    pushes: pl.DataFrame,
    *,
    approve_below: float,
    decline_from: float,
    target: Target,
    model: str,
) -> list[Component]:
    """One client: the gauge, the risk in words, how sure, and what raised or lowered it.

    Parameters
    ----------
    row
        The client's row of the results.
    pushes
        Columns `label`, `value` (words) and `contribution` (log-odds, above 0 raises the risk), one row a field.
    approve_below, decline_from
        The PDs where the verdict changes.
    target
        The outcome, for its words.
    model
        Name and version of the model that answered.
    """
    look, prob_default, confidence = VERDICT_LOOKS[row["verdict"]], row["prob_default"], row["confidence"]
    svg = gauge.gauge(prob_default, approve_below, decline_from)
    raised = pushes.filter(pl.col("contribution") > 0).sort("contribution", descending=True).head(MOST_BARS)
    lowered = pushes.filter(pl.col("contribution") < 0).sort("contribution").head(MOST_BARS)
    longest = max([abs(value) for value in pushes["contribution"]], default=0.0) or 1.0
    return [
        closer(),
        html.H2(f"Client {row['application_id']}"),
        html.Span(look.words, className=f"verdict {look.band}"),
        html.Img(src=gauge.as_address(svg), alt=f"Gauge: risk {wording.risk_words(prob_default)}", className="gauge"),
        html.P(
            [html.B(sentence(_about(prob_default))), f" similar applicants {target.bad_happened}."], className="natural"
        ),
        html.P(
            [
                "How sure: ",
                html.B(f"{wording.confidence_words(row['verdict'], confidence)}, {wording.percent(confidence)}"),
                html.Br(),
                html.Small(sureness(row["verdict"], confidence, target)),
            ],
            className="sure",
        ),
        *_problems(row["problems"]),
        *bars("What raised the risk", raised, longest, "up"),
        *bars("What lowered the risk", lowered, longest, "down"),
        html.P(wording.COMPARED_WITH, className="quiet"),
        html.P(f"Scored by {model}", className="quiet"),
    ]


def _problems(problems: list[str]) -> list[Component]:
    return [html.Ul([html.Li(problem) for problem in problems], className="problems")] if problems else []


def sureness(verdict: str, confidence: float, target: Target) -> str:
    """What the confidence of a verdict means, in a sentence.

    Examples
    --------
    >>> sureness("approve", 0.93, Target("default", "Default", bad=("1",), good=("0",)))
    'Of 100 applicants who did not repay, about 93 were rated riskier than this one.'
    """
    n = wording.of_100(confidence)
    if verdict == "approve":
        return f"Of 100 applicants who {target.bad_happened}, about {n} were rated riskier than this one."
    if verdict == "decline":
        return f"Of 100 applicants who {target.good_happened}, about {n} were rated safer than this one."
    return "Too close to call, or something unusual: a person who knows the client should decide."


def bars(title: str, pushes: pl.DataFrame, longest: float, direction: str) -> list[Component]:
    """Bars of what pushed the risk one way, longest first, with the client's own value."""
    if pushes.is_empty():
        return []
    rows = [
        html.Li(
            [
                html.Span([html.Span(label), html.Span(value, className="value")], className="what"),
                html.Span(
                    html.Span(style={"width": f"{max(2.0, 100 * abs(contribution) / longest):.0f}%"}), className="bar"
                ),
            ]
        )
        for label, value, contribution in pushes.select("label", "value", "contribution").iter_rows()
    ]
    return [html.H3(title), html.Ul(rows, className=f"bars {direction}")]


def _about(prob_default: float) -> str:
    risk = wording.risk_words(prob_default)
    return risk if risk.startswith(("under", "over")) else f"about {risk}"
