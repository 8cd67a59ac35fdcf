"""Schemathesis sends what the interface's description allows and what it does not; and damaged requests are sent.

`python -m tests.security.test_api_fuzz N` sends N damaged ones (mutated_requests.py) and about N of Schemathesis's,
instead of a few hundred, and counts the answers; with a number behind N, the damaged ones from that number on.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
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

from tests.security.mutated_requests import send

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
    seen = walk(corner_app, 15)
    assert sum(seen.values()) > 30
    assert not [status for _, status in seen if status >= 500]


def test_damaged_bodies_and_files_are_answered_with_a_sentence(corner_app):
    seen = send(corner_app, range(150))
    assert seen.wrong == []
    assert {status for _, status in seen.statuses} >= {200, 202, 400, 422, "done", "failed"}


def _main(n_requests: int, first: int | None) -> None:
    """Damaged requests from a number on, or, without one, as many and then walks, over an app in a home of its own."""
    from tests.conftest import corner_home, made_corner_scorer
    from webapp.app import create_app

    with TemporaryDirectory() as folder:
        app = create_app(corner_home(made_corner_scorer(), Path(folder)))
        app.extensions["creditrisk"].champion.look()
        begin = time.time_ns() % 10**12 if first is None else first
        seen = send(app, range(begin, begin + n_requests), _tell_now_and_then)
        _print(seen.statuses)
        took, number = seen.longest
        print(f"{n_requests:,} damaged requests from {begin} on; the longest took {took:.2f} s: {number}")
        print(f"{len(seen.wrong)} answered as they should not be", *seen.wrong, sep="\n")
        walked: Counter[tuple[str, int]] = Counter()
        while first is None and walked.total() < n_requests:
            walked += walk(app, 1_000, is_random=True)
            print(f"{walked.total():,} requests", flush=True)
        _print(walked)


def _tell_now_and_then(n: int) -> None:
    if n % 1_000 == 0:
        print(f"{n:,} requests", flush=True)


def _print(statuses: Mapping[tuple[str, int | str], int]) -> None:
    for (label, status), n in sorted(statuses.items(), key=str):
        print(f"{label:40} {status} {n:8,}")


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
