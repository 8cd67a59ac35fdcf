"""The log for people to read, and the page about the past that shows it."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import pytest
from flask import g

from creditrisk.decision_log import (
    Actor,
    Outcome,
    Wanted,
    application_of,
    begun_batches,
    decided_versions,
    events_about,
    events_numbered,
    hold,
    list_decisions,
    log_what_if,
)
from creditrisk.decision_log.entries import Version
from creditrisk.decision_log.versions import number_of
from creditrisk.errors import DecisionLogError
from creditrisk.quality import frame_from_inputs
from creditrisk.scoring import fingerprint, proving, what_would_change
from tests.conftest import corner_home
from webapp import log_check, pinned_versions, policy_changes, scoring_again, upload_scoring
from webapp.access import ROLES, Caller, local_caller
from webapp.app import create_app
from webapp.errors import BadRequestError, ForbiddenError, VersionNotKeptError
from webapp.pages import client_history, history_lists, log_proof, timeline
from webapp.personal_data import erase_person
from webapp.scoring import scored_rows
from webapp.upload_files import locked

GOOD = {"client": "A7", "age_years": 61, "amount_eur": 2000, "income_eur": 52000, "housing": "own"}
BAD = GOOD | {"amount_eur": 19000, "income_eur": 12000, "housing": "rent"}
STRANGE = "<img src=x onerror=alert(1)>"
CLERK, APPROVER = (Caller(role, role, ROLES[role]) for role in ("clerk", "approver"))


@pytest.fixture
def app(corner_scorer, tmp_path):
    app = create_app(corner_home(corner_scorer, tmp_path))
    app.extensions["creditrisk"].champion.look()
    return app


@pytest.fixture
def context(app):
    return app.extensions["creditrisk"]


def score(app, *applications):
    answer = app.test_client().post("/api/v1/score", json={"applications": list(applications)})
    assert answer.status_code == 200


def try_another_value(context):
    """A what-if about the last decision on A7."""
    scorer = context.scorer()
    [logged] = context.log.decisions_about("A7", at_most=1)
    application = frame_from_inputs([logged.decision.inputs], scorer.schema)
    [row] = scored_rows(scorer.score(application))
    log_what_if(context.log, row, what_would_change(scorer, application, row["verdict"])[0], Actor("clerk", "clerk"))


def said(component):
    return json.dumps(component.to_plotly_json(), default=lambda item: item.to_plotly_json(), ensure_ascii=False)


def layout(app):
    return json.dumps(app.test_client().get("/ui/history/_dash-layout").json, ensure_ascii=False)


# What the log gives to read


def test_decisions_come_newest_first_a_page_at_a_time_and_by_what_is_wanted(app, context):
    score(app, GOOD, BAD, GOOD | {"client": "B8"})
    context.log.record_outcomes([Outcome("A7", True, date(2026, 3, 31))])  # no decision
    assert decided_versions(context.log) == [("corner_lender", "3")]

    def seqs(wanted, skip=0, at_most=10):
        return [item.seq for item in list_decisions(context.log, wanted, skip=skip, at_most=at_most)]

    assert seqs(Wanted()) == [3, 2, 1]
    assert seqs(Wanted(), skip=1, at_most=1) == [2]
    assert seqs(Wanted(verdict="decline")) == [2]
    assert seqs(Wanted(version=("corner_lender", "3"), channel="api", day=datetime.now(UTC).date())) == [3, 2, 1]
    assert seqs(Wanted(channel="batch")) == seqs(Wanted(version=("corner_lender", "4"))) == []
    assert seqs(Wanted(day=datetime.now(UTC).date() - timedelta(days=1))) == []
    rows, n_rows = history_lists.rows_of(context.log, Wanted(), 0, 2, context.scorer())
    assert ([row["client"] for row in rows], n_rows) == (["B8", "A7"], None)  # there are more
    assert {row["version"] for row in rows} == {"Corner lender v3"}  # as the header calls it
    assert history_lists.rows_of(context.log, Wanted(), 2, 100)[1] == 3


def test_everything_about_one_client_and_nobody_else_oldest_first(app, context):
    score(app, GOOD, GOOD | {"client": "B8"}, BAD)
    try_another_value(context)
    context.log.record_outcomes([Outcome("A7", True, date(2026, 3, 31)), Outcome("B8", False, date(2026, 3, 31))])
    hold(context.log, "A7", is_held=True, why="a law suit")
    events = events_about(context.log, "A7")
    assert [event.kind for event in events] == ["decision", "decision", "what_if", "outcome", "setting"]
    assert [event.decision and event.decision.inputs["amount_eur"] for event in events[:2]] == [2000.0, 19000.0]
    assert events[2].refers_to == events[1].seq
    assert events[3].outcome == Outcome("A7", True, date(2026, 3, 31))
    assert events[4].fact.why == "a law suit"
    assert [event.kind for event in events_about(context.log, "A7", newest=2)] == ["decision", "outcome", "setting"]
    assert events_about(context.log, "a7") == []


def test_an_entry_that_was_changed_is_not_told_as_if_it_were_true(app, context):
    score(app, GOOD)
    context.log.record_outcomes([Outcome("A7", True, date(2026, 3, 31))])
    with context.log.store.transaction(is_write=True) as connection:
        connection.exec_driver_sql("DROP TRIGGER contents_no_update")
        other = """UPDATE contents SET payload = CAST('["",false,"2026-03-31"]' AS BLOB) WHERE seq = 2"""
        connection.exec_driver_sql(other)
    with pytest.raises(DecisionLogError, match="entry 2 cannot be read: it was changed"):
        events_about(context.log, "A7")


def test_a_file_of_the_batch_flow_is_counted_by_verdict(app, context):
    score(app, GOOD)
    context.log.note("batch", "corner_lender/abc", "2026-10-31 3")
    by = Actor("flow", f"batch {sha256(b'corner_lender/abc').hexdigest()[:16]}")
    context.log.append([context.log.get(1).decision] * 2, by)
    [begun] = begun_batches(context.log, at_most=5)
    said_of_it = begun.day, begun.model, begun.model_version, begun.verdicts
    assert said_of_it == ("2026-10-31", "corner_lender", "3", {"approve": 2})
    assert "Applications of 31 Oct 2026" in layout(app)


# One client on the page


def test_two_decisions_stand_side_by_side_where_they_differ(app, context):
    score(app, GOOD, BAD)
    try_another_value(context)
    page = said(client_history.client(context, CLERK, "A7"))
    for words in ("What is otherwise than in entry 1", "2,000 EUR", "19,000 EUR", "Own home", "What-if, no decision"):
        assert words in page
    assert "Only an approver may erase" in page
    assert "Erase this person" in said(client_history.client(context, APPROVER, "A7"))
    only = said(timeline.timeline(events_about(context.log, "A7"), ["what_if"], timeline.Known()))
    assert "What-if, no decision" in only
    assert "otherwise than in" not in only


def test_the_newest_entry_comes_first_below_what_can_be_done(app, context):
    score(app, GOOD, BAD)
    page = said(client_history.client(context, APPROVER, "A7"))
    order = ["Download everything", "Erase this person", "entry 2 ", "entry 1 "]
    assert sorted(order, key=page.index) == order


def test_a_decision_says_what_was_set_on_the_model_page(app, context):
    score(app, GOOD)
    policy_changes.set_cutoffs(context, APPROVER, 0.01, 0.02, "appetite is lower")
    score(app, GOOD)
    policy_changes.stop(context, APPROVER, "wrong data")
    score(app, GOOD)
    page = said(client_history.client(context, CLERK, "A7"))
    assert "set on the Model page: offers up to 1, declines from 2 of 100" in page
    assert "while scoring was stopped" in page
    assert "the model's own cut-offs" in page
    assert "setting 1" not in page


def test_a_version_that_decided_nothing_is_not_offered(app, context):
    score(app, GOOD)
    with context.log.store.transaction(is_write=True) as connection:
        number_of(connection, Version("corner_lender", "4", "0" * 64, (), ()))  # as one that only scored along
    assert decided_versions(context.log) == [("corner_lender", "3")]


def test_a_file_that_is_kept_leads_to_its_clients(app, context):
    content = b"client,age_years,amount_eur,income_eur,housing\nA7,61,2000,52000,own\n"
    name, work = upload_scoring.begin(context, content, "clients.csv", Actor("clerk", "clerk", is_automatic=False))
    work.result()
    with app.test_request_context():
        g.caller = local_caller()
        [button] = [part for part in history_lists.files_table(history_lists.files(context))._traverse()
                    if type(part).__name__ == "Button"]  # fmt: skip
    assert (button.children, getattr(button, "data-upload")) == ("clients.csv", name)


def test_the_latest_files_stand_in_sight_and_the_older_ones_folded():
    at = datetime(2026, 11, 26, 9, tzinfo=UTC)
    files = [history_lists.File(at, "page", f"{n}.csv", "anna", "3", "1 client", {}) for n in range(7)]
    [table, folded] = history_lists.files_table(files).children
    in_sight, behind = said(table), said(folded)
    assert [f"{n}.csv" in in_sight for n in range(7)] == [True] * 5 + [False] * 2
    assert [f"{n}.csv" in behind for n in range(7)] == [False] * 5 + [True] * 2
    assert "2 older files" in behind


def test_a_decision_scored_again_is_the_same_or_says_in_what_it_is_not(app, context, corner_scorer):
    score(app, BAD)
    n_before = context.log.head()
    found = scoring_again.compare_with_log(context, 1)
    assert found.differs == []
    assert "the same to the last bit" in said(timeline.compared(found))
    assert "differs in risk" in said(timeline.compared(scoring_again.Compared("3", ["risk"])))
    with pytest.raises(VersionNotKeptError, match=r"Version 2 is not kept on this machine.*Kept are: 3"):
        scoring_again.score_with(context, 1, "2")
    folder = context.settings.home / "serving" / "corner_lender" / "2"
    corner_scorer.save(folder)
    context.log.note("scorer", "corner_lender/2", fingerprint(folder))
    proving.note_proof(context.settings.home, fingerprint(folder))
    assert pinned_versions.kept_versions(context, "corner_lender") == ["3", "2"]
    policy_changes.stop(context, APPROVER, "to see")  # it asks what the version says, not what is decided today
    n_before = context.log.head()
    row, _ = scoring_again.score_with(context, 1, "2")
    decision = context.log.get(1).decision
    assert (row["model_version"], row["verdict"]) == ("2", decision.verdict)
    assert "Version 2 today" in said(timeline.beside(decision, row))
    assert context.log.head() == n_before


def test_nothing_about_a_client_and_a_number_in_no_address_or_store(app, context):
    score(app, GOOD)
    with app.test_request_context():
        page = client_history.client(context, CLERK, "A7")
    stores = [part for part in page._traverse() if type(part).__name__ == "Store"]
    assert [store.data for store in stores] == [1]
    links = [part.href for part in page._traverse() if type(part).__name__ == "A"]
    assert not any("A7" in link for link in links)
    answer = app.test_client().post("/history/person.json", data={"application_id": "Z9"})
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "nothing_about")


# Handed out and erased


def test_nobody_is_erased_while_a_file_would_bring_them_back(app, context):
    content = b"client,age_years,amount_eur,income_eur,housing\nA7,61,2000,52000,own\nB8,40,3000,52000,own\n"
    name, work = upload_scoring.begin(context, content, "clients.csv", Actor("clerk", "clerk", is_automatic=False))
    work.result()
    upload = context.uploads.get(name)
    done = upload.record
    assert done.state == "done"
    context.uploads.note(upload, replace(done, state="scoring"))
    with pytest.raises(BadRequestError, match="still being scored"):
        erase_person(context, APPROVER, "A7", "asked for it")
    assert len(events_about(context.log, "A7")) == 1
    # A stopped file may go on with those that it did not come to.
    context.uploads.note(upload, replace(done, state="stopped", n_done=1))
    with pytest.raises(BadRequestError, match="stopped and may go on"):
        erase_person(context, APPROVER, "B8", "asked for it")
    context.uploads.note(upload, done)
    said_of_it = erase_person(context, APPROVER, "A7", "asked for it")
    assert said_of_it.startswith("Erased: the contents of 1 entry was removed")
    assert "1 scored file shows the client on Score clients until" in said_of_it
    # Who has no number is known by the row.
    nameless = content.replace(b"A7", b"").replace(b"B8", b"")
    name, work = upload_scoring.begin(context, nameless, "nameless.csv", Actor("clerk", "clerk", is_automatic=False))
    work.result()
    upload = context.uploads.get(name)
    done, second = upload.record, upload_scoring.result_of(context, upload).scored["application_id"][1]
    context.uploads.note(upload, replace(done, state="scoring"))
    with pytest.raises(BadRequestError, match="still being scored"):
        erase_person(context, APPROVER, second, "asked for it")
    context.uploads.note(upload, done)
    assert "1 scored file shows" in erase_person(context, APPROVER, second, "asked for it")
    score(app, GOOD | {"client": "C9"})
    assert "Score clients" not in erase_person(context, APPROVER, "C9", "asked for it")


def test_what_is_kept_of_a_person_is_handed_out_whole(app, context):
    score(app, GOOD, GOOD | {"client": "B8"}, BAD)
    try_another_value(context)
    context.log.record_outcomes([Outcome("A7", True, date(2026, 3, 31))])
    answer = app.test_client().post("/history/person.json", data={"application_id": "A7"})
    assert answer.headers["Content-Disposition"].startswith("attachment")
    entries = answer.json["entries"]
    assert [entry["kind"] for entry in entries] == ["decision", "decision", "what_if", "outcome"]
    assert entries[1]["inputs"]["amount_eur"] == 19000.0
    assert entries[1]["reasons"]
    assert entries[2]["field"]
    assert (entries[3]["default"], entries[3]["observed_on"]) == (True, "2026-03-31")
    assert "B8" not in answer.text
    for wrong in ({}, {"application_id": ""}, {"application_id": "A7", "more": "x"}):
        assert app.test_client().post("/history/person.json", data=wrong).status_code == 400


def test_erasing_needs_an_approver_a_reason_and_no_legal_hold_and_leaves_the_log_whole(app, context):
    score(app, GOOD, BAD)
    with pytest.raises(ForbiddenError):
        erase_person(context, CLERK, "A7", "asked for it")
    for why in (" ", "x" * 2_000, "A7 asked for it", "Asked for by a7."):
        with pytest.raises(BadRequestError, match="Nothing was erased"):
            erase_person(context, APPROVER, "A7", why)
    hold(context.log, "A7", is_held=True, why="a law suit")
    with pytest.raises(DecisionLogError, match="a legal hold is on this application"):
        erase_person(context, APPROVER, "A7", "asked for it")
    hold(context.log, "A7", is_held=False, why="over")
    assert erase_person(context, APPROVER, "A7", "asked for it").startswith("Erased: the contents of 4 entries were")
    assert events_about(context.log, "A7") == []
    assert application_of(context.log, 1) is None
    *gone, erasure = events_numbered(context.log, [1, 2])
    assert [event.erased_on for event in gone] == [erasure.at] * 2
    assert (erasure.by, erasure.fact.why) == (Actor("approver", "approver", is_automatic=False), "asked for it")
    page = said(client_history.erased_entries(context, [1, 2]))
    assert "Erased on" in page
    assert "A7" not in page
    assert context.log.verify().broken is None
    assert [row["client"] for row in history_lists.rows_of(context.log, Wanted(), 0, 9)[0]] == ["erased", "erased"]


# The proof, and the page as a whole


def test_the_log_is_proved_in_the_background_and_it_stands_there_when(app, context):
    score(app, GOOD)
    home = context.settings.home
    assert "not been checked" in said_all(log_proof.proof(log_check.last_check(home)))
    log_check.begin(context, "clerk")
    found = wait_for_check(home)
    assert found.is_whole
    assert "by clerk" in said_all(log_proof.proof(found))
    with context.log.store.transaction(is_write=True) as connection:
        connection.exec_driver_sql("DROP TRIGGER events_no_update")
        connection.exec_driver_sql("UPDATE events SET verdict = 'decline'")
    log_check.begin(context, "clerk")
    found = wait_for_check(home)
    assert not found.is_whole
    assert "entry 1 was changed" in found.said
    # One that ended at a time to come, as the clock said before it was put back, holds up no other.
    log_check._note(home, log_check.LogCheck("", ended=found.ended + 86_400))
    log_check.begin(context, "analyst")
    assert wait_for_check(home).by == "analyst"
    log_check._note(home, log_check.LogCheck(found.said, ended=found.ended, by="clerk", is_running=True))
    assert not log_check.last_check(home).is_running  # its process ended with it


def said_all(components):
    return "".join(map(said, components))


def wait_for_check(home):
    with locked(home / "log-check.lock", is_patient=True):
        pass
    return log_check.last_check(home)


def test_an_empty_log_says_what_to_do_and_one_that_is_away_never_looks_empty(app, context):
    assert "Nothing has been decided yet" in layout(app)
    score(app, GOOD)
    assert "The newest first" in layout(app)
    path = context.log.store.path
    path.rename(path.with_suffix(".away"))
    page = layout(app)
    assert "The decision log cannot be read" in page
    assert "Nothing has been decided yet" not in page


def test_what_looks_like_a_script_stays_text(app, context):
    score(app, GOOD | {"client": STRANGE})
    page = client_history.client(context, APPROVER, STRANGE)
    [number] = [part for part in page._traverse() if getattr(part, "className", "") == "client-number"]
    assert number.children == STRANGE  # React writes a child that is a text as text
    assert not [part for part in page._traverse() if type(part).__name__ in ("Markdown", "DangerouslySetInnerHTML")]
    assert history_lists.rows_of(context.log, Wanted(), 0, 9)[0][0]["client"] == STRANGE
    renderers = [column.get("cellRenderer") for column in history_lists.grid().columnDefs]
    assert set(renderers) == {None, "Verdict"}
    answer = app.test_client().post("/history/person.json", data={"application_id": STRANGE})
    assert answer.mimetype == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_grid_asks_only_what_can_be_asked():
    rule = {"filterType": "text", "type": "equals"}
    model = {"version": rule | {"filter": "lender/3"}, "when": rule | {"filter": "2026-10-31"}}
    assert history_lists.wanted_of(model) == Wanted(version=("lender", "3"), day=date(2026, 10, 31))
    for wrong in ({"when": rule | {"filter": "31.10."}}, {"channel": rule | {"filter": "x' OR 1"}}):
        with pytest.raises(ValueError, match=r"channel|isoformat"):
            history_lists.wanted_of(wrong)
