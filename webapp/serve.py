"""Run the app: one process, several threads, so that every request sees the same uploads and metrics."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import signal
import socket
import sys
from functools import partial
from threading import Timer
from types import FrameType

from creditrisk.errors import SettingsError
from creditrisk.settings import Settings, refuse_open_address
from webapp.connections import Server, quiet_logs
from webapp.context import AppContext
from webapp.http_requests import access_log
from webapp.security import body_limit

# What is begun when the process is told to end has this long for the block of rows in hand.
STOP_SECONDS = 8.0
BACKLOG = 1024


def serve(settings: Settings) -> None:
    """Serve on `settings.host` and `settings.web_port` until told to stop by SIGTERM or SIGINT.

    Raises
    ------
    SettingsError
        If the address is taken, not one of this machine, or open to others without a setting that says so.
    """
    refuse_open_address(settings)
    with _listener(settings.host, settings.web_port) as listener:
        _log_accesses()
        quiet_logs()
        from webapp import create_app

        app = create_app(settings)
        context: AppContext = app.extensions["creditrisk"]
        limit = partial(body_limit, settings)
        server = Server(app, listener, body_limit=limit, max_body=limit("/invocations"))
        _stop_on_signals(context, server)
        context.champion.start()
        gc.freeze()  # what serves now stays, and is not looked through for garbage between two answers
        server.run(context.stopping)
        _end_at_the_latest(STOP_SECONDS)
        server.drain()
    # Before this, Python waits for the threads of uploads: they end after the block in hand and note how far they came.
    # Then nothing is left to be written, and the libraries would take seconds to take themselves down.
    atexit.register(os._exit, 0)


def _listener(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, UnicodeError) as exc:
        listener.close()
        reason = exc.strerror if isinstance(exc, OSError) else "this is no address"
        raise SettingsError(
            f"the Risk-O-Meter cannot listen on {host}:{port}: {reason}. Stop what uses that port, or set "
            "CREDITRISK_WEB_PORT to another one."
        ) from exc
    return listener


def _stop_on_signals(context: AppContext, server: Server) -> None:
    def stop(number: int, _frame: FrameType | None) -> None:
        # The next one ends the process at once.
        signal.signal(number, signal.SIG_DFL)
        context.stopping.set()
        server.pull_trigger()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _end_at_the_latest(seconds: float) -> None:
    """End the process after a while, whatever still hangs in it."""
    last = Timer(seconds, os._exit, args=(0,))
    last.daemon = True
    last.start()


def _log_accesses() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("[%(asctime)s] %(message)s", "%d/%b/%Y:%H:%M:%S %z"))
    access_log.addHandler(handler)
    access_log.setLevel(logging.INFO)
    access_log.propagate = False
