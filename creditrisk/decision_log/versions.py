"""The model versions that entries name by number, as the database has them."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, func, insert, select

from creditrisk.decision_log.entries import Version
from creditrisk.decision_log.tables import VERSIONS

_COLUMNS = tuple(VERSIONS.c[name] for name in ("model", "model_version", "scorer_sha256", "fields", "reasons"))


def all_versions(connection: Connection) -> dict[int, Version]:
    """Every version by its number; one that others made unreadable is left out."""
    versions = {}
    for seq, *columns in connection.execute(select(VERSIONS.c.seq, *_COLUMNS).order_by(VERSIONS.c.seq)):
        version = _version_from(columns)
        if version is not None:
            versions[seq] = version
    return versions


def digests(connection: Connection) -> dict[int, bytes]:
    """What stands for every version in the hashes of its entries, by its number."""
    return {seq: version.digest() for seq, version in all_versions(connection).items()}


def numbers_of(connection: Connection, model: str, model_version: str) -> list[int]:
    """The numbers under which the database has a version of a model."""
    known = all_versions(connection).items()
    return [number for number, version in known if (version.model, version.model_version) == (model, model_version)]


def number_of(connection: Connection, version: Version) -> int:
    """The number of a version; one that is new is written down, in a transaction that writes."""
    texts = _texts_of(version)
    same = [column == text for column, text in zip(_COLUMNS, texts, strict=True)]
    number: int | None = connection.execute(select(VERSIONS.c.seq).where(*same).limit(1)).scalar_one_or_none()
    if number is None:
        number = int(connection.execute(select(func.coalesce(func.max(VERSIONS.c.seq), 0) + 1)).scalar_one())
        names = [column.name for column in _COLUMNS]
        connection.execute(insert(VERSIONS), {"seq": number} | dict(zip(names, texts, strict=True)))
    return number


def reasons_known(connection: Connection, version: Version) -> tuple[tuple[str, str], ...]:
    """The reasons of the newest version that is the same but for its reasons."""
    texts = _texts_of(version)[:-1]
    same = [column == text for column, text in zip(_COLUMNS[:-1], texts, strict=True)]
    newest = select(*_COLUMNS).where(*same).order_by(VERSIONS.c.seq.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    found = None if row is None else _version_from(row)
    return () if found is None else found.reasons


def _texts_of(version: Version) -> tuple[str, ...]:
    lists = (json.dumps(item, ensure_ascii=False) for item in (version.fields, version.reasons))
    return version.model, version.model_version, version.scorer_sha256, *lists


def _version_from(columns: Any) -> Version | None:
    model, model_version, scorer_sha256, names, reasons = columns
    try:
        fields = tuple(str(name) for name in json.loads(names))
        pairs = tuple((str(code), str(text)) for code, text in json.loads(reasons))
    except (TypeError, ValueError):
        return None
    return Version(model, model_version, scorer_sha256, fields, pairs)
