"""What scoring returns about one application, as a row of values: for JSON, the page and the log."""

from __future__ import annotations

from typing import TypedDict


class ReasonRow(TypedDict):
    """What pushed the risk up, as a code and in words."""

    code: str
    text: str


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
    model: str
    model_version: str
    problems: list[str]
