"""Idempotency keys: a request that is sent again is answered as before, and nothing is decided or recorded again.

A key belongs to the account or the API key that sent it, and is good for 24 hours, across processes and restarts of one
home. Kept are hashes of the key and of the body, the version that answers, and of each part of the applications under
which policy it was decided and where in the log it was about to begin; nothing of an applicant: the same applications
are scored again by these, which gives the same answer, and this time nothing is logged (scored_once.py). Of outcomes,
the counts are kept that were answered. Whoever answers holds a lock, which goes with the process: what was cut off is
taken up by whoever sends it again. The header is that of the IETF's draft
(https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from webapp.access import Caller
from webapp.errors import BadRequestError, BusyError, KeyInUseError, KeyReusedError
from webapp.small_database import SmallDatabase
from webapp.upload_files import locked

KEPT_SECONDS = 86_400.0
MOST_KEYS = 500_000

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, body BLOB NOT NULL, began_at REAL NOT NULL,
    is_answered INTEGER NOT NULL DEFAULT 0, model TEXT NOT NULL DEFAULT '', version TEXT NOT NULL DEFAULT '',
    sha256 TEXT NOT NULL DEFAULT '', parts TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX IF NOT EXISTS requests_by_age ON requests (began_at);
"""
_AWAY = (
    "Idempotency keys cannot be kept at the moment, so nothing was done. Try again, or leave the Idempotency-Key out."
)


class Part(NamedTuple):
    """The applications `first_row` to `last_row` of a request, about to be decided under a policy, by its name.

    `after_seq` is the number of the log's last entry by then: theirs come later.
    """

    first_row: int
    last_row: int
    policy: str
    after_seq: int


@dataclass(frozen=True, slots=True)
class AnsweredBy:
    """The version of a model that answers a request, and the parts that it was decided in.

    All parts but the last one are in the decision log; the last one is, if the request was answered. Of a request that
    no model answers, `model` is the route and `version` what was answered.
    """

    model: str = ""
    version: str = ""
    sha256: str = ""
    parts: Sequence[Part] = ()


class Claim:
    """The right to answer the request of one key; `by` is what is known of its answer."""

    def __init__(self, database: SmallDatabase, caller: Caller, digest: bytes) -> None:
        self._database, self._digest = database, digest
        self.caller = caller
        self.by = AnsweredBy()
        # Whether it was answered before.
        self.is_repeat = False

    def keep(self, *, is_answered: bool = False) -> None:
        """Keep what is known by now; BusyError if that cannot be."""
        by = self.by
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE requests SET model = ?, version = ?, sha256 = ?, parts = ?, is_answered = ? WHERE key = ?",
                (by.model, by.version, by.sha256, json.dumps(by.parts), is_answered, self._digest),
            )


class IdempotencyKeys:
    """The keys that were used in the last 24 hours, in one small database that all processes of a home share."""

    def __init__(self, home: Path) -> None:
        self._database = SmallDatabase(home / "idempotency.sqlite3", _SCHEMA, away=_AWAY)
        # An empty file each, as long as somebody answers.
        self._locks = home / "idempotency"

    @contextmanager
    def claimed(self, caller: Caller, key: str, body: bytes) -> Iterator[Claim]:
        """Answer the request with a caller's key, or repeat what was answered; no error within means it was answered.

        After an error the request goes on from its last part when it is sent again, and begins anew if it has none.

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
        digest = _digest(caller, key)
        claim = Claim(self._database, caller, digest)
        with ExitStack() as held:
            # With the key in it, so that nobody who has the hash can try what the body may have been.
            self._begin(claim, digest, sha256(key.encode() + b"\n" + body).digest(), held)
            if claim.is_repeat:
                yield claim
                return
            try:
                yield claim
            except BaseException:
                with suppress(BusyError):
                    self._leave(digest)
                raise
            # It is done and logged by now, and better answered than not.
            with suppress(BusyError):
                claim.keep(is_answered=True)
                self._leave(digest)

    def _begin(self, claim: Claim, digest: bytes, of_body: bytes, held: ExitStack) -> None:
        """Look what is known of a request, and hold its lock unless it was answered."""
        now = time.time()
        with self._database.transaction() as connection:
            self._forget_old(connection, now)
            row = connection.execute(
                "SELECT body, is_answered, model, version, sha256, parts FROM requests WHERE key = ?", (digest,)
            ).fetchone()
            if row is not None:
                kept_body, is_answered, model, version, scorer_sha256, parts = row
                if kept_body != of_body:
                    raise KeyReusedError
                claim.by = AnsweredBy(model, version, scorer_sha256, [Part(*part) for part in json.loads(parts)])
                claim.is_repeat = bool(is_answered)
                if claim.is_repeat:
                    return
            else:
                _refuse_if_full(connection)
            self._locks.mkdir(mode=0o700, exist_ok=True)
            if not held.enter_context(locked(self._lock_of(digest))):
                raise KeyInUseError
            connection.execute(
                "INSERT INTO requests (key, body, began_at) VALUES (?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET began_at = excluded.began_at",
                (digest, of_body, now),
            )

    def _leave(self, digest: bytes) -> None:
        """Nobody answers any longer; a request of which nothing can have been logged is forgotten."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM requests WHERE key = ? AND parts = '[]' AND NOT is_answered", (digest,))
            # Within the transaction, as it is taken: so nobody locks a file that is no longer there.
            self._lock_of(digest).unlink(missing_ok=True)

    def _forget_old(self, connection: sqlite3.Connection, now: float) -> None:
        old = connection.execute("DELETE FROM requests WHERE began_at < ? RETURNING key", (now - KEPT_SECONDS,))
        for (digest,) in old.fetchall():
            self._lock_of(digest).unlink(missing_ok=True)
        # The clock was put back: such a key would take room until that time comes.
        connection.execute("UPDATE requests SET began_at = ? WHERE began_at > ?", (now, now))

    def _lock_of(self, digest: bytes) -> Path:
        return self._locks / digest.hex()


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


def _digest(caller: Caller, key: str) -> bytes:
    """The hash of a key as its caller's own; a person's role may change, and a program may be called like a person."""
    kind = caller.role if caller.role in ("local", "key") else "account"
    return sha256(json.dumps([kind, caller.name, key]).encode()).digest()


def _refuse_if_full(connection: sqlite3.Connection) -> None:
    first, last = connection.execute("SELECT min(number), max(number) FROM requests").fetchone()
    if first is not None and last - first + 1 >= MOST_KEYS:
        raise BusyError(
            f"More than {MOST_KEYS:,} idempotency keys were used within 24 hours; no more are kept. Leave the "
            "Idempotency-Key out, or try again later."
        )
