"""MLflow's scoring protocol: a client of `mlflow models serve` can be pointed here and notices no difference.

It takes the formats of MLflow's scoring server (https://mlflow.org/docs/latest/genai/serving/), answers
`{"predictions": […]}` and fails with MLflow's `error_code` and `message`. Unlike MLflow's, no message repeats what was
sent, `stack_trace` is always empty, and what two programs could read in two ways (a key twice, Infinity) is refused.
Parquet is not taken: its readers were not made for what strangers send.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from flask import Blueprint, Response, abort, json, jsonify, request
from werkzeug.exceptions import HTTPException

from creditrisk import datasets
from creditrisk.errors import CreditRiskError, SourceError
from creditrisk.schema import Schema
from creditrisk.scoring import Scorer
from creditrisk.sources import RawTable, from_records, from_rows
from webapp import bodies
from webapp.access import the_caller
from webapp.context import AppContext
from webapp.errors import BadRequestError, answer_http, answer_known, answer_unknown, mlflow_shape
from webapp.idempotency import refuse_key
from webapp.openapi import JsonObject
from webapp.pinned_versions import pinned_scorer
from webapp.scoring import as_result, score_table

# The keys under which rows may stand; of `params` beside them, `model_version` is the only one.
FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_TYPE_WORDS = {dict: "dictionary", list: "list", str: "text", bool: "true or false", type(None): "null"}


def make_blueprint(context: AppContext) -> Blueprint:
    """The routes of MLflow's scoring server."""
    blueprint = Blueprint("mlflow", __name__)

    @blueprint.post("/invocations")
    def invocations() -> Response:
        refuse_key(request.headers.get("Idempotency-Key"), "Leave it out, or send JSON to /api/v1/score.")
        scorer, table = _what_is_asked(context)
        checked = datasets.check(table, scorer.schema)
        by_row: dict[int, JsonObject] = {
            row["row_number"]: as_result({**row})
            for row in score_table(context, scorer, checked, by=the_caller().actor)
        }
        for rejection in checked.rejected:
            row = by_row.setdefault(rejection.row, {"row": rejection.row, "error": ""})
            row["error"] = f"{row['error']} {rejection.sentence}".strip()
        return jsonify({"predictions": [by_row[row] for row in sorted(by_row)]})

    @blueprint.get("/ping")
    def ping() -> Response:
        return Response("\n", 404 if context.champion.state.scorer is None else 200, mimetype="application/json")

    @blueprint.get("/version")
    def mlflow_version() -> Response:
        return Response(version("mlflow"), mimetype="application/json")

    blueprint.register_error_handler(CreditRiskError, _in_mlflows_shape(answer_known))
    blueprint.register_error_handler(HTTPException, answer_http)
    blueprint.register_error_handler(Exception, _in_mlflows_shape(answer_unknown))
    return blueprint


def _in_mlflows_shape(answer: Callable[[Any], tuple[Response, int]]) -> Callable[[Any], tuple[Response, int]]:
    """An error's answer as MLflow would give it: its status, and its names for things."""

    def answer_so(exc: Exception) -> tuple[Response, int]:
        response, status = answer(exc)
        # Columns that do not fit are no status of their own to MLflow.
        status = 400 if status == 422 else status
        response.set_data(json.dumps(mlflow_shape(status, response.get_json()["error"]["message"])))
        return response, status

    return answer_so


def _what_is_asked(context: AppContext) -> tuple[Scorer, RawTable]:
    """The version that is to answer and the rows of the request, in whichever format they came."""
    parameters = {name.lower(): value.lower() for name, value in request.mimetype_params.items()}
    if parameters.pop("charset", "utf-8") != "utf-8" or parameters:
        abort(415)
    if not request.is_json:
        return context.scorer(), bodies.csv_body(context)
    try:
        # MLflow's client writes what is missing in a frame as NaN.
        body = bodies.json_body(is_nan_missing=True)
    except BadRequestError as exc:
        problem = "Failed to parse input from JSON. Ensure that input is a valid JSON formatted string."
        raise BadRequestError(f"{problem} {exc}") from exc
    if not isinstance(body, dict):
        raise _not_one_format(f"Received a {_type_of(body)}")
    formats = [name for name in FORMATS if name in body]
    if len(formats) != 1:
        raise _not_one_format(f"Received {', '.join(formats) or 'none of them'}")
    [name] = formats
    if "model_version" in body:
        raise BadRequestError(
            f"The key model_version beside {name} means nothing here. Expected it in the params: "
            '{"params": {"model_version": "3"}}.'
        )
    scorer = pinned_scorer(context, _version(body.get("params")))
    try:
        return scorer, _READERS[name](body[name], scorer.schema)
    except SourceError as exc:
        what = f"Provided {name} field is not a valid dataframe representation"
        raise BadRequestError(f"{what}: {exc}") from exc


def _version(params: Any) -> Any:
    """What stands under the one parameter that there is; others are passed over, as MLflow does."""
    if not isinstance(params, dict | None):
        raise BadRequestError(f"The params must be a dictionary. Got {_type_of(params)}.")
    return params.get("model_version") if params else None


def _split(data: Any, schema: Schema) -> RawTable:
    if not isinstance(data, dict):
        raise BadRequestError(f"Dataframe split format must be a dictionary. Got {_type_of(data)}.")
    if "data" not in data or not data.keys() <= {"columns", "data", "index"}:
        raise BadRequestError(
            "Dataframe split format must have 'data' field and optionally 'columns' and 'index' fields."
        )
    rows, columns, index = data["data"], data.get("columns"), data.get("index")
    if not isinstance(rows, list) or not isinstance(columns, list | None):
        raise SourceError("'data' must be a list of rows, and 'columns' a list of their names.")
    if index is not None and (not isinstance(index, list) or len(index) != len(rows)):
        raise SourceError("'index' must be a list with one entry for each row of 'data'.")
    return _rows(rows, schema, columns)


def _records(data: Any, _schema: Schema) -> RawTable:
    if not isinstance(data, list):
        raise BadRequestError(f"Dataframe records format must be a list of records. Got {_type_of(data)}.")
    bodies.limit_rows(len(data))
    return from_records(data)


def _instances(data: Any, schema: Schema) -> RawTable:
    """Rows: objects, or lists of values in the schema's order; or columns, as inputs have them."""
    if isinstance(data, dict) and any(isinstance(column, list) for column in data.values()):
        return _inputs(data, schema)
    if not isinstance(data, list):
        raise BadRequestError(f"The instances must be a list of rows. Got {_type_of(data)}.")
    if data and isinstance(data[0], list):
        return _rows(data, schema, None)
    return _records(data, schema)


def _inputs(data: Any, schema: Schema) -> RawTable:
    """Columns by their names, the values of one application by their names, or rows as instances have them."""
    if not isinstance(data, dict):
        return _instances(data, schema)
    columns = list(data.values())
    if not any(isinstance(column, list) for column in columns):
        return from_records([data])
    if not all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
        raise SourceError("the columns are not lists of the same length.")
    return _rows([list(row) for row in zip(*columns, strict=True)], schema, list(data))


def _rows(rows: list[Any], schema: Schema, columns: list[Any] | None) -> RawTable:
    """Rows with the names of their values, or without: then they are the schema's fields in its order."""
    bodies.limit_rows(len(rows))
    if columns is not None:
        return from_rows([str(name) for name in columns], rows)
    names = [field.name for field in schema.features]
    if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        raise SourceError(
            f"rows without names of columns must hold {len(names):,} values each, one for each field, in the order of "
            "the schema. Name the columns."
        )
    return from_rows(names, rows)


_READERS: Mapping[str, Callable[[Any, Schema], RawTable]] = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _instances,
    "inputs": _inputs,
}


def _not_one_format(received: str) -> BadRequestError:
    fields = ", ".join(FORMATS)
    return BadRequestError(
        f"The input must be a JSON dictionary with exactly one of the input fields {fields}. {received}."
    )


def _type_of(value: Any) -> str:
    return _TYPE_WORDS.get(type(value), "number")
