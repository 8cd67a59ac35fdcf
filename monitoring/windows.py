"""The window of decisions that a report looks at: everything since the last archived report.

Where the last report ended is read from its archived result, so there is no state of our own that could be lost or fall
out of step. Windows follow the numbers of the decisions, never a clock. A window is counted as it is read, block by
block: a long one takes no more memory than a short one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl

from creditrisk.decision_log import GENESIS, DecisionLog, WindowBlock
from creditrisk.metrics import MIN_ROWS, Profile, RowSample, count_profile, empty_sample, merge_profiles
from creditrisk.text import counted
from monitoring import heads
from monitoring.results import Result

# Where a window holds too few applications to judge, the shortest of these stretches of time that holds enough is
# judged, as it ends with the window.
STRETCHES = {
    "the last day": timedelta(days=1),
    "the last week": timedelta(days=7),
    "the last month": timedelta(days=30),
}


@dataclass(frozen=True, slots=True)
class Counted:
    """Decisions counted in the bins of a reference profile, a sample of them as such bins, and which they are.

    `first_seq` and `last_seq` are None, and so are the times (UTC), if there is none. `n_erased` more are not
    counted, as their contents were erased, `n_again` because the same applicant was decided about once more, and
    `n_unreadable` because somebody changed them.
    """

    profile: Profile
    first_seq: int | None = None
    last_seq: int | None = None
    period: tuple[datetime, datetime] | None = None
    n_erased: int = 0
    n_again: int = 0
    sample: RowSample = field(default_factory=lambda: empty_sample(0), compare=False)
    n_unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """Decisions of one model after `after_seq`, and the head of the log when they were read.

    `log_finding` says what is wrong if the log does not hold what earlier reports noted of it, `remarks` what else was
    odd about those reports. `judged` is what drift is judged by: the window itself or, where that holds too few, a
    longer stretch, which `stretch` names.
    """

    counted: Counted
    after_seq: int
    head_seq: int
    head_hash: str
    judged: Counted
    stretch: str = ""
    log_finding: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        """Applications in the window."""
        return self.counted.profile["n_rows"]

    @property
    def last_seq(self) -> int:
        """Where the next window starts: the last decision of this one, or of the one before if this is empty."""
        return self.counted.last_seq or self.after_seq


@dataclass(frozen=True, slots=True)
class Reference:
    """What windows of a model are counted by: the version that serves, its profile, and whether clients have ids."""

    model: str
    model_version: str
    profile: Profile
    has_ids: bool


def profile_of(reference: Profile, frame: pl.DataFrame, model_version: str) -> Profile:
    """Decisions counted in the bins of a reference.

    Parameters
    ----------
    frame
        One row per decision: a column per input field, `prob_default` and `model_version`; may be empty.
    model_version
        Scores by other versions are left out: a change of model is not drift.
    """
    is_own = frame["model_version"].eq_missing(model_version)
    return count_profile(reference, frame, frame["prob_default"], None if is_own.all() else is_own)


def count(blocks: Iterable[WindowBlock], reference: Reference) -> Counted:
    """Count decisions as they are read."""
    fields = reference.profile["fields"]
    nobody = profile_of(reference.profile, _NOBODY, reference.model_version)
    found = Counted(nobody, sample=empty_sample(len(fields)))
    for block in blocks:
        frame = block.frame
        found = replace(
            found,
            n_erased=found.n_erased + block.n_erased,
            n_again=found.n_again + block.n_again,
            n_unreadable=found.n_unreadable + block.n_unreadable,
        )
        if frame.is_empty():
            continue
        first_at, last_at = frame["decided_at"][0], frame["decided_at"][-1]
        found = replace(
            found,
            profile=merge_profiles(found.profile, profile_of(reference.profile, frame, reference.model_version)),
            sample=found.sample.with_rows(fields, frame, frame["seq"]),
            first_seq=found.first_seq or int(frame["seq"][0]),
            last_seq=int(frame["seq"][-1]),
            period=(found.period[0] if found.period else first_at, last_at),
        )
    return found


_NOBODY = pl.DataFrame(schema={"model_version": pl.String, "prob_default": pl.Float64})


def since_last_report(log: DecisionLog, reference: Reference, earlier: Sequence[Result]) -> Window:
    """Count the decisions of a model since its last report; since the beginning if there was none.

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
    found = _read(log, reference, after_seq=after_seq, until_seq=head_seq) if is_begun else count([], reference)
    judged, stretch = _long_enough(log, reference, found)
    return Window(
        counted=found,
        after_seq=after_seq,
        head_seq=head_seq,
        head_hash=head_hash,
        judged=judged,
        stretch=stretch,
        log_finding=heads.compare(log, earlier) or _changed(found),
        remarks=_left_aside([result for result in earlier if result not in borne_out]) + _left_out(found),
    )


def _read(
    log: DecisionLog, reference: Reference, *, after_seq: int = 0, until_seq: int, since: datetime | None = None
) -> Counted:
    blocks = log.window(reference.model, after_seq=after_seq, until_seq=until_seq, since=since, once=reference.has_ids)
    return count(blocks, reference)


def _long_enough(log: DecisionLog, reference: Reference, window: Counted) -> tuple[Counted, str]:
    """What is judged: the window, or the shortest stretch up to its end that holds enough, if one does."""
    if window.period is None or window.last_seq is None or window.profile["n_rows"] >= MIN_ROWS:
        return window, ""
    for name, length in STRETCHES.items():
        longer = _read(log, reference, until_seq=window.last_seq, since=window.period[1] - length)
        if longer.profile["n_rows"] >= MIN_ROWS:
            return longer, name
    return window, ""


def _changed(found: Counted) -> str:
    if not found.n_unreadable:
        return ""
    were = "decision of this window was", "decisions of this window were"
    return (
        f"{counted(found.n_unreadable, *were)} changed after being written, into what cannot be read, and left out; "
        "run `riskometer verify-log`."
    )


def _left_out(found: Counted) -> tuple[str, ...]:
    said = []
    if found.n_erased:
        are = "decision is", "decisions are"
        said.append(f"{counted(found.n_erased, *are)} left out, as what was known of the applications was erased.")
    if found.n_again:
        are = "decision is", "decisions are"
        said.append(f"{counted(found.n_again, *are)} left out, as the same applications were scored again later.")
    return tuple(said)


def _left_aside(others: Sequence[Result]) -> tuple[str, ...]:
    if not others:
        return ()
    more = f" and {len(others) - 1:,} more" if len(others) > 1 else ""
    return (
        f"Report {others[0]['id']}{more} says that it ended at entry {others[0]['last_seq']}, which the decision "
        "log does not bear out. This window starts where the newest report that it bears out ended.",
    )
