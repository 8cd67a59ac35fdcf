"""Where reports are kept: one module per kind of archive behind one small protocol.

A module of a kind has what `protocol.Kind` lists. Adding a kind is adding a module: whatever has `SCHEMES` in this
package is one, and is found by the scheme of a URI.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import cast

from creditrisk.errors import ArchiveError
from monitoring.archive.away import NotInstalled, PatientlyRead
from monitoring.archive.delivery import Stored, n_waiting, pending_folder, store, waiting_ids
from monitoring.archive.protocol import EVERY, Archive, ArchiveAwayError, DamagedReportError, Kind, UnknownReportError
from monitoring.archive.pruning import Prunable, prunable, remove
from monitoring.archive.reading import (
    Found,
    Kept,
    find,
    find_page,
    known_ids,
    last_result,
    newest_until,
    read_all,
    read_recent,
)
from monitoring.archive.sealing import check_id, without_credentials
from monitoring.archive.searching import Sought, search

__all__ = [
    "EVERY",
    "Archive",
    "ArchiveAwayError",
    "DamagedReportError",
    "Found",
    "Kept",
    "NotInstalled",
    "Prunable",
    "Sought",
    "Stored",
    "UnknownReportError",
    "archives_to_read",
    "check_id",
    "find",
    "find_page",
    "known_ids",
    "last_result",
    "n_waiting",
    "newest_until",
    "open_archives",
    "pending_folder",
    "prunable",
    "read_all",
    "read_recent",
    "remove",
    "search",
    "store",
    "waiting_ids",
    "without_credentials",
]


def open_archives(uris: Sequence[str]) -> list[Archive]:
    """One archive per URI, such as `file://FOLDER`, `mongodb://HOST/DATABASE` or `gs://BUCKET[/PREFIX]`.

    Raises
    ------
    ArchiveError
        If a URI is of no kind that is there. Nothing is contacted yet: an archive may be away, and one whose library
        is not installed is taken for that.
    """
    kinds = _kinds()
    by_scheme = {scheme: kind for kind in kinds for scheme in kind.SCHEMES}
    archives: list[Archive] = []
    for uri in uris:
        kind = by_scheme.get(uri.split("://", 1)[0])
        if kind is None:
            *others, last = (kind.ADDRESS for kind in kinds)
            raise ArchiveError(
                f"'{without_credentials(uri)}' is not a report archive. Expected {', '.join(others)} or {last}; see "
                "the setting CREDITRISK_ARCHIVES."
            )
        try:
            archives.append(kind.open_archive(uri))
        except ImportError as exc:
            archives.append(NotInstalled(without_credentials(uri), exc.name or "its library"))
    return archives


def archives_to_read(uris: Sequence[str]) -> list[Archive]:
    """The same archives for whoever shows them: connected to once, and not waited for each time while they are away.

    Raises
    ------
    ArchiveError
        As of `open_archives`.
    """
    return [_to_read(uri) for uri in uris]


@lru_cache(maxsize=16)
def _to_read(uri: str) -> Archive:
    [archive] = open_archives([uri])
    return PatientlyRead(archive)


def _kinds() -> list[Kind]:
    """The modules of this package that are a kind of archive, from the simplest on."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    kinds = [cast(Kind, module) for module in modules if hasattr(module, "SCHEMES")]
    return sorted(kinds, key=lambda kind: kind.COMPLEXITY)
