"""Sets of numbers kept as ranges: millions of erased contents side by side take no room."""

from __future__ import annotations

from collections.abc import Iterable

Ranges = list[tuple[int, int]]


def add(ranges: Ranges, number: int) -> None:
    """Add a number that is larger than all others."""
    if ranges and ranges[-1][1] == number - 1:
        ranges[-1] = (ranges[-1][0], number)
    else:
        ranges.append((number, number))


def ranges_of(numbers: Iterable[int]) -> Ranges:
    """Numbers as ranges, first and last of each.

    Examples
    --------
    >>> ranges_of([7, 2, 3, 1])
    [(1, 3), (7, 7)]
    """
    ranges: Ranges = []
    for number in sorted(set(numbers)):
        add(ranges, number)
    return ranges


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The same numbers in as few ranges as there can be.

    Examples
    --------
    >>> merged([(5, 9), (1, 2), (3, 3), (6, 7)])
    [(1, 3), (5, 9)]
    """
    found: Ranges = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def first_difference(one: Ranges, other: Ranges) -> int | None:
    """The smallest number that is in only one of two sets, given as merged ranges; None if they are the same.

    Examples
    --------
    >>> first_difference([(1, 3), (5, 5)], [(1, 3), (5, 6)])
    6
    """
    if one == other:
        return None
    for (a, b), (c, d) in zip(one, other, strict=False):
        if a != c:
            return min(a, c)
        if b != d:
            return min(b, d) + 1
    rest = one[len(other) :] or other[len(one) :]
    return rest[0][0]
