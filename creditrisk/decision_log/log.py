"""The decision log: what was decided, on which inputs, by which model version, and why; chained, and still erasable.

Entries of every kind stand in one chain. Each carries the SHA-256 over its own columns, the salted commitment to its
contents and the hash of the entry before: changing, removing or inserting one breaks a link. The contents stand beside
the chain and may be erased. Entries cut off at the end leave a chain that is whole, so `verify` also takes the heads
that were noted elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from threading import Lock

import polars as pl
from sqlalchemy import func, select

from creditrisk.decision_log import facts, outcomes
from creditrisk.decision_log.chain import GENESIS, Head, Noted, Verification
from creditrisk.decision_log.decisions import Channel, Decision, Logged, Outcome, aligned, decisions_from
from creditrisk.decision_log.entries import Actor, in_parts, operator, this_process
from creditrisk.decision_log.grouping import CHUNK_ROWS, GroupedWriter
from creditrisk.decision_log.payloads import ReasonLists, bare_version, entries_of, entries_of_table, time_of
from creditrisk.decision_log.proof import verify
from creditrisk.decision_log.reading import IN_ORDER, entries
from creditrisk.decision_log.store import ChangeRefusedError, Store
from creditrisk.decision_log.tables import CONTENTS, EVENTS, hash_at, head_of
from creditrisk.decision_log.versions import all_versions, reasons_known
from creditrisk.decision_log.windows import WindowBlock, logged_from, window_of
from creditrisk.errors import DecisionLogError
from creditrisk.scoring import Scorer

# So few are sooner written down one by one than in columns.
FEW_ROWS = 32


class DecisionLog:
    """The log in one database: SQLite (`sqlite:///path`) or PostgreSQL (`postgresql://user:password@host/database`).

    Nothing is opened until the log is first used, so a process may fork in between. Threads may share one log, and
    several processes may append to one database; the logs of one process in one SQLite file share their connections.
    The first use makes a log where there is none; later uses never do, so a log that vanished is missed until it is
    back. `store` is for the modules of this room.

    Raises
    ------
    DecisionLogError
        From the constructor if the URL cannot be used; from every method if the database is away or refuses. No
        message holds a password or anything about an applicant.
    """

    def __init__(self, url: str) -> None:
        self.store = Store(url)
        self._writer = GroupedWriter(self.store)
        self._reasons = ReasonLists()
        # What was counted up to which head.
        self._counted: tuple[Head, dict[str, int]] = ((0, GENESIS), {})
        self._counting = Lock()

    @property
    def address(self) -> str:
        """Where the log is, without user and password."""
        return self.store.address

    def is_begun(self) -> bool:
        """Whether there is a log, as far as can be told without making one; a server is not asked."""
        return self.store.is_begun()

    def append(self, decisions: Sequence[Decision], by: Actor | None = None) -> list[Logged]:
        """Write decisions at the end of the log; when this returns they survive a crash.

        A long list is written in chunks. If a later chunk fails, the earlier ones stay: a decision that was logged and
        never answered does no harm.

        Parameters
        ----------
        by
            Who decided; this process, if not given.

        Raises
        ------
        DecisionLogError
            If a number is not finite, a value has no place in JSON, or the database is away.
        """
        logged: list[Logged] = []
        for start in range(0, len(decisions), CHUNK_ROWS):
            chunk = decisions[start : start + CHUNK_ROWS]
            self._learn_reasons(chunk)
            many = list(entries_of(chunk, start + 1, by or this_process(), self._reasons))
            rest = iter(chunk)
            for written in self._writer.append(many):
                links = [digest.hex() for digest in written.hashes]
                for index, seq in enumerate(written.seqs):
                    logged.append(Logged(seq, time_of(written.at), next(rest), links[index], links[index + 1]))
        return logged

    def append_scored(
        self, scored: pl.DataFrame, accepted: pl.DataFrame, scorer: Scorer, channel: Channel, by: Actor | None = None
    ) -> Head:
        """Write what a scorer returned, together with what it was given, as `append` does, column by column.

        Parameters
        ----------
        scored
            The scorer's answer, shape (n_rows, ...); the decisions come in its order.
        accepted
            The rows it was given, matched by `row_number`.
        by
            Who decided; this process, if not given.

        Returns
        -------
        Head
            Number and hash of the last decision written; `(0, GENESIS)` if there was none.
        """
        if 0 < scored.height <= FEW_ROWS:
            last = self.append(decisions_from(scored, accepted, scorer, channel), by)[-1]
            return last.seq, last.hash
        head: Head = (0, GENESIS)
        if scored.height:
            inputs = aligned(scored, accepted)
            entry = entries_of_table(scored, inputs, scorer, channel, by=by or this_process(), reasons=self._reasons)
            for part in in_parts(entry, CHUNK_ROWS):
                head = self._writer.append([part])[-1].head
        return head

    def get(self, seq: int) -> Logged:
        """The decision with one number; DecisionLogError if there is none, or if it was erased."""
        for logged in self.read(range(seq, seq + 1)):
            return logged
        raise DecisionLogError(f"entry {seq} of the decision log is not a decision, or its contents were erased.")

    def read(self, seqs: range) -> Iterator[Logged]:
        """Stream the decisions with these numbers, but for those that were erased.

        Raises
        ------
        DecisionLogError
            At the end if some of the numbers are not in the log.
        """
        n_found = 0
        with self.store.transaction() as connection:
            versions = all_versions(connection)
            wanted = IN_ORDER.where(EVENTS.c.seq.between(seqs.start, seqs.stop - 1))
            with closing(entries(connection, wanted)) as found:
                for entry in found:
                    if entry.seq in seqs:
                        n_found += 1
                        if entry.kind == "decision" and entry.payload is not None:
                            yield logged_from(entry, versions)
        if n_found < len(seqs):
            last = self.head()[0]
            holds = f"it holds 1 to {last}" if last else "it holds none yet"
            asked = f"{len(seqs) - n_found:,} of the entries {seqs[0]} to {seqs[-1]}"
            if len(seqs) == 1:
                raise DecisionLogError(f"entry {seqs[0]} is not in the decision log; {holds}.")
            raise DecisionLogError(f"{asked} are not in the decision log; {holds}.")

    def decisions_about(self, application_id: str, *, at_most: int) -> list[Logged]:
        """The last decisions about an application, newest first; erased ones are left out.

        Raises
        ------
        UnreadableEntryError
            If one of them was changed after it was written.
        """
        with self.store.transaction() as connection:
            about = select(CONTENTS.c.seq).join(EVENTS, EVENTS.c.seq == CONTENTS.c.seq)
            about = about.where(CONTENTS.c.application_id == application_id, EVENTS.c.kind == "decision")
            seqs = connection.execute(about.order_by(CONTENTS.c.seq.desc()).limit(at_most)).scalars().all()
            versions = all_versions(connection)
            with closing(entries(connection, IN_ORDER.where(EVENTS.c.seq.in_(seqs)))) as found:
                return [logged_from(entry, versions) for entry in found][::-1]

    def head(self) -> Head:
        """Number and hash of the last entry; `(0, GENESIS)` of an empty log."""
        with self.store.transaction() as connection:
            return head_of(connection)

    def check_writable(self) -> None:
        """See whether a decision could be written now, in about a second, and write none.

        Raises
        ------
        DecisionLogError
            If the log is away, is not the one it was, is held by another program, may only be read, or has no room
            left. How full the disk of a PostgreSQL server is cannot be asked; an append on a full one says so.
        """
        self.store.check_writable()

    def window(
        self, model: str, *, after_seq: int = 0, until_seq: int, since: datetime | None = None, once: bool = False
    ) -> Iterator[WindowBlock]:
        """The decisions of one model, block by block, with what monitoring needs of them.

        Parameters
        ----------
        after_seq, until_seq
            Decisions after the first number, up to and with the second.
        since
            No decision from before that time.
        once
            Of several decisions about one application only the last one; not for models whose applications have no ids
            of their own, but numbers that begin anew with every file.
        """
        with self.store.transaction() as connection:
            yield from window_of(connection, model, after_seq=after_seq, until_seq=until_seq, since=since, once=once)

    def counts_by_verdict(self) -> dict[str, int]:
        """How many decisions of each verdict the log holds, erased ones included."""
        with self._counting, self.store.transaction() as connection:
            head = head_of(connection)
            counted, counts = self._counted
            if counted[0] and hash_at(connection, counted[0]) != counted[1]:
                counted, counts = (0, GENESIS), {}
            new = select(EVENTS.c.verdict, func.count()).where(
                EVENTS.c.kind == "decision", EVENTS.c.seq > counted[0], EVENTS.c.seq <= head[0]
            )
            counts = dict(counts)
            for verdict, n_more in connection.execute(new.group_by(EVENTS.c.verdict)):
                counts[verdict] = counts.get(verdict, 0) + n_more
            self._counted = (head, counts)
            return dict(counts)

    def hashes(self, seqs: Sequence[int]) -> dict[int, str]:
        """The hashes of the entries with these numbers; one that is not in the log is not in the answer."""
        wanted = [seq for seq in seqs if 0 < seq < 2**63]
        with self.store.transaction() as connection:
            rows = connection.execute(select(EVENTS.c.seq, EVENTS.c.hash).where(EVENTS.c.seq.in_(wanted)))
            return {row.seq: row.hash.hex() for row in rows}

    def verify(self, noted: Sequence[Noted] = (), *, on_progress: Callable[[int], None] | None = None) -> Verification:
        """Follow the chain from the first entry to the last, once and in constant memory.

        Parameters
        ----------
        noted
            Heads noted earlier and kept elsewhere. The chain alone cannot show that its last entries were cut off, nor
            that somebody wrote the whole of it anew; a head from outside can.
        on_progress
            Called now and then with the number of entries checked so far.
        """
        with self.store.transaction() as connection:
            return verify(connection, noted, on_progress)

    def record_outcomes(self, reported: Sequence[Outcome], by: Actor | None = None) -> outcomes.Recorded:
        """Write down what became of applications, all or none; a later outcome corrects an earlier one.

        One that was said of the same decision already is not written again.
        """
        if not reported:
            return outcomes.Recorded()
        with self.store.transaction(is_write=True) as connection:
            head, recorded = outcomes.record(connection, reported, by or this_process())
        self.store.remember(head)
        return recorded

    def record_new_outcomes(self, reported: Sequence[Outcome], kind: str, key: str, value: str) -> int:
        """Write down those outcomes that say anything new, with a fact about all of them, all or none; how many.

        The fact, see `note`, says how far a file was read: whoever was cut off goes on from there.
        """
        with self.store.transaction(is_write=True) as connection:
            head, n_new = outcomes.record_new(connection, reported, facts.Fact(kind, key, value), this_process())
        self.store.remember(head)
        return n_new

    def never_scored(self, reported: Sequence[Outcome]) -> list[int]:
        """Which of the outcomes, counted from 1, are of applications that the log holds no decision about.

        An outcome that names a model needs a decision of that model.
        """
        decisions = self.decisions_of(reported)
        return [position for position, decision in enumerate(decisions, start=1) if decision is None]

    def decisions_of(self, reported: Sequence[Outcome]) -> list[int | None]:
        """The number of the decision that each outcome is of; None where the log holds none."""
        with self.store.transaction() as connection:
            return outcomes.decisions_of(connection, reported)

    def outcomes(self) -> pl.DataFrame:
        """Every outcome in the order of recording: `application_id`, `model`, `is_default`, `observed_on`."""
        with self.store.transaction() as connection:
            return outcomes.all_outcomes(connection)

    def labelled(
        self, model: str, *, since: datetime | None = None, fields: Sequence[str] = (), once: bool = False
    ) -> Iterator[pl.DataFrame]:
        """The decisions of one model whose outcome is known, in blocks and in the order of the log.

        An outcome belongs to the last decision that there was about its application when it was reported. Of several
        outcomes the last counts. Erased ones are left out.

        Parameters
        ----------
        since
            No decision from before that time.
        fields
            The inputs that are wanted, of those that were logged.
        once
            One outcome for each application, see `window`; otherwise one for each decision.

        Yields
        ------
        pl.DataFrame
            `seq`, `decided_at` (UTC), `model_version`, `prob_default`, `verdict`, the fields, `is_default`,
            `observed_on`.

        Raises
        ------
        UnreadableEntryError
            If one of them was changed after it was written.
        """
        with self.store.transaction() as connection:
            yield from outcomes.labelled(connection, model, since=since, fields=fields, once=once)

    def verdicts_by_day(self, model: str, *, since: datetime | None = None, once: bool = False) -> pl.DataFrame:
        """How many decisions of one model there were: `day` (UTC), `verdict`, `n_decisions`; erased ones are left out.

        Parameters
        ----------
        since, once
            See `window`.
        """
        with self.store.transaction() as connection:
            return outcomes.verdicts_by_day(connection, model, since=since, once=once)

    def note(self, kind: str, key: str, value: str, *, by: str | Actor = "", why: str = "") -> None:
        """Write down a fact for ever; a value that stands there already is not written again.

        Parameters
        ----------
        kind, key
            `scorer` and model/version for a fingerprint, `champion` and a model for its version, `serving` and an empty
            key for the model that serves.
        by, why
            Who says so, a person if it is a name, this process if empty, and the reason. They cannot be erased: no
            applicant belongs in there.

        Raises
        ------
        DecisionLogError
            If another value was noted for a scorer, or a policy, before; that it was tried is written down.
        """
        actor = by if isinstance(by, Actor) else operator(by) if by else this_process()
        try:
            with self.store.transaction(is_write=True) as connection:
                head = facts.note(connection, facts.Fact(kind, key, value, why), actor)
        except ChangeRefusedError:
            with self.store.transaction(is_write=True) as connection:
                head = facts.note(connection, facts.Fact(facts.REFUSED, f"{kind} {key}".strip(), value, why), actor)
            self.store.remember(head)
            raise
        self.store.remember(head)

    def noted(self, kind: str, key: str = "") -> str | None:
        """The value that counts for a key: the first for a scorer, else the last; None if there is none."""
        with self.store.transaction() as connection:
            return facts.noted(connection, kind, key)

    def history(self, kind: str) -> list[facts.NotedFact]:
        """Every fact of a kind, oldest first, with who wrote it and when."""
        with self.store.transaction() as connection:
            return facts.history(connection, kind)

    def last_champions(self) -> list[facts.MadeChampion]:
        """The version that was last made champion of each model, and when."""
        with self.store.transaction() as connection:
            return facts.last_champions(connection)

    def n_entries_by(self, role: str, kind: str, key: str) -> int:
        """How many entries somebody in a role wrote since a fact was first noted; 0 if it was not."""
        with self.store.transaction() as connection:
            return facts.n_entries_since(connection, kind, key, role)

    def close(self) -> None:
        """Close the connections; they open again when the log is next used."""
        self.store.close()

    def _learn_reasons(self, decisions: Sequence[Decision]) -> None:
        """Ask the database once for the reasons of each version, so that a new process writes no new list of them."""
        new = [bare for bare in dict.fromkeys(map(bare_version, decisions)) if self._reasons.is_new(bare)]
        if new:
            with self.store.transaction() as connection:
                for bare in new:
                    self._reasons.learn(bare, reasons_known(connection, bare))
