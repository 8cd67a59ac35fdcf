"""Small dataclasses as tags of MLflow: one writer, and one strict reader, as others can write there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, TypeVar

from creditrisk import strict
from creditrisk.errors import ScorerError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Item = TypeVar("Item", bound=DataclassInstance)

# A reason has a thousand characters at most, a source not many more; MLflow itself takes more.
MAX_TAG_CHARACTERS = 20_000


def to_tag(item: DataclassInstance) -> str:
    """A dataclass as the value of a tag."""
    return json.dumps(asdict(item))


def from_tag(kind: type[Item], noted: str) -> Item:
    """A dataclass as `to_tag` wrote it.

    Raises
    ------
    ScorerError
        If it holds anything else.
    """
    if len(noted) > MAX_TAG_CHARACTERS:
        raise ScorerError(f"the tag has {len(noted):,} characters")
    item = strict.fields(strict.read_json(noted, "the tag"), "the tag", (field.name for field in fields(kind)))
    return kind(**{field.name: _READERS[str(field.type)](item[field.name], field.name) for field in fields(kind)})


def _texts(values: Any, what: str) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise ScorerError(f"{what} must be a list of texts")
    return tuple(strict.text(value, what) for value in values)


# By the annotations of the dataclasses that are kept so.
_READERS: dict[str, Callable[[Any, str], Any]] = {"str": strict.text, "int": strict.whole, "tuple[str, ...]": _texts}
