"""The published schema of a result is the one that results are read by, and older results are still read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import jsonschema
import pytest

from monitoring import results
from monitoring.results import SCHEMA_VERSION, Result, check, json_schema
from tests.integration.test_archive import FIGURES, result

PUBLISHED = Path(results.__file__).with_name("result.schema.json")


def test_what_is_published_is_what_results_are_read_by() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == json_schema(), (
        "make it anew: .venv/bin/python -m monitoring.results; raise SCHEMA_VERSION if readers of today would be misled"
    )


def test_a_result_follows_the_published_schema() -> None:
    schema = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({**result(9), "schema_version": SCHEMA_VERSION}, schema)
    for wrong in ({"last_seq": -1}, {"score": {**FIGURES, "level": 3}}, {"log_head": {"seq": 5, "hash": "x"}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**result(9), **wrong}, schema)


def test_a_result_of_version_1_which_had_no_field_for_it_is_read() -> None:
    assert "schema_version" not in check(result(9))
    newer = cast(Result, {**result(9), "schema_version": SCHEMA_VERSION + 1, "a_key_of_tomorrow": 1})
    assert check(newer)["schema_version"] == SCHEMA_VERSION + 1
