"""What goes wrong over HTTP, each with its status and its sentence, in one shape on every route."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from flask import Response, current_app, jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from creditrisk.errors import (
    ArchiveError,
    CreditRiskError,
    DecisionLogError,
    RegistryError,
    SchemaError,
    ScorerError,
    SourceError,
)
from creditrisk.text import sentence


class HttpError(CreditRiskError):
    """An error of the web app itself, with the HTTP status and the code that it is answered with."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"


class NoModelError(HttpError):
    """There is no model to score with yet."""

    status = 503
    code = "no_model"

    def __init__(self) -> None:
        super().__init__("There is no model yet. Run `make model-train-flow`; the app finds the model by itself.")


class BusyError(HttpError):
    """More files are waiting than the app takes at once."""

    status = 503
    code = "busy"


class StoppingError(HttpError):
    """The process was told to end; what was scored so far is logged, the rest is not scored."""

    status = 503
    code = "stopping"

    def __init__(self) -> None:
        super().__init__("The Risk-O-Meter is being stopped. Nothing more is scored until it runs again.")


class BadRequestError(HttpError):
    """The request is not one that this route understands."""

    status = 400
    code = "bad_request"


class OutcomesRefusedError(BadRequestError):
    """Some of the outcomes of a request cannot be recorded; `faults` says of each which and why."""

    def __init__(self, message: str, faults: Sequence[Mapping[str, str | int]]) -> None:
        super().__init__(message)
        self.faults = [dict(fault) for fault in faults]


class TooLargeError(HttpError):
    """The request holds more rows than this route takes."""

    status = 413
    code = "too_large"


class NotReadyError(HttpError):
    """A file of which the result is asked for is still being scored."""

    status = 409
    code = "not_ready"

    def __init__(self) -> None:
        super().__init__("This file is still being scored. Ask again in a moment.")


class NoResultError(HttpError):
    """There is no result under this name."""

    status = 404
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("There is no result here, or no longer. Drop the file again.")


class ForbiddenError(HttpError):
    """The request comes from another site, or calls this one by a name it does not have."""

    status = 403
    code = "forbidden"


class NotSignedInError(HttpError):
    """Nobody known calls, and the route is not open."""

    status = 401
    code = "not_signed_in"

    def __init__(self) -> None:
        super().__init__("Sign in first. A program sends its key as `Authorization: Bearer KEY`.")


class SignInRefusedError(HttpError):
    """A sign-in with a provider that leads to nobody who may get in."""

    status = 403
    code = "sign_in_refused"


class ProviderAwayError(HttpError):
    """The provider that people sign in with does not answer as it should."""

    status = 503
    code = "provider_away"

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} does not answer as it should, so nobody can sign in with it. Please try again later.")


class TooManyAttemptsError(HttpError):
    """Somebody tries names or passwords."""

    status = 429
    code = "too_many_attempts"

    def __init__(self) -> None:
        super().__init__("Too many attempts to sign in. Please try again in five minutes.")


class AccountsError(HttpError):
    """The accounts cannot be read or changed."""

    status = 503
    code = "accounts_away"


class KeyReusedError(HttpError):
    """An idempotency key that came with another body before."""

    status = 422
    code = "key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was sent with another body before. Send a new key with a new request.")


class KeyInUseError(HttpError):
    """A request with this idempotency key is being answered at this moment."""

    status = 409
    code = "key_in_use"

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is being answered. Ask again for its answer.")


class VersionNotKeptError(HttpError):
    """The version of the model that a request asks for cannot be used here."""

    status = 409
    code = "version_not_kept"

    def __init__(self, message: str, kept: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.kept = [*kept]


class ChangedMeanwhileError(HttpError):
    """Somebody else changed what a page shows since it was shown."""

    status = 409
    code = "changed_meanwhile"

    def __init__(self) -> None:
        super().__init__(
            "Nothing was changed: somebody else changed something since this page was shown. It now shows how it "
            "stands. Look, and try again."
        )


class NothingAboutError(HttpError):
    """An application that the decision log holds nothing about."""

    status = 404
    code = "nothing_about"

    def __init__(self) -> None:
        super().__init__(
            "The decision log holds nothing about that client: nobody was scored under this number, it is written "
            "otherwise, or what there was has been erased."
        )


# The domain's errors know no HTTP. The first class that fits decides.
_DOMAIN_STATUS: tuple[tuple[type[CreditRiskError], int, str], ...] = (
    (DecisionLogError, 503, "decision_log_away"),
    (RegistryError, 503, "registry_away"),
    (ArchiveError, 503, "archive_away"),
    (ScorerError, 503, "model_unusable"),
    (SourceError, 400, "unreadable_table"),
    (SchemaError, 422, "wrong_columns"),
)
# Also for requests that are refused before they are whole (connections.py).
SENTENCES = {
    400: ("bad_request", "This is not a request that the server can read."),
    404: ("not_found", "There is nothing at this address. GET /api/v1/openapi.json lists what there is."),
    405: ("method_not_allowed", "This address does not take that method."),
    408: ("too_slow", "The request did not arrive in time. Send it again, all at once."),
    413: ("too_large", "The request is larger than this address takes. Split the file and send the parts."),
    415: (
        "unsupported_media_type",
        "Send the body as application/json in UTF-8 or, for tables, as text/csv, and without a Content-Encoding.",
    ),
    431: ("headers_too_large", "The address and the headers of the request are too long."),
    501: ("not_implemented", "Send the body as it is, or in chunks; no other transfer encoding is understood."),
    503: ("busy", "More is asked at the moment than can be answered. Please try again in a minute."),
}
# Who asks here speaks MLflow's protocol, and these are its names for what went wrong; of other statuses, BAD_REQUEST.
MLFLOW_ROUTES = frozenset({"/invocations", "/ping", "/version"})
_MLFLOW_CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "ENDPOINT_NOT_FOUND",
    409: "RESOURCE_CONFLICT",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}
# What a system says when nothing can be written, whatever it is.
_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
# After how long it is worth asking again.
RETRY_SECONDS = {
    "busy": 30,
    "key_in_use": 2,
    "stopping": 10,
    "decision_log_away": 10,
    "no_room": 60,
    "no_model": 60,
    "too_many_attempts": 300,
}


def error(status: int, code: str, message: str, details: Mapping[str, object] | None = None) -> tuple[Response, int]:
    """An error as an answer, perhaps with what a program needs to mend it."""
    body = shape(code, message)
    body["error"] |= details or {}
    response = jsonify(body)
    if code in RETRY_SECONDS:
        response.headers["Retry-After"] = str(RETRY_SECONDS[code])
    return response, status


def shape(code: str, message: str) -> dict[str, dict[str, object]]:
    """The one shape of an error."""
    return {"error": {"code": code, "message": message}}


def mlflow_shape(status: int, message: str) -> dict[str, str]:
    """The shape of an error on MLflow's routes."""
    return {"error_code": _MLFLOW_CODES.get(status, "BAD_REQUEST"), "message": message, "stack_trace": ""}


def status_of(exc: CreditRiskError) -> tuple[int, str]:
    """The HTTP status and the code that go with one of our errors."""
    if isinstance(exc, HttpError):
        return exc.status, exc.code
    fitting = ((status, code) for kind, status, code in _DOMAIN_STATUS if isinstance(exc, kind))
    return next(fitting, (HttpError.status, HttpError.code))


def answer_known(exc: CreditRiskError) -> tuple[Response, int]:
    """Answer with the error's own sentence."""
    response, status = error(*status_of(exc), sentence(str(exc)), _details(exc))
    if status == NotSignedInError.status:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response, status


def _details(exc: CreditRiskError) -> dict[str, object]:
    """What a program needs beside the sentence, which is for people."""
    if isinstance(exc, OutcomesRefusedError):
        return {"faults": exc.faults}
    if isinstance(exc, VersionNotKeptError) and exc.kept:
        return {"kept_versions": exc.kept}
    return {"missing_fields": [*exc.missing]} if isinstance(exc, SchemaError) and exc.missing else {}


def answer_http(exc: HTTPException) -> tuple[Response, int]:
    """Answer Flask's own errors in our shape; an address that a person mistyped, with a page."""
    status = exc.code or 500
    if status == 404 and is_page_asked_for():
        return make_response(render_template("nothing_here.html", title="There is nothing at this address")), status
    code, message = SENTENCES.get(status, ("bad_request" if status < 500 else "internal", exc.description or exc.name))
    response, _ = error(status, code, message)
    if request.path in MLFLOW_ROUTES:
        response = jsonify(mlflow_shape(status, message))
    allowed = getattr(exc, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response, status


def is_page_asked_for() -> bool:
    """Whether a person is to see the answer: a browser that opens a page names this type, programs take any."""
    return request.method == "GET" and "text/html" in request.headers.get("Accept", "")


def answer_unknown(exc: Exception) -> tuple[Response, int]:
    """Answer what should not have happened, without saying more than that."""
    rule = request.url_rule.rule if request.url_rule else ""
    # Dash raises many things at a request that its own page would not send; its callbacks' failures do not get here.
    if rule.startswith("/ui/") and "/_dash-component-suites/" in rule:
        return error(404, *SENTENCES[404])
    current_app.logger.error("%s", where(exc))
    if said := no_room(exc):
        return error(503, "no_room", said)
    if rule.startswith("/ui/") and rule.endswith("/_dash-update-component"):
        return error(400, *SENTENCES[400])
    return error(500, "internal", "Something went wrong in the app. It was written to the app's own log.")


def no_room(exc: BaseException) -> str:
    """That nothing can be written at the moment, in a sentence, if that is what an error is about; empty if not.

    Examples
    --------
    >>> no_room(OSError(errno.ENOSPC, "No space left on device"))[:80]
    'Nothing can be written where the app keeps its files (No space left on device), '
    >>> no_room(OSError(errno.ENOENT, "No such file or directory"))
    ''
    """
    if not isinstance(exc, OSError) or exc.errno not in _UNWRITABLE:
        return ""
    return (
        f"Nothing can be written where the app keeps its files ({exc.strerror}), so this was not done. Whoever runs "
        "the app has to make room there; then try again."
    )


def where(exc: BaseException) -> str:
    """The kind and the lines of an error, without its message: a message could hold an applicant's data.

    Examples
    --------
    >>> where(ValueError("Anna Schmidt"))
    'ValueError'
    """
    lines = []
    trace = exc.__traceback__
    while trace is not None:
        lines.append(f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " ".join([type(exc).__name__, *lines[-6:]])
