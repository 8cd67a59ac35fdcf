"""Idempotency keys: a request that is sent again is answered as before, and nothing is decided or recorded again.

A key is good for 24 hours, across processes and restarts of one home. Kept are hashes of the key and of the body and
the version and policy that answered, and nothing of an applicant: the same applications are scored again by these,
which gives the same answer, and this time nothing is logged. Of outcomes, the counts are kept that were answered. The
header is that of the IETF's draft (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
"""

from __future__ import annotations

import re
import sqlite3
import time
from dataclasses import astuple, dataclass
from hashlib import sha256
from pathlib import Path

from webapp.errors import BadRequestError, BusyError, KeyInUseError, KeyReusedError
from webapp.small_database import SmallDatabase

KEPT_SECONDS = 86_400.0
# After so long whoever began with a key was cut off.
PENDING_SECONDS = 300.0
MOST_KEYS = 500_000

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, body BLOB NOT NULL, began_at REAL NOT NULL,
    model TEXT NOT NULL DEFAULT '', version TEXT NOT NULL DEFAULT '', sha256 TEXT NOT NULL DEFAULT '',
    policy TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS answers_by_age ON answers (began_at);
"""
_AWAY = (
    "Idempotency keys cannot be kept at the moment, so nothing was done. Try again, or leave the Idempotency-Key out."
)


@dataclass(frozen=True, slots=True)
class AnsweredBy:
    """The version of a model that answered a request, and under which policy.

    Of a request that no model answers, `model` is the route and `version` what was answered.
    """

    model: str
    version: str
    sha256: str = ""
    policy: str = ""


class IdempotencyKeys:
    """The keys that were used in the last 24 hours, in one small database that all processes of a home share."""

    def __init__(self, home: Path) -> None:
        self._database = SmallDatabase(home / "idempotency.sqlite3", _SCHEMA, away=_AWAY)

    def claim(self, key: str, body: bytes) -> AnsweredBy | None:
        """Begin to answer the request with a key; who answered it, if somebody did.

        Raises
        ------
        BadRequestError
            If the key is no text of 1 to 255 visible ASCII characters.
        KeyReusedError
            If it came with another body before.
        KeyInUseError
            If the request is being answered at this moment.
        BusyError
            If more keys are kept than there is room for, or where they are kept is away.
        """
        if not _KEY.fullmatch(key):
            raise BadRequestError("The Idempotency-Key must be 1 to 255 visible ASCII characters, such as a UUID.")
        digest, now = _digest(key), time.time()
        # With the key in it, so that nobody who has the hash can try what the body may have been.
        of_body = sha256(key.encode() + b"\n" + body).digest()
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM answers WHERE began_at < ?", (now - KEPT_SECONDS,))
            # The clock was put back: such a key would be in use, or take room, until that time comes.
            connection.execute("UPDATE answers SET began_at = ? WHERE began_at > ?", (now, now))
            row = connection.execute(
                "SELECT body, began_at, model, version, sha256, policy FROM answers WHERE key = ?", (digest,)
            ).fetchone()
            if row is None:
                _refuse_if_full(connection)
                connection.execute("INSERT INTO answers (key, body, began_at) VALUES (?, ?, ?)", (digest, of_body, now))
                return None
            kept_body, began_at, *version = row
            if kept_body != of_body:
                raise KeyReusedError
            if version[0]:
                return AnsweredBy(*version)
            if now - began_at < PENDING_SECONDS:
                raise KeyInUseError
            connection.execute("UPDATE answers SET began_at = ? WHERE key = ?", (now, digest))
            return None

    def note(self, key: str, answered_by: AnsweredBy) -> None:
        """The request was answered so."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE answers SET model = ?, version = ?, sha256 = ?, policy = ? WHERE key = ?",
                (*astuple(answered_by), _digest(key)),
            )

    def release(self, key: str) -> None:
        """The request was not answered: the next one with the key begins anew."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM answers WHERE key = ? AND model = ''", (_digest(key),))


def refuse_key(key: str | None, instead: str) -> None:
    """Refuse a key where none is kept: whoever sends it counts on it.

    Raises
    ------
    BadRequestError
        If there is one; `instead` is what to do.
    """
    if key is not None:
        raise BadRequestError(
            f"This route keeps no Idempotency-Key: sent again, a request is decided again. {instead} Nothing was done."
        )


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()


def _refuse_if_full(connection: sqlite3.Connection) -> None:
    first, last = connection.execute("SELECT min(number), max(number) FROM answers").fetchone()
    if first is not None and last - first + 1 >= MOST_KEYS:
        raise BusyError(
            f"More than {MOST_KEYS:,} idempotency keys were used within 24 hours; no more are kept. Leave the "
            "Idempotency-Key out, or try again later."
        )
