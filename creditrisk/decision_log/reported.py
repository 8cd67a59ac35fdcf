"""Outcomes as others report them, by the API or in a file: which can be true, and what is wrong with those that cannot.

No sentence names an application: its id is an applicant's data.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidationInfo,
)

from creditrisk.decision_log.decisions import Outcome
from creditrisk.errors import CreditRiskError
from creditrisk.text import shorten

# Nobody has watched a loan for longer; an earlier day is a typing error.
EARLIEST = date(1970, 1, 1)
# Only this spelling: pydantic would read times and numbers as well.
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# The first of these that cannot be read is the one that is told.
_EXPECTED = {
    "default": "true or false",
    "application_id": "the id it was scored with, a text",
    "model": "the name of a model, or none",
    "observed_on": "a date such as 2026-03-31, from {earliest} to today ({today}, UTC)",
}


class OutcomeError(CreditRiskError):
    """What was reported is no outcome: the field at fault, empty if all of it is, and what belongs there.

    The field is one that means nothing here, if `is_known` is false.
    """

    def __init__(self, name: str, expected: str, *, is_known: bool = True) -> None:
        if is_known:
            fault = f"has no {name} that can be read" if name else "is not an object"
        else:
            fault = f"has the key '{name}', which means nothing here"
        super().__init__(fault)
        self.name, self.fault, self.expected = name, fault, expected


def _check_text(value: str | int) -> str | int:
    """Refuse a text that says nothing, or holds what no database can store: NUL, half a character."""
    text = str(value)
    if not text.strip() or "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("no text")
    return value


def _as_no_name(value: Any) -> Any:
    return "" if value is None else value


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

    # A misspelt `model` would make the outcome one of another decision.
    model_config = ConfigDict(extra="forbid")

    application_id: Annotated[StrictStr | StrictInt, AfterValidator(_check_text)]
    # 1.0 and "1" mean something else somewhere.
    default: Annotated[
        StrictBool | Annotated[StrictInt, Field(ge=0, le=1)], Field(description="True or 1 if the loan went bad.")
    ]
    observed_on: Annotated[date, BeforeValidator(_check_spelling), AfterValidator(_check_day)]
    model: Annotated[
        StrictStr,
        BeforeValidator(_as_no_name, json_schema_input_type=str | None),
        AfterValidator(_check_name),
        Field(description="Whose decision it was; empty or null: whichever model decided."),
    ] = ""


def read_outcome(item: Any, *, today: date) -> Outcome:
    """What should be an outcome, as `OutcomeReport` describes it, in JSON's own types.

    Parameters
    ----------
    today
        The last day on which an outcome can have been observed.

    Raises
    ------
    OutcomeError
        If it cannot be one.
    """
    try:
        report = OutcomeReport.model_validate(item, context={"today": today})
    except ValidationError as exc:
        errors = exc.errors(include_url=False)
        strange = next((str(error["loc"][0]) for error in errors if error["type"] == "extra_forbidden"), None)
        if strange is not None:
            known = f"{', '.join(OutcomeReport.model_fields)}, and nothing beside"
            raise OutcomeError(shorten(strange), known, is_known=False) from None
        faulty = {error["loc"][0] for error in errors if error["loc"]}
        name = next((name for name in _EXPECTED if name in faulty), "")
        expected = _EXPECTED.get(name, "application_id, default and observed_on")
        raise OutcomeError(name, expected.format(earliest=EARLIEST, today=today)) from None
    return Outcome(str(report.application_id).strip(), bool(report.default), report.observed_on, report.model)
