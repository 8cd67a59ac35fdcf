"""Who is signed in, and how often somebody tried: one small database, home/sessions.sqlite3, for all processes.

A browser holds a random token in a cookie; kept is its SHA-256 alone, so that the file signs nobody in. Signing out
removes it, and so does the end of its time.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from webapp.errors import TooManyAttemptsError
from webapp.small_database import SmallDatabase

# A long working day.
SESSION_SECONDS = 10 * 3600.0
# So many attempts within so long: for one name, whether or not there is one; from one address; of all together.
ATTEMPT_SECONDS = 300.0
MOST_OF_A_NAME, MOST_OF_AN_ADDRESS, MOST_OF_ALL = 5, 30, 200
# So far a clock is put back now and then, as it is set by others.
CLOCK_SECONDS = 60.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS signed_in (
    token BLOB PRIMARY KEY, user TEXT NOT NULL, stamp TEXT NOT NULL, role TEXT NOT NULL, ends_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS attempts (name BLOB NOT NULL, address BLOB NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS attempts_by_age ON attempts (at);
"""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a token signed in: with an account, whose stamp it was, or by a provider, in a role."""

    name: str
    stamp: str = ""
    role: str = ""


class Sessions:
    """The sessions of one home. Every method raises BusyError if they cannot be kept at the moment."""

    def __init__(self, home: Path) -> None:
        away = "It cannot be looked up at the moment who is signed in. Try again in a minute."
        self._database = SmallDatabase(home / "sessions.sqlite3", _SCHEMA, away=away)

    def begin(self, who: SignedIn) -> str:
        """Sign somebody in; the token that their browser is to send along."""
        token, now = secrets.token_urlsafe(32), time.time()
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM signed_in WHERE ends_at < ?", (now,))
            row = (_digest(token), who.name, who.stamp, who.role, now + SESSION_SECONDS)
            connection.execute("INSERT INTO signed_in VALUES (?, ?, ?, ?, ?)", row)
            connection.execute("DELETE FROM attempts WHERE name = ?", (_digest(who.name),))
        return token

    def find(self, token: str) -> SignedIn | None:
        """Whom a token signed in; None if nobody, or no longer."""
        with self._database.transaction(is_write=False) as connection:
            # One that would last longer than any was begun before the clock was put back, who knows when.
            wanted = "SELECT user, stamp, role FROM signed_in WHERE token = ? AND ends_at BETWEEN ? AND ?"
            now = time.time()
            latest = now + SESSION_SECONDS + CLOCK_SECONDS
            row = connection.execute(wanted, (_digest(token), now, latest)).fetchone()
        return None if row is None else SignedIn(*row)

    def end(self, token: str) -> None:
        """Sign out."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM signed_in WHERE token = ?", (_digest(token),))

    def count_attempt(self, name: str, address: str) -> None:
        """Count an attempt to sign in before it is looked at, so that many at once cannot slip through.

        Raises
        ------
        TooManyAttemptsError
            If there were too many of late.
        """
        of_name, of_address, now = _digest(name.strip().lower()), _digest(address), time.time()
        with self._database.transaction() as connection:
            # Those of a time to come would keep somebody out until then: the clock was put back.
            times = (now - ATTEMPT_SECONDS, now + CLOCK_SECONDS)
            connection.execute("DELETE FROM attempts WHERE at NOT BETWEEN ? AND ?", times)
            n_name, n_address, n_all = connection.execute(
                "SELECT total(name = ?), total(address = ?), count(*) FROM attempts", (of_name, of_address)
            ).fetchone()
            if n_name >= MOST_OF_A_NAME or n_address >= MOST_OF_AN_ADDRESS or n_all >= MOST_OF_ALL:
                raise TooManyAttemptsError
            connection.execute("INSERT INTO attempts VALUES (?, ?, ?)", (of_name, of_address, now))


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
