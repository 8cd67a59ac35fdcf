"""The three-hourly flow: the decisions since the last report against the champion's reference, drawn and archived.

Thin tasks around creditrisk and monitoring. Started by `make evidently-report-flow`, by the deployment
`evidently-report/every-3-hours`, or from the Prefect UI. The exporter reads what is archived here at its next scrape.
Only tasks that do I/O are retried.
"""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from creditrisk.decision_log import DecisionLog
from creditrisk.errors import RegistryError, ReportError
from creditrisk.home import one_at_a_time
from creditrisk.registry import Champion, Registry, find_champion
from creditrisk.settings import Settings, read_settings
from flows.notices import tell_of_report
from flows.retraining import act
from monitoring import archive, drift, performance, report, windows
from monitoring.archive import Kept, Stored
from monitoring.drift import Drift
from monitoring.results import PerformanceFigures, Result
from monitoring.windows import Reference, Window


@task(retries=2, retry_delay_seconds=5, persist_result=False, cache_policy=NO_CACHE)
def champion_to_report_on(dataset: str | None, registry: Registry, settings: Settings) -> Champion | None:
    """Fetch and load the version that serves, if there is one, with its schema and its reference profile."""
    return find_champion(registry, dataset or settings.dataset)


def reference_of(champion: Champion) -> Reference:
    """What windows are counted by: the champion's profile."""
    version, scorer = champion.version, champion.scorer
    return Reference(version.model, version.version, scorer.profile, has_ids=scorer.schema.id_field is not None)


@task(retries=2, retry_delay_seconds=5, persist_result=False, cache_policy=NO_CACHE)
def read_window(reference: Reference, settings: Settings) -> tuple[Window, Kept]:
    """Count the decisions since the last archived report; and what archives hold, or could not be read there."""
    archives = archive.open_archives(settings.archive_uris)
    kept = archive.read_recent(archives, reference.model, pending=archive.pending_folder(settings.home))
    return windows.since_last_report(DecisionLog(settings.decision_log), reference, kept.results), kept


@task(retries=2, retry_delay_seconds=5, persist_result=False, cache_policy=NO_CACHE)
def measure(champion: Champion, window: Window, settings: Settings, as_of: datetime) -> PerformanceFigures:
    """How good the model is: estimated on what is judged, realised on the outcomes known by now."""
    log, schema = DecisionLog(settings.decision_log), champion.scorer.schema
    return performance.of_log(log, window.judged, reference_of(champion), schema, as_of)


@task(persist_result=False, cache_policy=NO_CACHE)
def compare(
    champion: Champion, window: Window, measured: PerformanceFigures, created_at: datetime, remarks: list[str]
) -> tuple[Drift, Result]:
    """Compute drift, and all that the report says of the window."""
    version, scorer = champion.version, champion.scorer
    found = drift.compare(scorer.profile, scorer.schema, window.judged.profile, window.judged.sample)
    result = report.make_result(
        found,
        window,
        model=version.model,
        model_version=version.version,
        created_at=created_at,
        title=scorer.schema.title,
        remarks=remarks,
        performance=measured,
    )
    return found, result


@task(persist_result=False, cache_policy=NO_CACHE)
def draw(result: Result, found: Drift, window: Window, champion: Champion) -> bytes:
    """Draw the page."""
    return report.render(result, found, window, champion.scorer.schema)


@task(retries=2, retry_delay_seconds=5, persist_result=False)
def keep(html: bytes, result: Result, settings: Settings) -> Stored:
    """Write the report to every archive; one that is away gets it later."""
    stored = archive.store(
        archive.open_archives(settings.archive_uris), html, result, pending=archive.pending_folder(settings.home)
    )
    for problem in stored.problems:
        get_run_logger().warning(problem)
    return stored


@flow(name="evidently-report", log_prints=True)
def evidently_report(dataset: str | None = None) -> Result:
    """Report on the applications scored since the last report.

    Args:
        dataset: A registered model; empty: the one that serves.
    """
    settings = read_settings()
    # The windows of two reports at once would begin at the same decision.
    busy = ReportError(
        f"another report is being made in {settings.home}. Wait for its end; the next one goes on where it ended."
    )
    with one_at_a_time(settings.home / "report.lock", otherwise=busy):
        champion = champion_to_report_on(dataset, Registry(settings.stores), settings)
        if champion is None:
            raise RegistryError("there is no champion to report on. Train one with `make model-train-flow`.")
        reference = reference_of(champion)
        window, earlier = read_window(reference, settings)
        created_at = datetime.now(UTC)
        measured = measure(champion, window, settings, created_at)
        found, result = compare(champion, window, measured, created_at, earlier.problems)
        result = act(result, champion, window, reference=reference, earlier=earlier.results, settings=settings)
        html = draw(result, found, window, champion)
        stored = keep(html, result, settings)
        tell_of_report(result, stored, settings, get_run_logger())
    print(summary(result, stored, settings))
    return {**result, "id": stored.id}


def summary(result: Result, stored: Stored, settings: Settings) -> str:
    """What was found and where to look next, for a terminal or a log."""
    name, version, n_rows = result["model"], result["model_version"], result["n_rows"]
    return "\n".join(
        [
            f"{name} version {version}: {n_rows:,} applications since the last report.",
            *(f"  - {finding}" for finding in result["findings"]),
            *(f"  ! {problem}" for problem in stored.problems),
            "",
            *(f"Report:  {place}/{stored.id}.html" for place in stored.kept_in),
            f"Metrics: http://127.0.0.1:{settings.exporter_port}/metrics once `make up` runs",
        ]
    )
