"""What the API takes and gives, as pydantic models: of them the OpenAPI document is made.

Answers are built as plain JSON, because some are large; a test holds them to the models.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from creditrisk.decision_log import OutcomeReport
from webapp.bodies import JSON_MAX_ROWS

# So many decisions about one application are answered at once.
MOST_FOUND = 100

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
    application_id: Annotated[
        str,
        Field(description="The one that came, or one made of the row and its values, such as row-3-4f85fbfdf8f57d82."),
    ]
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


class DecisionSearch(BaseModel):
    """Whose decisions are wanted; not in the address, because an id is an applicant's data."""

    model_config = ConfigDict(extra="forbid")

    application_id: Annotated[str, Field(min_length=1)]


class LoggedReason(BaseModel):
    """What raised the risk of one application, as it was logged."""

    code: str
    text: str


class FoundDecision(BaseModel):
    """A decision as it stands in the log."""

    entry: Annotated[int, Field(ge=1, description="Its number in the decision log.")]
    decided_at: Annotated[datetime, Field(description="UTC.")]
    channel: Literal["ui", "api", "batch"]
    model: str
    model_version: str
    prob_default: Share
    score_points: float
    verdict: Literal["approve", "refer", "decline"]
    band: Literal["green", "amber", "red"]
    confidence: Share
    reasons: list[LoggedReason]
    problems: list[str]
    hash: Annotated[str, Field(description="Its link in the log's chain.")]


class FoundDecisions(BaseModel):
    """The last decisions about an application, newest first."""

    decisions: Annotated[list[FoundDecision], Field(max_length=MOST_FOUND)]
    has_more: bool


class Split(BaseModel):
    """A frame as pandas writes it with orient="split"; without columns, its values are the model's fields in order."""

    columns: list[str] | None = None
    index: list[Any] | None = None
    data: Annotated[list[list[Any]], Field(min_length=1, max_length=JSON_MAX_ROWS)]


class Invocation(BaseModel):
    """Rows in one of MLflow's formats: exactly one of the first four."""

    dataframe_split: Split | None = None
    dataframe_records: Annotated[list[dict[str, Any]] | None, Field(max_length=JSON_MAX_ROWS)] = None
    instances: list[dict[str, Any] | list[Any]] | dict[str, list[Any]] | None = None
    inputs: dict[str, Any] | list[dict[str, Any] | list[Any]] | None = None
    params: Annotated[
        dict[str, Any] | None, Field(description='`model_version`, such as "3"; others are passed over.')
    ] = None


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


class MlflowError(BaseModel):
    """A problem, as MLflow's scoring server tells it."""

    error_code: str
    message: str
    stack_trace: Annotated[str, Field(description="Always empty.")]
