"""Batches as cards: paused, taken up, stopped, found again, and seen by who sent them alone."""

import json
import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from flask import g

from creditrisk.decision_log import Actor, erase
from creditrisk.scoring import client_words
from webapp import (
    accounts,
    corrections,
    past_uploads,
    policy_changes,
    upload_access,
    upload_files,
    upload_merging,
    upload_scoring,
)
from webapp.access import ROLES, Caller, local_caller
from webapp.app import create_app
from webapp.errors import BadRequestError, BusyError
from webapp.pages import attention, batches, file_doctor, file_reading, history_lists, scored_file
from webapp.scoring import CHUNK_ROWS
from webapp.upload_records import Record

HEADER = b"client,age_years,amount_eur,income_eur,housing\n"
CSV = HEADER + b"A7,61,2000,52000,own\nA8,abc,2000,,rent\n"
LONG = HEADER + b"A7,61,2000,52000,own\n" * 3 * CHUNK_ROWS
KIND = {"content_type": "application/octet-stream"}


@pytest.fixture
def context(corner_app):
    return corner_app.extensions["creditrisk"]


def wait_until(is_so):
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def words_of(component):
    """All text of a component, in reading order."""
    if isinstance(component, list | tuple):
        return " ".join(words_of(part) for part in component)
    return str(component or "") if isinstance(component, str | None) else words_of(getattr(component, "children", ""))


def seen(app, caller=None):
    """The cards that somebody sees, as text."""
    with app.test_request_context():
        g.caller = caller or local_caller()
        uploads = upload_access.of_caller(app.extensions["creditrisk"])
        drawn = batches.cards(uploads, None)
        return json.dumps([drawn.going_on, drawn.over], default=lambda part: part.to_plotly_json())


def test_a_paused_file_is_left_until_it_goes_on_and_nobody_is_scored_twice(corner_app, context, monkeypatch):
    settled, real = threading.Event(), upload_files.settle

    def settle(pending):
        real(pending)
        upload_files.pause(pending.path.parents[1])
        settled.set()

    monkeypatch.setattr(upload_files, "settle", settle)
    name, work = upload_scoring.begin(context, LONG, "long.csv", Actor("ada"))
    work.result(timeout=30)
    upload = context.uploads.get(name)
    assert (upload.is_paused, upload.is_over, upload.record.n_done) == (True, False, CHUNK_ROWS)
    assert upload_scoring.take_up(context) == []
    assert "Paused after 2,000 of 6,000 clients." in seen(corner_app)
    monkeypatch.setattr(upload_files, "settle", real)
    # After a restart as well: the card is there, and it goes on.
    later = create_app(context.settings)
    later.extensions["creditrisk"].champion.look()
    assert "Paused after 2,000 of 6,000 clients." in seen(later)
    monkeypatch.setattr("webapp.uploads.FRESH_SECONDS", 0)
    upload_files.go_on(upload.folder)
    for again in upload_scoring.take_up(later.extensions["creditrisk"]):
        again.result(timeout=30)
    assert context.uploads.get(name).record.state == "done"
    assert context.log.head()[0] == 3 * CHUNK_ROWS
    assert "6,000 of 6,000 clients scored" in seen(corner_app)


def test_a_paused_file_can_be_stopped(context, monkeypatch):
    monkeypatch.setattr("webapp.uploads.FRESH_SECONDS", 0)
    folder = context.uploads.folder(name := context.uploads.add(CSV, "c.csv", Actor("ada")))
    upload_scoring.pause(context, name)
    assert [upload.folder for upload in context.uploads.unfinished()] == []
    upload_files.ask_to_stop(folder)
    upload_files.go_on(folder)
    for work in upload_scoring.take_up(context):
        work.result(timeout=30)
    assert context.uploads.get(name).record.state == "stopped"


def test_where_there_are_accounts_everybody_sees_their_own_files(corner_app, context):
    for actor in ("ada", "bob"):
        upload_scoring.begin(context, CSV, f"of-{actor}.csv", Actor(actor))[1].result(timeout=30)
    ada = seen(corner_app, Caller("ada", "clerk", ROLES["clerk"]))
    assert "of-ada.csv" in ada
    assert "of-bob.csv" not in ada
    assert "of-bob.csv" in seen(corner_app)


def test_a_file_opens_for_its_sender_and_for_who_may_look_at_everything(corner_app, context):
    name, work = upload_scoring.begin(context, CSV, "of-ada.csv", Actor("ada"))
    work.result(timeout=30)

    def opens(who, role, name=name):
        with corner_app.test_request_context():
            g.caller = Caller(who, role, ROLES[role])
            return upload_access.opened(context, name) is not None

    assert [opens("ada", "clerk"), opens("bob", "clerk"), opens("ann", "analyst")] == [True, False, True]
    assert not any(opens("ada", "clerk", odd) for odd in ([name], {"a": name}, 7, None, "", "another"))
    # Nor does its name alone tell what became of it while it is kept.
    with corner_app.test_request_context():
        assert upload_access.record_of(context, name) is None


def test_an_address_that_is_passed_on_opens_nothing_for_another_account(corner_app, context):
    first, second = (
        {"Authorization": f"Bearer {accounts.add_key(context.settings.home, name, ('score',))}"} for name in ("a", "b")
    )
    client = corner_app.test_client()
    name = client.post("/uploads", data=CSV, headers=first, **KIND).json["upload"]
    wait_until(lambda: context.uploads.get(name).is_over)
    for kind in ("csv", "xlsx", "parquet"):
        address = f"/uploads/{name}/result.{kind}"
        found = [client.get(address, headers=headers).status_code for headers in (first, second)]
        assert found == [200, 404]


def test_a_file_at_which_its_process_dies_is_not_read_for_ever(context, monkeypatch):
    class DeathError(BaseException):
        """What Rust raises in a panic is no Exception either."""

    n_readings = []

    def die(*_args, **_kwargs):
        n_readings.append(1)
        raise DeathError

    monkeypatch.setattr(upload_scoring, "parse_upload", die)
    monkeypatch.setattr("webapp.uploads.FRESH_SECONDS", 0)
    name = context.uploads.add(CSV, "c.csv", Actor("ada"))
    for _ in range(5):
        for work in upload_scoring.take_up(context):
            work.exception(timeout=30)
    upload = context.uploads.get(name)
    assert (len(n_readings), upload.record.state) == (3, "failed")
    assert "was cut off 3 times while it read 'c.csv'" in upload.details.message


def test_the_same_file_again_is_asked_about_and_only_by_the_page(corner_app):
    client = corner_app.test_client()
    first = client.post("/uploads", data=CSV, headers={"X-Ask-First": "1"}, **KIND)
    again = client.post("/uploads", data=CSV, headers={"X-Ask-First": "1"}, **KIND)
    known = {"before": first.json["upload"], "is_kept": True}
    assert (first.status_code, again.status_code, again.json) == (202, 200, known)
    other = client.post("/uploads", data=CSV + b"A9,40,1000,30000,own\n", headers={"X-Ask-First": "1"}, **KIND)
    assert (other.status_code, client.post("/uploads", data=CSV, **KIND).status_code) == (202, 202)
    with corner_app.test_request_context():
        g.caller = local_caller()
        upload = upload_access.of_caller(corner_app.extensions["creditrisk"])[-1]
    assert "1 of 2 clients scored at " in str(batches.sent_again(upload))


def test_what_was_decided_under_other_cutoffs_is_another_file_and_its_case_shows_them(corner_app, context):
    client, ana = corner_app.test_client(), Caller("Ana", "approver", ROLES["approver"])
    policy_changes.set_cutoffs(context, ana, 0.0, 0.9, "nobody gets an offer")
    first = ask_first(client, CSV)
    assert client.post("/uploads", data=CSV, headers={"X-Ask-First": "1"}, **KIND).json["before"] == first
    policy_changes.set_cutoffs(context, ana, 0.4, 0.5, "everybody does")
    upload = context.uploads.get(first)
    rule = upload_scoring.result_of(context, upload).decider_of(1).rule
    assert (rule.approve_below, rule.decline_from) == (0.0, 0.9)
    assert not upload_scoring.has_cutoffs_of_now(context, upload.details)
    again = ask_first(client, CSV)
    assert upload_scoring.has_cutoffs_of_now(context, context.uploads.get(again).details)
    policy_changes.stop(context, ana, "wrong data")
    assert ask_first(client, CSV) not in (first, again)


def test_one_file_may_be_decided_under_several_policies(corner_app, context, monkeypatch):
    ana, real = Caller("Ana", "approver", ROLES["approver"]), upload_files.settle

    def settle(pending):
        real(pending)
        if pending.first_row == 1:
            policy_changes.set_cutoffs(context, ana, 0.0, 0.9, "nobody gets an offer")

    monkeypatch.setattr(upload_files, "settle", settle)
    name, work = upload_scoring.begin(context, LONG, "long.csv", Actor("ada"))
    work.result(timeout=30)
    result = upload_scoring.result_of(context, context.uploads.get(name))
    own = result.scorer.rule.approve_below
    below = [result.decider_of(row).rule.approve_below for row in (1, CHUNK_ROWS, CHUNK_ROWS + 1, 3 * CHUNK_ROWS)]
    assert below == [own, own, 0.0, 0.0]


def ask_first(client, content):
    return client.post("/uploads", data=content, headers={"X-Ask-First": "1"}, **KIND).json["upload"]


def test_columns_that_are_not_plain_are_asked_about_once_and_read_so_from_then_on(corner_app, context, monkeypatch):
    monkeypatch.setattr("webapp.uploads.FRESH_SECONDS", 0)
    client = corner_app.test_client()
    odd = CSV.replace(b"amount_eur", b"Wanted")
    upload = context.uploads.get(ask_first(client, odd))
    assert (upload.is_asking, context.log.head()[0], context.uploads.n_unfinished()) == (True, 0, 0)
    shown = str(file_doctor.doctor(upload, context.scorer().schema, context.settings.home))
    assert "Loan amount (needed)" in shown
    assert "read as Income" in shown
    upload_scoring.answer(context, upload.details.name, {"Wanted": "amount_eur"})
    wait_until(lambda: context.uploads.get(upload.details.name).is_over)
    # Other rows under the same names go straight on, with the same risk as under the names of the schema.
    again = context.uploads.get(ask_first(client, odd + b"A9,40,1000,30000,own\n"))
    wait_until(lambda: context.uploads.get(again.details.name).is_over)
    plain = context.uploads.get(ask_first(client, CSV))
    wait_until(lambda: context.uploads.get(plain.details.name).is_over)
    results = [
        upload_scoring.result_of(context, context.uploads.get(name.details.name)) for name in (upload, again, plain)
    ]
    assert len({result.scored["prob_default"][0] for result in results}) == 1
    assert results[0].checked.raw.columns[2] == "Wanted"
    assert results[1].checked.read_as == "'Wanted' was read as Loan amount, as somebody said it is."


def test_a_file_that_asks_is_refused_as_ever_where_nobody_is_there_to_answer(corner_app, context):
    name = corner_app.test_client().post("/uploads", data=CSV.replace(b"amount_eur", b"Wanted"), **KIND).json["upload"]
    wait_until(lambda: context.uploads.get(name).is_over)
    assert "1 needed column is missing" in context.uploads.get(name).details.message


def test_a_question_can_be_left_and_names_that_are_clients_are_not_shown(corner_app, context, monkeypatch):
    monkeypatch.setattr("webapp.uploads.FRESH_SECONDS", 0)
    client = corner_app.test_client()
    name = ask_first(client, CSV.replace(b"amount_eur", b"Wanted"))
    upload_scoring.stop(context, name)
    wait_until(lambda: context.uploads.get(name).is_over)
    assert context.uploads.get(name).record.state == "stopped"
    name = ask_first(client, b"client,age_years,45123,income_eur\nA7,61,2000,52000\n")
    wait_until(lambda: context.uploads.get(name).record.state == "failed")


def test_corrected_clients_are_read_as_their_file_is_and_join_its_result_under_their_numbers(context):
    content = b"client;age_years;amount_eur;income_eur;housing\nA7;61;2000,50;52000;own\nA8;abc;1.500;61000,25;rent\n"
    name, work = upload_scoring.begin(context, content, "c.csv", Actor("ada"))
    work.result(timeout=30)
    before = context.uploads.get(name)
    # What does not fit comes back with its sentence, and stands in the list as it was typed.
    assert correct(context, name, {(2, "Age"): "x"}).n_clients == 0
    [rejection] = upload_scoring.result_of(context, context.uploads.get(name)).checked.rejected
    assert (rejection.row, rejection.line, rejection.value) == (2, 3, "x")
    assert correct(context, name, {(2, "Age"): "33"}).n_clients == 1
    upload = context.uploads.get(name)
    assert (upload.record.n_scored, upload.details.was_corrected, context.log.head()[0]) == (2, True, 2)
    assert upload.noted_at > before.noted_at
    result = upload_scoring.result_of(context, upload)
    assert result.checked.raw.rows()[1] == ("A8", "33", "1.500", "61000,25", "rent")
    assert result.checked.accepted.row(1)[:5] == (2, "A8", 33, 1500.0, 61_000.25)
    assert (result.scored["row_number"].to_list(), result.checked.rejected) == ([1, 2], [])
    # Nothing of it stands beside its file.
    assert [item.details.name for item in context.uploads.sent_by(None)] == [name]


def correct(context, name, cells):
    """Correct cells of a file, and wait until they have joined it."""
    correcting = corrections.score_corrected(context, context.uploads.get(name), cells, Actor("ada"))
    if correcting.work is not None:
        correcting.work.result(timeout=30)
    return correcting


def test_an_odd_value_can_be_corrected_and_what_does_not_fit_leaves_its_client_as_decided(context):
    name, work = upload_scoring.begin(context, CSV.replace(b"61", b"161"), "c.csv", Actor("ada"))
    work.result(timeout=30)
    result = upload_scoring.result_of(context, context.uploads.get(name))
    schema = result.scorer.schema
    cells = attention.correctable(result.checked, result.scored, schema, n_done=2, assigned={})
    assert cells == {(1, "Age"): "161", (2, "Age"): "abc"}
    page = str(attention.attention(result.checked, result.scored, schema, n_done=2, assigned={}))
    assert "Correct Age of row 1" in page
    refused = correct(context, name, {(1, "Age"): "old"})
    assert [item.sentence.partition(". ")[0] for item in refused.refused] == [
        "Row 1 (line 2), Age: 'old' is not a number"
    ]
    assert context.log.head()[0] == 1
    assert correct(context, name, {(1, "Age"): "61"}).refused == []
    result = upload_scoring.result_of(context, context.uploads.get(name))
    assert (result.scored["problems"].to_list(), result.scored["row_number"].to_list()) == ([[]], [1])
    assert context.log.head()[0] == 2


def test_a_corrected_client_without_a_number_is_called_by_its_row_in_the_file(context):
    content = b"age_years,amount_eur,income_eur,housing\n61,2000,52000,own\nabc,2000,,rent\n"
    name, work = upload_scoring.begin(context, content, "c.csv", Actor("ada"))
    work.result(timeout=30)
    correct(context, name, {(2, "Age"): "33"})
    scored = upload_scoring.result_of(context, context.uploads.get(name)).scored
    assert [client_words(number) for number in scored["application_id"]] == ["row 1", "row 2"]
    # A file that is removed meanwhile takes its corrected rows along.
    correcting = corrections.score_corrected(context, context.uploads.get(name), {(2, "Age"): "34"}, Actor("ada"))
    context.uploads.remove(context.uploads.get(name))
    correcting.work.result(timeout=30)
    assert [upload.is_kept for upload in context.uploads.sent_by(None)] == [False]


def test_who_was_scored_without_a_number_keeps_the_id_however_often_a_cell_is_corrected(context):
    content = b"age_years,amount_eur,income_eur,housing\n161,2000,52000,own\nabc,2000,,rent\n"
    name, work = upload_scoring.begin(context, content, "c.csv", Actor("ada"))
    work.result(timeout=30)
    [first] = upload_scoring.result_of(context, context.uploads.get(name)).scored["application_id"]
    for age in ("61", "62"):
        correct(context, name, {(1, "Age"): age})
    correct(context, name, {(2, "Age"): "33"})
    upload = context.uploads.get(name)
    ids = upload_scoring.result_of(context, upload).scored["application_id"].to_list()
    assert ids[0] == first
    assert [item.decision.inputs["age_years"] for item in context.log.decisions_about(first, at_most=9)] == [
        62,
        61,
        161,
    ]
    schema = context.scorer().schema
    assert all(upload_files.is_about(upload.folder, schema, application_id) for application_id in ids)


def test_nobody_who_was_erased_is_decided_about_anew_by_a_correction(context):
    name, work = upload_scoring.begin(context, CSV.replace(b"61", b"161"), "c.csv", Actor("ada"))
    work.result(timeout=30)
    erase(context.log, "A7", why="asked for it", by=Actor("ada"))
    before = context.log.head()[0]
    with pytest.raises(
        BadRequestError, match="row 1 was erased since, and nobody who was erased is decided about anew"
    ):
        correct(context, name, {(1, "Age"): "61"})
    assert context.log.head()[0] == before


def test_who_presses_twice_has_a_corrected_client_decided_about_once(context):
    name, work = upload_scoring.begin(context, CSV, "c.csv", Actor("ada"))
    work.result(timeout=30)
    stale = context.uploads.get(name)

    def press(_time):
        try:
            correcting = corrections.score_corrected(context, stale, {(2, "Age"): "33"}, Actor("ada"))
        except BusyError:
            return
        if correcting.work is not None:
            correcting.work.result(timeout=30)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(press, range(8)))
    assert context.log.head()[0] == 2
    assert upload_scoring.result_of(context, context.uploads.get(name)).scored.height == 2


def test_a_file_goes_on_from_what_it_is_and_not_from_what_was_seen(context):
    name, work = upload_scoring.begin(context, CSV, "c.csv", Actor("ada"))
    work.result(timeout=30)
    upload = context.uploads.get(name)
    seen = replace(upload, record=replace(upload.record, state="stopped", n_done=1))
    assert seen.can_go_on
    upload_scoring._reopen(context, seen.folder)
    assert context.uploads.get(name).record == upload.record
    context.uploads.note(upload, seen.record)
    upload_scoring._reopen(context, seen.folder)
    assert context.uploads.get(name).record.state == "scoring"


def test_corrections_that_were_cut_off_before_they_joined_their_file_join_it_once(context, monkeypatch):
    monkeypatch.setattr("webapp.uploads.FRESH_SECONDS", 0)
    name, work = upload_scoring.begin(context, CSV, "c.csv", Actor("ada"))
    work.result(timeout=30)
    real = upload_merging.merge

    class DeathError(BaseException):
        """Nothing is noted by a process that is killed."""

    monkeypatch.setattr(upload_merging, "merge", lambda *_args: (_ for _ in ()).throw(DeathError))
    correcting = corrections.score_corrected(context, context.uploads.get(name), {(2, "Age"): "33"}, Actor("ada"))
    correcting.work.exception(timeout=30)
    assert context.uploads.is_being_corrected(context.uploads.get(name))
    monkeypatch.setattr(upload_merging, "merge", real)
    for again in upload_scoring.take_up(context):
        again.result(timeout=30)
    assert not context.uploads.is_being_corrected(context.uploads.get(name))
    assert upload_scoring.result_of(context, context.uploads.get(name)).scored.height == 2
    assert context.log.head()[0] == 2


def test_corrected_rows_are_shown_under_the_cutoffs_that_they_were_decided_by(context):
    two = CSV + b"A9,40,1000,30000,own\n"
    name, work = upload_scoring.begin(context, two, "c.csv", Actor("ada"))
    work.result(timeout=30)
    own = upload_scoring.result_of(context, context.uploads.get(name)).scorer.rule.approve_below
    policy_changes.set_cutoffs(context, Caller("Ana", "approver", ROLES["approver"]), 0.0, 0.9, "nobody gets an offer")
    correct(context, name, {(2, "Age"): "33"})
    result = upload_scoring.result_of(context, context.uploads.get(name))
    assert [result.decider_of(row).rule.approve_below for row in (1, 2, 3)] == [own, 0.0, own]


def test_a_stopped_file_goes_on_where_it_was_stopped_and_nobody_is_scored_twice(corner_app, context, monkeypatch):
    settled, real = threading.Event(), upload_files.settle

    def settle(pending):
        real(pending)
        upload_files.ask_to_stop(pending.path.parents[1])
        settled.set()

    monkeypatch.setattr(upload_files, "settle", settle)
    monkeypatch.setattr("webapp.uploads.FRESH_SECONDS", 0)
    name, work = upload_scoring.begin(context, LONG, "long.csv", Actor("ada"))
    work.result(timeout=30)
    upload = context.uploads.get(name)
    assert (upload.record.state, upload.record.n_done, upload.can_go_on) == ("stopped", CHUNK_ROWS, True)
    assert "Go on: long.csv" in seen(corner_app)
    assert upload_scoring.result_of(context, upload).scored.height == CHUNK_ROWS
    monkeypatch.setattr(upload_files, "settle", real)
    upload_scoring.go_on(context, name)
    wait_until(lambda: context.uploads.get(name).is_over)
    upload = context.uploads.get(name)
    assert (upload.record.state, upload.can_go_on, context.log.head()[0]) == ("done", False, 3 * CHUNK_ROWS)
    scored = upload_scoring.result_of(context, upload).scored
    assert scored["row_number"].to_list() == list(range(1, 3 * CHUNK_ROWS + 1))


def test_of_several_runs_of_a_file_the_whole_one_is_offered(corner_app, context, monkeypatch):
    name, work = upload_scoring.begin(context, LONG, "long.csv", Actor("ada"))
    work.result(timeout=30)
    real = upload_files.settle

    def settle(pending):
        real(pending)
        upload_files.ask_to_stop(pending.path.parents[1])

    monkeypatch.setattr(upload_files, "settle", settle)
    upload_scoring.begin(context, LONG, "long.csv", Actor("ada"))[1].result(timeout=30)
    assert (
        corner_app.test_client().post("/uploads", data=LONG, headers={"X-Ask-First": "1"}, **KIND).json["before"]
        == name
    )


def test_card_and_content_are_known_after_the_result_is_gone(corner_app, context):
    client = corner_app.test_client()
    name = ask_first(client, CSV)
    wait_until(lambda: context.uploads.get(name).is_over)
    context.uploads._lifetime_seconds = 0
    assert context.uploads.get(name) is None
    assert "1 of 2 clients scored at " in seen(corner_app)
    assert "The result is no longer kept here." in seen(corner_app)
    again = client.post("/uploads", data=CSV, headers={"X-Ask-First": "1"}, **KIND)
    assert again.json == {"before": name, "is_kept": False}
    [path] = (context.settings.home / "uploads" / "past").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "A7" not in path.read_text()
    with corner_app.test_request_context():
        g.caller = local_caller()
        assert [item.name for item in history_lists.files(context) if item.channel == "page"] == ["clients.csv"]
    # Its sender removes the card; the name goes with it, and the file is known still.
    with corner_app.test_request_context():
        g.caller = local_caller()
        batches._remove(context, name)
    assert "clients.csv" not in seen(corner_app) + path.read_text()
    assert client.post("/uploads", data=CSV, headers={"X-Ask-First": "1"}, **KIND).json["before"] == name


def test_what_is_known_of_files_is_bounded_and_forgotten_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(past_uploads, "MOST", 3)
    for number in range(5):
        past = past_uploads.Past(upload_files.Details(f"{number}.csv", 1, 0.0, "ada", "clerk"), Record("done"), 0.0)
        past_uploads.note(tmp_path, str(number), past)
        os.utime(tmp_path / "uploads" / "past" / f"{number}.json", (time.time() - number, time.time() - number))
    past_uploads.forget_old(tmp_path)
    assert sorted(past_uploads.recall(tmp_path)) == ["0", "1", "2"]
    os.utime(tmp_path / "uploads" / "past" / "1.json", (0, 0))
    past_uploads.forget_old(tmp_path)
    assert sorted(past_uploads.recall(tmp_path)) == ["0", "2"]


def test_the_notice_of_a_file_that_came_again_says_only_what_stays_true(corner_app, context, monkeypatch):
    monkeypatch.setattr("webapp.uploads.FRESH_SECONDS", 0)
    client = corner_app.test_client()
    odd = CSV.replace(b"amount_eur", b"Wanted")
    name = ask_first(client, odd)
    # One that still waits for an answer was not scored: the question is shown again.
    assert ask_first(client, odd) == name
    upload_scoring.answer(context, name, {"Wanted": "amount_eur"})
    wait_until(lambda: context.uploads.get(name).is_over)
    done = context.uploads.get(name)
    assert "It is shown below." in str(batches.sent_again(done))
    running = replace(done, record=replace(done.record, state="scoring", n_done=1))
    assert ": it is being scored." in str(batches.sent_again(running))
    yesterday = replace(done, noted_at=time.time() - 86_400)
    assert re.search(r"scored on \d+ \w+ \d{4} at \d\d:\d\d by v", batches.progress(yesterday))


def test_an_answer_about_columns_can_be_changed_and_the_file_is_scored_again(corner_app, context, monkeypatch):
    monkeypatch.setattr("webapp.uploads.FRESH_SECONDS", 0)
    client = corner_app.test_client()
    odd = CSV.replace(b"amount_eur", b"Wanted").replace(b"income_eur", b"Earned")
    name = ask_first(client, odd)
    upload_scoring.answer(context, name, {"Earned": "amount_eur"})
    wait_until(lambda: context.uploads.get(name).is_over)
    upload, schema = context.uploads.get(name), context.scorer().schema
    assert upload.details.can_be_read_anew
    result = upload_scoring.result_of(context, upload)
    page = str(file_reading.reading(result.checked, schema, {"Earned": "amount_eur"}, can_be_changed=True))
    assert "ask-anew" in page
    again = context.uploads.get(upload_scoring.ask_anew(context, upload, Actor("ada")))
    wait_until(lambda: context.uploads.get(again.details.name).is_asking)
    again = context.uploads.get(again.details.name)
    assert "value='amount_eur'" in str(file_doctor.doctor(again, schema, context.settings.home))
    upload_scoring.answer(context, again.details.name, {"Wanted": "amount_eur", "Earned": "income_eur"})
    wait_until(lambda: context.uploads.get(again.details.name).is_over)
    accepted = upload_scoring.result_of(context, context.uploads.get(again.details.name)).checked.accepted
    assert accepted.row(0)[3:5] == (2000.0, 52_000.0)


def test_columns_that_are_not_in_the_file_are_named_and_all_others_shown_as_read(context):
    content = b"client,age_years,amount_eur,housing,shoe\nA7,61,2000.00,own,43\n"
    name, work = upload_scoring.begin(context, content, "c.csv", Actor("ada"))
    work.result(timeout=30)
    result = upload_scoring.result_of(context, context.uploads.get(name))
    told = words_of(file_reading.reading(result.checked, result.scorer.schema, {}, can_be_changed=False))
    assert "Not in the file: Income. Every client was scored without." in told
    told = words_of(file_reading.first_rows(result.checked, result.scorer.schema, {}))
    assert "read as Loan amount (EUR)  amount_eur" in told
    assert "not used  shoe" in told
    assert "A7 61 2,000 Own home 43" in told
    # Nothing is said where nothing is lacking.
    name, work = upload_scoring.begin(context, CSV, "c.csv", Actor("ada"))
    work.result(timeout=30)
    result = upload_scoring.result_of(context, context.uploads.get(name))
    assert "Not in the file" not in words_of(
        file_reading.reading(result.checked, result.scorer.schema, {}, can_be_changed=False)
    )


def test_a_client_on_two_rows_is_pointed_at(context):
    name, work = upload_scoring.begin(context, CSV + b"A7,40,1000,30000,own\n", "c.csv", Actor("ada"))
    work.result(timeout=30)
    result = upload_scoring.result_of(context, context.uploads.get(name))
    details = context.uploads.get(name).details
    page = scored_file.result(
        result.checked, result.scored, result.scorer.schema, details=details, n_done=result.n_done, assigned={}
    )
    assert "Client A7: rows 1, 3" in str(page)
    assert "Score the corrected clients" in str(page)


def test_cards_are_drawn_anew_for_other_buttons_and_not_for_progress(context):
    name = context.uploads.add(CSV, "c.csv", Actor("ada"))
    waiting = context.uploads.get(name)
    further = replace(waiting, record=replace(waiting.record, state="scoring", n_rows=6_000, n_done=2_000))
    over = replace(waiting, record=replace(waiting.record, state="done", n_rows=6_000, n_done=6_000, n_scored=6_000))
    before = batches._fingerprint([waiting], None, are_all=False)
    assert batches._fingerprint([further], None, are_all=False) == before
    assert batches._fingerprint([over], None, are_all=False) != before
    assert batches._fingerprint([waiting], None, are_all=True) != before
    # What is scored on the stage has its buttons there; when it is over, it has a card beside others.
    assert batches.cards([further], name).is_hidden
    assert "2,000 of 6,000 clients scored." in str(batches.cards([further], "another"))
    assert batches.cards([further, over], name).is_hidden


def test_of_many_files_that_are_over_the_latest_are_drawn_and_all_when_asked_for(context):
    waiting = context.uploads.get(context.uploads.add(CSV, "c.csv", Actor("ada")))
    over = replace(waiting, record=replace(waiting.record, state="done", n_rows=9, n_done=9, n_scored=9))
    many = [replace(over, details=replace(over.details, filename=f"{n}.csv")) for n in range(batches.MOST_OVER + 3)]

    few, all_of_them = batches.cards(many, None), batches.cards(many, None, are_all=True)

    assert few.summary == f"Files sent: {len(many)}"
    assert [f"{n}.csv" in str(few) for n in range(len(many))] == [True] * batches.MOST_OVER + [False] * 3
    assert f"Show all {len(many)}" in words_of(few.over)
    assert all(f"{n}.csv" in str(all_of_them) for n in range(len(many)))
    assert "Show all" not in words_of(all_of_them.over)


def test_what_is_heard_of_a_file_changes_with_each_quarter():
    def heard(n_done, **more):
        return scored_file.progress(n_done, 1_000, seconds_left=9.0, **more)["working-spoken"]["children"]

    assert [heard(n) for n in (1, 249, 250, 499, 750, 1_000)] == [
        *("Being scored.", "Being scored."),
        *("25 % scored.", "25 % scored.", "75 % scored.", "100 % scored."),
    ]
    assert heard(300, is_paused=True) == "Paused."
    assert heard(0) == "Reading the file and checking every row."
