"""The monthly flow that removes old reports from every archive: retention, as its own job.

A database that forgets by itself (MongoDB's TTL) would take results without their pages, and the last report of a
model that went quiet with them, after which the next window would begin with the first decision ever made.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import UTC, datetime, timedelta

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from creditrisk.errors import ArchiveError
from creditrisk.settings import read_settings
from creditrisk.text import counted
from monitoring import archive


@task(retries=2, retry_delay_seconds=5, persist_result=False, cache_policy=NO_CACHE)
def prune(uri: str, before: datetime, waiting: Set[str]) -> int:
    """Remove what is old from one archive; how many reports that were."""
    [opened] = archive.open_archives([uri])
    removable = archive.prunable(opened, before, waiting=waiting).removable
    n_removed = sum(1 for _ in archive.remove(opened, removable))
    print(f"{opened.name}: {counted(n_removed, 'report')} from before {before.date()} removed.")
    return n_removed


@flow(name="prune-reports", log_prints=True)
def prune_reports() -> int:
    """Remove reports older than CREDITRISK_KEEP_REPORTS_DAYS; an archive that is away is seen to with the next run."""
    settings = read_settings()
    if not settings.keep_reports_days:
        print("Every report is kept: CREDITRISK_KEEP_REPORTS_DAYS is 0.")
        return 0
    before = datetime.now(UTC) - timedelta(days=settings.keep_reports_days)
    pending = archive.pending_folder(settings.home)
    waiting = archive.waiting_ids(archive.open_archives(settings.archive_uris), pending=pending)
    n_removed = 0
    for uri in settings.archive_uris:
        try:
            n_removed += prune(uri, before, waiting)
        except ArchiveError as exc:
            get_run_logger().warning("%s What is old there is removed with the next run.", exc)
    return n_removed
