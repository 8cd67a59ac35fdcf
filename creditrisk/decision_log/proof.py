"""The proof that a log is whole: every link of the chain, every commitment, and every erasure borne out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, select

from creditrisk.decision_log.chain import LabelDigests, Noted, Verification, gone_after, other_than_noted
from creditrisk.decision_log.ranges import Ranges, add, first_difference, merged
from creditrisk.decision_log.reading import HASH, IN_ORDER, Chain, Entry, Row, blocks
from creditrisk.decision_log.tables import CONTENTS, EVENTS
from creditrisk.decision_log.versions import digests


class _Erasures:
    """Which contents are missing, and which were erased by the entries that say so."""

    def __init__(self) -> None:
        self.missing: Ranges = []
        self._said: Ranges = []

    def look(self, row: Row) -> None:
        """Take note of a row without contents, and of an erasure."""
        if row[-1] is None:
            add(self.missing, row[0])
        elif row[2] == "erasure":
            self._said += [(first, last) for first, last in erased_by(row[-1])]

    def problem(self) -> str | None:
        """What is wrong if other contents are missing than were erased."""
        self._said = merged(self._said)
        seq = first_difference(self.missing, self._said)
        if seq is None:
            return None
        if any(first <= seq <= last for first, last in self.missing):
            return f"the contents of entry {seq} were removed without an erasure being written down."
        return f"the contents of entry {seq}, which were erased, are there again."

    @property
    def n_missing(self) -> int:
        return sum(last - first + 1 for first, last in self.missing)


def erased_by(payload: bytes) -> list[tuple[int, int]]:
    """The ranges of numbers whose contents an erasure has erased."""
    _, ranges = json.loads(payload)
    return [(int(first), int(last)) for first, last in ranges]


def verify(connection: Connection, noted: Sequence[Noted], on_progress: Callable[[int], None] | None) -> Verification:
    """See `DecisionLog.verify`."""
    by_seq: dict[int, list[Noted]] = {}
    for note in noted:
        by_seq.setdefault(note[1][0], []).append(note)
    by_seq.pop(0, None)  # the head of a log that was empty
    chain, erasures, n_decisions = Chain(LabelDigests(digests(connection))), _Erasures(), 0
    for rows in blocks(connection, IN_ORDER):
        n_before, broken = chain.n_checked, chain.broken_by(rows)
        for row in rows[: chain.n_checked - n_before]:
            if row[0] in by_seq and (problem := other_than_noted(row[0], row[HASH].hex(), by_seq)):
                before = row[0] - 1, Entry._make(row).prev_hash.hex()
                return Verification(*before, problem, n_decisions, erasures.n_missing)
            is_decision = row[2] == "decision"
            n_decisions += is_decision
            if row[-1] is None or not is_decision:
                erasures.look(row)
        if broken is not None:
            return Verification(chain.n_checked, chain.link.hex(), broken, n_decisions, erasures.n_missing)
        if on_progress is not None:
            on_progress(chain.n_checked)
    broken = gone_after(chain.n_checked, by_seq) or erasures.problem() or _stray(connection, chain.n_checked)
    return Verification(chain.n_checked, chain.link.hex(), broken, n_decisions, erasures.n_missing)


def _stray(connection: Connection, last: int) -> str | None:
    """What is wrong if there are contents without an entry, outside of those that were looked at."""
    is_outside = (CONTENTS.c.seq < 1) | (CONTENTS.c.seq > last)
    has_none = ~select(EVENTS.c.seq).where(EVENTS.c.seq == CONTENTS.c.seq).exists()
    seq = connection.execute(select(CONTENTS.c.seq).where(is_outside, has_none).limit(1)).scalar_one_or_none()
    return None if seq is None else f"there are contents of entry {seq}, and no such entry."
