"""Who becomes champion: by the verdict of a comparison, or by a person who says why; and the way back.

`promote_if_better` ends a training; `approve` is a person's word, on the command line or in Prefect's pages;
`roll_back` undoes either. The verdict itself is made in comparison/, the moves in moves.py, one step each.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from creditrisk.decision_log import SERVICE, Actor, this_user
from creditrisk.errors import RegistryError
from creditrisk.registry.evidence import Evidence, evidence_of
from creditrisk.registry.moves import no_longer_champion
from creditrisk.registry.registry import Registry
from creditrisk.registry.served import serving_name
from creditrisk.registry.versions import Version

# The comparison, and all else to know before signing, as they are kept with the run they belong to.
PACK = "validation.html"
PAGE = "comparison.html"
DETAILS = "comparison.json"
MAX_REASON = 1_000
# Said of a version whose evidence is missing: that must not pass for nothing against it.
NOTHING_KEPT = "nothing is kept of how it was judged, so nobody knows what speaks against it"
# Who makes a better version champion: the training itself, or a person.
Mode: TypeAlias = Literal["automatic", "approval"]

HOW_TO_APPROVE = "approve it with `make promote`, or run the deployment promote/on-demand in Prefect's pages"
HOW_TO_VOUCH = "whoever knows that it is honest says so: `riskometer promote --dataset {} --why 'the reason'`"


class PromotionResult(NamedTuple):
    """Whether a new version is champion now, and why or why not."""

    is_champion: bool
    why: str


def promote_if_better(registry: Registry, version: Version, mode: Mode = "automatic") -> PromotionResult:
    """Make a newly trained version champion if its evidence, and this lender's way of promoting, allow it.

    Parameters
    ----------
    mode
        `approval`: a person has to say so, however good the evidence is.
    """
    champion, evidence = registry.champion(version.model), evidence_of(version)
    if evidence is None:
        return PromotionResult(False, NOTHING_KEPT)
    if evidence.floors_missed:
        missed = "; ".join(evidence.floors_missed)
        return PromotionResult(False, f"it stays below what this lender asks of any model ({missed})")
    if evidence.doubt:
        return PromotionResult(False, f"{evidence.doubt}; {HOW_TO_VOUCH.format(version.model)}")
    if champion is None:
        why = "there was no champion yet"
    elif evidence.is_better:
        why = evidence.sentence
    else:
        return PromotionResult(False, evidence.sentence or "it could not be compared with the champion")
    if mode == "approval":
        return PromotionResult(False, f"{why}, and it waits for a person: {HOW_TO_APPROVE}")
    registry.promote(
        version,
        by=Actor("model-train", SERVICE),
        why=why,
        evidence=_where_it_is(version, evidence),
        instead_of=evidence.compared_with or None,
    )
    return PromotionResult(True, why)


def objections(version: Version, champion: Version | None) -> str:
    """What speaks against promoting a version, in a sentence; empty if nothing does."""
    evidence = evidence_of(version)
    if evidence is None:
        return NOTHING_KEPT
    found = []
    if evidence.floors_missed:
        found.append(f"it stays below what this lender asks of any model: {'; '.join(evidence.floors_missed)}")
    if evidence.doubt:
        found.append(evidence.doubt)
    if evidence.is_compared and not evidence.is_better:
        found.append(f"the comparison says {evidence.sentence}")
    if champion is not None and evidence.compared_with not in ("", champion.version):
        found.append(f"it was compared with version {evidence.compared_with}, not with today's champion")
    return "; ".join(found)


def approve(registry: Registry, version: Version, *, by: str | Actor, why: str, instead_of: str | None = None) -> str:
    """Promote a version on a person's word; what speaks against it then asks for a reason, and stands in the record.

    Parameters
    ----------
    version
        As `find_challenger` gives it.
    by, why
        Who decides, and the reason in their words.
    instead_of
        The version that they saw as champion; if another one is by now, nothing is moved. None: any.

    Returns
    -------
    str
        What was done, in a sentence.

    Raises
    ------
    RegistryError
        If it is champion already, does not score as it did, the champion is another one than `instead_of`, or something
        speaks against it and no reason is given.
    """
    model = version.model
    champion = registry.champion(model)
    if instead_of is not None and (champion is None or champion.version != instead_of):
        raise no_longer_champion(version, instead_of)
    if champion is not None and champion.version == version.version:
        if registry.was_made_champion(version) and registry.served():
            raise RegistryError(f"{model} version {version.version} is champion already.")
        registry.promote(version, by=by, why=_reason(why), evidence="")  # moves nothing, and notes what is missing
        return f"{model} version {version.version} was proved and its fingerprint noted; it is champion as before."
    against, why = objections(version, champion), _reason(why)
    if against and not why:
        raise RegistryError(
            f"{model} version {version.version} is not promoted without a reason: {against}. "
            "Give yours with --why 'the reason', or make promote WHY='the reason'."
        )
    evidence = evidence_of(version)
    why = why or (evidence.sentence if evidence is not None else "") or "decided by hand"
    registry.promote(
        version,
        by=by,
        why=f"{why} (against the evidence: {against})" if against else why,
        evidence=_where_it_is(version, evidence),
        instead_of=champion.version if champion is not None else None,
    )
    before = ""
    if champion is not None:
        kept = f"version {champion.version} is kept as `previous`"
        before = f"; {kept}, and `make rollback DATASET={model}` goes back"
    return f"{model} version {version.version} is champion now{before}."


def not_served_notice(registry: Registry, model: str, chosen: str) -> str:
    """That a model which was trained or promoted is not the one that serves, and how to change it; empty if it is.

    Parameters
    ----------
    chosen
        The model that the settings serve whatever is decided; empty: what is decided.
    """
    served = serving_name(registry, chosen)
    if served in (None, model):
        return ""
    return f"The page goes on serving {served}; {_how_to_switch(model, chosen)}."


def switch_model(registry: Registry, model: str, *, chosen: str, poll_seconds: float, by: str, why: str) -> str:
    """Let another model serve from now on, on a person's word; say what was done.

    Parameters
    ----------
    chosen
        The model that the settings serve whatever is decided; empty: what is decided.
    poll_seconds
        How long the page takes to notice, at most.

    Raises
    ------
    RegistryError
        If it has no champion, or one that is not fit to serve.
    """
    before = serving_name(registry, chosen)
    registry.serve(model, by=by, why=_reason(why) or "switched by hand")
    if chosen not in ("", model):
        return f"Noted, but the page goes on serving {chosen}: {_how_to_switch(model, chosen)}."
    instead = f" in place of {before}" if before not in (None, model) else ""
    return (
        f"The page serves {model}{instead} from its next look on, within {poll_seconds:g} seconds. "
        "Reports and the Sunday training follow it."
    )


def _how_to_switch(model: str, chosen: str) -> str:
    if chosen:
        return f"CREDITRISK_DATASET={chosen} goes before what is decided on the command line"
    return f"`riskometer switch {model}` changes that"


def _reason(why: str) -> str:
    """A person's reason as it is kept: without blanks around it, and not longer than anybody reads."""
    kept = why.encode(errors="replace").decode().strip()
    if len(kept) > MAX_REASON:
        raise RegistryError(f"the reason has {len(kept):,} characters; up to {MAX_REASON:,} are kept. Shorten it.")
    return kept


def roll_back(registry: Registry, model: str, *, by: str | Actor, why: str, instead_of: str | None = None) -> str:
    """Make the previous champion champion again, if `instead_of` (None: any) is it now; say what was done."""
    now = registry.roll_back(model, by=by, why=_reason(why) or "rolled back by hand", instead_of=instead_of)
    return (
        f"{model} is back at version {now.version}; the version before is kept as `previous`, and another rollback "
        "returns to it."
    )


def who() -> str:
    """The person at this keyboard, as the operating system knows them."""
    return this_user()


def _where_it_is(version: Version, evidence: Evidence | None) -> str:
    return f"run {version.run_id}" + (f", {PAGE}" if evidence is not None and evidence.is_compared else "")
