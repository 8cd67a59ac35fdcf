"""The deployment a person runs to make a challenger champion: filling in its form is the approval.

A thin task around creditrisk/promotion.py. Started from the Prefect UI as `promote/on-demand`; on the command line the
same is `make promote`. What the comparison found is shown as an artifact of the run, whatever comes of it.
"""

from __future__ import annotations

from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact

from creditrisk.errors import RegistryError
from creditrisk.registry import PACK, PAGE, Registry, Version, approve, not_served_notice, objections
from creditrisk.settings import Settings, read_settings


@task(persist_result=False)
def show_evidence(model: str, version: str, settings: Settings) -> Version:
    """Find the version and show what speaks for and against it, with a link to the whole comparison."""
    registry = Registry(settings)
    found = registry.version(model, version) if version else registry.at(model, "challenger")
    if found is None:
        raise RegistryError(f"{model} has no challenger. Train one with `make model-train-flow`.")
    champion = registry.champion(model)
    page, pack = (registry.page_address(found, name, settings.mlflow_port) for name in (PAGE, PACK))
    create_markdown_artifact(evidence(found, champion, page, pack), key="promotion", description="What was decided on")
    return found


@task(persist_result=False)
def move_champion(version: Version, approved_by: str, why: str, settings: Settings) -> str:
    """Promote; not retried, as a person is there to see why it failed."""
    return approve(Registry(settings), version.model, version.version, by=approved_by, why=why)


@flow(name="promote", log_prints=True)
def promote(approved_by: str, why: str, model: str | None = None, version: str | None = None) -> dict[str, Any]:
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
    registry = Registry(settings)
    model = model or settings.dataset or registry.trained_last("challenger")
    if not model:
        raise RegistryError("no model has a challenger. Train one with `make model-train-flow`.")
    found = show_evidence(model, version or "", settings)
    done = move_champion(found, approved_by.strip(), why, settings)
    print(done)
    if other := not_served_notice(model, settings, registry):
        print(other)
    return {"model": model, "version": found.version}


def evidence(version: Version, champion: Version | None, page: str, pack: str) -> str:
    """What is known of a version, as Markdown, with the addresses of its comparison and of its validation pack."""
    tags = version.tags
    if champion is None:
        found = "There is no champion yet to compare with."
    elif "verdict" in tags:
        found = f"**{tags['verdict_why']}**\n\n[The whole comparison]({page})"
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
