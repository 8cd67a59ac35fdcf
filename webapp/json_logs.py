"""What the processes of the app log: one JSON object a line, with the id of the request that it is about.

Nothing that a client sent is in a line, but for its request id, which is a UUID.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from uuid import uuid4

from flask import has_request_context, request

from webapp.errors import where

# The request's id in the WSGI environment.
REQUEST_ID = "riskometer.request_id"
# A UUID, or 32 hexadecimal digits as traces have: no name and no other text of a client gets into a log.
_SANE_ID = re.compile(r"[0-9a-fA-F]{8}(-?)(?:[0-9a-fA-F]{4}\1){3}[0-9a-fA-F]{12}")


def request_id(sent: str | None) -> str:
    """The id of a request: the one that was sent, if it is a UUID, else a new one.

    Examples
    --------
    >>> request_id("0af7651916cd43dd8448eb211c80319c")
    '0af7651916cd43dd8448eb211c80319c'
    >>> len(request_id("Anna Schmidt"))
    32
    """
    return sent if sent is not None and _SANE_ID.fullmatch(sent) else uuid4().hex


class JsonLines(logging.Formatter):
    """A record as JSON: `at` (UTC), `level`, `logger`, `message`, `request_id`, and what stands in its `facts`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end; of an exception kind and place, not the message."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = where(record.exc_info[1])
        if has_request_context() and REQUEST_ID in request.environ:
            line["request_id"] = request.environ[REQUEST_ID]
        return json.dumps(line | getattr(record, "facts", {}), ensure_ascii=False)


def log_as_json() -> None:
    """Write every log line of this process to its standard output, as JSON; answers are logged too."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.getLogger().addHandler(handler)
    logging.getLogger("webapp.access").setLevel(logging.INFO)
