"""The JSON and CSV interface: score applications, report outcomes, and what operators ask (health, ready, metrics).

Every decision is in the decision log before it is answered. The routes are described in openapi.py; what guards them is
in guard.py; the page has its own routes in uploads.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from itertools import chain
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST

from creditrisk import datasets
from creditrisk.decision_log import Outcome
from creditrisk.errors import CreditRiskError
from creditrisk.quality import Checked, Rejection
from creditrisk.scorer import Scorer
from creditrisk.sources import RawTable, from_records, parse_upload
from webapp.guard import MEGABYTE, BadRequestError, TooLargeError
from webapp.openapi import describe
from webapp.scoring import Chunk, Desk, score_in_chunks
from webapp.tables import csv_text, result_table

JSON_MAX_BYTES = 16 * MEGABYTE
JSON_MAX_ROWS = 10_000


def make_blueprint(desk: Desk) -> Blueprint:
    """The routes of the API."""
    blueprint = Blueprint("api", __name__)

    @blueprint.post("/api/v1/score")
    def score() -> Response:
        scorer = desk.scorer()
        checked = datasets.check(_applications(_json_body()), scorer.schema)
        return jsonify(
            {
                "model": scorer.name,
                "model_version": scorer.version,
                "results": _results(desk, scorer, checked),
                "rejected": [_rejected(rejection) for rejection in checked.rejected],
            }
        )

    @blueprint.post("/api/v1/score.csv")
    def score_csv() -> Response:
        scorer = desk.scorer()
        checked = datasets.check(_csv_body(desk), scorer.schema)
        chunks = score_in_chunks(desk, scorer, checked, channel="api")
        # The first chunk is made before the answer begins, so that a log that is away still gives a proper error.
        lines = _csv_lines(checked, chain([next(chunks)], chunks))
        return Response(lines, mimetype="text/csv")

    @blueprint.post("/invocations")
    def invocations() -> Response:
        scorer = desk.scorer()
        checked = datasets.check(_mlflow_body(desk), scorer.schema)
        by_row = {result["row"]: result for result in _results(desk, scorer, checked)}
        for rejection in checked.rejected:
            by_row.setdefault(rejection.row, {"row": rejection.row, "error": ""})
            by_row[rejection.row]["error"] = f"{by_row[rejection.row]['error']} {rejection.sentence}".strip()
        return jsonify({"predictions": [by_row[row] for row in sorted(by_row)]})

    @blueprint.post("/api/v1/outcomes")
    def outcomes() -> Response:
        given = _json_body()
        items = given.get("outcomes") if isinstance(given, dict) else given
        if not isinstance(items, list) or not items:
            raise BadRequestError('Expected {"outcomes": [{"application_id": …, "default": true or false, …}]}.')
        _limit_rows(len(items))
        read = [_outcome(item, number) for number, item in enumerate(items, start=1)]
        desk.log.record_outcomes(read)
        return jsonify({"recorded": len(read)})

    @blueprint.get("/api/v1/openapi.json")
    def openapi() -> Response:
        standing = desk.champion.standing
        return jsonify(describe(standing.scorer.schema if standing.scorer else None))

    @blueprint.get("/health")
    def health() -> Response:
        return jsonify({"status": "ok"})

    @blueprint.get("/ready")
    def ready() -> tuple[Response, int]:
        answer = readiness(desk)
        return jsonify(answer), 200 if answer["ready"] else 503

    @blueprint.get("/metrics")
    def metrics() -> Response:
        return Response(desk.metrics.text(), content_type=CONTENT_TYPE_LATEST)

    return blueprint


def readiness(desk: Desk) -> dict[str, Any]:
    """Whether the app can score, with which model, and what is away with what consequence."""
    standing = desk.champion.standing
    try:
        desk.log.check_writable()
        log_problem = ""
    except CreditRiskError as exc:
        log_problem = str(exc)
    scorer = standing.scorer
    return {
        "ready": scorer is not None and not log_problem,
        "model": scorer.name if scorer else None,
        "model_version": scorer.version if scorer else None,
        "dataset": standing.dataset or None,
        "since": standing.since.isoformat() if standing.since else None,
        "model_problem": standing.model_problem or None,
        "registry": {
            "reachable": standing.is_registry_up,
            "problem": standing.registry_problem or None,
            "consequence": None if standing.is_registry_up else standing.consequence,
        },
        "decision_log": {
            "reachable": not log_problem,
            "problem": log_problem or None,
            "consequence": "Nothing is scored, because nothing could be written down." if log_problem else None,
        },
    }


def _results(desk: Desk, scorer: Scorer, checked: Checked) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    for chunk in score_in_chunks(desk, scorer, checked, channel="api"):
        results += [_result(row) for row in chunk.scored.iter_rows(named=True)]
    return results


def _result(row: dict[str, Any]) -> dict[str, Any]:
    return {"row": row.pop("row_number"), **row}


def _rejected(rejection: Rejection) -> dict[str, Any]:
    return {
        "row": rejection.row,
        "line": rejection.line,
        "column": rejection.column,
        "value": rejection.value,
        "expected": rejection.expected,
        "message": rejection.sentence,
    }


def _csv_lines(checked: Checked, chunks: Iterator[Chunk]) -> Iterator[str]:
    """The result, chunk by chunk. An error breaks the connection off: a client must not take a part for the whole."""
    for chunk in chunks:
        raw = checked.raw.slice(chunk.first_row - 1, chunk.last_row - chunk.first_row + 1)
        table = result_table(raw, chunk.scored, checked.rejected, first_row=chunk.first_row)
        yield csv_text(table, with_header=chunk.first_row == 1)


def _json_body() -> Any:
    request.max_content_length = JSON_MAX_BYTES
    if not request.is_json:
        abort(415)
    try:
        return json.loads(request.get_data())
    except ValueError as exc:
        raise BadRequestError(f"The body is not valid JSON: {_place(exc)}.") from exc
    except RecursionError:
        raise BadRequestError("The body is nested too deeply. Expected a list of applications, each flat.") from None


def _place(exc: ValueError) -> str:
    if isinstance(exc, json.JSONDecodeError):
        return f"{exc.msg} at line {exc.lineno}, column {exc.colno}"
    return "it is not UTF-8 text"


def _applications(given: Any) -> RawTable:
    items = given.get("applications", [given]) if isinstance(given, dict) else given
    if not isinstance(items, list):
        raise BadRequestError('Expected {"applications": [{…}, …]}, a list of applications, or one application.')
    _limit_rows(len(items))
    return from_records(items)


def _limit_rows(n_rows: int) -> None:
    if n_rows > JSON_MAX_ROWS:
        raise TooLargeError(
            f"The request holds {n_rows:,} entries; at most {JSON_MAX_ROWS:,} are taken as JSON. "
            "Send them in parts, or as CSV to /api/v1/score.csv."
        )


def _csv_body(desk: Desk) -> RawTable:
    request.max_content_length = desk.settings.upload_max_mb * MEGABYTE
    if request.mimetype not in ("text/csv", "application/csv", "text/tab-separated-values", "application/octet-stream"):
        abort(415)
    content = request.get_data(cache=False)
    return parse_upload(content, filename="request.csv", max_rows=desk.settings.upload_max_rows)


def _mlflow_body(desk: Desk) -> RawTable:
    """The formats of MLflow's own scoring server: dataframe_split, dataframe_records, or CSV."""
    if not request.is_json:
        return _csv_body(desk)
    given = _json_body()
    if isinstance(given, dict) and isinstance(given.get("dataframe_records"), list):
        return _applications(given["dataframe_records"])
    split = given.get("dataframe_split") if isinstance(given, dict) else None
    if isinstance(split, dict) and isinstance(split.get("columns"), list) and isinstance(split.get("data"), list):
        columns, rows = split["columns"], split["data"]
        if all(isinstance(row, list) and len(row) == len(columns) for row in rows):
            return _applications([dict(zip(map(str, columns), row, strict=True)) for row in rows])
        raise BadRequestError(
            "Every row of dataframe_split.data must hold one value for each of dataframe_split.columns."
        )
    raise BadRequestError('Expected {"dataframe_split": {"columns": […], "data": […]}} or {"dataframe_records": […]}.')


def _outcome(item: Any, number: int) -> Outcome:
    wrong = BadRequestError(
        f"Outcome {number} cannot be read. Expected application_id (text), default (true or false), observed_on "
        "(a date such as 2026-03-31) and, if several models are in use, model (its name)."
    )
    if not isinstance(item, dict) or item.get("default") not in (True, False, 0, 1):
        raise wrong
    identifier, model = item.get("application_id"), item.get("model", "")
    if not isinstance(identifier, str | int) or not str(identifier).strip() or not isinstance(model, str):
        raise wrong
    try:
        observed_on = date.fromisoformat(item["observed_on"])
    except (KeyError, TypeError, ValueError) as exc:
        raise wrong from exc
    return Outcome(str(identifier).strip(), bool(item["default"]), observed_on, model)
