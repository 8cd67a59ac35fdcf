"""Who would get another verdict under other cut-offs, of the last decisions in the log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from creditrisk.decision_log import DecisionLog
from creditrisk.quality import frame_from_inputs
from creditrisk.scoring import Scorer, Verdict, shifted, was_stopped

# Entries of the log that are looked through, the newest.
LOOKED_AT = 1_000


@dataclass(frozen=True, slots=True)
class LampChange:
    """A client whose verdict would be another one; `seq` is the entry of the decision."""

    seq: int
    application_id: str
    prob_default: float
    before: Verdict
    after: Verdict


def lamp_changes(log: DecisionLog, before: Scorer, after: Scorer) -> tuple[list[LampChange], int]:
    """The clients with another verdict by `after` than by `before`, and how many clients were looked at.

    Parameters
    ----------
    before, after
        The same version under two policies. Decisions of other versions are passed over; of several about one
        client the last counts.

    Raises
    ------
    DecisionLogError
        If the log is away.
    """
    head = log.head()[0]
    latest = {
        logged.decision.application_id: logged
        for logged in log.read(range(max(1, head - LOOKED_AT + 1), head + 1))
        if (logged.decision.model, logged.decision.model_version) == (before.name, before.version)
    }
    decisions = [logged.decision for logged in latest.values()]
    if not decisions:
        return [], 0
    frame = frame_from_inputs([decision.inputs for decision in decisions], before.schema)
    prob_default = np.array([decision.prob_default for decision in decisions])
    sample = shifted(prob_default, -before.shift)
    # What the stop said of a client is no oddity of theirs.
    odd = np.array([len(one.problems) > was_stopped(one.problems) for one in decisions])
    verdicts = [
        scorer.rule.verdicts(prob_default, odd | scorer.rule.asks(scorer.confidence(frame, sample))).tolist()
        for scorer in (before, after)
    ]
    changes = [
        LampChange(logged.seq, logged.decision.application_id, logged.decision.prob_default, was, would_be)
        for logged, was, would_be in zip(latest.values(), *verdicts, strict=True)
        if was != would_be
    ]
    return changes[::-1], len(decisions)
