"""Why rows cannot be scored, in sentences: the first cell that keeps a row out, and whatever else is wrong in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from creditrisk.text import shorten

NOTHING = "nothing is filled in"
Code = Literal["missing", "unreadable", "not_a_row"]


class Fault(NamedTuple):
    """A cell that keeps its row out: its field's label, what stands in it, what is wrong, what belongs there.

    At last its field's name.
    """

    label: str
    text: str
    fault: str
    expected: str
    name: str = ""


@dataclass(frozen=True)
class Rejection:
    """A row that cannot be scored, and the first cell in it that says why.

    `row` counts the clients of the file from 1, `line` its lines; it is 0 for an application that came in no file.
    `column` is the label people see and `field` its name, both empty if the row as a whole is at fault; `value` is what
    stands in the cell, `fault` what is wrong with it, `expected` what belongs there. `more` holds a sentence for every
    other cell of the row that needs correcting, `others` the same in parts.
    """

    row: int
    line: int
    column: str
    value: str
    fault: str
    expected: str
    more: tuple[str, ...] = ()
    field: str = ""
    others: tuple[Fault, ...] = ()

    @property
    def cells(self) -> tuple[Fault, ...]:
        """Every cell of the row that needs correcting; none if the row as a whole is at fault."""
        first = Fault(self.column, self.value, self.fault, self.expected, self.field)
        return (first, *self.others) if self.column else ()

    @property
    def code(self) -> Code:
        """What is wrong, in one word: nothing is filled in, what is cannot be read, or the row is none."""
        return code_of(self.column, self.fault)

    @property
    def sentence(self) -> str:
        """The whole of it for the clerk.

        Examples
        --------
        >>> Rejection(17, 18, "Age", "abc", "'abc' is not a number", "a whole number of years from 18 to 100").sentence
        "Row 17 (line 18), Age: 'abc' is not a number. Expected a whole number of years from 18 to 100."
        """
        where = f"Row {self.row}" + (f" (line {self.line})" if self.line else "")
        where += f", {self.column}" if self.column else ""
        return " ".join((f"{where}: {self.fault}. Expected {self.expected}.", *self.more))


def code_of(label: str, fault: str) -> Code:
    """The same of any cell; one without a field's label stands for its whole row."""
    if not label:
        return "not_a_row"
    return "missing" if fault == NOTHING else "unreadable"


def rejections_of(faults: Mapping[int, Sequence[Fault]], lines: Sequence[int], first_row: int = 1) -> list[Rejection]:
    """The rejections that go with faults by row index, in the order of the rows.

    Parameters
    ----------
    lines
        The line of each row; none for applications that came in no file.
    first_row
        The number of the first row.
    """
    rejections = []
    for row in sorted(faults):
        first, *others = (item._replace(text=shorten(item.text)) for item in faults[row])
        more = tuple(f"Also {item.label}: {item.fault}. Expected {item.expected}." for item in others)
        where = first_row + row, lines[row] if lines else 0
        cell = first.label, first.text, first.fault, first.expected
        rejections.append(Rejection(*where, *cell, more, first.name, tuple(others)))
    return rejections
