"""Passwords at rest: scrypt with a salt, at the cost that OWASP names as the least.

https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html (N = 2^15, r = 8, p = 3: 32 MB and a
quarter of a second). The parameters stand in each hash, so that they can be raised without locking anybody out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from threading import Lock

from webapp.errors import BadRequestError

LEAST_CHARACTERS, MOST_CHARACTERS = 12, 256

_LOG2_N, _R, _P = 15, 8, 3
_HASH_BYTES = 32
_MOST_MEMORY = 256 * 1024 * 1024
# One at a time in a process: many who guess at once would take all its memory.
_turn = Lock()


def hash_password(password: str) -> str:
    """The hash of a new password, with its salt and its parameters: `scrypt$15$8$3$salt$hash`.

    Raises
    ------
    BadRequestError
        If the password is too short or too long.
    """
    if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        raise BadRequestError(
            f"A password must have {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters. Several words make a good one."
        )
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, _LOG2_N, _R, _P)
    return f"scrypt${_LOG2_N}${_R}${_P}${salt.hex()}${digest.hex()}"


def is_password(password: str, hashed: str | None) -> bool:
    """Whether this is the password of a hash; without a hash it is not, and takes as long to say so."""
    kind, log2_n, r, p, salt, digest = (hashed or _NOBODYS).split("$")
    if kind != "scrypt" or len(password) > MOST_CHARACTERS:
        return False
    tried = _scrypt(password, bytes.fromhex(salt), int(log2_n), int(r), int(p))
    return hmac.compare_digest(tried, bytes.fromhex(digest)) and hashed is not None


def _scrypt(password: str, salt: bytes, log2_n: int, r: int, p: int) -> bytes:
    with _turn:
        return hashlib.scrypt(
            password.encode("utf-8", "surrogatepass"),
            salt=salt,
            n=1 << log2_n,
            r=r,
            p=p,
            maxmem=_MOST_MEMORY,
            dklen=_HASH_BYTES,
        )


_NOBODYS = f"scrypt${_LOG2_N}${_R}${_P}${'00' * 16}${'00' * _HASH_BYTES}"
