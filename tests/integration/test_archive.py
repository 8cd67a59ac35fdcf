"""One contract, three archives: a local folder, Google Cloud Storage and MongoDB keep and give back reports alike.

Google Cloud Storage is the emulator's HTTP server, spoken to by Google's own client. MongoDB is a real server when
CREDITRISK_TEST_MONGODB_URL names one (the database it names is emptied first and dropped after). Without it, the small
server of mongodb_stand_in.py takes its place: the real client and GridFS run over a socket, MongoDB itself does not.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
import traceback
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from bson.datetime_ms import DatetimeMS
from google.api_core.exceptions import PreconditionFailed
from gridfs import GridFSBucket

from creditrisk.errors import ArchiveError
from creditrisk.settings import Settings
from monitoring import archive as archives
from monitoring.archive import (
    Archive,
    ArchiveAwayError,
    DamagedReportError,
    UnknownReportError,
    archives_to_read,
    open_archives,
    prunable,
    remove,
)
from monitoring.archive.away import AWAY_SECONDS, PatientlyRead
from monitoring.archive.delivery import waiting_room
from monitoring.archive.gcs import CloudStorageArchive
from monitoring.archive.local import LocalArchive
from monitoring.archive.mongo import INDEXES, MongoArchive
from monitoring.exporter import DriftCollector
from monitoring.report_pages import ReportPages
from monitoring.results import Result
from riskometer.bench import free_port
from tests.conftest import ROOT
from tests.integration.cloud_storage import CloudStorage
from tests.integration.mongodb_stand_in import MongoStandIn

PAGE = b"<html>" + b"Nothing has drifted. " * 10_000 + b"</html>"


FIGURES = {
    "label": "Größe", "status": "stable", "level": 0, "n_rows": 100, "psi": 0.02, "psi_bound": None,
    "p_value": 0.5, "distance": 0.0, "impact": None, "mean": None, "mean_reference": None,
    "missing_share": 0.0, "missing_share_reference": 0, "n_unseen": 0,
}  # fmt: skip


def result(hour: int, *, model: str = "german_credit", **other: object) -> Result:
    made = {
        "model": model,
        "model_version": "7",
        "created_at": f"2024-03-31T{hour:02}:00:00+00:00",
        "first_decided_at": f"2024-03-31T{hour:02}:00:00.123456+00:00",
        "last_decided_at": None,
        "first_seq": hour * 100 - 99,
        "last_seq": hour * 100,
        "log_head": {"seq": hour * 100 + 5, "hash": "5c" * 32},
        "log": {"is_intact": True, "finding": ""},
        "n_rows": 100,
        "n_judged": 100,
        "stretch": "",
        "drift_share": 0.5,
        "score": FIGURES,
        "fields": {"amount": FIGURES},
        "findings": ["Nichts gefunden: alles beim Alten – größer als nötig"],
    }
    return cast(Result, made | other)


@pytest.fixture
def local_archive(tmp_path: Path) -> Archive:
    return open_archives([f"file://{tmp_path / 'reports'}"])[0]


@pytest.fixture
def cloud_storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudStorage]:
    server = CloudStorage(free_port(), "risk-reports")
    server.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.port}")
    yield server
    server.stop()


@pytest.fixture
def cloud_storage_archive(cloud_storage: CloudStorage) -> Archive:
    return open_archives([f"{cloud_storage.uri}/drift"])[0]


@pytest.fixture
def mongodb_archive() -> Iterator[Archive]:
    real = os.environ.get("CREDITRISK_TEST_MONGODB_URL")
    if real:
        from pymongo import MongoClient

        with MongoClient(real) as client:
            database = client.get_default_database("creditrisk_test").name
            client.drop_database(database)
            yield open_archives([real])[0]
            client.drop_database(database)
        return
    with MongoStandIn() as server:
        yield open_archives([server.uri])[0]


@pytest.fixture(params=["local_archive", "cloud_storage_archive", "mongodb_archive"])
def archive(request: pytest.FixtureRequest) -> Archive:
    kept: Archive = request.getfixturevalue(request.param)
    return kept


def test_a_report_comes_back_byte_for_byte(archive):
    report_id = archive.put(PAGE, result(9))
    assert archive.html(report_id) == PAGE
    latest = archive.latest("german_credit")
    assert latest is not None
    assert latest["id"] == report_id
    assert {key: latest[key] for key in result(9)} == result(9)


def test_an_archive_without_reports_has_no_latest(archive):
    assert archive.latest("german_credit") is None
    assert archive.results(None, limit=10) == []


def test_results_are_newest_first_and_of_one_model(archive):
    for hour in (6, 12, 9):
        archive.put(PAGE, result(hour))
    archive.put(PAGE, result(15, model="simulated"))
    assert [kept["last_seq"] for kept in archive.results("german_credit", limit=2)] == [1200, 900]
    assert [kept["last_seq"] for kept in archive.results(None, limit=10)] == [1500, 1200, 900, 600]


def test_putting_the_same_report_twice_keeps_one(archive):
    assert archive.put(PAGE, result(9)) == archive.put(PAGE, result(9))
    assert len(archive.results("german_credit", limit=10)) == 1


def test_two_reports_of_the_same_second_are_both_kept(archive):
    assert archive.put(b"one", result(9)) != archive.put(b"two", result(9))
    assert len(archive.results("german_credit", limit=10)) == 2


def test_an_unknown_report_is_a_sentence(archive):
    with pytest.raises(ArchiveError, match="there is no report german_credit/20240331T090000Z-00000000 in "):
        archive.html("german_credit/20240331T090000Z-00000000")


def test_an_id_that_is_not_one_never_becomes_a_path(archive):
    for bad in ("../../etc/passwd", "../20240331T090000Z-00000000", "/etc/passwd", "", "x"):
        for use in (archive.html, archive.result, archive.remove):
            with pytest.raises(ArchiveError, match="not the id of a report"):
                use(bad)


def test_one_result_comes_back_and_one_that_is_not_there_or_damaged_is_a_sentence(archive):
    report_id = archive.put(PAGE, result(9))
    assert archive.result(report_id) == archive.latest(None)
    with pytest.raises(UnknownReportError, match="there is no report german_credit/20240331T090000Z-00000000 in "):
        archive.result("german_credit/20240331T090000Z-00000000")
    plant(archive, "german_credit/20240331T100000Z-00000000", {"id": "SECRET"})
    with pytest.raises(DamagedReportError, match="cannot be read: '"):
        archive.result("german_credit/20240331T100000Z-00000000")


def test_a_page_that_was_damaged_is_a_sentence_and_its_result_is_read(archive):
    report_id = archive.put(PAGE, result(9))
    damage_page(archive, report_id)
    with pytest.raises(DamagedReportError, match="was changed after it was written"):
        archive.html(report_id)
    assert archive.result(report_id)["last_seq"] == 900


def test_a_report_that_was_removed_is_gone_with_its_page_and_others_stay(archive):
    gone, stays = archive.put(b"one", result(6)), archive.put(PAGE, result(9))
    plant(archive, "german_credit/20240331T100000Z-00000000", b"damaged")
    assert archive.ids() == ["german_credit/20240331T100000Z-00000000", stays, gone]
    for report_id in (gone, gone, "german_credit/20240331T100000Z-00000000"):
        archive.remove(report_id)
    assert archive.ids() == [stays]
    assert archive.html(stays) == PAGE
    with pytest.raises(UnknownReportError):
        archive.html(gone)


def test_old_reports_can_go_but_not_the_last_of_a_model_nor_one_that_waits(archive):
    old = [archive.put(PAGE, of_day(day)) for day in (1, 2, 3)]
    behind = archive.put(PAGE, of_day(4, last_seq=50, first_seq=1))  # the clock was put forward, and back again
    last_of_other = archive.put(PAGE, of_day(2, model="simulated"))
    archive.put(PAGE, of_day(20, last_seq=200))
    damaged = "german_credit/20240101T000000Z-00000000"
    plant(archive, damaged, b"damaged")
    found = prunable(archive, datetime(2024, 3, 10, tzinfo=UTC), waiting={old[0]})
    assert (found.n_reports, found.waiting) == (7, (old[0],))
    assert set(found.last) == {old[2], last_of_other}
    assert found.removable == (behind, old[1], damaged)
    assert list(remove(archive, found.removable)) == [damaged, old[1], behind]
    assert set(archive.ids()) == {old[0], old[2], last_of_other, archive.latest("german_credit")["id"]}
    assert prunable(archive, datetime(2024, 3, 10, tzinfo=UTC), waiting={old[0]}).removable == ()


def of_day(day: int, **other: object) -> Result:
    seqs = {"first_seq": day * 100 - 99, "last_seq": day * 100, "log_head": {"seq": day * 100 + 5, "hash": "5c" * 32}}
    return result(9, **(seqs | {"created_at": f"2024-03-{day:02}T09:00:00+00:00"} | other))


# --- results that cannot be read ---


def plant(archive: Archive, report_id: str, content: object) -> None:
    """Put something in the place of a result, as anybody may who can write there; bytes are taken as they are."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    if isinstance(archive, LocalArchive):
        path = archive.folder / f"{report_id}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    elif isinstance(archive, CloudStorageArchive):
        archive._bucket.blob(f"drift/{report_id}.json").upload_from_string(raw)
    else:
        document = content if isinstance(content, dict) else {"content": raw}
        newest = {"model": "german_credit", "created_at": "2099"}  # without which it would not be looked at
        archive._database.reports.insert_one({**newest, **document, "_id": report_id})


def damage_page(archive: Archive, report_id: str) -> None:
    """Put another page in the place of one, as anybody may who can write there."""
    other = PAGE.replace(b"Nothing", b"Something")
    if isinstance(archive, LocalArchive):
        (archive.folder / f"{report_id}.html").write_bytes(other)
    elif isinstance(archive, CloudStorageArchive):
        archive._bucket.blob(f"drift/{report_id}.html").upload_from_string(other)
    else:
        bucket = GridFSBucket(archive._database)
        bucket.delete(report_id)
        bucket.upload_from_stream_with_id(report_id, "other", gzip.compress(other))


def without(given: dict, key: str) -> dict:
    return {name: value for name, value in given.items() if name != key}


def unreadable_contents(report_id: str) -> list[object]:
    """One of each kind of what is no result, made from one that is."""
    good = {**result(9), "id": report_id, "html_sha256": "5c" * 32}
    wrong = [
        {"last_seq": "12"}, {"last_seq": -1}, {"last_seq": 1.5}, {"last_seq": True}, {"last_seq": 2**63},
        {"last_seq": 10_000}, {"created_at": "yesterday"}, {"created_at": "2024-03-31T09:00:00"}, {"created_at": 7},
        {"score": None}, {"fields": []}, {"fields": {"amount": {**FIGURES, "psi": "SECRET"}}},
        {"fields": {"amount": {**FIGURES, "psi": math.nan}}}, {"drift_share": -math.inf}, {"log_head": {"seq": 1}},
        {"log_head": {"seq": 905, "hash": "SECRET"}}, {"findings": "SECRET"}, {"html_sha256": None},
        {"id": "german_credit/20240331T090000Z-00000000"}, {"n_rows": 10**400},
    ]  # fmt: skip
    texts = [b"", b"null", b"[]", b'"SECRET"', b"\xff\x00SECRET", b"[" * 100_000, b'{"n": ' + b"9" * 5_000 + b"}"]
    required = json.loads((ROOT / "monitoring" / "result.schema.json").read_text(encoding="utf-8"))["required"]
    missing = [without(good, key) for key in [*required, "html_sha256"]]
    return [*texts, *missing, *({**good, **change} for change in wrong), {**good, "findings": ["x" * 3_000_000]}]


def fits_mongodb(content: object) -> bool:
    """Whether MongoDB can hold it at all, and finds it among the results of the model."""
    if not isinstance(content, dict):
        return True
    return "model" in content and content.get("last_seq") != 2**63 and content.get("n_rows") != 10**400


def planted(archive: Archive) -> list[str]:
    """Fill an archive with what is no result, all of it newer than any report."""
    ids = []
    for number, _ in enumerate(unreadable_contents("")):
        report_id = f"german_credit/20990101T{number:06}Z-00000000"
        content = unreadable_contents(report_id)[number]
        if not isinstance(archive, MongoArchive) or fits_mongodb(content):
            plant(archive, report_id, content)
            ids.append(report_id)
    return ids


def test_results_that_cannot_be_read_are_named_and_passed_over(archive):
    report_id = archive.put(PAGE, result(9))
    ids = planted(archive)
    reading = archive.read("german_credit", limit=10)
    assert [kept["id"] for kept in reading.results] == [report_id]
    named = [re.search(r"report (\S+) in", sentence).group(1) for sentence in reading.unreadable]
    assert sorted(named) == sorted(ids)
    assert "SECRET" not in " ".join(reading.unreadable)
    assert archive.latest("german_credit")["id"] == report_id
    with pytest.raises(ArchiveError, match=r"cannot be read|there is no report"):
        archive.html(ids[0])


def test_a_report_can_be_kept_beside_results_that_cannot_be_read(archive, tmp_path):
    planted(archive)
    stored = archives.store([archive], PAGE, result(9), pending=tmp_path / "pending")
    assert stored.kept_in == (archive.name,)
    kept = archives.read_recent([archive], "german_credit", pending=tmp_path / "pending")
    assert [known["id"] for known in kept.results] == [stored.id]
    assert len(kept.unreadable[archive.name]) >= 40
    assert len(kept.problems) == 11
    assert f"more results in {archive.name} cannot be read." in kept.problems[-1]


def test_a_result_of_100_mb_is_passed_over_without_being_read(local_archive, tmp_path):
    local_archive.put(PAGE, result(9))
    with (tmp_path / "reports" / "german_credit" / "20990101T000000Z-00000000.json").open("wb") as file:
        file.truncate(100_000_000)
    os.mkfifo(tmp_path / "reports" / "german_credit" / "20990101T000001Z-00000000.json")
    (tmp_path / "reports" / "german_credit" / "20990101T000002Z-00000000.json").mkdir()
    reading = local_archive.read(None, limit=1)
    assert [kept["last_seq"] for kept in reading.results] == [900]
    assert len(reading.unreadable) == 3


def test_what_cannot_be_read_in_the_waiting_room_holds_up_no_delivery(local_archive, tmp_path):
    pending = tmp_path / "pending"
    waiting = waiting_room(pending, local_archive)
    planted(waiting)
    damaged, good = waiting.put(b"one", result(6)), waiting.put(b"two", result(7))
    (waiting.folder / f"{damaged}.html").write_bytes(b"other")
    stored = archives.store([local_archive], PAGE, result(9), pending=pending)
    assert stored.kept_in == (local_archive.name,)
    assert [damaged in problem for problem in stored.problems] == [True]
    assert [kept["id"] for kept in local_archive.results(None, limit=10)] == [stored.id, good]


def test_metrics_go_on_beside_results_that_cannot_be_read_and_count_them(tmp_path):
    settings = Settings(home=tmp_path)
    [kept] = open_archives(settings.archive_uris)
    kept.put(PAGE, result(9))
    ids = planted(kept)
    found = {metric.name: metric.samples for metric in DriftCollector(settings).collect()}
    assert [sample.value for sample in found["creditrisk_archive_unreadable_results"]] == [len(ids)]
    assert [sample.value for sample in found["creditrisk_window_rows"]] == [100]
    up = {sample.labels["source"]: sample.value for sample in found["creditrisk_source_up"]}
    assert up == {"archive": 1, "decision_log": 1}


# --- the order of reports ---


def test_the_last_result_is_the_one_that_ended_last_whatever_clocks_said(archive, tmp_path):
    archive.put(PAGE, result(9, last_seq=500, log_head={"seq": 500, "hash": "5c" * 32}))
    after = result(6, last_seq=700, log_head={"seq": 700, "hash": "5c" * 32})  # the clock was put back
    archive.put(PAGE, after)
    found = archives.last_result([archive], "german_credit", pending=tmp_path)
    assert found is not None
    assert found["last_seq"] == 700


# --- Cloud Storage and MongoDB ---


def test_an_object_is_written_once_and_deleted_only_as_it_was_seen(cloud_storage, cloud_storage_archive):
    report_id = cloud_storage_archive.put(PAGE, result(9))
    damage_page(cloud_storage_archive, report_id)
    cloud_storage_archive.put(PAGE, result(9))  # what is there stays as it is, and says that it was changed
    with pytest.raises(DamagedReportError):
        cloud_storage_archive.html(report_id)
    blob = cloud_storage_archive._bucket.get_blob(f"drift/{report_id}.html")
    with pytest.raises(PreconditionFailed):
        blob.delete(if_generation_match=blob.generation + 1)
    cloud_storage_archive.remove(report_id)
    assert cloud_storage_archive.ids() == []


def test_calls_that_cloud_storage_refuses_for_a_moment_are_made_again(cloud_storage, cloud_storage_archive):
    cloud_storage.n_to_refuse = 1
    report_id = cloud_storage_archive.put(PAGE, result(9))
    for use in (cloud_storage_archive.html, cloud_storage_archive.result, cloud_storage_archive.remove):
        cloud_storage.n_to_refuse = 1
        use(report_id)


def test_a_scrape_fetches_from_cloud_storage_what_is_new_only(cloud_storage, cloud_storage_archive, tmp_path):
    ids = [cloud_storage_archive.put(PAGE, result(hour)) for hour in (6, 9)]
    exporter = DriftCollector(Settings(home=tmp_path, archives=f"{cloud_storage.uri}/drift"))

    def fetched() -> list[str]:
        cloud_storage.downloaded.clear()
        rows = [metric for metric in exporter.collect() if metric.name == "creditrisk_window_rows"]
        assert len(rows) == 1
        return cloud_storage.downloaded

    assert sorted(fetched()) == [f"drift/{report_id}.json" for report_id in ids]
    assert fetched() == []
    newest = cloud_storage_archive.put(PAGE, result(12))
    assert fetched() == [f"drift/{newest}.json"]


def test_of_more_than_may_be_held_the_newest_results_are_not_fetched_again(cloud_storage, monkeypatch):
    [kept] = open_archives([cloud_storage.uri])
    ids = [kept.put(PAGE, result(hour)) for hour in (6, 9, 12)]
    n_bytes = kept._bucket.get_blob(f"{ids[0]}.json").size
    monkeypatch.setattr("monitoring.archive.gcs.MOST_BYTES_HELD", int(2.5 * n_bytes))
    [bounded] = open_archives([cloud_storage.uri])

    for _ in range(2):
        cloud_storage.downloaded.clear()
        assert [found["id"] for found in bounded.results(None, limit=10)] == ids[::-1]

    assert cloud_storage.downloaded == [f"{ids[0]}.json"]


def test_mongodb_looks_reports_up_by_index(mongodb_archive):
    mongodb_archive.put(PAGE, result(9))
    indexes = [list(index["key"].items()) for index in mongodb_archive._database.reports.list_indexes()]
    for keys in INDEXES:
        assert keys in indexes


# --- the local folder ---


def test_files_of_reports_that_were_killed_are_removed_with_the_next(local_archive, tmp_path):
    folder = tmp_path / "reports" / "german_credit"
    pending = tmp_path / "pending"
    waiting = waiting_room(pending, local_archive).folder / "german_credit"
    half = []
    for place in (folder, waiting):
        place.mkdir(parents=True)
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        half += [place / f".20240331T090000Z-1a2b3c4d.{kind}.{dead.pid}.7" for kind in ("html", "json")]
        half.append(place / f".20240331T060000Z-1a2b3c4d.html.{os.getpid()}.7")
        for path in half[-3:]:
            path.write_bytes(b"half")
        os.utime(half[-1], (0, 0))  # whoever wrote that is long gone, and its number was given again
        (place / f".20240331T120000Z-1a2b3c4d.html.{os.getpid()}.7").write_bytes(b"being written")
        (place / ".keep").write_bytes(b"")
    archives.store([local_archive], PAGE, result(9), pending=pending)
    assert [path for path in half if path.exists()] == []
    for place in (folder, waiting):
        assert sorted(path.name for path in place.glob(".*")) == [
            f".20240331T120000Z-1a2b3c4d.html.{os.getpid()}.7",
            ".keep",
        ]


KILLED_WHILE_IT_WRITES = """
import os, signal, sys
from pathlib import Path
from creditrisk.home import write_whole
os.fsync = lambda number: os.kill(os.getpid(), signal.SIGKILL)
write_whole(Path(sys.argv[1]), b"half", survives_power_cut=True)
"""


def test_a_report_killed_while_it_writes_leaves_nothing_after_the_next(local_archive, tmp_path):
    path = tmp_path / "reports" / "german_credit" / "20240331T060000Z-1a2b3c4d.html"
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_IT_WRITES, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(path.parent.iterdir())) == 1
    report_id = local_archive.put(PAGE, result(9))
    assert {path.stem for path in path.parent.iterdir()} == {report_id.rpartition("/")[2]}


def plant_page(archive: Archive, report_id: str, content: bytes) -> None:
    """Put other bytes in the place of a page, as an archive keeps it."""
    if isinstance(archive, LocalArchive):
        (archive.folder / f"{report_id}.html").write_bytes(content)
    elif isinstance(archive, CloudStorageArchive):
        archive._bucket.blob(f"drift/{report_id}.html").upload_from_string(content)
    else:
        bucket = GridFSBucket(archive._database)
        bucket.delete(report_id)
        bucket.upload_from_stream_with_id(report_id, "other", content)


@pytest.mark.parametrize("content", [gzip.compress(bytes(1_000_000_000), 1), b"\x1f\x8b" * 5, bytes(3_000_000)])
def test_a_page_that_unpacks_to_gigabytes_is_not_unpacked(archive, content, monkeypatch):
    for module in ("sealing", "gcs"):
        monkeypatch.setattr(f"monitoring.archive.{module}.MAX_PAGE_BYTES", 2_000_000)
    if isinstance(archive, MongoArchive) and len(content) > 4_000_000:
        content = content[:4_000_000]
    first, second = archive.put(PAGE, result(9)), archive.put(b"other", result(10))
    plant_page(archive, first, content)
    tracemalloc.start()
    with pytest.raises(DamagedReportError, match="was changed after it was written"):
        archive.html(first)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40_000_000
    assert archive.html(second) == b"other"
    with pytest.raises(ArchiveError, match="a report of 3 MB is not kept"):
        archive.put(bytes(3_000_000), result(11))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        *(("files", {"length": value}) for value in ("x", 0, 10**12, None, [], 2.5)),
        *(("files", {"chunkSize": value}) for value in ("x", 0, -1, None, [], 2.5)),
        *(("chunks", {"data": value}) for value in ("x", 5, None, b"", b"x" * 100)),
        *(("chunks", {name: value}) for name in ("n", "files_id") for value in ("x", 5, -1, None, {})),
    ],
)
def test_what_others_wrote_into_the_pieces_of_a_page_is_damage_and_not_an_archive_that_is_away(kind, change):
    with MongoStandIn() as server:
        [archive] = open_archives([server.uri])
        kept, harmed = archive.put(b"other", result(8)), archive.put(PAGE, result(9))
        pieces = server.collections[f"creditrisk_test.fs.{kind}"]
        [piece] = [one for one in pieces if harmed in (one["_id"], one.get("files_id"))]
        piece.update(change)
        with pytest.raises(DamagedReportError, match="was changed after it was written"):
            archive.html(harmed)
        assert archive.html(kept) == b"other"


@pytest.mark.parametrize("kind", ["reports", "fs.files"])
def test_an_id_that_cannot_be_decoded_hides_no_other(kind):
    with MongoStandIn() as server:
        [archive] = open_archives([server.uri])
        report_id = archive.put(PAGE, result(9))
        undecodable = {"_id": DatetimeMS(10**17), "created_at": "2099"}
        server.collections[f"creditrisk_test.{kind}"].append(undecodable)
        assert archive.ids() == [report_id]
        assert [one["id"] for one in archive.results(None, 5)] == [report_id]


def test_a_page_that_is_a_pipe_is_not_waited_for(local_archive):
    report_id = local_archive.put(PAGE, result(9))
    path = local_archive.folder / f"{report_id}.html"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DamagedReportError, match="cannot be read"):
        local_archive.html(report_id)


def test_a_page_changed_on_disk_is_not_served(local_archive, tmp_path):
    report_id = local_archive.put(PAGE, result(9))
    (tmp_path / "reports" / f"{report_id}.html").write_bytes(PAGE.replace(b"Nothing", b"Something"))
    with pytest.raises(ArchiveError, match="changed after it was written"):
        local_archive.html(report_id)


def test_a_report_cut_off_before_its_result_was_written_does_not_exist(local_archive, tmp_path):
    report_id = local_archive.put(PAGE, result(9))
    (tmp_path / "reports" / f"{report_id}.json").unlink()
    assert local_archive.latest("german_credit") is None


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "reports").write_text("a file where the folder should be")
    with pytest.raises(ArchiveError, match="cannot write a report to"):
        LocalArchive(tmp_path / "reports").put(PAGE, result(9))


# --- archives that are away ---


def away() -> Archive:
    """A MongoDB address at which nobody listens, with a password that must not be seen."""
    return open_archives([f"mongodb://clerk:s3cret@127.0.0.1:{free_port()}/reports"])[0]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("gcs", "mongo"):
        monkeypatch.setattr(f"monitoring.archive.{kind}.TIMEOUT_SECONDS", 0.1)


@pytest.mark.usefixtures("hurried")
def test_a_report_survives_an_archive_that_is_away_and_is_delivered_later(tmp_path, local_archive):
    gone = away()
    first = archives.store([local_archive, gone], PAGE, result(9), pending=tmp_path / "pending")
    assert first.kept_in == (local_archive.name,)
    assert "does not answer" in first.problems[0]
    assert "is kept in" in first.problems[0]
    assert archives.n_waiting([local_archive, gone], pending=tmp_path / "pending") == 1

    back = LocalArchive(tmp_path / "back")  # the same address, answering again
    back.name = gone.name
    second = archives.store([local_archive, back], b"later", result(12), pending=tmp_path / "pending")
    assert second.problems == ()
    assert back.html(first.id) == PAGE
    assert back.results(None, limit=10) == local_archive.results(None, limit=10)
    assert archives.n_waiting([local_archive, back], pending=tmp_path / "pending") == 0


@pytest.mark.usefixtures("hurried")
def test_the_last_result_is_found_while_every_archive_is_away(tmp_path):
    gone = away()
    archives.store([gone], PAGE, result(9), pending=tmp_path)
    found = archives.last_result([gone], "german_credit", pending=tmp_path)
    assert found is not None
    assert found["last_seq"] == 900


def test_of_those_who_read_while_an_archive_is_away_one_waits_every_while(tmp_path, local_archive, monkeypatch):
    n_asked, clock, is_away = [], [0.0], [True]

    def ids() -> list[str]:
        n_asked.append(1)
        if is_away[0]:
            raise ArchiveAwayError("it does not answer.")
        return []

    monkeypatch.setattr(local_archive, "ids", ids)
    monkeypatch.setattr("monitoring.archive.away.time.monotonic", lambda: clock[0])
    reader = PatientlyRead(local_archive)

    def ask() -> str:
        try:
            return str(reader.ids())
        except ArchiveError as exc:
            return str(exc)

    assert [ask() for _ in range(5)] == ["it does not answer."] * 5
    # What is only known after a look does not count: there is no such report, which is an answer.
    with pytest.raises(ArchiveAwayError):
        reader.html("german_credit/20240331T090000Z-1a2b3c4d")
    clock[0] += AWAY_SECONDS + 1
    assert [ask() for _ in range(5)] == ["it does not answer."] * 5
    assert len(n_asked) == 2
    is_away[0], clock[0] = False, clock[0] + AWAY_SECONDS + 1
    assert [ask(), ask()] == ["[]", "[]"]
    for unknown in ("german_credit/20240331T090000Z-1a2b3c4d", "../etc/passwd"):
        with pytest.raises(ArchiveError):
            reader.html(unknown)
    assert ask() == "[]"
    report_id = reader.put(PAGE, result(9))
    assert (reader.html(report_id), reader.result(report_id)["id"]) == (PAGE, report_id)


@pytest.mark.usefixtures("hurried")
def test_a_page_of_reports_waits_once_for_an_archive_that_is_away(tmp_path):
    uri = f"mongodb://127.0.0.1:{free_port()}/reports"
    pages = ReportPages(Settings(home=tmp_path, archives=f"file://{tmp_path}/reports,{uri}"))
    pages.report("german_credit/20240331T090000Z-1a2b3c4d")
    for archive in archives_to_read([uri]):
        assert archive._away is not None
        archive._archive = None  # whoever asks it again fails
    assert pages.report("german_credit/20240331T090000Z-1a2b3c4d").status == "503 Service Unavailable"
    assert b"does not answer" in pages.report("german_credit/20240331T090000Z-1a2b3c4d").body


@pytest.mark.parametrize(("uri", "library"), [("mongodb://h/reports", "pymongo"), ("gs://b", "google.cloud.storage")])
def test_an_archive_whose_library_is_missing_is_away_and_the_others_are_read(tmp_path, monkeypatch, uri, library):
    monkeypatch.setitem(sys.modules, library, None)
    local, missing = open_archives([f"file://{tmp_path}/reports", uri])
    kept = archives.store([local, missing], PAGE, result(9), pending=tmp_path)
    [problem] = kept.problems
    assert "cannot be reached from here: '" in problem
    assert "risk-o-meter[archives]" in problem
    assert archives.read_all([missing, local], None, pending=tmp_path).results[0]["id"] == kept.id
    assert archives.find_page([missing, local], kept.id, pending=tmp_path) == PAGE
    for asked in (missing.ids, lambda: missing.remove(kept.id), lambda: missing.html(kept.id)):
        with pytest.raises(ArchiveAwayError):
            asked()


@pytest.mark.usefixtures("hurried")
def test_no_answer_is_not_taken_for_no_report(tmp_path):
    with pytest.raises(ArchiveError, match="does not answer"):
        archives.last_result([away()], "german_credit", pending=tmp_path)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://clerk:s3cret@127.0.0.1:1/reports",
        "mongodb://clerk:s3cret?@127.0.0.1:1/reports",  # an unescaped character in the password
        "mongodb://clerk:s3cret@127.0.0.1:no-port/reports",
        "postgresql://clerk:s3cret@127.0.0.1/reports",
    ],
)
def test_no_error_shows_a_password(uri):
    with pytest.raises(ArchiveError) as failure:
        open_archives([uri])[0].latest(None)
    assert "s3cret" not in "".join(traceback.format_exception(failure.value))


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("hurried")
def test_a_database_that_hangs_in_the_middle_of_an_answer_is_away(monkeypatch):
    let_go, answer = threading.Event(), MongoStandIn.answer

    def hang(server: MongoStandIn, command: dict) -> dict:
        if "find" in command:
            let_go.wait(120)
        return answer(server, command)

    monkeypatch.setattr(MongoStandIn, "answer", hang)
    with MongoStandIn() as server:
        [archive] = open_archives([server.uri])
        with pytest.raises(ArchiveAwayError, match="does not answer"):
            archive.read(None, 1)
        let_go.set()


@pytest.mark.usefixtures("hurried")
def test_cloud_storage_that_is_away_is_a_sentence(monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ArchiveError, match="gs://risk-reports does not answer"):
        open_archives(["gs://risk-reports"])[0].put(PAGE, result(9))


def test_an_address_that_is_no_archive_names_the_three_that_are():
    with pytest.raises(ArchiveError, match=r"file://FOLDER, mongodb://HOST/DATABASE or gs://BUCKET"):
        open_archives(["ftp://reports"])


def test_a_kind_of_archive_is_found_by_the_scheme_of_its_module(tmp_path, monkeypatch):
    """A module that lies in the package is all it takes; the sentence names it too."""
    (tmp_path / "drawer.py").write_text(
        "from monitoring.archive.local import LocalArchive\n"
        "from pathlib import Path\n"
        'SCHEMES, ADDRESS, COMPLEXITY = ("drawer",), "drawer://FOLDER", 9\n'
        "def open_archive(uri): return LocalArchive(Path(uri.removeprefix('drawer://')))\n"
    )
    monkeypatch.setattr(archives, "__path__", [*archives.__path__, str(tmp_path)])
    try:
        [drawer] = open_archives([f"drawer://{tmp_path}"])
        assert drawer.html(drawer.put(PAGE, result(9))) == PAGE
        with pytest.raises(ArchiveError, match=r"gs://BUCKET or drawer://FOLDER"):
            open_archives(["ftp://reports"])
    finally:
        sys.modules.pop("monitoring.archive.drawer", None)
