"""The chain of hashes that shows a changed, removed or inserted decision."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

# Where in the chain: the number of a decision and its hash.
Head = tuple[int, str]
# A head that was written down elsewhere, after words for what wrote it down, such as "report simulated/2024…".
Noted = tuple[str, Head]
# A row of the table of decisions, by column; one that is read back may hold anything: others can write there.
Row = dict[str, Any]
# What the first decision has in place of the hash of the one before.
GENESIS = "0" * 64
# JSON with one spelling: keys sorted, no spaces, ASCII, floats to the last bit; ValueError for NaN and infinity.
canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found: how many links hold, the last good hash, and the first broken link in words, if any."""

    n_checked: int
    head_hash: str
    broken: str | None


def hash_of(row: Row) -> str:
    """The hash of a row: SHA-256, as hex, over the canonical JSON of all its other columns."""
    return sha256(canonical({name: value for name, value in row.items() if name != "hash"}).encode()).hexdigest()


def broken_link(row: Row, previous: int, link: str) -> str | None:
    """What is wrong between decision `previous`, whose hash is `link`, and the row that comes next, if anything."""
    seq = row["seq"]
    if seq != previous + 1:
        return f"decision {previous + 1} is gone: the next one in the log is decision {seq}."
    try:
        is_unchanged = hash_of(row) == row["hash"]
    except (TypeError, ValueError):
        # A value of a kind that was never written, such as bytes or NaN.
        is_unchanged = False
    if not is_unchanged:
        return f"decision {seq} was changed after it was written: its hash does not fit its contents."
    if row["prev_hash"] != link:
        return f"decision {seq} does not follow from decision {previous}: one of the two was written anew."
    return None


def other_than_noted(seq: int, digest: str, noted: Mapping[int, Sequence[Noted]]) -> str | None:
    """What is wrong if a decision does not have the hash that somebody noted for it."""
    others = [what for what, (_, link) in noted.get(seq, ()) if link != digest]
    if not others:
        return None
    return (
        f"decision {seq} does not have the hash that {_and_more(others)} noted for it: the log was written anew, or "
        "the note changed."
    )


def gone_after(last: int, noted: Mapping[int, Sequence[Noted]]) -> str | None:
    """What is wrong if decisions that were noted come after the last one there is."""
    beyond = sorted(seq for seq in noted if seq > last)
    if not beyond:
        return None
    notes = [what for seq in beyond for what, _ in noted[seq]]
    return f"decision {beyond[0]}, noted by {_and_more(notes)}, is gone: the log ends at decision {last}."


def _and_more(notes: Sequence[str]) -> str:
    return notes[0] + (f" and {len(notes) - 1:,} more" if len(notes) > 1 else "")
