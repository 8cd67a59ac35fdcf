"""How far a training is: a bar on a terminal, lines in a run's log elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.logging import get_run_logger
from rich import progress
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from creditrisk.training import Progress

QUIET_SECONDS = 15.0


@contextmanager
def report_progress() -> Iterator[Progress]:
    """A bar on a terminal; elsewhere a line in the run's log for each tenth of the way, or after a while."""
    log = get_run_logger()
    last, told_at = ("", -1), 0.0

    def line(done: int, steps: int, what: str, seconds_left: float) -> None:
        nonlocal last, told_at
        now, clock = (what, done * 10 // steps), time.monotonic()
        if now != last or clock - told_at > QUIET_SECONDS:
            left = left_words(seconds_left)
            log.info("%s: %s of %s%s", what, done, steps, left and f", {left}")
            last, told_at = now, clock

    if not sys.stderr.isatty():
        yield line
        return

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"))
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("", total=None, left="")

        def draw(done: int, steps: int, what: str, seconds_left: float) -> None:
            bars.update(bar, completed=done, total=steps, description=what, left=left_words(seconds_left))

        yield draw


def left_words(seconds: float) -> str:
    """How long the rest takes; empty if there is no telling, or hardly any.

    Examples
    --------
    >>> left_words(0.4), left_words(48.3), left_words(1_566)
    ('', 'about 48 s left', 'about 26 min left')
    """
    if seconds < 1:
        return ""
    return f"about {seconds:.0f} s left" if seconds < 120 else f"about {seconds / 60:.0f} min left"
