"""The daily flow that reads what became of applications: late, repeated and corrected outcomes are all welcome.

Thin tasks around creditrisk. Started by `riskometer outcomes`, by the deployment `outcomes/daily`, or from the Prefect
UI. The same table again changes nothing. Nothing is printed of an applicant: rows to look at are listed in files.
"""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from typing import TypedDict

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from creditrisk.decision_log import DAY, DecisionLog, Lists, OutcomesDone, check_source, record_file
from creditrisk.errors import CreditRiskError, SourceAbsentError, SourceError, SourceUnfinishedError
from creditrisk.home import one_at_a_time
from creditrisk.settings import Settings, read_settings
from creditrisk.sources import Snapshot
from creditrisk.text import counted
from flows.daily import DAYS_MADE_UP, copy_table
from flows.queue import NOT_YET


class Recorded(TypedDict):
    """What the flow returns: how many rows there were, and of these, how many were new, unknown or no outcomes."""

    n_rows: int
    n_new: int
    n_unknown: int
    n_rejected: int


@task(persist_result=False, cache_policy=NO_CACHE)
def record(snapshot: Snapshot, lists: Lists, today: date, settings: Settings) -> OutcomesDone:
    """Write them into the decision log; not retried, as the next run goes on where this one ended."""
    return record_file(snapshot, DecisionLog(settings.decision_log), lists, today=today)


@flow(name="outcomes", log_prints=True)
def outcomes(source: str | None = None) -> Recorded | State[Recorded]:
    """Record what became of applications, from a table.

    Args:
        source: File or URI of the table, with {date} for today and the days of the last week; empty: the setting.
    """
    settings = read_settings()
    if source:
        check_source(source)
    today = datetime.now(UTC).date()
    uri = source or settings.outcomes_of_day
    days = [today - timedelta(days=n) for n in range(DAYS_MADE_UP if DAY in uri else 0, -1, -1)]
    busy = CreditRiskError(f"outcomes are being read in {settings.home} already. Wait for the end of that run.")
    recorded: Recorded = {"n_rows": 0, "n_new": 0, "n_unknown": 0, "n_rejected": 0}
    waiting, problems = [], []
    with one_at_a_time(settings.home / "outcomes.lock", otherwise=busy):
        for day in days:
            try:
                read_day(uri.replace(DAY, day.isoformat()), recorded, today, settings)
            except SourceAbsentError as exc:
                if DAY not in uri:
                    raise
                if day == today:
                    print(f"No outcomes were read: {exc}")
            except SourceUnfinishedError as exc:
                print(f"No outcomes were read: {exc}")
                waiting.append(str(exc))
            except SourceError as exc:
                problems.append(str(exc))
    if problems:
        raise SourceError(" ".join(problems))
    if waiting:
        return Completed(name=NOT_YET, message=" ".join(waiting), data=recorded)
    return recorded


def read_day(uri: str, recorded: Recorded, today: date, settings: Settings) -> None:
    """Record the outcomes of one table, and add to what was recorded."""
    folder = settings.home / "outcomes-read"
    try:
        copied = copy_table(uri, folder)
        if isinstance(copied, SourceError):
            raise copied
        lists = _lists(settings, copied, today)
        done = record(copied, lists, today, settings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(summary(uri, done, lists))
    recorded["n_rows"] += done.n_rows
    recorded["n_new"] += done.n_new
    recorded["n_unknown"] += done.n_unknown
    recorded["n_rejected"] += done.n_rejected


def summary(uri: str, done: OutcomesDone, lists: Lists) -> str:
    """What became of the rows, for a terminal or a log; no application is named."""
    if not done.is_new:
        return f"{uri} was read before; nothing is new."
    n_known = done.n_rows - done.n_rejected - done.n_new
    said = [f"{uri}: {counted(done.n_new, 'outcome')} recorded; {n_known:,} said nothing new."]
    if done.n_unknown:
        said.append(
            f"{counted(done.n_unknown, 'row is', 'rows are')} of applications that were never scored here, or not by "
            f"the model they name. They are kept, and listed in {lists.unknown}"
        )
    if done.n_rejected:
        said.append(f"{counted(done.n_rejected, 'row is', 'rows are')} no outcome: {lists.rejected} says why.")
    return "\n".join(said)


def _lists(settings: Settings, snapshot: Snapshot, today: date) -> Lists:
    folder = settings.home / "outcomes"
    folder.mkdir(exist_ok=True)
    stem = f"{today.isoformat()}-{snapshot.sha256[:8]}"
    return Lists(folder / f"{stem}.unknown.csv", folder / f"{stem}.rejected.csv")
