"""What is written into the log: entries of one kind, column by column, and who they come from."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from typing import Literal

from creditrisk.decision_log.chain import canonical

# The roles of those who have no account: a person at the command line, and what works by itself.
OPERATOR, SERVICE = "operator", "service"
Kind = Literal["decision", "override", "review", "outcome", "erasure", "promotion", "setting", "shadow", "what_if"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who an entry comes from: a person or a program, in which role, and whether no person had a hand in it."""

    name: str
    role: str = ""
    is_automatic: bool = True


@dataclass(frozen=True, slots=True)
class Version:
    """A model version, and what is needed to read the payloads of its decisions.

    `fields` are the names of the inputs in their order, `reasons` pairs of code and text, which payloads name by their
    place.
    """

    model: str
    model_version: str
    scorer_sha256: str
    fields: tuple[str, ...]
    reasons: tuple[tuple[str, str], ...]

    def __hash__(self) -> int:
        # Versions are looked up with every decision, and have a hundred reasons.
        return hash((self.model, self.model_version, self.scorer_sha256))

    def digest(self) -> bytes:
        """SHA-256 over its canonical JSON, which stands for it in the hash of every entry that names it."""
        said = [self.model, self.model_version, self.scorer_sha256, self.fields, self.reasons]
        return sha256(canonical(said).encode()).digest()


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries of one kind, by one actor, about one model version, ready to be written; one payload each.

    An empty column holds nothing for any of them.
    """

    kind: Kind
    by: Actor
    payloads: Sequence[bytes]
    application_ids: Sequence[str] = ()
    version: Version | None = None
    prob_defaults: Sequence[float] = ()
    verdicts: Sequence[str] = ()
    refers_to: Sequence[int | None] = ()
    # Under which policy was decided; empty where people set none.
    policy_version: str = ""


def in_parts(entries: Entries, n_rows: int) -> Iterator[Entries]:
    """The same entries, so many at a time."""
    for start in range(0, len(entries.payloads), n_rows):
        part = slice(start, start + n_rows)
        yield replace(
            entries,
            payloads=entries.payloads[part],
            application_ids=entries.application_ids[part],
            prob_defaults=entries.prob_defaults[part],
            verdicts=entries.verdicts[part],
            refers_to=entries.refers_to[part],
        )


@cache
def this_user() -> str:
    """The user this process belongs to, as the operating system knows them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user need not have a name
        return "command line"


def this_process() -> Actor:
    """This process, acting without a person."""
    return Actor(this_user(), SERVICE)


def operator(name: str = "") -> Actor:
    """A person at the command line, who decides: by this name, or as the operating system knows them."""
    return Actor(name or this_user(), OPERATOR, is_automatic=False)
