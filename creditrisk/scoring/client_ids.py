"""What an application goes by that came without a number of its own: its row, and a mark of what it said.

By its row alone, the first row of every file would be one and the same person to whoever looks the log up, hands a
person's data out, erases it or reports what became of them. The same row of the same file has the same id whenever and
however it is scored.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b

# A pattern for Python and polars alike.
UNNUMBERED = r"^(?P<row>\d+)~[\w-]{11}$"


def made_id(row_number: int, values: Sequence[object]) -> str:
    """The id of an application without a number; `values` are its fields in the order of the schema.

    Examples
    --------
    >>> made_id(12, (61, 2000.0, None, "own"))
    '12~T4X7_fj1fYI'
    """
    digest = blake2b(repr(tuple(values)).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return f"{row_number}~{urlsafe_b64encode(digest).decode('ascii').rstrip('=')}"


def client_words(application_id: str) -> str:
    """An application's id as people read it.

    Examples
    --------
    >>> client_words("A7"), client_words("12~3qJ0xV-9_aQ")
    ('A7', 'row 12, no number')
    """
    found = re.search(UNNUMBERED, application_id)
    return f"row {found['row']}, no number" if found else application_id
