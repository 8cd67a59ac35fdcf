import csv
import io
import json
import re
import subprocess
import sys
import time
from datetime import date
from types import SimpleNamespace

import pytest
from jsonschema import Draft202012Validator

from creditrisk.decision_log import Actor
from creditrisk.errors import DecisionLogError, RegistryError, SchemaError, ScorerError, SourceError, TrainingError
from creditrisk.pages.palette import VERDICT_LOOKS
from creditrisk.scoring import RESULT_COLUMNS, Cutoffs, Policy, Stop
from creditrisk.settings import Settings
from tests.conftest import poll
from webapp import short_way
from webapp.api_models import OutcomeReport
from webapp.app import create_app
from webapp.errors import (
    MLFLOW_ROUTES,
    BusyError,
    ForbiddenError,
    NoModelError,
    StoppingError,
    TooLargeError,
    status_of,
)
from webapp.http_requests import AppTask
from webapp.openapi import describe

HEADER = "client,age_years,amount_eur,income_eur,housing"
GOOD = {"client": "A7", "age_years": 61, "amount_eur": 2000, "income_eur": 52000, "housing": "own"}
ODD = {**GOOD, "client": "A8", "age_years": 130}
WRONG = {**GOOD, "client": "A9", "age_years": "abc"}
CSV = f"{HEADER},note\nA7,61,2000,52000,own,=1+1\nA9,abc,2000,52000,own,\nA8,130,2000,52000,own,-5\n"

KNOWN_KEYS = {"code", "message", "missing_fields", "kept_versions", "faults"}
POSTS = ("/api/v1/score", "/api/v1/score.csv", "/api/v1/outcomes", "/invocations", "/uploads")


def assert_error(response, status, code):
    if response.request.path in MLFLOW_ROUTES:
        return assert_mlflows_error(response, 400 if status == 422 else status)
    assert response.status_code == status, response.text
    assert set(response.json) == {"error"}
    assert {"code", "message"} <= set(response.json["error"]) <= KNOWN_KEYS
    assert response.json["error"]["code"] == code
    message = response.json["error"]["message"]
    assert message.endswith(".")
    assert "Traceback" not in message
    return message


def assert_mlflows_error(response, status):
    assert response.status_code == status, response.text
    assert set(response.json) == {"error_code", "message", "stack_trace"}
    assert response.json["message"].endswith(".")
    return response.json["message"]


def post_csv(client, path, content):
    if path == "/uploads":
        return client.post(
            path, data=content, content_type="application/octet-stream", headers={"X-File-Name": "c.csv"}
        )
    return client.post(path, data=content, content_type="text/csv")


# Scoring

BODIES = [
    {"applications": [GOOD, WRONG, ODD]},
    [ODD],
    GOOD,
    {"applications": [{**GOOD, "housing": "Schloß", "client": None}]},
    {"applications": [WRONG]},
    {"applications": [{"Alter": 3}]},
    {"applications": [{**GOOD, "note": ["a"]}]},
    {"applications": []},
    {"applications": [GOOD] * 9},
    "text",
]


@pytest.mark.parametrize("content", [*(json.dumps(body) for body in BODIES), '{"a": NaN}', "{", '{"a": 1, "a": 2}', ""])
def test_the_short_way_answers_as_flask_does(client, monkeypatch, content):
    def answer():
        response = client.post("/api/v1/score", data=content, content_type="application/json")
        return response.status, sorted(response.headers), response.data

    short = answer()
    monkeypatch.setattr(short_way, "_is_plain", lambda _environ: False)
    assert answer() == short


def test_a_plain_scoring_request_does_without_flask_and_none_of_a_browser_does(client, corner_app, monkeypatch):
    monkeypatch.setattr(corner_app, "full_dispatch_request", lambda: pytest.fail("Flask was asked"))
    answer = client.post("/api/v1/score", json=GOOD)
    assert (answer.status_code, answer.json["results"][0]["row"]) == (200, 1)
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}):
        with pytest.raises(pytest.fail.Exception, match="Flask was asked"):
            client.post("/api/v1/score", json=GOOD, headers=headers)


@pytest.mark.parametrize(("length", "n_written"), [(2, 1), (4, 3)])
def test_an_answer_of_one_part_goes_out_together_with_its_head(length, n_written):
    written = []
    server = SimpleNamespace(adj=SimpleNamespace(ident=None))
    task = AppTask(
        SimpleNamespace(write_soon=written.append, server=server),
        SimpleNamespace(version="1.1", headers={}, command="POST"),
    )
    task.start()
    task.complete, task.content_length = True, length
    for _ in range(length // 2):
        task.write(b"ok")
    assert len(written) == n_written
    head, end, body = b"".join(written).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert (end, body) == (b"\r\n\r\n", b"ok" * (length // 2))
    assert task.n_written == task.content_bytes_written == length


def test_an_unforeseen_failure_on_the_short_way_is_answered_and_scores_once(client, corner_app, monkeypatch):
    calls = []

    def failing(*args, **kwargs):
        calls.append(args)
        raise ZeroDivisionError("Anna Schmidt")

    monkeypatch.setattr(corner_app.extensions["creditrisk"].log, "append", failing)
    response = client.post("/api/v1/score", json=GOOD)
    assert "Anna" not in assert_error(response, 500, "internal")
    assert len(calls) == 1


def test_scoring_returns_every_field_of_the_contract_and_logs_it_first(client, corner_app):
    answer = client.post("/api/v1/score", json={"applications": [GOOD, WRONG, ODD]}).json
    assert (answer["model"], answer["model_version"]) == ("corner_lender", "3")
    assert [result["row"] for result in answer["results"]] == [1, 3]
    fields = set(describe(None)["components"]["schemas"]["ScoredApplication"]["properties"])
    assert set(answer["results"][0]) == fields
    assert answer["results"][1]["verdict"] == "refer"
    assert answer["results"][1]["problems"] == ["Age: 130 is outside 18 to 100 years"]
    [rejected] = answer["rejected"]
    assert (rejected["row"], rejected["column"], rejected["value"]) == (2, "age_years", "abc")
    assert rejected["expected"] == "a whole number of years from 18 to 100"

    log = corner_app.extensions["creditrisk"].log
    logged = [decision.decision for decision in log.read(range(1, 3))]
    assert [decision.application_id for decision in logged] == ["A7", "A8"]
    assert logged[0].prob_default == answer["results"][0]["prob_default"]
    assert logged[0].channel == "api"
    assert log.verify().broken is None


@pytest.mark.parametrize("body", [GOOD, [GOOD], {"applications": [GOOD]}])
def test_one_application_may_come_bare_in_a_list_or_named(client, body):
    assert [result["application_id"] for result in client.post("/api/v1/score", json=body).json["results"]] == ["A7"]


def test_the_csv_answer_holds_every_row_with_formulas_inert(client):
    response = client.post("/api/v1/score.csv", data=CSV, content_type="text/csv")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["application_id"] for row in rows] == ["A7", "", "A8"]
    assert [row["note"] for row in rows] == ["'=1+1", "", "-5"]
    assert rows[1]["error"].startswith("Row 2 (line 3), Age: 'abc' is not a number.")
    one = client.post("/api/v1/score", json=[GOOD]).json["results"][0]
    assert float(rows[0]["prob_default"]) == one["prob_default"]
    assert rows[0]["verdict"] == one["verdict"]


def test_a_long_csv_comes_in_chunks_and_each_is_logged_before_it_is_sent(client, corner_app):
    lines = [HEADER, *(f"{n},61,2000,52000,own" for n in range(1, 4501))]
    response = client.post("/api/v1/score.csv", data="\n".join(lines), content_type="text/csv", buffered=False)
    log = corner_app.extensions["creditrisk"].log
    n_sent = -1  # the header
    for piece in response.iter_encoded():
        n_sent += piece.decode().count("\n")
        assert log.head()[0] >= n_sent
    assert n_sent == 4500


def test_fields_that_nothing_is_read_from_are_named_once_and_change_no_verdict(client):
    plain = client.post("/api/v1/score", json=GOOD).json
    assert plain["unknown_fields"] == []
    for body in (
        [{**GOOD, "incme_eur": 1}],
        [{**GOOD, "incme_eur": 1}] * 9,
        {"applications": [GOOD, {"incme_eur": 1}]},
    ):
        answer = client.post("/api/v1/score", json=body).json
        assert answer["unknown_fields"] == ["incme_eur"]
        assert answer["results"][0] == plain["results"][0]
    # What the schema knows is no stranger, however it is spelt: the outcome neither.
    known = {**GOOD, "DEFAULT": "1"}
    known["Income"] = known.pop("income_eur")
    assert client.post("/api/v1/score", json=known).json["unknown_fields"] == []


def test_columns_that_nothing_is_read_from_are_named_in_a_header_of_the_csv_answer(client):
    answer = post_csv(client, "/api/v1/score.csv", CSV.replace("note", "incme_€"))
    assert json.loads(answer.headers["X-Unknown-Fields"]) == ["incme_€"]
    assert answer.headers["X-Unknown-Fields"].isascii()
    assert "X-Unknown-Fields" not in post_csv(client, "/api/v1/score.csv", f"{HEADER}\nA7,61,2000,52000,own\n").headers


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/score", {"applications": [GOOD], "model_versoin": "2"}),
        ("/api/v1/score", {"applications": [GOOD], "model": "german_credit"}),
        ("/api/v1/outcomes", {"outcomes": [{"application_id": "A7"}], "model": "corner_lender"}),
    ],
)
def test_a_key_beside_the_list_that_means_nothing_is_refused(client, corner_app, path, body):
    message = assert_error(client.post(path, json=body), 400, "bad_request")
    assert list(body)[1] in message
    assert not corner_app.extensions["creditrisk"].log.counts_by_verdict()


def test_outcomes_are_recorded_all_or_none(client, corner_app):
    client.post("/api/v1/score", json=GOOD)
    good = {"application_id": "A7", "default": False, "observed_on": "2026-03-31"}
    wrong = {**good, "observed_on": "yesterday"}
    log = corner_app.extensions["creditrisk"].log
    message = assert_error(client.post("/api/v1/outcomes", json={"outcomes": [good, wrong]}), 400, "bad_request")
    assert message.startswith("Outcome 2 has no observed_on that can be read.")
    assert log.outcomes().is_empty()
    assert client.post("/api/v1/outcomes", json={"outcomes": [good]}).json == counts(recorded=1)
    assert log.outcomes().rows() == [("A7", "", False, date(2026, 3, 31))]


def counts(recorded=0, corrected=0, unchanged=0):
    return {"recorded": recorded, "corrected": corrected, "unchanged": unchanged}


def test_an_outcome_that_was_said_before_is_not_recorded_again_and_another_corrects_it(client, corner_app):
    client.post("/api/v1/score", json=[GOOD, {**GOOD, "client": "B8"}])
    good = {"application_id": "A7", "default": False, "observed_on": "2026-03-31"}
    other = {**good, "application_id": "B8"}

    def report(*outcomes):
        return client.post("/api/v1/outcomes", json=[*outcomes]).json

    assert report(good) == counts(recorded=1)
    assert report(good, other) == counts(recorded=1, unchanged=1)
    # Under the model's name or without, it is the same decision.
    assert report({**good, "model": "corner_lender"}) == counts(unchanged=1)
    assert report({**good, "default": True}, other) == counts(recorded=1, corrected=1, unchanged=1)
    client.post("/api/v1/score", json=GOOD)
    # Of the new decision nothing was said yet.
    assert report({**good, "default": True}) == counts(recorded=1)
    said = corner_app.extensions["creditrisk"].log.outcomes()
    assert said.select("application_id", "is_default").rows() == [
        ("A7", False), ("B8", False), ("A7", True), ("A7", True)
    ]  # fmt: skip


def test_every_outcome_that_cannot_be_recorded_is_named_by_its_place(client):
    client.post("/api/v1/score", json=GOOD)
    good = {"application_id": "A7", "default": False, "observed_on": "2026-03-31"}
    sent = [{**good, "default": "no"}, good, {**good, "observed_on": "today"}, "A7"]
    error = client.post("/api/v1/outcomes", json=sent).json["error"]
    assert [(fault["position"], fault["code"], fault["field"]) for fault in error["faults"]] == [
        (1, "unreadable", "default"), (3, "unreadable", "observed_on"), (4, "unreadable", "")
    ]  # fmt: skip
    assert "2 more cannot be read either" in error["message"]
    strangers = [{**good, "application_id": "Z1"}, good, {**good, "application_id": "Z2"}]
    answer = client.post("/api/v1/outcomes", json=strangers)
    assert [(fault["position"], fault["code"]) for fault in answer.json["error"]["faults"]] == [
        (1, "never_scored"), (3, "never_scored")
    ]  # fmt: skip
    assert "Z1" not in answer.text
    many = [{**good, "application_id": f"Z{number}"} for number in range(1_200)]
    error = client.post("/api/v1/outcomes", json=many).json["error"]
    assert len(error["faults"]) == 1_000
    assert error["message"].startswith("1,200 of 1,200 outcomes")


def test_an_application_that_cannot_be_scored_is_told_in_words_for_programs(client):
    twice_wrong = {**GOOD, "client": " A8 ", "housing": None, "age_years": 7.5}
    sent = [GOOD, twice_wrong, {**GOOD, "client": None, "amount_eur": "x"}]
    for body in (sent, sent * 4):
        first, second = client.post("/api/v1/score", json=body).json["rejected"][:2]
        assert (first["row"], first["application_id"], first["code"], first["column"], first["label"]) == (
            2, "A8", "unreadable", "age_years", "Age"
        )  # fmt: skip
        assert first["message"].startswith("Row 2, Age: '7.5' ")
        assert "Also Housing: nothing is filled in." in first["message"]
        assert [(other["column"], other["code"]) for other in first["others"]] == [("housing", "missing")]
        assert (second["application_id"], second["column"]) == ("", "amount_eur")
    [lacking] = client.post("/api/v1/score", json={**GOOD, "housing": ""}).json["rejected"]
    assert (lacking["code"], lacking["column"], lacking["value"]) == ("missing", "housing", "")


def test_all_fields_that_are_missing_are_named_for_programs_and_sentences_begin_large(client):
    lacking = client.post("/api/v1/score", json={"age_years": 61, "housing": "own"})
    assert lacking.json["error"]["missing_fields"] == ["amount_eur"]
    others = client.post("/api/v1/score", json={"colour": "red"})
    assert others.json["error"]["missing_fields"] == ["age_years", "amount_eur", "housing"]
    assert others.json["error"]["message"].startswith("These are not the fields of Corner lender")
    of_mlflow = client.post("/invocations", json={"inputs": {"colour": ["red"]}}).json
    assert of_mlflow["message"].startswith("These are not the fields")


# What goes wrong


def test_a_mistyped_address_shows_a_person_a_page(client):
    answer = client.get("/nothing/here", headers={"Accept": "text/html,application/xhtml+xml"})
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "There is nothing at this address" in answer.text
    assert 'href="/"' in answer.text


def test_errors_have_one_shape_on_every_route(client, corner_app):
    assert_error(client.get("/nothing/here"), 404, "not_found")
    assert_error(client.get("/ui/nothing/here"), 404, "not_found")
    for rule in corner_app.url_map.iter_rules():
        if rule.rule.startswith("/ui/"):
            continue  # Dash's own; addresses it does not know are above
        wrong = ({"GET", "POST", "DELETE"} - rule.methods).pop()
        path = rule.rule.replace("<int:version>", "3")  # with a text in its place it would be another address
        assert_error(client.open(path, method=wrong), 405, "method_not_allowed")
    for path in POSTS:
        assert_error(client.post(path, data="x", content_type="application/x-www-form-urlencoded"), 415,
                     "unsupported_media_type")  # fmt: skip


@pytest.mark.parametrize("path", ["/api/v1/score", "/api/v1/outcomes", "/invocations"])
@pytest.mark.parametrize("body", ["{", "3", '{"a": [1', "\x00", "[]", '"text"', "[[1]]"])
def test_json_that_is_not_what_was_asked_for_gives_a_sentence(client, path, body):
    response = client.post(path, data=body, content_type="application/json")
    assert response.status_code in (400, 422)
    code = "" if path == "/invocations" else response.json["error"]["code"]
    assert_error(response, response.status_code, code)


@pytest.mark.parametrize("path", ["/api/v1/score", "/api/v1/score.csv", "/api/v1/outcomes", "/invocations"])
def test_a_body_that_is_packed_is_refused_with_a_sentence(client, path):
    kind = "text/csv" if path.endswith("csv") else "application/json"
    for packed in ("gzip", "identity, br"):
        answer = client.post(path, data="{}", content_type=kind, headers={"Content-Encoding": packed})
        assert answer.status_code == 415
        assert "without a Content-Encoding" in answer.text
    plain = {"Content-Encoding": "identity"}
    assert client.post(path, data="{}", content_type=kind, headers=plain).status_code in (400, 422)


def test_json_in_another_encoding_than_utf_8_is_refused(client):
    body = json.dumps(GOOD)
    for path in ("/api/v1/score", "/api/v1/outcomes", "/api/v1/decisions/search"):
        answer = client.post(path, data=body, content_type="application/json; charset=latin-1")
        assert_error(answer, 415, "unsupported_media_type")
    assert client.post("/api/v1/score", data=body, content_type='application/json; charset="UTF-8"').status_code == 200


def test_json_nested_without_end_gives_a_sentence(client):
    answer = client.post("/api/v1/score", data="[" * 30_000, content_type="application/json")
    assert answer.status_code == 400
    assert "nested too deeply" in answer.json["error"]["message"]


@pytest.mark.parametrize(("path", "megabytes"), [("/api/v1/score.csv", 2), ("/uploads", 2), ("/api/v1/score", 16),
                                                 ("/ui/_dash-update-component", 1)])  # fmt: skip
def test_no_route_takes_a_body_beyond_its_limit(client, path, megabytes):
    kinds = {"/uploads": "application/octet-stream", "/api/v1/score.csv": "text/csv"}
    body = b" " * (megabytes * 1_000_000 + 1)
    assert_error(client.post(path, data=body, content_type=kinds.get(path, "application/json")), 413, "too_large")


def test_more_applications_than_a_json_request_may_hold_are_refused(client):
    assert_error(client.post("/api/v1/score", json=[GOOD] * 10_001), 413, "too_large")


@pytest.mark.parametrize("outcomes", [[{}] * 10_001, [{}] * 40_001])
def test_too_many_outcomes_are_not_sent_to_where_applications_are_scored(client, outcomes):
    answer = client.post("/api/v1/outcomes", json={"outcomes": outcomes})
    assert_error(answer, 413, "too_large")
    assert answer.json["error"]["message"].endswith("in parts.")


def test_an_unforeseen_error_says_nothing_about_the_applicant(corner_app, caplog):
    def fail():
        raise ValueError("Anna Schmidt, born 1969")

    corner_app.add_url_rule("/fail", view_func=fail)
    message = assert_error(corner_app.test_client().get("/fail"), 500, "internal")
    assert "Anna" not in message + caplog.text
    assert "ValueError" in caplog.text


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"", 400, "empty"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", 400, "PDF"),
        (HEADER.encode(), 400, "no clients"),
        (b"colour,size\nred,3\n", 422, "not the columns of Corner lender"),
        (b"client,amount_eur,income_eur,housing\nA7,2000,52000,own\n", 422, "Age (age_years)"),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/score.csv", "/invocations", "/uploads"])
def test_a_file_that_cannot_be_used_gives_a_sentence_a_clerk_understands(client, path, content, status, said):
    response = post_csv(client, path, content)
    if path != "/uploads":
        code = "unreadable_table" if status == 400 else "wrong_columns"
        assert said in assert_error(response, status, code)
        return
    # The page shows the sentence where the result would be.
    name = response.json["upload"]
    shown = client.post(
        "/ui/_dash-update-component",
        json={
            "output": "..stage.children...tick.disabled...shown.data...working.data..",
            "outputs": [
                {"id": "stage", "property": "children"},
                {"id": "tick", "property": "disabled"},
                {"id": "shown", "property": "data"},
                {"id": "working", "property": "data"},
            ],
            "inputs": [
                {"id": "job", "property": "data", "value": name},
                {"id": "tick", "property": "n_intervals", "value": 1},
            ],
            "state": [{"id": "shown", "property": "data"}, {"id": "working", "property": "data"}],
            "changedPropIds": ["tick.n_intervals"],
        },
    )
    assert shown.status_code == 200
    assert said in shown.text
    assert "could not be scored" in shown.text
    assert "Traceback" not in shown.text
    assert_error(client.get(f"/uploads/{name}/result.csv"), 404, "not_found")


@pytest.mark.parametrize(
    "content",
    [
        ("\ufeff" + HEADER + "\nA7,61,2000,52000,own\n").encode(),
        (HEADER + ",name\nA7,61,2000,52000,own,Müller\n").encode("latin-1"),
        (HEADER.replace(",", ";") + "\nA7;61;2000;52000;own\n").encode(),
        ("Clients exported,on,2026-11-20,by,the branch\n" + HEADER + "\nA7,61,2000,52000,own\n").encode(),
        (HEADER + ',name\nA7,61,2000,52000,own,"=HYPERLINK(""http://x"")"\n').encode(),
    ],
    ids=["BOM", "Latin-1", "semicolon", "2-line header", "formula"],
)
def test_a_file_with_a_quirk_is_scored_through_both_doors_with_the_same_result(client, content):
    through_api = post_csv(client, "/api/v1/score.csv", content)
    name = post_csv(client, "/uploads", content).json["upload"]
    through_page = client.get(f"/uploads/{name}/result.csv")
    [row] = csv.DictReader(io.StringIO(through_api.text))
    [words] = csv.DictReader(io.StringIO(through_page.text.removeprefix("\ufeff")))
    assert words["Verdict"] == VERDICT_LOOKS[row["verdict"]].word
    assert float(words["Risk of 100"]) == round(100 * float(row["prob_default"]), 1)
    own = through_api.text.partition("\n")[0].count(",") + 1 - len(RESULT_COLUMNS)
    assert list(words.values())[-own:] == list(row.values())[-own:]
    expected = client.post("/api/v1/score", json=GOOD).json["results"][0]
    assert float(row["prob_default"]) == expected["prob_default"]
    assert row.get("name") in (None, "Müller", '\'=HYPERLINK("http://x")')


def test_text_in_a_number_rejects_the_row_and_scores_the_others(client):
    name = post_csv(client, "/uploads", CSV.encode()).json["upload"]
    deadline = time.monotonic() + 10
    while (result := client.get(f"/uploads/{name}/result.csv")).status_code != 200:
        assert time.monotonic() < deadline, result.text
        time.sleep(0.02)
    rows = list(csv.DictReader(io.StringIO(result.text.lstrip("\ufeff"))))
    assert [bool(row["Not scored because"]) for row in rows] == [False, True, False]


# What is away


def test_without_a_model_everything_answers_and_says_what_to_do(tmp_path):
    client = create_app(Settings(home=tmp_path, mlflow_uri="http://127.0.0.1:9")).test_client()
    assert "make model-train-flow" in assert_error(client.post("/api/v1/score", json=GOOD), 503, "no_model")
    assert_error(client.post("/api/v1/score.csv", data=CSV, content_type="text/csv"), 503, "no_model")
    assert_error(client.get("/template.csv"), 503, "no_model")
    assert "make model-train-flow" in client.get("/ui/_dash-layout").text
    assert client.get("/").status_code == 200
    assert client.get("/health").status_code == 200
    ready = client.get("/ready")
    assert (ready.status_code, ready.json["ready"], ready.json["model"]) == (503, False, None)


@pytest.mark.usefixtures("old_version")
def test_the_model_that_answers_is_described_for_programs(client, corner_app, corner_scorer):
    answer = client.get("/api/v1/model").json
    document = describe(None)
    reference = {"$ref": "#/components/schemas/ServedModelDescription"}
    Draft202012Validator({**reference, "components": document["components"]}).validate(answer)
    assert (answer["model"], answer["model_version"], answer["since"]) == (
        "corner_lender", "3", "2026-10-12T08:00:00+00:00"
    )  # fmt: skip
    assert answer["sha256"] == corner_app.extensions["creditrisk"].champion.state.scorer.sha256
    assert answer["versions"] == ["3", "2"]
    fields = {field["name"]: field for field in answer["fields"]}
    assert [name for name, field in fields.items() if field["required"]] == ["age_years", "amount_eur", "housing"]
    assert (fields["age_years"]["type"], fields["age_years"]["minimum"]) == ("integer", 18)
    assert fields["housing"]["values"] == ["own", "rent"]
    rule = corner_scorer.rule
    assert (answer["cutoffs"]["approve_below"], answer["cutoffs"]["decline_from"], answer["cutoffs"]["are_set"]) == (
        pytest.approx(rule.approve_below), pytest.approx(rule.decline_from), False
    )  # fmt: skip
    assert answer["stopped"] is None


def test_what_people_set_is_told_to_programs(client, corner_app):
    assert client.get("/ready").json["stopped"] is False
    policy = corner_app.extensions["creditrisk"].policy
    stop = Stop("26 Nov 2026, 14:02 UTC", "Ana", "The bureau's data are wrong.")
    cutoffs = Cutoffs("corner_lender", "3", 0.05, 0.4)
    policy.change(policy.now(), Policy(0, cutoffs, stop), by=Actor("Ana", "approver"), why="to see")
    ready = client.get("/ready").json
    assert (ready["ready"], ready["stopped"]) == (True, True)
    described = client.get("/api/v1/model").json
    assert described["stopped"] == {"since": stop.since, "by": stop.by, "why": stop.why}
    assert described["cutoffs"] == {"approve_below": 0.05, "decline_from": 0.4, "are_set": True}
    for body in ([GOOD], [GOOD] * 9):
        result = client.post("/api/v1/score", json=body).json["results"][0]
        assert (result["verdict"], result["problems"]) == ("refer", [stop.sentence])


def test_with_the_registry_away_the_saved_model_scores_and_ready_says_so(corner_app):
    poll(corner_app.extensions["creditrisk"].champion)
    client = corner_app.test_client()
    assert client.post("/api/v1/score", json=GOOD).status_code == 200
    ready = client.get("/ready")
    assert ready.status_code == 200
    assert (ready.json["model"], ready.json["model_version"]) == ("corner_lender", "3")
    assert ready.json["since"] == "2026-10-12T08:00:00+00:00"
    assert not ready.json["registry"]["reachable"]
    assert "scoring goes on with the saved model" in ready.json["registry"]["consequence"]
    assert ready.json["registry"]["problem"] == (
        "The model registry at http://127.0.0.1:9 does not answer or refused: nothing answers there. "
        "Scoring goes on with the saved model; start it with `make up` to train or promote."
    )
    assert "creditrisk_registry_up 0.0" in client.get("/metrics").text
    assert "Registry away" in client.get("/ui/_dash-layout").text


@pytest.mark.parametrize("note", ["[1]", "null", "{", '{"model": "corner_lender", "version": 3}'])
def test_a_damaged_note_of_what_was_saved_is_said_and_does_not_keep_the_app_from_starting(corner_settings, note):
    kept = corner_settings.home / "serving" / "current.json"
    kept.write_text(note)
    app = create_app(corner_settings)
    app.extensions["creditrisk"].champion.look()
    assert app.extensions["creditrisk"].champion.state.scorer is None
    assert app.test_client().get("/ready").status_code == 503


def test_nothing_is_answered_that_could_not_be_logged(corner_settings, tmp_path):
    (tmp_path / "in the way").mkdir()
    app = create_app(corner_settings.model_copy(update={"decision_log_url": f"sqlite:///{tmp_path}/in the way"}))
    app.extensions["creditrisk"].champion.look()
    client = app.test_client()
    assert_error(client.post("/api/v1/score", json=GOOD), 503, "decision_log_away")
    assert_error(client.post("/api/v1/score.csv", data=CSV, content_type="text/csv"), 503, "decision_log_away")
    ready = client.get("/ready")
    assert (ready.status_code, ready.json["decision_log"]["reachable"]) == (503, False)


def test_a_csv_answer_whose_log_fails_midway_breaks_off(client, corner_app):
    lines = [HEADER, *(f"{n},61,2000,52000,own" for n in range(1, 4501))]
    response = client.post("/api/v1/score.csv", data="\n".join(lines), content_type="text/csv", buffered=False)
    pieces = response.iter_encoded()
    next(pieces)
    log = corner_app.extensions["creditrisk"].log
    with log.store._database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE events RENAME TO elsewhere")
    with pytest.raises(DecisionLogError):
        list(pieces)


# Who may ask


def test_a_request_from_another_site_is_refused(client):
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        for path in (*POSTS, "/ui/_dash-update-component"):
            assert_error(client.post(path, json=GOOD, headers=headers), 403, "forbidden")
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/v1/score", json=GOOD, headers=own).status_code == 200


def test_every_answer_carries_the_security_headers_and_results_are_not_kept(client):
    for response in (client.get("/"), client.get("/nothing"), client.post("/api/v1/score", json=GOOD)):
        policy = response.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy
        assert "http" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"


def test_the_page_asks_for_nothing_outside(client):
    page = client.get("/").text
    assert "http://" not in page.replace("http://localhost", "")
    assert "https://" not in page
    assert "//cdn" not in page


# What describes and counts


def test_the_description_names_every_route_of_the_api(client, corner_app):
    described = client.get("/api/v1/openapi.json").json
    routes = {
        (rule.rule, method.lower())
        for rule in corner_app.url_map.iter_rules()
        if rule.endpoint.startswith(("api.", "mlflow."))
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert routes == {(path, method) for path, methods in described["paths"].items() for method in methods}
    application = described["components"]["schemas"]["Application"]
    assert application["properties"]["housing"]["enum"] == ["own", "rent"]
    assert application["required"] == ["age_years", "amount_eur", "housing"]


def schema_of(answer, path):
    """The JSON schema of a good answer, with what it refers to."""
    document = describe(None)
    schema = document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    [reference] = schema.values()
    component = document["components"]["schemas"][reference.rpartition("/")[2]]
    assert set(answer) == set(component["properties"])
    return {**component, "components": document["components"]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/score", {"applications": [GOOD, WRONG, ODD]}),
        ("/invocations", {"dataframe_records": [GOOD, WRONG, ODD]}),
        ("/api/v1/outcomes", {"outcomes": [{"application_id": "A7", "default": 1, "observed_on": "2026-03-31"}]}),
    ],
)
def test_answers_are_as_they_are_described(client, path, body):
    client.post("/api/v1/score", json=GOOD)
    answer = client.post(path, json=body).json
    Draft202012Validator(schema_of(answer, path)).validate(answer)


def test_errors_are_as_they_are_described(client):
    Draft202012Validator({"$ref": "#/components/schemas/Error", **describe(None)}).validate(client.get("/nothing").json)


def test_the_description_is_one_that_programs_can_read(corner_scorer):
    document = describe(corner_scorer.schema)
    assert document["openapi"] == "3.1.0"
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    named = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert named == set(document["components"]["schemas"])


def test_outcomes_are_described_by_what_reads_them():
    described = describe(None)["components"]["schemas"]["OutcomeReport"]
    assert set(described["properties"]) == {"application_id", "default", "observed_on", "model"}
    assert described["required"] == ["application_id", "default", "observed_on"]
    OutcomeReport.model_validate({"application_id": "A7", "default": True, "observed_on": "2026-03-31"})


@pytest.mark.parametrize("kind", [NoModelError, BusyError, StoppingError, ForbiddenError, TooLargeError])
def test_an_error_of_the_app_is_answered_with_its_own_status_and_code(corner_app, kind):
    exc = kind() if kind in (NoModelError, StoppingError) else kind("No.")

    def fail():
        raise exc

    corner_app.add_url_rule("/fail", view_func=fail)
    assert assert_error(corner_app.test_client().get("/fail"), kind.status, kind.code) == str(exc)


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (DecisionLogError, 503, "decision_log_away"),
        (RegistryError, 503, "registry_away"),
        (ScorerError, 503, "model_unusable"),
        (SourceError, 400, "unreadable_table"),
        (SchemaError, 422, "wrong_columns"),
        (TrainingError, 500, "internal"),
    ],
)
def test_errors_of_the_domain_have_a_status_here(kind, status, code):
    assert status_of(kind("No.")) == (status, code)


def test_decisions_are_counted_by_verdict_and_carry_nothing_of_the_applicant(client):
    verdicts = [result["verdict"] for result in client.post("/api/v1/score", json=[GOOD, ODD]).json["results"]]
    metrics = client.get("/metrics").text
    for verdict in ("approve", "refer", "decline"):
        assert f'creditrisk_decisions_total{{verdict="{verdict}"}} {verdicts.count(verdict)}.0' in metrics
    assert 'creditrisk_model_info{model="corner_lender",version="3"} 1.0' in metrics
    assert "creditrisk_scoring_duration_seconds_count 1.0" in metrics
    assert "A7" not in metrics


def test_the_process_that_answers_imports_no_library_that_it_does_not_need(corner_settings):
    program = f"""
import sys
from pathlib import Path
from creditrisk.settings import Settings
from webapp.app import create_app
from webapp.api_models import OutcomeReport
from webapp.errors import BusyError, ForbiddenError, NoModelError, StoppingError, TooLargeError, status_of
import webapp.serve
app = create_app(Settings(home=Path({str(corner_settings.home)!r}), mlflow_uri="http://127.0.0.1:9"))
app.extensions["creditrisk"].champion.look()
answer = app.test_client().post("/api/v1/score", json={GOOD!r})
assert answer.status_code == 200, answer.text
assert app.test_client().get("/").status_code == 200
not_needed = {{
    "torch", "evidently", "prefect", "mlflow", "lightgbm", "xgboost", "sklearn", "scipy.stats", "pandas", "pyarrow",
}}
print(sorted(not_needed & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"


def test_the_process_that_starts_the_others_imports_no_library_of_theirs():
    program = (
        "import sys; import riskometer.cli, webapp.serve;"
        "not_needed = {'numpy', 'polars', 'scipy', 'sqlalchemy', 'flask', 'dash', 'argon2', 'authlib'};"
        "print(sorted(not_needed & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"
