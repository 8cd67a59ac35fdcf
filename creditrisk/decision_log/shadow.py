"""What a challenger would have decided: it scores logged decisions again, which is logged, and counted as none.

An entry of the kind `shadow` refers to the decision it is about and holds the challenger's PD and verdict; its payload
is empty, so there is nothing in it that could be erased. Who calls this, and when, is webapp/shadow.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection, func, select

from creditrisk.decision_log.decisions import Logged
from creditrisk.decision_log.entries import Actor, Entries, Version
from creditrisk.decision_log.log import DecisionLog
from creditrisk.decision_log.payloads import time_of
from creditrisk.decision_log.reading import IN_ORDER, UnreadableEntryError, entries
from creditrisk.decision_log.store import locked_head
from creditrisk.decision_log.tables import EVENTS, IS_OTHER
from creditrisk.decision_log.versions import all_versions, numbers_of
from creditrisk.decision_log.windows import logged_from
from creditrisk.decision_log.writing import write
from creditrisk.quality import frame_from_inputs, with_problems
from creditrisk.scoring import Scorer, was_stopped

# So few that nobody who is answered waits for the log, or for the processor, because of them.
SHADOW_ROWS = 200


@dataclass(frozen=True, slots=True)
class ShadowComparison:
    """A challenger beside what was decided, over the decisions that it scored too.

    Parameters
    ----------
    first, last
        When the first and the last of them were scored by the challenger (UTC).
    mean_difference, mean_distance
        Of the PDs, the challenger's less the one decided on, with and without its sign; -1 to 1.
    verdicts
        How often which verdict met which: decided, the challenger's, how many.
    """

    model: str
    model_version: str
    first: datetime
    last: datetime
    mean_difference: float
    mean_distance: float
    verdicts: tuple[tuple[str, str, int], ...]

    @property
    def n_decisions(self) -> int:
        """How many decisions it scored too."""
        return sum(n for *_, n in self.verdicts)

    @property
    def agreement(self) -> float:
        """The share of them, 0 to 1, on which it would have given the same verdict."""
        return sum(n for decided, would_be, n in self.verdicts if decided == would_be) / self.n_decisions


def shadowed_until(log: DecisionLog, scorer: Scorer) -> int:
    """The number of the last decision that a challenger scored too; of one that scored none, the end of the log.

    A new challenger begins with what is decided from now on.
    """
    with log.store.transaction() as connection:
        numbers = numbers_of(connection, scorer.name, scorer.version)
        wanted = select(func.max(EVENTS.c.refers_to)).where(IS_OTHER, EVENTS.c.kind == "shadow")
        last = connection.execute(wanted.where(EVENTS.c.version.in_(numbers))).scalar_one()
    return log.head()[0] if last is None else int(last)


def shadow(log: DecisionLog, scorer: Scorer, *, after_seq: int, by: Actor) -> int:
    """Score the next decisions of a model with its challenger, and log that; the number of the last one looked at.

    At most `SHADOW_ROWS` of them; `after_seq` again if there are none. Those that were erased, changed, made while
    scoring was stopped or on fields that the challenger does not know, or scored by it already, perhaps at this moment
    by another app on the same log, are passed over.

    Raises
    ------
    DecisionLogError
        If the log is away.
    """
    with log.store.transaction() as connection:
        versions = all_versions(connection)
        of_model = {number for number, version in versions.items() if version.model == scorer.name}
        wanted = IN_ORDER.where(EVENTS.c.kind == "decision", EVENTS.c.seq > after_seq, EVENTS.c.version.in_(of_model))
        with closing(entries(connection, wanted.limit(SHADOW_ROWS))) as found:
            rows = list(islice(found, SHADOW_ROWS))
        done = _scored_by(connection, scorer, after_seq) if rows else set()
    if not rows:
        return after_seq
    decided: list[Logged] = []
    for entry in rows:
        if entry.payload is not None and entry.seq not in done:
            try:
                decided.append(logged_from(entry, versions))
            except UnreadableEntryError:
                continue
    names = {field.name for field in scorer.schema.features}
    decided = [
        logged
        for logged in decided
        if names <= logged.decision.inputs.keys() and not was_stopped(logged.decision.problems)
    ]
    if decided:
        _write(log, scorer, decided, by)
    return rows[-1].seq


def _scored_by(connection: Connection, scorer: Scorer, after_seq: int) -> set[int]:
    """The decisions after an entry that a challenger scored too, which stands after that entry as well."""
    numbers = numbers_of(connection, scorer.name, scorer.version)
    wanted = select(EVENTS.c.refers_to).where(IS_OTHER, EVENTS.c.kind == "shadow", EVENTS.c.seq > after_seq)
    return {*connection.execute(wanted.where(EVENTS.c.version.in_(numbers))).scalars()}


def _write(log: DecisionLog, scorer: Scorer, decided: list[Logged], by: Actor) -> None:
    frame = frame_from_inputs([logged.decision.inputs for logged in decided], scorer.schema)
    frame = with_problems(frame, [logged.decision.problems for logged in decided])
    scored = scorer.score(frame).sort("row_number")
    version = Version(scorer.name, scorer.version, scorer.sha256, (), ())
    answers = list(zip(decided, (scored["prob_default"] + 0.0).to_list(), scored["verdict"].to_list(), strict=True))
    with log.store.transaction(is_write=True) as connection:
        # Asked again now that nobody else writes.
        done = _scored_by(connection, scorer, decided[0].seq)
        if new := [answer for answer in answers if answer[0].seq not in done]:
            logged, prob_defaults, verdicts = zip(*new, strict=True)
            entry = Entries(
                "shadow",
                by,
                [b"[]"] * len(new),
                version=version,
                prob_defaults=list(prob_defaults),
                verdicts=list(verdicts),
                refers_to=[one.seq for one in logged],
            )
            [written] = write(connection, locked_head(connection), [entry])
    if new:
        log.store.remember(written.head)


def compare_shadows(log: DecisionLog, model: str) -> list[ShadowComparison]:
    """Each challenger of a model that scored decisions too, beside what was decided; the newest first."""
    with log.store.transaction() as connection:
        return sorted(_comparisons(connection, model), key=lambda one: one.last, reverse=True)


def _comparisons(connection: Connection, model: str) -> Iterator[ShadowComparison]:
    decided = EVENTS.alias("decided")
    difference = EVENTS.c.prob_default - decided.c.prob_default
    wanted = (
        select(
            decided.c.verdict,
            EVENTS.c.verdict,
            func.count(),
            func.sum(difference),
            func.sum(func.abs(difference)),
            func.min(EVENTS.c.at),
            func.max(EVENTS.c.at),
        )
        .join(decided, decided.c.seq == EVENTS.c.refers_to)
        .where(IS_OTHER, EVENTS.c.kind == "shadow", decided.c.kind == "decision")
        .group_by(decided.c.verdict, EVENTS.c.verdict)
    )
    found = {version.model_version for version in all_versions(connection).values() if version.model == model}
    for model_version in found:
        of_version = EVENTS.c.version.in_(numbers_of(connection, model, model_version))
        rows = connection.execute(wanted.where(of_version)).all()
        if not rows:
            continue
        counts = Counter({(row[0], row[1]): int(row[2]) for row in rows})
        n_decisions = counts.total()
        yield ShadowComparison(
            model,
            model_version,
            time_of(min(row[5] for row in rows)),
            time_of(max(row[6] for row in rows)),
            sum(row[3] for row in rows) / n_decisions,
            sum(row[4] for row in rows) / n_decisions,
            tuple((*pair, n) for pair, n in sorted(counts.items())),
        )
