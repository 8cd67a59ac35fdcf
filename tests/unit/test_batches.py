"""A day's applications are decided once, however often the run is repeated, and wherever it was killed."""

from __future__ import annotations

import copy
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from creditrisk.decision_log import BatchDone, DecisionLog, check_source, places_of, score_day
from creditrisk.errors import SchemaError, SourceAbsentError, SourceError, SourceUnfinishedError, TargetError
from creditrisk.scoring import Scorer, load
from creditrisk.sources import Snapshot, snapshots, take_snapshot
from tests.conftest import write_forty_clients

DAY = date(2026, 3, 31)
N_ROWS, N_BAD = 40, 2
# Killed at the third block of the log, before the note beside the predictions, and before the marker.
KILLED = """
import os, signal, sys
from datetime import date
from pathlib import Path
from creditrisk.decision_log import DecisionLog, batches, score_day
from creditrisk.scoring import load
from creditrisk.sources import Snapshot
at, scorer, copy, sha256, log, target = sys.argv[1:]
batches.READ_ROWS = sys.modules["creditrisk.decision_log.blocks"].BLOCK_ROWS = 5
append, put, n = DecisionLog.append_scored, batches.put_file, 0
def die(is_time):
    if is_time:
        os.kill(os.getpid(), signal.SIGKILL)
def appending(*args):
    global n
    n += 1
    die(at == "block" and n == 3)
    return append(*args)
def putting(uri, path):
    die(uri.endswith(at))
    put(uri, path)
DecisionLog.append_scored, batches.put_file = appending, putting
scorer = load(Path(scorer), name="corner_lender", version="3")
snapshot = Snapshot(Path(copy), sha256)
score_day(snapshot, date(2026, 3, 31), scorer, load=None, log=DecisionLog(log), target=target)
"""


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "LOOK_SECONDS", 0.0)


@pytest.fixture
def log(tmp_path: Path) -> DecisionLog:
    return DecisionLog(f"sqlite:///{tmp_path}/decisions.db")


@pytest.fixture
def applications(tmp_path: Path) -> Path:
    return write_forty_clients(tmp_path / "applications.csv")


Score = Callable[..., BatchDone]


@pytest.fixture
def score(corner_scorer: Scorer, log: DecisionLog, tmp_path: Path) -> Score:
    def run(source: Path, day: date = DAY, target: str = str(tmp_path / "out")) -> BatchDone:
        copied = snapshot_of(source, tmp_path)
        return score_day(copied, day, corner_scorer, load=unwanted, log=log, target=target)

    return run


def snapshot_of(source: Path, tmp_path: Path) -> Snapshot:
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)
    return take_snapshot(str(source), folder)


def unwanted(model: str, version: str) -> Scorer:
    raise AssertionError(f"{model} {version} was asked for")


def logged(log: DecisionLog) -> list[str]:
    """The ids of all decisions, in the order of the log."""
    last = log.head()[0]
    return [item.decision.application_id for item in log.read(range(1, last + 1))] if last else []


def good_ids() -> list[str]:
    return [f"C{number}" for number in range(N_ROWS) if number not in (4, 29)]


def test_good_rows_are_predicted_and_logged_and_bad_ones_listed(score, log, applications, tmp_path):
    done = score(applications)

    assert (done.n_new, done.batch.n_scored, done.batch.n_rejected) == (N_ROWS - N_BAD, N_ROWS - N_BAD, N_BAD)
    assert logged(log) == good_ids()
    assert {item.decision.channel for item in log.read(range(2, log.head()[0] + 1))} == {"batch"}
    out = tmp_path / "out"
    assert (out / "latest_prediction.txt").read_text() == "predictions-2026-03-31.csv\n"
    assert pl.read_csv(out / "predictions-2026-03-31.csv")["application_id"].to_list() == good_ids()
    rejected = pl.read_csv(out / "predictions-2026-03-31.rejected.csv")
    assert rejected.select("row", "line", "column").rows() == [(5, 6, "Age"), (30, 31, "Age")]
    assert rejected["what"].to_list() == ["'old' is not a number"] * 2
    assert "C4" not in (out / "predictions-2026-03-31.rejected.csv").read_text()
    assert log.verify().broken is None


def test_the_same_applications_again_change_nothing_on_whatever_day(score, log, applications, tmp_path):
    score(applications)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "out").iterdir()}
    head = log.head()

    for day in (DAY, date(2026, 4, 1)):
        done = score(applications, day)
        assert not done.is_new
        assert (done.n_new, done.batch.day) == (0, "2026-03-31")

    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "out").iterdir()} == before
    assert log.head() == head


@pytest.mark.parametrize("gone", ["*", "predictions-2026-03-31.csv", "*.rejected.csv", "*.json"])
def test_predictions_that_vanished_are_written_again_without_deciding_again(score, log, applications, tmp_path, gone):
    score(applications)
    kept = (tmp_path / "out" / "predictions-2026-03-31.csv").read_bytes()
    for path in (tmp_path / "out").glob(gone):
        path.unlink()

    done = score(applications)

    assert (done.is_new, done.n_new) == (True, 0)
    assert (tmp_path / "out" / "predictions-2026-03-31.csv").read_bytes() == kept
    assert logged(log) == good_ids()


def test_another_file_of_the_same_day_leaves_the_first_predictions(score, applications, tmp_path):
    score(applications)
    kept = (tmp_path / "out" / "predictions-2026-03-31.csv").read_bytes()
    applications.write_text("\n".join(applications.read_text().splitlines()[:4]) + "\n")

    done = score(applications)

    assert (tmp_path / "out" / "predictions-2026-03-31.csv").read_bytes() == kept
    name = (tmp_path / "out" / "latest_prediction.txt").read_text().strip()
    assert re.fullmatch(r"predictions-2026-03-31-[0-9a-f]{8}\.csv", name)
    assert done.batch.predictions == name
    assert pl.read_csv(tmp_path / "out" / name).height == 3


def test_another_model_on_the_same_file_leaves_the_first_predictions(corner_scorer, log, applications, score, tmp_path):
    score(applications)
    other = copy.copy(corner_scorer)
    object.__setattr__(other, "name", "another_lender")

    done = score_day(
        snapshot_of(applications, tmp_path), DAY, other, load=unwanted, log=log, target=str(tmp_path / "out")
    )

    assert done.n_new == N_ROWS - N_BAD
    assert done.batch.predictions != "predictions-2026-03-31.csv"
    assert not score(applications).is_new


def test_an_earlier_day_scored_later_is_not_the_latest(score, applications, tmp_path):
    score(applications)
    applications.write_text("\n".join(applications.read_text().splitlines()[:4]) + "\n")
    score(applications, date(2026, 3, 30))

    assert (tmp_path / "out" / "predictions-2026-03-30.csv").exists()
    assert (tmp_path / "out" / "latest_prediction.txt").read_text() == "predictions-2026-03-31.csv\n"


def test_predictions_can_be_parquet_in_a_folder_of_each_day(score, applications, tmp_path):
    done = score(applications, target=f"{tmp_path}/out/{{date}}/scored.parquet")

    assert pl.read_parquet(tmp_path / "out" / "2026-03-31" / "scored.parquet")["application_id"].to_list() == good_ids()
    assert (tmp_path / "out" / "latest_prediction.txt").read_text() == "2026-03-31/scored.parquet\n"
    assert (tmp_path / "out" / "2026-03-31" / "scored.rejected.csv").exists()
    assert done.batch.predictions == "2026-03-31/scored.parquet"


def test_a_run_killed_anywhere_is_finished_without_deciding_twice(corner_scorer, log, applications, tmp_path):
    corner_scorer.save(tmp_path / "scorer")
    copied = snapshot_of(applications, tmp_path)
    out = tmp_path / "out"
    n_logged = []
    for at in ("block", ".json", "latest_prediction.txt"):
        arguments = [
            at,
            str(tmp_path / "scorer"),
            str(copied.path),
            copied.sha256,
            f"sqlite:///{tmp_path}/decisions.db",
        ]
        done = subprocess.run([sys.executable, "-c", KILLED, *arguments, str(out)], env=os.environ, check=False)
        assert done.returncode == -signal.SIGKILL
        assert not (out / "latest_prediction.txt").exists()
        n_logged.append(len(logged(log)))
    # Two blocks of five, one row of which cannot be scored; then all.
    assert n_logged == [9, N_ROWS - N_BAD, N_ROWS - N_BAD]

    again = load(tmp_path / "scorer", name="corner_lender", version="3")
    score_day(copied, DAY, again, load=unwanted, log=log, target=str(out))

    assert logged(log) == good_ids()
    predicted = pl.read_csv(out / "predictions-2026-03-31.csv")
    decisions = [item.decision for item in log.read(range(1, log.head()[0] + 1))]
    by_log = {decision.application_id: decision.prob_default for decision in decisions}
    assert dict(predicted.select("application_id", "prob_default").iter_rows()) == by_log
    assert (out / "latest_prediction.txt").read_text() == "predictions-2026-03-31.csv\n"
    assert log.verify().broken is None


def test_a_run_that_was_cut_off_goes_on_with_the_version_that_began(corner_scorer, log, applications, tmp_path):
    copied = snapshot_of(applications, tmp_path)
    log.note("batch", f"{corner_scorer.name}/{copied.sha256}", "2026-03-30 2")
    asked = []

    def begun_with(model: str, version: str) -> Scorer:
        asked.append((model, version))
        return corner_scorer

    done = score_day(copied, DAY, corner_scorer, load=begun_with, log=log, target=str(tmp_path / "out"))

    assert asked == [(corner_scorer.name, "2")]
    assert (done.batch.day, done.n_new) == ("2026-03-30", N_ROWS - N_BAD)


def test_a_table_of_something_else_is_not_begun(score, log, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")

    with pytest.raises(SchemaError, match="these are not the columns"):
        score(other)

    assert not log.is_begun() or log.head()[0] == 0
    assert not list((tmp_path / "out").glob("*"))


def test_a_target_that_takes_nothing_is_a_sentence_ahead_of_any_decision(score, log, applications, tmp_path):
    (tmp_path / "in the way").touch()

    with pytest.raises(TargetError, match=r"nothing can be written to .*in the way"):
        score(applications, target=str(tmp_path / "in the way" / "out"))
    with pytest.raises(TargetError, match="one file for all days"):
        score(applications, target=str(tmp_path / "all.csv"))
    with pytest.raises(TargetError, match="results go to a folder"):
        score(applications, target="postgresql://somewhere/db")

    assert logged(log) == []


def test_a_file_that_grows_or_is_called_unfinished_is_not_read(applications, tmp_path, monkeypatch):
    part = tmp_path / "later.csv.part"
    part.write_text("client\n")
    for uri in (part, tmp_path / "later.csv"):
        with pytest.raises(SourceUnfinishedError, match="still being written"):
            snapshot_of(uri, tmp_path)
    with pytest.raises(SourceAbsentError, match="there is no file"):
        snapshot_of(tmp_path / "none.csv", tmp_path)

    def grow(_seconds: float) -> None:
        with applications.open("a") as file:
            file.write("C40,30,1000,10000,own\n")

    monkeypatch.setattr(snapshots.time, "sleep", grow)
    with pytest.raises(SourceUnfinishedError, match=r"'applications\.csv' is still being written"):
        snapshot_of(applications, tmp_path)


def test_a_source_with_a_password_is_refused_without_repeating_it(tmp_path):
    with pytest.raises(SourceError) as refused:
        take_snapshot("postgresql://ada:secret@db/loans?table=loans", tmp_path)
    assert "secret" not in str(refused.value)


def test_a_folder_that_is_not_there_will_never_hold_the_files_of_days(tmp_path):
    check_source(f"{tmp_path}/{{date}}.csv")
    check_source(f"{tmp_path}/{{date}}/applications.csv")
    check_source("gs://bucket/applications/{date}.csv")
    with pytest.raises(SourceError, match="there is no folder"):
        check_source(f"{tmp_path}/typo/{{date}}.csv")


def test_what_cannot_be_read_late_in_a_file_keeps_all_of_it_undecided(score, log, applications):
    lines = applications.read_text().splitlines(keepends=True)
    applications.write_text("".join([*lines, *(200 * lines[1:]), '"never closed,41\n']))

    with pytest.raises(SourceError):
        score(applications)

    assert not log.is_begun() or log.head()[0] == 0


def test_an_id_that_no_database_keeps_is_told_before_anything_is_decided(score, log, applications, tmp_path):
    odd = tmp_path / "odd.parquet"
    frame = pl.read_csv(applications, infer_schema=False)
    frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 20).then(pl.lit("x\0y")).otherwise("client").alias("client")
    ).write_parquet(odd)

    with pytest.raises(SourceError, match=r"row 21, .*NUL"):
        score(odd)

    assert not log.is_begun() or log.head()[0] == 0


def test_a_pipe_is_no_file_and_keeps_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(SourceError, match="is no file"):
        take_snapshot(str(tmp_path / "pipe.csv"), tmp_path)


def test_folders_of_days_have_their_marker_above_them(score, applications, tmp_path):
    score(applications, target=f"{tmp_path}/out/{{date}}")
    assert (tmp_path / "out" / "latest_prediction.txt").read_text().startswith("2026-03-31/")


def test_the_note_beside_predictions_names_no_applicant(score, applications, tmp_path):
    score(applications)
    note = json.loads((tmp_path / "out" / "predictions-2026-03-31.json").read_text())
    assert note.keys() == {
        "source_sha256", "day", "model", "model_version", "predictions", "n_scored", "n_rejected", "verdicts",
    }  # fmt: skip
    assert places_of(str(tmp_path / "out"), DAY).note.endswith("out/predictions-2026-03-31.json")
