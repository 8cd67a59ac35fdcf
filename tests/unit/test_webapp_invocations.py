"""What MLflow's own tests of its scoring server expect, of models that read tables, expected of ours."""

import json
from types import SimpleNamespace

import pytest

GOOD = {"client": "A7", "age_years": 61, "amount_eur": 2000, "income_eur": 52000, "housing": "own"}
OTHER = {"client": "A8", "age_years": 23, "amount_eur": 19000, "income_eur": 11000, "housing": "rent"}
ROWS = [GOOD, OTHER]
# The schema's fields in its order: without the client's number.
VALUES = [[value for key, value in row.items() if key != "client"] for row in ROWS]
SPLIT = {"index": [0, 1], "columns": list(GOOD), "data": [[*row.values()] for row in ROWS]}
JSON = "application/json"


def ask(client, body, content_type=JSON):
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post("/invocations", data=data, content_type=content_type)


def expect_error(response, status=400, error_code="BAD_REQUEST"):
    assert response.status_code == status, response.text
    assert set(response.json) == {"error_code", "message", "stack_trace"}
    assert (response.json["error_code"], response.json["stack_trace"]) == (error_code, "")
    return response.json["message"]


def risks(response):
    assert response.status_code == 200, response.text
    return [row["prob_default"] for row in response.json["predictions"]]


@pytest.fixture
def expected(client):
    return [row["prob_default"] for row in client.post("/api/v1/score", json=ROWS).json["results"]]


@pytest.mark.parametrize("content_type", [JSON, f"{JSON}; charset=UTF-8", f"{JSON};charset=utf-8"])
@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": ROWS},
        {"dataframe_split": SPLIT},
        {"dataframe_split": {key: SPLIT[key] for key in ("columns", "data")}},
        {"instances": ROWS},
        {"instances": VALUES},
        {"inputs": {key: [row[key] for row in ROWS] for key in GOOD}},
        {"instances": {key: [row[key] for row in ROWS] for key in GOOD}},
        {"inputs": ROWS},
        {"inputs": VALUES},
        {"dataframe_split": {"data": VALUES}},
    ],
    ids=[
        "records",
        "split",
        "split without index",
        "instances",
        "lists",
        "inputs",
        "instances by columns",
        "input rows",
        "input lists",
        "bare",
    ],
)
def test_every_format_gives_the_same_predictions(client, expected, body, content_type):
    assert risks(ask(client, body, content_type)) == expected


def test_the_values_of_one_application_may_stand_under_their_names(client, expected):
    assert risks(ask(client, {"inputs": GOOD})) == expected[:1]


@pytest.mark.parametrize("kind", ["records", "split", "inputs", "csv"])
def test_columns_are_found_by_their_names_in_any_order(client, expected, kind):
    names = sorted(GOOD, reverse=True)
    rows = [{name: row[name] for name in names} for row in ROWS]
    bodies = {
        "records": {"dataframe_records": rows},
        "split": {"dataframe_split": {"columns": names, "data": [[*row.values()] for row in rows]}},
        "inputs": {"inputs": {name: [row[name] for row in rows] for name in names}},
        "csv": "\n".join([",".join(names), *(",".join(map(str, row.values())) for row in rows)]),
    }
    assert risks(ask(client, bodies[kind], "text/csv" if kind == "csv" else JSON)) == expected


@pytest.mark.parametrize("name", ["dataframe_records", "instances"])
def test_a_text_of_digits_stays_a_text(client, name):
    assert ask(client, {name: [{**GOOD, "client": "0012"}]}).json["predictions"][0]["application_id"] == "0012"


@pytest.mark.parametrize("value", ["http://foo.example", "aaa://bbb", "address:/path", "/etc/passwd"])
def test_a_value_that_looks_like_an_address_is_a_value(client, value):
    answer = ask(client, {"dataframe_split": {"columns": [*GOOD, "url"], "data": [[*GOOD.values(), value]]}})
    assert len(risks(answer)) == 1


def test_missing_values_come_as_nan_from_a_frame_and_whole_numbers_as_fractions(client):
    missing = risks(ask(client, {"dataframe_records": [{**GOOD, "income_eur": None}]}))
    assert (
        risks(ask(client, {"dataframe_records": [{**GOOD, "age_years": 61.0, "income_eur": float("nan")}]})) == missing
    )
    assert "Infinity" in expect_error(ask(client, {"dataframe_records": [{**GOOD, "income_eur": float("inf")}]}))


@pytest.mark.parametrize("params", [{}, {"unknown": "value"}, None, {"model_version": None}, {"model_version": "3"}])
def test_params_that_the_model_does_not_have_are_passed_over(client, expected, params):
    assert risks(ask(client, {"dataframe_split": SPLIT, "params": params})) == expected


def test_a_version_may_be_asked_for_as_a_parameter(client, expected, old_version):
    answer = ask(client, {"dataframe_split": SPLIT, "params": {"model_version": "2"}})
    assert (risks(answer), {row["model_version"] for row in answer.json["predictions"]}) == (expected, {"2"})


def test_a_parameter_that_is_wrong_is_refused(client, old_version):
    assert "as a text" in expect_error(ask(client, {"dataframe_split": SPLIT, "params": {"model_version": 2}}))
    assert "dictionary" in expect_error(ask(client, {"dataframe_split": SPLIT, "params": ["model_version"]}))
    away = ask(client, {"dataframe_split": SPLIT, "params": {"model_version": "1"}})
    assert "version 3 serves" in expect_error(away, 409, "RESOURCE_CONFLICT")


def test_a_version_beside_the_rows_is_refused(client):
    message = expect_error(ask(client, {"dataframe_split": SPLIT, "model_version": "2"}))
    assert "model_version beside dataframe_split" in message
    assert "params" in message


def test_a_row_that_cannot_be_scored_says_so_in_its_place(client):
    first, second = ask(client, {"dataframe_records": [GOOD, {**GOOD, "age_years": "abc"}]}).json["predictions"]
    assert (first["row"], first["application_id"], second["row"]) == (1, "A7", 2)
    assert "'abc' is not a number" in second["error"]


@pytest.mark.parametrize("body", ["this is,,,, not valid json", "", '{"dataframe_records": [', b'{"a": "\xff"}'])
def test_json_that_is_none_is_called_so(client, body):
    assert "Ensure that input is a valid JSON formatted string." in expect_error(ask(client, body))


@pytest.mark.parametrize(
    "body",
    [1, "1", [1], None, {"not": "a serialized dataframe"}, {"dataframe_records": [], "dataframe_split": {"data": []}}],
)
def test_json_without_exactly_one_format_is_told_which_there_are(client, body):
    message = expect_error(ask(client, json.dumps(body)))
    assert "The input must be a JSON dictionary with exactly one of the input fields" in message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"dataframe_split": ROWS}, "Dataframe split format must be a dictionary. Got list"),
        ({"dataframe_split": {"columns": list(GOOD)}}, "Dataframe split format must have 'data' field"),
        ({"dataframe_split": {**SPLIT, "names": []}}, "Dataframe split format must have 'data' field"),
        ({"dataframe_records": SPLIT}, "Dataframe records format must be a list of records. Got dictionary."),
        (
            {"dataframe_split": {"index": [1, 2], "data": [[1], [2], [3]]}},
            "Provided dataframe_split field is not a valid",
        ),
        ({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}, "Provided dataframe_split field is not a valid"),
        ({"dataframe_records": [1]}, "Provided dataframe_records field is not a valid"),
        ({"instances": {"age_years": 3}}, "must be a list of rows. Got dictionary"),
        ({"inputs": {"age_years": [1, 2], "amount_eur": [1]}}, "not lists of the same length"),
        ({"inputs": {"age_years": [1], "amount_eur": 1}}, "not lists of the same length"),
        ({"instances": [[61]]}, "must hold 4 values each"),
        ({"instances": [VALUES[0], 3]}, "must hold 4 values each"),
        # A frame that has nothing to do with the model.
        ({"dataframe_split": {"columns": [0], "data": [[number] for number in range(10)]}}, "age_years"),
    ],
)
def test_a_frame_that_is_none_is_refused_with_what_is_wrong(client, body, said):
    assert said in expect_error(ask(client, body))


def test_an_empty_csv_is_a_bad_request(client):
    expect_error(ask(client, "", "text/csv"))


@pytest.mark.parametrize(
    "content_type",
    ["not_a_supported_content_type", "text/plain", f"{JSON}; something=something", f"{JSON}; format=pandas-split",
     f"{JSON}; charset=latin-1", "text/csv; charset=utf-16", ""],
)  # fmt: skip
def test_other_types_and_parameters_of_a_body_are_not_supported(client, content_type):
    expect_error(ask(client, {"dataframe_split": SPLIT}, content_type), 415)


def test_no_error_repeats_what_was_sent(client):
    wrong = {**GOOD, "client": "Anna Schmidt", "note": ["Anna Schmidt"]}
    for body in ({"dataframe_records": [wrong]}, {"dataframe_records": "Anna Schmidt"}, {"Anna Schmidt": 1}):
        assert "Anna" not in expect_error(ask(client, body))
    assert "Anna" not in expect_error(ask(client, '{"dataframe_records": [Anna Schmidt'))


def test_failures_of_the_app_have_mlflows_shape_too(client, corner_app, monkeypatch):
    def fail(*_args, **_kwargs):
        raise ZeroDivisionError("Anna Schmidt")

    monkeypatch.setattr(corner_app.extensions["creditrisk"].log, "append", fail)
    assert "Anna" not in expect_error(ask(client, {"instances": ROWS}), 500, "INTERNAL_ERROR")
    corner_app.extensions["creditrisk"].stopping.set()
    answer = ask(client, {"instances": ROWS})
    expect_error(answer, 503, "TEMPORARILY_UNAVAILABLE")
    assert answer.headers["Retry-After"] == "10"
    foreign = client.post("/invocations", json={"instances": ROWS}, headers={"Origin": "http://evil.example"})
    expect_error(foreign, 403, "PERMISSION_DENIED")


# What MLflow's own tests of its scoring server send, and a little more; what answers a case is not written down here,
# but asked of MLflow, whose copy of a model is one version and has no parameter that names another.
BY_COLUMN = {key: [row[key] for row in ROWS] for key in GOOD}
CSV = "\n".join([",".join(GOOD), *(",".join(map(str, row.values())) for row in ROWS)])
SENT = {
    "no JSON": "this is,,,, not valid json",
    "nothing": "",
    "bytes that are no text": b'{"a": "\xff"}',
    "a number": 1,
    "a text": "1",
    "a list": [1],
    "null": None,
    "no format": {"not": "a serialized dataframe"},
    "two formats": {"dataframe_records": [], "dataframe_split": {"data": []}},
    "split as records": {"dataframe_records": SPLIT},
    "records as split": {"dataframe_split": ROWS},
    "an index of another length": {"dataframe_split": {"index": [1, 2], "data": [[1], [2], [3]]}},
    "columns of another number": {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}},
    "another frame": {"dataframe_split": {"columns": [0], "index": [*range(10)], "data": [[x] for x in range(10)]}},
    "records": {"dataframe_records": ROWS},
    "split": {"dataframe_split": SPLIT},
    "split, other order": {"dataframe_split": {"columns": [*GOOD][::-1], "data": [[*x.values()][::-1] for x in ROWS]}},
    "an address": {"dataframe_split": {"columns": [*GOOD, "url"], "data": [[*GOOD.values(), "aaa://bbb"]]}},
    "instances": {"instances": ROWS},
    "instances by column": {"instances": BY_COLUMN},
    "inputs": {"inputs": BY_COLUMN},
    "inputs by row": {"inputs": ROWS},
    "unknown parameter": {"dataframe_split": SPLIT, "params": {"unknown": "value"}},
    "another key": {"dataframe_records": ROWS, "other": 1},
    "digits": {"dataframe_records": [{**GOOD, "client": "00120"}]},
    "none": {"dataframe_records": []},
    "no rows": {"dataframe_split": {"columns": [*GOOD], "data": []}},
    "no instances": {"instances": []},
    "one that cannot be scored": {"dataframe_records": [GOOD, {**GOOD, "age_years": "abc"}]},
}
TYPES = {
    "CSV": (CSV, "text/csv"),
    "CSV, its characters": (CSV, "text/csv; charset=utf-8"),
    "CSV, other characters": (CSV, "text/csv; charset=latin-1"),
    "CSV of nothing": ("", "text/csv"),
    "CSV without rows": (",".join(GOOD), "text/csv"),
    "CSV of bytes": (b"a,b\n\xff\xfe,1\n", "text/csv"),
    "JSON, its characters": (json.dumps({"dataframe_records": ROWS}), f"{JSON}; charset=UTF-8"),
    "JSON, another parameter": (json.dumps({"dataframe_split": SPLIT}), f"{JSON}; something=something"),
    "another type": (json.dumps({"dataframe_split": SPLIT}), "not_a_supported_content_type"),
    "no type": (json.dumps({"dataframe_split": SPLIT}), ""),
}


@pytest.fixture(scope="module")
def of_mlflow(corner_scorer):
    """What MLflow's scoring server answers with our model in it: status and body, without a socket between."""
    from mlflow.exceptions import MlflowException
    from mlflow.pyfunc import scoring_server

    from creditrisk.registry.pyfunc_model import ScorerModel

    model = ScorerModel()
    model.scorer = corner_scorer

    def predict(data, params=None):
        import pandas as pd

        return model.predict(None, pd.DataFrame(data), params)

    served = SimpleNamespace(predict=predict, metadata=SimpleNamespace())

    def answer(body, content_type):
        data = body if isinstance(body, bytes) else body.encode()
        try:
            given = scoring_server.invocations(data, content_type, served, None)
        except MlflowException as exc:
            return exc.get_http_status_code(), json.loads(exc.serialize_as_json())
        return given.status, json.loads(given.response) if given.mimetype == JSON else None

    return answer


def test_every_case_is_answered_as_mlflows_scoring_server_answers_it(client, of_mlflow):
    sent = {name: (body if name in ("no JSON", "nothing") or isinstance(body, bytes) else json.dumps(body), JSON)
            for name, body in SENT.items()}  # fmt: skip
    for name, (body, content_type) in (sent | TYPES).items():
        ours = ask(client, body, content_type)
        status, theirs = of_mlflow(body, content_type)
        assert ours.status_code == status, (name, ours.text)
        if status == 200:
            assert [row.get("prob_default") for row in ours.json["predictions"]] == [
                pytest.approx(row["prob_default"]) if row.get("prob_default") == row.get("prob_default") else None
                for row in theirs["predictions"]
            ], name
        elif theirs is not None:
            assert ours.json["error_code"] == theirs["error_code"], name
            assert isinstance(theirs["message"], str), name


def test_another_method_is_refused_in_mlflows_shape(client):
    answer = client.get("/invocations")
    expect_error(answer, 405, "BAD_REQUEST")
    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


def test_ping_says_whether_there_is_a_model(client, corner_app):
    assert (client.get("/ping").status_code, client.get("/ping").text) == (200, "\n")
    champion = corner_app.extensions["creditrisk"].champion
    champion.state = SimpleNamespace(scorer=None)
    assert client.get("/ping").status_code == 404


def test_mlflows_own_client_waits_asks_and_reads(client, expected, monkeypatch):
    import mlflow.pyfunc.scoring_server.client as of_mlflow
    import pandas as pd
    from mlflow.version import VERSION

    def path_of(url):
        return url.removeprefix("http://here:1")

    monkeypatch.setattr(of_mlflow, "requests", SimpleNamespace(
        get=lambda url: client.get(path_of(url)),
        post=lambda url, data, headers: client.post(path_of(url), data=data, headers=headers),
    ))  # fmt: skip
    theirs = of_mlflow.ScoringServerClient("here", 1)
    theirs.wait_server_ready(timeout=5)
    assert theirs.get_version() == VERSION
    answer = theirs.invoke(pd.DataFrame(ROWS), params={"unknown": 1}).get_predictions()
    assert answer["prob_default"].tolist() == expected
    # A gap makes numpy's fractions of a column of whole numbers.
    frame = pd.DataFrame([GOOD, {**OTHER, "income_eur": None}])
    assert theirs.invoke(frame).get_predictions()["prob_default"][0] == expected[0]
