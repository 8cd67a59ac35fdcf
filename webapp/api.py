"""The JSON and CSV interface: score applications, report outcomes, and what operators ask (health, ready, metrics).

Every decision is in the decision log before it is answered. What a request holds is read in bodies.py; the routes are
described in openapi.py; what guards them is in security.py; files from the page come in by upload_routes.py, what
speaks MLflow's protocol by invocations.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from flask import Blueprint, Response, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST

from creditrisk import datasets
from creditrisk.decision_log import ScoredBlock
from creditrisk.quality import Rejection
from creditrisk.scoring import Scorer, csv_text, result_table, sample_record
from creditrisk.sources import from_records
from webapp import bodies
from webapp.context import AppContext
from webapp.errors import BadRequestError
from webapp.openapi import Example, JsonObject, describe
from webapp.outcomes import record_outcomes
from webapp.readiness import LogWatch, readiness
from webapp.scoring import as_result, results_of, score_few, score_stream

# So few applications are scored row by row; more are sooner scored as a table.
FEW_ROWS = 8
# Why a request could not be answered without Flask (short_way.py): it is answered with that error.
FAILED = "riskometer.failed"
_compact = json.JSONEncoder(separators=(",", ":")).encode


def make_blueprint(context: AppContext) -> Blueprint:
    """The routes of the API."""
    blueprint = Blueprint("api", __name__)
    _add_scoring(blueprint, context)
    _add_outcomes(blueprint, context)
    _add_operations(blueprint, context)
    return blueprint


def _add_scoring(blueprint: Blueprint, context: AppContext) -> None:
    @blueprint.post("/api/v1/score")
    def score() -> Response:
        failed = request.environ.pop(FAILED, None)
        if failed is not None:
            raise failed
        return Response(scored_json(context, bodies.json_body()), mimetype="application/json")

    @blueprint.post("/api/v1/score.csv")
    def score_csv() -> Response:
        scorer = context.scorer()
        table = bodies.csv_blocks(context)
        blocks = score_stream(context, scorer, datasets.check_blocks(table, scorer.schema), channel="api")
        # The first block is made before the answer begins, so that a log that is away still gives a proper error.
        return Response(_csv_lines(chain([next(blocks)], blocks)), mimetype="text/csv")


def _add_outcomes(blueprint: Blueprint, context: AppContext) -> None:
    @blueprint.post("/api/v1/outcomes")
    def outcomes() -> Response:
        body = bodies.json_body()
        items = body.get("outcomes") if isinstance(body, dict) else body
        if not isinstance(items, list) or not items:
            raise BadRequestError('Expected {"outcomes": [{"application_id": …, "default": true or false, …}]}.')
        bodies.limit_rows(len(items))
        return jsonify({"recorded": record_outcomes(context.log, items, today=datetime.now(UTC).date())})


def _add_operations(blueprint: Blueprint, context: AppContext) -> None:
    watch = LogWatch(context.log.check_writable)

    @blueprint.get("/api/v1/openapi.json")
    def openapi() -> Response:
        scorer = context.champion.state.scorer
        megabytes = context.settings.upload_max_mb
        if scorer is None:
            return jsonify(describe(None, csv_max_mb=megabytes))
        record = dict(sample_record(scorer.schema))
        example = Example(record, _answer(context, scorer, [record], is_decided=False))
        return jsonify(describe(scorer.schema, csv_max_mb=megabytes, example=example))

    @blueprint.get("/health")
    def health() -> Response:
        return jsonify({"status": "ok"})

    @blueprint.get("/ready")
    def ready() -> tuple[Response, int]:
        asked_at = request.environ.get("riskometer.received_at", time.monotonic())
        answer = readiness(context, watch.problem(asked_at))
        return jsonify(answer), 200 if answer["ready"] else 503

    @blueprint.get("/metrics")
    def metrics() -> Response:
        text = context.metrics.text(context.champion.state, context.uploads.n_unfinished())
        return Response(text, content_type=CONTENT_TYPE_LATEST)


def scored_json(context: AppContext, body: Any) -> bytes:
    """The answer to a scoring request, from its body; everything in it is in the decision log by then.

    Raises
    ------
    CreditRiskError
        If the body holds no applications of the schema's, nothing can be scored now, or the log does not take it.
    """
    answer = _answer(context, context.scorer(), bodies.applications(body), is_decided=True)
    return f"{_compact(answer)}\n".encode()


def _answer(context: AppContext, scorer: Scorer, items: list[Any], *, is_decided: bool) -> JsonObject:
    """What is said about applications; if it is not decided, nothing is logged or counted."""
    results: list[JsonObject]
    if len(items) <= FEW_ROWS:
        few = datasets.check_few(items, scorer.schema)
        scored = score_few(context, scorer, few, channel="api") if is_decided else scorer.score_few(few.accepted)
        results, rejected = [as_result({**row}) for row in scored], few.rejected
    else:
        checked = datasets.check(from_records(items), scorer.schema)
        if is_decided:
            results = results_of(context, scorer, checked)
        else:
            results = [as_result(row) for row in scorer.score(checked.accepted).iter_rows(named=True)]
        rejected = checked.rejected
    return {
        "model": scorer.name,
        "model_version": scorer.version,
        "results": results,
        "rejected": [_rejected(rejection) for rejection in rejected],
    }


def _rejected(rejection: Rejection) -> JsonObject:
    return {
        "row": rejection.row,
        "line": rejection.line,
        "column": rejection.column,
        "value": rejection.value,
        "expected": rejection.expected,
        "message": rejection.sentence,
    }


def _csv_lines(blocks: Iterator[ScoredBlock]) -> Iterator[str]:
    """The result, block by block. An error breaks the connection off: a client must not take a part for the whole."""
    for block in blocks:
        table = result_table(block.raw, block.scored, block.rejected, first_row=block.first_row)
        yield csv_text(table, with_header=block.first_row == 1)
