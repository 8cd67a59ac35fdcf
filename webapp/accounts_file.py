"""Where the accounts of a home are: apart from accounts.py, as the parent of the app's processes has to stay small."""

from __future__ import annotations

from pathlib import Path


def accounts_file(home: Path) -> Path:
    """Where the accounts of a home are."""
    return home / "accounts.json"


def has_accounts(home: Path) -> bool:
    """Whether accounts are kept, so that nobody gets in without one."""
    return accounts_file(home).exists()
