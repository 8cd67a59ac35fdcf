"""The parts of a table that lies in several files."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from creditrisk.errors import SourceError
from creditrisk.sources.files import SUFFIXES, check_uri, is_there, path_of
from creditrisk.sources.text import suffix_of


def parts_of(uri: str) -> list[str]:
    """What a path or URI names, one by one, each to be read by itself: the files of a folder by name, else itself.

    Files of folders within count as well; those whose name begins with a dot or an underscore, or that are no tables,
    do not.

    Raises
    ------
    SourceError
        If the URI cannot be used (see `check_uri`), or a folder holds no table.
    """
    check_uri(uri)
    if urlsplit(uri).scheme not in ("", "file") or not is_there(str(path_of(uri))):
        return [uri]
    folder = path_of(uri)
    if not folder.is_dir():
        return [uri]
    try:
        files = sorted(path for path in folder.rglob("*") if _is_part(path.relative_to(folder)) and path.is_file())
    except OSError as exc:
        raise SourceError(f"the folder '{folder}' cannot be read: {exc.strerror}. Check it, or pass another.") from exc
    if not files:
        raise SourceError(
            f"the folder '{folder}' holds no table: no file ends in {', '.join(SUFFIXES)}. Check the path."
        )
    return [str(path) for path in files]


def _is_part(path: Path) -> bool:
    return suffix_of(path.name) in SUFFIXES and not any(name.startswith((".", "_")) for name in path.parts)
