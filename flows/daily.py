"""What the daily flows share: how long a day is made up for, and the copy of its table."""

from __future__ import annotations

import shutil
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from creditrisk.errors import SourceAbsentError, SourceError, SourceUnfinishedError
from creditrisk.sources import Snapshot, take_snapshot

# A day whose file came late, or that was left out, is made up for so long.
DAYS_MADE_UP = 7


@task(persist_result=False, cache_policy=NO_CACHE)
def copy_table(uri: str, folder: Path) -> Snapshot | SourceError:
    """Copy the table of a day; that it is not there, or not whole, is an answer."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        return take_snapshot(uri, folder)
    except (SourceAbsentError, SourceUnfinishedError) as exc:
        return exc
