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

# So many outcomes that cannot be recorded are told at once.
MOST_FAULTS = 1_000

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


class FieldFault(BaseModel):
    """A field for which an application cannot be scored: what stands in it, and what was expected."""

    code: Annotated[
        Literal["missing", "unreadable", "not_a_row"],
        Field(description="Nothing is filled in, it cannot be read, or the application as a whole is none."),
    ]
    column: Annotated[str, Field(description="The field's name; empty if the application as a whole is at fault.")]
    label: Annotated[str, Field(description="The field as people call it.")]
    value: str
    expected: Annotated[str, Field(description="What belongs there, in words.")]


class RejectedRow(FieldFault):
    """An application that cannot be scored: the first field that says why, and all others that do."""

    row: Annotated[int, Field(ge=1, description="Its place in the request.")]
    application_id: Annotated[str, Field(description="As it was sent; empty if none was.")]
    message: Annotated[str, Field(description="The whole of it in a sentence for people.")]
    others: list[FieldFault]


class Scored(BaseModel):
    """What became of the applications of one request."""

    model: str
    model_version: str
    results: list[ScoredApplication]
    rejected: list[RejectedRow]
    unknown_fields: Annotated[
        list[str],
        Field(description="Fields that were sent and not read: the model has none of these names. Misspelt, perhaps."),
    ]


class Outcomes(BaseModel):
    """What became of applications."""

    model_config = ConfigDict(extra="forbid")

    outcomes: Annotated[list[OutcomeReport], Field(min_length=1, max_length=JSON_MAX_ROWS)]


class RecordedOutcomes(BaseModel):
    """What was made of the outcomes of a request."""

    recorded: Annotated[int, Field(ge=0, description="So many said anything new, and were written down.")]
    corrected: Annotated[
        int, Field(ge=0, description="Of these, so many say something else of a decision than was said before.")
    ]
    unchanged: Annotated[
        int, Field(ge=0, description="So many had been said already, and were not written down again.")
    ]


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


class CutoffsInForce(BaseModel):
    """The PDs up to which an offer is made and from which is declined; between them a person decides."""

    approve_below: Share
    decline_from: Share
    are_set: Annotated[bool, Field(description="Whether people set them; else they are those of the model's costs.")]


class StopInForce(BaseModel):
    """Since when every application is referred to a person, by whom that was done, and why."""

    since: str
    by: str
    why: str


class ModelField(BaseModel):
    """A field of an application."""

    name: str
    role: Literal["id", "time", "feature"]
    type: Literal["number", "integer", "category", "text", "date"]
    required: Annotated[bool, Field(description="Without it an application cannot be scored.")]
    label: str
    unit: str
    expected: Annotated[str, Field(description="What belongs in it, in words.")]
    minimum: Annotated[float | None, Field(description="What lies below is scored and referred to a person.")]
    maximum: Annotated[float | None, Field(description="What lies above is scored and referred to a person.")]
    values: Annotated[list[str] | None, Field(description="Of a category; another one is referred to a person.")]


class ServedModelDescription(BaseModel):
    """The model that answers now, and what it takes."""

    model: str
    model_version: str
    title: str
    sha256: Annotated[str, Field(description="Over all files of this version.")]
    since: Annotated[datetime | None, Field(description="When it was made champion, UTC.")]
    cutoffs: CutoffsInForce
    stopped: Annotated[StopInForce | None, Field(description="Null while verdicts are given.")]
    versions: Annotated[list[str], Field(description="Those a request may name as `model_version`, newest first.")]
    fields: list[ModelField]


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


class OutcomeFault(BaseModel):
    """Which outcome cannot be recorded, and why."""

    position: Annotated[int, Field(ge=1, description="Its place in the request.")]
    code: Literal["unreadable", "never_scored", "contradicts"]
    field: Annotated[str, Field(description="Which of its fields is at fault; empty if all of it is.")]
    expected: str


class ErrorDetail(BaseModel):
    """The kind of a problem, and the problem in one sentence for people."""

    code: str
    message: str
    missing_fields: Annotated[
        list[str] | None, Field(description="With `wrong_columns`: all fields that are needed and were not sent.")
    ] = None
    kept_versions: Annotated[
        list[str] | None, Field(description="With `version_not_kept`: the versions that can be named.")
    ] = None
    faults: Annotated[
        list[OutcomeFault] | None,
        Field(max_length=MOST_FAULTS, description="Where outcomes are refused: the first of those at fault."),
    ] = None


class Error(BaseModel):
    """A problem."""

    error: ErrorDetail


class MlflowError(BaseModel):
    """A problem, as MLflow's scoring server tells it."""

    error_code: str
    message: str
    stack_trace: Annotated[str, Field(description="Always empty.")]
