"""What a version is registered with: what speaks for and against promoting it, and what it was trained from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, get_args

from creditrisk.comparison import Comparison, Guardrail, Verdict
from creditrisk.errors import RegistryError, ScorerError
from creditrisk.registry.tags import from_tag, to_tag
from creditrisk.registry.versions import Version

EVIDENCE_TAG, TRAINED_FROM_TAG = "evidence", "trained_from"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for and against a version, so that whoever promotes it later finds it.

    `verdict`, `sentence` and `compared_with`, the version that was champion then, come from the comparison; they are
    empty where it was not compared. `floors_missed` are sentences, one a floor; `doubt` says that it looks too good to
    be true, and is empty where it does not.
    """

    verdict: str = ""
    sentence: str = ""
    compared_with: str = ""
    floors_missed: tuple[str, ...] = ()
    doubt: str = ""

    @property
    def is_compared(self) -> bool:
        """Whether there was a champion that scored the same rows."""
        return self.verdict != ""

    @property
    def is_better(self) -> bool:
        """Whether the comparison says that it should replace the champion."""
        return self.verdict == "promote"


@dataclass(frozen=True, slots=True)
class TrainedFrom:
    """Which table a version was trained on, and so tested on.

    `dataset` is the known name or schema file, `source` the file or URI as they were given, empty where they were not;
    `data_sha256` is the digest of the table.
    """

    dataset: str = ""
    source: str = ""
    data_sha256: str = ""


NOT_COMPARED, UNKNOWN_TABLE = Evidence(), TrainedFrom()
# What a comparison may say; nothing where there was none.
SAID = frozenset({"", *get_args(Verdict)})
Kept = TypeVar("Kept", Evidence, TrainedFrom)


def evidence_from(
    comparison: Comparison | None, champion: Version | None, asked: Sequence[Guardrail] = (), doubt: str = ""
) -> Evidence:
    """The evidence of a new version.

    Parameters
    ----------
    comparison
        With the champion; None where there is none, or it could not score the same rows.
    champion
        The version it was compared with.
    asked
        The absolute floors, as `Floors.guardrails` gives them.
    doubt
        Why the training looks too good to be true, as `comparison.doubt_about` says.
    """
    missed = tuple(
        f"{floor.label}: {floor.finding}, {floor.bar} is asked" for floor in asked if floor.is_passed is False
    )
    if comparison is None or champion is None:
        return Evidence(floors_missed=missed, doubt=doubt)
    return Evidence(comparison.verdict, comparison.sentence, champion.version, missed, doubt)


def tags_of(evidence: Evidence, trained_from: TrainedFrom, reason: str = "") -> dict[str, str]:
    """Both as tags of a version; for people who look in MLflow, and never read back, verdict and reason in words."""
    shown = {"verdict": evidence.verdict, "verdict_why": evidence.sentence} if evidence.is_compared else {}
    if reason:
        shown["reason"] = reason
    return {EVIDENCE_TAG: to_tag(evidence), TRAINED_FROM_TAG: to_tag(trained_from), **shown}


def evidence_of(version: Version) -> Evidence | None:
    """What a version was registered with; None where nothing is kept of it, so that nobody takes it for unopposed.

    Raises
    ------
    RegistryError
        If it was changed by hand.
    """
    evidence = _kept(Evidence, version, EVIDENCE_TAG, "evidence")
    if evidence is not None and (evidence.verdict not in SAID or evidence.is_compared != (evidence.sentence != "")):
        raise _changed(version, EVIDENCE_TAG, "evidence")
    return evidence


def origin_of(version: Version) -> TrainedFrom | None:
    """What a version was trained from; None where nothing is kept. Raises RegistryError if it was changed by hand."""
    return _kept(TrainedFrom, version, TRAINED_FROM_TAG, "origin")


def _kept(kind: type[Kept], version: Version, tag: str, what: str) -> Kept | None:
    """What a tag of a version holds; None if it has no such tag. `what` names it in the error."""
    noted = version.tags.get(tag)
    if not noted:
        return None
    try:
        return from_tag(kind, noted)
    except ScorerError:
        raise _changed(version, tag, what) from None


def _changed(version: Version, tag: str, what: str) -> RegistryError:
    return RegistryError(
        f"the {what} of {version.model} version {version.version} was changed by hand: its tag '{tag}' cannot be "
        "read. Nothing is decided on it until it holds again what it held, or is deleted in MLflow by someone who "
        "answers for that."
    )
