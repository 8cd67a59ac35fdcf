"""The password of this home's Prefect server: made once, kept in a file that only its owner can read.

Whoever can start a run there can make this machine train on any table, so the server answers nobody without it. The
server makes it here, all others read it (creditrisk/settings.py); a browser gets it from the address that `up` prints.
"""

from __future__ import annotations

import os
import secrets

from creditrisk.settings import Settings, prefect_password_file


def make_password(settings: Settings) -> str:
    """The password of this home's own server, made up now if there is none yet."""
    path = prefect_password_file(settings)
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
