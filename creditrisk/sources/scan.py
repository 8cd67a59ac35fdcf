"""How far the bytes of a table mean one thing only, found in one pass over them, compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from creditrisk.arrays import compiled
from creditrisk.sources.table import MAX_CELL_CHARS

_TAB, _NEWLINE, _RETURN, _BLANK, _QUOTE = 9, 10, 13, 32, 34
# The first bytes of all blanks beyond ASCII, and of some other characters.
_MAY_BE_BLANK = (0xC2, 0xE1, 0xE2, 0xE3)


class Clean(NamedTuple):
    """The lines at the top of a text that are clean: how many bytes and lines, and what stands in them.

    A line is clean if it is blank, or has as many cells as there are columns, quotation marks around whole cells only,
    no end of a line within such marks, and no sign below the blank that one reader takes for a blank and another for
    the end of a line. `is_spaced`: a cell may begin or end with a blank.
    """

    n_bytes: int
    n_lines: int
    has_quotes: bool
    is_spaced: bool


def clean_lines(piece: bytes, delimiter: str, quote: str, width: int, *, is_end: bool) -> Clean:
    """The lines at the top of a piece of text that are clean.

    Parameters
    ----------
    quote
        The mark around a text. Twice within a text it is a mark of the text if it is `"`, and unclean otherwise.
    width
        How many cells a line must have.
    is_end
        Whether the text ends with this piece, so that its last line needs no end.

    Examples
    --------
    >>> clean_lines(b'1,"2, 3"\\n4,5\\n6\\n', ",", '"', 2, is_end=True)
    Clean(n_bytes=13, n_lines=2, has_quotes=True, is_spaced=True)
    """
    codes = np.frombuffer(piece, np.uint8)
    is_sign = np.zeros(256, np.bool_)
    is_sign[[*range(_BLANK + 1), *_MAY_BE_BLANK, ord(delimiter), ord(quote)]] = True
    return Clean(*_clean_lines(codes, is_sign, (ord(delimiter), ord(quote)), width, is_end))


@compiled
def _clean_lines(
    codes: NDArray[np.uint8], is_sign: NDArray[np.bool_], signs: tuple[int, int], width: int, is_end: bool
) -> tuple[int, int, bool, bool]:
    delimiter, quote = signs
    n, at, n_bytes, n_lines, n_dividers = len(codes), 0, 0, 0, 0
    has_quotes, is_spaced, is_inside = False, False, False
    while at < n:
        code = int(codes[at])
        if not is_sign[code]:
            at += 1
            continue
        if code == delimiter != _BLANK:
            # Blanks beside it say so themselves.
            n_dividers += not is_inside
            at += 1
            continue
        # Over the start of a text lies the end of a line, and below its end.
        previous = int(codes[at - 1]) if at else _NEWLINE
        following = int(codes[at + 1]) if at + 1 < n else _NEWLINE
        if is_inside:
            if code != quote:
                is_clean = code >= _BLANK or code == _TAB
            elif following == quote == _QUOTE:
                is_clean = True
                at += 1
            else:
                is_clean = following in (delimiter, _NEWLINE, _RETURN)
                is_inside = False
        elif code == _NEWLINE:
            is_blank = at - n_bytes == (previous == _RETURN)
            is_clean = (n_dividers == width - 1 or is_blank) and at - n_bytes < MAX_CELL_CHARS
            if is_clean:
                n_bytes, n_lines, n_dividers = at + 1, n_lines + 1, 0
        else:
            is_clean = _may_stand_outside(code, previous, following, delimiter, quote)
            n_dividers += code == delimiter
            is_inside = code == quote
            has_quotes |= is_inside
        if not is_clean:
            return n_bytes, n_lines, has_quotes, is_spaced
        is_spaced |= _may_be_blank_at_an_end(code, previous, following, delimiter, quote) and (
            is_inside or code != delimiter
        )
        at += 1
    if is_end and not is_inside and n_bytes < n and n_dividers == width - 1 and n - n_bytes <= MAX_CELL_CHARS:
        n_bytes, n_lines = n, n_lines + 1
    return n_bytes, n_lines, has_quotes, is_spaced


@compiled
def _may_stand_outside(code: int, previous: int, following: int, delimiter: int, quote: int) -> bool:
    """Whether a sign outside of quotation marks, but the end of a line, means one thing between its neighbours."""
    if code == quote:
        # Nothing between two marks is a text of its own in some kinds of file.
        return previous in (delimiter, _NEWLINE) and (quote == _QUOTE or following != quote)
    if code == delimiter == _BLANK:
        # Several blanks together divide as one does.
        return previous not in (_BLANK, _NEWLINE) and following not in (_NEWLINE, _RETURN)
    if code == _RETURN:
        return following == _NEWLINE
    return code >= _BLANK or code == _TAB


@compiled
def _may_be_blank_at_an_end(code: int, previous: int, following: int, delimiter: int, quote: int) -> bool:
    """Whether a sign may be a blank with which a cell begins or ends."""
    if code == _BLANK:
        return previous in (delimiter, quote, _NEWLINE) or following in (delimiter, quote, _NEWLINE, _RETURN)
    return code in _MAY_BE_BLANK or (code == _TAB and delimiter != _TAB)
