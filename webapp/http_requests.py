"""One HTTP request, on top of waitress: read strictly, refused in our own shape, and noted without what a client sent.

connections.py holds what concerns many of them: deadlines, bounds for all together, and who works on what.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from wsgiref.types import WSGIEnvironment

from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import Task, WSGITask
from waitress.utilities import Error as WaitressError

from webapp.errors import MLFLOW_ROUTES, RETRY_SECONDS, SENTENCES, mlflow_shape, shape
from webapp.json_logs import REQUEST_ID, request_id

# Larger bodies and answers lie in temporary files.
MEMORY_BYTES = 64_000
MAX_CHUNK_LINE_BYTES = 1_000
MAX_TRAILER_BYTES = 8_000
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

access_log = logging.getLogger("webapp.access")


class RefusalError(WaitressError):  # type: ignore[misc]  # waitress has no types
    """A request that is answered without the app, with the sentence that goes with its status."""

    def __init__(self, code: int) -> None:
        super().__init__("")
        self.code = code


class Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """One request as it arrives; stricter than waitress where a request could be read in two ways."""

    command = ""
    path = "/"
    error: WaitressError | None
    completed: bool
    received_at = 0.0

    def __init__(self, adj: Adjustments, *, body_limit: Callable[[str], int]) -> None:
        super().__init__(adj)
        self._body_limit = body_limit

    @property
    def n_held(self) -> int:
        """Bytes of the body that are kept."""
        return len(self.body_rcv) if self.body_rcv is not None else 0

    def received(self, data: bytes) -> int:
        """Take in what arrived; returns how much of it belonged to this request."""
        n_taken: int = super().received(data)
        if self.headers_finished and self.body_rcv is not None and self.error is None:
            self._check_body()
        if self.completed:
            # The whole request is here, or refused: nothing is waited for.
            self.expect_continue = False
            self.received_at = time.monotonic()
        return n_taken

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head of the request."""
        try:
            super().parse_header(header_plus)
        except ValueError as exc:  # such as a length of 5,000 digits, or an unclosed bracket in the address
            raise ParsingError("unreadable") from exc
        self.path = "/" + self.path.lstrip("/")
        is_ambiguous = "TRANSFER_ENCODING" in self.headers or (self.chunked and "CONTENT_LENGTH" in self.headers)
        is_nameless = self.version == "1.1" and "HOST" not in self.headers
        if self.version not in ("1.0", "1.1") or is_ambiguous or is_nameless:
            raise ParsingError("unreadable")

    def _check_body(self) -> None:
        limit, n_framing = self._body_limit(self.path), self.body_bytes_received - self.n_held
        if max(self.content_length, self.n_held) > limit:
            self.refuse(413)
        elif self.chunked and not self.completed:
            body = self.body_rcv
            is_overlong = len(body.control_line) > MAX_CHUNK_LINE_BYTES or len(body.trailer) > MAX_TRAILER_BYTES
            # Each chunk costs far more time than its bytes: crumbs could keep everybody waiting.
            if is_overlong or n_framing > MEMORY_BYTES + self.n_held:
                self.refuse(400)

    def refuse(self, code: int) -> None:
        """Give the request up; it will be answered with this status."""
        self.error = RefusalError(code)
        self.completed = True


class _AccessLogged(Task):  # type: ignore[misc]  # waitress has no types
    """Gives an answer its request's id, and notes it: nothing that a client sent but the id, which is a UUID."""

    wrote_header: bool
    content_bytes_written: int
    n_written = 0
    request_id = ""

    def service(self) -> None:
        """Answer, and note it."""
        before = time.perf_counter()
        self.request_id = request_id(self.request.headers.get("X_REQUEST_ID"))
        try:
            super().service()
        finally:
            if self.wrote_header:
                method = self.request.command if self.request.command in _METHODS else "(other)"
                route = (getattr(self, "environ", None) or {}).get("route", "(no route)")
                status = int(self.status[:3])
                self.channel.server.on_answer(status)
                facts = {
                    "request_id": self.request_id,
                    "method": method,
                    "route": route,
                    "status": status,
                    "bytes": self.n_written,
                    "microseconds": round((time.perf_counter() - before) * 1e6),
                }
                access_log.info("answered", extra={"facts": facts})

    def build_response_header(self) -> bytes:
        """The head of the answer."""
        if self.request_id:
            self.response_headers.append(("X-Request-ID", self.request_id))
        head: bytes = super().build_response_header()
        return head

    def write(self, data: bytes) -> None:
        """Write a part of the answer; one that is a single part goes out together with its head."""
        if not self.wrote_header and self.complete and self.has_body and self.content_length == len(data) > 0:
            self.channel.write_soon(self.build_response_header() + data)
            self.wrote_header = True
            self.content_bytes_written = len(data)
        else:
            super().write(data)
        self.n_written += len(data)


class AppTask(_AccessLogged, WSGITask):  # type: ignore[misc]  # waitress has no types
    """A request that the app answers."""

    def get_environment(self) -> WSGIEnvironment:
        """What the app is told about the request."""
        environ: WSGIEnvironment = super().get_environment()
        environ["riskometer.received_at"] = self.request.received_at
        environ[REQUEST_ID] = self.request_id
        return environ


class ErrorTask(_AccessLogged):
    """A request that is refused before the app sees it: one sentence, then the connection is closed."""

    complete = True

    def execute(self) -> None:
        """Write the refusal."""
        status = self.request.error.code
        code, sentence = SENTENCES.get(status, SENTENCES[400])
        is_mlflows = self.request.path in MLFLOW_ROUTES
        body = json.dumps(mlflow_shape(status, sentence) if is_mlflows else shape(code, sentence)).encode()
        self.status = f"{status} {HTTPStatus(status).phrase}"
        self.response_headers += [
            ("Content-Type", "application/json"),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if code in RETRY_SECONDS:
            self.response_headers.append(("Retry-After", str(RETRY_SECONDS[code])))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(b"" if self.request.command == "HEAD" else body)
