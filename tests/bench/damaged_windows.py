"""A thousand damaged windows to their reports, and the page of every kind of damage.

Not a matter of time: what is counted is how many fail, or have a figure that is none, which must be no window of all.
`--rows` does not matter here.
"""

from __future__ import annotations

import traceback
import warnings

from tests.bench.figure import Figure
from tests.integration import damaged_windows
from tests.integration.test_damaged_windows import check_page

N_WINDOWS = 1_000


def figures(_rows: int) -> list[Figure]:
    """Windows that fail, and kinds of damage whose page fails; at most none."""
    warnings.simplefilter("error", RuntimeWarning)
    n_failed = sum(not is_reported(number) for number in range(N_WINDOWS))
    warnings.simplefilter("default", RuntimeWarning)
    kinds = list(damaged_windows.DAMAGES)
    n_pages_failed = sum(not is_drawn(number) for number in range(len(kinds)))
    return [
        Figure("damaged windows without a report", n_failed, N_WINDOWS, "windows", "all windows", at_most=0.0),
        Figure("kinds of damage without a page", n_pages_failed, len(kinds), "kinds", "all kinds", at_most=0.0),
    ]


def is_reported(number: int) -> bool:
    """Whether a report comes of a window; if none does, the reason is printed."""
    try:
        damaged_windows.report_on(number)
    except Exception:  # whatever it is, it is what is looked for
        print(f"window {number}: {damaged_windows.make(number)[0].kinds}")
        traceback.print_exc()
        return False
    return True


def is_drawn(number: int) -> bool:
    """Whether a page comes of a window, small and loading nothing."""
    try:
        check_page(damaged_windows.report_on(number).page())
    except Exception:  # whatever it is, it is what is looked for
        print(f"page of window {number}: {damaged_windows.make(number)[0].kinds}")
        traceback.print_exc()
        return False
    return True
