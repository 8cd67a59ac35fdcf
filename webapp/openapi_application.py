"""An application in the description of the HTTP interface, with the fields of the model that answers."""

from __future__ import annotations

from pydantic.json_schema import JsonSchemaValue

from creditrisk.schema import Field, Schema
from creditrisk.sources import MAX_COLUMNS


def application_schema(schema: Schema) -> JsonSchemaValue:
    """What an application may hold, as JSON Schema; other fields are taken, and not read."""
    fields = [field for field in schema.fields if field.role in ("id", "time", "feature")]
    required = [field.name for field in fields if field.role == "feature" and field.is_required]
    return {
        "type": "object",
        "title": schema.title,
        "properties": {field.name: _property(field, is_required=field.name in required) for field in fields},
        "required": required,
        "maxProperties": MAX_COLUMNS,
    }


def _property(field: Field, *, is_required: bool) -> JsonSchemaValue:
    kind: JsonSchemaValue
    if field.type == "category":
        kind = {"enum": [category.value for category in field.categories] + ([] if is_required else [None])}
    else:
        name = {"number": "number", "integer": "integer", "text": "string", "date": "string"}[field.type]
        kind = {"type": name if is_required else [name, "null"]}
        if field.type == "date":
            kind["format"] = "date"
    bounds = {"minimum": field.minimum, "maximum": field.maximum}
    expected = f"{field.label}: {field.expected}."
    return (
        kind | {name: float(bound) for name, bound in bounds.items() if bound is not None} | {"description": expected}
    )
