"""What is logged: decisions and outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, cast

import polars as pl

from creditrisk.scoring import NamedReason, ScoredRow, Scorer
from creditrisk.sources import Record

Channel = Literal["ui", "api", "batch"]


@dataclass(frozen=True, slots=True)
class Decision:
    """One scored application, ready to be logged.

    `inputs` holds every canonical field by name, dates as ISO text; `prob_default` and `confidence` are 0 to 1. `band`
    follows from the verdict (`scoring.BANDS`), and is not written down.
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
    reasons: list[NamedReason]
    problems: list[str]
    inputs: dict[str, Any]
    # The policy it was made under, by its number; empty where people set none.
    policy_version: str = ""


@dataclass(frozen=True, slots=True)
class Logged:
    """A decision in the log: its number among all entries, its time (UTC) and its link in the chain, as hex."""

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
    rows = cast(list[ScoredRow], scored.to_dicts())
    return decisions_of_few(rows, aligned(scored, accepted).to_dicts(), scorer, channel)


def decisions_of_few(
    scored: Sequence[ScoredRow], accepted: Sequence[Record], scorer: Scorer, channel: Channel
) -> list[Decision]:
    """The same of rows: `scored` holds what `Scorer.score_few` returned for each of `accepted`."""
    names = [field.name for field in scorer.schema.fields if accepted and field.name in accepted[0]]
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
            reasons=named(row["reasons"]),
            problems=row["problems"],
            inputs={name: _as_json(given[name]) for name in names},
            policy_version=scorer.policy.name,
        )
        for row, given in zip(scored, accepted, strict=True)
    ]


def named(reasons: Sequence[NamedReason]) -> list[NamedReason]:
    """Reasons by code and text alone: their yardsticks follow from the inputs and the version."""
    return [{"code": item["code"], "text": item["text"]} for item in reasons]


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def aligned(scored: pl.DataFrame, accepted: pl.DataFrame) -> pl.DataFrame:
    """The accepted rows that were scored, in the order of `scored`."""
    if scored["row_number"].equals(accepted["row_number"]):
        return accepted
    return scored.select("row_number").join(accepted, on="row_number", how="left", maintain_order="left")
