"""What every request and every answer goes through: who may call, how large, one shape for errors, security headers.

Registered by `create_app`. The errors themselves are raised where they happen (creditrisk.errors) or by Flask.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, NotFound

from creditrisk import hosts
from creditrisk.errors import CreditRiskError
from creditrisk.settings import Settings
from webapp.errors import ForbiddenError, answer_http, answer_known, answer_unknown

MEGABYTE = 1_000_000
JSON_MAX_BYTES = 16 * MEGABYTE
# Everything that does not say otherwise: callbacks of the page, wrong addresses.
SMALL_BODY_BYTES = 1 * MEGABYTE

# Cache-Control of everything that says something about anybody.
NOT_KEPT = "no-store"
# The scripts and styles of the pages, which hold nothing of anybody.
_STATIC = re.compile(r"/ui/(?:[^/]+/)?(?:assets|_dash-component-suites)/")


def body_limit(settings: Settings, path: str) -> int:
    """The most bytes that a request's body may have at this address."""
    upload = settings.upload_max_mb * MEGABYTE
    limits = {
        "/api/v1/score": JSON_MAX_BYTES,
        "/api/v1/outcomes": JSON_MAX_BYTES,
        "/api/v1/score.csv": upload,
        "/invocations": max(upload, JSON_MAX_BYTES),
        "/uploads": upload,
    }
    return limits.get(path, SMALL_BODY_BYTES)


def headers_of(inline_scripts: list[str]) -> dict[str, str]:
    """What every answer says to browsers.

    Parameters
    ----------
    inline_scripts
        Hashes of the inline scripts that the page needs, for its content security policy.
    """
    policy = (
        "default-src 'none'; connect-src 'self'; font-src 'self' data:; frame-src 'self'; "
        f"img-src 'self' data:; manifest-src 'self'; script-src 'self' {' '.join(inline_scripts)}; "
        "style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def protect(app: Flask, settings: Settings, headers: Mapping[str, str]) -> None:
    """Put the guard in front of `app`, and these headers on every answer.

    A Host header must name this machine, or be one of the names in the settings: that keeps a web page from reaching
    the app through a domain name of its own that resolves to this machine.
    """
    names = settings.host_names

    @app.before_request
    def refuse_strangers() -> None:
        # For the access log: the route, never the address, which may hold a name that gives access to a result.
        request.environ["route"] = request.url_rule.rule if request.url_rule else "(no route)"
        request.max_content_length = body_limit(settings, request.path)
        if not hosts.is_called_by(request.host, names):
            raise ForbiddenError(
                "This app answers only to the names it was given, such as localhost. Whoever runs it can add another "
                "one with CREDITRISK_ALLOWED_HOSTS."
            )
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            refuse_cross_site()
        # Dash would answer any address below its own with the page.
        if request.url_rule is not None and request.url_rule.rule.endswith("/<path:path>"):
            raise NotFound

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in headers.items():
            # What is shown in a frame comes under a policy of its own.
            response.headers.setdefault(name, value)
        if not _STATIC.match(request.path):
            response.headers["Cache-Control"] = NOT_KEPT
        return response

    app.register_error_handler(CreditRiskError, answer_known)
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(Exception, answer_unknown)


def refuse_cross_site() -> None:
    """Refuse a request that a browser makes on behalf of another site.

    Raises
    ------
    ForbiddenError
        If the Origin or Sec-Fetch-Site header names another site. Programs send neither and pass.
    """
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if hosts.is_asked_from_elsewhere(request.host, origin, site):
        raise ForbiddenError("This request was started by another web site, so it was refused.")
