"""A table of any length to logged decisions: block after block is read and checked, scored on all cores, then logged.

Memory holds a few blocks, whatever the number of rows. Blocks are logged, and handed on, in the order of the table.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl

from creditrisk.decision_log.decisions import Channel
from creditrisk.decision_log.entries import Actor
from creditrisk.decision_log.log import DecisionLog
from creditrisk.decision_log.policies import PolicyInForce
from creditrisk.quality import Checked, Rejection
from creditrisk.scoring import Scorer

# Rows that are scored at once: so few that one who says stop waits less than a second, and so many that what a block
# costs besides its rows is nothing.
BLOCK_ROWS = 4_000
# Rows that are read and checked at once: what that costs besides its rows is half of it in blocks of the former size.
READ_ROWS = 4 * BLOCK_ROWS


@dataclass(frozen=True)
class ScoredBlock:
    """Some rows of a table after scoring: as they came, the results of those that passed, and why others did not.

    `raw` begins with the table's data row `first_row`, counted from 1; rows in `scored` and `rejected` are counted so.
    `read_as` says how the table was read, as in `Checked`.
    """

    first_row: int
    raw: pl.DataFrame
    scored: pl.DataFrame
    rejected: Sequence[Rejection]
    read_as: str = ""

    @property
    def last_row(self) -> int:
        """The table's data row that `raw` ends with."""
        return self.first_row + self.raw.height - 1


def score_blocks(
    checked: Iterable[Checked],
    scorer: Scorer,
    log: DecisionLog,
    channel: Channel,
    *,
    n_threads: int | None = None,
    by: Actor | None = None,
    n_logged: int = 0,
    in_force: PolicyInForce | None = None,
) -> Iterator[ScoredBlock]:
    """Score a table, block by block; each block is in the decision log before it is yielded.

    Parameters
    ----------
    checked
        The blocks of a table in its order, as `datasets.check_blocks` yields them; no more are taken than the threads
        can work on.
    n_threads
        Blocks that are scored side by side; as many as there are cores, if not given.
    by
        Who decides; this process, if not given.
    n_logged
        Decisions on this table that the log holds from a run that was cut off. Those rows, its first, are scored
        again, to the same figures, and not logged.
    in_force
        Gives each block the policy it is decided under; if not given, all are decided under the scorer's own.

    Raises
    ------
    DecisionLogError
        If the log does not take the decisions; then the block is not yielded.
    """
    n_threads = n_threads or os.cpu_count() or 1
    waiting: deque[tuple[int, Checked, Scorer, Future[pl.DataFrame]]] = deque()
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="scoring")

    def logged() -> ScoredBlock:
        first_row, piece, decider, scoring = waiting.popleft()
        scored = scoring.result()
        nonlocal n_logged
        new = scored[n_logged:]
        n_logged = max(0, n_logged - scored.height)
        log.append_scored(new, piece.accepted, decider, channel, by)
        return ScoredBlock(first_row, piece.raw, scored, piece.rejected, piece.read_as)

    try:
        for first_row, piece in _pieces(checked):
            decider = scorer if in_force is None else in_force.apply(scorer)
            waiting.append((first_row, piece, decider, pool.submit(decider.score, piece.accepted)))
            if len(waiting) > n_threads:
                yield logged()
        while waiting:
            yield logged()
    finally:
        # What nobody waits for any more was not logged, so it was never decided.
        pool.shutdown(cancel_futures=True)


def _pieces(checked: Iterable[Checked]) -> Iterator[tuple[int, Checked]]:
    """Blocks in pieces of at most `BLOCK_ROWS` rows, each with the number of its first row."""
    first_row = 1
    for block in checked:
        accepted = block.accepted["row_number"].to_numpy()
        rejected = [rejection.row for rejection in block.rejected]
        for start in range(0, block.raw.height, BLOCK_ROWS):
            raw = block.raw.slice(start, BLOCK_ROWS)
            edges = [first_row, first_row + raw.height]
            of_accepted, of_rejected = (slice(*np.searchsorted(rows, edges).tolist()) for rows in (accepted, rejected))
            piece = Checked(block.accepted[of_accepted], block.rejected[of_rejected], raw, block.read_as)
            yield first_row, piece
            first_row += raw.height
