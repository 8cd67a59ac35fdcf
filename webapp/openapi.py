"""The description of the HTTP interface, as OpenAPI 3.1, with the present model's fields in it."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from creditrisk.schema import Field, Schema
from webapp.api_models import Error, Outcomes, Predictions, Recorded, Scored
from webapp.bodies import JSON_MAX_ROWS

# A part of the document: JSON, and no more than that.
JsonObject = dict[str, Any]

_REF = "#/components/schemas/{model}"
_MODELS: tuple[tuple[type[BaseModel], JsonSchemaMode], ...] = (
    (Scored, "serialization"),
    (Outcomes, "validation"),
    (Recorded, "serialization"),
    (Predictions, "serialization"),
    (Error, "serialization"),
)
_SCORING_ERRORS = ("400", "403", "413", "415", "422", "503")


def describe(schema: Schema | None) -> JsonObject:
    """The OpenAPI document.

    Parameters
    ----------
    schema
        The schema of the model that answers; without one an application is any object.
    """
    _, components = models_json_schema(_MODELS, ref_template=_REF, schema_generator=_Untitled)
    application = _application(schema) if schema else {"type": "object"}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Risk-O-Meter",
            "version": version("risk-o-meter"),
            "description": "Scores applications for credit. Every decision is logged before it is answered.",
        },
        "paths": {
            **_scoring_paths(),
            "/api/v1/outcomes": {
                "post": _operation(
                    "Report what became of applications",
                    body=_json(_ref(Outcomes)),
                    answer=_json(_ref(Recorded)),
                    errors=("400", "403", "413", "415", "503"),
                )
            },
            "/ping": {
                "get": _operation("Whether there is a model, as MLflow asks it", answer=_json({"type": "string"}))
            },
            "/version": {"get": _operation("MLflow's version", answer=_json({"type": "string"}))},
            "/api/v1/openapi.json": {"get": _operation("This description", answer=_json({"type": "object"}))},
            "/health": {"get": _operation("Whether the process is alive", answer=_json({"type": "object"}))},
            "/ready": {
                "get": _operation(
                    "Whether it can score, with which model, and what is away (503 if it cannot score)",
                    answer=_json({"type": "object"}),
                )
            },
            "/metrics": {
                "get": _operation("Metrics for Prometheus", answer={"text/plain": {"schema": {"type": "string"}}})
            },
        },
        "components": {"schemas": {"Application": application, "Applications": _APPLICATIONS, **components["$defs"]}},
    }


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles of fields, which would only repeat their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


_APPLICATIONS: JsonObject = {
    "type": "object",
    "properties": {
        "applications": {
            "type": "array",
            "minItems": 1,
            "maxItems": JSON_MAX_ROWS,
            "items": {"$ref": _REF.format(model="Application")},
        }
    },
    "required": ["applications"],
}


def _scoring_paths() -> JsonObject:
    csv_body = {"schema": {"type": "string", "description": "Comma, semicolon or tab; names on the first line."}}
    return {
        "/api/v1/score": {
            "post": _operation(
                "Score applications",
                body=_json({"$ref": _REF.format(model="Applications")}),
                answer=_json(_ref(Scored)),
                errors=_SCORING_ERRORS,
            )
        },
        "/api/v1/score.csv": {
            "post": _operation(
                "Score a table; the answer is streamed while it is made, every row of the table is in it",
                body={"text/csv": csv_body},
                answer={"text/csv": {"schema": {"type": "string"}}},
                errors=_SCORING_ERRORS,
            )
        },
        "/invocations": {
            "post": _operation(
                "Score in the formats of MLflow's scoring server",
                body={**_json({"type": "object"}), "text/csv": csv_body},
                answer=_json(_ref(Predictions)),
                errors=_SCORING_ERRORS,
            )
        },
    }


def _operation(
    summary: str, *, answer: JsonObject, body: JsonObject | None = None, errors: tuple[str, ...] = ()
) -> JsonObject:
    problem = {"description": "A problem, in one sentence", "content": _json(_ref(Error))}
    operation: JsonObject = {
        "summary": summary,
        "responses": {"200": {"description": summary, "content": answer}, **dict.fromkeys(errors, problem)},
    }
    if "503" in errors:
        seconds = {"schema": {"type": "integer"}, "description": "After how many seconds it is worth asking again"}
        operation["responses"]["503"] = {**problem, "headers": {"Retry-After": seconds}}
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def _json(schema: JsonObject) -> JsonObject:
    return {"application/json": {"schema": schema}}


def _ref(model: type[BaseModel]) -> JsonObject:
    return {"$ref": _REF.format(model=model.__name__)}


def _application(schema: Schema) -> JsonObject:
    fields = [field for field in schema.fields if field.role in ("id", "time", "feature")]
    return {
        "type": "object",
        "title": schema.title,
        "properties": {field.name: _property(field) for field in fields},
        "required": [field.name for field in fields if field.role == "feature" and field.is_required],
    }


def _property(field: Field) -> JsonObject:
    kind: JsonObject
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
