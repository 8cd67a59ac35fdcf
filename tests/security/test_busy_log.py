"""A decision log that somebody else holds, or whose disk is full: waiting ends, and /ready says what is wrong."""

from __future__ import annotations

import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from creditrisk.decision_log import Decision, DecisionLog
from creditrisk.errors import DecisionLogError
from tests.security.conftest import fill

EXAMPLE = Decision("api", "A-1", "corner", "1", "", 0.1, 600.0, "approve", "green", 0.9, [], [], {"amount_eur": 1.5})


@pytest.fixture
def log(tmp_path: Path) -> Iterator[DecisionLog]:
    with closing(DecisionLog(f"sqlite:///{tmp_path / 'decisions.db'}")) as opened:
        opened.append([EXAMPLE])
        yield opened


@pytest.fixture
def held(log: DecisionLog, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program that has begun to write and does not end."""
    with closing(sqlite3.connect(tmp_path / "decisions.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


@pytest.mark.usefixtures("held")
def test_many_that_wait_for_a_held_log_wait_side_by_side(log, monkeypatch):
    monkeypatch.setattr("creditrisk.decision_log.store.WRITE_SECONDS", 2.0)

    def wait(_number: int) -> float:
        before = time.monotonic()
        with pytest.raises(DecisionLogError, match="held by somebody else: for 2 s"):
            log.append([EXAMPLE])
        return time.monotonic() - before

    with ThreadPoolExecutor(8) as clients:
        waited = list(clients.map(wait, range(8)))
    # In line they would wait 2, 4, … 16 seconds.
    assert max(waited) < 4


@pytest.mark.usefixtures("held")
def test_a_held_log_is_soon_said_not_to_be_ready_and_can_still_be_read(log, tmp_path):
    with pytest.raises(DecisionLogError, match="held by somebody else: for 1 s"):
        log.check_writable()
    with pytest.raises(DecisionLogError, match="held by somebody else: for 1 s"):
        DecisionLog(f"sqlite:///{tmp_path / 'decisions.db'}").check_writable()
    assert log.head()[0] == 1
    assert DecisionLog(f"sqlite:///{tmp_path / 'decisions.db'}").counts_by_verdict() == {"approve": 1}


def test_a_log_that_is_let_go_in_time_takes_the_decision(log, held):
    with ThreadPoolExecutor(1) as client:
        waiting = client.submit(log.append, [EXAMPLE])
        time.sleep(0.2)
        held.execute("ROLLBACK")
        assert waiting.result()[0].seq == 2


def test_a_full_disk_is_not_ready_and_an_append_on_it_says_so(small_disk):
    with closing(DecisionLog(f"sqlite:///{small_disk / 'decisions.db'}")) as log:
        log.append([EXAMPLE])
        log.check_writable()
        filler = fill(small_disk, left=5_000_000)
        with pytest.raises(DecisionLogError, match=r"has 5 MB left, too few to go on\. Make room there"):
            log.check_writable()
        # Little room is no reason to refuse a decision; none is.
        assert log.append([EXAMPLE])[0].seq == 2
        filler.unlink()
        filler = fill(small_disk, left=0)
        with pytest.raises(DecisionLogError, match=r"can take no more: nothing can be written to .*No space left"):
            log.check_writable()
        with pytest.raises(DecisionLogError, match=r"full.* Make room: nothing can be written to .*No space left"):
            log.append([EXAMPLE] * 100)
        filler.unlink()
        log.check_writable()
        assert log.append([EXAMPLE])[0].seq == 3
        assert log.verify().broken is None


APPEND_UNTIL_REFUSED = """
import sys
from creditrisk.decision_log import Decision, DecisionLog
from creditrisk.errors import DecisionLogError
from tests.security.conftest import fill
log = DecisionLog(sys.argv[1])
decision = Decision("api", "A", "m", "1", "", 0.1, 600.0, "approve", "green", 0.9, [], [], {"amount_eur": 1.5})
for number in range(10_000):
    try:
        print(log.append([decision])[0].seq, flush=True)
    except DecisionLogError as exc:
        sys.exit(str(exc))
"""


def test_a_file_that_may_grow_no_further_ends_in_a_sentence_and_loses_nothing(tmp_path):
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    url = f"sqlite:///{tmp_path / 'decisions.db'}"
    command = [sys.executable, "-c", APPEND_UNTIL_REFUSED, url]
    done = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"the decision log at {url} did not do what was asked: ")
    assert "Traceback" not in done.stderr
    found = DecisionLog(url).verify()
    assert found.broken is None
    assert found.n_checked >= len(done.stdout.splitlines()) > 0
