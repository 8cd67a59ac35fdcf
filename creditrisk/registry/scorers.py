"""Scorers of registered versions: noted, fetched, proved, loaded.

What is fetched is a scorer folder, kept under <home>/serving so that scoring goes on, and starts, while the registry is
away. Others can write to MLflow: the fingerprint is noted in the decision log as well, and a folder is proved in a
process of its own before it takes the place of another. Which model is served stands in the decision log only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from filelock import FileLock
from polars import selectors

from creditrisk.errors import RegistryError, ScorerError
from creditrisk.home import Stores
from creditrisk.registry.mlflow_files import take_file
from creditrisk.registry.notes import Notes
from creditrisk.registry.store import MLflowStore
from creditrisk.registry.versions import Version, serving_folder
from creditrisk.schema import Schema
from creditrisk.scoring import MAX_MODEL_BYTES, Scorer, check_files, check_names, fingerprint, load, proving

# Enough to meet every field's usual values; more would not prove more.
PROVING_ROWS = 1_000
# What a reference sample may take; ours hold 5,000 rows.
MAX_SAMPLE_BYTES = 50_000_000
# 5,000 rows of 2,000 fields; compressed, far more would fit into those bytes.
MAX_SAMPLE_CELLS = 10_000_000
# Of other fields in a version's folder than these no scorer consists; more are not even listed.
MAX_FILES = 30
# The sample that a version is proved on, among its run's files.
REFERENCE = "reference.parquet"
# Where a scorer lies among the files of a logged model.
SCORER_PATH = "artifacts/scorer"


class Scorers(MLflowStore):
    """MLflow's versions beside what the decision log notes of them.

    Parameters
    ----------
    stores
        Where both are.
    """

    def __init__(self, stores: Stores) -> None:
        self.notes = Notes(stores.decision_log)
        super().__init__(stores)

    def served(self) -> str | None:
        """The model that was decided to serve; None if nobody decided yet. It stands in the decision log."""
        return self.notes.served()

    def was_made_champion(self, version: Version) -> bool:
        """Whether the last that was made champion of its model here, by the decision log, is this version."""
        return self.notes.champion(version.model) == version.version

    def check_noted(self, version: Version) -> None:
        """See that the decision log knows a version by the fingerprint it has in MLflow.

        Raises
        ------
        RegistryError
            If it was never noted, or by another one.
        """
        if self.notes.scorer(version.model, version.version) is None:
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
        if self.notes.scorer(version.model, version.version) not in (None, version.sha256):
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
            with self.away(), self.scratch() as scratch:
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
        files = self.files(self.client.get_model_version_download_uri(version.model, version.version))
        listed = {Path(item.path).name: item.file_size or 0 for item in files.list_artifacts(SCORER_PATH)[:MAX_FILES]}
        check_names(listed)  # asked before a byte is sent for
        folder.mkdir()
        for name in listed:
            take_file(files, f"{SCORER_PATH}/{name}", folder, MAX_MODEL_BYTES)
        check_files(folder)

    def load(self, version: Version) -> Scorer:
        """Fetch and load a version."""
        return _loaded(self.fetch(version), version)

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

    def reference_sample(self, version: Version) -> pl.DataFrame:
        """The sample of reference rows logged with a version: features and `prob_default`.

        Raises
        ------
        RegistryError
            If it is larger than any that we log, or holds numbers that are not finite.
        """
        with self.away(), self.scratch() as scratch:
            files = self.files(self.client.get_run(version.run_id).info.artifact_uri)
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


def _loaded(folder: Path, version: Version) -> Scorer:
    return load(folder, name=version.model, version=version.version, sha256=version.sha256)


def _is_intact(folder: Path, sha256: str) -> bool:
    try:
        check_files(folder)
    except ScorerError:
        return False
    return fingerprint(folder) == sha256
