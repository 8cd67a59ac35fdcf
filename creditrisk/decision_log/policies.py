"""The policy in force: each is an entry of the log, and the newest lies as a note under home for every process to read.

The entry comes first, so that nothing is decided under a policy that the log does not know. A note that is gone, cannot
be read or is older than the log is written anew from there at the start of a process.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from creditrisk.decision_log.entries import Actor
from creditrisk.decision_log.log import DecisionLog
from creditrisk.decision_log.store import ChangeRefusedError
from creditrisk.errors import DecisionLogError, ScorerError, SettingsError
from creditrisk.home import write_whole
from creditrisk.scoring import MAX_WORDS, NO_POLICY, Policy, Scorer, policy_from

# The kind of fact that a policy is; its key is its number.
POLICY_NOTE = "policy"


@dataclass(frozen=True, slots=True)
class PolicySet:
    """A policy that was set: by whom, in which role, when (UTC), and why."""

    policy: Policy
    by: Actor
    at: datetime
    why: str


def policies_set(log: DecisionLog) -> list[PolicySet]:
    """Every policy there was, oldest first; none of a log that is not begun.

    Raises
    ------
    DecisionLogError
        If the log is away, or holds a policy that others made unreadable.
    """
    if not log.is_begun():
        return []
    try:
        return [
            PolicySet(policy_from(item.fact.value), item.by, item.at, item.fact.why)
            for item in log.history(POLICY_NOTE)
        ]
    except ScorerError as exc:
        raise DecisionLogError(
            f"a policy in the decision log cannot be read: {exc}. It was changed after it was written. Run: riskometer "
            "verify-log."
        ) from exc


def policy_named(log: DecisionLog, name: str) -> Policy:
    """The policy that decisions name so; DecisionLogError if the log knows none."""
    if not name:
        return NO_POLICY
    for item in policies_set(log):
        if item.policy.name == name:
            return item.policy
    raise DecisionLogError(f"policy {name!r:.40}, under which was decided, is not in the decision log.")


class PolicyInForce:
    """The policy of one home, as it is at each moment: to know it costs a look at the date of a small file.

    Parameters
    ----------
    home
        The folder of all state, where the note lies.
    log
        Where every policy is an entry.
    """

    def __init__(self, home: Path, log: DecisionLog) -> None:
        self._path = home / "serving" / "policy.json"
        self._log = log
        self._lock = threading.Lock()
        # The file as it was when it was last read, and what it held.
        self._seen: tuple[tuple[int, ...] | None, Policy] | None = None
        # One scorer under one policy at a time: what is made at a first use is made once.
        self._apply = lru_cache(maxsize=4)(_under)

    def now(self) -> Policy:
        """The policy in force.

        Raises
        ------
        DecisionLogError
            If the note cannot be read, nor the log it would be written anew from: then nothing may be decided.
        """
        seen = self._seen
        if seen is None or seen[0] != self._state():
            with self._lock:
                seen = self._look(is_first=self._seen is None)
                self._seen = seen
        return seen[1]

    def apply(self, scorer: Scorer) -> Scorer:
        """The scorer under the policy in force."""
        policy = self.now()
        return scorer if policy == scorer.policy else self._apply(_Same(scorer), policy)

    def change(self, before: Policy, after: Policy, *, by: Actor, why: str) -> None:
        """Put a policy in the place of the one in force: it holds in every process of the home when this returns.

        Parameters
        ----------
        before
            The policy that somebody looked at when they decided.
        after
            The one to hold; its number is given here.

        Raises
        ------
        SettingsError
            If there is no reason, it is too long, or another policy is in force by now.
        DecisionLogError
            If the log does not take it: then nothing is changed.
        """
        why = why.strip()
        if not why or len(why) > MAX_WORDS:
            raise SettingsError(f"nothing was changed: say why, in up to {MAX_WORDS:,} characters.")
        in_force = self._newest() or self.now()
        changed = SettingsError("nothing was changed: somebody else changed something just now. Look, and try again.")
        if in_force != before:
            self._write(in_force)
            raise changed
        numbered = Policy(before.number + 1, after.cutoffs, after.stop)
        try:
            self._log.note(POLICY_NOTE, str(numbered.number), numbered.to_json(), by=by, why=why)
        except ChangeRefusedError as exc:
            raise changed from exc
        self._write(numbered)

    def refresh(self) -> None:
        """Write the note anew if the log knows a newer policy, set from another home, say.

        Raises
        ------
        DecisionLogError
            If the log is away.
        """
        newest = self._newest()
        if newest is not None and newest.number > self.now().number:
            self._write(newest)

    def _newest(self) -> Policy | None:
        """The newest policy that the log holds, if it holds one."""
        found = policies_set(self._log)
        return max((item.policy for item in found), key=lambda policy: policy.number, default=None)

    def _state(self) -> tuple[int, ...] | None:
        """What tells one state of the note from another; None if there is none."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _look(self, *, is_first: bool) -> tuple[tuple[int, ...] | None, Policy]:
        state = self._state()
        noted: Policy | None = None
        if state is not None:
            try:
                noted = policy_from(self._path.read_text(encoding="utf-8"))
            except (OSError, UnicodeError, ScorerError):
                noted = None
        if noted is not None and not is_first:
            return state, noted
        try:
            newest = self._newest() or NO_POLICY
        except DecisionLogError as exc:
            if noted is not None or state is None:
                return state, noted or NO_POLICY
            raise DecisionLogError(
                f"the settings that people made cannot be read from {self._path}, nor from the decision log: {exc} "
                "Nothing is decided until then."
            ) from exc
        if noted is None or newest.number > noted.number:
            if newest != NO_POLICY or state is not None:
                self._write(newest)
            return self._state(), newest
        return state, noted

    def _write(self, policy: Policy) -> None:
        write_whole(self._path, policy.to_json())


class _Same:
    """A scorer by its identity: its parts cannot be hashed."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer

    def __hash__(self) -> int:
        return id(self.scorer)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.scorer is self.scorer


def _under(same: _Same, policy: Policy) -> Scorer:
    return same.scorer.under(policy)
