"""Who has been told what, so that each alarm is told once, again when it gets worse or after a day, and its end once.

The ledger is a value; reading it, sending and keeping it are left to the caller. Messages wait in it until they are
sent: whatever is cut off in between is told twice at worst, and never lost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias, get_args

from pydantic import TypeAdapter

from monitoring.alarms import Alarm, Severity

AGAIN_AFTER = timedelta(days=1)
# Nobody reads on after so many.
MOST_IN_A_MESSAGE = 20
RANKS = {severity: rank for rank, severity in enumerate(get_args(Severity))}
WITHIN = {"page": "needs somebody now", "ticket": "within a working day", "note": "nothing has to be done"}
Kind: TypeAlias = Literal["new", "worse", "still", "over"]
OPENINGS = {"new": "", "worse": "Worse: ", "still": "Still: ", "over": "Over: "}


@dataclass(frozen=True, slots=True)
class Told:
    """An alarm that has not ended, as it was last told, and when that was."""

    alarm: Alarm
    at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be told of an alarm."""

    kind: Kind
    alarm: Alarm
    at: datetime


@dataclass(frozen=True, slots=True)
class Ledger:
    """The alarms that people know of, by key; and what still has to be sent, by address and key.

    `reports` has the id of the last report that was looked at, by its scope.
    """

    told: dict[str, Told] = field(default_factory=dict)
    waiting: dict[str, dict[str, Message]] = field(default_factory=dict)
    reports: dict[str, str] = field(default_factory=dict)


_LEDGER = TypeAdapter(Ledger)


def from_json(content: bytes) -> Ledger:
    """A ledger as it was kept.

    Raises
    ------
    ValueError
        If it is none.
    """
    return _LEDGER.validate_json(content)


def to_json(ledger: Ledger) -> bytes:
    """A ledger as it is kept."""
    return _LEDGER.dump_json(ledger)


def note(
    ledger: Ledger,
    scope: str,
    alarms: Sequence[Alarm],
    *,
    addresses: Collection[str],
    now: datetime,
    unjudged: Collection[str] = (),
) -> Ledger:
    """The ledger after a look at everything whose key begins with `scope`.

    What is neither among `alarms` nor, by its key, among what could not be judged, has ended.
    """
    told, messages = dict(ledger.told), []
    for alarm in alarms:
        before = told.get(alarm.key)
        kind = _kind(alarm, before, now)
        if kind is not None:
            current = alarm if before is None else replace(alarm, since=before.alarm.since)
            told[alarm.key] = Told(current, now)
            messages.append(Message(kind, current, now))
    keys = {*unjudged, *(alarm.key for alarm in alarms)}
    for key in [key for key in told if key.startswith(scope) and key not in keys]:
        messages.append(Message("over", told.pop(key).alarm, now))
    return replace(ledger, told=told, waiting=_queued(ledger, messages, addresses))


def announce(ledger: Ledger, event: Alarm, *, addresses: Collection[str], now: datetime) -> Ledger:
    """The ledger with something to be told once that does not last, such as a promotion."""
    return replace(ledger, waiting=_queued(ledger, [Message("new", event, now)], addresses))


def sent(ledger: Ledger, address: str) -> Ledger:
    """The ledger after all that waited for an address was sent there."""
    return replace(ledger, waiting={other: queue for other, queue in ledger.waiting.items() if other != address})


def title(messages: Sequence[Message]) -> str:
    """What stands above messages that are sent as one."""
    first = min(messages, key=_urgency)
    more = f" and {len(messages) - 1} more" if len(messages) > 1 else ""
    return f"Risk-O-Meter: {OPENINGS[first.kind]}{first.alarm.what}{more}"


def body(messages: Sequence[Message]) -> str:
    """Messages that are sent as one, as plain text, the most pressing first."""
    told = [_paragraph(message) for message in sorted(messages, key=_urgency)[:MOST_IN_A_MESSAGE]]
    if (n_more := len(messages) - MOST_IN_A_MESSAGE) > 0:
        told.append(f"And {n_more} more: see the report.")
    return "\n\n".join(told)


def _urgency(message: Message) -> tuple[bool, int]:
    """Sorts messages, the most pressing first."""
    return message.kind == "over", -RANKS[message.alarm.severity]


def _kind(alarm: Alarm, before: Told | None, now: datetime) -> Kind | None:
    """How an alarm is told, if it is."""
    if before is None:
        return "new"
    if (RANKS[alarm.severity], alarm.degree) > (RANKS[before.alarm.severity], before.alarm.degree):
        return "worse"
    return "still" if now - before.at >= AGAIN_AFTER else None


def _queued(ledger: Ledger, messages: Sequence[Message], addresses: Collection[str]) -> dict[str, dict[str, Message]]:
    """What waits for each address: of one alarm the newest message only, which holds what those before it said."""
    news = {message.alarm.key: message for message in messages}
    waiting = {address: ledger.waiting.get(address, {}) | news for address in addresses}
    return {address: queue for address, queue in waiting.items() if queue}


def _paragraph(message: Message) -> str:
    alarm = message.alarm
    until = f"; over since {_words(message.at)}" if message.kind == "over" else ""
    lines = [
        f"{OPENINGS[message.kind]}{alarm.what}",
        f"Since: {_words(alarm.since)}{until}",
        f"How bad: {alarm.severity}, {WITHIN[alarm.severity]}. {alarm.how_bad}",
    ]
    if message.kind != "over":
        lines.append(f"What to do: {alarm.action} More: {alarm.runbook}")
    return "\n".join([*lines, *([f"Report: {alarm.link}"] if alarm.link else [])])


def _words(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
