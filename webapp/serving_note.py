"""What the process that asks the registry tells those that answer: a small file beside the saved copies.

It says which copy is to be served, also at the next start while the registry is away, and what was found when the
registry was last asked. Apps that serve different choices (`CREDITRISK_DATASET`) from one home have a note each.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from creditrisk.home import write_whole
from creditrisk.settings import Settings
from creditrisk.strict import read_json


@dataclass(frozen=True, slots=True)
class ServingNote:
    """The saved copy to serve (empty `version`: none), and what the registry said at `asked_at`, a Unix time.

    `dataset` is the model that was decided to serve, which need not have a champion yet. `model_problem` says why its
    champion cannot be served; empty if it can.
    """

    model: str = ""
    version: str = ""
    sha256: str = ""
    since: str = ""
    asked_at: float = 0.0
    dataset: str = ""
    registry_problem: str = ""
    model_problem: str = ""

    @property
    def is_registry_up(self) -> bool:
        """Whether the registry answered when last asked."""
        return not self.registry_problem


def note_path(settings: Settings) -> Path:
    """Where the note of an app lies, by its home and the model chosen for it."""
    name = f"current-{quote(settings.dataset, safe='')}" if settings.dataset else "current"
    return settings.home / "serving" / f"{name}.json"


def look_at_once(settings: Settings) -> Path:
    """The file whose date tells the process that asks the registry to do so now."""
    return settings.home / "serving" / "look"


def read_note(path: Path) -> ServingNote:
    """The note; an empty one if there is none.

    Raises
    ------
    OSError, ScorerError, TypeError, ValueError
        If it cannot be read, or was changed into something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ServingNote()
    note = ServingNote(**read_json(text, "the note of the saved model"))
    values = asdict(note)
    asked_at = values.pop("asked_at")
    if not isinstance(asked_at, int | float) or not all(isinstance(value, str) for value in values.values()):
        raise TypeError("the note of the saved model holds values of other kinds")
    return note


def write_note(path: Path, note: ServingNote) -> None:
    """Replace the note in one step."""
    write_whole(path, json.dumps(asdict(note)))
