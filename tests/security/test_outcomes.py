"""Outcomes that cannot be true are refused with a sentence, all or none, and never with an applicant's id."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

APPLICATION = {"client": "A7", "age_years": 61, "amount_eur": 2000, "income_eur": 52000, "housing": "own"}
GOOD = {"application_id": "A7", "default": False, "observed_on": "2026-03-31"}


@pytest.fixture
def client(corner_app):
    client = corner_app.test_client()
    for name in ("A7", "1042"):
        assert client.post("/api/v1/score", json={**APPLICATION, "client": name}).status_code == 200
    return client


def refusal(client, *outcomes: object) -> str:
    response = client.post("/api/v1/outcomes", data=json.dumps(list(outcomes)), content_type="application/json")
    assert response.status_code == 400, response.text
    assert response.json["error"]["code"] == "bad_request"
    return response.json["error"]["message"]


def tomorrow() -> str:
    # Two days: midnight may pass while the test runs.
    return (datetime.now(UTC).date() + timedelta(days=2)).isoformat()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        *(({"default": wrong}, "has no default") for wrong in (1.0, 0.0, "1", "true", None, 2, -1, [], {})),
        *(({"application_id": wrong}, "has no application_id") for wrong in (7.0, True, None, "", "  ", ["A7"])),
        *(({"model": wrong}, "has no model") for wrong in (7, " ")),
        *(
            ({"observed_on": wrong}, "has no observed_on")
            for wrong in ("0415-03-31", "1969-12-31", "9999-12-31", "20260331", "2026-W13-2", "31.03.2026", 1, None)
        ),
        ({"observed_on": tomorrow()}, "has no observed_on"),
    ],
)
def test_an_outcome_of_a_wrong_type_or_an_absurd_date_is_refused(client, log, change, said):
    message = refusal(client, GOOD, {**GOOD, **change})
    assert message.startswith(f"Outcome 2 {said} that can be read. Expected ")
    assert message.endswith("Nothing was recorded.")
    assert log.outcomes().is_empty()


def test_a_key_that_means_nothing_in_an_outcome_is_refused_by_name_and_position(client, log):
    answer = client.post("/api/v1/outcomes", json={"outcomes": [GOOD, {**GOOD, "modle": "other"}]})
    assert answer.status_code == 400
    assert answer.json["error"]["message"] == (
        "Outcome 2 has the key 'modle', which means nothing here. Expected application_id, default, observed_on, "
        "model, and nothing beside. Nothing was recorded."
    )
    [fault] = answer.json["error"]["faults"]
    assert (fault["position"], fault["code"], fault["field"]) == (2, "unreadable", "modle")
    assert log.outcomes().is_empty()


def test_a_model_of_null_is_as_none(client, log):
    assert client.post("/api/v1/outcomes", json=[{**GOOD, "model": None}]).json["recorded"] == 1
    assert log.outcomes()["model"].to_list() == [""]


@pytest.mark.parametrize("text", ["SECRET\0", "SECRET\ud800"])
@pytest.mark.parametrize("name", ["application_id", "model", "observed_on"])
def test_a_text_that_no_database_can_store_is_refused_with_a_sentence(client, log, name, text):
    message = refusal(client, GOOD, {**GOOD, name: text})
    assert message.endswith(".")
    assert "SECRET" not in message
    assert log.outcomes().is_empty()


def test_an_outcome_that_is_no_object_is_refused(client, log):
    assert refusal(client, GOOD, "A7").startswith("Outcome 2 is not an object.")
    assert log.outcomes().is_empty()


def test_outcomes_of_applications_nobody_scored_are_refused_without_their_ids(client, log):
    stranger = {**GOOD, "application_id": "SECRET"}
    of_another_model = {**GOOD, "model": "another_lender"}
    message = refusal(client, GOOD, stranger, GOOD, of_another_model)
    assert message.startswith("2 of 4 outcomes are of applications that were never scored here")
    assert "the first is outcome 2" in message
    assert "SECRET" not in message
    assert log.outcomes().is_empty()


def test_outcomes_of_what_was_scored_are_recorded_as_they_were_told(client, log):
    today = datetime.now(UTC).date()
    told = [
        GOOD,
        {"application_id": 1042, "default": 1, "observed_on": "1970-01-01", "model": "corner_lender"},
        {"application_id": " 1042 ", "default": 1, "observed_on": today.isoformat(), "model": ""},
    ]
    assert client.post("/api/v1/outcomes", json={"outcomes": told}).json == {
        "recorded": 3, "corrected": 1, "unchanged": 0
    }  # fmt: skip
    assert log.outcomes().rows() == [
        ("A7", "", False, date(2026, 3, 31)),
        ("1042", "corner_lender", True, date(1970, 1, 1)),
        ("1042", "", True, today),
    ]


def test_outcomes_of_one_decision_that_contradict_each_other_are_refused_with_both_positions(client, log):
    other = {**GOOD, "application_id": "1042"}
    told = [GOOD, other, {**GOOD, "application_id": " A7 ", "default": True, "model": "corner_lender"}]
    answer = client.post("/api/v1/outcomes", json=told)
    assert answer.status_code == 400
    message = answer.json["error"]["message"]
    assert message.startswith("Outcomes 1 and 3 are of the same decision and contradict each other in default.")
    assert "A7" not in answer.text
    [fault] = answer.json["error"]["faults"]
    assert (fault["position"], fault["code"], fault["field"]) == (3, "contradicts", "default")
    assert log.outcomes().is_empty()


def test_the_same_outcome_twice_in_one_request_counts_once(client, log):
    assert client.post("/api/v1/outcomes", json=[GOOD, {**GOOD, "model": "corner_lender"}]).json == {
        "recorded": 1, "corrected": 0, "unchanged": 1
    }  # fmt: skip
    assert log.outcomes().height == 1
