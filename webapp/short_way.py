"""A plain scoring request of a program, answered without Flask, which takes as long as scoring one application.

What is not plain, and whatever goes wrong, is left to Flask: the guard, the routes and the errors stand there alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from io import BytesIO
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask
from werkzeug.wsgi import get_host

from creditrisk import hosts
from creditrisk.errors import CreditRiskError
from webapp import bodies
from webapp.access import Caller, needed_for
from webapp.api import FAILED, scored_json
from webapp.context import AppContext
from webapp.security import NOT_KEPT
from webapp.sign_in import by_key

PATH = "/api/v1/score"
# A longer body may lie in a file.
MOST_BYTES = 64_000
_TYPES = frozenset({"application/json", "application/json; charset=utf-8"})
# What only browsers send along, at which the guard looks, and what needs more than scoring.
_NOT_PLAIN = frozenset({"HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE", "HTTP_IDEMPOTENCY_KEY", "HTTP_CONTENT_ENCODING"})


def in_front_of(app: Flask, context: AppContext, headers: Mapping[str, str]) -> WSGIApplication:
    """The app with the short way before it.

    Parameters
    ----------
    headers
        What every answer says to browsers.
    """
    by_flask = app.wsgi_app
    own = [*headers.items(), ("Cache-Control", NOT_KEPT), ("Content-Type", "application/json")]

    # One client sends the same name with every request; what others make up does not stay.
    @lru_cache(maxsize=64)
    def is_called(scheme: str, host: str) -> bool:
        name = get_host({"wsgi.url_scheme": scheme, "HTTP_HOST": host})
        return hosts.is_called_by(name, context.settings.host_names)

    def caller(environ: WSGIEnvironment) -> Caller | None:
        """Who asks for scores and may; None where Flask is to say what is wrong."""
        try:
            found = context.accounts.local() or by_key(context.accounts, environ.get("HTTP_AUTHORIZATION"))
        except CreditRiskError:
            return None
        return found if found is not None and needed_for(PATH) in found.permissions else None

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not _is_plain(environ) or not is_called(environ["wsgi.url_scheme"], environ["HTTP_HOST"]):
            return by_flask(environ, start_response)
        asking = caller(environ)
        if asking is None:
            return by_flask(environ, start_response)
        n_bytes = int(environ["CONTENT_LENGTH"])
        body = environ["wsgi.input"].read(n_bytes)
        try:
            if len(body) < n_bytes:
                environ["wsgi.input"] = BytesIO(body)
                return by_flask(environ, start_response)
            scored = scored_json(context, bodies.parse_json(body), asking.actor)
        except Exception as exc:
            environ[FAILED] = exc
            return by_flask(environ, start_response)
        environ["route"] = PATH
        start_response("200 OK", [*own, ("Content-Length", str(len(scored)))])
        return [scored]

    return answer


def _is_plain(environ: WSGIEnvironment) -> bool:
    n_bytes = environ.get("CONTENT_LENGTH", "")
    return (
        environ["PATH_INFO"] == PATH
        and environ["REQUEST_METHOD"] == "POST"
        and not environ["SCRIPT_NAME"]
        and environ.get("CONTENT_TYPE", "").lower() in _TYPES
        and n_bytes.isdecimal()
        and len(n_bytes) < 6
        and int(n_bytes) <= MOST_BYTES
        and "HTTP_HOST" in environ
        and _NOT_PLAIN.isdisjoint(environ)
    )
