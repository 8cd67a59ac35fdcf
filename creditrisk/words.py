"""Numbers in sentences: one row and two rows, and no sign where nothing is left of a number but zeros."""

from __future__ import annotations


def counted(n: int, one: str, several: str = "") -> str:
    """A number and what it counts, in the singular for one.

    Examples
    --------
    >>> counted(1, "row"), counted(1_200, "row"), counted(2, "row has", "rows have")
    ('1 row', '1,200 rows', '2 rows have')
    """
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def number(value: float, places: int) -> str:
    """A number to so many places; a zero, written out, has no sign.

    Examples
    --------
    >>> number(-1e-9, 4), number(-0.5, 1), number(1_234.5, 1)
    ('0.0000', '-0.5', '1,234.5')
    """
    return signed(value, places).removeprefix("+")


def signed(value: float, places: int) -> str:
    """A number with its sign; a zero, written out, has none.

    Examples
    --------
    >>> signed(0.01234, 4), signed(-0.00001, 4), signed(-0.1, 1)
    ('+0.0123', '0.0000', '-0.1')
    """
    written = f"{value:+,.{places}f}"
    return written if any(digit in written for digit in "123456789") else written[1:]
