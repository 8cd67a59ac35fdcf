"""A logged decision scored again, for somebody to compare: with its own version or another one, and never logged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from creditrisk.decision_log import Decision, DecisionLog, policy_named, replay
from creditrisk.quality import frame_from_inputs, with_problems
from creditrisk.scoring import NO_POLICY, ScoredRow, Scorer
from webapp.context import AppContext
from webapp.errors import VersionNotKeptError
from webapp.pinned_versions import kept_scorer, kept_versions, pinned_scorer
from webapp.scoring import scored_rows

# What replay compares, in the words of the page.
_COMPARED = {
    "prob_default": "risk",
    "score_points": "points",
    "confidence": "how sure it is",
    "verdict": "verdict",
    "reasons": "reasons",
    "scorer_sha256": "files of the model",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of a decision that was scored again: the names of what differs, none if it is the same to the bit."""

    version: str
    differs: Sequence[str]


def compare_with_log(context: AppContext, seq: int) -> Compared:
    """Score a decision again as it was: with its version, and under the policy of then.

    Raises
    ------
    CreditRiskError
        If its version is not kept here, it was erased, or the log is away.
    """
    decision = context.log.get(seq).decision
    scorer = _own_scorer(context, decision)
    found = replay(context.log, seq, lambda _model, _version: scorer)
    return Compared(decision.model_version, [_COMPARED.get(item.field, item.field) for item in found.differences])


def score_with(context: AppContext, seq: int, version: str) -> tuple[ScoredRow, Scorer]:
    """What a version of its model would say of a decision's application, by the cut-offs that hold for it now.

    Whether scoring is stopped changes nothing here. Errors as of `compare_with_log`.
    """
    decision = context.log.get(seq).decision
    scorer = _version_of(context, decision, version)
    scorer = scorer.under(replace(context.policy.now(), stop=None))
    frame = frame_from_inputs([decision.inputs], scorer.schema)
    frame = with_problems(frame, [_own_problems(context.log, decision)])
    [row] = scored_rows(scorer.score(frame))
    return row, scorer


def _own_problems(log: DecisionLog, decision: Decision) -> list[str]:
    """What was odd about the application, without what a stop said of everybody."""
    policy = policy_named(log, decision.policy_version) if decision.policy_version else NO_POLICY
    return [problem for problem in decision.problems if policy.stop is None or problem != policy.stop.sentence]


def _own_scorer(context: AppContext, decision: Decision) -> Scorer:
    try:
        return kept_scorer(context, decision.model, decision.model_version, decision.scorer_sha256)
    except VersionNotKeptError as exc:
        raise _not_kept(context, decision.model, decision.model_version) from exc


def _version_of(context: AppContext, decision: Decision, version: str) -> Scorer:
    if version == decision.model_version:
        return _own_scorer(context, decision)
    try:
        if context.scorer().name == decision.model:
            return pinned_scorer(context, version)
        sha256 = context.log.noted("scorer", f"{decision.model}/{version}") or ""
        return kept_scorer(context, decision.model, version, sha256)
    except VersionNotKeptError as exc:
        raise _not_kept(context, decision.model, version) from exc


def _not_kept(context: AppContext, model: str, version: str) -> VersionNotKeptError:
    kept = ", ".join(kept_versions(context, model)) or "none"
    return VersionNotKeptError(
        f"Version {version:.20} is not kept on this machine, or not as it was registered, so nothing can be scored "
        f"with it here. Kept are: {kept}."
    )
