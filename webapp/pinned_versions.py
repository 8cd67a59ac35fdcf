"""Scorers of versions that a request names, other than the one that serves: as long as their copies are kept."""

from __future__ import annotations

from functools import lru_cache

from creditrisk.errors import ScorerError
from creditrisk.scoring import Scorer
from webapp.context import AppContext
from webapp.errors import VersionNotKeptError
from webapp.serving import ServedModel


def pinned_scorer(context: AppContext, version: str) -> Scorer:
    """The scorer of a version of the model that serves.

    Raises
    ------
    VersionNotKeptError
        If another version serves and this one is not kept here, or not what it was.
    """
    serving = context.scorer()
    if version == serving.version:
        return serving
    # What it must be was noted when it was registered.
    sha256 = context.log.noted("scorer", f"{serving.name}/{version}")
    if sha256 is None:
        raise _not_kept(serving.version)
    return kept_scorer(context, serving.name, version, sha256)


def kept_scorer(context: AppContext, name: str, version: str, sha256: str) -> Scorer:
    """The scorer of any version that was saved here; errors as of `pinned_scorer`."""
    try:
        return _load(context.champion, name, version, sha256)
    except (OSError, ScorerError) as exc:
        raise _not_kept(context.scorer().version) from exc


# Few versions are asked for at a time; each may take as much memory as the one that serves.
@lru_cache(maxsize=2)
def _load(champion: ServedModel, name: str, version: str, sha256: str) -> Scorer:
    return champion.version(name, version, sha256)


def _not_kept(serving: str) -> VersionNotKeptError:
    return VersionNotKeptError(
        f"The version of the model that was asked for is not kept here; version {serving} serves. Leave model_version "
        "out, or name one that was champion here."
    )
