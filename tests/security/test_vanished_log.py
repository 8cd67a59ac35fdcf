"""A decision log that is moved, deleted, replaced or cut under the running app: every answered decision is on disk."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from creditrisk.decision_log import Decision, DecisionLog
from creditrisk.decision_log.versions import digests
from creditrisk.errors import DecisionLogError
from creditrisk.settings import Settings

CLIENT = {"client": "C-1", "age_years": "41", "amount_eur": "5000", "income_eur": "40000", "housing": "own"}
SUFFIXES = ("", "-wal", "-shm")


class Counter:
    """The app's scoring, asked again and again, and which of its answers were decisions."""

    def __init__(self, client: FlaskClient, path: Path) -> None:
        self._client, self.path, self.answered, self._asked = client, path, [], 0

    def ask(self, times: int = 1) -> set[int]:
        """Ask for new decisions; the status codes that came back."""
        codes = set()
        for _ in range(times):
            self._asked += 1
            identifier = f"N-{self._asked}"
            answer = self._client.post("/api/v1/score", json={**CLIENT, "client": identifier})
            codes.add(answer.status_code)
            if answer.status_code == 200:
                self.answered.append(identifier)
        return codes

    def problem(self) -> str:
        """What the app says when it does not score."""
        answer = self._client.post("/api/v1/score", json=CLIENT)
        assert answer.status_code == 503, answer.json
        sentence: str = answer.json["error"]["message"]
        return sentence

    def missing(self) -> set[str]:
        """Answered decisions that another program does not find on the disk."""
        return missing_on_disk(self.path, self.answered)


def missing_on_disk(path: Path, answered: list[str]) -> set[str]:
    """As another process sees it: this one's connections may read files that have no name any more."""
    read = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT application_id FROM contents'))"
    command = [sys.executable, "-S", "-c", read, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {identifier for identifier in answered if f"('{identifier}',)" not in done.stdout}


@pytest.fixture
def asked(corner_app: Flask, corner_settings: Settings) -> Iterator[Counter]:
    counter = Counter(corner_app.test_client(), corner_settings.home / "decisions.db")
    assert counter.ask(20) == {200}
    yield counter
    corner_app.extensions["creditrisk"].log.close()


def move(path: Path, to: Path, suffixes: tuple[str, ...] = SUFFIXES) -> None:
    for suffix in suffixes:
        if Path(f"{path}{suffix}").exists():
            shutil.move(f"{path}{suffix}", f"{to}{suffix}")


def backup(path: Path, to: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


@pytest.mark.parametrize("suffixes", [SUFFIXES, ("",)], ids=["all-files", "database-only"])
def test_a_log_that_was_deleted_is_missed_and_none_is_made_in_its_place(asked, suffixes):
    backup(asked.path, asked.path.with_name("backup.db"))
    for suffix in suffixes:
        Path(f"{asked.path}{suffix}").unlink()
    assert asked.ask(5) == {503}
    assert "is gone" in asked.problem()
    assert not asked.path.exists()
    # The whole log is there again: the app goes on by itself.
    shutil.copy(asked.path.with_name("backup.db"), asked.path)
    assert asked.ask(5) == {200}
    assert asked.missing() == set()
    assert DecisionLog(f"sqlite:///{asked.path}").verify().broken is None


def test_a_log_moved_away_and_back_goes_on(asked):
    away = asked.path.with_name("away.db")
    move(asked.path, away)
    assert asked.ask(3) == {503}
    move(away, asked.path)
    assert asked.ask(3) == {200}
    assert asked.missing() == set()


@pytest.mark.parametrize("what", ["an older copy", "an empty log", "nothing of a log", "another file"])
def test_a_log_that_was_replaced_takes_no_decision(asked, what):
    away, other = asked.path.with_name("away.db"), asked.path.with_name("other.db")
    backup(asked.path, other)
    if what == "an older copy":
        assert asked.ask(5) == {200}
    elif what == "an empty log":
        other.unlink()
        with closing(DecisionLog(f"sqlite:///{other}")) as empty:
            empty.head()
    elif what == "nothing of a log":
        other.write_bytes(b"")
    else:
        other.write_bytes(b"not a database" * 1_000)
    move(asked.path, away)
    move(other, asked.path)
    assert asked.ask(5) == {503}
    # The right one is put back: no decision is missing in it, and the app goes on by itself.
    move(asked.path, other)
    move(away, asked.path)
    assert asked.ask(5) == {200}
    assert asked.missing() == set()


def test_an_older_copy_beside_the_write_ahead_log_of_the_new_one_is_left_alone(asked):
    older, away = asked.path.with_name("older.db"), asked.path.with_name("away.db")
    backup(asked.path, older)
    assert asked.ask(30) == {200}
    before = older.read_bytes()
    move(asked.path, away, ("",))
    move(older, asked.path, ("",))
    assert asked.ask(5) == {503}
    assert "does not hold entry 50" in asked.problem()
    assert asked.path.read_bytes() == before
    # The write-ahead log was not touched either, and is still that of the database that comes back.
    move(away, asked.path, ("",))
    assert asked.ask(5) == {200}
    assert asked.missing() == set()


@pytest.mark.parametrize("kept_share", [0, 0.1, 0.9])
def test_a_log_cut_in_place_takes_no_decision(asked, kept_share):
    with closing(sqlite3.connect(asked.path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert asked.ask() == {200}
    with asked.path.open("r+b") as file:
        file.truncate(int(asked.path.stat().st_size * kept_share))
    assert asked.ask(5) == {503}
    assert "was cut short" in asked.problem()
    assert "remove decisions.db-wal and decisions.db-shm" in asked.problem()


def test_a_folder_in_the_place_of_the_log_takes_no_decision(asked):
    away = asked.path.with_name("away.db")
    move(asked.path, away)
    asked.path.mkdir()
    assert asked.ask(3) == {503}
    asked.path.rmdir()
    move(away, asked.path)
    assert asked.ask(3) == {200}
    assert asked.missing() == set()


@pytest.mark.parametrize("suffixes", [("-wal",), ("-shm",), ("-wal", "-shm")])
def test_a_deleted_write_ahead_log_loses_no_answered_decision(asked, suffixes):
    for _ in range(3):
        for suffix in suffixes:
            Path(f"{asked.path}{suffix}").unlink()
        assert asked.ask(5) == {200}
        assert asked.missing() == set()
    assert DecisionLog(f"sqlite:///{asked.path}").verify().broken is None


def test_a_log_that_vanishes_while_a_decision_is_written_is_not_answered(asked, corner_app, monkeypatch):
    store = corner_app.extensions["creditrisk"].log.store
    look = store._checked_head

    def look_and_lose(connection):
        head = look(connection)
        asked.path.unlink()
        return head

    monkeypatch.setattr(store, "_checked_head", look_and_lose)
    assert asked.ask() == {503}


def test_decisions_answered_without_the_old_write_ahead_log_survive_kill_9(corner_settings, serve_web):
    web = serve_web(corner_settings)
    path = corner_settings.home / "decisions.db"
    answered = []
    for number in range(100):
        if number % 5 == 4:
            Path(f"{path}-wal").unlink()
        for _ in range(5):
            answer = requests.post(f"{web.url}/api/v1/score", json={**CLIENT, "client": f"K-{number}"}, timeout=20)
            if answer.status_code != 503:  # on a busy machine other processes need longer to give up what was deleted
                break
            time.sleep(1)
        assert answer.status_code == 200, answer.text
        answered.append(f"K-{number}")
    web.kill()
    assert missing_on_disk(path, answered) == set()
    assert DecisionLog(f"sqlite:///{path}").verify().broken is None


DECISION = Decision("api", "N-1", "m", "1", "0" * 64, 0.1, 600.0, "approve", "green", 0.9, [], [], {"amount_eur": 1.5})


@pytest.mark.parametrize("suffixes", [("-shm",), ("-wal",), ("-wal", "-shm")])
def test_several_logs_of_one_process_go_on_without_the_deleted_files(tmp_path, suffixes):
    path = tmp_path / "decisions.db"
    with closing(DecisionLog(f"sqlite:///{path}")) as one, closing(DecisionLog(f"sqlite:///{path}")) as two:
        one.append([DECISION])
        for number in range(3):
            assert two.noted("champion", "x") is None
            for suffix in suffixes:
                Path(f"{path}{suffix}").unlink()
            first, second = (one, two) if number % 2 else (two, one)
            first.append([replace(DECISION, application_id=f"F-{number}")])
            second.append([replace(DECISION, application_id=f"S-{number}")])
            assert missing_on_disk(path, [f"F-{number}", f"S-{number}"]) == set()
        assert one.verify().n_checked == 7


@pytest.mark.parametrize("look", ["creditrisk.decision_log.files.digests", "creditrisk.decision_log.proof.digests"])
def test_a_version_that_another_process_writes_meanwhile_is_no_damage(tmp_path, monkeypatch, look):
    url = f"sqlite:///{tmp_path / 'decisions.db'}"
    with closing(DecisionLog(url)) as log:
        log.append([DECISION])
    other = f"""
from dataclasses import replace
from creditrisk.decision_log import Decision, DecisionLog
from creditrisk.decision_log.versions import digests
DecisionLog({url!r}).append([replace({DECISION!r}, model_version="2")])
"""

    def known_before_the_other_writes(connection):
        known = digests(connection)
        subprocess.run([sys.executable, "-c", other], check=True)
        return known

    monkeypatch.setattr(look, known_before_the_other_writes)
    with closing(DecisionLog(url)) as log:
        if "proof" in look:
            assert log.verify().broken is None
            monkeypatch.setattr(look, digests)
        log.append([replace(DECISION, model_version="3")])
        monkeypatch.undo()
        assert log.verify().n_checked == 3


def append(log: DecisionLog, first: int, n_decisions: int) -> None:
    for number in range(first, first + n_decisions, 100):
        log.append([replace(DECISION, application_id=f"{number + step:x}" * 40) for step in range(100)])


@pytest.fixture
def of_two_days(tmp_path: Path) -> Path:
    """An older copy put back in place beside the write-ahead log of today, as `kill -9` and `cp` leave it."""
    path, today = tmp_path / "decisions.db", tmp_path / "today.db"
    with closing(DecisionLog(f"sqlite:///{today}")) as log:
        append(log, 0, 300)
        backup(today, path)
        append(log, 300, 5_000)
        shutil.copy(f"{today}-wal", f"{path}-wal")
        shutil.copy(today, tmp_path / "whole.db")
        shutil.copy(f"{today}-wal", tmp_path / "whole.db-wal")
    return path


@pytest.mark.parametrize("is_large", [False, True])
def test_an_older_copy_under_a_newer_write_ahead_log_takes_no_decision(of_two_days, is_large, monkeypatch):
    if is_large:  # too large to be looked at in full: the end of the chain is
        monkeypatch.setattr("creditrisk.decision_log.store.problem_of_pages", lambda _: "")
    before = of_two_days.read_bytes()
    with closing(DecisionLog(f"sqlite:///{of_two_days}")) as log:
        for act in (log.check_writable, lambda: log.append([DECISION])):
            with pytest.raises(DecisionLogError, match=r"remove decisions\.db-wal and decisions\.db-shm unless"):
                act()
        assert of_two_days.read_bytes() == before
    for suffix in ("-wal", "-shm"):
        Path(f"{of_two_days}{suffix}").unlink(missing_ok=True)
    of_two_days.write_bytes(before)
    with closing(DecisionLog(f"sqlite:///{of_two_days}")) as log:
        assert log.append([DECISION])[0].seq == 301


def test_a_log_that_was_killed_with_its_write_ahead_log_goes_on(of_two_days):
    with closing(DecisionLog(f"sqlite:///{of_two_days.with_name('whole.db')}")) as log:
        assert log.append([DECISION])[0].seq == 5_301


def test_a_look_that_takes_too_long_is_left_off(of_two_days, monkeypatch):
    monkeypatch.setattr("creditrisk.decision_log.files.WHOLE_SECONDS", 0)
    with closing(DecisionLog(f"sqlite:///{of_two_days.with_name('whole.db')}")) as log:
        assert log.append([DECISION])[0].seq == 5_301


def test_a_decision_changed_at_the_end_of_the_log_is_not_written_after(tmp_path):
    path = tmp_path / "decisions.db"
    with closing(DecisionLog(f"sqlite:///{path}")) as log:
        append(log, 0, 100)
    with closing(sqlite3.connect(path)) as other:
        other.execute("DROP TRIGGER events_no_update")
        other.execute("UPDATE events SET verdict = 'decline' WHERE seq = 90")
        other.commit()
    with closing(DecisionLog(f"sqlite:///{path}")) as log:
        with pytest.raises(DecisionLogError, match="entry 90 was changed"):
            log.append([DECISION])
        assert "entry 90 was changed" in str(log.verify().broken)
