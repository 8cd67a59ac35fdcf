"""What stands before the servers that are not ours, Prefect's and MLflow's, and lets no foreign web page through.

Both run on the user's own machine, where every page of his browser can reach them: Prefect's server starts runs for
whoever asks, MLflow's holds what the web app will serve. An ASGI application around another one; who may ask is judged
in creditrisk/hosts.py.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from creditrisk.hosts import is_asked_from_elsewhere, is_called_by

# Another page may neither frame what is answered, nor load it as a script or picture, nor hold on to its window.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}


def behind_front(
    app: ASGIApp, *, names: Collection[str], max_body_bytes: int, headers: Mapping[str, str] | None = None
) -> ASGIApp:
    """Put the front before an application.

    Parameters
    ----------
    app
        The server's own application.
    names
        The names it may be called by, beside those of the loopback interface.
    max_body_bytes
        Largest body of a request; a longer one is refused, or cut off where its length was not told.
    headers
        Headers of every answer, beside `HEADERS`.
    """
    added = HEADERS | dict(headers or {})

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        if why := refusal(scope, asked, names):
            await _refuse(403, why, scope, receive, send)
        elif _told_length(asked) > max_body_bytes:
            await _refuse(413, f"The body is longer than {max_body_bytes:,} bytes.", scope, receive, send)
        else:
            await app(scope, _limited(receive, max_body_bytes), _with(added, send))

    return front


def refusal(scope: Scope, asked: Headers, names: Collection[str]) -> str:
    """Why a request is not let through, as a sentence; empty if it is."""
    hosts = asked.getlist("host")
    if len(hosts) != 1 or not is_called_by(hosts[0], names):
        return "This server answers to no such name. Call it by 127.0.0.1, localhost or a name it was given."
    if is_asked_from_elsewhere(hosts[0], asked.get("origin"), asked.get("sec-fetch-site")) and not _is_link(
        scope, asked
    ):
        return "This server answers no other site's pages."
    return ""


def _is_link(scope: Scope, asked: Headers) -> bool:
    """Whether somebody follows a link to a page of ours, which shows the other site nothing."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and "origin" not in asked
        and asked.get("sec-fetch-mode") == "navigate"
        and asked.get("sec-fetch-dest") == "document"
    )


def _told_length(asked: Headers) -> float:
    told = asked.get("content-length", "0")
    return int(told) if told.isascii() and told.isdigit() and len(told) < 19 else math.inf


def _limited(receive: Receive, max_body_bytes: int) -> Receive:
    n_read = 0

    async def limited() -> Message:
        nonlocal n_read
        message = await receive()
        n_read += len(message.get("body", b""))
        return message if n_read <= max_body_bytes else {"type": "http.disconnect"}

    return limited


def _with(headers: Mapping[str, str], send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = MutableHeaders(scope=message)
            for name, value in headers.items():
                given.setdefault(name, value)
        await send(message)

    return sending


async def _refuse(status: int, why: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": why})
        return
    await PlainTextResponse(f"{why}\n", status, {"Connection": "close"})(scope, receive, send)
