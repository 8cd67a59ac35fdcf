"""Passwords at rest: Argon2id with a salt, at the cost that RFC 9106 recommends where memory is scarce.

https://www.rfc-editor.org/rfc/rfc9106#section-4 (64 MiB, three passes, four lanes), which is the library's default. The
parameters stand in each hash, so that they can be raised without locking anybody out.
"""

from __future__ import annotations

from threading import Lock

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from webapp.errors import BadRequestError

LEAST_CHARACTERS, MOST_CHARACTERS = 12, 256

_HASHER = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)
# Of no password, at the same cost.
_NOBODYS = f"$argon2id$v=19$m=65536,t=3,p=4${'A' * 22}${'A' * 43}"
# One at a time in a process: many who guess at once would take all its memory.
_turn = Lock()


def hash_password(password: str) -> str:
    """The hash of a new password, with its salt and its parameters: `$argon2id$v=19$m=65536,t=3,p=4$salt$hash`.

    Raises
    ------
    BadRequestError
        If the password is too short or too long.
    """
    if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        raise BadRequestError(
            f"A password must have {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters. Several words make a good one."
        )
    with _turn:
        return _HASHER.hash(_as_bytes(password))


def is_password(password: str, hashed: str | None) -> bool:
    """Whether this is the password of a hash; without a hash it is not, and takes as long to say so."""
    if len(password) > MOST_CHARACTERS:
        return False
    with _turn:
        try:
            return _HASHER.verify(hashed or _NOBODYS, _as_bytes(password)) and hashed is not None
        except (VerificationError, InvalidHashError):
            return False


def _as_bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
