"""The heads of the decision log that reports have noted, for whoever proves the log.

The chain of a log shows neither that its end was cut off nor that all of it was written anew; what every report noted
of it elsewhere does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from creditrisk.decision_log import GENESIS, DecisionLog, Noted
from creditrisk.text import counted
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
    hashes = _hashes(log, earlier)
    astray = [result for result in earlier if not _holds(hashes, result)]
    if not astray:
        return ""
    last = max(astray, key=lambda result: result["log_head"]["seq"])
    more = f" and {len(astray) - 1:,} more" if len(astray) > 1 else ""
    missing = f"entry {last['log_head']['seq']}, as report {last['id']}{more} noted it"
    n_held = sum(1 for result in earlier if result["log_head"]["seq"] and _holds(hashes, result))
    if n_held == 0:
        return (
            f"The decision log is not what it was: {missing}, is not in it. It was cut, emptied, or written anew, or "
            "that was noted by somebody else; run `riskometer verify-log`."
        )
    return (
        f"The archive holds a result whose noted head the decision log does not have: {missing}. Either the log was "
        f"cut or changed after what {counted(n_held, 'other report')} noted, which is in it, or that result was "
        "changed; run `riskometer verify-log`."
    )


def held(log: DecisionLog, earlier: Sequence[Result]) -> list[Result]:
    """The results that the log bears out, as it holds the head they noted; none has ended beyond that (results.check).

    Whoever can write to an archive can put a result there that says anything; only these may say where to go on.
    """
    hashes = _hashes(log, earlier)
    return [result for result in earlier if _holds(hashes, result)]


def _hashes(log: DecisionLog, results: Sequence[Result]) -> dict[int, str]:
    return {0: GENESIS} | (log.hashes([result["log_head"]["seq"] for result in results]) if log.is_begun() else {})


def _holds(hashes: dict[int, str], result: Result) -> bool:
    return hashes.get(result["log_head"]["seq"]) == result["log_head"]["hash"]


def _head(result: Result) -> tuple[int, str]:
    return result["log_head"]["seq"], result["log_head"]["hash"]
