"""Run the app under gunicorn: one process, several threads, so that every request sees the same uploads and metrics."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

from creditrisk.errors import SettingsError
from creditrisk.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

THREADS = 8
GRACEFUL_SECONDS = 30


def serve(settings: Settings) -> None:
    """Serve on `settings.host` and `settings.web_port` until told to stop.

    Raises
    ------
    SettingsError
        If the address is taken or not one of this machine.
    """
    _check_address(settings.host, settings.web_port)
    _Server(settings).run()


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's way of being started from a program; the app is made in the worker, after the fork."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        options: dict[str, Any] = {
            "bind": f"{host}:{self._settings.web_port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": THREADS,
            "timeout": 120,
            "graceful_timeout": GRACEFUL_SECONDS,
            "keepalive": 15,
            # Method, route without query, status, size, microseconds: nothing that a client sent.
            "accesslog": "-",
            "access_log_format": "%(t)s %(m)s %({route}e)s %(s)s %(B)s %(D)s",
            "errorlog": "-",
            "loglevel": "warning",
            "proc_name": "risk-o-meter",
            "control_socket_disable": True,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        from webapp import create_app

        app = create_app(self._settings)
        app.extensions["creditrisk"].champion.start()
        return app


def _check_address(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise SettingsError(
                f"the Risk-O-Meter cannot listen on {host}:{port}: {exc.strerror}. Stop what uses that port, or set "
                "CREDITRISK_WEB_PORT to another one."
            ) from exc
