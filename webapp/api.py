"""The JSON and CSV interface: score applications, report outcomes, and what operators ask (health, ready, metrics).

Every decision is in the decision log before it is answered. What a request holds is read in bodies.py; the routes are
described in openapi.py; what guards them is in security.py; files from the page come in by upload_routes.py, what
speaks MLflow's protocol by invocations.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from flask import Blueprint, Response, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST

from creditrisk import datasets
from creditrisk.decision_log import Actor, Logged, ScoredBlock
from creditrisk.errors import CreditRiskError
from creditrisk.quality import Checked, CheckedFew, Rejection, code_of, match_headers
from creditrisk.schema import Schema
from creditrisk.scoring import ScoredRow, Scorer, csv_text, result_table, typical_record
from creditrisk.sources import from_records
from creditrisk.text import shorten
from webapp import bodies
from webapp.access import the_caller
from webapp.api_models import MOST_FOUND
from webapp.context import AppContext
from webapp.errors import BadRequestError
from webapp.idempotency import AnsweredBy, Claim, IdempotencyKeys, refuse_key
from webapp.model_description import describe_model
from webapp.openapi import Example, JsonObject, describe
from webapp.outcomes import record_outcomes
from webapp.pinned_versions import kept_scorer, pinned_scorer
from webapp.readiness import LogWatch, readiness
from webapp.scored_once import few_once, table_once
from webapp.scoring import as_result, score_few, score_stream, score_table, scored_rows
from webapp.sign_in import find_caller

OUTCOMES = "/api/v1/outcomes"
# So few applications are scored row by row; more are sooner scored as a table.
FEW_ROWS = 8
# So many unknown columns of a CSV are named in a header of its answer.
MOST_SHOWN = 20
# Servers between take headers of some 4,000 characters, all of them together.
MOST_IN_A_HEADER = 2_000
# Why a request could not be answered without Flask (short_way.py): it is answered with that error.
FAILED = "riskometer.failed"
_compact = json.JSONEncoder(separators=(",", ":")).encode


def make_blueprint(context: AppContext) -> Blueprint:
    """The routes of the API."""
    blueprint = Blueprint("api", __name__)
    keys = IdempotencyKeys(context.settings.home)
    _add_scoring(blueprint, context, keys)
    _add_outcomes(blueprint, context, keys)
    _add_search(blueprint, context)
    _add_model(blueprint, context)
    _add_operations(blueprint, context)
    return blueprint


def _add_scoring(blueprint: Blueprint, context: AppContext, keys: IdempotencyKeys) -> None:
    @blueprint.post("/api/v1/score")
    def score() -> Response:
        failed = request.environ.pop(FAILED, None)
        if failed is not None:
            raise failed
        key = request.headers.get("Idempotency-Key")
        if key is not None:
            return _scored_once(context, keys, key)
        return Response(scored_json(context, bodies.json_body(), the_caller().actor), mimetype="application/json")

    @blueprint.post("/api/v1/score.csv")
    def score_csv() -> Response:
        refuse_key(request.headers.get("Idempotency-Key"), "Leave it out, or send JSON to /api/v1/score.")
        scorer = context.scorer()
        table = bodies.csv_blocks(context)
        checked, by = datasets.check_blocks(table, scorer.schema), the_caller().actor
        blocks = score_stream(context, scorer, checked, channel="api", by=by)
        # The first block is made before the answer begins, so that a log that is away still gives a proper error.
        first = next(blocks)
        answer = Response(_csv_lines(chain([first], blocks)), mimetype="text/csv")
        if unknown := datasets.unknown_fields(first.raw.columns, scorer.schema):
            answer.headers["X-Unknown-Fields"] = _in_a_header(unknown)
        return answer


def _in_a_header(names: list[str]) -> str:
    """As many of some names as a header has room for, as JSON in ASCII."""
    shown = [shorten(name) for name in names[:MOST_SHOWN]]
    while len(json.dumps(shown)) > MOST_IN_A_HEADER:
        shown.pop()
    return json.dumps(shown)


def _add_search(blueprint: Blueprint, context: AppContext) -> None:
    @blueprint.post("/api/v1/decisions/search")
    def search() -> Response:
        body = bodies.json_body(instead="")
        application_id = body.get("application_id") if isinstance(body, dict) else None
        if not isinstance(application_id, str) or not application_id.strip() or len(body) > 1:
            raise BadRequestError('Expected {"application_id": "…"}, and nothing beside it.')
        found = context.log.decisions_about(application_id.strip(), at_most=MOST_FOUND + 1)
        return jsonify({"decisions": [_found(one) for one in found[:MOST_FOUND]], "has_more": len(found) > MOST_FOUND})


def _found(logged: Logged) -> JsonObject:
    decision = logged.decision
    return {
        "entry": logged.seq,
        "decided_at": logged.decided_at.isoformat(),
        "channel": decision.channel,
        "model": decision.model,
        "model_version": decision.model_version,
        "prob_default": decision.prob_default,
        "score_points": decision.score_points,
        "verdict": decision.verdict,
        "band": decision.band,
        "confidence": decision.confidence,
        "reasons": decision.reasons,
        "problems": decision.problems,
        "hash": logged.hash,
    }


def _add_outcomes(blueprint: Blueprint, context: AppContext, keys: IdempotencyKeys) -> None:
    @blueprint.post(OUTCOMES)
    def outcomes() -> Response:
        sent = bodies.json_bytes()
        body = bodies.parse_json(sent, instead="")
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return Response(_recorded_json(context, body), mimetype="application/json")

        with keys.claimed(the_caller(), key, OUTCOMES.encode() + sent) as claim:
            if not claim.is_repeat:
                claim.by = AnsweredBy(OUTCOMES, _recorded_json(context, body).decode())
        return _said_once(claim, claim.by.version.encode())


def _recorded_json(context: AppContext, body: Any) -> bytes:
    items = body.get("outcomes") if isinstance(body, dict) else body
    if not isinstance(items, list) or not items:
        raise BadRequestError('Expected {"outcomes": [{"application_id": …, "default": true or false, …}]}.')
    if isinstance(body, dict):
        bodies.refuse_others(body, ("outcomes",))
    bodies.limit_rows(len(items), instead="")
    done = record_outcomes(context.log, items, today=datetime.now(UTC).date(), by=the_caller().actor)
    return _encoded({"recorded": done.n_new, "corrected": done.n_corrected, "unchanged": done.n_unchanged})


def _add_model(blueprint: Blueprint, context: AppContext) -> None:
    @blueprint.get("/api/v1/model")
    def model() -> Response:
        return jsonify(describe_model(context))


def _add_operations(blueprint: Blueprint, context: AppContext) -> None:
    watch = LogWatch(context.log.check_writable)

    @blueprint.get("/api/v1/openapi.json")
    def openapi() -> Response:
        scorer = context.champion.state.scorer
        megabytes = context.settings.upload_max_mb
        if scorer is None:
            return jsonify(describe(None, csv_max_mb=megabytes))
        return jsonify(describe(scorer.schema, csv_max_mb=megabytes, example=_example(context, scorer)))

    @blueprint.get("/health")
    def health() -> Response:
        return jsonify({"status": "ok"})

    @blueprint.get("/ready")
    def ready() -> tuple[Response, int]:
        asked_at = request.environ.get("riskometer.received_at", time.monotonic())
        answer = readiness(context, watch.problem(asked_at), is_known=_is_known(context))
        return jsonify(answer), 200 if answer["ready"] else 503

    @blueprint.get("/metrics")
    def metrics() -> Response:
        text = context.metrics.text(context.champion.state, context.uploads.n_unfinished())
        return Response(text, content_type=CONTENT_TYPE_LATEST)


def _is_known(context: AppContext) -> bool:
    """Whether somebody known asks on a route that is open to all; nobody, if that cannot be found out."""
    try:
        return find_caller(context.accounts, context.sessions) is not None
    except CreditRiskError:
        return False


def _example(context: AppContext, scorer: Scorer) -> Example | None:
    """An application and its answer as it would be given now; None while what people set cannot be read."""
    record = dict(typical_record(scorer))
    try:
        scorer = context.policy.apply(scorer)
    except CreditRiskError:
        return None
    return Example(record, _answer(context, scorer, [record], decided_by=None))


def scored_json(context: AppContext, body: Any, by: Actor) -> bytes:
    """The answer to somebody's scoring request, from its body; everything in it is in the decision log by then.

    Raises
    ------
    CreditRiskError
        If the body holds no applications of the schema's, nothing can be scored now, or the log does not take it.
    """
    return _encoded(_answer(context, _scorer_for(context, body), bodies.applications(body), decided_by=by))


def _scored_once(context: AppContext, keys: IdempotencyKeys, key: str) -> Response:
    """The answer to a scoring request with an idempotency key; what was decided under it is not decided again."""
    sent = bodies.json_bytes()
    body = bodies.parse_json(sent)
    with keys.claimed(the_caller(), key, sent) as claim:
        by = claim.by
        scorer = kept_scorer(context, by.model, by.version, by.sha256) if by.model else _scorer_for(context, body)
        answer = _encoded(_answer(context, scorer, bodies.applications(body), decided_by=claim))
    return _said_once(claim, answer)


def _said_once(claim: Claim, answer: bytes) -> Response:
    again = {"Idempotent-Replayed": "true"} if claim.is_repeat else None
    return Response(answer, mimetype="application/json", headers=again)


def _scorer_for(context: AppContext, body: Any) -> Scorer:
    """The version that the request names beside its applications or a lone one's fields, else the one that serves."""
    version = body.get("model_version") if isinstance(body, dict) else None
    return pinned_scorer(context, version)


def _encoded(answer: JsonObject) -> bytes:
    return f"{_compact(answer)}\n".encode()


def _answer(context: AppContext, scorer: Scorer, items: list[Any], *, decided_by: Actor | Claim | None) -> JsonObject:
    """What is said about applications; if nobody decides, nothing is logged or counted."""
    results: Iterable[ScoredRow]
    if len(items) <= FEW_ROWS:
        few = datasets.check_few(items, scorer.schema)
        results, rejected = _results_of_few(context, scorer, few, decided_by), few.rejected
    else:
        checked = datasets.check(from_records(items), scorer.schema)
        results, rejected = _results_of_table(context, scorer, checked, decided_by), checked.rejected
    return {
        "model": scorer.name,
        "model_version": scorer.version,
        "results": [as_result({**row}) for row in results],
        "rejected": _rejected(rejected, items, scorer.schema),
        "unknown_fields": datasets.unknown_fields(_names_in(items), scorer.schema),
    }


def _results_of_few(
    context: AppContext, scorer: Scorer, few: CheckedFew, decided_by: Actor | Claim | None
) -> list[ScoredRow]:
    if decided_by is None:
        return scorer.score_few(few.accepted)
    if isinstance(decided_by, Claim):
        return few_once(context, scorer, few, decided_by)
    return score_few(context, scorer, few, channel="api", by=decided_by)


def _results_of_table(
    context: AppContext, scorer: Scorer, checked: Checked, decided_by: Actor | Claim | None
) -> Iterable[ScoredRow]:
    if decided_by is None:
        return scored_rows(scorer.score(checked.accepted))
    if isinstance(decided_by, Claim):
        return table_once(context, scorer, checked, decided_by)
    return score_table(context, scorer, checked, by=decided_by)


def _names_in(items: list[Any]) -> list[str]:
    """The names of all fields of the applications, each once, as they were read."""
    return list(dict.fromkeys(name.strip() for item in items for name in item))


def _rejected(rejections: list[Rejection], items: list[Any], schema: Schema) -> list[JsonObject]:
    """Applications that cannot be scored, in words for programs and, in `message`, for people."""
    if not rejections:
        return []
    headers = match_headers(_names_in(items), schema)
    ids = [headers[field.name] for field in schema.fields if field.role == "id" and field.name in headers]
    return [
        {
            "row": item.row,
            "application_id": _text_of(items[item.row - 1], ids),
            "code": item.code,
            "column": item.field,
            "label": item.column,
            "value": item.value,
            "expected": item.expected,
            "message": item.sentence,
            "others": [
                {
                    "code": code_of(other.label, other.fault),
                    "column": other.name,
                    "label": other.label,
                    "value": other.text,
                    "expected": other.expected,
                }
                for other in item.others
            ],
        }
        for item in rejections
    ]


def _text_of(item: dict[str, Any], names: list[str]) -> str:
    """What stands in an application under the first of some names; empty if nothing does."""
    values = [value for name, value in item.items() if name.strip() in names[:1] and value is not None]
    return str(values[0]).strip() if values else ""


def _csv_lines(blocks: Iterator[ScoredBlock]) -> Iterator[str]:
    """The result, block by block. An error breaks the connection off: a client must not take a part for the whole."""
    for block in blocks:
        table = result_table(block.raw, block.scored, block.rejected, first_row=block.first_row)
        yield csv_text(table, with_header=block.first_row == 1)
