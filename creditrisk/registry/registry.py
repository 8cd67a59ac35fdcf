"""The registry: what a training registers, and all that the modules below it do with what is registered."""

from __future__ import annotations

import socket
import time
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import polars as pl

import creditrisk
from creditrisk.decision_log import SERVICE, Actor
from creditrisk.errors import ScorerError
from creditrisk.home import Stores
from creditrisk.registry.evidence import NOT_COMPARED, UNKNOWN_TABLE, Evidence, TrainedFrom, tags_of
from creditrisk.registry.mlflow_files import EXPERIMENT
from creditrisk.registry.moves import Moves
from creditrisk.registry.scorers import REFERENCE
from creditrisk.registry.shown import description_of, fields_of, signature_of, table_of
from creditrisk.registry.versions import FINGERPRINT_TAG, Version, serving_folder
from creditrisk.scoring import Scorer, load, typical_record

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, RunInfo

    from creditrisk.training import Result

# Which machine and home a run was started in, so that only its own next run cleans up after it.
STARTED_IN_TAG = "started_in"
TRIAL_FIGURES = ("accuracy", "auc", "gini", "ks_good_bad", "f1", "precision", "recall", "specificity", "brier",
                 "log_loss", "cost")  # fmt: skip
MODEL_CODE = Path(__file__).parent / "pyfunc_model.py"
# What it takes to load a scorer; written out because MLflow's own guess takes long and guesses wrong.
REQUIREMENTS = ["click", "mlflow", "numba", "numpy", "pandas", "polars", "pydantic-settings", "safetensors", "scipy",
                "tomli-w"]  # fmt: skip


class Registry(Moves):
    """Model versions in MLflow: registered, found, proved, promoted, rolled back. Made once by whoever needs it.

    Parameters
    ----------
    stores
        Where MLflow, the decision log and the home are.
    """

    def __init__(self, stores: Stores) -> None:
        super().__init__(stores)
        self.here = f"{socket.gethostname()}:{stores.home}"

    def register(
        self,
        scorer: Scorer,
        reference: pl.DataFrame,
        *,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        evidence: Evidence = NOT_COMPARED,
        trained_from: TrainedFrom = UNKNOWN_TABLE,
        reason: str = "",
        trials: Iterable[Result] = (),
        pages: Mapping[str, str] = MappingProxyType({}),
        begun: datetime | None = None,
    ) -> Version:
        """Log a run with the scorer folder, register it under the dataset's name and make it the `challenger`.

        Parameters
        ----------
        reference
            A sample of the rows the version is compared with later, features and PD only.
        params, metrics
            Of the run, as MLflow shows them.
        evidence, trained_from
            Kept with the version.
        reason
            What called for the training, kept with run and version and in the decision log; empty: nothing did.
        trials
            What was tried; each becomes a nested run.
        pages
            Texts to keep with the run (HTML, JSON, SVG), by their path.
        begun
            When the training began, with its time zone; None: now.
        """
        import mlflow

        name, tags = scorer.schema.name, tags_of(evidence, trained_from, reason)
        with self.away(), self.scratch() as scratch:
            scorer.save(folder := scratch / "scorer")
            # What would not be served is not registered either.
            sha256 = load(folder, name=name, version="").sha256
            reference.write_parquet(scratch / REFERENCE)
            mlflow.set_tracking_uri(self.uri)
            run_id = self._begin_run(f"train {name}, {scorer.model.family}", begun, table_of(trained_from, name))
            with mlflow.start_run(run_id=run_id) as run:
                mlflow.log_params(dict(params))
                mlflow.log_metrics(dict(metrics))
                mlflow.set_tags({**tags, "dataset": name})
                for trial in trials:
                    self._log_trial(trial, run.info)
                _log_pages(pages, scratch / "pages")
                mlflow.log_artifact(str(scratch / REFERENCE))
                mlflow.log_artifact(str(folder / "card.md"))
                # Before the run ends: what is cut off here is still seen to be running, and cleaned up.
                version = self._unused(name, _log_model(folder, scorer))
                self.notes.note_scorer(name, version, sha256, by=Actor(self.here, SERVICE), why=_registered(reason))
                for key, value in {**tags, "family": scorer.model.family, FINGERPRINT_TAG: sha256}.items():
                    self.client.set_model_version_tag(name, version, key, value)
                self._describe(name, version, run.info, description_of(scorer.card, pages, _place_of(run.info)))
                self.client.set_registered_model_alias(name, "challenger", version)
            return Version(name, version, run.info.run_id, sha256, datetime.now(UTC), tags)

    def _begin_run(self, run_name: str, begun: datetime | None, table: DatasetInput) -> str:
        """A run that began when the training on a table did, and so lasts as long as it; its id."""
        from mlflow.tracking.context.registry import resolve_tags

        started = int((begun or datetime.now(UTC)).timestamp() * 1000)
        # What MLflow's own runs say of themselves: who, on what.
        tags = resolve_tags({STARTED_IN_TAG: self.here})
        run_id = str(self.client.create_run(self.experiment_id(), started, tags, run_name).info.run_id)
        self.client.log_inputs(run_id, datasets=[table])
        return run_id

    def _describe(self, name: str, version: str, run: RunInfo, description: str) -> None:
        """Have MLflow show the same with a version and with its run."""
        self.client.update_model_version(name, version, description)
        self.client.set_tag(run.run_id, "mlflow.note.content", description)

    def _unused(self, model: str, version: str) -> str:
        """The version itself, or the same files under the next number that no decision log has a scorer for.

        A registry that was begun anew counts from 1 again, and the decisions of the old versions are still there.
        """
        while self.notes.scorer(model, version) is not None:
            used = self.client.get_model_version(model, version)
            version = str(self.client.create_model_version(model, str(used.source), used.run_id).version)
            self.client.delete_model_version(model, used.version)
        return version

    def _log_trial(self, trial: Result, parent: RunInfo) -> None:
        from mlflow.entities import Metric, Param

        tags = {
            "mlflow.parentRunId": parent.run_id,
            "mlflow.runName": f"{trial.family} {trial.number}",
            "family": trial.family,
            STARTED_IN_TAG: self.here,
        }
        figures = {"fit_seconds": trial.seconds, "search_loss": trial.loss}
        for stage, performance in (("validation", trial.validation), ("test", trial.test)):
            if performance is not None:
                figures |= {f"{stage}_{name}": getattr(performance, name) for name in TRIAL_FIGURES}
        now = int(time.time() * 1000)
        started = now - round(1000 * trial.seconds)
        run_id = self.client.create_run(parent.experiment_id, started, tags).info.run_id
        self.client.log_batch(
            run_id,
            metrics=[Metric(name, value, now, 0) for name, value in figures.items()],
            params=[Param(name, str(value)) for name, value in trial.parameters.items()],
        )
        self.client.set_terminated(run_id, end_time=now)

    def clean_up(self) -> int:
        """End what an interrupted training of this home left behind; return how many runs that were.

        To be called while no training of this home goes on. Runs that still count as running are marked as killed, and
        a version that was made but never finished, so that no alias can point to it, is deleted.
        """
        self.sweep()
        with self.away():
            experiment = self.client.get_experiment_by_name(EXPERIMENT)
            if experiment is None:
                return 0
            running, failed = (
                self.client.search_runs(
                    [experiment.experiment_id],
                    filter_string=f"attributes.status = '{status}' and tags.{STARTED_IN_TAG} = '{self.here}'",
                )
                for status in ("RUNNING", "FAILED")
            )
            for run in (*running, *failed):
                for version in self.client.search_model_versions(f"run_id = '{run.info.run_id}'"):
                    if FINGERPRINT_TAG not in version.tags:
                        self.client.delete_model_version(version.name, version.version)
            for run in running:
                self.client.set_terminated(run.info.run_id, status="KILLED")
            return len(running)


def _place_of(run: RunInfo) -> str:
    """Where MLflow's own pages show the files of a run."""
    return f"#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts"


def _registered(reason: str) -> str:
    return f"registered; trained because: {reason}" if reason else "registered"


def load_version(stores: Stores, model: str, version: str) -> Scorer:
    """Any version ever registered: from its copy on disk if there is a sound one, else from the registry."""
    kept = serving_folder(stores.home, model, version)
    if kept.is_dir():
        with suppress(ScorerError):
            return load(kept, name=model, version=version)
    registry = Registry(stores)
    return registry.load(registry.version(model, version))


def _log_pages(pages: Mapping[str, str], folder: Path) -> None:
    import mlflow

    for path, text in pages.items():
        kept = folder / path
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(text, encoding="utf-8")
    if pages:
        mlflow.log_artifacts(str(folder))


def _log_model(folder: Path, scorer: Scorer) -> str:
    """Log a scorer folder with the running run and register it; return the version that MLflow made of it."""
    import mlflow
    import pandas as pd

    # It warns of the types that pyfunc_model.py leaves out on purpose.
    with warnings.catch_warnings(record=True):
        info = mlflow.pyfunc.log_model(
            name="scorer",
            python_model=str(MODEL_CODE),
            artifacts={"scorer": str(folder)},
            code_paths=[str(Path(creditrisk.__file__).parent)],
            pip_requirements=REQUIREMENTS,
            signature=signature_of(scorer.schema),
            metadata={"fields": fields_of(scorer.schema)},
            input_example=pd.DataFrame([typical_record(scorer)]),
            registered_model_name=scorer.schema.name,
        )
    return str(info.registered_model_version)
