"""The window of decisions that a report looks at: everything since the last archived report.

Where the last report ended is read from its archived result, so there is no state of our own that could be lost or fall
out of step. Windows follow the numbers of the decisions, never a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from creditrisk.decision_log import GENESIS, DecisionLog, LogWindow
from monitoring import heads
from monitoring.results import Result


@dataclass(frozen=True, slots=True)
class Window:
    """Decisions of one model after `after_seq`, and the head of the log when they were read.

    `log_finding` says what is wrong if the log does not hold what earlier reports noted of it, `remarks` what else was
    odd about those reports; `n_erased` decisions of the window
    are not in the frame, as their contents were erased.
    """

    frame: pl.DataFrame
    after_seq: int
    head_seq: int
    head_hash: str
    log_finding: str = ""
    remarks: tuple[str, ...] = ()
    n_erased: int = 0

    @property
    def first_seq(self) -> int | None:
        """Number of the first decision in the window; None if it is empty."""
        return None if self.frame.is_empty() else int(self.frame["seq"][0])

    @property
    def last_seq(self) -> int:
        """Where the next window starts: the last decision of this one, or of the one before if this is empty."""
        return self.after_seq if self.frame.is_empty() else int(self.frame["seq"][-1])

    @property
    def period(self) -> tuple[datetime, datetime] | None:
        """When the first and the last decision were taken, in UTC; None if the window is empty."""
        return None if self.frame.is_empty() else (self.frame["decided_at"][0], self.frame["decided_at"][-1])


def since_last_report(log: DecisionLog, model: str, earlier: Sequence[Result]) -> Window:
    """Read the decisions of `model` since its last report; since the beginning if there was none.

    Parameters
    ----------
    earlier
        The newest results of this model. One that the log does not bear out (see `heads.held`) is left aside, and said
        in a remark.
    """
    # A log is not made here: where reports remember one and there is none, that is a finding.
    is_begun = log.is_begun()
    head_seq, head_hash = log.head() if is_begun else (0, GENESIS)
    borne_out = heads.held(log, earlier)
    after_seq = max((result["last_seq"] for result in borne_out), default=0)
    found = log.window(after_seq, model, head_seq) if is_begun else LogWindow(pl.DataFrame(), 0)
    return Window(
        frame=found.frame,
        after_seq=after_seq,
        head_seq=head_seq,
        head_hash=head_hash,
        log_finding=heads.compare(log, earlier),
        remarks=_left_aside([result for result in earlier if result not in borne_out]) + _erased(found.n_erased),
        n_erased=found.n_erased,
    )


def _erased(n_erased: int) -> tuple[str, ...]:
    if not n_erased:
        return ()
    are = "decision is" if n_erased == 1 else "decisions are"
    return (f"{n_erased:,} {are} left out, as what was known of the applications was erased.",)


def _left_aside(others: Sequence[Result]) -> tuple[str, ...]:
    if not others:
        return ()
    more = f" and {len(others) - 1:,} more" if len(others) > 1 else ""
    return (
        f"Report {others[0]['id']}{more} says that it ended at entry {others[0]['last_seq']}, which the decision "
        "log does not bear out. This window starts where the newest report that it bears out ended.",
    )
