"""A registered version and the events of its history, and how both are read out of MLflow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from creditrisk.decision_log import GENESIS
from creditrisk.errors import RegistryError, ScorerError
from creditrisk.registry.tags import from_tag

FINGERPRINT_TAG = "scorer_sha256"
# Each promotion is a tag of the model under its time: aliases have no history of their own.
EVENT_TAG = "promotion."


def serving_folder(home: Path, model: str, version: str) -> Path:
    """Where the copy of a version's scorer is kept."""
    return home / "serving" / model / version


@dataclass(frozen=True, slots=True)
class Version:
    """One registered version of a model."""

    model: str
    version: str
    run_id: str
    sha256: str
    created_at: datetime
    tags: dict[str, str]

    @property
    def promoted_at(self) -> datetime:
        """Since when it has been champion; when it was made, if it never was."""
        noted = self.tags.get("promoted_at")
        try:
            return datetime.fromisoformat(noted) if noted else self.created_at
        except ValueError:  # changed by hand; the history holds the true one
            return self.created_at


@dataclass(frozen=True, slots=True)
class Event:
    """One line in the history of a model: when, what, which version instead of which, and by whom, why, on what.

    `log_seq` and `log_hash` are the last decision in the decision log at that moment, so that a log which was cut or
    written anew since does not pass for whole.
    """

    at: str
    what: str
    version: str
    instead_of: str
    by: str
    why: str
    evidence: str
    log_seq: int = 0
    log_hash: str = GENESIS


def event_from(model: str, key: str, noted: str) -> Event:
    """An event as a tag of its model holds it; RegistryError if it was changed by hand."""
    try:
        return from_tag(Event, noted)
    except ScorerError:
        raise RegistryError(
            f"the history of model '{model}' was changed by hand: its tag '{key}' cannot be read. Nothing is promoted "
            "or taken back until it holds again what it held, or is deleted in MLflow by someone who answers for that."
        ) from None


def version_from(item: Any) -> Version:
    """A version as MLflow hands it out."""
    return Version(
        model=item.name,
        version=str(item.version),
        run_id=item.run_id or "",
        sha256=item.tags.get(FINGERPRINT_TAG, ""),
        created_at=datetime.fromtimestamp(item.creation_timestamp / 1000, UTC),
        tags=dict(item.tags),
    )
