"""The cases behind a report: how the decisions of its window spread over the values of a field, and who they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from dash import html
from dash.development.base_component import Component

from creditrisk.decision_log import DecisionLog, Logged
from creditrisk.metrics import Entry, bins_of, counts_of
from creditrisk.schema import Field
from creditrisk.scoring import Scorer
from creditrisk.text import counted
from monitoring.drift import SCORE, bin_words
from monitoring.results import Result
from webapp.pages import wording
from webapp.pages.components import attributes, client_button, lamp, one_of, plain_table
from webapp.pages.report_charts import moment

# Entries of the log that are read for one window, its newest; clients that are listed; fields that can be chosen.
MOST_READ = 2_000
MOST_LISTED = 100
MOST_FIELDS = 12
RISK = "prob_default"


@dataclass(frozen=True, slots=True)
class Cases:
    """The decisions of a window, the newest first, and how many entries of the window were not read."""

    decisions: list[Logged]
    n_left_out: int


@dataclass(frozen=True, slots=True)
class ValueBin:
    """Cases whose field lies in one frozen bin: its words, their share, and that of the reference's rows."""

    words: str
    n_cases: int
    share: float
    share_reference: float


def read_cases(log: DecisionLog, result: Result) -> Cases:
    """The decisions of a report's window, but for those that were erased.

    Raises
    ------
    DecisionLogError
        If the log is away, or does not hold what the report was about.
    """
    last = result["last_seq"]
    first = result["first_seq"] or last + 1
    begin = max(first, last - MOST_READ + 1)
    found = [logged for logged in log.read(range(begin, last + 1)) if logged.decision.model == result["model"]]
    return Cases(found[::-1], begin - first)


def fields_of(result: Result, scorer: Scorer) -> list[Field]:
    """The risk and the fields of a report, what shifted most first."""
    found = result["fields"]
    known = [field for field in scorer.schema.features if field.name in found]
    known.sort(key=lambda field: (-found[field.name]["level"], -(found[field.name]["psi"] or 0.0)))
    return [SCORE, *known][:MOST_FIELDS]


def places(cases: Sequence[Logged], entry: Entry, name: str) -> list[int]:
    """The bin of a field in which each case lies."""
    values = [logged.decision.prob_default if name == RISK else logged.decision.inputs.get(name) for logged in cases]
    return [int(place) for place in bins_of(entry, pl.Series(values, strict=False))]


def entry_of(scorer: Scorer, name: str) -> Entry:
    """The frozen bins of a field, or of the risk."""
    return scorer.profile["prob_default"] if name == RISK else scorer.profile["fields"][name]


def value_bins(in_bins: Sequence[int], entry: Entry, field: Field) -> list[ValueBin]:
    """How cases spread over the bins of a field, beside the rows of the reference."""
    then = counts_of(entry)
    now = np.bincount(np.asarray(in_bins, dtype=np.int64), minlength=len(then))
    return [
        ValueBin(words, int(n_now), n_now / max(now.sum(), 1), n_then / max(then.sum(), 1))
        for words, n_now, n_then in zip(bin_words(entry, field), now, then, strict=True)
    ]


def cases_panel(cases: Cases, result: Result, scorer: Scorer, name: str, chosen: int | None) -> list[Component]:
    """The choice of a field, its bars, and the cases: all of them, or those of the bar that was chosen."""
    fields = fields_of(result, scorer)
    field = next((field for field in fields if field.name == name), fields[0])
    name = RISK if field is SCORE else field.name
    entry = entry_of(scorer, name)
    in_bins = places(cases.decisions, entry, name)
    bins = value_bins(in_bins, entry, field)
    if chosen is not None and not 0 <= chosen < len(bins):
        chosen = None
    shown = [
        logged for logged, place in zip(cases.decisions, in_bins, strict=True) if chosen is None or place == chosen
    ]
    options = [(RISK if one is SCORE else one.name, one.label) for one in fields]
    report_id = result.get("id", "")
    return [
        one_of("by-field", "By (what shifted most comes first)", options, name, report=report_id),
        _bars(bins, chosen, report_id),
        *_listed(cases, shown, field, "" if chosen is None else bins[chosen].words),
    ]


def _bars(bins: Sequence[ValueBin], chosen: int | None, report_id: str) -> Component:
    top = max([max(one.share, one.share_reference) for one in bins], default=0.0) or 1.0
    rows: list[Component] = [
        html.Li(
            html.Button(
                [
                    html.Span(one.words, className="words"),
                    html.Span(
                        [
                            html.I(className="now", style={"width": f"{100 * one.share / top:.1f}%"}),
                            html.I(className="then", style={"width": f"{100 * one.share_reference / top:.1f}%"}),
                        ],
                        className="track",
                    ),
                    html.Span(
                        f"{100 * one.share:.0f} % now, {100 * one.share_reference:.0f} % before", className="shares"
                    ),
                ],
                id={"type": "value-bin", "place": place, "report": report_id},
                n_clicks=0,
                **attributes("aria-", pressed=str(place == chosen).lower()),
            )
        )
        for place, one in enumerate(bins)
        if one.n_cases or one.share_reference
    ]
    return html.Ul(rows, className="value-bins")


def _listed(cases: Cases, shown: Sequence[Logged], field: Field, words: str) -> list[Component]:
    within = f" with {field.label}: {words}" if words else ""
    said = f"{counted(len(shown), 'decision')}{within}"
    if len(shown) > MOST_LISTED:
        said += f"; the newest {MOST_LISTED} are listed"
    if cases.n_left_out:
        said += (
            f". Of this window the last {MOST_READ:,} entries of the log were looked at, {cases.n_left_out:,} were not"
        )
    if not shown:
        return [html.P(f"{said}.")]
    is_risk = field is SCORE
    heads = ["Client", "Decided (UTC)", "Verdict", "Risk", *([] if is_risk else [field.label])]
    rows = [
        html.Tr(
            [
                html.Th(client_button(logged.decision.application_id, logged.seq), scope="row"),
                html.Td(moment(logged.decided_at.isoformat())),
                html.Td(lamp(logged.decision.verdict)),
                html.Td(wording.risk_words(logged.decision.prob_default), className="figure"),
                *([] if is_risk else [html.Td(wording.value_words(field, logged.decision.inputs.get(field.name)))]),
            ]
        )
        for logged in shown[:MOST_LISTED]
    ]
    return [html.P(f"{said}."), plain_table(heads, rows, figures=("Risk",), is_tall=True)]
