"""One client: the gauge, the risk in words, how sure, what moved it, what would change it, and where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from dash import html
from dash.development.base_component import Component

from creditrisk.pages.palette import VERDICT_LOOKS
from creditrisk.schema import Schema
from creditrisk.scoring import (
    OF_ALL,
    OF_OFFERS,
    VERDICTS,
    ReasonRow,
    ScoredRow,
    Scorer,
    Verdict,
    WhatIf,
    changeable_fields,
    client_words,
    reason_text,
    reason_to_applicant,
    was_stopped,
)
from creditrisk.text import push_words, sentence
from webapp.pages import gauge, standing, wording
from webapp.pages.components import attributes, lamp

_ZONES: dict[Verdict, str] = {"approve": "an offer", "decline": "a decline"}
LETTER_OPENING = "The main reasons, the strongest first:"
# What lowered the risk of a client without an offer.
MOST_LOWERED = 3


class Bar(NamedTuple):
    """What moved a risk: in words with the client's value, how far in PD, and what is typical."""

    words: str
    push: float
    yardstick: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """All that a case shows of one client.

    `application` is a table of the one row that was scored, `row` what came of it; `pushes` has columns `label`,
    `value` (words) and `push` (in PD, below 0 lowers the risk), one row a field; `what_ifs` are what would change it.
    `file` is the random name of the file that the client stands in.
    """

    row: ScoredRow
    application: pl.DataFrame
    pushes: pl.DataFrame
    what_ifs: Sequence[WhatIf]
    scorer: Scorer
    file: str = ""


def nothing_chosen() -> list[Component]:
    """The case while no client is chosen."""
    return [html.P("Choose a client in the list to see the case.", className="quiet")]


def case(client: Client) -> list[Component]:
    """The case of one client, from top to bottom."""
    row, scorer, number = client.row, client.scorer, client.row["row_number"]
    parts = _what_moved(row, client.pushes)
    pushes = [bar.push for of_part in parts.values() for bar in of_part]
    strongest = max(pushes, key=abs, default=0.0)
    longest = abs(strongest) or 1.0
    return [
        html.Div(
            className="case-head",
            children=[
                html.Button("‹ Clients", id="back", className="button back", n_clicks=0),
                html.H2(f"Client {client_words(row['application_id'])}", id="case-title", tabIndex=-1),
                html.Button("‹ Previous", id="case-before", className="button walk", n_clicks=0),
                html.Button("Next ›", id="case-next", className="button walk", n_clicks=0),
            ],
        ),
        html.Div(
            className="case-body",
            children=[
                # Under the client's own id: what was tried for another one, and comes late, finds no place here.
                html.Div(html.Div(answer(client), id={"answer-of": client.file, "row": number}), id="case-answer"),
                html.Div(
                    className="case-why",
                    children=[
                        *_problems(row["problems"]),
                        *_what_would_change(client),
                        *(part for title, of_part in parts.items() for part in bars(title, of_part, longest)),
                        *([html.P(wording.how_to_read(strongest), className="quiet")] if pushes else []),
                        *_letter(row, scorer.schema),
                        *standing.standing(row["prob_default"], scorer.profile["prob_default"]),
                        html.P(f"Scored by {scorer.schema.title} v{scorer.version}", className="quiet"),
                    ],
                ),
            ],
        ),
    ]


def answer(client: Client, asked: WhatIf | None = None) -> list[Component]:
    """Verdict, gauge and risk: of the application as it is or, if something was asked, of what it would be."""
    row, rule, target = client.row, client.scorer.rule, client.scorer.schema.target
    verdict = row["verdict"] if asked is None else asked.verdict
    prob_default = row["prob_default"] if asked is None else asked.prob_default
    likely = (row["prob_default_low"], row["prob_default_high"]) if asked is None else (asked.low, asked.high)
    was = None if asked is None else row["prob_default"]
    svg = gauge.gauge(prob_default, rule.approve_below, rule.decline_from, likely, was=was)
    risk = wording.risk_words(prob_default)
    below = _sure(client) if asked is None else html.P(_instead_of(client, asked), className="sure")
    return [
        lamp(verdict),
        html.Img(src=gauge.as_address(svg), alt=f"Gauge: risk {risk}", className="gauge"),
        html.P(
            [
                html.B(sentence(_about(prob_default))),
                f" similar applicants {target.bad_happened}.",
                html.Br(),
                html.Small(f"Likely {wording.range_words(*likely)} of 100."),
            ],
            className="natural",
        ),
        below,
    ]


def spoken(client: Client, asked: WhatIf | None = None) -> str:
    """Lamp, risk and reasons in one sentence, for whoever hears the page."""
    row = client.row
    who = f"Client {client_words(row['application_id'])}"
    if asked is not None:
        what = wording.change_words(asked.field, asked.value)
        return f"{who} with {what}: {VERDICT_LOOKS[asked.verdict].word}, {wording.risk_words(asked.prob_default)}."
    reasons = "; ".join([*row["problems"], *wording.reason_texts(row)])
    told = f"{who}: {VERDICT_LOOKS[row['verdict']].word}, {wording.risk_words(row['prob_default'])}"
    return f"{told}; {reasons}." if reasons else f"{told}."


def _sure(client: Client) -> Component:
    row, rule = client.row, client.scorer.rule
    zone = VERDICTS[rule.zones(np.array([row["prob_default"]]))[0]]
    confidence = row["confidence"]
    return html.P(
        [
            "How sure: ",
            html.B(f"{wording.confidence_words(confidence, rule.ask_below)}, {wording.percent(confidence)}"),
            html.Br(),
            html.Small(sureness(row["verdict"], zone, confidence, row["problems"])),
        ],
        className="sure",
    )


def _instead_of(client: Client, asked: WhatIf) -> list[Component | str]:
    row = client.row
    return [
        html.B(f"What if: {wording.change_words(asked.field, asked.value)}"),
        html.Br(),
        html.Small(
            f"As it was asked for: {asked.field.in_words(client.application[asked.field.name].item())}, "
            f"{VERDICT_LOOKS[row['verdict']].word}, {wording.risk_words(row['prob_default'])}. This is no decision: "
            "score the changed application before it is promised."
        ),
    ]


def _what_would_change(client: Client) -> list[Component]:
    """Chips of what would lead to a better verdict, or that nothing would; nothing beside an offer."""
    row, schema = client.row, client.scorer.schema
    if row["verdict"] == "approve":
        return []
    title = html.H3("What would change it")
    if row["problems"]:
        first = (
            "Nothing while scoring is stopped: a colleague decides."
            if was_stopped(row["problems"])
            else "Correct what is unusual first: until then a colleague decides."
        )
        return [title, html.P(first, className="none-exists")]
    if not client.what_ifs:
        labels = [field.label for field in changeable_fields(schema)]
        if not labels:
            return []
        alone = f"No other {wording.either(labels)} alone leads to a better verdict."
        return [title, html.P(alone, className="none-exists")]
    chips = [
        html.Button(
            [
                html.Span(sentence(wording.change_words(item.field, item.value))),
                lamp(item.verdict),
            ],
            id={"what-if": item.field.name, "file": client.file, "row": row["row_number"]},
            className="chip",
            n_clicks=0,
            **attributes("aria-", pressed="false"),
        )
        for item in client.what_ifs
    ]
    explained = "Each by itself, all else as stated. What you try is noted in the decision log, and decides nothing."
    return [
        title,
        html.Div(chips, className="chips", role="group", **attributes("aria-", label="What would change it")),
        html.P(explained, className="quiet"),
    ]


def letter_text(reasons: Sequence[ReasonRow], schema: Schema) -> str:
    """The reasons that were logged, all of them and in their order, as sentences of a letter to the applicant."""
    # A name may begin another one, and a category's value may hold a colon.
    by_name = sorted(schema.features, key=lambda field: -len(field.name))
    lines = []
    for item in reasons:
        field = next(field for field in by_name if item["code"].startswith(f"{field.name}:"))
        lines.append(f"- {reason_to_applicant(field, item)}")
    return "\n".join([LETTER_OPENING, *lines])


def _letter(row: ScoredRow, schema: Schema) -> list[Component]:
    """The reasons as they were logged, to be copied, in words for the applicant."""
    if not row["reasons"] or row["verdict"] == "approve":
        return []
    reasons = letter_text(row["reasons"], schema)
    return [
        html.Div(
            className="letter",
            children=[
                html.Button("Copy for the letter", id="copy-letter", className="button"),
                html.Span(id="copied", role="status"),
                html.Pre(reasons, id="letter", hidden=True),
            ],
        )
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


def sureness(verdict: str, zone: Verdict, confidence: float, problems: Sequence[str] = ()) -> str:
    """What the confidence means, in a sentence, and why a colleague is asked.

    Parameters
    ----------
    zone
        What the risk alone points to.
    problems
        What is odd about the row, or that scoring was stopped; it is told beside it.

    Examples
    --------
    >>> sureness("approve", "approve", 0.93)
    'Trained on other applicants, the model would have come to the same in 93 of 100 trainings.'
    >>> print(sureness("refer", "approve", 0.71))
    The risk points to an offer, but would have stayed one in only 71 of 100 trainings on other applicants: a colleague
    decides.
    """
    n = wording.of_100(confidence)
    if verdict == zone == "refer":
        return f"Too close to call: the risk lies between offer and decline, and would in {n} of 100 trainings."
    if verdict == zone:
        return f"Trained on other applicants, the model would have come to the same in {n} of 100 trainings."
    if was_stopped(problems):
        return f"The risk points to {_ZONES[zone]}, but scoring is stopped: a colleague decides."
    if problems:
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
