"""Schemathesis reads the description of the interface and sends what it allows and what it does not, step after step.

`python -m tests.security.test_api_fuzz N` sends about N requests instead of a few hundred, and counts the answers.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.checks import not_a_server_error, response_headers_conformance
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
STEPS = 4


def walk(app: Flask, n_walks: int, *, is_random: bool = False) -> Counter[tuple[str, int]]:
    """Walk through the interface along its links; how often which address answered with which status."""
    config = SchemathesisConfig()
    config.projects.default.generation.update(modes=list(GenerationMode))
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, config=config)
    machine, seen = schema.as_state_machine(), Counter()

    class Walk(machine):
        def validate_response(self, response, case, **kwargs):
            seen[case.operation.label, response.status_code] += 1
            case.validate_response(response, checks=CHECKS)

    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=n_walks,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not is_random,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    return seen


def test_whatever_the_description_allows_or_not_is_answered_as_described(corner_app):
    seen = walk(corner_app, 30)
    assert sum(seen.values()) > 60
    assert not [status for _, status in seen if status >= 500]


def _main(n_requests: int) -> None:
    """Many walks, each from another beginning, over an app of the corner lender's in a home of its own."""
    from tests.conftest import corner_home, made_corner_scorer
    from webapp.app import create_app

    with TemporaryDirectory() as folder:
        app = create_app(corner_home(made_corner_scorer(), Path(folder)))
        app.extensions["creditrisk"].champion.look()
        seen: Counter[tuple[str, int]] = Counter()
        while seen.total() < n_requests:
            seen += walk(app, 1_000, is_random=True)
            print(f"{seen.total():,} requests", flush=True)
        for (label, status), n in sorted(seen.items()):
            print(f"{label:40} {status} {n:8,}")


if __name__ == "__main__":
    _main(int(sys.argv[1]))
