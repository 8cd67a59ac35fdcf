"""The Sunday flow: read, check, train, register a challenger, and make it champion where there is evidence for it.

Thin tasks around creditrisk; every figure is computed there. Started by `make model-train-flow`, by the deployment
`model-train/sunday`, or from the Prefect UI. Only tasks that do I/O are retried.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, TypedDict

import polars as pl
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger

from creditrisk import datasets
from creditrisk.comparison import Comparison, Floors, compare, comparison_page, doubt_about
from creditrisk.datasets import simulated
from creditrisk.errors import CreditRiskError, TrainingError
from creditrisk.home import one_at_a_time
from creditrisk.quality import Checked, DataReport, check, data_page, examine
from creditrisk.registry import (
    DETAILS,
    PACK,
    PAGE,
    Champion,
    Evidence,
    PromotionResult,
    Registry,
    TrainedFrom,
    Version,
    evidence_from,
    find_champion,
    not_served_notice,
    origin_of,
    promote_if_better,
    serving_name,
)
from creditrisk.schema import Schema
from creditrisk.scoring import OTHER_FIELDS, Scorer, ScoreScale
from creditrisk.settings import Settings, read_settings
from creditrisk.sources import RawTable
from creditrisk.text import counted, shorten
from creditrisk.training import Budget, Training, train
from creditrisk.validation import DataFacts, pack_json, validate, validation_page, winner_plots
from flows.fan_out import spread
from flows.notices import tell_of_promotion
from flows.progress import report_progress
from flows.training_records import (
    TrainingRecord,
    digest,
    microseconds_per_client,
    reference_sample,
    run_metrics,
    run_params,
    summary,
)

SEED = 7
# Of what called for a training; a tag of MLflow takes no more than some thousand characters.
MOST_REASON = 1_000
# How deep a training looks: quickly if a person starts it, deeply on Sundays.
Search = Literal["quick", "deep"]


class Trained(TypedDict):
    """What the flow returns."""

    model: str
    version: str
    is_champion: bool
    why: str


@dataclass(frozen=True)
class ComparisonRecord:
    """What was found of a new scorer beside the champion, and the pages about it that are kept with its run."""

    comparison: Comparison | None
    evidence: Evidence
    pages: dict[str, str]


def _may_pass(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Whether reading failed for a reason that may pass: a bad table will be the same table in five seconds."""
    return not isinstance(state.result(raise_on_failure=False), CreditRiskError)


@task(retries=2, retry_delay_seconds=5, retry_condition_fn=_may_pass, persist_result=False)
def read_table(dataset: str, source: str | None, cache: Path) -> RawTable:
    """Fetch the table; the only task that waits for somebody else's disk or network before training."""
    return datasets.read(dataset, source, cache=cache)


@task(persist_result=False, cache_policy=NO_CACHE)
def check_table(
    raw: RawTable, schema: Schema, champion: Champion | None, settings: Settings
) -> tuple[Checked, DataReport]:
    """Split the table into rows to learn from and rows set aside with a reason; stop where no model should learn."""
    checked = check(raw, schema, with_target=True)
    report = examine(checked, schema, champion.scorer.profile if champion is not None else None)
    log = get_run_logger()
    n_bad = int(checked.accepted["default"].sum())
    log.info(
        "%s rows usable, %s of them bad; %s set aside",
        f"{checked.accepted.height:,}",
        f"{n_bad:,}",
        len(checked.rejected),
    )
    for rejection in checked.rejected[:5]:
        log.warning("set aside: row %s, %s", rejection.row, rejection.column or "the whole row")
    for finding in report.findings:
        log.log(logging.INFO if finding.severity == "note" else logging.WARNING, "%s", finding.sentence)
    if report.must_stop:
        kept = settings.home / "reports" / "data" / f"{schema.name}.html"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(data_page(report, title=schema.title), encoding="utf-8")
        kept.with_suffix(".json").write_text(report.to_json(), encoding="utf-8")
        raise TrainingError(f"{report.why} All that was found is in {kept}.")
    return checked, report


def train_scorer(
    accepted: pl.DataFrame,
    schema: Schema,
    champion: Champion | None,
    test_from: date | None,
    *,
    search: Search,
    settings: Settings,
) -> Training:
    """Try every family, choose, judge the whole path; the fits are tasks of their own."""
    n_trials = settings.search_trials if search == "quick" else settings.deep_search_trials
    get_run_logger().info(
        "a %s search: %s of each family (CREDITRISK_SEARCH_TRIALS=%s for a quick one, "
        "CREDITRISK_DEEP_SEARCH_TRIALS=%s for Sunday's)",
        search,
        counted(n_trials, "setting"),
        settings.search_trials,
        settings.deep_search_trials,
    )
    with report_progress() as progress:
        return train(
            accepted,
            schema,
            scale=ScoreScale(settings.score_base_points, settings.score_base_odds, settings.score_points_to_double),
            ask_below=settings.ask_below,
            seed=SEED,
            budget=Budget(n_trials, settings.search_seconds or None),
            run=spread(settings.dask_address),
            champion=champion.scorer if champion is not None else None,
            test_from=test_from,
            progress=progress,
        )


@task(persist_result=False, cache_policy=NO_CACHE)
def compare_with_champion(
    training: Training, champion: Champion | None, data_sha256: str, registry: Registry, settings: Settings
) -> ComparisonRecord:
    """Set the new scorer beside the champion on the same rows; say what the floors of this lender make of it."""
    # A setting of 0 asks for nothing.
    floors = Floors(settings.floor_auc or None, settings.floor_f1 or None, settings.ceiling_cost or None)
    asked = floors.guardrails(asdict(training.performance))
    test, schema = training.test, training.scorer.schema
    doubt = doubt_about(test.prob_default, test.target, schema.horizon_months)
    if champion is None or training.champion_prob_default is None:
        return ComparisonRecord(None, evidence_from(None, None, asked, doubt), {})
    comparison = compare(
        training.champion_prob_default,
        test.prob_default,
        test.target,
        test.folds,
        schema.costs,
        seed=SEED,
        frame=test.frame,
        champion=champion.scorer,
        challenger=training.scorer,
        floors=asked,
        microseconds_per_client=_timed(champion.scorer, training.scorer, test.frame),
        n_looks=registry.n_trained_on(schema.name, data_sha256) + 1,
    )
    pages = {
        PAGE: comparison_page(
            comparison,
            title=schema.title,
            champion=f"version {champion.version.version} ({champion.scorer.model.family})",
            challenger=f"the {training.scorer.model.family} of this training (table {data_sha256[:12]}…, seed {SEED})",
            protocol=training.protocol,
            written_at=_now(),
        ),
        DETAILS: comparison.to_json(),
    }
    return ComparisonRecord(comparison, evidence_from(comparison, champion.version, asked, doubt), pages)


@task(persist_result=False, cache_policy=NO_CACHE)
def document(training: Training, facts: DataFacts, comparison: Comparison | None) -> dict[str, str]:
    """The charts of the winner, and the validation pack as a page and as JSON."""
    with ThreadPoolExecutor(1) as beside:  # the models predict outside Python's lock
        drawing = beside.submit(winner_plots, training)
        pack = validate(training, data=facts, comparison=comparison)
        charts = drawing.result()
    return {
        **{f"charts/{name}.svg": chart for name, chart in charts.items()},
        PACK: validation_page(pack, charts),
        "validation.json": pack_json(pack),
    }


@task(retries=2, retry_delay_seconds=5, persist_result=False, cache_policy=NO_CACHE)
def register(
    training: Training,
    evidence: Evidence,
    trained_from: TrainedFrom,
    pages: dict[str, str],
    registry: Registry,
    *,
    reason: str,
    begun: datetime,
) -> Version:
    """Store run and version in MLflow, with all that was tried and every page, and point `challenger` at it."""
    return registry.register(
        training.scorer,
        reference_sample(training, SEED),
        params=run_params(training, SEED),
        metrics=run_metrics(training),
        evidence=evidence,
        trained_from=trained_from,
        reason=reason,
        trials=training.results,
        pages=pages,
        begun=begun,
    )


@task(retries=2, retry_delay_seconds=5, persist_result=False, cache_policy=NO_CACHE)
def decide_champion(version: Version, registry: Registry, settings: Settings) -> PromotionResult:
    """Make the version champion if its evidence, and this lender's way of promoting, allow it."""
    decided = promote_if_better(registry, version, settings.promotion)
    if decided.is_champion:
        tell_of_promotion(version.model, version.version, settings, get_run_logger())
    return decided


@flow(name="model-train", log_prints=True)
def model_train(
    dataset: str | None = None, source: str | None = None, test_from: date | None = None, search: Search = "quick",
    reason: str = "",
) -> Trained:  # fmt: skip
    """Train challengers on a dataset and promote one if it is better with evidence.

    Args:
        dataset: A known name or the path of a schema file; empty: what serves now, else the simulated lender.
        source: File or URI of the table; empty: where the champion's data came from, else the dataset's own source.
        test_from: First day of the applications that judge, for a table with dates; empty: the newest fifth judges.
        search: How many settings of each family are tried: quick or deep, as the settings say; Sunday's is deep.
        reason: What called for the training, kept with the version; empty: nothing did.
    """
    # Written so because Prefect shows the arguments' words beside its form in this style only.
    settings, reason, begun = read_settings(), shorten(reason, MOST_REASON), datetime.now(UTC)
    registry = Registry(settings.stores)
    # What is left of a killed training can be told from one that goes on only if there is one at a time.
    busy = TrainingError(
        f"another training is going on in {settings.home}. Wait for its end, or set CREDITRISK_HOME to a folder of "
        "its own."
    )
    with one_at_a_time(settings.home / "training.lock", otherwise=busy):
        if left := registry.clean_up():
            get_run_logger().warning("cleaned up after an interrupted training: %s runs", left)
        dataset, source = what_to_train(dataset, source, registry, settings)
        schema = datasets.load_schema(dataset)
        raw = read_table(dataset, source, settings.home / "cache")
        origin = TrainedFrom(dataset, source or "", digest(raw.texts))
        champion = find_champion(registry, schema.name)
        checked, report = check_table(raw, schema, champion, settings)
        accepted = checked.accepted
        facts = replace(facts_of(checked, report, reason), source=source or "", sha256=origin.data_sha256, seed=SEED)
        young_notice = checked.young.sentence if checked.young is not None else ""
        # The table as text is no longer needed, and is the largest thing in memory.
        del raw, checked
        training = train_scorer(accepted, schema, champion, test_from, search=search, settings=settings)
        compared = compare_with_champion(training, champion, origin.data_sha256, registry, settings)
        pages = document(training, replace(facts, written_at=_now()), compared.comparison) | {
            "data_checks.html": data_page(report, title=schema.title),
            "data_checks.json": report.to_json(),
            **compared.pages,
        }
        version = register(training, compared.evidence, origin, pages, registry, reason=reason, begun=begun)
        is_champion, why = decide_champion(version, registry, settings)
    record = TrainingRecord(
        version,
        training,
        is_champion,
        why,
        # The simulator knows every true PD of its own table, and of no other.
        best_auc=simulated.best_auc(training.test.frame) if dataset == "simulated" and not source else None,
        n_rejected=(facts.n_read or 0) - (facts.n_accepted or 0),
        had_champion=champion is not None,
        microseconds_per_client=microseconds_per_client(training.scorer, training.test.frame),
        pack_address=registry.page_address(version, PACK, settings.mlflow_port),
        young_notice=young_notice,
        not_served_notice=not_served_notice(registry, version.model, settings.dataset),
    )
    print(summary(record, settings.web_port))
    return {"model": version.model, "version": version.version, "is_champion": is_champion, "why": why}


def what_to_train(
    dataset: str | None, source: str | None, registry: Registry, settings: Settings
) -> tuple[str, str | None]:
    """Dataset and source of a training: as given, else those of what serves now, else the simulated lender's own."""
    serving = None if dataset else serving_name(registry, settings.dataset)
    if serving is not None:
        version = registry.champion(serving)
        before = origin_of(version) if version is not None else TrainedFrom()
        if before is None:
            raise TrainingError(
                f"nothing is kept of the table that the champion of {serving} was trained on. Name it this once: "
                "make model-train-flow DATASET=... SOURCE=..."
            )
        dataset, source = before.dataset or serving, source or settings.source or before.source
    return dataset or "simulated", source or None


def facts_of(checked: Checked, report: DataReport, reason: str) -> DataFacts:
    """What the validation pack says of the table as it was taken, and why: a second line of names is no row of it."""
    return DataFacts(
        n_read=checked.raw.height,
        columns=tuple(checked.raw.columns),
        n_accepted=checked.accepted.height,
        n_bad=report.n_bad,
        rejected=report.set_aside,
        trained_because=reason or None,
    )


def _timed(champion: Scorer, challenger: Scorer, rows: pl.DataFrame) -> tuple[float, float] | None:
    """What each takes to score a client; None where the champion reads other fields than these rows have."""
    try:
        return microseconds_per_client(champion, rows), microseconds_per_client(challenger, rows)
    except OTHER_FIELDS:
        return None


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
