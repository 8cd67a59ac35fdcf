"""What scoring returns about one application, as a row of values: for JSON, the page and the log."""

from __future__ import annotations

from typing import TypedDict


class NamedReason(TypedDict):
    """What moved the risk, as a code for machines and in words."""

    code: str
    text: str


class ReasonRow(NamedReason):
    """The same with its yardstick.

    `value` is the client's own and `typical` that of those who get an offer (of all applicants, where it speaks for the
    client), both in words; `push` is the PD less what it would be without: above 0 where it raises the risk.
    """

    value: str
    typical: str
    push: float


class ScoredRow(TypedDict):
    """One row of what a scorer returns, see `scorer.RESULT_SCHEMA`."""

    row_number: int
    application_id: str
    prob_default: float
    prob_default_low: float
    prob_default_high: float
    score_points: float
    verdict: str
    band: str
    confidence: float
    reasons: list[ReasonRow]
    strengths: list[ReasonRow]
    model: str
    model_version: str
    problems: list[str]
