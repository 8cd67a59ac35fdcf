"""The deployment a person runs to make a challenger champion: filling in its form is the approval.

Thin tasks around creditrisk/registry. Started from the Prefect UI as `promote/on-demand`; on the command line the
same is `make promote`. What the comparison found is shown as an artifact of the run, whatever comes of it.
"""

from __future__ import annotations

from typing import TypedDict

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from creditrisk.errors import RegistryError
from creditrisk.registry import (
    PACK,
    PAGE,
    Registry,
    Version,
    approve,
    evidence_of,
    find_challenger,
    not_served_notice,
    objections,
)
from creditrisk.settings import read_settings
from flows.notices import tell_of_promotion


class Promoted(TypedDict):
    """What the flow returns."""

    model: str
    version: str


@task(persist_result=False, cache_policy=NO_CACHE)
def show_evidence(found: Version, registry: Registry, mlflow_port: int) -> None:
    """Show what speaks for and against a version, with a link to the whole comparison."""
    champion = registry.champion(found.model)
    page, pack = (registry.page_address(found, name, mlflow_port) for name in (PAGE, PACK))
    create_markdown_artifact(described(found, champion, page, pack), key="promotion", description="What was decided on")


@task(persist_result=False, cache_policy=NO_CACHE)
def move_champion(version: Version, approved_by: str, why: str, registry: Registry) -> str:
    """Promote; not retried, as a person is there to see why it failed."""
    return approve(registry, version, by=approved_by, why=why)


@flow(name="promote", log_prints=True)
def promote(approved_by: str, why: str, model: str | None = None, version: str | None = None) -> Promoted:
    """Make a version champion. Running this is the approval.

    Args:
        approved_by: Who decides; it is kept with the version.
        why: The reason, kept with the version.
        model: A registered model; empty: the one trained last.
        version: Its number; empty: the challenger.
    """
    # Written so because Prefect shows the arguments' words beside its form in this style only.
    if not approved_by.strip() or not why.strip():
        raise RegistryError("a promotion is kept with who approved it and why. Fill in both fields.")
    settings = read_settings()
    registry = Registry(settings.stores)
    found = find_challenger(registry, model or settings.dataset, version or "")
    show_evidence(found, registry, settings.mlflow_port)
    print(move_champion(found, approved_by.strip(), why, registry))
    tell_of_promotion(found.model, found.version, settings, get_run_logger())
    if other := not_served_notice(registry, found.model, settings.dataset):
        print(other)
    return {"model": found.model, "version": found.version}


def described(version: Version, champion: Version | None, page: str, pack: str) -> str:
    """What is known of a version, as Markdown, with the addresses of its comparison and of its validation pack."""
    evidence = evidence_of(version)
    if champion is None:
        found = "There is no champion yet to compare with."
    elif evidence is None:
        found = "Nothing is kept of how it was judged."
    elif evidence.is_compared:
        found = f"**{evidence.sentence}**\n\n[The whole comparison]({page})"
    else:
        found = "It was not compared with the champion."
    against = objections(version, champion)
    return "\n\n".join(
        [
            f"# {version.model}: version {version.version} to become champion",
            f"In place of version {champion.version}." if champion else "",
            found,
            f"[The validation pack: what to know before signing for it]({pack})",
            f"What speaks against it: {against}." if against else "",
            f"Trained {version.created_at:%d %B %Y, %H:%M} UTC, run `{version.run_id}`.",
        ]
    )
