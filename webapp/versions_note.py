"""What the process that asks the registry tells the others of the model's versions: a small file beside its note.

The page about the model shows from it which version could become champion, and what speaks for and against that.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path

from creditrisk import strict
from creditrisk.errors import CreditRiskError, ScorerError
from creditrisk.home import write_whole
from creditrisk.registry import Evidence, Registry, Version, evidence_of, objections
from creditrisk.settings import Settings
from webapp.serving_note import note_path

# Older ones are in MLflow.
MOST_VERSIONS = 20


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """A version of the model that serves, as the registry has it, in words.

    `is_champion`, `is_previous` and `is_challenger` say what it is now; `is_same`, that it is the very model it was
    compared with. `verdict` is that of its comparison with the version `compared_with`, `evidence` what that found,
    `against` what speaks against it, of the champion too; each is empty if nothing. `auc` is of its own test, 0 if
    none is kept.
    """

    model: str
    version: str
    created_at: str
    is_champion: bool
    is_previous: bool
    is_challenger: bool
    is_same: bool
    auc: float
    verdict: str
    compared_with: str
    evidence: str
    against: str


def versions_path(settings: Settings) -> Path:
    """Where the file lies, by home and the model chosen for an app."""
    return note_path(settings).with_name(f"versions-{note_path(settings).name}")


def newest(registry: Registry, model: str) -> list[Version]:
    """The newest versions of a model, newest first.

    Raises
    ------
    RegistryError
        If the registry is away.
    """
    return sorted(registry.versions(model), key=lambda item: -int(item.version))[:MOST_VERSIONS]


def known_versions(registry: Registry, champion: Version, versions: Sequence[Version]) -> list[KnownVersion]:
    """Versions of a champion's model, as the page shows them.

    Raises
    ------
    RegistryError
        If the registry is away.
    """
    previous, challenger = registry.at(champion.model, "previous"), registry.challenger(champion.model)
    contents = {one.version: one.sha256 for one in (*versions, champion)}
    found = []
    for version in versions:
        is_champion = version.version == champion.version
        evidence, against = Evidence(), ""
        try:
            evidence = evidence_of(version) or evidence
            # What spoke against the champion when it was promoted is still so.
            against = objections(version, None if is_champion else champion)
        except CreditRiskError as exc:  # its tags were changed by hand: nobody promotes it unseen
            against = str(exc)
        found.append(
            KnownVersion(
                version.model,
                version.version,
                version.created_at.isoformat(),
                is_champion=is_champion,
                is_previous=previous is not None and previous.version == version.version,
                is_challenger=challenger is not None and challenger.version == version.version,
                is_same=version.sha256 == contents.get(evidence.compared_with) != "",
                auc=_auc(registry, version.run_id),
                verdict=evidence.verdict,
                compared_with=evidence.compared_with,
                evidence=evidence.sentence,
                against=against,
            )
        )
    return found


@lru_cache(maxsize=10 * MOST_VERSIONS)
def _auc(registry: Registry, run_id: str) -> float:
    """What a run says of its test, which stays as it is; 0 if it says nothing, as its run was deleted."""
    found = registry.run_figures(run_id).get("auc", 0.0)
    return found if 0 < found <= 1 else 0.0


def write_versions(path: Path, versions: Sequence[KnownVersion]) -> None:
    """Replace the file in one step, unless it says so already."""
    text = json.dumps([asdict(version) for version in versions])
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    write_whole(path, text)


def read_versions(path: Path) -> list[KnownVersion]:
    """The versions; none if nothing was noted yet, or what lies there is something else."""
    try:
        items = strict.read_json(path.read_text(encoding="utf-8"), "the note of versions")
        return [_read(item) for item in items]
    except (OSError, UnicodeError, TypeError, ScorerError):
        return []


def _read(item: object) -> KnownVersion:
    names = [field.name for field in fields(KnownVersion)]
    said = strict.fields(item, "a version", names)
    for field in fields(KnownVersion):
        if type(said[field.name]).__name__ != field.type:
            raise ScorerError(f"{field.name} is not {field.type}")
    return KnownVersion(**said)
