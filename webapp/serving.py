"""The model that answers: found in the registry, kept on disk, swapped without dropping a request.

At the start the copy on disk is loaded, so that the app scores while the registry is away. A thread then looks for a
new champion every `champion_poll_seconds`; a new one is loaded to the side, scores a row, and only then takes over by
replacing one reference. Whatever fails leaves the old one in place and is said in /ready and in the page's header.
"""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from creditrisk.errors import CreditRiskError
from creditrisk.quality import check
from creditrisk.registry import Registry, Version, serving_folder, serving_name
from creditrisk.schema import Schema
from creditrisk.scorer import Scorer, load
from creditrisk.settings import Settings
from creditrisk.sources import from_records
from webapp.metrics import Metrics

log = logging.getLogger("webapp.serving")


@dataclass(frozen=True)
class Standing:
    """Which model answers now, since when, and what is away; replaced as a whole, never changed."""

    scorer: Scorer | None = None
    since: datetime | None = None
    registry_problem: str = "the registry has not been asked yet"
    model_problem: str = ""

    @property
    def is_registry_up(self) -> bool:
        """Whether the registry answered when last asked."""
        return not self.registry_problem

    @property
    def consequence(self) -> str:
        """What the registry's state means for the people who use the app; empty if nothing is away."""
        if self.is_registry_up:
            return self.model_problem
        if self.scorer is None:
            return "Registry away and no saved model: nothing can be scored."
        return "Registry away: scoring goes on with the saved model; a new champion is not noticed."


class Champion:
    """Keeps the standing up to date.

    `standing` may be read from any thread at any time. `start` begins the polling thread; tests call `load_saved` and
    `look` instead.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.standing = Standing()
        self._settings = settings
        self._metrics = metrics
        self._registry: Registry | None = None

    def start(self) -> None:
        """Load the saved model, then look for a champion now and every `champion_poll_seconds`."""
        self.load_saved()
        threading.Thread(target=self._poll, name="champion", daemon=True).start()

    def load_saved(self) -> None:
        """Take the copy on disk, if there is one and it belongs to what this app serves."""
        home = self._settings.home
        note = _note(home)
        if not note.is_file():
            return
        try:
            saved = json.loads(note.read_text(encoding="utf-8"))
            name, version = saved["model"], saved["version"]
            if self._settings.dataset not in ("", name):
                return
            scorer = load(serving_folder(home, name, version), name=name, version=version, sha256=saved["sha256"])
            self._take(scorer, datetime.fromisoformat(saved["since"]))
        except (CreditRiskError, OSError, ValueError, KeyError, TypeError) as exc:
            self._report_model_problem("the saved model", exc)

    def look(self) -> None:
        """Ask the registry once for the champion, and take it if it is another one."""
        try:
            # Made here, not at the start: opening the registry may take seconds, and it may be away.
            self._registry = self._registry or Registry(self._settings)
            name = serving_name(self._settings, self._registry)
            version = self._registry.champion(name) if name else None
        except CreditRiskError as exc:
            self._set(replace(self.standing, registry_problem=str(exc)))
            return
        self._set(replace(self.standing, registry_problem=""))
        if version is None:
            return
        serving = self.standing.scorer
        if serving is not None and _is_version(serving, version):
            self._set(replace(self.standing, since=version.promoted_at, model_problem=""))
            return
        try:
            self._take(self._registry.load(version), version.promoted_at)
            _remember(self._settings.home, version)
        except (CreditRiskError, OSError, ValueError, KeyError) as exc:
            self._report_model_problem(f"version {version.version} of {version.model}", exc)

    def _poll(self) -> None:
        pause = threading.Event()
        while True:
            try:
                self.look()
            except Exception as exc:  # the thread must outlive whatever a registry can throw
                log.error("looking for a champion failed: %s", type(exc).__name__)
                self._set(replace(self.standing, registry_problem=f"asking it failed ({type(exc).__name__})"))
            pause.wait(self._settings.champion_poll_seconds)

    def _take(self, scorer: Scorer, since: datetime | None) -> None:
        warm_up(scorer)
        self._set(replace(self.standing, scorer=scorer, since=since, model_problem=""))
        log.info("serving %s version %s", scorer.name, scorer.version)

    def _report_model_problem(self, which: str, exc: Exception) -> None:
        reason = str(exc) if isinstance(exc, CreditRiskError) else type(exc).__name__
        log.error("%s cannot be used: %s", which, reason)
        kept = "The model before it goes on scoring." if self.standing.scorer else "Nothing can be scored."
        problem = f"{which[0].upper()}{which[1:]} cannot be used: {reason} {kept}"
        self._set(replace(self.standing, model_problem=problem))

    def _set(self, standing: Standing) -> None:
        self.standing = standing
        self._metrics.registry_up.set(standing.is_registry_up)
        self._metrics.model.clear()
        if standing.scorer is not None:
            self._metrics.model.labels(standing.scorer.name, standing.scorer.version).set(1)


def _note(home: Path) -> Path:
    """The file that says which saved copy to start with."""
    return home / "serving" / "current.json"


def _remember(home: Path, version: Version) -> None:
    """Write down which version serves, for a start while the registry is away; replaced in one step."""
    saved = {
        "model": version.model,
        "version": version.version,
        "sha256": version.sha256,
        "since": version.promoted_at.isoformat(),
    }
    fresh = _note(home).with_suffix(".new")
    fresh.write_text(json.dumps(saved), encoding="utf-8")
    fresh.replace(_note(home))


def _is_version(scorer: Scorer, version: Version) -> bool:
    return (scorer.name, scorer.version, scorer.sha256) == (version.model, version.version, version.sha256)


def sample_record(schema: Schema) -> dict[str, Any]:
    """One made-up application that fits a schema: it warms up a new scorer.

    Examples
    --------
    >>> from creditrisk.schema import Field, Target
    >>> age = Field("age_years", "integer", "Age", minimum=18, maximum=100)
    >>> sample_record(Schema("x", "X", (age,), Target("default", "Default", ("1",), ("0",))))
    {'age_years': 59}
    """
    record: dict[str, Any] = {}
    for field in schema.fields:
        if field.role not in ("feature", "id", "time"):
            continue
        if field.type == "category":
            record[field.name] = field.categories[0].value
        elif field.type == "date":
            record[field.name] = date(2024, 3, 31).isoformat()
        elif field.type == "text":
            record[field.name] = "1"
        else:
            low = field.minimum if field.minimum is not None else 0.0
            high = field.maximum if field.maximum is not None else low
            record[field.name] = int((low + high) / 2)
    return record


def warm_up(scorer: Scorer) -> None:
    """Score one made-up application, so that a scorer that cannot score is found before it answers anybody."""
    checked = check(from_records([sample_record(scorer.schema)]), scorer.schema)
    scorer.score(checked.accepted, checked.problems)
