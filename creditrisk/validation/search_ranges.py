"""Where the chosen settings lie in the ranges that their families search: at an end, the best may lie beyond it."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, TypeVar, cast

from creditrisk.learners import family
from creditrisk.training import Training

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna

Choice = TypeVar("Choice")
# Within this share of a range, taken on the logarithm where it is searched so, a setting lies at its end.
HAIR = 0.01


@dataclass(frozen=True, slots=True)
class SearchRange:
    """The numbers a setting is drawn from, both ends included."""

    low: float
    high: float
    is_log: bool

    def end(self, value: float) -> str:
        """'lower' or 'upper' where a value lies within a hair of that end; empty elsewhere.

        Examples
        --------
        >>> wide = SearchRange(0.001, 1.0, is_log=True)
        >>> wide.end(0.00101), wide.end(0.01), wide.end(0.99)
        ('lower', '', 'upper')
        """
        if self.is_log and value <= 0:
            return "lower"
        low, high, here = (log(number) if self.is_log else number for number in (self.low, self.high, value))
        if high <= low:
            return ""
        share = (here - low) / (high - low)
        return "lower" if share <= HAIR else "upper" if share >= 1 - HAIR else ""


@dataclass(frozen=True, slots=True)
class AtEdge:
    """A setting of the chosen recipe at an end of its range."""

    family: str
    name: str
    value: float
    end: str
    within: SearchRange


class _RangeRecorder:
    """Stands in for an `optuna.Trial`: notes the range of each number that is asked for, and draws its low end."""

    def __init__(self) -> None:
        self.ranges: dict[str, SearchRange] = {}

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        self.ranges[name] = SearchRange(low, high, log)
        return low

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        self.ranges[name] = SearchRange(low, high, log)
        return low

    def suggest_categorical(self, name: str, choices: Sequence[Choice]) -> Choice:
        return choices[0]


def search_ranges(name: str, n_rows: int) -> dict[str, SearchRange]:
    """The ranges that a family searches on a table with so many rows, by setting; choices without order have none."""
    recorder = _RangeRecorder()
    family(name).suggest(cast("optuna.Trial", recorder), n_rows)
    return recorder.ranges


def searched_families(training: Training) -> list[str]:
    """The families of the chosen recipe of which more than one setting was tried."""
    tried = [result.family for result in training.results]
    return [name for name in training.recipe.parameters if tried.count(name) > 1]


def settings_at_edge(training: Training) -> list[AtEdge]:
    """The settings of the chosen recipe that lie at an end of their range, of families that were searched."""
    found = []
    for name in searched_families(training):
        settings = training.recipe.parameters[name]
        for setting, within in search_ranges(name, training.n_train).items():
            value = settings.get(setting)
            if isinstance(value, int | float) and (end := within.end(value)):
                found.append(AtEdge(name, setting, value, end, within))
    return found
