"""Accounts: the people and programs that may use the app, in home/accounts.json (0600), changed by `riskometer user`.

The file alone decides whether anybody has to sign in: while there is none, nobody has to. The app notices a change at
the next request. Passwords are kept as hashes (passwords.py); of a key, which is random, a SHA-256 is enough.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import get_args

from pydantic import TypeAdapter, ValidationError

from creditrisk.home import make_home, one_at_a_time, write_whole
from webapp.access import ROLES, Caller, Role, Scope, local_caller
from webapp.accounts_file import accounts_file
from webapp.errors import AccountsError
from webapp.passwords import hash_password

# Tells people, and programs that look for forgotten secrets, what it is.
KEY_PREFIX = "rom_"

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class User:
    """A person: the hash of their password, and the day (UTC, ISO) on which the account was made."""

    name: str
    role: Role
    password: str
    since: str

    @property
    def stamp(self) -> str:
        """Changes with the password, so that a session with the old one ends."""
        return sha256(self.password.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Key:
    """A program: what it may do, the SHA-256 of its key as hex, and the day (UTC, ISO) on which the key was made."""

    name: str
    scopes: tuple[Scope, ...]
    sha256: str
    since: str

    def caller(self) -> Caller:
        """Who calls with this key."""
        return Caller(self.name, "key", frozenset(self.scopes))


@dataclass(frozen=True, slots=True)
class Book:
    """All accounts; no name stands there twice."""

    users: tuple[User, ...] = ()
    keys: tuple[Key, ...] = ()


_BOOK = TypeAdapter(Book)


class Accounts:
    """The accounts of one home, read again whenever the file has changed.

    Parameters
    ----------
    has_provider
        Whether people also sign in with a provider (single_sign_on.py): then everybody has to, file or no file.
    """

    def __init__(self, home: Path, *, has_provider: bool = False) -> None:
        self.has_provider = has_provider
        self._path = accounts_file(home)
        self._local = local_caller()
        # Which file was read last, and what it holds.
        self._read: tuple[tuple[int, int, int] | None, dict[str, User], dict[str, Key]] = (None, {}, {})

    def are_on(self) -> bool:
        """Whether anybody has to sign in: by a provider, or as there is a file, or was one since this process started.

        Raises
        ------
        AccountsError
            If the file cannot be read: nobody gets in then.
        """
        return self.has_provider or self.has_file()

    def has_file(self) -> bool:
        """Whether there are accounts of our own; errors as of `are_on`."""
        return self._look()[0] is not None

    def local(self) -> Caller | None:
        """Who everybody is, while there are no accounts."""
        return None if self.are_on() else self._local

    def user(self, name: str) -> User | None:
        """The person of that name, however it is capitalised."""
        return self._look()[1].get(name.strip().lower())

    def key(self, token: str) -> Key | None:
        """The program that holds a key."""
        return self._look()[2].get(sha256(token.encode("utf-8", "surrogatepass")).hexdigest())

    def _look(self) -> tuple[tuple[int, int, int] | None, dict[str, User], dict[str, Key]]:
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            if self._read[0] is not None:
                self._read = (self._read[0], {}, {})
            return self._read
        except OSError as exc:
            raise _unreadable(self._path) from exc
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._read[0] or not (self._read[1] or self._read[2]):
            book = read_book(self._path)
            self._read = (seen, {user.name: user for user in book.users}, {key.sha256: key for key in book.keys})
        return self._read


def read_book(path: Path) -> Book:
    """All accounts of a file; none if there is no such file.

    Raises
    ------
    AccountsError
        If it cannot be read.
    """
    try:
        return _BOOK.validate_json(path.read_bytes())
    except FileNotFoundError:
        return Book()
    except (OSError, ValidationError) as exc:
        raise _unreadable(path) from exc


def add_user(home: Path, name: str, role: Role, password: str) -> None:
    """Make an account for a person.

    Raises
    ------
    AccountsError
        If the name is taken or is none, or the file cannot be read or written.
    BadRequestError
        If the password is too short or too long.
    """
    user = User(_checked(name), role, hash_password(password), _today())
    _change(home, lambda book: replace(_without_clash(book, user.name), users=(*book.users, user)))


def change_user(home: Path, name: str, *, role: Role | None = None, password: str | None = None) -> None:
    """Give a person another role or password; errors as of `add_user`. Another password ends their sessions."""
    hashed = None if password is None else hash_password(password)

    def changed(user: User) -> User:
        return replace(user, role=role or user.role, password=hashed or user.password)

    def change(book: Book) -> Book:
        _must_be_there(name, [user.name for user in book.users])
        return replace(book, users=tuple(changed(user) if user.name == _plain(name) else user for user in book.users))

    _change(home, change)


def remove_user(home: Path, name: str) -> None:
    """Remove a person, whose sessions end at once."""

    def change(book: Book) -> Book:
        _must_be_there(name, [user.name for user in book.users])
        return replace(book, users=tuple(user for user in book.users if user.name != _plain(name)))

    _change(home, change)


def add_key(home: Path, name: str, scopes: tuple[Scope, ...]) -> str:
    """Make a key for a program, and return it; it is kept nowhere. Errors as of `add_user`."""
    token = KEY_PREFIX + secrets.token_urlsafe(32)
    wanted = tuple(scope for scope in get_args(Scope) if scope in scopes)
    key = Key(_checked(name), wanted, sha256(token.encode()).hexdigest(), _today())
    _change(home, lambda book: replace(_without_clash(book, key.name), keys=(*book.keys, key)))
    return token


def remove_key(home: Path, name: str) -> None:
    """Remove a key, which opens nothing from then on."""

    def change(book: Book) -> Book:
        _must_be_there(name, [key.name for key in book.keys])
        return replace(book, keys=tuple(key for key in book.keys if key.name != _plain(name)))

    _change(home, change)


def caller_of(user: User) -> Caller:
    """Who calls when this person is signed in."""
    return Caller(user.name, user.role, ROLES[user.role])


def _change(home: Path, change: Callable[[Book], Book]) -> None:
    """Replace the file in one step, one change after the other."""
    make_home(home)
    path = accounts_file(home)
    busy = AccountsError("the accounts are being changed by another command at the moment. Try again.")
    with one_at_a_time(path.with_suffix(".lock"), otherwise=busy, patience_seconds=_PATIENCE_SECONDS):
        text = json.dumps(asdict(change(read_book(path))), indent=1)
        try:
            write_whole(path, f"{text}\n", survives_power_cut=True)
        except OSError as exc:
            raise AccountsError(f"{path} cannot be written: {exc.strerror}. Nothing was changed.") from exc


def _unreadable(path: Path) -> AccountsError:
    return AccountsError(
        f"the accounts in {path.name} of the app's home cannot be read, so nobody gets in. Bring the file back from a "
        "backup; without it, the app has no accounts."
    )


def _plain(name: str) -> str:
    return name.strip().lower()


def _checked(name: str) -> str:
    if not _NAME.fullmatch(_plain(name)):
        raise AccountsError(
            "a name must have 1 to 64 letters a to z, digits, dots, hyphens, underscores or @, and begin with a letter "
            "or a digit. Choose another one."
        )
    return _plain(name)


def _without_clash(book: Book, name: str) -> Book:
    if name in [user.name for user in book.users] + [key.name for key in book.keys]:
        raise AccountsError(f"there is an account or a key called '{name}' already. Choose another name.")
    return book


def _must_be_there(name: str, names: list[str]) -> None:
    if _plain(name) not in names:
        there = ", ".join(sorted(names)) or "none"
        raise AccountsError(f"there is nobody called '{_plain(name)}'. There are: {there}.")


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
