"""What reports noted of the decision log is asked: a log that was cut, emptied or written anew is called that."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from creditrisk.decision_log import Decision, DecisionLog
from creditrisk.errors import RegistryError
from creditrisk.metrics import build_profile
from creditrisk.registry import Registry
from creditrisk.schema import Field, Schema, Target
from creditrisk.settings import Settings
from monitoring import archive, windows
from monitoring.exporter import DriftCollector
from monitoring.heads import noted_heads
from riskometer.bench import free_port
from riskometer.cli import main
from tests.integration.test_archive import PAGE, result

EXAMPLE = Decision(
    "api", "A-1", "german_credit", "7", "", 0.1, 600.0, "approve", "green", 0.9, [], [], {"amount_eur": 1.5}
)
AWAY = f"mongodb://clerk:s3cret@127.0.0.1:{free_port()}/reports"


class Home:
    """A home with a log of six decisions and a report after every second one, the last of another model."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder)
        self.path = folder / "decisions.db"
        self.log = DecisionLog(self.settings.decision_log)
        [self.archive] = archive.open_archives(self.settings.archive_uris)
        self.pending = archive.pending_folder(folder)
        self.reports = []
        for hour, model in ((6, "german_credit"), (9, "german_credit"), (12, "simulated")):
            self.log.append([replace(EXAMPLE, model=model)] * 2)
            self.note(hour, model=model)

    def note(self, hour: int, **other: object) -> None:
        seq, link = self.log.head()
        head = {"last_seq": seq, "log_head": {"seq": seq, "hash": link}}
        self.reports.append(self.archive.put(PAGE, result(hour, **(head | other))))

    def as_administrator(self, statement: str) -> None:
        self.log.close()
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {trigger}")
            connection.execute(statement)

    def window(self) -> windows.Window:
        kept = archive.read_recent([self.archive], "german_credit", pending=self.pending)
        with closing(DecisionLog(self.settings.decision_log)) as log:
            return windows.since_last_report(log, REFERENCE, kept.results)


SCHEMA = Schema(
    name="german_credit",
    title="German credit",
    fields=(Field("amount_eur", "number", "Amount"),),
    target=Target("default", "Default", bad=("1",), good=("0",)),
)
PROFILE = build_profile(pl.DataFrame({"amount_eur": [1.0, 2.0]}), SCHEMA, [0.1, 0.2])
REFERENCE = windows.Reference("german_credit", "7", PROFILE, has_ids=False)


def seqs(window: windows.Window) -> tuple[int | None, int | None, int]:
    """The first and the last decision of a window, and how many it has."""
    return window.counted.first_seq, window.counted.last_seq, window.n_rows


def exported(home: Home, metric: str) -> dict[str, float]:
    """What the exporter says of each model."""
    [samples] = [found.samples for found in DriftCollector(home.settings).collect() if found.name == metric]
    return {sample.labels["model"]: sample.value for sample in samples}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def verify(home, monkeypatch):
    """The command, in that home."""
    monkeypatch.setenv("CREDITRISK_HOME", str(home.settings.home))

    def run(archives: str = "") -> Result:
        monkeypatch.setenv("CREDITRISK_ARCHIVES", archives)
        return CliRunner().invoke(main, ["verify-log"])

    return run


def test_a_log_that_is_as_it_was_noted_is_unbroken(home, verify):
    done = verify()
    assert done.exit_code == 0, done.output
    assert done.output.startswith("6 decisions, unbroken, and as 3 notes elsewhere have them. Head: ")
    assert home.window().log_finding == ""


def write_anew(home: Home) -> None:
    home.log.close()
    home.path.unlink()
    with closing(DecisionLog(home.settings.decision_log)) as log:
        log.append([replace(EXAMPLE, verdict="decline")] * 6)


LOSSES = {
    "cut": (lambda home: home.as_administrator("DELETE FROM events WHERE seq > 4"), 2, "ends at entry 4"),
    "emptied": (lambda home: home.as_administrator("DELETE FROM events"), 0, "ends at entry 0"),
    "written anew": (write_anew, 0, "was written anew"),
    "deleted": (lambda home: home.path.unlink(), 2, "is gone, and report"),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_log_cut_or_written_anew_is_called_so_by_the_report_that_knows(home, verify, loss):
    lose, number, words = LOSSES[loss]
    lose(home)
    done = verify()
    assert done.exit_code == 1, done.output
    assert words in done.output
    assert home.reports[number] in done.output
    # The log was not made anew by asking for it.
    assert home.path.exists() == (loss != "deleted")


def test_the_next_report_says_that_the_log_lost_what_was_noted(home):
    home.as_administrator("DELETE FROM events WHERE seq > 3")
    window = home.window()
    assert f"entry 4, as report {home.reports[1]} noted it" in window.log_finding
    # It goes on from the newest report that can be right, and says which it left aside.
    assert window.after_seq == 2
    assert home.reports[1] in window.remarks[0]


def test_a_report_about_a_log_that_is_gone_says_so_and_makes_none(home):
    home.log.close()
    home.path.unlink()
    window = home.window()
    assert "is not what it was" in window.log_finding
    assert seqs(window) == (None, None, 0)
    assert not home.path.exists()


def test_an_archive_that_is_away_is_said_and_the_others_are_asked(home, verify, monkeypatch):
    monkeypatch.setattr("monitoring.archive.mongo.TIMEOUT_SECONDS", 0.1)
    both = f"{AWAY},{home.archive.name}"
    done = verify(both)
    assert done.exit_code == 2
    assert "6 decisions, unbroken" in done.output
    assert "1 place with notes of it could not be read" in done.output
    assert "Not asked: the report archive mongodb://127.0.0.1" in done.output
    assert "s3cret" not in done.output
    assert "as 3 notes" in done.output
    home.as_administrator("DELETE FROM events WHERE seq > 5")
    done = verify(both)
    assert done.exit_code == 1
    assert "Not asked" in done.output
    assert home.reports[2] in done.output


def test_heads_noted_by_reports_that_wait_are_asked_too(home, monkeypatch):
    monkeypatch.setattr("monitoring.archive.mongo.TIMEOUT_SECONDS", 0.1)
    away = archive.open_archives([AWAY])
    archive.store(away, PAGE, result(15, log_head={"seq": 1_700, "hash": "5c" * 32}), pending=home.pending)
    noted, problems = noted_heads(away, home.pending)
    assert [head for _, head in noted] == [(1_700, "5c" * 32)]
    assert len(problems) == 1


@pytest.mark.parametrize("last_seq", [10**15, 7])
def test_a_result_that_ends_beyond_the_log_does_not_blind_the_monitoring(home, last_seq):
    home.log.append([EXAMPLE])
    home.log.append([EXAMPLE])
    absurd = {"last_seq": last_seq + 2, "log_head": {"seq": last_seq + 2, "hash": "5c" * 32}, "n_rows": 666}
    home.note(23, **absurd)
    window = home.window()
    assert window.after_seq == 4
    assert seqs(window) == (7, 8, 2)
    assert f"Report {home.reports[-1]} says that it ended at entry {last_seq + 2}" in window.remarks[0]
    assert home.reports[-1] in window.log_finding
    # The metrics go on with the last report that can be right.
    assert exported(home, "creditrisk_window_rows") == {"german_credit": 100, "simulated": 100}


def test_a_forged_result_makes_no_report_skip_applications(home, verify):
    home.log.append([EXAMPLE] * 2)
    home.note(23, n_rows=666, last_seq=8, log_head={"seq": 8, "hash": "0" * 64})
    window = home.window()
    assert window.after_seq == 4
    assert seqs(window) == (7, 8, 2)
    assert home.reports[-1] in window.remarks[0]
    assert "holds a result whose noted head the decision log does not have: entry 8" in window.log_finding
    assert "or that result was changed" in window.log_finding
    assert "or the note changed" in verify().output
    assert exported(home, "creditrisk_window_rows") == {"german_credit": 100, "simulated": 100}


def test_a_record_of_promotions_that_is_unreadable_is_not_passed_over(home, verify, monkeypatch):
    def unreadable(_registry: Registry) -> list[tuple[str, tuple[int, str]]]:
        raise RegistryError("MLflow is away.")

    monkeypatch.setattr(Registry, "noted_heads", unreadable)
    done = verify()
    assert done.exit_code == 2
    assert "Not asked: the record of promotions, as MLflow is away." in done.output


def test_windows_follow_the_numbers_of_decisions_when_a_clock_is_put_back(home):
    home.log.append([EXAMPLE] * 2)
    home.note(3, first_seq=7)  # made last, at three in the morning by its clock
    home.log.append([EXAMPLE])
    assert home.window().after_seq == 8
    assert seqs(home.window()) == (9, 9, 1)


def test_two_reports_on_the_same_window_leave_neither_gap_nor_overlap(home):
    # Two workers that share the archives and not the home.
    home.log.append([EXAMPLE] * 2)
    home.note(14, first_seq=7)
    home.note(15, first_seq=7)
    home.log.append([EXAMPLE])
    assert seqs(home.window()) == (9, 9, 1)
    assert home.window().log_finding == ""


def test_a_decision_that_comes_while_a_window_is_read_is_in_the_next(home, monkeypatch):
    head = DecisionLog.head

    def and_one_more(log: DecisionLog) -> tuple[int, str]:
        found = head(log)
        log.append([EXAMPLE])
        return found

    monkeypatch.setattr(DecisionLog, "head", and_one_more)
    assert seqs(home.window()) == (None, None, 0)
    assert seqs(home.window()) == (7, 7, 1)


def test_the_report_of_a_lost_log_is_not_intact_in_page_and_metrics(home):
    lost = result(
        18,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        last_seq=6,
        log_head={"seq": 6, "hash": home.log.head()[1]},
        log={"is_intact": False, "finding": "The decision log is not what it was."},
    )
    home.archive.put(PAGE, lost)
    assert exported(home, "creditrisk_decision_log_intact") == {"german_credit": 0, "simulated": 1}
