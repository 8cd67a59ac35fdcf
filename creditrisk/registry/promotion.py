"""Who becomes champion: by the verdict of a comparison, or by a person who says why; and the way back.

`promote_if_better` ends a training; `approve` is a person's word, on the command line or in Prefect's pages;
`roll_back` undoes either. The verdict itself is made in comparison/, the moves in registry.py, one step each.
"""

from __future__ import annotations

import getpass
from collections.abc import Sequence

from creditrisk.comparison import Comparison, Floors, Guardrail
from creditrisk.errors import RegistryError
from creditrisk.registry.registry import Registry
from creditrisk.registry.served import serving_name
from creditrisk.registry.versions import Version
from creditrisk.settings import Settings

# The comparison, and all else to know before signing, as they are kept with the run they belong to.
PACK = "validation.html"
PAGE = "comparison.html"
DETAILS = "comparison.json"
MAX_REASON = 1_000

HOW_TO_APPROVE = "approve it with `make promote`, or run the deployment promote/on-demand in Prefect's pages"


def floors(settings: Settings) -> Floors:
    """The absolute floors of this lender; a setting of 0 asks for nothing."""
    return Floors(settings.floor_auc or None, settings.floor_f1 or None, settings.ceiling_cost or None)


def evidence_tags(
    comparison: Comparison | None, champion: Version | None, asked: Sequence[Guardrail] = ()
) -> dict[str, str]:
    """What a new version is registered with, so that whoever promotes it later finds what speaks for it.

    Parameters
    ----------
    comparison
        With the champion; None where there is none, or it could not score the same rows.
    champion
        The version it was compared with.
    asked
        The absolute floors, as `Floors.guardrails` gives them.
    """
    missed = [f"{floor.label}: {floor.finding}, {floor.bar} is asked" for floor in asked if floor.is_passed is False]
    tags = {"floors_missed": "; ".join(missed)} if missed else {}
    if comparison is not None and champion is not None:
        tags |= {
            "verdict": comparison.verdict,
            "verdict_why": comparison.sentence,
            "compared_with": champion.version,
        }
    return tags


def promote_if_better(registry: Registry, version: Version, settings: Settings) -> tuple[bool, str]:
    """Make a newly trained version champion if its evidence, and this lender's way of promoting, allow it.

    Returns
    -------
    bool and str
        Whether it is champion now, and why or why not.
    """
    champion, tags = registry.champion(version.model), version.tags
    if tags.get("floors_missed"):
        return False, f"it stays below what this lender asks of any model ({tags['floors_missed']})"
    if champion is None:
        why = "there was no champion yet"
    elif tags.get("verdict") == "promote":
        why = tags["verdict_why"]
    else:
        return False, tags.get("verdict_why", "it could not be compared with the champion")
    if settings.promotion == "approval":
        return False, f"{why}, and it waits for a person: {HOW_TO_APPROVE}"
    registry.promote(
        version, by="model-train", why=why, evidence=_evidence(version), instead_of=tags.get("compared_with")
    )
    return True, why


def objections(version: Version, champion: Version | None) -> str:
    """What speaks against promoting a version, in a sentence; empty if nothing does."""
    tags = version.tags
    found = []
    if "floors_missed" in tags:
        found.append(f"it stays below what this lender asks of any model: {tags['floors_missed']}")
    if "verdict" in tags and tags["verdict"] != "promote":
        found.append(f"the comparison says {tags['verdict_why']}")
    if champion is not None and "compared_with" in tags and tags["compared_with"] != champion.version:
        found.append(f"it was compared with version {tags['compared_with']}, not with today's champion")
    return "; ".join(found)


def approve(registry: Registry, model: str, version: str, *, by: str, why: str) -> str:
    """Promote a version on a person's word; what speaks against it then asks for a reason, and stands in the record.

    Parameters
    ----------
    model
        A registered model.
    version
        Its number; empty: the challenger.
    by, why
        Who decides, and the reason in their words.

    Returns
    -------
    str
        What was done, in a sentence.

    Raises
    ------
    RegistryError
        If there is no such version, it is champion already, does not score as it did, or something speaks against it
        and no reason is given.
    """
    found = registry.version(model, version) if version else registry.at(model, "challenger")
    if found is None:
        raise RegistryError(f"{model} has no challenger. Train one with `make model-train-flow`.")
    champion = registry.champion(model)
    if champion is not None and champion.version == found.version:
        if registry.was_made_champion(found) and registry.served():
            raise RegistryError(f"{model} version {found.version} is champion already.")
        registry.promote(found, by=by, why=_reason(why), evidence="")  # moves nothing, and notes what is missing
        return f"{model} version {found.version} was proved and its fingerprint noted; it is champion as before."
    against, why = objections(found, champion), _reason(why)
    if against and not why:
        raise RegistryError(
            f"{model} version {found.version} is not promoted without a reason: {against}. "
            "Give yours with --why 'the reason', or make promote WHY='the reason'."
        )
    why = why or found.tags.get("verdict_why", "decided by hand")
    registry.promote(
        found,
        by=by,
        why=f"{why} (against the evidence: {against})" if against else why,
        evidence=_evidence(found),
        instead_of=champion.version if champion is not None else None,
    )
    before = ""
    if champion is not None:
        kept = f"version {champion.version} is kept as `previous`"
        before = f"; {kept}, and `make rollback DATASET={model}` goes back"
    return f"{model} version {found.version} is champion now{before}."


def not_served_notice(model: str, settings: Settings, registry: Registry) -> str:
    """That a model which was trained or promoted is not the one that serves, and how to change it; empty if it is."""
    served = serving_name(settings, registry)
    if served in (None, model):
        return ""
    return f"The page goes on serving {served}; {_how_to_switch(model, settings)}."


def switch_model(registry: Registry, settings: Settings, model: str, *, by: str, why: str) -> str:
    """Let another model serve from now on, on a person's word; say what was done.

    Raises
    ------
    RegistryError
        If it has no champion, or one that is not fit to serve.
    """
    before = serving_name(settings, registry)
    registry.serve(model, by=by, why=_reason(why) or "switched by hand")
    if settings.dataset not in ("", model):
        return f"Noted, but the page goes on serving {settings.dataset}: {_how_to_switch(model, settings)}."
    instead = f" in place of {before}" if before not in (None, model) else ""
    return (
        f"The page serves {model}{instead} from its next look on, within {settings.champion_poll_seconds:g} seconds. "
        "Reports and the Sunday training follow it."
    )


def _how_to_switch(model: str, settings: Settings) -> str:
    if settings.dataset:
        return f"CREDITRISK_DATASET={settings.dataset} goes before what is decided on the command line"
    return f"`riskometer switch {model}` changes that"


def _reason(why: str) -> str:
    """A person's reason as it is kept: without blanks around it, and not longer than anybody reads."""
    kept = why.encode(errors="replace").decode().strip()
    if len(kept) > MAX_REASON:
        raise RegistryError(f"the reason has {len(kept):,} characters; up to {MAX_REASON:,} are kept. Shorten it.")
    return kept


def roll_back(registry: Registry, model: str, *, by: str, why: str) -> str:
    """Make the previous champion champion again; say what was done."""
    now = registry.roll_back(model, by=by, why=_reason(why) or "rolled back by hand")
    return (
        f"{model} is back at version {now.version}; the version before is kept as `previous`, and another rollback "
        "returns to it."
    )


def who() -> str:
    """The person at this keyboard, as the operating system knows them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user need not have a name
        return "command line"


def _evidence(version: Version) -> str:
    return f"run {version.run_id}" + (f", {PAGE}" if "verdict" in version.tags else "")
