"""Where a table begins in a text file: what divides its cells, and how many lines of titles stand above its names."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from creditrisk.errors import SourceError
from creditrisk.sources.table import PLAIN_NUMBER

# So many lines with anything in them are looked at.
TOP_LINES = 40
_DELIMITERS = ",;\t|"
# What some programs divide cells by, which is not read: too much else is written so.
_OTHERS = "^~:§¦"
# If so large a part of a line are numbers, it is a row already.
NUMBERS_SHARE = 0.25


def start_of(lines: Sequence[str], shown: str, *, blanks: bool) -> tuple[str, int]:
    """What divides the cells of a file, and how many of its rows are titles above the names.

    Parameters
    ----------
    lines
        Its first lines with anything in them.
    shown
        What the file is called.
    blanks
        Whether its ending says that blanks may divide cells.

    Raises
    ------
    SourceError
        If something else divides them, in words that repeat none of them.

    Examples
    --------
    >>> start_of(["Loans, as of May", "income;age;BAD", "1,5;40;0", "2,5;41;1"], "loans.csv", blanks=False)
    (';', 1)
    >>> start_of(["income,age", "1,2"], "loans.csv", blanks=False)
    (',', 0)
    """
    if not lines:
        return ",", 0
    delimiter = delimiter_in(lines[0], blanks=blanks)
    for sign in sorted(_DELIMITERS, key=lambda sign: sign != delimiter):
        n_titles = _n_titles(lines, sign)
        if n_titles is not None and (n_titles or sign == delimiter):
            return sign, n_titles
    if delimiter != " " and not any(sign in line for line in lines for sign in _DELIMITERS):
        _check_undivided(lines, shown)
    return delimiter, 0


def delimiter_in(line: str, *, blanks: bool) -> str:
    """The most frequent of comma, semicolon, tab and bar outside quotation marks."""
    bare = re.sub(r'"[^"]*"', "", line)
    best = max(_DELIMITERS, key=bare.count)
    if not bare.count(best) and blanks and " " in bare.strip():
        return " "
    return best


def _n_titles(lines: Sequence[str], delimiter: str) -> int | None:
    """How many rows stand above the names, mostly empty ones, if `delimiter` divides the cells; None if no names do."""
    try:
        rows = [[cell.strip() for cell in cells] for cells in csv.reader(lines, delimiter=delimiter)]
    except csv.Error:
        return None
    rows = [cells for cells in rows if any(cells)]
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    if width < 2:
        return None
    for number, (cells, below) in enumerate(pairwise(rows)):
        n_filled = sum(map(bool, cells))
        if n_filled <= width // 2:
            continue
        n_numbers = sum(map(bool, map(PLAIN_NUMBER.fullmatch, cells)))
        if len(cells) != width and _are_names_above_numbers(rows[number + 1 :], width):
            continue
        is_full = len(cells) == len(below) == width and n_filled >= width - 1 and len({*cells}) == width
        # Names hold no other sign that divides cells.
        are_names = is_full and not any(sign in cell for cell in cells for sign in ";\t|")
        return number if are_names and n_numbers < NUMBERS_SHARE * width else None
    return None


def _are_names_above_numbers(rows: Sequence[Sequence[str]], width: int) -> bool:
    """Whether the first of some rows holds names, and nothing but them, and the two below it hold numbers."""
    if len(rows) < 3 or any(len(cells) != width for cells in rows[:3]):
        return False
    names, *below = rows[:3]
    are_names = len({*names}) == width and all(names) and not any(map(PLAIN_NUMBER.fullmatch, names))
    return are_names and all(any(map(PLAIN_NUMBER.fullmatch, cells)) for cells in below)


def _check_undivided(lines: Sequence[str], shown: str) -> None:
    """Refuse a file that is divided by something else."""
    by_blanks = {len(line.split()) for line in lines}
    cells = [cell for line in lines[1:] for cell in line.split()]
    divided_by = ""
    if len(by_blanks) == 1 and max(by_blanks) > 1 and 2 * sum(map(_is_number, cells)) >= len(cells) > 0:
        divided_by = "blanks"
    for sign in _OTHERS:
        if len(lines) > 1 and len({line.count(sign) for line in lines}) == 1 and lines[0].count(sign) > 1:
            divided_by = f"the sign {sign}"
    if divided_by:
        raise SourceError(
            f"the cells of '{shown}' seem to be divided by {divided_by}. Expected commas, semicolons, tabs or bars; "
            f"save it as CSV{', or give it the ending .txt' if divided_by == 'blanks' else ''}, and try again."
        )


def _is_number(cell: str) -> bool:
    return PLAIN_NUMBER.fullmatch(cell) is not None
