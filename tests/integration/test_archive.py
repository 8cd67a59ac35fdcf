"""One contract, three archives: a local folder, Google Cloud Storage and MongoDB keep and give back reports alike.

Google Cloud Storage is the emulator's HTTP server, spoken to by Google's own client. MongoDB is a real server when
CREDITRISK_TEST_MONGODB_URL names one (the database it names is emptied first and dropped after). Without it, the small
server of mongodb_stand_in.py takes its place: the real client and GridFS run over a socket, MongoDB itself does not.
"""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from creditrisk.errors import ArchiveError
from monitoring import archive as archives
from monitoring.archive import Archive, LocalArchive, open_archives
from tests.integration.mongodb_stand_in import MongoStandIn

PAGE = b"<html>" + b"Nothing has drifted. " * 10_000 + b"</html>"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def result(hour: int, *, model: str = "german_credit") -> dict:
    return {
        "model": model,
        "model_version": "7",
        "created_at": f"2024-03-31T{hour:02}:00:00+00:00",
        "last_seq": hour * 100,
        "score": {"psi": 0.02, "status": "stable"},
        "findings": ["Nichts gefunden: alles beim Alten – größer als nötig"],
    }


@pytest.fixture
def local_archive(tmp_path: Path) -> Archive:
    return open_archives([f"file://{tmp_path / 'reports'}"])[0]


@pytest.fixture
def cloud_storage_archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    from gcp_storage_emulator.server import create_server

    port = free_port()
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket="risk-reports")
    server.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    yield open_archives(["gs://risk-reports/drift"])[0]
    server.stop()


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
        with pytest.raises(ArchiveError, match="not the id of a report"):
            archive.html(bad)


# --- the local folder ---


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
    monkeypatch.setattr(archives, "TIMEOUT_SECONDS", 0.1)


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


@pytest.mark.usefixtures("hurried")
def test_cloud_storage_that_is_away_is_a_sentence(monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ArchiveError, match="gs://risk-reports does not answer"):
        open_archives(["gs://risk-reports"])[0].put(PAGE, result(9))


def test_an_address_that_is_no_archive_names_the_three_that_are():
    with pytest.raises(ArchiveError, match=r"file://FOLDER, mongodb://HOST/DATABASE or gs://BUCKET"):
        open_archives(["ftp://reports"])
