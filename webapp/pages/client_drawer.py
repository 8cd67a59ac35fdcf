"""The drawer about one client: the gauge, the risk in words, how sure, and what raised or lowered it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from dash import html
from dash.development.base_component import Component

from creditrisk.pages.palette import VERDICT_LOOKS
from creditrisk.schema import Target
from creditrisk.scoring import OF_ALL, OF_OFFERS, VERDICTS, DecisionRule, ReasonRow, ScoredRow, Verdict, reason_text
from creditrisk.text import push_words
from webapp.pages import gauge, wording
from webapp.pages.components import closer, sentence

_ZONES: dict[Verdict, str] = {"approve": "an offer", "decline": "a decline"}
# What lowered the risk of a client without an offer.
MOST_LOWERED = 3


class Bar(NamedTuple):
    """What moved a risk: in words with the client's value, how far in PD, and what is typical."""

    words: str
    push: float
    yardstick: str = ""


def drawer(
    row: ScoredRow,
    pushes: pl.DataFrame,
    *,
    rule: DecisionRule,
    target: Target,
    model: str,
) -> list[Component]:
    """One client: the gauge, the risk in words, how sure, and what raised or lowered it.

    Parameters
    ----------
    row
        The client's row of the results.
    pushes
        Columns `label`, `value` (words) and `push` (in PD, below 0 lowers the risk), one row a field.
    rule
        By which the client was decided.
    target
        The outcome, for its words.
    model
        Name and version of the model that answered.
    """
    look, prob_default, confidence = VERDICT_LOOKS[row["verdict"]], row["prob_default"], row["confidence"]
    likely = row["prob_default_low"], row["prob_default_high"]
    svg = gauge.gauge(prob_default, rule.approve_below, rule.decline_from, likely)
    zone = VERDICTS[rule.zones(np.array([prob_default]))[0]]
    parts = _what_moved(row, pushes)
    longest = max((abs(bar.push) for of_part in parts.values() for bar in of_part), default=0.0) or 1.0
    return [
        closer(),
        html.H2(f"Client {row['application_id']}"),
        html.Span(look.words, className=f"verdict {look.band}"),
        html.Img(src=gauge.as_address(svg), alt=f"Gauge: risk {wording.risk_words(prob_default)}", className="gauge"),
        html.P(
            [
                html.B(sentence(_about(prob_default))),
                f" similar applicants {target.bad_happened}.",
                html.Br(),
                html.Small(f"Likely {wording.range_words(*likely)} of 100."),
            ],
            className="natural",
        ),
        html.P(
            [
                "How sure: ",
                html.B(f"{wording.confidence_words(confidence, rule.ask_below)}, {wording.percent(confidence)}"),
                html.Br(),
                html.Small(sureness(row["verdict"], zone, confidence, is_odd=bool(row["problems"]))),
            ],
            className="sure",
        ),
        *_problems(row["problems"]),
        *(component for title, of_part in parts.items() for component in bars(title, of_part, longest)),
        html.P(wording.COMPARED_WITH, className="quiet"),
        html.P(f"Scored by {model}", className="quiet"),
    ]


def _what_moved(row: ScoredRow, pushes: pl.DataFrame) -> dict[str, list[Bar]]:
    """What speaks for and against a client with an offer; what raised and lowered the risk of any other."""
    against = bars_of(row["reasons"], OF_OFFERS)
    if row["verdict"] == "approve":
        return {wording.IN_FAVOUR: bars_of(row["strengths"], OF_ALL), wording.AGAINST: against}
    lowered = pushes.filter(pl.col("push") < 0).sort("push").head(MOST_LOWERED)
    of_lowered = [Bar(f"{label}: {value}", push) for label, value, push in lowered["label", "value", "push"].rows()]
    return {wording.RAISED: against, wording.LOWERED: of_lowered}


def _problems(problems: list[str]) -> list[Component]:
    return [html.Ul([html.Li(problem) for problem in problems], className="problems")] if problems else []


def sureness(verdict: str, zone: Verdict, confidence: float, *, is_odd: bool) -> str:
    """What the confidence means, in a sentence, and why a colleague is asked.

    Parameters
    ----------
    zone
        What the risk alone points to.
    is_odd
        Whether something about the row is odd, which is told beside it.

    Examples
    --------
    >>> sureness("approve", "approve", 0.93, is_odd=False)
    'Trained on other applicants, the model would have come to the same in 93 of 100 trainings.'
    >>> print(sureness("refer", "approve", 0.71, is_odd=False))
    The risk points to an offer, but would have stayed one in only 71 of 100 trainings on other applicants: a colleague
    decides.
    """
    n = wording.of_100(confidence)
    if verdict == zone == "refer":
        return f"Too close to call: the risk lies between offer and decline, and would in {n} of 100 trainings."
    if verdict == zone:
        return f"Trained on other applicants, the model would have come to the same in {n} of 100 trainings."
    if is_odd:
        return f"The risk points to {_ZONES[zone]}, but something about this client is unusual: a colleague decides."
    return (
        f"The risk points to {_ZONES[zone]}, but would have stayed one in only {n} of 100 trainings on other "
        "applicants: a colleague decides."
    )


def bars_of(reasons: list[ReasonRow], of_whom: str) -> list[Bar]:
    """Reasons with their yardsticks."""
    return [Bar(reason_text(item), item["push"], f"{of_whom}: {item['typical']}") for item in reasons]


def bars(title: str, of_part: list[Bar], longest: float) -> list[Component]:
    """Bars of what pushed the risk one way, longest first."""
    if not of_part:
        return []
    rows = [
        html.Li(
            [
                html.Span([html.Span(bar.words), html.Span(push_words(bar.push), className="value")], className="what"),
                html.Span(
                    html.Span(style={"width": f"{max(2.0, 100 * abs(bar.push) / longest):.0f}%"}), className="bar"
                ),
                *([html.Small(bar.yardstick, className="typical")] if bar.yardstick else []),
            ]
        )
        for bar in of_part
    ]
    direction = "up" if of_part[0].push > 0 else "down"
    return [html.H3(title), html.Ul(rows, className=f"bars {direction}")]


def _about(prob_default: float) -> str:
    risk = wording.risk_words(prob_default)
    return risk if risk.startswith(("under", "over")) else f"about {risk}"
