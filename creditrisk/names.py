"""When two columns have the same name: whatever their case, blanks, underscores and dashes.

Used wherever a header from a file meets a name of ours: the checks, the datasets' readers, the page's columns.
"""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=10_000)
def bare(name: str) -> str:
    """What is left of a column's name once its spelling is put aside.

    Examples
    --------
    >>> bare("Loan_Amount Term") == bare("loan-amount-TERM")
    True
    """
    return re.sub(r"[\s_-]+", "", name).casefold()
