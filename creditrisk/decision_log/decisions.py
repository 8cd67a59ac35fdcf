"""What is logged: decisions and outcomes, and how a decision becomes a row and a row a decision."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Literal

import polars as pl

from creditrisk.decision_log.chain import Row, canonical
from creditrisk.errors import DecisionLogError
from creditrisk.scoring import Scorer

Channel = Literal["ui", "api", "batch"]
# How the fields of a decision that are not plain text are stored.
_NUMBERS = ("prob_default", "score_points", "confidence")
AS_JSON = ("reasons", "problems", "inputs")


@dataclass(frozen=True, slots=True)
class Decision:
    """One scored application, ready to be logged.

    `inputs` holds every canonical field by name, dates as ISO text; `prob_default` and `confidence` are 0 to 1.
    """

    channel: Channel
    application_id: str
    model: str
    model_version: str
    scorer_sha256: str
    prob_default: float
    score_points: float
    verdict: str
    band: str
    confidence: float
    reasons: list[dict[str, str]]
    problems: list[str]
    inputs: dict[str, Any]


_FIELDS = tuple(field.name for field in fields(Decision))


@dataclass(frozen=True, slots=True)
class Logged:
    """A decision in the log: its number (1, 2, 3, … without gaps), its time (UTC) and its link in the chain."""

    seq: int
    decided_at: datetime
    decision: Decision
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether an application turned out bad (default) or good; an empty `model` means whichever model decided."""

    application_id: str
    is_default: bool
    observed_on: date
    model: str = ""


def decisions_from(scored: pl.DataFrame, accepted: pl.DataFrame, scorer: Scorer, channel: Channel) -> list[Decision]:
    """What a scorer returned, together with what it was given, as decisions to log.

    Parameters
    ----------
    scored
        The scorer's answer, shape (n_rows, ...); the decisions come in its order.
    accepted
        The rows it was given, matched by `row_number`.
    """
    names = [field.name for field in scorer.schema.fields if field.name in accepted.columns]
    inputs = (
        scored.select("row_number")
        .join(accepted, on="row_number", how="left", maintain_order="left")
        .select(names)
        .with_columns(pl.col(pl.Date).dt.to_string("iso"))
    )
    return [
        Decision(
            channel=channel,
            application_id=row["application_id"],
            model=row["model"],
            model_version=row["model_version"],
            scorer_sha256=scorer.sha256,
            prob_default=row["prob_default"],
            score_points=row["score_points"],
            verdict=row["verdict"],
            band=row["band"],
            confidence=row["confidence"],
            reasons=row["reasons"],
            problems=row["problems"],
            inputs=row_inputs,
        )
        for row, row_inputs in zip(scored.iter_rows(named=True), inputs.iter_rows(named=True), strict=True)
    ]


def columns_of(decision: Decision, position: int) -> Row:
    """All columns that are known before the decision stands in the chain."""
    try:
        return {name: _stored(name, getattr(decision, name)) for name in _FIELDS}
    except (TypeError, ValueError):
        # Not chained: the cause may quote the value.
        raise DecisionLogError(
            f"decision {position} of this list holds a number that is not finite, or a value that the log cannot hold. "
            "It was not logged, so it must not be answered."
        ) from None


def _stored(name: str, value: Any) -> str | float:
    if name in AS_JSON:
        return canonical(value)
    if name in _NUMBERS:
        if not math.isfinite(value):
            raise ValueError("a number that is not finite")
        # SQLite stores -0.0 as 0.0; adding zero makes it 0.0 before it is hashed.
        return float(value) + 0.0
    if b"\0" in value.encode():
        raise ValueError("a NUL character, which PostgreSQL refuses")
    return str(value)


def logged_from(row: Row) -> Logged:
    """A row of the log as the decision it holds; DecisionLogError if it was changed into something else."""
    try:
        decision = Decision(**{name: json.loads(row[name]) if name in AS_JSON else row[name] for name in _FIELDS})
        decided_at = datetime.fromisoformat(row["decided_at"])
    except (TypeError, ValueError):
        raise DecisionLogError(
            f"decision {row['seq']} cannot be read: it was changed after it was written. Run: riskometer verify-log."
        ) from None
    return Logged(row["seq"], decided_at, decision, row["prev_hash"], row["hash"])
