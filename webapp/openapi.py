"""The description of the HTTP interface, as OpenAPI 3.1, with the present model's fields in it."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from creditrisk.schema import Field, Schema
from webapp.bodies import JSON_MAX_ROWS


def describe(schema: Schema | None) -> dict[str, Any]:
    """The OpenAPI document.

    Parameters
    ----------
    schema
        The schema of the model that answers; without one an application is any object.
    """
    json_table = {"$ref": "#/components/schemas/Applications"}
    csv_text = {"schema": {"type": "string", "description": "Comma, semicolon or tab; names on the first line."}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Risk-O-Meter",
            "version": version("risk-o-meter"),
            "description": "Scores applications for credit. Every decision is logged before it is answered.",
        },
        "paths": {
            "/api/v1/score": {
                "post": _operation(
                    "Score applications",
                    body={"application/json": {"schema": json_table}},
                    answers={"application/json": {"schema": {"$ref": "#/components/schemas/Scored"}}},
                    errors=("400", "403", "413", "415", "422", "503"),
                )
            },
            "/api/v1/score.csv": {
                "post": _operation(
                    "Score a table; the answer is streamed while it is made, every row of the table is in it",
                    body={"text/csv": csv_text},
                    answers={"text/csv": {"schema": {"type": "string"}}},
                    errors=("400", "403", "413", "415", "422", "503"),
                )
            },
            "/api/v1/outcomes": {
                "post": _operation(
                    "Report what became of applications",
                    body={"application/json": {"schema": {"$ref": "#/components/schemas/Outcomes"}}},
                    answers=_json({"type": "object", "properties": {"recorded": {"type": "integer"}}}),
                    errors=("400", "403", "413", "415", "503"),
                )
            },
            "/api/v1/openapi.json": {"get": _operation("This description", answers=_json({"type": "object"}))},
            "/invocations": {
                "post": _operation(
                    "Score in the formats of MLflow's scoring server",
                    body={"application/json": {"schema": {"type": "object"}}, "text/csv": csv_text},
                    answers=_json({"type": "object", "properties": {"predictions": {"type": "array"}}}),
                    errors=("400", "403", "413", "415", "422", "503"),
                )
            },
            "/health": {"get": _operation("Whether the process is alive", answers=_json({"type": "object"}))},
            "/ready": {
                "get": _operation(
                    "Whether it can score, with which model, and what is away (503 if it cannot score)",
                    answers=_json({"type": "object"}),
                )
            },
            "/metrics": {
                "get": _operation("Metrics for Prometheus", answers={"text/plain": {"schema": {"type": "string"}}})
            },
        },
        "components": {"schemas": _schemas(schema)},
    }


def _operation(
    summary: str,
    *,
    answers: dict[str, Any],
    body: dict[str, Any] | None = None,
    errors: tuple[str, ...] = (),
) -> dict[str, Any]:
    problem = {"description": "A problem, in one sentence", "content": _json({"$ref": "#/components/schemas/Error"})}
    operation: dict[str, Any] = {
        "summary": summary,
        "responses": {"200": {"description": summary, "content": answers}, **dict.fromkeys(errors, problem)},
    }
    if "503" in errors:
        seconds = {"schema": {"type": "integer"}, "description": "After how many seconds it is worth asking again"}
        operation["responses"]["503"] = {**problem, "headers": {"Retry-After": seconds}}
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _schemas(schema: Schema | None) -> dict[str, Any]:
    share = {"type": "number", "minimum": 0, "maximum": 1}
    text = {"type": "string"}
    result = {
        "row": {"type": "integer", "minimum": 1},
        "application_id": text,
        "prob_default": share,
        "score_points": {"type": "number", "description": "Higher is safer; 20 points double the odds."},
        "verdict": {"enum": ["approve", "refer", "decline"]},
        "band": {"enum": ["green", "amber", "red"]},
        "confidence": share,
        "reasons": {
            "type": "array",
            "maxItems": 4,
            "items": {"type": "object", "properties": {"code": text, "text": text}},
            "description": "What raised the risk, strongest first.",
        },
        "model": text,
        "model_version": text,
        "problems": {"type": "array", "items": text},
    }
    rejected = {
        "row": {"type": "integer"},
        "line": {"type": "integer"},
        "column": text,
        "value": text,
        "expected": text,
        "message": text,
    }
    outcome = {
        "application_id": text,
        "default": {"type": "boolean", "description": "True if the loan went bad."},
        "observed_on": {"type": "string", "format": "date"},
        "model": {"type": "string", "description": "Whose decision it was; empty: whichever model decided."},
    }
    application = _application(schema) if schema else {"type": "object"}
    return {
        "Application": application,
        "Applications": _object(
            {
                "applications": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": JSON_MAX_ROWS,
                    "items": {"$ref": "#/components/schemas/Application"},
                }
            }
        ),
        "Scored": _object(
            {
                "model": text,
                "model_version": text,
                "results": {"type": "array", "items": _object(result)},
                "rejected": {"type": "array", "items": _object(rejected)},
            }
        ),
        "Outcomes": _object(
            {
                "outcomes": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": JSON_MAX_ROWS,
                    "items": {
                        "type": "object",
                        "properties": outcome,
                        "required": ["application_id", "default", "observed_on"],
                    },
                }
            }
        ),
        "Error": _object({"error": _object({"code": text, "message": text})}),
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _application(schema: Schema) -> dict[str, Any]:
    fields = [field for field in schema.fields if field.role in ("id", "time", "feature")]
    return {
        "type": "object",
        "title": schema.title,
        "properties": {field.name: _property(field) for field in fields},
        "required": [field.name for field in fields if field.role == "feature" and field.is_required],
    }


def _property(field: Field) -> dict[str, Any]:
    kind: dict[str, Any]
    if field.type == "category":
        kind = {"enum": [category.value for category in field.categories]}
    elif field.type == "date":
        kind = {"type": "string", "format": "date"}
    else:
        kind = {"type": {"number": "number", "integer": "integer", "text": "string"}[field.type]}
    bounds = {"minimum": field.minimum, "maximum": field.maximum}
    expected = f"{field.label}: {field.expected}."
    return (
        kind | {name: float(bound) for name, bound in bounds.items() if bound is not None} | {"description": expected}
    )
