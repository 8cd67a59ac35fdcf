"""One at a time: work of one home that must not go on twice, in whatever processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from creditrisk.errors import CreditRiskError


@contextmanager
def one_at_a_time(lock: Path, *, otherwise: CreditRiskError, patience_seconds: float = 0.0) -> Iterator[None]:
    """Hold a lock file while something is done; it is let go of however the process ends.

    Parameters
    ----------
    otherwise
        Raised if another process still holds it after `patience_seconds`.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(lock)
    try:
        held.acquire(timeout=patience_seconds)
    except Timeout:
        raise otherwise from None
    try:
        yield
    finally:
        held.release()
