"""supervisord, which restarts a service that dies and keeps its log in bounds: its configuration, and its address."""

from __future__ import annotations

import configparser
import os
import shlex
import tempfile
import xmlrpc.client
from pathlib import Path
from typing import Any

from creditrisk.settings import Settings
from flows.deploy import PROJECT
from riskometer.services import Service

# Kernels refuse longer paths of Unix sockets (108 bytes on Linux, 104 elsewhere; supervisord adds its process id).
LONGEST_SOCKET_PATH = 90


def write_config(settings: Settings, parts: tuple[Service, ...]) -> Path:
    """Write the configuration of supervisord and return its path.

    Its socket lies in a folder of its own where the path of the home is too long for one.
    """
    logs = settings.home / "logs"
    stack = settings.home / "stack"
    socket = stack / "supervisor.sock"
    if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH:
        socket = Path(tempfile.mkdtemp(prefix="riskometer-")) / "supervisor.sock"
    sections: dict[str, dict[str, object]] = {
        "unix_http_server": {"file": socket, "chmod": "0700"},
        "supervisord": {
            "logfile": logs / "supervisord.log",
            "pidfile": stack / "supervisord.pid",
            "directory": PROJECT,
            # What the services write can hold applicants' data: for the owner only.
            "umask": "077",
        },
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
    }
    for part in parts:
        sections[f"program:{part.name}"] = {
            # The highest are stopped first, so that nothing misses what it needs meanwhile.
            "priority": 10 + len(part.needs),
            "command": shlex.join(part.command),
            "autostart": "false",
            "autorestart": "true",
            "startsecs": 3,
            "startretries": 1,
            "stopasgroup": "true",
            "killasgroup": "true",
            "stopwaitsecs": 20,
            "redirect_stderr": "true",
            "stdout_logfile": logs / f"{part.name}.log",
            "stdout_logfile_maxbytes": "10MB",
            "stdout_logfile_backups": 3,
        }
    config = configparser.RawConfigParser()
    for name, section in sections.items():
        # A percent sign has a meaning to supervisord alone, which takes it for one when it stands twice.
        config[name] = {key: str(value).replace("%", "%%") for key, value in section.items()}
    path = stack / "supervisord.conf"
    with path.open("w", encoding="utf-8") as file:
        config.write(file)
    return path


def socket_path(settings: Settings) -> Path:
    """Where the supervisor of this home listens, by its configuration; no such path if there is none yet."""
    config = configparser.RawConfigParser()
    config.read(settings.home / "stack" / "supervisord.conf", encoding="utf-8")
    return Path(config.get("unix_http_server", "file", fallback="/nonexistent").replace("%%", "%"))


def running_supervisor(settings: Settings) -> Any:
    """The remote procedures of the supervisor of this home; None if none is running."""
    from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]  # supervisor has no types

    transport = SupervisorTransport(None, None, serverurl=f"unix://{socket_path(settings)}")
    procedures = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor
    try:
        procedures.getState()
    except OSError:
        return None
    return procedures
