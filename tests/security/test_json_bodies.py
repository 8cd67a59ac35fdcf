"""JSON that asks for more than its bytes are worth, or that two programs could read in two ways."""

import json
import time
import tracemalloc

import pytest

from tests.security.conftest import GOOD


def post(client, path, body):
    answer = client.post(path, data=body, content_type="application/json")
    return answer.status_code, answer.json.get("error", answer.json).get("message", "")


def records_of_own_keys(n_bytes):
    """Records that each have a field of their own: as many columns as rows."""
    n_records = n_bytes // len(json.dumps({"k12345": 1}))
    return json.dumps([{f"k{number}": 1} for number in range(n_records)])


def records_that_lack_most(n_records, n_keys):
    return json.dumps([{**GOOD, f"k{number % n_keys}": 1} for number in range(n_records)])


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/api/v1/score", records_of_own_keys(54_000), "more than 2,000 different fields"),
        ("/api/v1/score", records_of_own_keys(100_000), "more than 2,000 different fields"),
        ("/api/v1/score", records_that_lack_most(9_000, 1_900), "may be"),
        ("/invocations", json.dumps({"dataframe_records": [{f"k{n}": 1} for n in range(9_000)]}), "more than 2,000"),
        (
            "/invocations",
            json.dumps({"dataframe_split": {"columns": list(range(9_000)), "data": [[1]] * 9_000}}),
            "more than 2,000",
        ),
        ("/api/v1/score", "[" + ",".join(["{}"] * 300_000) + "]", "more than 40,000 objects"),
        ("/api/v1/score", "[" + "[]," * 300_000 + "0]", "more than 40,000 objects"),
        ("/api/v1/outcomes", "[" + "0," * 5_000_000 + "0]", "3,000,000 values"),
        ("/api/v1/score", "[" * 30_000, "nested too deeply"),
        ("/api/v1/score", json.dumps([{**GOOD, "note": "x" * 140_000}]), "more than 131,072 characters"),
    ],
    ids=range(10),
)
def test_a_body_takes_little_more_memory_than_it_has_bytes(client, path, body, said):
    post(client, "/api/v1/score", json.dumps(GOOD))
    tracemalloc.start()
    try:
        status, message = post(client, path, body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert status in (400, 413)
    assert said in message
    assert peak < 10_000_000 + 30 * len(body)


@pytest.mark.parametrize(
    ("n_keys", "status", "said"),
    [(100_000, 413, "an object in the body has more than 2,000 keys"), (1_999, 400, "the key 'k1998' more than once")],
)
def test_an_object_of_many_keys_is_refused_without_comparing_each_to_each(client, n_keys, status, said):
    body = "{" + ",".join(f'"k{number}":1' for number in [*range(n_keys), n_keys - 1]) + "}"
    began = time.process_time()
    answered, message = post(client, "/api/v1/score", body)
    assert answered == status
    assert said.lower() in message.lower()
    assert time.process_time() - began < 5  # all to all took minutes


def test_a_table_of_the_most_rows_is_scored_in_json(client):
    answer = client.post("/api/v1/score", json=[{**GOOD, "client": number} for number in range(10_000)])
    assert len(answer.json["results"]) == 10_000


@pytest.mark.parametrize("path", ["/api/v1/score", "/api/v1/outcomes", "/invocations"])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("9" * 5_000, "a number of more than 4,300 digits at line 2, column 8"),
        ("-" + "9" * 5_000, "a number of more than 4,300 digits at line 2, column 9"),
        ("NaN", "holds NaN, which is no JSON"),
        ("-Infinity", "holds -Infinity, which is no JSON"),
        ('1, "age": 2', "the key 'age' more than once"),
        ('"\\u0000"', "the character NUL or half a character"),
        ('"a\\ud800"', "the character NUL or half a character"),
        ('1, "\\uDFFF": 2', "the character NUL or half a character"),
    ],
)
def test_json_that_could_be_read_in_two_ways_is_refused_in_a_sentence(client, path, value, said):
    if (path, value) == ("/invocations", "NaN"):
        said = "exactly one of the input fields"  # MLflow's clients write what is missing as NaN
    status, message = post(client, path, '[{\n"age": ' + value + "}]")
    assert status == 400
    assert said in message


@pytest.mark.parametrize(
    ("body", "byte"), [(b'{"client": "\xed\xa0\x80"}', 13), (b'{"client": "\xff"}', 13), ("{}".encode("utf-16"), 1)]
)
def test_json_that_is_not_utf_8_is_called_so(client, body, byte):
    assert post(client, "/api/v1/score", body) == (400, f"The body is not UTF-8 text: byte {byte} cannot be read.")


def test_a_whole_character_in_two_escapes_is_one(client):
    answer = client.post("/api/v1/score", data=json.dumps({**GOOD, "client": "😀"}), content_type="application/json")
    assert answer.json["results"][0]["application_id"] == "😀"


def test_two_keys_that_are_the_same_name_are_refused(client):
    _, message = post(client, "/api/v1/score", json.dumps({**GOOD, "age_years ": 20}))
    assert message == "More than one field is called 'age_years'. Rename or leave out the extra ones."


def test_sentences_about_json_speak_of_no_file(client):
    without = {key: value for key, value in GOOD.items() if key != "age_years"}
    for given in ({"colour": "red"}, {"7": 1}, without):
        status, message = post(client, "/api/v1/score", json.dumps(given))
        assert (status, "file" in message, "line" in message) == (422, False, False)


@pytest.mark.parametrize(
    "path",
    [
        "/ui/_dash-component-suites/dash/../secret",
        "/ui/_dash-component-suites/dash/%2e%2e/dash.py",
        "/ui/_dash-component-suites/../dash.py",
        "/ui/_dash-component-suites/dash/a%00.js",
        "/ui/_dash-component-suites/flask/app.py",
        "/ui/assets/..%2flayout.py",
    ],
)
def test_nothing_is_at_an_address_that_points_out_of_a_folder(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")
