"""Batches as cards: paused, taken up, stopped, found again, and seen by who sent them alone."""

import json
import threading
import time
from dataclasses import replace

import pytest
from flask import g

from creditrisk.decision_log import Actor
from webapp import accounts, corrections, policy_changes, upload_access, upload_files, upload_scoring
from webapp.access import ROLES, Caller, local_caller
from webapp.app import create_app
from webapp.pages import batches, file_doctor, scored_file
from webapp.scoring import CHUNK_ROWS

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


def seen(app, caller=None):
    """The cards that somebody sees, as text."""
    with app.test_request_context():
        g.caller = caller or local_caller()
        uploads = upload_access.of_caller(app.extensions["creditrisk"])
        return json.dumps([card.to_plotly_json() for card in batches.cards(uploads, None)], default=str)


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
    assert (first.status_code, again.status_code, again.json) == (202, 200, {"before": first.json["upload"]})
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
    assert client.post("/uploads", data=CSV, headers={"X-Ask-First": "1"}, **KIND).json == {"before": first}
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
    shown = str(file_doctor.doctor(upload, context.scorer().schema))
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


def test_corrected_cells_score_just_those_clients_as_their_whole_file_is_read(context):
    content = b"client;age_years;amount_eur;income_eur;housing\nA7;61;2000,50;52000;own\nA8;abc;1.500;61000,25;rent\n"
    name, work = upload_scoring.begin(context, content, "c.csv", Actor("ada"))
    work.result(timeout=30)
    again = corrections.score_corrected(context, context.uploads.get(name), {(2, "Age"): "33"}, Actor("ada"))
    wait_until(lambda: context.uploads.get(again).is_over)
    upload = context.uploads.get(again)
    assert (upload.details.filename, upload.record.n_scored, context.log.head()[0]) == ("c.csv (corrected)", 1, 2)
    result = upload_scoring.result_of(context, upload)
    assert result.checked.raw.rows() == [("A8", "33", "1.500", "61000,25", "rent")]
    assert result.checked.accepted.row(0)[:5] == (1, "A8", 33, 1500.0, 61_000.25)
    # What is not mended yet comes back with its sentence.
    still = corrections.score_corrected(context, context.uploads.get(name), {(2, "Age"): "x"}, Actor("ada"))
    wait_until(lambda: context.uploads.get(still).is_over)
    [rejection] = upload_scoring.result_of(context, context.uploads.get(still)).checked.rejected
    assert (rejection.row, rejection.value) == (1, "x")


def test_a_client_on_two_rows_is_pointed_at(context):
    name, work = upload_scoring.begin(context, CSV + b"A7,40,1000,30000,own\n", "c.csv", Actor("ada"))
    work.result(timeout=30)
    result = upload_scoring.result_of(context, context.uploads.get(name))
    page = scored_file.result(
        result.checked, result.scored, result.scorer.schema, name=name, filename="c.csv", n_done=result.n_done
    )
    assert "Client A7: rows 1, 3" in str(page)
    assert "Score the corrected clients" in str(page)


def test_cards_are_drawn_anew_for_other_buttons_and_not_for_progress(context):
    name = context.uploads.add(CSV, "c.csv", Actor("ada"))
    waiting = context.uploads.get(name)
    further = replace(waiting, record=replace(waiting.record, state="scoring", n_rows=6_000, n_done=2_000))
    over = replace(waiting, record=replace(waiting.record, state="done", n_rows=6_000, n_done=6_000, n_scored=6_000))
    before = batches._fingerprint([waiting], None)
    assert batches._fingerprint([further], None) == before
    assert batches._fingerprint([over], None) != before
    # What is scored on the stage has its buttons there; when it is over, it has a card beside others.
    assert batches.cards([further], name) == []
    assert "2,000 of 6,000 clients scored." in str(batches.cards([further], "another"))
    assert batches.cards([further, over], name) == []


def test_what_is_heard_of_a_file_changes_with_each_quarter():
    def heard(n_done, **more):
        return scored_file.progress(n_done, 1_000, seconds_left=9.0, **more)["working-spoken"]["children"]

    assert [heard(n) for n in (1, 249, 250, 499, 750, 1_000)] == [
        *("Being scored.", "Being scored."),
        *("25 % scored.", "25 % scored.", "75 % scored.", "100 % scored."),
    ]
    assert heard(300, is_paused=True) == "Paused."
    assert heard(0) == "Reading the file and checking every row."
