"""What the payload of a decision holds, and how decisions and whole tables become payloads and are read again.

A payload is a JSON array: channel, score points, confidence, the reasons by their place in the version's list, the
problems, then the inputs in the order of the version's fields. Names and texts stand once, with the version.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import groupby
from typing import cast

import polars as pl

from creditrisk.decision_log.chain import canonical
from creditrisk.decision_log.decisions import Channel, Decision
from creditrisk.decision_log.entries import Actor, Entries, Version
from creditrisk.decision_log.reading import Entry
from creditrisk.errors import DecisionLogError
from creditrisk.scoring import BANDS, Scorer, Verdict, every_reason

# What stands before the inputs.
N_AHEAD = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What stands in a JSON text as something else than itself.
_ESCAPED = r'["\\\x00-\x1f]'
_QUOTE = pl.lit('"')


class ReasonLists:
    """The list of reasons of each model version as far as this process knows it; a new one goes to its end."""

    def __init__(self) -> None:
        self._places: dict[Version, dict[tuple[str, str], int]] = {}

    def is_new(self, bare: Version) -> bool:
        """Whether nothing is known yet of a version, which is given without reasons."""
        return bare not in self._places

    def learn(self, bare: Version, reasons: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """The places of all reasons of a version, those of `reasons` among them."""
        places = self._places.get(bare, {})
        new = [reason for reason in dict.fromkeys(reasons) if reason not in places]
        if new or bare not in self._places:
            # A copy: another thread may be looking into the old one.
            places = self._places[bare] = places | {reason: len(places) + n for n, reason in enumerate(new)}
        return places


def bare_version(decision: Decision) -> Version:
    """The version of a decision, without reasons."""
    return Version(decision.model, decision.model_version, decision.scorer_sha256, tuple(decision.inputs), ())


def entries_of(decisions: Sequence[Decision], first: int, by: Actor, reasons: ReasonLists) -> Iterator[Entries]:
    """Decisions as entries to write, in their order.

    Parameters
    ----------
    first
        The position, counted from 1, of the first in the caller's list: what cannot be written is told by it.
    """
    position = first
    for (bare, policy), group in groupby(decisions, key=lambda one: (bare_version(one), one.policy_version)):
        rows = list(group)
        pairs = [(item["code"], item["text"]) for decision in rows for item in decision.reasons]
        places = reasons.learn(bare, pairs)
        payloads = []
        for decision in rows:
            payloads.append(_payload(decision, places, position))
            position += 1
        yield Entries(
            "decision",
            by,
            payloads,
            [decision.application_id for decision in rows],
            replace(bare, reasons=tuple(places)),
            # SQLite stores -0.0 as 0.0; adding zero makes it 0.0 before it is hashed.
            [float(decision.prob_default) + 0.0 for decision in rows],
            [decision.verdict for decision in rows],
            policy_version=policy,
        )


def _payload(decision: Decision, places: dict[tuple[str, str], int], position: int) -> bytes:
    numbers = [places[item["code"], item["text"]] for item in decision.reasons]
    ahead = [decision.channel, float(decision.score_points), float(decision.confidence), numbers, decision.problems]
    try:
        if not math.isfinite(decision.prob_default):
            raise ValueError("a number that is not finite")
        for text in (decision.application_id, decision.verdict):
            if b"\0" in text.encode():
                raise ValueError("a NUL character, which PostgreSQL refuses")
        return canonical([*ahead, *decision.inputs.values()]).encode()
    except (TypeError, ValueError):
        raise _cannot_be_held(position) from None  # not chained: the cause may quote the value


def _cannot_be_held(position: int) -> DecisionLogError:
    return DecisionLogError(
        f"decision {position} of this list holds a number that is not finite, or a value that the log cannot hold. "
        "It was not logged, so it must not be answered."
    )


def entries_of_table(
    scored: pl.DataFrame, inputs: pl.DataFrame, scorer: Scorer, channel: Channel, *, by: Actor, reasons: ReasonLists
) -> Entries:
    """What a scorer returned together with what it was given, as entries to write, without an object per row.

    Parameters
    ----------
    inputs
        The rows that were scored, in the order of `scored` (see `aligned`).

    Raises
    ------
    DecisionLogError
        If a number is not finite, or an id holds a NUL character.
    """
    names = [field.name for field in scorer.schema.fields if field.name in inputs.columns]
    bare = Version(scorer.name, scorer.version, scorer.sha256, tuple(names), ())
    if reasons.is_new(bare):
        reasons.learn(bare, [(item["code"], item["text"]) for item in every_reason(scorer.schema.features)])
    places, numbers = _numbered(scored["reasons"], bare, reasons)
    table = pl.DataFrame(
        [
            scored["score_points"],
            scored["confidence"],
            numbers,
            scored["problems"],
            *(inputs[name].dt.to_string("iso") if inputs[name].dtype == pl.Date else inputs[name] for name in names),
        ]
    )
    prob_defaults = scored["prob_default"]
    _check_table(prob_defaults, scored["application_id"], table)
    return Entries(
        "decision",
        by,
        _payloads_of(channel, table),
        scored["application_id"].to_list(),
        replace(bare, reasons=tuple(places)),
        (prob_defaults + 0.0).to_list(),
        scored["verdict"].to_list(),
        policy_version=scorer.policy.name,
    )


def _numbered(given: pl.Series, bare: Version, reasons: ReasonLists) -> tuple[dict[tuple[str, str], int], pl.Series]:
    """The version's reasons by place, and every row's as places: by their codes, from which the texts follow."""
    places = reasons.learn(bare, ())
    codes = [code for code, _ in places]
    if not given.explode().struct.field("code").drop_nulls().is_in(codes).all():
        items = given.explode().drop_nulls().struct.unnest()
        new = items.filter(~pl.col("code").is_in(codes)).unique(["code", "text"], maintain_order=True)
        places = reasons.learn(bare, list(zip(new["code"], new["text"], strict=True)))
    place_by_code = {code: place for (code, _), place in places.items()}
    if not place_by_code:
        return places, pl.Series("reasons", [[]] * given.len(), dtype=pl.List(pl.Int64))
    code = pl.element().struct.field("code")
    return places, given.list.eval(code.replace_strict(place_by_code, return_dtype=pl.Int16))


def _check_table(prob_defaults: pl.Series, application_ids: pl.Series, table: pl.DataFrame) -> None:
    is_unfit = prob_defaults.is_finite().not_() | application_ids.str.contains("\0", literal=True)
    for column in table:
        if column.dtype.is_float():
            is_unfit |= column.is_finite().not_().fill_null(value=False)
    first = is_unfit.fill_null(value=True).arg_max()
    if first is not None and is_unfit.fill_null(value=True).any():
        raise _cannot_be_held(first + 1)


def _payloads_of(channel: Channel, table: pl.DataFrame) -> list[bytes]:
    """Every row as the bytes of a JSON array: its values with commas between are a line of a CSV file."""
    texts = table.select(pl.col(pl.String).str.contains(_ESCAPED).any())
    plain = {column.name for column in texts if not column.item()}
    columns = [
        pl.lit("[]").alias(column.name)
        if isinstance(column.dtype, pl.List) and not column.null_count() and column.list.len().max() == 0
        else _as_json(column.name, column.dtype, is_plain=column.name in plain)
        for column in table
    ]
    lines = BytesIO()
    table.select(pl.lit(f'["{channel}"').alias(""), *columns).write_csv(
        lines, include_header=False, quote_style="never", null_value="null", line_terminator="]\n"
    )
    return lines.getvalue().split(b"\n")[:-1]


def _as_json(name: str, dtype: pl.DataType, *, is_plain: bool) -> pl.Expr:
    """A column as what it is written like in JSON; `is_plain` says that it is text in which nothing is escaped."""
    column = pl.col(name)
    if dtype.is_numeric() or dtype == pl.Boolean:
        return column
    if is_plain:
        return pl.concat_str(_QUOTE, column, _QUOTE).alias(name)
    # Of an object with an empty name, what stands between `{"":` and `}`.
    return pl.struct(column.alias("")).struct.json_encode().str.slice(4).str.strip_suffix("}").alias(name)


def decision_from(entry: Entry, version: Version) -> Decision:
    """The decision that was written.

    Raises
    ------
    ValueError, TypeError, LookupError, AttributeError
        If it was changed into something else.
    """
    channel, score_points, confidence, numbers, problems, *values = json.loads(entry.payload or b"")
    pairs = [version.reasons[number] for number in numbers]
    verdict = cast(Verdict, entry.verdict)
    return Decision(
        channel=channel,
        application_id=str(entry.application_id),
        model=version.model,
        model_version=version.model_version,
        scorer_sha256=version.scorer_sha256,
        prob_default=cast(float, entry.prob_default),
        score_points=score_points,
        verdict=verdict,
        band=BANDS.get(verdict, ""),
        confidence=confidence,
        reasons=[{"code": code, "text": text} for code, text in pairs],
        problems=problems,
        inputs=dict(zip(version.fields, values, strict=True)),
        policy_version=entry.policy_version,
    )


def time_of(at: int) -> datetime:
    """Microseconds since 1970 as a time in UTC."""
    return _EPOCH + timedelta(microseconds=at)
