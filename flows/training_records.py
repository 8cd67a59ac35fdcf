"""What is written down of a training: digest, figures and sample for the registry, words for a terminal."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

import polars as pl

from creditrisk.learners import dnn
from creditrisk.registry import TRIAL_FIGURES, Version
from creditrisk.scoring import Scorer
from creditrisk.text import counted
from creditrisk.training import Training

REFERENCE_ROWS = 5_000
# Enough for a mean, few enough for a family that explains itself slowly.
TIMED_ROWS = 200
NO_CUDA = "    no CUDA device here: the network was trained on the CPU"


@dataclass(frozen=True)
class TrainingRecord:
    """What a run of the flow did, for the one who started it."""

    version: Version
    training: Training
    is_champion: bool
    why: str
    best_auc: float | None
    n_rejected: int
    had_champion: bool
    pack_address: str
    # What scoring a client with reasons took, by the new scorer.
    microseconds_per_client: float
    # Which loans were too young to teach and judge, and why; empty if none were.
    young_notice: str
    # That the page serves another model, and how to change that; empty if it serves this one.
    not_served_notice: str


def digest(frame: pl.DataFrame) -> str:
    """The SHA-256 of a table of texts: its names and its cells, column by column."""
    sha256 = hashlib.sha256()
    for column in frame.columns:
        sha256.update(f"{column}\n".encode())
        sha256.update(frame[column].fill_null("\0").str.join("\n").item().encode())
    return sha256.hexdigest()


def run_params(training: Training, seed: int) -> dict[str, object]:
    """The parameters that MLflow shows of a run: what was chosen, and how."""
    params: dict[str, object] = {
        "family": training.scorer.model.family,
        "seed": seed,
        "protocol": training.protocol,
        **({"device": dnn.device()} if _has_network(training) else {}),
    }
    for member, taken in training.recipe.parameters.items():
        params |= {f"{member}.{name}": value for name, value in taken.items()}
    return params


def _has_network(training: Training) -> bool:
    """Whether one was fitted; otherwise PyTorch is not imported, which takes a second or two."""
    return any(item.family == "dnn" for item in training.candidates)


def run_metrics(training: Training) -> dict[str, float]:
    """The figures that MLflow shows of a run: those of the new scorer, and the main ones of each candidate."""
    figures = {name: getattr(training.performance, name) for name in (*TRIAL_FIGURES, "calibration_slope")}
    for candidate in training.candidates:
        figures[f"{candidate.family}.microseconds_per_client"] = candidate.microseconds_per_client
        figures |= {
            f"{candidate.family}.{name}": getattr(candidate.test, name) for name in ("auc", "brier", "log_loss", "cost")
        }
    return figures


def microseconds_per_client(scorer: Scorer, rows: pl.DataFrame) -> float:
    """What scoring a client with reasons takes on this machine, by the first of these rows: the faster of two times."""
    rows = rows.head(TIMED_ROWS)
    seconds = []
    for _ in range(2):  # the first may have to load what the second finds loaded
        started = time.perf_counter()
        scorer.score(rows)
        seconds.append(time.perf_counter() - started)
    return 1e6 * min(seconds) / rows.height


def reference_sample(training: Training, seed: int) -> pl.DataFrame:
    """Rows that the version is compared with, and proved on, later: features and the PDs it gives them."""
    scorer = training.scorer
    sample = training.reference.sample(min(training.reference.height, REFERENCE_ROWS), seed=seed)
    names = [field.name for field in scorer.schema.features]
    return sample.select(names).with_columns(prob_default=scorer.prob_default(sample))


def summary(record: TrainingRecord, web_port: int) -> str:
    """What was done and what to type next, for a terminal or a log."""
    training, version = record.training, record.version
    chosen = training.scorer.model.family
    lines = [
        f"{training.scorer.schema.title}: candidates on rows they were not fitted on",
        *(
            f"  {'→' if item.family == chosen else ' '} {item.family:<20} AUC {item.test.auc:.4f}  "
            f"Brier {item.test.brier:.4f}  log loss {item.test.log_loss:.4f}  cost {item.test.cost:.4f}  "
            f"{item.seconds:6.1f} s  {item.microseconds_per_client:5,.0f} µs a client"
            for item in sorted(training.candidates, key=lambda item: item.test.log_loss)
        ),
        *(f"    {name:<20} failed: {why}" for name, why in training.failures.items()),
        *([NO_CUDA] if _has_network(training) and dnn.device() == "cpu" else []),
        "What to expect of it on applicants it has not seen:",
        f"    {training.performance}",
        f"    judged by: {training.protocol}",
    ]
    if training.auc_sd is not None:
        lines.append(f"    AUC varies by {training.auc_sd:.3f} (standard deviation) from fold to fold")
    lines.append(f"    scoring a client with reasons takes it {record.microseconds_per_client:,.0f} µs")
    if record.best_auc is not None:
        lines.append(f"    best reachable AUC on these rows {record.best_auc:.3f}: the simulator knows every true PD")
    if record.n_rejected:
        lines.append(f"    {counted(record.n_rejected, 'row')} set aside; the log names the first of them")
    if record.young_notice:
        lines.append(f"    {record.young_notice}")
    stays = "; the champion stays" if record.had_champion else ""
    place = "champion" if record.is_champion else f"challenger{stays}"
    lines += [
        f"Registered as {version.model} version {version.version}: {place} ({record.why}).",
        *([record.not_served_notice] if record.not_served_notice else []),
        "",
        "Next:  make up       starts everything, if it does not run yet",
        f"       the page      http://127.0.0.1:{web_port}: drop a CSV of clients there",
        f"       to be signed  {record.pack_address}",
    ]
    return "\n".join(lines)
