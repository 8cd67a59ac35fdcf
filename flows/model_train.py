"""The Sunday flow: read, check, train, register a challenger, and make it champion where there is evidence for it.

Thin tasks around creditrisk; every figure is computed there. Started by `make model-train-flow`, by the deployment
`model-train/sunday`, or from the Prefect UI. Only tasks that do I/O are retried.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from typing import Any

import polars as pl
from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger

from creditrisk import datasets
from creditrisk.comparison import compare
from creditrisk.datasets import simulated
from creditrisk.decision import ScoreScale
from creditrisk.errors import CreditRiskError
from creditrisk.quality import Checked, check
from creditrisk.registry import Registry, Version, serving_name
from creditrisk.schema import Schema
from creditrisk.settings import Settings, read_settings
from creditrisk.sources import RawTable
from creditrisk.training import Training, train

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


def _may_pass(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Whether reading failed for a reason that may pass: a bad table will be the same table in five seconds."""
    return not isinstance(state.result(raise_on_failure=False), CreditRiskError)


@task(retries=2, retry_delay_seconds=5, retry_condition_fn=_may_pass, persist_result=False)
def read_table(dataset: str, source: str | None) -> RawTable:
    """Fetch the table; the only task that waits for somebody else's disk or network before training."""
    return datasets.read(dataset, source)


@task(persist_result=False)
def check_table(raw: RawTable, schema: Schema) -> Checked:
    """Split the table into rows to learn from and rows set aside with a reason."""
    checked = check(raw, schema, with_target=True)
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
    return checked


@task(persist_result=False)
def train_scorer(accepted: pl.DataFrame, schema: Schema, scale: ScoreScale) -> Training:
    """Fit every family, choose the cheapest, judge the whole path."""
    log = get_run_logger()
    started = time.monotonic()
    last = ("", 0)

    def progress(done: int, steps: int, what: str) -> None:
        nonlocal last
        now = (what, done * 10 // steps)  # a line for each new thing and for each tenth of the way
        if now != last:
            left = (time.monotonic() - started) * (steps - done) / done if done else 0.0
            log.info(
                "step %s of %s: %s%s",
                done + (done < steps),
                steps,
                what,
                f", about {left:.0f} s left" if left >= 1 else "",
            )
            last = now

    return train(accepted, schema, scale=scale, seed=SEED, threads=os.cpu_count() or 1, progress=progress)


@task(retries=2, retry_delay_seconds=5, persist_result=False)
def register(training: Training, tags: dict[str, str], settings: Settings) -> Version:
    """Store run and version in MLflow and point `challenger` at it."""
    scorer, performance = training.scorer, training.performance
    logged = ("auc", "gini", "ks_good_bad", "brier", "log_loss", "cost", "calibration_slope")
    figures = {name: getattr(performance, name) for name in logged}
    for candidate in training.candidates:
        figures |= {
            f"{candidate.family}.{name}": getattr(candidate.performance, name) for name in ("auc", "brier", "cost")
        }
    sample = training.reference.sample(min(training.reference.height, REFERENCE_ROWS), seed=SEED)
    names = [field.name for field in scorer.schema.features]
    reference = sample.select(names).with_columns(prob_default=scorer.prob_default(sample))
    params = {"family": scorer.model.family, "seed": SEED, "protocol": training.protocol}
    return Registry(settings).register(scorer, reference, params=params, metrics=figures, tags=tags)


@task(retries=2, retry_delay_seconds=5, persist_result=False)
def decide_champion(version: Version, training: Training, settings: Settings) -> tuple[bool, str]:
    """Make the version champion if there is none, or if a comparison says that it decides more cheaply."""
    registry = Registry(settings)
    champion = registry.champion(version.model)
    if champion is None:
        why = "there was no champion yet"
        registry.promote(version, by="model-train", why=why, evidence=f"run {version.run_id}")
        return True, why
    comparison = compare(registry.load(champion).metrics, training.scorer.metrics)
    if comparison.is_better:
        registry.promote(version, by="model-train", why=comparison.sentence, evidence=f"run {version.run_id}")
    return comparison.is_better, comparison.sentence


@flow(name="model-train", log_prints=True)
def model_train(dataset: str | None = None, source: str | None = None) -> dict[str, Any]:
    """Train challengers on a dataset and promote one if it is better with evidence.

    Parameters
    ----------
    dataset
        A known name or the path of a schema file; empty: what serves now, else the simulated lender.
    source
        File or URI of the table; empty: where the champion's data came from, else the dataset's own source.
    """
    settings = read_settings()
    registry = Registry(settings)
    serving = None if dataset else serving_name(settings, registry)
    if serving is not None:
        champion = registry.champion(serving)
        tags = champion.tags if champion is not None else {}
        dataset, source = tags.get("dataset_given", serving), source or settings.source or tags.get("source") or None
    dataset = dataset or "simulated"
    schema = datasets.load_schema(dataset)
    raw = read_table(dataset, source or None)
    checked = check_table(raw, schema)
    scale = ScoreScale(settings.score_base_points, settings.score_base_odds, settings.score_points_to_double)
    training = train_scorer(checked.accepted, schema, scale)
    tags = {"dataset_given": dataset, "source": source or "", "data_sha256": _data_sha256(raw.frame)}
    version = register(training, tags, settings)
    is_champion, why = decide_champion(version, training, settings)
    # The simulator knows every true PD of its own table, and of no other.
    best_auc = simulated.best_auc(training.judged) if dataset == "simulated" and not source else None
    outcome = Outcome(version, training, is_champion, why, best_auc, len(checked.rejected))
    print(summary(outcome, settings))
    return {"model": version.model, "version": version.version, "is_champion": is_champion, "why": why}


def summary(outcome: Outcome, settings: Settings) -> str:
    """What was done and what to type next, for a terminal or a log."""
    training, version = outcome.training, outcome.version
    chosen = training.scorer.model.family
    lines = [
        f"{training.scorer.schema.title}: candidates on rows they were not fitted on",
        *(
            f"  {'→' if item.family == chosen else ' '} {item.family:<20} AUC {item.performance.auc:.4f}  "
            f"Brier {item.performance.brier:.4f}  cost {item.performance.cost:.4f}  {item.seconds:6.1f} s"
            for item in sorted(training.candidates, key=lambda item: item.performance.cost)
        ),
        f"The whole path, {training.protocol}:",
        f"    {training.performance}",
    ]
    if training.auc_sd is not None:
        lines.append(f"    AUC varies by {training.auc_sd:.3f} (standard deviation) from fold to fold")
    if outcome.best_auc is not None:
        lines.append(f"    best reachable AUC on these rows {outcome.best_auc:.3f}: the simulator knows every true PD")
    if outcome.n_rejected:
        lines.append(f"    {outcome.n_rejected:,} rows were set aside; the log names the first of them")
    place = "champion" if outcome.is_champion else "challenger; the champion stays"
    lines += [
        f"Registered as {version.model} version {version.version}: {place} ({outcome.why}).",
        "",
        "Next:  make up       starts everything and prints the addresses",
        f"       then drop a CSV of clients at http://127.0.0.1:{settings.web_port}",
    ]
    return "\n".join(lines)


def _data_sha256(frame: pl.DataFrame) -> str:
    digest = hashlib.sha256()
    for column in frame.columns:
        digest.update(f"{column}\n".encode())
        digest.update(frame[column].fill_null("\0").str.join("\n").item().encode())
    return digest.hexdigest()
