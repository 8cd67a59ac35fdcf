"""The Sunday flow: read, check, train, register a challenger, and make it champion where there is evidence for it.

Thin tasks around creditrisk; every figure is computed there. Started by `make model-train-flow`, by the deployment
`model-train/sunday`, or from the Prefect UI. Only tasks that do I/O are retried.
"""

from __future__ import annotations

import hashlib
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger

from creditrisk import datasets
from creditrisk.comparison import Comparison, compare, comparison_page
from creditrisk.datasets import simulated
from creditrisk.errors import CreditRiskError, TrainingError
from creditrisk.home import one_at_a_time
from creditrisk.learners import dnn
from creditrisk.quality import Checked, DataReport, check, data_page, examine
from creditrisk.registry import (
    DETAILS,
    PACK,
    PAGE,
    TRIAL_FIGURES,
    Registry,
    Version,
    evidence_tags,
    floors,
    not_served_notice,
    promote_if_better,
    serving_name,
)
from creditrisk.schema import Schema
from creditrisk.scoring import Scorer, ScoreScale
from creditrisk.settings import Settings, read_settings
from creditrisk.sources import RawTable
from creditrisk.text import counted
from creditrisk.training import Budget, Training, train
from creditrisk.validation import validate, validation_page, winner_plots
from flows.fan_out import spread
from flows.progress import report_progress

SEED = 7
REFERENCE_ROWS = 5_000


@dataclass(frozen=True)
class Outcome:
    """What a run of the flow did, for the one who started it."""

    version: Version
    training: Training
    is_champion: bool
    why: str
    best_auc: float | None
    n_rejected: int
    had_champion: bool
    pack_address: str
    # That the page serves another model, and how to change that; empty if it serves this one.
    not_served_notice: str


@dataclass(frozen=True)
class Champion:
    """The version that serves, and its scorer."""

    version: Version
    scorer: Scorer


@dataclass(frozen=True)
class Evidence:
    """What speaks for and against a new scorer: the comparison, tags of its version, and pages kept with its run."""

    comparison: Comparison | None
    tags: dict[str, str]
    pages: dict[str, str]


def _may_pass(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Whether reading failed for a reason that may pass: a bad table will be the same table in five seconds."""
    return not isinstance(state.result(raise_on_failure=False), CreditRiskError)


@task(retries=2, retry_delay_seconds=5, retry_condition_fn=_may_pass, persist_result=False)
def read_table(dataset: str, source: str | None) -> RawTable:
    """Fetch the table; the only task that waits for somebody else's disk or network before training."""
    return datasets.read(dataset, source)


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
    accepted: pl.DataFrame, schema: Schema, champion: Champion | None, test_from: date | None, settings: Settings
) -> Training:
    """Try every family, choose, judge the whole path; the fits are tasks of their own."""
    with report_progress() as progress:
        return train(
            accepted,
            schema,
            scale=ScoreScale(settings.score_base_points, settings.score_base_odds, settings.score_points_to_double),
            seed=SEED,
            budget=Budget(settings.search_trials, settings.search_seconds or None),
            run=spread(settings.dask_address),
            champion=champion.scorer if champion is not None else None,
            test_from=test_from,
            progress=progress,
        )


@task(persist_result=False, cache_policy=NO_CACHE)
def compare_with_champion(
    training: Training, champion: Champion | None, data_sha256: str, settings: Settings
) -> Evidence:
    """Set the new scorer beside the champion on the same rows; say what the floors of this lender make of it."""
    asked = floors(settings).guardrails(asdict(training.performance))
    version = champion.version if champion is not None else None
    if champion is None or training.champion_prob_default is None:
        return Evidence(None, evidence_tags(None, version, asked), {})
    judged, schema = training.test, training.scorer.schema
    comparison = compare(
        training.champion_prob_default,
        judged.prob_default,
        judged.target,
        judged.folds,
        schema.costs,
        seed=SEED,
        frame=judged.frame,
        champion=champion.scorer,
        challenger=training.scorer,
        floors=asked,
        n_looks=Registry(settings).n_trained_on(schema.name, data_sha256) + 1,
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
    return Evidence(comparison, evidence_tags(comparison, version, asked), pages)


@task(persist_result=False, cache_policy=NO_CACHE)
def document(training: Training, facts: dict[str, Any], comparison: Comparison | None) -> dict[str, str]:
    """The charts of the winner, and the validation pack as a page and as JSON."""
    with ThreadPoolExecutor(1) as beside:  # the models predict outside Python's lock
        drawing = beside.submit(winner_plots, training)
        pack = validate(training, data=facts, comparison=comparison)
        charts = drawing.result()
    return {
        **{f"charts/{name}.svg": chart for name, chart in charts.items()},
        PACK: validation_page(pack, charts),
        "validation.json": json.dumps(pack, indent=1, allow_nan=False),
    }


@task(retries=2, retry_delay_seconds=5, persist_result=False, cache_policy=NO_CACHE)
def register(training: Training, tags: dict[str, str], pages: dict[str, str], settings: Settings) -> Version:
    """Store run and version in MLflow, with all that was tried and every page, and point `challenger` at it."""
    scorer, performance = training.scorer, training.performance
    figures = {name: getattr(performance, name) for name in (*TRIAL_FIGURES, "calibration_slope")}
    for candidate in training.candidates:
        figures |= {
            f"{candidate.family}.{name}": getattr(candidate.test, name) for name in ("auc", "brier", "log_loss", "cost")
        }
    sample = training.reference.sample(min(training.reference.height, REFERENCE_ROWS), seed=SEED)
    names = [field.name for field in scorer.schema.features]
    reference = sample.select(names).with_columns(prob_default=scorer.prob_default(sample))
    params = {"family": scorer.model.family, "seed": SEED, "protocol": training.protocol, "device": dnn.device()}
    for member, taken in training.recipe.parameters.items():
        params |= {f"{member}.{name}": value for name, value in taken.items()}
    return Registry(settings).register(
        scorer, reference, params=params, metrics=figures, tags=tags, trials=training.results, pages=pages
    )


@task(retries=2, retry_delay_seconds=5, persist_result=False)
def decide_champion(version: Version, settings: Settings) -> tuple[bool, str]:
    """Make the version champion if its evidence, and this lender's way of promoting, allow it."""
    return promote_if_better(Registry(settings), version, settings)


@flow(name="model-train", log_prints=True)
def model_train(dataset: str | None = None, source: str | None = None, test_from: date | None = None) -> dict[str, Any]:
    """Train challengers on a dataset and promote one if it is better with evidence.

    Args:
        dataset: A known name or the path of a schema file; empty: what serves now, else the simulated lender.
        source: File or URI of the table; empty: where the champion's data came from, else the dataset's own source.
        test_from: First day of the applications that judge, for a table with dates; empty: the newest fifth judges.
    """
    # Written so because Prefect shows the arguments' words beside its form in this style only.
    settings = read_settings()
    registry = Registry(settings)
    # What is left of a killed training can be told from one that goes on only if there is one at a time.
    busy = TrainingError(
        f"another training is going on in {settings.home}. Wait for its end, or set CREDITRISK_HOME to a folder of "
        "its own."
    )
    with one_at_a_time(settings.home / "training.lock", otherwise=busy):
        if left := registry.clean_up():
            get_run_logger().warning("cleaned up after an interrupted training: %s runs", left)
        serving = None if dataset else serving_name(settings, registry)
        if serving is not None:
            version = registry.champion(serving)
            noted = version.tags if version is not None else {}
            dataset, source = noted.get("dataset_given", serving), source or settings.source or noted.get("source")
        dataset, source = dataset or "simulated", source or None
        schema = datasets.load_schema(dataset)
        raw = read_table(dataset, source)
        data_sha256 = _data_sha256(raw.frame)
        champion = champion_of(schema.name, registry)
        checked, report = check_table(raw, schema, champion, settings)
        accepted = checked.accepted
        facts = facts_of(checked, report) | {
            "source": source or "",
            "sha256": data_sha256,
            "seed": SEED,
        }
        # The table as text is no longer needed, and is the largest thing in memory.
        del raw, checked
        training = train_scorer(accepted, schema, champion, test_from, settings)
        evidence = compare_with_champion(training, champion, data_sha256, settings)
        given = {"dataset_given": dataset, "source": source or "", "data_sha256": data_sha256}
        pages = document(training, facts | {"written_at": _now()}, evidence.comparison) | {
            "data_checks.html": data_page(report, title=schema.title),
            "data_checks.json": report.to_json(),
        }
        version = register(training, given | evidence.tags, pages | evidence.pages, settings)
        is_champion, why = decide_champion(version, settings)
        other = not_served_notice(version.model, settings, registry)
    # The simulator knows every true PD of its own table, and of no other.
    best_auc = simulated.best_auc(training.test.frame) if dataset == "simulated" and not source else None
    n_rejected = facts["n_read"] - facts["n_accepted"]
    pack_address = registry.page_address(version, PACK, settings.mlflow_port)
    outcome = Outcome(
        version, training, is_champion, why, best_auc, n_rejected, champion is not None, pack_address, other
    )
    print(summary(outcome, settings))
    return {"model": version.model, "version": version.version, "is_champion": is_champion, "why": why}


def facts_of(checked: Checked, report: DataReport) -> dict[str, Any]:
    """What the validation pack says of the table as it was taken: a second line of names is no row of it."""
    return {
        "n_read": checked.raw.height,
        "columns": checked.raw.columns,
        "n_accepted": checked.accepted.height,
        "n_bad": report.n_bad,
        "rejected": report.set_aside,
    }


def champion_of(model: str, registry: Registry) -> Champion | None:
    """The champion to compare with; None if there is none."""
    version = registry.champion(model)
    return Champion(version, registry.load(version)) if version is not None else None


def summary(outcome: Outcome, settings: Settings) -> str:
    """What was done and what to type next, for a terminal or a log."""
    training, version = outcome.training, outcome.version
    chosen = training.scorer.model.family
    lines = [
        f"{training.scorer.schema.title}: candidates on rows they were not fitted on",
        *(
            f"  {'→' if item.family == chosen else ' '} {item.family:<20} AUC {item.test.auc:.4f}  "
            f"Brier {item.test.brier:.4f}  log loss {item.test.log_loss:.4f}  cost {item.test.cost:.4f}  "
            f"{item.seconds:6.1f} s"
            for item in sorted(training.candidates, key=lambda item: item.test.log_loss)
        ),
        *(f"    {name:<20} failed: {why}" for name, why in training.failures.items()),
        *(["    no CUDA device here: the network was trained on the CPU"] if dnn.device() == "cpu" else []),
        "What to expect of it on applicants it has not seen:",
        f"    {training.performance}",
        f"    judged by: {training.protocol}",
    ]
    if training.auc_sd is not None:
        lines.append(f"    AUC varies by {training.auc_sd:.3f} (standard deviation) from fold to fold")
    if outcome.best_auc is not None:
        lines.append(f"    best reachable AUC on these rows {outcome.best_auc:.3f}: the simulator knows every true PD")
    if outcome.n_rejected:
        lines.append(f"    {counted(outcome.n_rejected, 'row')} set aside; the log names the first of them")
    stays = "; the champion stays" if outcome.had_champion else ""
    place = "champion" if outcome.is_champion else f"challenger{stays}"
    lines += [
        f"Registered as {version.model} version {version.version}: {place} ({outcome.why}).",
        *([outcome.not_served_notice] if outcome.not_served_notice else []),
        "",
        "Next:  make up       starts everything, if it does not run yet",
        f"       the page      http://127.0.0.1:{settings.web_port}: drop a CSV of clients there",
        f"       for the file  {outcome.pack_address}",
    ]
    return "\n".join(lines)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def _data_sha256(frame: pl.DataFrame) -> str:
    digest = hashlib.sha256()
    for column in frame.columns:
        digest.update(f"{column}\n".encode())
        digest.update(frame[column].fill_null("\0").str.join("\n").item().encode())
    return digest.hexdigest()
