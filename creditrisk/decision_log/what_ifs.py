"""What was asked about a decision: the same application with another value in one field, scored but never decided.

An entry of the kind `what_if` refers to the decision it asks about. Whatever counts, replays or reports decisions asks
for their own kind, so it is none anywhere; it is erased with the rest of what stands there about the application.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from creditrisk.decision_log.chain import Head, canonical
from creditrisk.decision_log.entries import Actor, Entries
from creditrisk.decision_log.log import DecisionLog
from creditrisk.decision_log.store import locked_head
from creditrisk.decision_log.tables import CONTENTS, EVENTS
from creditrisk.decision_log.versions import all_versions, numbers_of
from creditrisk.decision_log.writing import write
from creditrisk.errors import DecisionLogError
from creditrisk.scoring import ScoredRow, WhatIf


def log_what_if(log: DecisionLog, decided: ScoredRow, asked: WhatIf, by: Actor) -> Head:
    """Write down what somebody asked about a decision, and what came of it.

    Parameters
    ----------
    decided
        The decision it is about, as it was scored: the last one like it is referred to.

    Returns
    -------
    Head
        Number and hash of the entry.

    Raises
    ------
    DecisionLogError
        If the log does not hold the decision, no longer holds its contents, or is away.
    """
    payload = canonical([asked.field.name, asked.value]).encode()
    with log.store.transaction(is_write=True) as connection:
        head = locked_head(connection)
        seq, number, policy_version = _decision_like(connection, decided)
        entry = Entries(
            "what_if",
            by,
            [payload],
            [decided["application_id"]],
            all_versions(connection)[number],
            [float(asked.prob_default) + 0.0],
            [asked.verdict],
            [seq],
            policy_version=policy_version,
        )
        [written] = write(connection, head, [entry])
    log.store.remember(written.head)
    return written.head


def _decision_like(connection: Connection, decided: ScoredRow) -> tuple[int, int, str]:
    """Number, version and policy of the last decision about the application with the same answer."""
    versions = numbers_of(connection, decided["model"], decided["model_version"])
    like = (
        select(EVENTS.c.seq, EVENTS.c.version, EVENTS.c.policy_version)
        .join(CONTENTS, CONTENTS.c.seq == EVENTS.c.seq)
        .where(
            CONTENTS.c.application_id == decided["application_id"],
            EVENTS.c.kind == "decision",
            EVENTS.c.version.in_(versions),
            EVENTS.c.prob_default == decided["prob_default"],
        )
    )
    found = connection.execute(like.order_by(EVENTS.c.seq.desc()).limit(1)).one_or_none()
    if found is None:
        raise DecisionLogError("the decision log holds no such decision any more, so nothing can be asked about it.")
    return int(found.seq), int(found.version), str(found.policy_version)
