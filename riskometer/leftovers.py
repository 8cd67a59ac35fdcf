"""Services whose supervisor was killed: they go on, and nobody looks after them."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil has no types

# In the environment of every service and of what it starts, with the home as its value.
MARK = "RISKOMETER_STACK"
PATIENCE_SECONDS = 30.0


def end_leftovers(home: Path) -> int:
    """End every process that a supervisor of this home started, and say how many there were.

    They are asked first, and killed if they do not end in half a minute.
    """
    running = leftovers(home)
    deadline = time.monotonic() + PATIENCE_SECONDS
    asked: set[psutil.Process] = set()
    left = running
    while left and time.monotonic() < deadline:
        # Those without a parent among them first: a parent ends its own, and would start again what ended before it.
        pids = {process.pid for process in left}
        for process in left - asked:
            with suppress(psutil.Error):
                if process.ppid() not in pids:
                    process.terminate()
                    asked.add(process)
        time.sleep(0.1)
        left = leftovers(home)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=PATIENCE_SECONDS)
    return len(running)


def leftovers(home: Path) -> set[psutil.Process]:
    """This user's processes that carry the mark of this home, without this process and those it runs under."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return {process for process in psutil.process_iter() if process.pid not in own and _is_of(home, process)}


def _is_of(home: Path, process: psutil.Process) -> bool:
    try:
        return bool(
            process.uids().real == os.getuid()
            and process.environ().get(MARK) == str(home)
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except (psutil.Error, OSError):  # ended while we look, or not ours to read
        return False
