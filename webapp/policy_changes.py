"""What an approver sets on top of the model that serves: other cut-offs, their end, the stop switch and its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from creditrisk.decision_log import Actor
from creditrisk.scoring import Cutoffs, Policy, Scorer, Stop, checked_cutoffs
from creditrisk.text import moment_words, shorten
from webapp.access import Caller
from webapp.context import AppContext
from webapp.errors import ChangedMeanwhileError, ForbiddenError


def set_cutoffs(context: AppContext, caller: Caller, approve_below: float, decline_from: float, why: str) -> str:
    """Have the version that serves decide by these PDs, 0 to 1, from now on; what was done, in a sentence.

    Raises
    ------
    ForbiddenError
        If the caller may not change anything.
    CreditRiskError
        If the cut-offs are not in their order, there is no reason, or the log does not take it.
    """
    scorer, before = context.scorer(), context.policy.now()
    cutoffs = checked_cutoffs(Cutoffs(scorer.name, scorer.version, approve_below, decline_from))
    _change(context, caller, before, replace(before, cutoffs=cutoffs), why)
    low, high = 100 * approve_below, 100 * decline_from
    return f"Saved: version {scorer.version} offers up to {low:g} of 100 and declines from {high:g} of 100."


def take_cutoffs_back(context: AppContext, caller: Caller, why: str) -> str:
    """Have the model decide by its own cut-offs again. Errors as of `set_cutoffs`."""
    before = context.policy.now()
    _change(context, caller, before, replace(before, cutoffs=None), why)
    return "Saved: the model decides by its own cut-offs."


def stop(context: AppContext, caller: Caller, why: str) -> str:
    """Make every verdict "ask a colleague". Errors as of `set_cutoffs`."""
    before = context.policy.now()
    stopped = Stop(moment_words(datetime.now(UTC)), caller.name, reason(why))
    _change(context, caller, before, replace(before, stop=stopped), why)
    return "Scoring is stopped: every verdict is “ask a colleague” until you or another approver take that back."


def go_on(context: AppContext, caller: Caller, why: str) -> str:
    """Take the stop back. Errors as of `set_cutoffs`."""
    before = context.policy.now()
    _change(context, caller, before, replace(before, stop=None), why)
    return "Scoring goes on as before."


def left_behind(policy: Policy, scorer: Scorer | None) -> str:
    """That cut-offs were set for another version than the one that serves, in a sentence; empty if they were not."""
    found = policy.cutoffs
    if found is None or scorer is None or policy.cutoffs_of(scorer.name, scorer.version) is not None:
        return ""
    of_what = f"version {found.model_version}" + (f" of {found.model}" if found.model != scorer.name else "")
    said = f"The cut-offs that were set for {of_what} do not hold for version {scorer.version}: it decides by its own."
    return f"{said} An approver confirms that, or saves others, on the Model page."


def reason(why: str) -> str:
    """What somebody gave as the reason, in one line, without signs that steer a terminal or that no log can keep.

    Examples
    --------
    >>> reason(" the bureau's data\\nare wrong\\x00 ")
    "the bureau's data are wrong"
    """
    return shorten(why, len(why))


def policy_seen(context: AppContext, number: int | None) -> Policy:
    """The policy in force, if it is the one that a page shows.

    Raises
    ------
    ChangedMeanwhileError
        If it is not: whoever pressed a button there meant something else.
    DecisionLogError
        If it cannot be read.
    """
    policy = context.policy.now()
    if policy.number != number:
        raise ChangedMeanwhileError
    return policy


def check_may_change(caller: Caller) -> None:
    """Refuse who may not change anything; ForbiddenError otherwise."""
    if "changes" not in caller.permissions:
        raise ForbiddenError("Only an approver may change that. Ask whoever runs the app.")


def _change(context: AppContext, caller: Caller, before: Policy, after: Policy, why: str) -> None:
    check_may_change(caller)
    by = Actor(caller.name, caller.role, is_automatic=False)
    context.policy.change(before, after, by=by, why=reason(why))
