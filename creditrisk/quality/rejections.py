"""Why rows cannot be scored, in sentences: the first cell that keeps a row out, and whatever else is wrong in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from creditrisk.text import shorten


class Fault(NamedTuple):
    """A cell that keeps its row out: the label of its field, what stands in it, what is wrong, what belongs there."""

    label: str
    text: str
    fault: str
    expected: str


@dataclass(frozen=True)
class Rejection:
    """A row that cannot be scored, and the first cell in it that says why.

    `row` counts the clients of the file from 1, `line` its lines. `column` is the label people see, empty if the row
    as a whole is at fault; `value` is what stands in the cell, `fault` what is wrong with it, `expected` what belongs
    there. `others` holds every other cell of the row that needs correcting.
    """

    row: int
    line: int
    column: str
    value: str
    fault: str
    expected: str
    others: tuple[Fault, ...] = ()

    @property
    def more(self) -> tuple[str, ...]:
        """A sentence for each of the other cells."""
        return tuple(f"Also {label}: {fault}. Expected {expected}." for label, _, fault, expected in self.others)

    @property
    def cells(self) -> tuple[Fault, ...]:
        """Every cell of the row that needs correcting; none if the row as a whole is at fault."""
        return (Fault(self.column, self.value, self.fault, self.expected), *self.others) if self.column else ()

    @property
    def sentence(self) -> str:
        """The whole of it for the clerk.

        Examples
        --------
        >>> Rejection(17, 18, "Age", "abc", "'abc' is not a number", "a whole number of years from 18 to 100").sentence
        "Row 17 (line 18), Age: 'abc' is not a number. Expected a whole number of years from 18 to 100."
        """
        where = f"Row {self.row} (line {self.line})" + (f", {self.column}" if self.column else "")
        return " ".join((f"{where}: {self.fault}. Expected {self.expected}.", *self.more))


def rejections_of(faults: Mapping[int, Sequence[Fault]], lines: Sequence[int], first_row: int = 1) -> list[Rejection]:
    """The rejections that go with faults by row index, in the order of the rows.

    Parameters
    ----------
    lines
        The line of each row.
    first_row
        The number of the first row.
    """
    rejections = []
    for row in sorted(faults):
        first, *others = [fault._replace(text=shorten(fault.text)) for fault in faults[row]]
        rejections.append(Rejection(first_row + row, lines[row], *first, tuple(others)))
    return rejections
