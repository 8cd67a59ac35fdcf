"""Score logged decisions again, with the model version and under the policy that made them, to the last bit.

Where scorers of old versions come from is the caller's business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from creditrisk.decision_log.decisions import Logged, named
from creditrisk.decision_log.erasure import Erased, erased_in
from creditrisk.decision_log.grouping import CHUNK_ROWS
from creditrisk.decision_log.log import DecisionLog
from creditrisk.decision_log.policies import policy_named
from creditrisk.errors import DecisionLogError
from creditrisk.quality import frame_from_inputs, with_problems

if TYPE_CHECKING:
    from creditrisk.scoring import Scorer

# Reasons too, by their codes and texts.
COMPARED = ("prob_default", "score_points", "confidence", "verdict")


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one decision that came out otherwise when scored again."""

    seq: int
    field: str
    logged: Any
    replayed: Any


@dataclass(frozen=True, slots=True)
class Replay:
    """How many decisions were scored again, what came out otherwise, and which were erased and cannot be."""

    n_scored: int
    differences: list[Difference]
    erased: list[Erased]


def replay(
    log: DecisionLog,
    seqs: int | range,
    load_scorer: Callable[[str, str], Scorer],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> Replay:
    """Score logged decisions again and list what differs; no difference means the same numbers to the last bit.

    Parameters
    ----------
    seqs
        The number of one entry of the log, or a range of them; entries that are no decisions are passed over.
    load_scorer
        Gives the scorer of a model and version; asked once for each.
    on_progress
        Called now and then with the number of the entry that was scored last.

    Raises
    ------
    DecisionLogError
        If an entry is not in the log, or the only one asked for is no decision.

    Notes
    -----
    A scorer whose files were changed since shows as a difference in `scorer_sha256`. Decisions are scored together
    here and perhaps were scored singly before, so a scorer must give a row the same bits in any company.
    """
    load = cache(load_scorer)
    wanted = range(seqs, seqs + 1) if isinstance(seqs, int) else seqs
    differences: list[Difference] = []
    n_scored = 0
    named_policy = cache(partial(policy_named, log))
    for (model, version, policy), group in groupby(log.read(wanted), key=_decided_by):
        while chunk := list(islice(group, CHUNK_ROWS)):
            differences += _differences(chunk, load(model, version).under(named_policy(policy)))
            n_scored += len(chunk)
            if on_progress is not None:
                on_progress(chunk[-1].seq)
    erased = erased_in(log, wanted)
    if isinstance(seqs, int) and not n_scored and not erased:
        raise DecisionLogError(f"entry {seqs} of the decision log is not a decision.")
    return Replay(n_scored, differences, erased)


def _decided_by(logged: Logged) -> tuple[str, str, str]:
    """Model, version, and the policy the decision was made under."""
    decision = logged.decision
    return decision.model, decision.model_version, decision.policy_version


def _differences(chunk: list[Logged], scorer: Scorer) -> list[Difference]:
    frame = frame_from_inputs([logged.decision.inputs for logged in chunk], scorer.schema)
    frame = with_problems(frame, [logged.decision.problems for logged in chunk])
    scored = scorer.score(frame).sort("row_number")
    return [
        Difference(logged.seq, name, before, now)
        for logged, row in zip(chunk, scored.iter_rows(named=True), strict=True)
        for name, before, now in (
            ("scorer_sha256", logged.decision.scorer_sha256, scorer.sha256),
            *((name, getattr(logged.decision, name), row[name]) for name in COMPARED),
            ("reasons", logged.decision.reasons, named(row["reasons"])),
        )
        if before != now
    ]
