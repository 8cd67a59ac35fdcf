"""The password of this home's Prefect server: made once, kept in a file that only its owner can read.

Whoever can start a run there can make this machine train on any table, so the server answers nobody without it. The
server, the worker, the flows and the command line read it here; a browser gets it from the address that `up` prints.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from creditrisk.settings import Settings

# What Prefect's own programs call it; for another server than this home's own, as in containers, it is read there.
VARIABLE = "PREFECT_API_AUTH_STRING"


def password(settings: Settings) -> str:
    """The password for the Prefect server at `settings.prefect_url`; empty if none is known."""
    given = os.environ.get(VARIABLE, "")
    if settings.prefect_api_url:  # perhaps somebody else's server, which must not learn ours
        return given
    try:
        return _file(settings).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return given


def make_password(settings: Settings) -> str:
    """The password of this home's own server, made up now if there is none yet."""
    path = _file(settings)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".password-{os.getpid()}")
    new.touch(mode=0o600)
    new.write_text(f"{new_password()}\n", encoding="ascii")
    try:
        os.link(new, path)  # whole or not at all, and never over one that is there
    except FileExistsError:
        pass
    finally:
        new.unlink()
    return path.read_text(encoding="ascii").strip()


def new_password() -> str:
    """A user's name and 32 random characters, as Prefect's page and programs expect it."""
    return f"riskometer:{secrets.token_urlsafe(24)}"


def _file(settings: Settings) -> Path:
    return settings.home / "prefect" / "password"
