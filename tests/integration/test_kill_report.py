"""A report whose flow is killed at any step, or whose archives go away: afterwards every archive has each window once.

The steps are those of flows/evidently_report.py that touch archives, without Prefect, on a local folder, MongoDB (see
test_archive.py) and Cloud Storage at once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from google.cloud.storage import Blob
from pymongo.collection import Collection

from creditrisk.errors import ArchiveError
from monitoring import archive as archives
from monitoring.archive import Stored, open_archives
from monitoring.archive.mongo import MongoArchive
from tests.integration.mongodb_stand_in import MongoStandIn
from tests.integration.test_archive import cloud_storage, hurried, mongodb_archive, result

__all__ = ["cloud_storage", "hurried", "mongodb_archive"]

N_ROWS = 10
# All that changes anything outside the process: on disk, in MongoDB, in Cloud Storage.
EFFECTS = [
    *((Path, name) for name in ("mkdir", "replace", "unlink")),
    (os, "fsync"),
    *((Collection, name) for name in ("insert_one", "insert_many", "replace_one", "delete_one", "delete_many")),
    (Collection, "create_index"),
    (Blob, "upload_from_string"),
]


def report(uris: list[str], pending: Path, model: str = "german_credit") -> Stored:
    """Begin where the last report ended, and archive the next window, as the flow does."""
    opened = open_archives(uris)
    try:
        last = archives.last_result(opened, model, pending=pending)
    except ArchiveError:
        last = None  # at the very beginning with every archive away
    after = last["last_seq"] if last else 0
    hour, seq = divmod(after // N_ROWS, 60), after + N_ROWS
    made = result(
        9,
        model=model,
        created_at=f"2024-04-01T{hour[0]:02}:{hour[1]:02}:00+00:00",
        first_seq=after + 1,
        last_seq=seq,
        log_head={"seq": seq, "hash": "5c" * 32},
    )
    return archives.store(opened, f"<html>after {after}</html>".encode(), made, pending=pending)


def report_and_die(step: int, uris: list[str], pending: Path, model: str) -> bool:
    """Make a report in a process of its own that is killed before its effect of that number; whether it was."""
    pid = os.fork()
    if pid == 0:
        steps = count(1)

        def dying(effect: Callable) -> Callable:
            def call(*arguments: object, **named: object) -> object:
                if next(steps) == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return effect(*arguments, **named)

            return call

        for owner, name in EFFECTS:
            setattr(owner, name, dying(getattr(owner, name)))
        try:
            report(uris, pending, model)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL)
    return os.waitstatus_to_exitcode(status) != 0


def every_step(uris: list[str], pending: Path) -> int:
    """For each step, kill a report there and make one that is not killed, each of a model of its own; the last step."""
    step = 1
    while report_and_die(step, uris, pending, f"model-{step}"):
        report_and_die(0, uris, pending, f"model-{step}")
        step += 1
    return step


def windows_of(uri: str) -> dict[str, list[tuple[int, int]]]:
    """What an archive has of each model; every page is as it was written, and nothing lies beside the reports."""
    [opened] = open_archives([uri])
    windows = defaultdict(list)
    results = opened.results(None, limit=1_000)
    for kept in results:
        assert opened.html(kept["id"]) == f"<html>after {kept['first_seq'] - 1}</html>".encode()
        windows[kept["model"]].append((kept["first_seq"], kept["last_seq"]))
    assert len(opened.ids()) == len(results)
    return {model: sorted(seqs) for model, seqs in windows.items()}


def each_once(n_windows: int) -> list[tuple[int, int]]:
    return [(number * N_ROWS + 1, (number + 1) * N_ROWS) for number in range(n_windows)]


@pytest.fixture
def uris(tmp_path: Path, cloud_storage, mongodb_archive: MongoArchive) -> list[str]:
    given = os.environ.get("CREDITRISK_TEST_MONGODB_URL")
    host, port = mongodb_archive._client.address
    mongodb = given or f"mongodb://{host}:{port}/creditrisk_test"
    return [f"file://{tmp_path / 'reports'}", mongodb, f"{cloud_storage.uri}/drift"]


def test_a_report_killed_at_any_step_is_in_every_archive_once_after_the_next(uris, tmp_path):
    # In a process without threads, which can be divided safely.
    killed = subprocess.run(
        [sys.executable, "-m", "tests.integration.test_kill_report", str(tmp_path / "pending"), *uris],
        check=True,
        stdout=subprocess.PIPE,
    )
    last_step = int(killed.stdout)
    assert last_step > 20
    found = windows_of(uris[0])
    assert set(found) == {f"model-{step}" for step in range(1, last_step + 1)}
    for windows in found.values():
        assert windows == each_once(len(windows))
    # Killed before it was kept anywhere, a report is made again; after that, the next one begins where it ended.
    assert [len(found[f"model-{step}"]) for step in (1, last_step - 1)] == [1, 2]
    assert [windows_of(uri) for uri in uris[1:]] == [found, found]
    # Of the one that was killed between forgetting result and page, the page is cleared away when it is an hour old.
    [page] = [path for path in (tmp_path / "pending").rglob("*") if path.is_file()]
    os.utime(page, (0, 0))
    report(uris, tmp_path / "pending")
    assert [path for path in (tmp_path / "pending").rglob("*") if path.is_file()] == []


@pytest.mark.usefixtures("hurried")
def test_archives_that_go_away_one_after_the_other_have_every_window_once_when_they_are_back(
    cloud_storage, tmp_path, monkeypatch
):
    pending, reports = tmp_path / "pending", tmp_path / "reports"
    with MongoStandIn() as mongodb:
        port, kept = mongodb.server_address[1], mongodb.collections
        uris = [f"file://{reports}", mongodb.uri, f"{cloud_storage.uri}/drift"]
        assert len(report(uris, pending).kept_in) == 3
        cloud_storage.stop()
        assert len(report(uris, pending).kept_in) == 2
    assert len(report(uris, pending).kept_in) == 1
    reports.rename(tmp_path / "elsewhere")
    reports.write_text("no folder any more")
    assert report(uris, pending).kept_in == ()
    assert archives.n_waiting(open_archives(uris), pending=pending) == 3 + 2 + 1

    reports.unlink()
    (tmp_path / "elsewhere").rename(reports)
    cloud_storage.start()
    with MongoStandIn(port) as mongodb:
        mongodb.collections = kept
        stored = report(uris, pending)
        assert (len(stored.kept_in), stored.problems) == (3, ())
        assert [windows_of(uri) for uri in uris] == [{"german_credit": each_once(5)}] * 3
    assert archives.n_waiting(open_archives(uris), pending=pending) == 0


if __name__ == "__main__":
    print(every_step(sys.argv[2:], Path(sys.argv[1])))
