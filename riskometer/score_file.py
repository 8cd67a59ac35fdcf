"""`riskometer score`: a table of clients to a file of results, block by block."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from creditrisk import datasets
from creditrisk.decision_log import OPERATOR, READ_ROWS, Actor, DecisionLog, PolicyInForce, score_blocks, this_user
from creditrisk.errors import CreditRiskError
from creditrisk.scoring import VERDICTS, Scorer, result_file, result_table
from creditrisk.sources import read_blocks


def score_file(
    scorer: Scorer, log: DecisionLog, clients: str, output: Path, in_force: PolicyInForce | None = None
) -> str:
    """Score a table and write each of its rows with what became of it; a terminal shows how far it is.

    Parameters
    ----------
    clients
        The path or URI of the table.
    output
        The file to write, as its ending says: CSV or Parquet. Until all is done it is called so with `.part` behind; if
        it cannot be finished, what was decided until then is in the log and in that part.
    in_force
        Gives the policy that each block is decided under; none, if not given.

    Returns
    -------
    str
        What was done, in a sentence.

    Raises
    ------
    CreditRiskError
        If the table cannot be read, the log takes no more, the result cannot be written, or somebody said stop.
    """
    if output.exists() and output.resolve() == Path(clients.removeprefix("file://")).resolve():
        raise CreditRiskError(f"{output} is the file of the clients itself. Name another one for the result.")
    part = output.with_name(f"{output.name}.part")
    verdicts: Counter[str] = Counter()
    by = Actor(this_user(), OPERATOR)
    n_rows, read_as = 0, ""
    with _bar() as show:
        blocks = datasets.check_blocks(read_blocks(clients, READ_ROWS, show), scorer.schema)
        try:
            with result_file(part, as_parquet=output.suffix == ".parquet") as write:
                for block in score_blocks(blocks, scorer, log, "batch", by=by, in_force=in_force):
                    write(result_table(block.raw, block.scored, block.rejected, first_row=block.first_row))
                    verdicts.update(block.scored["verdict"].to_list())
                    n_rows, read_as = block.last_row, block.read_as or read_as
            part.replace(output)
        except (CreditRiskError, KeyboardInterrupt) as exc:
            raise _cut_off(exc, part, n_rows) from None
        except OSError as exc:
            part.unlink(missing_ok=True)
            raise CreditRiskError(
                f"{output} could not be written: {exc.strerror}. Make room or name another file, and run it again; "
                "what was scored stays in the decision log."
            ) from exc
    n_scored = verdicts.total()
    return (
        f"{n_scored:,} clients scored with {scorer.name} version {scorer.version}: "
        + ", ".join(f"{verdict} {verdicts[verdict]:,}" for verdict in VERDICTS)
        + f". {n_rows - n_scored:,} could not be scored. {read_as and f'{read_as} '}Result: {output}"
    )


def _cut_off(exc: BaseException, part: Path, n_rows: int) -> CreditRiskError:
    """Why it did not come to the end, and what there is of it."""
    why = "it was stopped." if isinstance(exc, KeyboardInterrupt) else str(exc)
    if not n_rows:
        part.unlink(missing_ok=True)
        return CreditRiskError(f"{why} Nothing was scored." if isinstance(exc, KeyboardInterrupt) else why)
    return CreditRiskError(f"{why} The first {n_rows:,} rows are done, and in the decision log; their results: {part}")


@contextmanager
def _bar() -> Iterator[Callable[[float], None]]:
    """A bar on the terminal, if somebody looks, and a function that moves it to a share from 0 to 1."""
    columns = TextColumn("scoring"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(compact=True)
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda share: progress.update(task, completed=share)
