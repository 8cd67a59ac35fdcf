"""Dropped files: bounded in bytes, ended with the app, and truly told of when their results are gone."""

import errno
import json
import os
import threading
import time
from dataclasses import replace
from urllib.parse import quote

import pytest

from creditrisk.decision_log import Actor, DecisionLog
from creditrisk.errors import CreditRiskError
from webapp import upload_files, upload_records, upload_scoring, uploads
from webapp.app import create_app
from webapp.errors import BusyError
from webapp.scoring import CHUNK_ROWS
from webapp.upload_records import Record
from webapp.uploads import Uploads

HEADER = b"client,age_years,amount_eur,income_eur,housing"
ROW = b"SECRET-7,61,2000,52000,own"
FIVE_THOUSAND = b"\n".join([HEADER, *[ROW] * 5000])
KIND = "application/octet-stream"
ITS_KEY = upload_records.key_of("its-name")


@pytest.fixture
def context(corner_app):
    return corner_app.extensions["creditrisk"]


def begin(kept, context, content, filename):
    """Start on a file that is kept apart from those of the app."""
    return upload_scoring.begin(replace(context, uploads=kept), content, filename, Actor("the tests"))


def scored_upload(kept, context, content=HEADER + b"\n" + ROW, filename="c.csv"):
    name, work = begin(kept, context, content, filename)
    work.result(timeout=30)
    return name


def stage(app, job: str) -> str:
    """What the page shows of an upload, as the browser gets it."""
    kept = [("shown", "data"), ("working", "data")]
    outputs = [("stage", "children"), ("tick", "disabled"), *kept]
    answer = app.test_client().post(
        "/ui/_dash-update-component",
        json={
            "output": f"..{'...'.join('.'.join(output) for output in outputs)}..",
            "outputs": [{"id": name, "property": kind} for name, kind in outputs],
            "inputs": [
                {"id": "job", "property": "data", "value": job},
                {"id": "tick", "property": "n_intervals", "value": 1},
            ],
            "state": [{"id": name, "property": kind, "value": None} for name, kind in kept],
            "changedPropIds": ["tick.n_intervals"],
        },
    )
    assert answer.status_code == 200, answer.text
    return json.dumps(answer.json["response"]["stage"], ensure_ascii=False)


# Bounded in bytes


def wide(n_columns: int) -> bytes:
    header = HEADER + b"".join(b",x%d" % number for number in range(n_columns))
    return b"\n".join([header, *[ROW + b",1" * n_columns] * 200])


def test_kept_results_are_counted_with_every_file_they_take_and_what_was_received_is_gone(context):
    kept = Uploads(context.settings.home)
    folder = kept.get(scored_upload(kept, context, wide(300))).folder
    files = {path.name: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    assert upload_files.n_bytes(folder) >= sum(files.values()) > 200 * 300 / 4
    checked = {"raw.arrow", "accepted.arrow", "rejected.json", "reading.json"}
    assert set(files) == {"details.json", "lock", "scored.arrow", *checked}


def test_the_oldest_results_make_room_in_bytes_and_the_last_stays(context, monkeypatch):
    kept = Uploads(context.settings.home)
    size = upload_files.n_bytes(kept.get(scored_upload(kept, context, wide(300))).folder)
    # Their details differ by a few bytes.
    monkeypatch.setattr(uploads, "MOST_BYTES_KEPT", 2.5 * size)
    names = [scored_upload(kept, context, wide(300)) for _ in range(5)]
    assert [kept.get(name) is not None for name in names] == [False, False, True, True, True]
    monkeypatch.setattr(uploads, "MOST_BYTES_KEPT", 0)
    assert [kept.get(name) is not None for name in names] == [False, False, False, False, True]


def test_waiting_files_are_bounded_in_bytes_and_a_single_one_always_goes(context, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_BYTES_WAITING", 10)
    gate = threading.Event()
    monkeypatch.setattr(upload_scoring, "_score_file", lambda *_: gate.wait(30))
    kept = Uploads(context.settings.home)
    begin(kept, context, b"x" * 100, "large.csv")
    for refused in (lambda: begin(kept, context, b"x", "small.csv"), lambda: kept.check_room(1)):
        with pytest.raises(BusyError, match="try again in a minute"):
            refused()
    gate.set()


def test_the_page_says_what_became_of_a_result_that_made_room(corner_app, monkeypatch):
    client = corner_app.test_client()
    names = [client.post("/uploads", data=FIVE_THOUSAND, content_type=KIND).json["upload"] for _ in range(2)]
    for name in names:
        wait_until_over(client, name)
    monkeypatch.setattr(uploads, "MOST_BYTES_KEPT", 0)
    shown = stage(corner_app, names[0])
    assert "5,000 of 5,000 clients had been scored and are in the decision log" in shown
    assert "Results stay here for an hour, less if many files come" in shown
    assert "Download result" in stage(corner_app, names[1])


def wait_until_over(client, name: str) -> None:
    deadline = time.monotonic() + 30
    while client.get(f"/uploads/{name}/result.csv").status_code == 409:
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Ended with the app


class EndingError(CreditRiskError):
    """Whatever the scoring itself may raise when the app ends."""


def n_logged_after_a_restart(context, name: str) -> int:
    """How many decisions there are once another process has finished a file; its result holds every client once."""
    app = create_app(context.settings)
    again = app.extensions["creditrisk"]
    again.champion.look()

    def is_over() -> bool:
        for work in upload_scoring.take_up(again):
            work.result(timeout=30)
        return again.uploads.get(name).is_over

    wait_until(is_over)
    assert again.uploads.get(name).record == Record("done", 5000, 5000, 5000)
    scored = upload_scoring.result_of(again, again.uploads.get(name)).scored
    assert scored["row_number"].to_list() == list(range(1, 5001))
    return sum(again.log.counts_by_verdict().values())


def wait_until(is_so) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_upload_ends_after_the_block_in_hand_and_says_how_far_it_came(corner_app, context, monkeypatch):
    monkeypatch.setattr(upload_scoring, "BLOCK_SECONDS", 0.0)
    real = upload_scoring.score_in_chunks

    def score(*args, **kwargs):
        for number, chunk in enumerate(real(*args, **kwargs), start=1):
            if number == 2:
                context.stopping.set()
            yield chunk

    monkeypatch.setattr(upload_scoring, "score_in_chunks", score)
    name = corner_app.test_client().post("/uploads", data=FIVE_THOUSAND, content_type=KIND).json["upload"]
    assert context.stopping.wait(30)
    wait_until(lambda: context.uploads.get(name).record.n_done == 2 * CHUNK_ROWS)
    assert "The app was told to end. It goes on with this file by itself when it is back" in stage(corner_app, name)
    assert context.log.head()[0] == 2 * CHUNK_ROWS
    later = create_app(context.settings)
    assert f"{2 * CHUNK_ROWS:,} of 5,000 clients scored." in stage(later, name)
    monkeypatch.undo()
    assert n_logged_after_a_restart(context, name) == 5000
    assert "Download result" in stage(later, name)


def test_an_error_that_scoring_raises_when_the_app_ends_keeps_what_was_scored(context, monkeypatch):
    real = upload_scoring.score_in_chunks

    def score(*args, **kwargs):
        yield next(real(*args, **kwargs))
        context.stopping.set()
        raise EndingError

    monkeypatch.setattr(upload_scoring, "score_in_chunks", score)
    kept = Uploads(context.settings.home)
    name = scored_upload(kept, context, FIVE_THOUSAND)
    upload = kept.get(name)
    assert (upload.record.state, upload.record.n_done, upload.is_over) == ("scoring", CHUNK_ROWS, False)
    monkeypatch.undo()
    assert n_logged_after_a_restart(context, name) == 5000


def test_a_file_whose_turn_had_not_come_is_not_scored_when_the_app_ends(corner_app, context):
    context.stopping.set()
    name = corner_app.test_client().post("/uploads", data=FIVE_THOUSAND, content_type=KIND).json["upload"]
    assert "The app was told to end. It goes on with this file by itself when it is back" in stage(corner_app, name)
    assert context.log.head()[0] == 0
    assert n_logged_after_a_restart(context, name) == 5000


class KilledError(BaseException):
    """In place of `kill -9`: nothing that comes after it is done."""


def kill(*_args, **_kwargs):
    raise KilledError


@pytest.mark.parametrize("what", ["log.append_scored", "settle", "keep_checked", "keep_scored"])
def test_whenever_a_process_is_killed_no_client_is_scored_twice_and_none_is_left_out(context, monkeypatch, what):
    # The third block: before it is in the log, or after it is there; before what was read is kept; before the end.
    module = context.log if what == "log.append_scored" else upload_files
    real, calls = getattr(module, what.removeprefix("log.")), iter(range(100))
    n_before = 0 if what in ("keep_checked", "keep_scored") else 2

    def kill_at_last(*args, **kwargs):
        return real(*args, **kwargs) if next(calls) < n_before else kill()

    monkeypatch.setattr(module, what.removeprefix("log."), kill_at_last)
    name, work = begin(context.uploads, context, FIVE_THOUSAND, "clients.csv")
    with pytest.raises(KilledError):
        work.result(timeout=30)
    monkeypatch.undo()
    assert not context.uploads.get(name).is_over
    # Others go on scoring meanwhile, the same client too.
    other = {"client": "SECRET-7", "age_years": 61, "amount_eur": 2000, "income_eur": 52000, "housing": "own"}
    app = create_app(context.settings)
    app.extensions["creditrisk"].champion.look()
    assert app.test_client().post("/api/v1/score", json=[other] * 3).status_code == 200
    assert n_logged_after_a_restart(context, name) == 5000 + 3


@pytest.mark.parametrize("what", ["add_pending", "settle", "keep_scored", "write_details"])
def test_a_file_that_finds_no_room_goes_on_when_there_is_some_and_nobody_is_scored_twice(context, monkeypatch, what):
    real, calls = getattr(upload_files, what), iter(range(100))
    n_before = {"keep_scored": 0, "write_details": 3}.get(what, 1)

    def find_no_room(*args, **kwargs):
        if next(calls) < n_before:
            return real(*args, **kwargs)
        monkeypatch.setattr(upload_records, "write_whole", fail)
        return fail()

    def fail(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(upload_files, what, find_no_room)
    name, work = begin(context.uploads, context, FIVE_THOUSAND, "clients.csv")
    work.result(timeout=30)
    assert upload_records.write_whole is fail
    assert not context.uploads.get(name).is_over
    monkeypatch.undo()
    assert n_logged_after_a_restart(context, name) == 5000
    upload = context.uploads.get(name)
    assert (upload.record.state, upload.record.n_scored) == ("done", 5000)


def test_a_block_in_which_nobody_could_be_scored_is_gone_over_after_a_kill(context, monkeypatch):
    rows = FIVE_THOUSAND.splitlines(keepends=True)
    unfit = b"".join(rows[:1] + [row.replace(b",61,", b",abc,") for row in rows[1:]])
    assert unfit != FIVE_THOUSAND
    with monkeypatch.context() as killed:
        killed.setattr(upload_files, "settle", kill)
        name, work = begin(context.uploads, context, unfit, "clients.csv")
        with pytest.raises(KilledError):
            work.result(timeout=30)
    app = create_app(context.settings)
    app.extensions["creditrisk"].champion.look()
    other = {"client": "SECRET-7", "age_years": 61, "amount_eur": 2000, "income_eur": 52000, "housing": "own"}
    assert app.test_client().post("/api/v1/score", json=[other]).status_code == 200
    monkeypatch.setattr(uploads, "FRESH_SECONDS", 0.0)
    for work in upload_scoring.take_up(context):
        work.result(timeout=30)
    assert context.uploads.get(name).record == Record("done", 5000, 5000, 0)


def test_a_file_that_was_cut_off_waits_for_a_log_that_is_away(context, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(upload_files, "settle", kill)
        name, work = begin(context.uploads, context, FIVE_THOUSAND, "clients.csv")
        with pytest.raises(KilledError):
            work.result(timeout=30)
    away = replace(context, log=DecisionLog(f"sqlite:///{context.settings.home}"))
    monkeypatch.setattr(uploads, "FRESH_SECONDS", 0.0)
    works = upload_scoring.take_up(away)
    assert works
    for work in works:
        work.result(timeout=30)
    assert not context.uploads.get(name).is_over
    assert n_logged_after_a_restart(context, name) == 5000


def test_a_file_that_nobody_took_up_for_a_day_is_removed_and_the_page_says_so(corner_app, context, monkeypatch):
    context.stopping.set()
    name = scored_upload(context.uploads, context)
    assert context.uploads.get(name).folder.is_dir()
    monkeypatch.setattr(uploads, "UNFINISHED_SECONDS", 0.0)
    assert "The app ended before this file had been read, and was not back within a day" in stage(corner_app, name)
    assert not [path for path in (context.settings.home / "uploads").iterdir() if path.is_dir()]


def test_a_folder_that_cannot_be_read_is_removed_in_time_and_nobody_is_told_what_it_was(context):
    kept = Uploads(context.settings.home)
    folder = kept.get(scored_upload(kept, context)).folder
    (folder / "details.json").write_text("{")
    os.utime(folder, (1e9, 1e9))
    kept.make_room()
    assert not folder.exists()


def test_a_failure_after_the_first_block_keeps_what_was_scored_and_says_why(corner_app, context, monkeypatch):
    real = upload_scoring.score_in_chunks

    def score(*args, **kwargs):
        yield next(real(*args, **kwargs))
        raise CreditRiskError("the decision log is away.")

    monkeypatch.setattr(upload_scoring, "score_in_chunks", score)
    name = corner_app.test_client().post("/uploads", data=FIVE_THOUSAND, content_type=KIND).json["upload"]
    wait_until_over(corner_app.test_client(), name)
    shown = stage(corner_app, name)
    assert f"The decision log is away. Scoring came as far as client {CHUNK_ROWS:,} of 5,000" in shown
    assert "Download result" in shown


# Truly told of


def test_nothing_is_scored_of_a_file_that_did_not_arrive_as_a_whole(corner_app, context):
    client = corner_app.test_client()
    half = FIVE_THOUSAND[: len(FIVE_THOUSAND) // 2]
    promised = {"CONTENT_LENGTH": str(len(FIVE_THOUSAND))}
    answer = client.post("/uploads", data=half, content_type=KIND, environ_overrides=promised)
    assert answer.status_code == 400
    assert context.log.head()[0] == 0


@pytest.mark.parametrize(
    ("record", "headline", "text"),
    [
        (Record("reading"), "The app ended before this file had been read", "Nothing was scored."),
        (
            Record("scoring", 40_000, 12_000, 11_998),
            "The app ended while this file was being scored",
            "At least 11,998 of 40,000 clients had been scored and are in the decision log.",
        ),
        (
            Record("scoring", 40_000),
            "The app ended while this file was being scored",
            "None of 40,000 clients is known to have been scored; any that was is in the decision log.",
        ),
        (
            Record("done", 1, 1, 1),
            "This result is no longer kept",
            "1 of 1 client had been scored and are in the decision log. Results stay here for an hour",
        ),
        (
            Record("stopped", 40_000, 2_000, 2_000),
            "This result is no longer kept",
            "2,000 of 40,000 clients had been scored",
        ),
        (Record("failed"), "This file could not be scored", "Nothing was scored. Drop the file again"),
        (None, "This result is no longer kept", "Results stay here for an hour, less if many files come"),
    ],
)
def test_the_page_says_what_became_of_a_file_that_is_not_kept(corner_app, context, record, headline, text):
    if record is not None:
        upload_records.note(context.settings.home, ITS_KEY, record)
    shown = stage(corner_app, "its-name")
    assert headline in shown
    assert text in shown
    assert "Drop the file again" in shown


def test_the_note_of_an_upload_names_neither_file_nor_client_and_belongs_to_the_user_alone(context):
    kept = Uploads(context.settings.home)
    name = scored_upload(kept, context, filename="Anna Schmidt.csv")
    folder = context.settings.home / "uploads"
    [path] = folder.glob("*.json")
    assert json.loads(path.read_text()) == {"state": "done", "n_rows": 1, "n_done": 1, "n_scored": 1}
    assert not [path for path in folder.rglob("*") if name in path.name]
    for path in (folder, *folder.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_notes_are_few_and_none_is_old(context, monkeypatch):
    monkeypatch.setattr(upload_records, "MOST_RECORDS", 3)
    home = context.settings.home
    for number in range(5):
        upload_records.note(home, f"upload {number}", Record("done"))
        path = upload_records._path(home, f"upload {number}")
        os.utime(path, (1e9 + number, 1e9 + number) if number == 4 else (time.time() + number,) * 2)
    upload_records.forget_old(home)
    kept = [upload_records.recall(home, f"upload {number}") is not None for number in range(5)]
    assert kept == [False, True, True, True, False]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": "lost"}', '{"state": "done", "n_rows": "many"}', "null"])
def test_a_damaged_note_says_nothing(corner_app, context, text):
    upload_records.note(context.settings.home, ITS_KEY, Record("done"))
    upload_records._path(context.settings.home, ITS_KEY).write_text(text)
    assert "This result is no longer kept" in stage(corner_app, "its-name")


def test_a_note_that_cannot_be_renewed_stays_and_its_file_is_still_known(context, monkeypatch, caplog):
    home = context.settings.home
    upload_records.note(home, "its-name", Record("reading"))
    note = upload_records._path(home, "its-name")
    note.with_name(f".{note.name}.{os.getpid()}.{threading.get_native_id()}").mkdir()
    upload_records.note(home, "its-name", Record("scoring", 10, 5, 5))
    assert upload_records.recall(home, "its-name") == Record("reading")
    assert "could not be noted" in caplog.text


@pytest.mark.parametrize("called", ["Клиенты.csv", "Łódź ž.csv", "客户.csv", "Müller.csv"])
def test_a_download_keeps_the_name_of_its_file_in_any_letters(corner_app, called):
    client = corner_app.test_client()
    sent = client.post("/uploads", data=FIVE_THOUSAND, content_type=KIND, headers={"X-File-Name": quote(called)})
    name = sent.json["upload"]
    while client.get(f"/uploads/{name}/result.csv").status_code == 409:
        time.sleep(0.05)
    for kind in ("csv", "xlsx", "parquet"):
        header = client.get(f"/uploads/{name}/result.{kind}").headers["Content-Disposition"]
        assert header.isascii()
        assert quote(f"{called.removesuffix('.csv')}-scored.{kind}") in header


def test_a_result_that_is_gone_is_not_found_and_one_that_is_not_there_yet_is_not_ready(corner_app, monkeypatch):
    client = corner_app.test_client()
    gate = threading.Event()
    monkeypatch.setattr(upload_scoring, "_score_file", lambda *_: gate.wait(30))
    waiting = client.post("/uploads", data=FIVE_THOUSAND, content_type=KIND).json["upload"]
    answers = [client.get(f"/uploads/{name}/result.csv") for name in ("never-was", "%00", waiting)]
    gate.set()
    assert [(answer.status_code, answer.json["error"]["code"]) for answer in answers] == [
        (404, "not_found"),
        (404, "not_found"),
        (409, "not_ready"),
    ]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("big%E2%80%AExslx.csv", "big xslx.csv"), ("a%00b%0Ac.csv", "a b c.csv"), ("%E2%81%A6x%E2%81%A9.csv", "x .csv"),
     ("%00", "clients.csv"), ("", "clients.csv"), ("Kund%C3%B6r.csv", "Kundör.csv"), ("x" * 300, "x" * 199 + "…")],
)  # fmt: skip
def test_a_name_is_shown_without_signs_that_turn_a_line_around_or_cannot_be_seen(corner_app, context, sent, shown):
    client = corner_app.test_client()
    answer = client.post("/uploads", data=HEADER + b"\n" + ROW, content_type=KIND, headers={"X-File-Name": sent})
    assert context.uploads.get(answer.json["upload"]).details.filename == shown


def test_a_file_from_a_time_to_come_is_taken_up_all_the_same(corner_app, context, monkeypatch):
    """It was cut off before the clock was put back."""
    at = time.time()
    monkeypatch.setattr(uploads.time, "time", lambda: at + 86_400)
    kept = Uploads(context.settings.home)
    kept.add(HEADER + b"\n" + ROW, "c.csv", Actor("the tests"))
    assert kept.unfinished() == []  # just begun: whoever received it works on it
    monkeypatch.setattr(uploads.time, "time", lambda: at)
    assert [upload.details.filename for upload in kept.unfinished()] == ["c.csv"]
