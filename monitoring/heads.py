"""The heads of the decision log that reports have noted, for whoever proves the log.

The chain of a log shows neither that its end was cut off nor that all of it was written anew; what every report noted
of it elsewhere does. The log's own side is in creditrisk/decision_log.py (`verify`, `hashes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from creditrisk.decision_log import DecisionLog, Noted
from monitoring.archive import EVERY, Archive, read_all
from monitoring.results import Result


def noted_heads(archives: Sequence[Archive], pending: Path) -> tuple[list[Noted], list[str]]:
    """Every head that any report of any model has noted, and a sentence for each note that could not be read.

    Parameters
    ----------
    pending
        See `archive.pending_folder`.
    """
    noted: list[Noted] = []
    problems: list[str] = []
    for archive in archives:
        kept = read_all([archive], None, pending=pending, limit=EVERY)
        noted += [(f"report {result['id']} in {archive.name}", _head(result)) for result in kept.results]
        problems += kept.problems
    return noted, problems


def compare(log: DecisionLog, earlier: Sequence[Result]) -> str:
    """What is wrong if the log does not hold the heads that earlier reports noted; empty if it holds them all."""
    hashes = log.hashes([result["log_head"]["seq"] for result in earlier]) if log.is_begun() else {}
    astray = [result for result in earlier if result["log_head"]["seq"] and _differs(result, hashes)]
    if not astray:
        return ""
    last = max(astray, key=lambda result: result["log_head"]["seq"])
    more = f" and {len(astray) - 1:,} more" if len(astray) > 1 else ""
    return (
        f"The decision log is not what it was: decision {last['log_head']['seq']}, as report {last['id']}{more} noted "
        "it, is not in it. It was cut, emptied, or written anew; run `riskometer verify-log`."
    )


def _differs(result: Result, hashes: dict[int, str]) -> bool:
    return hashes.get(result["log_head"]["seq"]) != result["log_head"]["hash"]


def _head(result: Result) -> tuple[int, str]:
    return result["log_head"]["seq"], result["log_head"]["hash"]
