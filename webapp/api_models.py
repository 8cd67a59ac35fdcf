"""What the API takes and gives, as pydantic models: of them the OpenAPI document is made, by them outcomes are read.

Answers are built as plain JSON, because some are large; a test holds them to the models.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StrictBool, StrictInt, StrictStr, ValidationInfo

from webapp.bodies import JSON_MAX_ROWS

# Nobody has watched a loan for longer; an earlier day is a typing error.
EARLIEST = date(1970, 1, 1)
# Only this spelling: pydantic would read times and numbers as well.
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

Share = Annotated[float, Field(ge=0, le=1)]


class Reason(BaseModel):
    """What raised the risk of one application."""

    code: str
    text: str


class ScoredApplication(BaseModel):
    """What was decided about one application."""

    row: Annotated[int, Field(ge=1)]
    application_id: str
    prob_default: Share
    score_points: Annotated[float, Field(description="Higher is safer; 20 points double the odds.")]
    verdict: Literal["approve", "refer", "decline"]
    band: Literal["green", "amber", "red"]
    confidence: Share
    reasons: Annotated[list[Reason], Field(max_length=4, description="What raised the risk, strongest first.")]
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


def _check_text(value: str | int) -> str | int:
    """Refuse a text that says nothing, or holds what no database can store: NUL, half a character."""
    text = str(value)
    if not text.strip() or "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("no text")
    return value


def _check_name(value: str) -> str:
    """Refuse what `_check_text` refuses, but take no name at all."""
    if value:
        _check_text(value)
    return value


def _check_spelling(value: Any) -> Any:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("no day such as 2026-03-31")
    return value


def _check_day(value: date, info: ValidationInfo) -> date:
    if not EARLIEST <= value <= (info.context or {}).get("today", date.max):
        raise ValueError("no day on which a loan could be looked at")
    return value


# Validated with `today` in the context, the last day on which an outcome can have been observed. The docstrings of the
# models are published.
class OutcomeReport(BaseModel):
    """What became of one application."""

    application_id: Annotated[StrictStr | StrictInt, AfterValidator(_check_text)]
    # 1.0 and "1" mean something else somewhere.
    default: Annotated[
        StrictBool | Annotated[StrictInt, Field(ge=0, le=1)], Field(description="True or 1 if the loan went bad.")
    ]
    observed_on: Annotated[date, BeforeValidator(_check_spelling), AfterValidator(_check_day)]
    model: Annotated[
        StrictStr,
        AfterValidator(_check_name),
        Field(description="Whose decision it was; empty: whichever model decided."),
    ] = ""


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
