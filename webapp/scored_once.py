"""Scoring requests with an idempotency key: no application is decided about twice under one key.

Before a part of a request goes into the decision log, it is kept with the key under which policy, and behind which
entry of the log. Sent again, what is done is scored again under the same policies, which gives the same results, and
not logged; the last part, of which nobody may know whether it was logged, is looked for in the log; the rest is
decided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import polars as pl

from creditrisk.decision_log import policy_named
from creditrisk.quality import Checked, CheckedFew
from creditrisk.scoring import Policy, ScoredRow, Scorer
from webapp.context import AppContext
from webapp.idempotency import AnsweredBy, Claim, Part
from webapp.scoring import Chunk, is_logged, score_few, score_in_chunks, scored_rows


def few_once(context: AppContext, scorer: Scorer, checked: CheckedFew, claim: Claim) -> list[ScoredRow]:
    """The logged results of a few applications; errors as of `score_few`, and BusyError if keys cannot be kept."""
    done = _done_before(context, scorer, claim, lambda under, _part: under.score_few(checked.accepted))
    if claim.by.parts:
        return done

    def keep(policy: Policy) -> None:
        _keep(context, scorer, claim, (1, len(checked.accepted)), policy)

    return score_few(context, scorer, checked, channel="api", by=claim.caller.actor, before_logging=keep)


def table_once(context: AppContext, scorer: Scorer, checked: Checked, claim: Claim) -> list[ScoredRow]:
    """The logged results of a table; errors as of `score_in_chunks`, and BusyError if keys cannot be kept."""

    def score_part(under: Scorer, part: Part) -> list[ScoredRow]:
        of_part = pl.col("row_number").is_between(part.first_row, part.last_row)
        return list(scored_rows(under.score(checked.accepted.filter(of_part))))

    def keep(chunk: Chunk) -> None:
        _keep(context, scorer, claim, (chunk.first_row, chunk.last_row), chunk.policy)

    results = _done_before(context, scorer, claim, score_part)
    if claim.is_repeat:
        return results
    n_done = claim.by.parts[-1].last_row if claim.by.parts else 0
    rest = score_in_chunks(
        context,
        scorer,
        checked,
        channel="api",
        by=claim.caller.actor,
        first_row=n_done + 1,
        before_logging=keep,
    )
    for chunk in rest:
        results += scored_rows(chunk.scored)
    return results


def _keep(context: AppContext, scorer: Scorer, claim: Claim, rows: tuple[int, int], policy: Policy) -> None:
    """Keep with the key that a part, from one row to another, is about to be logged."""
    parts = [*claim.by.parts, Part(*rows, policy.name, context.log.head()[0])]
    claim.by = AnsweredBy(scorer.name, scorer.version, scorer.sha256, parts)
    claim.keep()


def _done_before(
    context: AppContext, scorer: Scorer, claim: Claim, score_part: Callable[[Scorer, Part], list[ScoredRow]]
) -> list[ScoredRow]:
    """The results of the parts that are in the log; a last part that is not there is taken from the claim."""

    @lru_cache
    def under(policy: str) -> Scorer:
        return scorer.under(policy_named(context.log, policy))

    results: list[ScoredRow] = []
    for part in claim.by.parts:
        scored = score_part(under(part.policy), part)
        is_in_doubt = part is claim.by.parts[-1] and not claim.is_repeat
        if is_in_doubt and not is_logged(
            context.log, scored, after_seq=part.after_seq, policy=part.policy, channel="api"
        ):
            claim.by = replace(claim.by, parts=claim.by.parts[:-1])
            break
        results += scored
    return results
