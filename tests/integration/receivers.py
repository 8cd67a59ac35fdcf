"""Receivers of alerts on this machine: a mail server and a web server that keep what they are sent."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class MailServer:
    """Keeps every message that it takes, and can be told to refuse them."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    is_refusing: bool = False

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        # Alertmanager 0.25 does not look at the answer to the message itself.
        if self.is_refusing:
            return "451 Try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 OK"


@dataclass
class WebServer:
    """Keeps the JSON of every request by its path, and can be told to answer with another status."""

    port: int = 0
    bodies: dict[str, list[Any]] = field(default_factory=dict)
    status: int = 200

    def sent_to(self, path: str) -> list[Any]:
        return self.bodies.get(path, [])


@contextmanager
def mail_server() -> Iterator[MailServer]:
    kept = MailServer()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        kept.port = probe.getsockname()[1]
    controller = Controller(kept, hostname="127.0.0.1", port=kept.port)
    controller.start()
    try:
        yield kept
    finally:
        controller.stop()


@contextmanager
def web_server() -> Iterator[WebServer]:
    kept = WebServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if kept.status == 200:
                kept.bodies.setdefault(self.path, []).append(json.loads(body))
            self.send_response(kept.status)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.port = server.server_port
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield kept
        finally:
            server.shutdown()


def text_of(mail: EmailMessage) -> str:
    """The plain text of a mail, without blank lines at its end."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n").rstrip()
