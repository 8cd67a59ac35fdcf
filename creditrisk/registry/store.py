"""MLflow behind the few verbs we need: one connection, what is looked up in it, and files on their way.

Aliases: `challenger` is the best of the last training, `champion` the one that serves, `previous` the champion before
it. Others can write to MLflow, so nothing in it is believed by itself.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditrisk.errors import CreditRiskError, RegistryError, ScorerError
from creditrisk.home import Stores, make_home
from creditrisk.registry.evidence import origin_of
from creditrisk.registry.mlflow_files import EXPERIMENT, settle_in, take_file
from creditrisk.registry.versions import Version, version_from
from creditrisk.text import shorten

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

# Who signs in, to the last @, as a password may hold any sign, and whatever is asked for behind it.
_NO_CONNECTION = ("Max retries exceeded", "Connection refused", "Failed to establish a new connection")
_CREDENTIALS = re.compile(r"(?<=://)\S*@|\?[^\s'\"]*")
# What lies there longer was left behind by a process that was killed.
SCRATCH_SECONDS = 3600
# What a page of ours takes at most: a validation pack with its charts has some hundred kilobytes.
MAX_PAGE_BYTES = 10_000_000


class MLflowStore:
    """A connection to MLflow, and what is asked of it.

    Parameters
    ----------
    stores
        Where MLflow is, and the home that copies and scratch files are kept in.
    """

    def __init__(self, stores: Stores) -> None:
        self.uri = stores.mlflow_uri
        self.home = stores.home
        self.is_local = self.uri.startswith("sqlite:")
        if self.is_local:
            make_home(self.home / "mlflow")
            settle_in(self.home)
        with self.away():
            from mlflow import MlflowClient

            self.client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def at(self, model: str, alias: str) -> Version | None:
        """The version an alias points to; None if the model or the alias does not exist."""
        from mlflow.exceptions import MlflowException

        with self.away():
            try:
                return version_from(self.client.get_model_version_by_alias(model, alias))
            except MlflowException as exc:
                if exc.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise

    def champion(self, model: str) -> Version | None:
        """The serving version of a model; None if it has none yet."""
        return self.at(model, "champion")

    def challenger(self, model: str) -> Version | None:
        """The version trained last of a model; None if it has none yet."""
        return self.at(model, "challenger")

    def version(self, model: str, version: str) -> Version:
        """One version by its number.

        Raises
        ------
        RegistryError
            If there is none: with the numbers there are.
        """
        with self.away():
            numbers = [int(item.version) for item in self.client.search_model_versions(f"name = '{model}'")]
        # None has so many digits, and Python refuses to read many more.
        if not (version.isascii() and version.isdigit() and len(version) < 10 and int(version) in numbers):
            has = f"versions {', '.join(map(str, sorted(numbers)))}" if numbers else "no versions"
            raise RegistryError(f"there is no version '{version[:20]}' of model '{model}': it has {has}.")
        with self.away():
            return version_from(self.client.get_model_version(model, str(int(version))))

    def versions(self, model: str) -> list[Version]:
        """Every version of a model, in no order."""
        with self.away():
            return [version_from(item) for item in self.client.search_model_versions(f"name = '{model}'")]

    def trained_last(self, alias: str) -> str | None:
        """The model trained last among those that have an alias; None if there is none."""
        with self.away():
            models = [item for item in self.models() if alias in item.aliases]
            return max(models, key=lambda item: item.last_updated_timestamp).name if models else None

    def models(self) -> Iterator[Any]:
        """Every registered model, as MLflow hands it out."""
        token = None
        while True:  # page by page
            found = self.client.search_registered_models(page_token=token)
            yield from found
            if not (token := found.token):
                return

    def n_trained_on(self, model: str, data_sha256: str) -> int:
        """How many versions of a model were trained, and so judged, on the very same table.

        One of which that is not known, or whose tags were changed by hand, counts: more looks only ask for surer
        evidence.
        """
        with self.away():
            versions = self.client.search_model_versions(f"name = '{model}'")
            return sum(_may_be_trained_on(version_from(item), data_sha256) for item in versions)

    def last_trained(self, model: str) -> datetime | None:
        """When the newest version of a model was registered; None if there is none."""
        with self.away():
            versions = self.client.search_model_versions(f"name = '{model}'")
            return max((version_from(item).created_at for item in versions), default=None)

    def page_address(self, version: Version, page: str, mlflow_port: int) -> str:
        """Where a browser on this machine finds a page kept with a version, once MLflow's server runs."""
        place = f"experiments/{self.experiment_id()}/runs/{version.run_id}/artifacts/{page}"
        return f"http://127.0.0.1:{mlflow_port}/#/{place}"

    def pages(self, version: Version, names: Sequence[str]) -> dict[str, bytes]:
        """Those of the named pages that are kept with a version's run; others can write there, so trust none.

        Raises
        ------
        RegistryError, ScorerError
            If MLflow is away, or a page is larger than any of ours.
        """
        with self.away(), self.scratch() as scratch:
            files = self.files(self.client.get_run(version.run_id).info.artifact_uri)
            listed = {item.path: item.file_size or 0 for item in files.list_artifacts()}
            if large := [name for name in names if listed.get(name, 0) > MAX_PAGE_BYTES]:
                raise ScorerError(f"{large[0]} has more than {MAX_PAGE_BYTES:,} bytes: it was changed.")
            return {
                name: take_file(files, name, scratch, MAX_PAGE_BYTES).read_bytes() for name in names if name in listed
            }

    def run_figures(self, run_id: str) -> dict[str, float]:
        """What a training's run says of its test, by the names of the figures; nothing if there is no such run.

        Raises
        ------
        RegistryError
            If MLflow is away.
        """
        from mlflow.exceptions import MlflowException

        with self.away():
            try:
                return dict(self.client.get_run(run_id).data.metrics)
            except MlflowException as exc:
                if exc.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return {}
                raise

    def check_reachable(self) -> None:
        """Ask the registry for something small; RegistryError if it does not answer."""
        with self.away():
            self.client.search_registered_models(max_results=1)

    def experiment_id(self) -> str:
        """The experiment that runs are kept in, made at its first use."""
        found = self.client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        # Beside the local database artifacts are plain files, so that a local server and this process share them.
        location = (self.home / "mlflow" / "artifacts").as_uri() if self.is_local else None
        return str(self.client.create_experiment(EXPERIMENT, artifact_location=location))

    def files(self, uri: str) -> ArtifactRepository:
        """The files that lie at an address of MLflow's."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        return get_artifact_repository(uri, tracking_uri=self.uri, registry_uri=self.uri)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for files on their way, under home and not where others read: they may hold applicants' data."""
        place = self.home / "scratch"
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.sweep()
        with tempfile.TemporaryDirectory(dir=place) as folder:
            yield Path(folder)

    def sweep(self) -> None:
        """Remove what killed processes left in the scratch folder."""
        for left in self.home.glob("scratch/*"):
            with suppress(FileNotFoundError):  # somebody else tidies up as well
                if time.time() - left.stat().st_mtime > SCRATCH_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Turn whatever MLflow raises into one sentence; our own errors pass."""
        try:
            yield
        except CreditRiskError:
            raise
        except Exception as exc:  # MLflow lets through errors of requests, SQLAlchemy and its own
            # The library's words may quote the address, password and all.
            said = _CREDENTIALS.sub("", str(exc)).splitlines() or [type(exc).__name__]
            # Of a connection that cannot be made, urllib3 tells at length what nobody needs.
            is_nobody_there = any(word in said[0] for word in _NO_CONNECTION)
            reason = "nothing answers there" if is_nobody_there else shorten(said[0], 200).rstrip(". ")
            raise RegistryError(
                f"the model registry at {_CREDENTIALS.sub('', self.uri)} does not answer or refused: {reason}. "
                "Scoring goes on with the saved model; start it with `make up` to train or promote."
            ) from None  # the cause would carry the address, with its password, into every log


def _may_be_trained_on(version: Version, data_sha256: str) -> bool:
    try:
        origin = origin_of(version)
    except RegistryError:
        return True
    return origin is None or origin.data_sha256 == data_sha256
