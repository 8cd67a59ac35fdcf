"""The description of the HTTP interface, as OpenAPI 3.1, with the present model's fields and real examples in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from creditrisk.schema import Schema
from webapp.api_models import (
    MOST_FOUND,
    DecisionSearch,
    Error,
    FoundDecisions,
    Invocation,
    MlflowError,
    Outcomes,
    Predictions,
    RecordedOutcomes,
    Scored,
    ServedModelDescription,
)
from webapp.bodies import JSON_MAX_ROWS
from webapp.errors import (
    RETRY_SECONDS,
    SENTENCES,
    KeyInUseError,
    KeyReusedError,
    NoModelError,
    NotSignedInError,
    StoppingError,
    shape,
)
from webapp.openapi_application import application_schema
from webapp.security import JSON_MAX_BYTES, MEGABYTE

# A part of the document: JSON, and no more than that.
JsonObject = dict[str, Any]

_REF = "#/components/schemas/{model}"
_MODELS: tuple[tuple[type[BaseModel], JsonSchemaMode], ...] = (
    (Scored, "serialization"),
    (Outcomes, "validation"),
    (RecordedOutcomes, "serialization"),
    (DecisionSearch, "validation"),
    (FoundDecisions, "serialization"),
    (ServedModelDescription, "serialization"),
    (Invocation, "validation"),
    (Predictions, "serialization"),
    (Error, "serialization"),
    (MlflowError, "serialization"),
)
# What can go wrong besides what a server has sentences for: status to codes, with a sentence as it is answered.
_PROBLEMS: dict[str, dict[str, str]] = {
    **{str(status): {code: sentence} for status, (code, sentence) in SENTENCES.items()},
    "400": {
        "bad_request": "The body is not valid JSON: Expecting value at line 1, column 18.",
        "unreadable_table": "There are no applications in the request.",
    },
    "401": {"not_signed_in": str(NotSignedInError())},
    "403": {"forbidden": "This request was started by another web site, so it was refused."},
    "409": {
        "key_in_use": str(KeyInUseError()),
        "version_not_kept": "The version of the model that was asked for is not kept here; version 3 serves.",
    },
    "422": {"wrong_columns": "These are not the columns of the model.", "key_reused": str(KeyReusedError())},
    "500": {"internal": "Something went wrong in the app. It was written to the app's own log."},
    "503": {
        "no_model": str(NoModelError()),
        "decision_log_away": "The decision log cannot be reached.",
        "model_unusable": "The model's files are not what they were.",
        "busy": SENTENCES[503][1],
        "no_room": "Nothing can be written where the app keeps its files.",
        "accounts_away": "The accounts cannot be read.",
        "stopping": str(StoppingError()),
    },
}
# Any request may be answered so.
_EVERYWHERE = ("400", "401", "403", "408", "431", "500", "501", "503")
_WITH_BODY = (*_EVERYWHERE, "413", "415")
_BY_MLFLOW = (*_WITH_BODY, "409")


@dataclass(frozen=True)
class Example:
    """An application that is typical of those the model learnt from, and the answer to it."""

    application: JsonObject
    answer: JsonObject


def describe(schema: Schema | None, *, csv_max_mb: int = 0, example: Example | None = None) -> JsonObject:
    """The OpenAPI document.

    Parameters
    ----------
    schema
        The schema of the model that answers; without one an application is any object.
    csv_max_mb
        The most megabytes that a CSV body may have; 0: not told.
    example
        Shown where applications are taken and answered.
    """
    _, components = models_json_schema(_MODELS, ref_template=_REF, schema_generator=_Untitled)
    application: JsonObject = application_schema(schema) if schema else {"type": "object"}
    if example is not None:
        application["examples"] = [example.application]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Risk-O-Meter",
            "version": version("risk-o-meter"),
            "description": "Scores applications for credit. Every decision is logged before it is answered.",
        },
        "paths": {
            **_scoring_paths(csv_max_mb, example),
            **_mlflow_paths(csv_max_mb, example),
            **_outcome_paths(example),
            **_search_paths(example),
            **_model_paths(),
            **_operator_paths(),
        },
        # Nothing of this is asked where there are no accounts.
        "security": [{}, {"key": []}, {"session": []}],
        "components": {
            "schemas": {"Application": application, "Applications": _APPLICATIONS, **components["$defs"]},
            "parameters": _PARAMETERS,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "Of `riskometer user key add`."},
                "session": {"type": "apiKey", "in": "cookie", "name": "riskometer_session"},
            },
            "responses": {
                **{status: _problem(problems) for status, problems in _PROBLEMS.items()},
                **{
                    f"mlflow_{status}": _mlflow_problem(problems)
                    for status, problems in _PROBLEMS.items()
                    if status in _BY_MLFLOW
                },
            },
        },
    }


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles of fields, which would only repeat their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


_HEADERS: JsonObject = {"X-Request-ID": {"schema": {"type": "string"}, "description": "Also in the app's log lines."}}
_UNKNOWN_FIELDS: JsonObject = {
    "X-Unknown-Fields": {
        "schema": {"type": "string"},
        "description": "A JSON list of the columns that were sent and not read, the first of them; absent if there "
        "are none.",
    }
}
_PARAMETERS: JsonObject = {
    "RequestId": {
        "name": "X-Request-ID",
        "in": "header",
        "schema": {"type": "string", "format": "uuid"},
        "description": "A UUID, or 32 hexadecimal digits. It comes back with the answer; others are replaced.",
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "description": "One caller's same key and body within 24 hours get the same answer, and nothing is done twice.",
    },
}
_APPLICATIONS: JsonObject = {
    "type": "object",
    "properties": {
        "applications": {
            "type": "array",
            "minItems": 1,
            "maxItems": JSON_MAX_ROWS,
            "items": {"$ref": _REF.format(model="Application")},
        },
        "model_version": {
            "type": "string",
            "description": "The version that is to score; without it, the one that serves.",
        },
    },
    "required": ["applications"],
    "additionalProperties": False,
}


# What may be sent to be scored as JSON.
_TAKEN: list[JsonObject] = [
    {"$ref": _REF.format(model="Applications")},
    _APPLICATIONS["properties"]["applications"],
    {"$ref": _REF.format(model="Application")},
]


def _scoring_paths(csv_max_mb: int, example: Example | None) -> JsonObject:
    asked, answered = ({"applications": [example.application]}, example.answer) if example else (None, None)
    return {
        "/api/v1/score": {
            "post": _operation(
                "Score applications",
                f"Takes one application, a list, or a list under `applications`; at most {JSON_MAX_ROWS:,} of them and "
                f"{JSON_MAX_BYTES // MEGABYTE} MB. Those that cannot be scored are in `rejected`.",
                body=_json({"anyOf": _TAKEN}, asked),
                answer=_json(_ref(Scored), answered),
                errors=(*_WITH_BODY, "409", "422"),
                parameters=[{"$ref": "#/components/parameters/IdempotencyKey"}],
                links={
                    "decisions": _link("searchDecisions", {"application_id": _SCORED_ID}, "Look it up in the log."),
                    "outcome": _link(
                        "reportOutcomes",
                        {"outcomes": [{"application_id": _SCORED_ID, "default": False}]},
                        "Say later what became of it.",
                    ),
                },
            )
        },
        "/api/v1/score.csv": {
            "post": _operation(
                "Score a table",
                f"The answer is streamed while it is made; every row of the table is in it.{_at_most(csv_max_mb)}",
                body=_csv(example),
                answer={"text/csv": {"schema": {"type": "string"}}},
                errors=(*_WITH_BODY, "422"),
                headers=_UNKNOWN_FIELDS,
            )
        },
    }


def _mlflow_paths(csv_max_mb: int, example: Example | None) -> JsonObject:
    asked, answered = None, None
    if example is not None:
        asked = {"dataframe_records": [example.application]}
        answered = {"predictions": example.answer["results"]}
    text = {"application/json": {"schema": {"type": "string"}}}
    return {
        "/invocations": {
            "post": _operation(
                "Score in the formats of MLflow's scoring server",
                "Answers and fails as `mlflow models serve` does; a row that cannot be scored has an `error` in its "
                f"place.{_at_most(csv_max_mb)}",
                body={**_json(_ref(Invocation), asked), **_csv(example)},
                answer=_json(_ref(Predictions), answered),
                errors=_BY_MLFLOW,
                prefix="mlflow_",
            )
        },
        "/ping": {
            "get": _operation(
                "Whether there is a model, as MLflow asks it",
                "404 if there is none.",
                answer=text,
                prefix="mlflow_",
                others={"404": {"description": "There is no model.", "content": text, "headers": _HEADERS}},
            )
        },
        "/version": {
            "get": _operation("MLflow's version", "A client of MLflow's may ask for it.", answer=text, prefix="mlflow_")
        },
    }


def _outcome_paths(example: Example | None) -> JsonObject:
    reported = None
    if example is not None:
        scored = example.answer["results"][0]
        reported = {"application_id": scored["application_id"], "default": False, "observed_on": "2026-03-31"}
    return {
        "/api/v1/outcomes": {
            "post": _operation(
                "Report what became of applications",
                "All are recorded or none. If some cannot be read, or are of applications that were never scored here, "
                "`faults` names them by their places. One that was said before changes nothing; another corrects it.",
                name="reportOutcomes",
                body=_json(_ref(Outcomes), {"outcomes": [reported]} if reported else None),
                answer=_json(_ref(RecordedOutcomes), {"recorded": 1, "corrected": 0, "unchanged": 0}),
                errors=(*_WITH_BODY, "409", "422"),
                parameters=[{"$ref": "#/components/parameters/IdempotencyKey"}],
            )
        }
    }


def _search_paths(example: Example | None) -> JsonObject:
    asked = {"application_id": example.answer["results"][0]["application_id"]} if example else None
    return {
        "/api/v1/decisions/search": {
            "post": _operation(
                "Look up what was decided about an application",
                f"The last {MOST_FOUND} decisions, newest first; none if it was never scored here, or erased.",
                name="searchDecisions",
                body=_json(_ref(DecisionSearch), asked),
                answer=_json(_ref(FoundDecisions)),
                errors=_WITH_BODY,
            )
        }
    }


def _model_paths() -> JsonObject:
    return {
        "/api/v1/model": {
            "get": _operation(
                "The model that answers",
                "Its version, the fields it takes, the cut-offs in force, whether scoring is stopped, and the versions "
                "that can be named.",
                answer=_json(_ref(ServedModelDescription)),
            )
        }
    }


def _operator_paths() -> JsonObject:
    anything = _json({"type": "object"})
    ready = "Which model answers, what is away, and what follows from that; within two seconds. 503 if it cannot score."
    return {
        "/api/v1/openapi.json": {"get": _operation("This description", "For programs.", answer=anything)},
        "/health": {
            "get": _operation(
                "Whether the process is alive",
                "Whatever else is away.",
                answer=_json({"type": "object"}, {"status": "ok"}),
            )
        },
        "/ready": {
            "get": _operation(
                "Whether it can score",
                ready,
                answer=anything,
                others={"503": {"description": "It cannot score.", "content": anything, "headers": _HEADERS}},
            )
        },
        "/metrics": {
            "get": _operation("Metrics", "For Prometheus.", answer={"text/plain": {"schema": {"type": "string"}}})
        },
    }


def _operation(
    summary: str,
    description: str,
    *,
    answer: JsonObject,
    body: JsonObject | None = None,
    errors: Iterable[str] = _EVERYWHERE,
    prefix: str = "",
    parameters: Sequence[JsonObject] = (),
    name: str = "",
    links: JsonObject | None = None,
    headers: JsonObject | None = None,
    others: JsonObject | None = None,
) -> JsonObject:
    problems = {status: {"$ref": f"#/components/responses/{prefix}{status}"} for status in sorted(errors)}
    operation: JsonObject = {
        "summary": summary,
        "description": description,
        "parameters": [{"$ref": "#/components/parameters/RequestId"}, *parameters],
        "responses": {
            "200": {"description": summary, "content": answer, "headers": _HEADERS | (headers or {})},
            **problems,
            **(others or {}),
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    if name:
        operation["operationId"] = name
    if links:
        operation["responses"]["200"]["links"] = links
    return operation


# The id of the first application that was scored.
_SCORED_ID = "$response.body#/results/0/application_id"


def _link(name: str, body: JsonObject, description: str) -> JsonObject:
    """What can be asked next with what was answered."""
    return {"operationId": name, "requestBody": body, "description": description}


def _problem(problems: dict[str, str]) -> JsonObject:
    examples = {code: {"value": shape(code, sentence)} for code, sentence in problems.items()}
    return _with_retry(problems, {**_json(_ref(Error))["application/json"], "examples": examples})


def _mlflow_problem(problems: dict[str, str]) -> JsonObject:
    return _with_retry(problems, _json(_ref(MlflowError))["application/json"])


def _with_retry(problems: dict[str, str], content: JsonObject) -> JsonObject:
    response: JsonObject = {
        "description": ", ".join(problems),
        "content": {"application/json": content},
        "headers": {**_HEADERS},
    }
    if not RETRY_SECONDS.keys().isdisjoint(problems):
        seconds = {"schema": {"type": "integer"}, "description": "After how many seconds it is worth asking again"}
        response["headers"]["Retry-After"] = seconds
    return response


def _json(schema: JsonObject, example: JsonObject | None = None) -> JsonObject:
    return {"application/json": {"schema": schema, **({"example": example} if example else {})}}


def _csv(example: Example | None) -> JsonObject:
    content: JsonObject = {
        "schema": {"type": "string", "description": "Comma, semicolon or tab; names on the first line."}
    }
    if example is not None:
        row = {name: "" if value is None else str(value) for name, value in example.application.items()}
        content["example"] = f"{','.join(row)}\n{','.join(row.values())}\n"
    return {"text/csv": content}


def _at_most(csv_max_mb: int) -> str:
    return f" At most {csv_max_mb:,} MB." if csv_max_mb else ""


def _ref(model: type[BaseModel]) -> JsonObject:
    return {"$ref": _REF.format(model=model.__name__)}
