"""From a table to logged decisions, for the page and the API alike.

A table is checked once, then scored a few hundred rows at a time; a chunk is in the decision log before anybody sees
it.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl

from creditrisk.decision_log import Actor, Channel, DecisionLog, ScoredBlock, decisions_of_few, score_blocks
from creditrisk.quality import Checked, CheckedFew
from creditrisk.scoring import Policy, ScoredRow, Scorer
from webapp.context import AppContext
from webapp.errors import StoppingError
from webapp.openapi import JsonObject

# So few that a block takes less than a second with the slowest models: what is told to stop ends after it.
CHUNK_ROWS = 2_000
# Where chunks adapt; no larger than what the log writes in one transaction.
LEAST_CHUNK_ROWS, LARGEST_CHUNK_ROWS = 20, 2_000


@dataclass(frozen=True)
class Chunk:
    """Some rows of a table after scoring: data rows `first_row` to `last_row`, and the results of those that passed.

    `policy` is what people had set on top of the model when they were decided.
    """

    first_row: int
    last_row: int
    scored: pl.DataFrame
    policy: Policy


def scored_rows(scored: pl.DataFrame) -> Iterator[ScoredRow]:
    """The results, row by row."""
    return cast(Iterator[ScoredRow], scored.iter_rows(named=True))


def score_in_chunks(
    context: AppContext,
    scorer: Scorer,
    checked: Checked,
    *,
    channel: Channel,
    by: Actor,
    chunk_rows: int = CHUNK_ROWS,
    first_row: int = 1,
    chunk_seconds: float = 0.0,
    own_rows: Sequence[int] = (),
    before_logging: Callable[[Chunk], None] | None = None,
) -> Iterator[Chunk]:
    """Score a checked table, chunk by chunk; each chunk is in the decision log before it is yielded.

    Parameters
    ----------
    channel
        Where the table came from, "ui" or "api"; `by` says from whom.
    first_row
        The data row, from 1, to begin with.
    chunk_seconds
        How long a chunk should take: the next one is as much larger or smaller. 0: all have `chunk_rows`.
    own_rows
        Under which numbers the rows stand in a longer file of which the table is a part; empty if it is whole.
    before_logging
        Called with each chunk before its decisions go into the log.

    Raises
    ------
    DecisionLogError
        If the log does not take the decisions; then the chunk is not yielded.
    StoppingError
        Before the next chunk, if the process was told to end.
    """
    accepted = checked.accepted
    row_numbers = accepted["row_number"].to_numpy()
    start = int(np.searchsorted(row_numbers, first_row))
    while first_row <= checked.raw.height:
        if context.stopping.is_set():
            raise StoppingError
        last_row = min(first_row + chunk_rows - 1, checked.raw.height)
        stop = int(np.searchsorted(row_numbers, last_row, side="right"))
        part = renumbered(accepted.slice(start, stop - start), own_rows)
        start = stop
        before = time.perf_counter()
        decider = context.policy.apply(scorer)
        scored = decider.score(part)
        chunk = Chunk(first_row, last_row, scored, decider.policy)
        if before_logging is not None:
            before_logging(chunk)
        if scored.height:
            context.log.append_scored(scored, part, decider, channel, by)
        seconds = time.perf_counter() - before
        context.metrics.scoring_seconds.observe(seconds)
        _count(context, scored["verdict"].to_list())
        yield chunk
        first_row = last_row + 1
        chunk_rows = _adapted(chunk_rows, chunk_seconds / seconds) if chunk_seconds else chunk_rows
    context.metrics.rejected.inc(len({rejection.row for rejection in checked.rejected}))


def _adapted(chunk_rows: int, factor: float) -> int:
    """The rows of the next chunk: at most twice as many, as some rows take longer than others."""
    return min(max(int(chunk_rows * min(2.0, factor)), LEAST_CHUNK_ROWS), LARGEST_CHUNK_ROWS)


def renumbered(frame: pl.DataFrame, own_rows: Sequence[int]) -> pl.DataFrame:
    """Rows numbered from 1, under the numbers that they have in a longer file; as they are if there is none."""
    if not own_rows:
        return frame
    numbers = dict(enumerate(own_rows, start=1))
    return frame.with_columns(pl.col("row_number").replace_strict(numbers, return_dtype=pl.Int64))


def score_table(context: AppContext, scorer: Scorer, checked: Checked, *, by: Actor) -> list[ScoredRow]:
    """Score a program's table; it is in the decision log when this returns. Errors as of `score_in_chunks`."""
    chunks = score_in_chunks(context, scorer, checked, channel="api", by=by)
    return [row for chunk in chunks for row in scored_rows(chunk.scored)]


def is_logged(log: DecisionLog, scored: Iterable[ScoredRow], *, after_seq: int, policy: str, channel: Channel) -> bool:
    """Whether a chunk stands in the log, which takes it whole or not at all, behind an entry.

    Chunks alike, scored at the same moment, may be taken for each other: the same was decided in both then.
    """
    wanted = [(row["application_id"], row["prob_default"], row["model_version"], policy, channel) for row in scored]
    if not wanted:
        return True  # nobody in it could be scored
    latest: deque[tuple[str, float, str, str, str]] = deque(maxlen=len(wanted))
    for logged in log.read(range(after_seq + 1, log.head()[0] + 1)):
        one = logged.decision
        latest.append((one.application_id, one.prob_default, one.model_version, one.policy_version, one.channel))
        if latest[-1] == wanted[-1] and list(latest) == wanted:
            return True
    return False


def as_result(row: JsonObject) -> JsonObject:
    """A row of the scorer's answer, as it is answered in JSON."""
    return {"row": row.pop("row_number"), **row}


def score_few(
    context: AppContext,
    scorer: Scorer,
    checked: CheckedFew,
    *,
    channel: Channel,
    by: Actor,
    before_logging: Callable[[Policy], None] | None = None,
) -> list[ScoredRow]:
    """Score a few applications; they are in the decision log when this returns. Errors as of `score_in_chunks`.

    `before_logging` is called with the policy in force before the decisions go into the log.
    """
    if context.stopping.is_set():
        raise StoppingError
    before = time.perf_counter()
    scorer = context.policy.apply(scorer)
    scored = scorer.score_few(checked.accepted)
    if before_logging is not None:
        before_logging(scorer.policy)
    if scored:
        context.log.append(decisions_of_few(scored, checked.accepted, scorer, channel), by)
    context.metrics.scoring_seconds.observe(time.perf_counter() - before)
    _count(context, (row["verdict"] for row in scored))
    if checked.rejected:
        context.metrics.rejected.inc(len({rejection.row for rejection in checked.rejected}))
    return scored


def score_stream(
    context: AppContext, scorer: Scorer, blocks: Iterable[Checked], *, channel: Channel, by: Actor
) -> Iterator[ScoredBlock]:
    """Score a table that comes in blocks; each is in the decision log before it is yielded.

    Raises
    ------
    SourceError, SchemaError, DecisionLogError
        As reading, checking and logging the block asked for raise them.
    StoppingError
        Before the next block, if the process was told to end.
    """
    # One at a time: the rows of a block are spread over the cores, and the other processes have requests of their own.
    scored = score_blocks(blocks, scorer, context.log, channel, n_threads=1, by=by, in_force=context.policy)
    while True:
        if context.stopping.is_set():
            raise StoppingError
        before = time.perf_counter()
        block = next(scored, None)
        if block is None:
            return
        context.metrics.scoring_seconds.observe(time.perf_counter() - before)
        context.metrics.rejected.inc(len(block.rejected))
        _count(context, block.scored["verdict"].to_list())
        yield block


def _count(context: AppContext, verdicts: Iterable[str]) -> None:
    for verdict, n in Counter(verdicts).items():
        context.metrics.decisions.labels(verdict).inc(n)
