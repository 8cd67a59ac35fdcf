"""A home: the folder of all state. Its modes, its room, its locks, and where the databases that belong to it are."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from creditrisk.errors import CreditRiskError, SettingsError

# A version with its pages takes a few megabytes, the databases of Prefect and MLflow some more.
LEAST_FREE_BYTES = 50_000_000
# Written and removed again to see whether a folder takes anything.
PROBE_BYTES = 65_536
# What no folder has but a home of ours.
MARKS_OF_A_HOME = frozenset({"decisions.db", "mlflow", "prefect", "serving"})


@dataclass(frozen=True, slots=True)
class Stores:
    """Where model versions and decisions are kept.

    `home` is the folder of all state, `mlflow_uri` MLflow's tracking URI, `decision_log` the URL of a database; both
    may lie under home or elsewhere.
    """

    home: Path
    mlflow_uri: str
    decision_log: str


def close_home(home: Path) -> None:
    """Take a home away from other users of the machine, if it is one of ours that is still open to them.

    A folder that holds nothing of ours is left as it is: it may be the user's own, or everybody's.
    """
    with suppress(OSError):  # not there yet, somebody else's, or on a disk that is only read
        names = {entry.name for entry in home.iterdir()}
        mode = home.stat().st_mode
        if mode & 0o077 and not mode & stat.S_ISVTX and (not names or names & MARKS_OF_A_HOME):
            home.chmod(0o700)


def make_home(home: Path) -> None:
    """Make the folder of all state, if it is not there, and see that something can be written into it.

    Raises
    ------
    SettingsError
        If it cannot be written to, or its disk is full.
    """
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        close_home(home)
        problem = room_problem(home)
    except OSError as exc:
        problem = f"nothing can be written to {home}: {exc.strerror}"
    if problem:
        raise SettingsError(f"{problem}. Make room or give it to your user, or set CREDITRISK_HOME to another folder.")


def write_whole(path: Path, content: str | bytes, *, survives_power_cut: bool = False) -> None:
    """Replace a file in one step, for its owner only: who reads it finds the old one or the new one, never a half.

    Parameters
    ----------
    survives_power_cut
        Whether it must be on the disk when this returns; costs some milliseconds.

    Raises
    ------
    OSError
        If it cannot be written; the old one is untouched, and no half of the new one stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Two threads may write the same file at once; one from a process that is gone can be told by its number.
    half = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_native_id()}")
    try:
        with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if survives_power_cut:
                file.flush()
                os.fsync(file.fileno())
        half.replace(path)
    except OSError:
        # Where there is no room, half a file takes the last of it.
        half.unlink(missing_ok=True)
        raise


def room_problem(folder: Path) -> str:
    """Why nothing more should be written into a folder, in a few words; empty if all is well."""
    try:
        with TemporaryFile(dir=folder) as probe:
            probe.write(bytes(PROBE_BYTES))
        left = shutil.disk_usage(folder).free
    except OSError as exc:
        return f"nothing can be written to {folder}: {exc.strerror}"
    if left < LEAST_FREE_BYTES:
        return f"the disk of {folder} has {left / 1e6:.0f} MB left, too few to go on"
    return ""


@contextmanager
def one_at_a_time(lock: Path, *, otherwise: CreditRiskError, patience_seconds: float = 0.0) -> Iterator[None]:
    """Hold a lock file while something is done; it is let go of however the process ends.

    Parameters
    ----------
    otherwise
        Raised if another process still holds it after `patience_seconds`.
    """
    from filelock import FileLock, Timeout  # Prefect's server makes a home too, where filelock is not installed

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
