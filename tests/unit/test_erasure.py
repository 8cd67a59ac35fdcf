"""What is erased is gone from the file, the chain holds, and what must not be erased is not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from creditrisk.decision_log import Decision, DecisionLog, Outcome, erase, hold, prune, replay
from creditrisk.errors import DecisionLogError
from tests.unit.test_decision_log import FakeScorer, decisions

EXAMPLE = Decision(
    "api", "A-1", "tiny", "1", "5c" * 32, 0.1, 600.0, "approve", "green", 0.9, [], [], {"client": "A-1", "job": "baker"}
)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[DecisionLog]:
    with closing(DecisionLog(f"sqlite:///{tmp_path / 'decisions.db'}")) as opened:
        yield opened


def of_clients(numbers: range, *, job: str = "baker") -> list[Decision]:
    return [
        replace(EXAMPLE, application_id=f"Client-{n:06d}", inputs={"client": f"Client-{n:06d}", "job": job})
        for n in numbers
    ]


def files(log: DecisionLog) -> bytes:
    path = Path(log.address.removeprefix("sqlite:///"))
    return b"".join(Path(f"{path}{suffix}").read_bytes() for suffix in ("", "-wal") if Path(f"{path}{suffix}").exists())


def test_an_erased_application_is_gone_and_the_chain_holds(log):
    log.append(of_clients(range(5)))
    log.record_outcomes([Outcome("Client-000003", is_default=True, observed_on=date(2026, 1, 1))])
    before = log.head()

    done = erase(log, "Client-000003", why="the person asked", by="Ada")

    assert (done.n_erased, done.remains) == (2, "")
    assert b"Client-000003" not in files(log)
    assert b"Client-000002" in files(log)
    found = log.verify([("a report", before)])
    assert (found.broken, found.n_checked, found.n_decisions, found.n_erased) == (None, 7, 5, 2)
    assert [logged.seq for logged in log.read(range(1, 6))] == [1, 2, 3, 5]
    assert log.outcomes().is_empty()
    with pytest.raises(DecisionLogError, match="nothing about that application"):
        erase(log, "Client-000003", why="once more")
    [window] = log.window("tiny", until_seq=7)
    assert (window.frame["seq"].to_list(), window.n_erased) == ([1, 2, 3, 5], 1)


def test_what_is_no_text_is_a_sentence(log):
    log.append(decisions())
    with pytest.raises(DecisionLogError, match="bytes that are no text"):
        erase(log, "\udcff", why="asked")
    with pytest.raises(DecisionLogError, match="a control character"):
        erase(log, "C-3", why="asked \x1b[31m")
    with pytest.raises(DecisionLogError, match="bytes that are no text"):
        hold(log, "\udcff", is_held=True, why="asked")


def test_replay_says_when_a_decision_was_erased_and_finds_no_difference(log):
    log.append(decisions())
    erase(log, "C-3", why="asked")
    found = replay(log, range(1, 4), lambda model, version: FakeScorer())
    assert (found.n_scored, found.differences) == (2, [])
    assert [(item.first, item.last, item.on.date()) for item in found.erased] == [(2, 2, datetime.now(UTC).date())]
    assert replay(log, 2, lambda model, version: FakeScorer()).n_scored == 0
    with pytest.raises(DecisionLogError, match="entry 4 of the decision log is not a decision"):
        replay(log, 4, lambda model, version: FakeScorer())


def test_many_random_erasures_leave_no_trace_in_the_files(log):
    for start in range(0, 4_000, 500):
        numbers = list(range(start, start + 500))
        Random(start).shuffle(numbers)
        log.append([decision for n in numbers for decision in of_clients(range(n, n + 1))])
    erased = Random(1).sample(range(4_000), 60)
    for n in erased:
        assert erase(log, f"Client-{n:06d}", why="asked").remains == ""
    found = files(log)
    assert [n for n in erased if f"Client-{n:06d}".encode() in found] == []
    assert log.verify().broken is None


def test_contents_removed_without_an_erasure_are_missed(log):
    log.append(of_clients(range(3)))
    path = log.address.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("DELETE FROM contents WHERE seq = 2")
    assert log.verify().broken == "the contents of entry 2 were removed without an erasure being written down."


def test_contents_put_back_after_their_erasure_are_named(log):
    log.append(of_clients(range(3)))
    path = log.address.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE copy AS SELECT * FROM contents WHERE seq = 2")
        erase(log, "Client-000001", why="asked")
        other.execute("INSERT INTO contents SELECT * FROM copy")
    assert log.verify().broken == "the contents of entry 2, which were erased, are there again."


def test_what_is_old_is_pruned_in_blocks_but_for_what_is_held(log, monkeypatch):
    monkeypatch.setattr("creditrisk.decision_log.erasure.CHUNK_ROWS", 4)
    log.note("serving", "", "tiny")
    log.append(of_clients(range(10)))
    now = datetime.now(UTC)
    log.append(of_clients(range(10, 12)))
    hold(log, "Client-000004", is_held=True, why="in court")
    seen: list[tuple[int, int]] = []

    done = prune(log, now, why="25 months", on_progress=lambda n, of: seen.append((n, of)))

    assert (done.n_erased, done.n_held) == (9, 1)
    assert seen == [(4, 10), (8, 10), (10, 10)]
    kept = [logged.decision.application_id for logged in log.read(range(1, log.head()[0] + 1))]
    assert kept == ["Client-000004", "Client-000010", "Client-000011"]
    assert log.noted("serving") == "tiny"
    found = log.verify()
    assert (found.broken, found.n_erased) == (None, 9)
    assert prune(log, now - timedelta(days=1), why="again").n_erased == 0


def test_a_legal_hold_refuses_erasure_until_it_is_released(log):
    log.append(of_clients(range(2)))
    hold(log, "Client-000001", is_held=True, why="in court")
    with pytest.raises(DecisionLogError, match="a legal hold is on this application") as caught:
        erase(log, "Client-000001", why="asked")
    assert "Client" not in str(caught.value)
    hold(log, "Client-000001", is_held=False, why="over")
    hold(log, "", is_held=True, why="inspection")
    for act in (lambda: erase(log, "Client-000001", why="asked"), lambda: prune(log, datetime.now(UTC), why="old")):
        with pytest.raises(DecisionLogError, match="a legal hold is on the whole decision log"):
            act()
    with pytest.raises(DecisionLogError, match="held already"):
        hold(log, "", is_held=True, why="inspection")
    hold(log, "", is_held=False, why="over")
    with pytest.raises(DecisionLogError, match="no such hold"):
        hold(log, "", is_held=False, why="over")
    # The holds themselves are about the application, and are erased with it.
    assert erase(log, "Client-000001", why="asked").n_erased == 3
    assert b"Client-000001" not in files(log)
    assert log.verify().broken is None


def test_a_refused_change_is_written_down(log):
    log.note("scorer", "tiny/1", "abc")
    with pytest.raises(DecisionLogError, match="never changed"):
        log.note("scorer", "tiny/1", "def", by="Eve")
    assert log.noted("refused", "scorer tiny/1") == "def"
    assert log.verify().n_checked == 2


def test_a_log_of_the_first_form_is_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / "decisions.db")) as old:
        old.execute("CREATE TABLE decisions (seq INTEGER PRIMARY KEY)")
    with pytest.raises(DecisionLogError, match=r"of the first form.* Move it away"):
        DecisionLog(f"sqlite:///{tmp_path / 'decisions.db'}").head()
