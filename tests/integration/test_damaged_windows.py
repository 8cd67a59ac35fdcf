"""Whatever a window holds, a report comes of it: figures or sentences, never a failed run, never a NaN.

`python -m tests.bench damaged_windows` makes a thousand of these windows, and the page of every kind.
"""

from __future__ import annotations

import re

import pytest

from tests.integration import damaged_windows

MAX_PAGE_BYTES = 5_000_000
# Eleven and the number of kinds have no divisor in common, so each kind comes, and meets several lenders.
NUMBERS = [11 * turn for turn in range(len(damaged_windows.DAMAGES))]


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_every_damaged_window_gives_a_report_without_a_nan():
    assert {number % len(NUMBERS) for number in NUMBERS} == set(range(len(NUMBERS)))
    for number in NUMBERS:
        try:
            damaged_windows.report_on(number)
        except Exception as exc:
            raise AssertionError(f"window {number}: {damaged_windows.make(number)[0].kinds}") from exc


@pytest.mark.parametrize("kind", ["unseen_categories", "empty"])
def test_the_page_of_a_damaged_window_is_small_and_loads_nothing(kind):
    page = damaged_windows.report_on(list(damaged_windows.DAMAGES).index(kind)).page()
    check_page(page)


def test_a_value_that_is_too_large_to_square_counts_as_missing():
    huge = list(damaged_windows.DAMAGES).index("huge_whole_numbers")
    made = damaged_windows.report_on(huge)
    for figures in made.result["fields"].values():
        assert figures["mean"] is None or abs(figures["mean"]) < 1e40


def check_page(page: bytes) -> None:
    text = page.decode()
    assert len(page) < MAX_PAGE_BYTES
    assert "default-src 'none'" in text
    assert not re.search(r"""<(script|link|img|iframe)[^>]*\s(src|href)=["']https?:""", text)
    assert "<script>alert(1)" not in text
