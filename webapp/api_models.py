"""What the API takes and gives, as pydantic models: of them the OpenAPI document is made.

Answers are built as plain JSON, because some are large; a test holds them to the models.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from creditrisk.decision_log import OutcomeReport
from webapp.bodies import JSON_MAX_ROWS

Share = Annotated[float, Field(ge=0, le=1)]


class Reason(BaseModel):
    """What raised the risk of one application, or what speaks for it."""

    code: str
    text: str
    value: Annotated[str, Field(description="The applicant's own, in words with its unit.")]
    typical: Annotated[
        str, Field(description="What is typical of those who get an offer; in `strengths`, of all applicants.")
    ]
    push: Annotated[
        float, Field(ge=-1, le=1, description="The PD less what it would be without: 0.11 is 11 of 100 more.")
    ]


class ScoredApplication(BaseModel):
    """What was decided about one application."""

    row: Annotated[int, Field(ge=1)]
    application_id: str
    prob_default: Share
    prob_default_low: Annotated[float, Field(ge=0, le=1, description="The true PD lies from here …")]
    prob_default_high: Annotated[float, Field(ge=0, le=1, description="… to here for 80 of 100 applicants.")]
    score_points: Annotated[float, Field(description="Higher is safer; 20 points double the odds.")]
    verdict: Literal["approve", "refer", "decline"]
    band: Literal["green", "amber", "red"]
    confidence: Annotated[
        float,
        Field(ge=0, le=1, description="Probability that the verdict by the PD alone would stand."),
    ]
    reasons: Annotated[list[Reason], Field(max_length=4, description="What raised the risk, strongest first.")]
    strengths: Annotated[
        list[Reason], Field(max_length=4, description="What speaks for an applicant with an offer, strongest first.")
    ]
    model: str
    model_version: str
    problems: list[str]


class RejectedRow(BaseModel):
    """A row that cannot be scored: where, what stands there, and what was expected."""

    row: int
    line: int
    column: str
    value: str
    expected: str
    message: str


class Scored(BaseModel):
    """What became of the applications of one request."""

    model: str
    model_version: str
    results: list[ScoredApplication]
    rejected: list[RejectedRow]


class Outcomes(BaseModel):
    """What became of applications."""

    outcomes: Annotated[list[OutcomeReport], Field(min_length=1, max_length=JSON_MAX_ROWS)]


class Recorded(BaseModel):
    """How many outcomes were recorded."""

    recorded: int


class RowError(BaseModel):
    """Why a row cannot be scored."""

    row: int
    error: str


class Predictions(BaseModel):
    """A result or an error for each row, in their order."""

    predictions: list[ScoredApplication | RowError]


class ErrorDetail(BaseModel):
    """The kind of a problem, and the problem in one sentence."""

    code: str
    message: str


class Error(BaseModel):
    """A problem."""

    error: ErrorDetail
