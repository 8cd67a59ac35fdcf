"""Scorers of versions that a request names, other than the one that serves: as long as their copies are kept."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from creditrisk.errors import ScorerError
from creditrisk.registry import serving_folder
from creditrisk.scoring import Scorer
from webapp.context import AppContext
from webapp.errors import BadRequestError, VersionNotKeptError
from webapp.serving import ServedModel


def pinned_scorer(context: AppContext, version: Any) -> Scorer:
    """The scorer of the version of the serving model that a request names; the one that serves, if it names none.

    Raises
    ------
    BadRequestError
        If what it names is no text.
    VersionNotKeptError
        If another version serves and this one is not kept here, or not what it was.
    """
    serving = context.scorer()
    if version is None or version == serving.version:
        return serving
    if not isinstance(version, str):
        raise BadRequestError('Expected model_version as a text, such as "3".')
    # What it must be was noted when it was registered.
    sha256 = context.log.noted("scorer", f"{serving.name}/{version}")
    if sha256 is None:
        raise _not_kept(context)
    return kept_scorer(context, serving.name, version, sha256)


def kept_scorer(context: AppContext, name: str, version: str, sha256: str) -> Scorer:
    """The scorer of any version that was saved here; errors as of `pinned_scorer`."""
    try:
        return _load(context.champion, name, version, sha256)
    except (OSError, ScorerError) as exc:
        raise _not_kept(context) from exc


def kept_versions(context: AppContext, model: str) -> list[str]:
    """The versions of a model whose copies are kept here, the newest first."""
    folder = serving_folder(context.settings.home, model, "1").parent
    names = (
        [path.name for path in folder.iterdir() if path.is_dir() and path.name.isdecimal()] if folder.is_dir() else []
    )
    return sorted(names, key=int, reverse=True)


# Few versions are asked for at a time; each may take as much memory as the one that serves.
@lru_cache(maxsize=2)
def _load(champion: ServedModel, name: str, version: str, sha256: str) -> Scorer:
    return champion.version(name, version, sha256)


def _not_kept(context: AppContext) -> VersionNotKeptError:
    serving = context.scorer()
    kept = kept_versions(context, serving.name)
    others = [version for version in kept if version != serving.version]
    named = f"or name one that is: {', '.join(others)}" if others else "as no other one is"
    return VersionNotKeptError(
        f"The version of the model that was asked for is not kept here; version {serving.version} serves. Leave "
        f"model_version out, {named}.",
        kept,
    )
