"""The route of an archived report, as the Monitoring page shows it in a frame: a sandbox, as of no origin of ours."""

from __future__ import annotations

from functools import cache

from flask import Blueprint, Response

from monitoring.report_pages import ReportPages
from webapp.context import AppContext

PREFIX = "/monitoring/reports"


def make_blueprint(context: AppContext) -> Blueprint:
    """The route of a report's page, from whichever archive has it unharmed."""
    blueprint = Blueprint("reports", __name__)

    @cache
    def pages() -> ReportPages:
        return ReportPages(context.settings)

    @blueprint.get(f"{PREFIX}/<folder>/<name>.html")
    def report(folder: str, name: str) -> Response:
        found = pages().report(f"{folder}/{name}")
        answer = Response(found.body, status=found.status, content_type=f"{found.type}; charset=utf-8")
        # The page's own policy, or that of a sentence why there is none; only our pages may frame either.
        policy = found.policy.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
        answer.headers["Content-Security-Policy"] = policy
        answer.headers["X-Frame-Options"] = "SAMEORIGIN"
        return answer

    return blueprint
