"""`riskometer score`: a file of clients to a file of results, block by block."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from creditrisk import datasets
from creditrisk.batch_scoring import BLOCK_ROWS, score_blocks
from creditrisk.decision_log import DecisionLog
from creditrisk.errors import CreditRiskError
from creditrisk.scoring import VERDICTS, Scorer, csv_text, result_table
from creditrisk.sources import read_blocks
from creditrisk.text import counted

SUFFIXES = (".csv", ".parquet")

# Adds rows to a result.
Write = Callable[[pl.DataFrame], None]


def score_file(scorer: Scorer, log: DecisionLog, clients: str, output: Path) -> str:
    """Score the table at a path or URI and write every row of it with what became of it; returns what was done.

    Whoever looks at the terminal sees how far it is. Told to stop (Ctrl-C), it ends after the block in hand; what was
    decided until then is in the log and in the result.

    Raises
    ------
    CreditRiskError
        If the table cannot be read, the log takes no more, the result cannot be written, or it was told to stop.
    """
    verdicts: Counter[str] = Counter()
    n_rows = 0
    table = read_blocks(clients, BLOCK_ROWS)
    with result_file(output) as write, _bar(Console(stderr=True)) as show:
        try:
            for block in score_blocks(datasets.check_blocks(table, scorer.schema), scorer, log, "batch"):
                write(result_table(block.raw, block.scored, block.rejected, first_row=block.first_row))
                verdicts.update(dict(block.scored.group_by("verdict").len().iter_rows()))
                n_rows = block.last_row
                show(n_rows, table.share_read)
        except KeyboardInterrupt:
            raise CreditRiskError(...) from None
    n_scored = verdicts.total()
    return (
        f"{n_scored:,} clients scored with {scorer.name} version {scorer.version}: "
        + ", ".join(f"{verdict} {verdicts[verdict]:,}" for verdict in VERDICTS)
        + f". {n_rows - n_scored:,} could not be scored. Result: {output}"
    )
