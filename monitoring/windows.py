"""The window of decisions that a report looks at: everything since the last archived report.

Called by flows/evidently_report.py. Where the last report ended is read from its archived result, so there is no state
of our own that could be lost or fall out of step. What is computed on the window is in drift.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from creditrisk.decision_log import DecisionLog


@dataclass(frozen=True, slots=True)
class Window:
    """Decisions of one model after `after_seq`, and the head of the log when they were read."""

    frame: pl.DataFrame
    after_seq: int
    head_seq: int
    head_hash: str

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


def since_last_report(log: DecisionLog, model: str, last_result: dict[str, Any] | None) -> Window:
    """Read the decisions of `model` since its last report; since the beginning if there was none."""
    after_seq = int(last_result["last_seq"]) if last_result else 0
    frame = log.window(after_seq, model)
    if not frame.is_empty():
        frame = frame.sort("seq")
    head_seq, head_hash = log.head()
    return Window(frame=frame, after_seq=after_seq, head_seq=head_seq, head_hash=head_hash)
