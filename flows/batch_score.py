"""The daily flow: the day's applications, by a file or a URI, to a file of predictions; then the report.

Thin tasks around creditrisk. Started by `make batch-score-flow`, by the deployment `batch-score/daily`, or from the
Prefect UI. Running it again changes nothing, and ends what a run that was cut off began. Nothing is printed of an
applicant.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import TypedDict

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed

from creditrisk.decision_log import (
    DAY,
    BatchDone,
    DecisionLog,
    PolicyInForce,
    check_source,
    finished,
    latest_predictions,
    places_of,
    rejected_beside,
    score_day,
)
from creditrisk.errors import (
    CreditRiskError,
    RegistryError,
    SchemaError,
    SourceAbsentError,
    SourceError,
)
from creditrisk.home import one_at_a_time
from creditrisk.registry import Champion, Registry, find_champion, load_version, no_champion
from creditrisk.scoring import VERDICTS
from creditrisk.settings import Settings, read_settings
from creditrisk.sources import Snapshot
from creditrisk.text import counted, sentence
from flows.daily import DAYS_MADE_UP, copy_table
from flows.evidently_report import evidently_report
from flows.queue import NOT_YET


class ScoredDay(TypedDict):
    """What came of one day's applications; `n_new` decisions are new in the log."""

    day: str
    predictions: str
    n_scored: int
    n_rejected: int
    n_new: int


class Scored(TypedDict):
    """What the flow returns: the days whose predictions are there, and a sentence for each that has to wait."""

    days: list[ScoredDay]
    waiting: list[str]


@task(retries=2, retry_delay_seconds=5, persist_result=False, cache_policy=NO_CACHE)
def champion_to_score_with(dataset: str | None, registry: Registry, settings: Settings) -> Champion | None:
    """Fetch and load the version that decides, if there is one."""
    return find_champion(registry, dataset or settings.dataset, is_to_decide=True)


@task(persist_result=False, cache_policy=NO_CACHE)
def score(snapshot: Snapshot, day: date, champion: Champion, target: str, settings: Settings) -> BatchDone:
    """Score, log and write; not retried, as the next run goes on where this one ended."""
    load = functools.partial(load_version, settings.stores)
    log = DecisionLog(settings.decision_log)
    in_force = PolicyInForce(settings.home, log)
    return score_day(snapshot, day, champion.scorer, load=load, log=log, target=target, in_force=in_force)


@flow(name="batch-score", log_prints=True)
def batch_score(
    dataset: str | None = None, source: str | None = None, target: str | None = None, day: str | None = None
) -> Scored | State[Scored]:
    """Score the applications of a day to a file of predictions, each once however often this is run, and report.

    Args:
        dataset: A registered model; empty: the one that serves.
        source: File or URI of the applications, with {date} for the day; empty: the setting.
        target: Folder or gs://, or such a file with {date} in its name; empty: the setting.
        day: The day, such as 2026-03-31; empty: today, and days of the last week that were left out.
    """
    settings = read_settings()
    if source:
        check_source(source)
    source, target = source or settings.applications_of_day, target or settings.predictions
    busy = CreditRiskError(f"applications are being scored in {settings.home} already. Wait for the end of that run.")
    with one_at_a_time(settings.home / "batch.lock", otherwise=busy):
        days = days_to_score(source, target, day, today=datetime.now(UTC).date())
        registry = Registry(settings.stores)
        champion = champion_to_score_with(dataset, registry, settings)
        if champion is None:
            raise RegistryError(no_champion(registry, dataset or settings.dataset))
        try:
            scored, problems = score_days(days, source, target, champion, settings)
        finally:
            shutil.rmtree(settings.home / "batch", ignore_errors=True)
    if any(scored_day["n_new"] for scored_day in scored["days"]):
        report_on(champion.version.model)
    if problems:
        raise CreditRiskError(" ".join(problems))
    if scored["waiting"]:
        return Completed(name=NOT_YET, message=" ".join(scored["waiting"]), data=scored)
    return scored


def days_to_score(source: str, target: str, day: str | None, *, today: date) -> list[date]:
    """The day that was asked for; else today, and before it the days of the last week that have no predictions.

    The first run of all looks at today only.
    """
    if day:
        try:
            asked = date.fromisoformat(day)
        except ValueError:
            raise SourceError("the day cannot be read. Expected one such as 2026-03-31.") from None
        if asked > today:
            raise SourceError(f"the day {asked} is still to come; today is {today} (UTC).")
        return [asked]
    places_of(target, today)
    if DAY not in source or latest_predictions(target) is None:
        return [today]
    before = [today - timedelta(days=n) for n in range(DAYS_MADE_UP, 0, -1)]
    return [*(past for past in before if finished(places_of(target, past)) is None), today]


def score_days(
    days: Sequence[date], source: str, target: str, champion: Champion, settings: Settings
) -> tuple[Scored, list[str]]:
    """Score day after day; what came of them, and a sentence for each whose applications cannot be used."""
    scored: Scored = {"days": [], "waiting": []}
    problems = []
    folder = settings.home / "batch"
    for day in days:
        copied = copy_table(source.replace(DAY, day.isoformat()), folder)
        if isinstance(copied, SourceAbsentError):
            if DAY not in source:
                raise copied
            if day == days[-1]:
                print(f"No applications for {day}: {copied}")
        elif isinstance(copied, SourceError):
            print(sentence(str(copied)))
            scored["waiting"].append(str(copied))
        else:
            try:
                done = score(copied, day, champion, target, settings)
            except (SourceError, SchemaError) as exc:
                problems.append(f"The applications of {day} cannot be used: {exc}")
                continue
            scored["days"].append(_scored_day(done))
            if done.batch.day != day.isoformat():
                print(f"The applications of {day} are the very same as those of {done.batch.day}.")
            print(summary(done, target))
    return scored, problems


def report_on(model: str) -> None:
    """Have the report made; that it failed does not undo what was scored."""
    try:
        evidently_report(model)
    except Exception as exc:  # whatever it is: the next report goes on where the last one ended
        why = str(exc) if isinstance(exc, CreditRiskError) else "something went wrong in it; see its own run."
        get_run_logger().warning(f"The applications are scored, but there is no report on them yet: {why}")


def summary(done: BatchDone, target: str) -> str:
    """What was done and where it is, for a terminal or a log."""
    batch = done.batch
    if not done.is_new:
        return f"{batch.day}: these applications were scored before, by {batch.model} version {batch.model_version}."
    said = [
        f"{batch.day}: {counted(batch.n_scored, 'application')} scored with {batch.model} version "
        f"{batch.model_version}: "
        + ", ".join(f"{verdict} {batch.verdicts.get(verdict, 0):,}" for verdict in VERDICTS)
        + ".",
        f"Predictions: {done.uri}",
    ]
    if done.n_new < batch.n_scored:
        n_before = counted(batch.n_scored - done.n_new, "of them was", "of them were")
        said.insert(1, f"{n_before} decided before, and not again.")
    if batch.n_rejected:
        said.append(f"{counted(batch.n_rejected, 'row')} could not be scored: {rejected_beside(done.uri)} says why.")
    return "\n".join(said)


def _scored_day(done: BatchDone) -> ScoredDay:
    kept = asdict(done.batch)
    return {
        "day": kept["day"],
        "predictions": done.uri,
        "n_scored": kept["n_scored"],
        "n_rejected": kept["n_rejected"],
        "n_new": done.n_new,
    }
