"""The most pressing thing that a report has to say: the one status of its model."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.results import Result

WORDS = {2: "act", 1: "watch", 0: "stable", -1: "not judged"}
ACT = 2


@dataclass(frozen=True, slots=True)
class Status:
    """`level` is 0 stable, 1 watch, 2 act, -1 cannot be judged; `words` say so, or what it is."""

    level: int
    words: str


def most_pressing(result: Result) -> Status:
    """The status of a report: of its log, else of outcomes, else of what drifted most: a field, or all together."""
    if not result["log"]["is_intact"]:
        return Status(ACT, "log broken")
    if "performance" in result and result["performance"]["level"] == ACT:
        return Status(ACT, "not as predicted")
    if not result["n_rows"]:
        return Status(-1, "empty")
    drifted = [result["score"], *result["fields"].values()]
    together = [result[key]["level"] for key in ("multivariate", "importance") if key in result]
    level = max([figures["level"] for figures in drifted] + together)
    return Status(level, WORDS[level])
