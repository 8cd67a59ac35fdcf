"""The chain of hashes that shows a changed, removed or inserted entry.

An entry is hashed without its contents: over its own columns, the commitment to its contents, and the hash before it.
The contents may be erased, and the chain still holds.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

# Where in the chain: the number of an entry and its hash, as hex.
Head = tuple[int, str]
# A head that was written down elsewhere, after words for what wrote it down, such as "report simulated/2024…".
Noted = tuple[str, Head]
# Everything about an entry that few values take, so that its digest is made once for many entries: kind, actor, role,
# is_automatic, number of the model version, policy_version, verdict.
Labels = tuple[str, str, str, bool, int | None, str, str | None]
# What the first entry has in place of the hash of the one before.
GENESIS = "0" * 64
SALT_BYTES = 16
# Labels whose digest is kept; a log that others wrote into could hold any number.
_MOST_LABELS = 10_000
# JSON with one spelling: keys sorted, no spaces, floats to the last bit; ValueError for NaN and infinity.
canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode
# seq, at, refers_to (0 for none), whether there is a PD, the PD, digest of the labels, commitment, prev_hash.
_PACKED = struct.Struct(">qqq?d32s32s32s").pack


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found.

    How many entries hold and how many of these are decisions, how many contents were erased, the last good hash, and
    the first broken link in words, if any.
    """

    n_checked: int
    head_hash: str
    broken: str | None
    n_decisions: int = 0
    n_erased: int = 0


class LabelDigests(dict[Labels, bytes]):
    """SHA-256 over the canonical JSON of labels, with the digest of the model version in place of its number.

    Made when first asked for; KeyError for a version that is not known.
    """

    def __init__(self, versions: Mapping[int, bytes]) -> None:
        super().__init__()
        self._versions = versions

    def __missing__(self, labels: Labels) -> bytes:
        kind, actor, role, is_automatic, version, policy_version, verdict = labels
        of_version = None if version is None else self._versions[version].hex()
        said = [kind, actor, role, bool(is_automatic), of_version, policy_version, verdict]
        if len(self) >= _MOST_LABELS:
            self.clear()
        digest = self[labels] = sha256(canonical(said).encode()).digest()
        return digest


def commitment_to(salt: bytes, application_id: str | None, payload: bytes) -> bytes:
    """SHA-256 over salt and contents; no application's id and no payload holds the NUL byte that parts the two."""
    if application_id is None:
        return sha256(salt + payload).digest()
    return sha256(salt + application_id.encode() + b"\0" + payload).digest()


def event_hash(
    when: tuple[int, int],
    labels: bytes,
    commitment: bytes,
    prev_hash: bytes,
    *,
    refers_to: int | None,
    prob_default: float | None,
) -> bytes:
    """SHA-256 over the columns of an event, big-endian at fixed places.

    Parameters
    ----------
    when
        The number of the event, and its time in microseconds since 1970, UTC.
    labels
        See `LabelDigests`.
    """
    risk = math.nan if prob_default is None else prob_default
    record = _PACKED(*when, refers_to or 0, prob_default is not None, risk, labels, commitment, prev_hash)
    return sha256(record).digest()


def event_hashes(
    when: tuple[Iterable[int], int],
    labels: Iterable[bytes],
    commitments: Iterable[bytes],
    prev_hash: bytes,
    *,
    refers_to: Iterable[int | None],
    prob_defaults: Iterable[float | None],
) -> list[bytes]:
    """`event_hash` of many events of one time, each linked to the one before; begins with the first one's `prev_hash`.

    In one loop, because to call a function for each takes as long as half of what it does.
    """
    (seqs, at), link, hashes = when, prev_hash, [prev_hash]
    for seq, label, commitment, other, risk in zip(seqs, labels, commitments, refers_to, prob_defaults, strict=True):
        has_risk = risk is not None
        link = sha256(
            _PACKED(seq, at, other or 0, has_risk, risk if has_risk else math.nan, label, commitment, link)
        ).digest()
        hashes.append(link)
    return hashes


def gone(previous: int, seq: int) -> str:
    """What is wrong if `seq` comes next after `previous`, and is not the next number."""
    return f"entry {previous + 1} is gone: the next one in the log is entry {seq}."


def changed(seq: int) -> str:
    """What is wrong if an entry does not have the hash, or its contents not the commitment, of the start."""
    return f"entry {seq} was changed after it was written: its hash does not fit its contents."


def not_linked(previous: int, seq: int) -> str:
    """What is wrong if an entry names another hash than the one before it has."""
    return f"entry {seq} does not follow from entry {previous}: one of the two was written anew."


def other_than_noted(seq: int, digest: str, noted: Mapping[int, Sequence[Noted]]) -> str | None:
    """What is wrong if an entry does not have the hash that somebody noted for it."""
    others = [what for what, (_, link) in noted.get(seq, ()) if link != digest]
    if not others:
        return None
    return (
        f"entry {seq} does not have the hash that {_and_more(others)} noted for it: the log was written anew, or "
        "the note changed."
    )


def gone_after(last: int, noted: Mapping[int, Sequence[Noted]]) -> str | None:
    """What is wrong if entries that were noted come after the last one there is."""
    beyond = sorted(seq for seq in noted if seq > last)
    if not beyond:
        return None
    notes = [what for seq in beyond for what, _ in noted[seq]]
    return f"entry {beyond[0]}, noted by {_and_more(notes)}, is gone: the log ends at entry {last}."


def _and_more(notes: Sequence[str]) -> str:
    return notes[0] + (f" and {len(notes) - 1:,} more" if len(notes) > 1 else "")
