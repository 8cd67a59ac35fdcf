"""Appends of many threads in common: what waits while one sync runs is written, and synced, with the next one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Condition

from creditrisk.decision_log.entries import Entries
from creditrisk.decision_log.store import Store, locked_head, most_seconds
from creditrisk.decision_log.writing import KnownVersions, Written, write
from creditrisk.errors import DecisionLogError

# Entries in one transaction: those that a large upload appends let others in between.
CHUNK_ROWS = 2_000


@dataclass(eq=False, slots=True)
class _Append:
    """What one thread wants to have written, and what became of it."""

    entries: Sequence[Entries]
    written: Sequence[Written] = field(default_factory=list)
    error: DecisionLogError | None = None
    is_over: bool = False

    @property
    def n_rows(self) -> int:
        return sum(len(item.payloads) for item in self.entries)


class GroupedWriter:
    """Writes what several threads append: one of them for all that wait, and all are told when it is on the disk."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed = Condition()
        self._waiting: list[_Append] = []
        self._is_busy = False
        # Of the transactions that were committed.
        self._versions: KnownVersions = {}

    def append(self, entries: Sequence[Entries]) -> Sequence[Written]:
        """Write entries at the end of the log; when this returns they survive a crash.

        Raises
        ------
        DecisionLogError
            If they, and all that were to be written with them, could not be; or if there was no turn in time.
        """
        mine = _Append(entries)
        most = most_seconds()
        deadline = time.monotonic() + most
        group: list[_Append] = []
        with self._changed:
            self._waiting.append(mine)
            while self._is_busy and not mine.is_over:
                # Once another thread has taken it along it may be written at any moment: that end must be waited for.
                left = max(0.0, deadline - time.monotonic())
                self._changed.wait(left if mine in self._waiting else None)
                if mine in self._waiting and time.monotonic() >= deadline:
                    self._waiting.remove(mine)
                    raise self._store.waited_in_vain(most)
            if not mine.is_over:
                self._is_busy = True
                group = self._take(mine)
        if group:
            self._write(group, most, deadline)
        if mine.error is not None:
            # Each thread an error of its own.
            raise type(mine.error)(str(mine.error)) from None
        return mine.written

    def _take(self, mine: _Append) -> list[_Append]:
        """This thread's own and as many of those that wait as fit into one transaction."""
        self._waiting.remove(mine)
        group, n_rows = [mine], mine.n_rows
        while self._waiting and n_rows + self._waiting[0].n_rows <= CHUNK_ROWS:
            group.append(self._waiting.pop(0))
            n_rows += group[-1].n_rows
        return group

    def _write(self, group: list[_Append], most: float, deadline: float) -> None:
        error: DecisionLogError | None = DecisionLogError("the decision log was interrupted. Nothing is answered.")
        try:
            with self._store.transaction(is_write=True, patience=most, deadline=deadline) as connection:
                known = dict(self._versions)
                many = [item for each in group for item in each.entries]
                written = write(connection, locked_head(connection), many, known)
            self._versions = known
            self._store.remember(written[-1].head)
            rest = iter(written)
            for each in group:
                each.written = [next(rest) for _ in each.entries]
            error = None
        except DecisionLogError as exc:
            error = exc
        finally:
            with self._changed:
                for each in group:
                    each.error, each.is_over = error, True
                self._is_busy = False
                self._changed.notify_all()
