"""A table of outcomes: each told once, corrections and late ones welcome, strangers kept, nothing in the future."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from creditrisk.decision_log import Decision, DecisionLog, Lists, OutcomesDone, outcome_files, record_file
from creditrisk.errors import DecisionLogError, SourceError
from creditrisk.sources import snapshots, take_snapshot

TODAY = date(2026, 3, 31)
HEADER = "application_id,default,observed_on"


@pytest.fixture
def log(tmp_path: Path) -> DecisionLog:
    """A log with decisions about the applications A1 to A3."""
    log = DecisionLog(f"sqlite:///{tmp_path}/decisions.db")
    log.append(
        [
            Decision("batch", name, "lender", "1", "0" * 64, 0.1, 600.0, "approve", "green", 0.9, [], [], {"age": 40})
            for name in ("A1", "A2", "A3")
        ]
    )
    return log


Record = Callable[..., OutcomesDone]


@pytest.fixture
def record(log: DecisionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    monkeypatch.setattr(snapshots, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(outcome_files, "OUTCOME_ROWS", 2)

    def run(*rows: str, header: str = HEADER) -> OutcomesDone:
        path = tmp_path / "outcomes.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        (tmp_path / "work").mkdir(exist_ok=True)
        copied = take_snapshot(str(path), tmp_path / "work")
        return record_file(copied, log, lists(tmp_path), today=TODAY)

    return run


def lists(folder: Path) -> Lists:
    return Lists(folder / "unknown.csv", folder / "rejected.csv")


def recorded(log: DecisionLog) -> list[tuple[str, bool, str]]:
    return [(row[0], row[2], row[3].isoformat()) for row in log.outcomes().rows()]


def test_outcomes_are_recorded_once_however_often_the_file_comes(record, log):
    rows = ("A1,no,2026-03-01", "A2,Yes,2026-03-02", "A3,1,2026-03-31")

    assert record(*rows) == OutcomesDone(n_rows=3, n_new=3)
    head = log.head()
    assert record(*rows) == OutcomesDone(is_new=False)

    assert log.head() == head
    assert recorded(log) == [("A1", False, "2026-03-01"), ("A2", True, "2026-03-02"), ("A3", True, "2026-03-31")]


def test_a_correction_is_recorded_and_a_repetition_is_not(record, log):
    record("A1,no,2026-03-01", "A2,no,2026-03-01")

    done = record("A1,no,2026-03-01", "A2,yes,2026-03-20", "A2,yes,2026-03-20", "A3,no,2025-01-01")

    assert done == OutcomesDone(n_rows=4, n_new=2)
    assert recorded(log)[2:] == [("A2", True, "2026-03-20"), ("A3", False, "2025-01-01")]
    # The first file again is no correction of the second.
    assert not record("A1,no,2026-03-01", "A2,no,2026-03-01").is_new
    assert recorded(log)[-1] == ("A3", False, "2025-01-01")


def test_outcomes_of_strangers_are_kept_and_listed(record, log, tmp_path):
    header = f"{HEADER},model"

    done = record("A1,no,2026-03-01,", "Z9,yes,2026-03-01,", "A2,no,2026-03-01,another", header=header)

    assert (done.n_new, done.n_unknown, done.n_rejected) == (3, 2, 0)
    assert pl.read_csv(tmp_path / "unknown.csv").rows() == [(2, 3, "Z9", None), (3, 4, "A2", "another")]
    assert log.outcomes()["application_id"].to_list() == ["A1", "Z9", "A2"]
    assert not (tmp_path / "rejected.csv").exists()


def test_rows_that_are_no_outcome_are_listed_without_what_stands_there(record, log, tmp_path):
    tomorrow = (TODAY + timedelta(days=1)).isoformat()

    done = record(
        f"A1,no,{tomorrow}", "A2,perhaps,2026-03-01", ",no,2026-03-01", "A3,no,2026-03-31", "A3,no", "A1,no,31.3.2026"
    )

    assert (done.n_rows, done.n_new, done.n_rejected) == (6, 1, 5)
    assert recorded(log) == [("A3", False, "2026-03-31")]
    listed = pl.read_csv(tmp_path / "rejected.csv")
    assert listed.select("row", "line", "column").rows() == [
        (1, 2, "observed_on"), (2, 3, "default"), (3, 4, "application_id"), (5, 6, None), (6, 7, "observed_on"),
    ]  # fmt: skip
    assert listed["expected"][1] == "yes or no"
    assert "from 1970-01-01 to today (2026-03-31, UTC)" in listed["expected"][0]
    assert "perhaps" not in (tmp_path / "rejected.csv").read_text()


def test_a_file_that_was_cut_off_is_finished_and_tells_nothing_twice(record, log, monkeypatch):
    # The second block says the contrary of the first; once more from the start, both would be news.
    rows = ("A1,no,2026-03-01", "A2,no,2026-03-01", "A1,yes,2026-03-02", "A2,no,2026-03-01", "A3,no,2026-03-03")
    write, n = DecisionLog.record_new_outcomes, 0

    def failing(self: DecisionLog, *args: object) -> int:
        nonlocal n
        n += 1
        if n == 3:
            raise DecisionLogError("the decision log is away.")
        return write(self, *args)  # type: ignore[arg-type]  # handed on as they came

    with monkeypatch.context() as broken:
        broken.setattr(DecisionLog, "record_new_outcomes", failing)
        with pytest.raises(DecisionLogError, match="is away"):
            record(*rows)
    assert len(recorded(log)) == 3

    assert record(*rows).n_new == 1

    assert recorded(log) == [
        ("A1", False, "2026-03-01"),
        ("A2", False, "2026-03-01"),
        ("A1", True, "2026-03-02"),
        ("A3", False, "2026-03-03"),
    ]
    assert log.verify().broken is None


def test_a_parquet_file_with_types_of_its_own_says_the_same(log, tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots, "LOOK_SECONDS", 0.0)
    table = pl.DataFrame(
        {"Application ID": ["A1", "A2"], "default": [True, False], "observed_on": [TODAY, date(2026, 1, 1)]}
    )
    table.with_columns(pl.col("observed_on").cast(pl.Datetime)).write_parquet(tmp_path / "outcomes.parquet")
    (tmp_path / "work").mkdir()

    record_file(take_snapshot(str(tmp_path / "outcomes.parquet"), tmp_path / "work"), log, lists(tmp_path), today=TODAY)

    assert recorded(log) == [("A1", True, "2026-03-31"), ("A2", False, "2026-01-01")]


def test_a_table_of_something_else_is_refused_by_its_columns(record, log):
    with pytest.raises(SourceError, match="there is no column default and no column observed_on"):
        record("A1,1", header="application_id,amount")
    assert recorded(log) == []
