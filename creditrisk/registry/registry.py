"""Model versions in MLflow: store, find, fetch, promote and roll back. The only module that talks to MLflow.

Aliases: `challenger` is the best of the last training, `champion` the one that serves, `previous` the champion before
it. What is fetched is a scorer folder (scorer.py), kept under <home>/serving so that scoring goes on, and starts, while
the registry is away. Others can write to MLflow, so nothing in it is believed by itself: the fingerprint is noted in
the decision log as well, and a folder is proved in a process of its own (proving.py) before it takes the place of
another. Which model is served stands in the decision log only.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import socket
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from filelock import FileLock
from polars import selectors

import creditrisk
from creditrisk.decision_log import GENESIS, DecisionLog, Head
from creditrisk.errors import CreditRiskError, RegistryError, ScorerError
from creditrisk.home import make_home, one_at_a_time
from creditrisk.registry.mlflow_files import EXPERIMENT, settle_in, take_file
from creditrisk.registry.versions import (
    CHAMPION_NOTE,
    EVENT_TAG,
    FINGERPRINT_TAG,
    SCORER_NOTE,
    SERVING_NOTE,
    Event,
    Version,
    event_from,
    serving_folder,
    version_from,
)
from creditrisk.schema import Schema
from creditrisk.scoring import MAX_MODEL_BYTES, Scorer, check_files, check_names, fingerprint, load, proving
from creditrisk.settings import Settings

if TYPE_CHECKING:
    from creditrisk.training import Result

# Who signs in, to the last @, as a password may hold any sign, and whatever is asked for behind it.
_CREDENTIALS = re.compile(r"(?<=://)\S*@|\?[^\s'\"]*")

# Which machine and home a run was started in, so that only its own next run cleans up after it.
STARTED_IN_TAG = "started_in"
TRIAL_FIGURES = ("accuracy", "auc", "gini", "ks_good_bad", "f1", "precision", "recall", "specificity", "brier",
                 "log_loss", "cost")  # fmt: skip
PROMOTION_PATIENCE_SECONDS = 30
# Enough to meet every field's usual values; more would not prove more.
PROVING_ROWS = 1_000
# What a reference sample may take; ours hold 5,000 rows.
MAX_SAMPLE_BYTES = 50_000_000
# 5,000 rows of 2,000 fields; compressed, far more would fit into those bytes.
MAX_SAMPLE_CELLS = 10_000_000
# Of other fields in a version's folder than these no scorer consists; more are not even listed.
MAX_FILES = 30
# What lies there longer was left behind by a process that was killed.
SCRATCH_SECONDS = 3600
# The sample that a version is proved on, among its run's files.
REFERENCE = "reference.parquet"
# Where a scorer lies among the files of a logged model.
SCORER_PATH = "artifacts/scorer"
MODEL_CODE = Path(__file__).parent / "pyfunc_model.py"
# What it takes to load a scorer; written out because MLflow's own guess takes long and guesses wrong.
REQUIREMENTS = ["click", "lightgbm", "mlflow", "numpy", "pandas", "polars", "pydantic-settings", "safetensors",
                "scikit-learn", "scipy", "tomli-w", "xgboost-cpu"]  # fmt: skip


class Registry:
    """MLflow behind the few verbs we need.

    Parameters
    ----------
    settings
        Where MLflow is, where copies are kept, and how long to wait for it.
    """

    def __init__(self, settings: Settings) -> None:
        # MLflow reads these at each request; its own defaults would hold a caller for minutes when the server is away.
        os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(max(1, round(settings.registry_timeout_seconds)))
        os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"
        os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
        # It would write the whole of an error, and the address with it, before the sentence we make of it.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
        self.uri = settings.mlflow_tracking_uri
        self.home = settings.home
        self._log = DecisionLog(settings.decision_log)
        self._here = f"{socket.gethostname()}:{settings.home}"
        self.is_local = self.uri.startswith("sqlite:")
        if self.is_local:
            make_home(self.home / "mlflow")
            settle_in(self.home)
        with self._away():
            from mlflow import MlflowClient

            self._client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def register(
        self,
        scorer: Scorer,
        reference: pl.DataFrame,
        *,
        params: dict[str, Any],
        metrics: dict[str, float],
        tags: dict[str, str],
        trials: Iterable[Result] = (),
        pages: Mapping[str, str] = MappingProxyType({}),
    ) -> Version:
        """Log a run with the scorer folder, register it under the dataset's name and make it the `challenger`.

        Parameters
        ----------
        reference
            A sample of the rows the version is compared with later, features and PD only.
        trials
            What was tried; each becomes a nested run.
        pages
            Texts to keep with the run (HTML, JSON, SVG), by their path.
        """
        import mlflow

        name = scorer.schema.name
        with self._away(), self._scratch() as scratch:
            folder = scratch / "scorer"
            scorer.save(folder)
            # What would not be served is not registered either.
            sha256 = load(folder, name=name, version="").sha256
            sample = scratch / REFERENCE
            reference.write_parquet(sample)
            mlflow.set_tracking_uri(self.uri)
            with mlflow.start_run(
                experiment_id=self._experiment(),
                run_name=f"train {name}, {scorer.model.family}",
                tags={STARTED_IN_TAG: self._here},
            ) as run:
                mlflow.log_params(params)
                mlflow.log_metrics(metrics)
                mlflow.set_tags({**tags, "dataset": name})
                for trial in trials:
                    self._log_trial(trial, run.info)
                for path, text in pages.items():
                    kept = scratch / "pages" / path
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    kept.write_text(text, encoding="utf-8")
                if pages:
                    mlflow.log_artifacts(str(scratch / "pages"))
                mlflow.log_artifact(str(sample))
                mlflow.log_artifact(str(folder / "card.md"))
                # It warns of the types that pyfunc_model.py leaves out on purpose.
                with warnings.catch_warnings(record=True):
                    info = mlflow.pyfunc.log_model(
                        name="scorer",
                        python_model=str(MODEL_CODE),
                        artifacts={"scorer": str(folder)},
                        code_paths=[str(Path(creditrisk.__file__).parent)],
                        pip_requirements=REQUIREMENTS,
                        registered_model_name=name,
                    )
                # Before the run ends: what is cut off here is still seen to be running, and cleaned up.
                version = self._unused(name, str(info.registered_model_version))
                self._note_scorer(name, version, sha256, by=self._here, why="registered")
                for key, value in {**tags, "family": scorer.model.family, FINGERPRINT_TAG: sha256}.items():
                    self._client.set_model_version_tag(name, version, key, value)
                self._client.set_registered_model_alias(name, "challenger", version)
            return Version(name, version, run.info.run_id, sha256, datetime.now(UTC), tags)

    def _unused(self, model: str, version: str) -> str:
        """The version itself, or the same files under the next number that no decision log has a scorer for.

        A registry that was begun anew counts from 1 again, and the decisions of the old versions are still there.
        """
        while self._log.noted(SCORER_NOTE, f"{model}/{version}") is not None:
            used = self._client.get_model_version(model, version)
            version = str(self._client.create_model_version(model, str(used.source), used.run_id).version)
            self._client.delete_model_version(model, used.version)
        return version

    def _log_trial(self, trial: Result, parent: Any) -> None:
        from mlflow.entities import Metric, Param

        tags = {
            "mlflow.parentRunId": parent.run_id,
            "mlflow.runName": f"{trial.family} {trial.number}",
            "family": trial.family,
            STARTED_IN_TAG: self._here,
        }
        figures = {"fit_seconds": trial.seconds, "search_loss": trial.loss}
        for stage, performance in (("validation", trial.validation), ("test", trial.test)):
            if performance is not None:
                figures |= {f"{stage}_{name}": getattr(performance, name) for name in TRIAL_FIGURES}
        now = int(time.time() * 1000)
        run_id = self._client.create_run(parent.experiment_id, tags=tags).info.run_id
        self._client.log_batch(
            run_id,
            metrics=[Metric(name, value, now, 0) for name, value in figures.items()],
            params=[Param(name, str(value)) for name, value in trial.parameters.items()],
        )
        self._client.set_terminated(run_id)

    def clean_up(self) -> int:
        """End what an interrupted training of this home left behind; return how many runs that were.

        To be called while no training of this home goes on. Runs that still count as running are marked as killed, and
        a version that was made but never finished, so that no alias can point to it, is deleted.
        """
        self._sweep()
        with self._away():
            experiment = self._client.get_experiment_by_name(EXPERIMENT)
            if experiment is None:
                return 0
            running, failed = (
                self._client.search_runs(
                    [experiment.experiment_id],
                    filter_string=f"attributes.status = '{status}' and tags.{STARTED_IN_TAG} = '{self._here}'",
                )
                for status in ("RUNNING", "FAILED")
            )
            for run in (*running, *failed):
                for version in self._client.search_model_versions(f"run_id = '{run.info.run_id}'"):
                    if FINGERPRINT_TAG not in version.tags:
                        self._client.delete_model_version(version.name, version.version)
            for run in running:
                self._client.set_terminated(run.info.run_id, status="KILLED")
            return len(running)

    def at(self, model: str, alias: str) -> Version | None:
        """The version an alias points to; None if the model or the alias does not exist."""
        from mlflow.exceptions import MlflowException

        with self._away():
            try:
                return version_from(self._client.get_model_version_by_alias(model, alias))
            except MlflowException as exc:
                if exc.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise

    def champion(self, model: str) -> Version | None:
        """The serving version of a model; None if it has none yet."""
        return self.at(model, "champion")

    def version(self, model: str, version: str) -> Version:
        """One version by its number.

        Raises
        ------
        RegistryError
            If there is none: with the numbers there are.
        """
        with self._away():
            numbers = [int(item.version) for item in self._client.search_model_versions(f"name = '{model}'")]
        # None has so many digits, and Python refuses to read many more.
        if not (version.isascii() and version.isdigit() and len(version) < 10 and int(version) in numbers):
            has = f"versions {', '.join(map(str, sorted(numbers)))}" if numbers else "no versions"
            raise RegistryError(f"there is no version '{version[:20]}' of model '{model}': it has {has}.")
        with self._away():
            return version_from(self._client.get_model_version(model, str(int(version))))

    def served(self) -> str | None:
        """The model that was decided to serve; None if nobody decided yet. It stands in the decision log."""
        return self._log.noted(SERVING_NOTE) if self._log.is_begun() else None

    def serve(self, model: str, *, by: str, why: str) -> None:
        """Decide which model serves from now on; its champion must be fit to.

        Raises
        ------
        RegistryError, ScorerError
            If it has no champion, or one that cannot be proved.
        """
        champion = self.champion(model)
        if champion is None:
            raise RegistryError(f"{model} has no champion to serve. Train one, or promote one with `make promote`.")
        self.check_made_champion(champion)
        self.fetch(champion)
        self._log.note(SERVING_NOTE, "", model, by=by, why=why)

    def trained_last(self, alias: str) -> str | None:
        """The model trained last among those that have an alias; None if there is none."""
        with self._away():
            models = [item for item in self._models() if alias in item.aliases]
            return max(models, key=lambda item: item.last_updated_timestamp).name if models else None

    def _models(self) -> Iterator[Any]:
        token = None
        while True:  # page by page
            found = self._client.search_registered_models(page_token=token)
            yield from found
            if not (token := found.token):
                return

    def n_trained_on(self, model: str, data_sha256: str) -> int:
        """How many versions of a model were trained, and so judged, on the very same table."""
        with self._away():
            versions = self._client.search_model_versions(f"name = '{model}'")
            return sum(version.tags.get("data_sha256") == data_sha256 for version in versions)

    def page_address(self, version: Version, page: str, mlflow_port: int) -> str:
        """Where a browser on this machine finds a page kept with a version, once MLflow's server runs."""
        place = f"experiments/{self._experiment()}/runs/{version.run_id}/artifacts/{page}"
        return f"http://127.0.0.1:{mlflow_port}/#/{place}"

    def promote(self, version: Version, *, by: str, why: str, evidence: str, instead_of: str | None = None) -> None:
        """Make a version the champion, keep the one before it as `previous`, and note who, when, why and on what.

        It is first proved to load and to score as it did, and its fingerprint is noted in the decision log, if it was
        not. The champion then moves in one step of the database, so that there is a valid one whenever this is cut off;
        what is left undone then, the next call does. In one home one promotion goes on at a time; between homes that
        share a registry, only `instead_of` keeps them apart. The first champion of all decides which model serves.

        Parameters
        ----------
        instead_of
            The version that the evidence is about; if another one is champion by now, nothing is moved. None: any.

        Raises
        ------
        RegistryError
            If the version does not score as it did, the champion is another one than `instead_of`, or another promotion
            does not end within half a minute.
        """
        self.prove(version)
        self._note_scorer(version.model, version.version, version.sha256, by=by, why="promoted")
        with self._away(), self._one_at_a_time():
            before = self._finish(version.model)
            if before is not None and before.version == version.version:
                self._note_champion(version, by=by, why=why)
                self._serve_first(version.model, by)
                return
            if instead_of is not None and (before is None or before.version != instead_of):
                raise RegistryError(
                    f"{version.model} version {version.version} was to replace version {instead_of}, which is no "
                    "longer champion. Nothing was changed; look at what is champion now, or train again to compare."
                )
            self._move(version, before, what="promoted", by=by, why=why, evidence=evidence)
            self._serve_first(version.model, by)

    def roll_back(self, model: str, *, by: str, why: str) -> Version:
        """Make `previous` champion again and return it; the champion becomes `previous`, so that this can be undone.

        Raises
        ------
        RegistryError
            If there is nothing to go back to, or it no longer scores as it did.
        """
        with self._away(), self._one_at_a_time():
            champion = self._finish(model)
            previous = self.at(model, "previous")
            if champion is None or previous is None or previous.version == champion.version:
                raise RegistryError(
                    f"{model} has no previous champion to go back to"
                    + (f": version {champion.version} was the first." if champion is not None else ", nor a champion.")
                )
            self.prove(previous)
            self._note_scorer(model, previous.version, previous.sha256, by=by, why="rolled back to")
            self._move(previous, champion, what="rolled back", by=by, why=why, evidence=f"run {previous.run_id}")
            return previous

    def prove(self, version: Version) -> None:
        """Fetch and load a version, noted or not, and score its reference sample again.

        Raises
        ------
        RegistryError, ScorerError
            If its files are not the ones registered, cannot be read, or score otherwise than they did.
        """
        self._check_not_another(version)
        scorer = _loaded(self._fetch(version), version)
        sample = self.reference_sample(version).head(PROVING_ROWS)
        try:
            is_same = sample.height > 0 and np.allclose(
                scorer.prob_default(sample), sample["prob_default"].to_numpy(), rtol=0, atol=1e-9
            )
        except pl.exceptions.PolarsError:
            is_same = False
        if not is_same:
            raise RegistryError(
                f"{version.model} version {version.version} does not give its {sample.height:,} reference rows the PDs "
                "it gave them when it was registered. It is not made champion; train again with the versions of the "
                "libraries that are installed here."
            )

    def history(self, model: str) -> list[Event]:
        """Every promotion of a model and every way back, oldest first; nothing in it is ever changed or removed."""
        with self._away():
            tags = self._client.get_registered_model(model).tags
        return [event_from(model, key, tags[key]) for key in sorted(tags) if key.startswith(EVENT_TAG)]

    def noted_heads(self) -> list[tuple[str, Head]]:
        """Each head of the decision log that a promotion of any model noted, with the name of what noted it."""
        with self._away():
            models = [item.name for item in self._models()]
        return [
            (
                f"the record of {model} version {event.version}, {event.what} at {event.at}",
                (event.log_seq, event.log_hash),
            )
            for model in models
            for event in self.history(model)
            if event.log_seq
        ]

    def was_made_champion(self, version: Version) -> bool:
        """Whether the last that was made champion of its model here, by the decision log, is this version."""
        return self._log.is_begun() and self._log.noted(CHAMPION_NOTE, version.model) == version.version

    def _note_champion(self, version: Version, *, by: str, why: str) -> None:
        self._log.note(CHAMPION_NOTE, version.model, version.version, by=by, why=why)

    def _noted_scorer(self, version: Version) -> str | None:
        return self._log.noted(SCORER_NOTE, f"{version.model}/{version.version}") if self._log.is_begun() else None

    def _note_scorer(self, model: str, version: str, sha256: str, *, by: str, why: str) -> None:
        self._log.note(SCORER_NOTE, f"{model}/{version}", sha256, by=by, why=why)

    def _serve_first(self, model: str, by: str) -> None:
        """The first champion of all serves; every later change is a decision of its own."""
        if self.served() is None:
            self._log.note(SERVING_NOTE, "", model, by=by, why="the first champion")

    def _log_head(self) -> Head:
        return self._log.head() if self._log.is_begun() else (0, GENESIS)

    def _note(self, model: str, event: Event) -> None:
        key = EVENT_TAG + event.at.replace("+00:00", "Z")  # MLflow takes no plus sign here
        self._client.set_registered_model_tag(model, key, json.dumps(asdict(event)))

    def _move(self, version: Version, before: Version | None, *, what: str, by: str, why: str, evidence: str) -> None:
        at, replaced = _now(), before.version if before is not None else ""
        # Ahead of the alias, which anybody who can write to MLflow could move: the web app asks for both.
        self._note_champion(version, by=by, why=why)
        self._note(version.model, Event(at, what, version.version, replaced, by, why, evidence, *self._log_head()))
        for key, value in {"by": by, "why": why, "evidence": evidence, "at": at}.items():
            self._client.set_model_version_tag(version.model, version.version, f"promoted_{key}", value)
        self._client.set_registered_model_alias(version.model, "champion", version.version)
        self._finish(version.model)

    def _finish(self, model: str) -> Version | None:
        """Do what a promotion that was cut off has left undone, or note that it moved nothing; return the champion."""
        champion = self.champion(model)
        if champion is None:
            return None
        last = next(reversed(self.history(model)), None)
        if last is None:
            return champion
        if last.version == champion.version:
            previous = self.at(model, "previous")
            if last.instead_of and (previous is None or previous.version != last.instead_of):
                self._client.set_registered_model_alias(model, "previous", last.instead_of)
        elif last.instead_of == champion.version:
            why = f"the move to version {last.version} was cut off, or undone by other means"
            head = self._log_head()
            self._note(model, Event(_now(), "not carried out", champion.version, "", "registry", why, "", *head))
        return champion

    def _one_at_a_time(self) -> AbstractContextManager[None]:
        busy = RegistryError(
            f"another promotion is going on in {self.home} and has not ended after {PROMOTION_PATIENCE_SECONDS} "
            "seconds. Nothing was changed; try again."
        )
        return one_at_a_time(self.home / "promotion.lock", otherwise=busy, patience_seconds=PROMOTION_PATIENCE_SECONDS)

    def check_noted(self, version: Version) -> None:
        """See that the decision log knows a version by the fingerprint it has in MLflow.

        Raises
        ------
        RegistryError
            If it was never noted, or by another one.
        """
        if self._noted_scorer(version) is None:
            raise RegistryError(
                f"the fingerprint of {version.model} version {version.version} was never noted in the decision log of "
                f"this home, so nobody can tell what it is. Promote it again, which proves and notes it: riskometer "
                f"promote --dataset {version.model} --version {version.version}."
            )
        self._check_not_another(version)

    def check_made_champion(self, version: Version) -> None:
        """See that a version is champion because somebody promoted it, and not because its alias was moved in MLflow.

        Raises
        ------
        RegistryError
            If the decision log knows nothing of it.
        """
        self.check_noted(version)
        if not self.was_made_champion(version):
            raise RegistryError(
                f"{version.model} version {version.version} is champion in MLflow, but was not made so here last: "
                "somebody moved the alias, or a promotion was cut off. Promote it, which proves it and notes why: "
                f"riskometer promote --dataset {version.model} --version {version.version}."
            )

    def _check_not_another(self, version: Version) -> None:
        if self._noted_scorer(version) not in (None, version.sha256):
            raise RegistryError(
                f"{version.model} version {version.version} has another fingerprint in the registry than the decision "
                "log noted when it was registered: somebody changed the registry. It is not loaded; roll back or train "
                "again."
            )

    def fetch(self, version: Version) -> Path:
        """The scorer folder of a version, under <home>/serving: fetched and proved at its first use, then kept.

        Raises
        ------
        RegistryError
            If MLflow is away, or the version is not the one that was noted when it was registered.
        ScorerError
            If its files are damaged, or it does not score as it did. What was kept of the version before stays.
        """
        self.check_noted(version)
        return self._fetch(version)

    def _fetch(self, version: Version) -> Path:
        """`fetch` without asking what was noted."""
        kept = serving_folder(self.home, version.model, version.version)
        kept.parent.mkdir(parents=True, exist_ok=True)
        # Two processes that want the same version follow each other.
        with FileLock(self.home / "serving" / "fetching.lock"):
            if kept.is_dir() and _is_intact(kept, version.sha256):
                proving.prove_once(self.home, kept, version.sha256)
                return kept
            with self._away(), self._scratch() as scratch:
                folder = scratch / version.version
                self._download(version, folder)
                if fingerprint(folder) != version.sha256:
                    raise ScorerError(
                        f"{version.model} version {version.version} was changed in the registry after it was "
                        "registered: its files do not match the fingerprint noted then. It is not loaded; roll back or "
                        "train again."
                    )
                proving.prove_once(self.home, folder, version.sha256)
                if Schema.from_file(folder / "schema.toml").name != version.model:
                    raise ScorerError(f"version {version.version} of {version.model} is a scorer of another model.")
                if kept.exists():  # a copy that is not what it was; whoever reads it has it in memory
                    kept.rename(scratch / "before")
                folder.rename(kept)
        return kept

    def _download(self, version: Version, folder: Path) -> None:
        """The files of a scorer and no others, none of them larger than a scorer's, into a new folder."""
        files = self._files(self._client.get_model_version_download_uri(version.model, version.version))
        listed = {Path(item.path).name: item.file_size or 0 for item in files.list_artifacts(SCORER_PATH)[:MAX_FILES]}
        check_names(listed)  # asked before a byte is sent for
        folder.mkdir()
        for name in listed:
            take_file(files, f"{SCORER_PATH}/{name}", folder, MAX_MODEL_BYTES)
        check_files(folder)

    def _files(self, uri: str) -> Any:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        return get_artifact_repository(uri, tracking_uri=self.uri, registry_uri=self.uri)

    def load(self, version: Version) -> Scorer:
        """Fetch and load a version."""
        return _loaded(self.fetch(version), version)

    def reference_sample(self, version: Version) -> pl.DataFrame:
        """The sample of reference rows logged with a version: features and `prob_default`.

        Raises
        ------
        RegistryError
            If it is larger than any that we log, or holds numbers that are not finite.
        """
        with self._away(), self._scratch() as scratch:
            files = self._files(self._client.get_run(version.run_id).info.artifact_uri)
            if any(
                item.path == REFERENCE and (item.file_size or 0) > MAX_SAMPLE_BYTES for item in files.list_artifacts()
            ):
                raise ScorerError(f"{REFERENCE} has more than {MAX_SAMPLE_BYTES:,} bytes: it was changed.")
            lazy = pl.scan_parquet(take_file(files, REFERENCE, scratch, MAX_SAMPLE_BYTES))
            n_rows, n_columns = lazy.select(pl.len()).collect().item(), len(lazy.collect_schema())
            if n_rows * n_columns > MAX_SAMPLE_CELLS:
                raise RegistryError(
                    f"the reference sample of {version.model} version {version.version} is larger than any that a "
                    "training logs: it was changed in the registry. Train again."
                )
            sample = lazy.collect()
        numbers = sample.select(selectors.float())
        if not all(column.is_finite().all() for column in numbers.iter_columns()):
            raise RegistryError(
                f"the reference sample of {version.model} version {version.version} holds numbers that are not finite: "
                "it was changed in the registry. Train again."
            )
        return sample

    def check_reachable(self) -> None:
        """Ask the registry for something small; RegistryError if it does not answer."""
        with self._away():
            self._client.search_registered_models(max_results=1)

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        # Beside the local database artifacts are plain files, so that a local server and this process share them.
        location = (self.home / "mlflow" / "artifacts").as_uri() if self.is_local else None
        return str(self._client.create_experiment(EXPERIMENT, artifact_location=location))

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A folder for files on their way, under home and not where others read: they may hold applicants' data."""
        place = self.home / "scratch"
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sweep()
        with tempfile.TemporaryDirectory(dir=place) as folder:
            yield Path(folder)

    def _sweep(self) -> None:
        for left in self.home.glob("scratch/*"):
            with suppress(FileNotFoundError):  # somebody else tidies up as well
                if time.time() - left.stat().st_mtime > SCRATCH_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def _away(self) -> Iterator[None]:
        """Turn whatever MLflow raises into one sentence; our own errors pass."""
        try:
            yield
        except CreditRiskError:
            raise
        except Exception as exc:  # MLflow lets through errors of requests, SQLAlchemy and its own
            # The library's words may quote the address, password and all.
            said = _CREDENTIALS.sub("", str(exc)).splitlines() or [type(exc).__name__]
            reason = said[0][:200].rstrip(". ")
            raise RegistryError(
                f"the model registry at {_CREDENTIALS.sub('', self.uri)} does not answer or refused: {reason}. "
                "Scoring goes on with the saved model; start it with `make up` to train or promote."
            ) from None  # the cause would carry the address, with its password, into every log


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def load_version(settings: Settings, model: str, version: str) -> Scorer:
    """Any version ever registered: from its copy on disk if there is a sound one, else from the registry."""
    kept = serving_folder(settings.home, model, version)
    if kept.is_dir():
        with suppress(ScorerError):
            return load(kept, name=model, version=version)
    registry = Registry(settings)
    return registry.load(registry.version(model, version))


def _loaded(folder: Path, version: Version) -> Scorer:
    return load(folder, name=version.model, version=version.version, sha256=version.sha256)


def _is_intact(folder: Path, sha256: str) -> bool:
    try:
        check_files(folder)
    except ScorerError:
        return False
    return fingerprint(folder) == sha256
