"""Whatever a window holds, a report comes of it: figures or sentences, never a failed run, never a NaN.

`python -m tests.bench damaged_windows` makes a thousand of these windows, and the page of every kind.
"""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing

import pytest

from creditrisk import datasets
from creditrisk.decision_log import DecisionLog
from monitoring import windows
from tests.bench.decision_log import Scorer, answers
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


@pytest.mark.parametrize("payload", [b"", b"[]", b"\xff", b"null", None])
def test_decisions_that_somebody_changed_are_left_out_and_said(tmp_path, payload):
    schema = datasets.load_schema("simulated")
    scored, accepted = answers(400, schema)
    log = DecisionLog(f"sqlite:///{tmp_path}/decisions.db")
    log.append_scored(scored, accepted, Scorer(schema), "batch")
    with closing(sqlite3.connect(tmp_path / "decisions.db", isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for seq in (7, 120, 121):
            [(old,)] = connection.execute("SELECT payload FROM contents WHERE seq = ?", (seq,)).fetchall()
            new = with_list(old) if payload is None else payload
            connection.execute("UPDATE contents SET payload = ? WHERE seq = ?", (new, seq))
    profile = damaged_windows.lender("as usual").profile
    window = windows.since_last_report(log, windows.Reference("simulated", "1", profile, has_ids=True), [])
    assert (window.n_rows, window.last_seq) == (397, 400)
    assert window.log_finding.startswith("3 decisions of this window were changed after being written")
    log.close()


def with_list(payload: bytes) -> bytes:
    """A payload whose last number has become a list."""
    values = json.loads(payload)
    last = max(place for place, value in enumerate(values) if isinstance(value, int | float))
    return json.dumps([*values[:last], [1, 2], *values[last + 1 :]]).encode()


def check_page(page: bytes) -> None:
    text = page.decode()
    assert len(page) < MAX_PAGE_BYTES
    assert "default-src 'none'" in text
    assert not re.search(r"""<(script|link|img|iframe)[^>]*\s(src|href)=["']https?:""", text)
    assert "<script>alert(1)" not in text
