"""A measured figure beside what the machine could do at best, and how both stand against the last time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

BASELINE = Path(__file__).parent / "baseline.json"
# A ratio so much larger than the committed one is worth a warning.
LOSS = 1.2


@dataclass(frozen=True, slots=True)
class Figure:
    """What something costs, `value`, beside the same work with nothing of ours around it, `floor`; less is better.

    `at_most` is the largest ratio of the two that is good enough, None where only the ratio's change is watched.
    """

    name: str
    value: float
    floor: float
    unit: str
    floor_is: str
    at_most: float | None = None

    @property
    def ratio(self) -> float:
        """How many times the floor it costs."""
        return self.value / self.floor


def show(figures: Sequence[Figure], console: Console) -> list[str]:
    """Print the table; returns a sentence for each figure that is not good enough or lost against the baseline."""
    before = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {}
    table = Table("figure", "value", "floor", "ratio", "at most", "baseline", "the floor is", title="What it costs")
    warnings = []
    for figure in figures:
        known = before.get(figure.name)
        table.add_row(
            figure.name,
            f"{figure.value:,.4g} {figure.unit}",
            f"{figure.floor:,.4g} {figure.unit}",
            f"{figure.ratio:,.2f}",
            "" if figure.at_most is None else f"{figure.at_most:g}",
            "" if known is None else f"{known:,.2f}",
            figure.floor_is,
        )
        if figure.at_most is not None and figure.ratio > figure.at_most:
            warnings.append(f"{figure.name}: {figure.ratio:,.2f} times its floor, more than {figure.at_most:g}.")
        if known is not None and figure.ratio > LOSS * known:
            warnings.append(f"{figure.name}: {figure.ratio:,.2f} times its floor, where it was {known:,.2f}.")
    console.print(table)
    return warnings


def to_json(figures: Sequence[Figure]) -> str:
    """The figures for a program to read."""
    return json.dumps([{**asdict(figure), "ratio": figure.ratio} for figure in figures], indent=1)


def keep(figures: Sequence[Figure]) -> None:
    """Write down the ratios, to be compared with from now on."""
    known = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {}
    ratios = known | {figure.name: round(figure.ratio, 3) for figure in figures}
    BASELINE.write_text(json.dumps(ratios, indent=1, sort_keys=True) + "\n", encoding="utf-8")
