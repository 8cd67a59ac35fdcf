"""The model that answers: found in the registry, kept on disk, swapped without dropping a request.

At the start the copy on disk is loaded, so that the app scores while the registry is away. A thread then looks for a
new champion every `champion_poll_seconds`; a new one is fetched to the side and proved in a process of its own
(creditrisk/scoring/proving.py), and only then takes over by replacing one reference. Whatever fails leaves the old one
in place and is said in /ready and in the page's header; it is not fetched again until something changes, or a while has
passed.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from creditrisk.errors import CreditRiskError, DecisionLogError, ScorerError
from creditrisk.quality import check
from creditrisk.registry import Registry, Version, decided, serving_folder, serving_name
from creditrisk.scoring import Scorer, check_intact, load, proving, sample_record
from creditrisk.settings import Settings
from creditrisk.sources import from_records
from creditrisk.strict import read_json
from webapp.metrics import Metrics

log = logging.getLogger("webapp.serving")

# A version that could not be used is tried again after so long: at first after one look, then after twice as long as
# before; one that was fetched and is not sound, at once after the longest.
LONGEST_PAUSE_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class _Refused:
    """A version that could not be used, for how long it is left alone, and until when on the monotonic clock."""

    version: Version
    pause: float
    until: float


@dataclass(frozen=True)
class ServingState:
    """Which model answers now, since when, and what is away; replaced as a whole, never changed."""

    scorer: Scorer | None = None
    since: datetime | None = None
    registry_problem: str = "the registry has not been asked yet"
    model_problem: str = ""
    # The model that was decided to serve, which may not be fit to, yet.
    dataset: str = ""

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


class ServedModel:
    """Keeps the state of what is served up to date.

    `state` may be read from any thread at any time. `start` begins the polling thread; tests call `load_saved` and
    `poll` instead.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.state = ServingState()
        self._settings = settings
        self._metrics = metrics
        self._registry: Registry | None = None
        self._refused: _Refused | None = None

    def start(self) -> None:
        """Load the saved model, then look for a champion now and every `champion_poll_seconds`."""
        self.load_saved()
        threading.Thread(target=self._keep_polling, name="champion", daemon=True).start()

    def load_saved(self) -> None:
        """Take the copy on disk, if there is one and it belongs to what this app serves."""
        home = self._settings.home
        note = _note(home)
        if not note.is_file():
            return
        try:
            saved = read_json(note.read_text(encoding="utf-8"), "the note of the saved model")
            name, version, sha256 = saved["model"], saved["version"], saved["sha256"]
            dataset = decided(self._settings.dataset, self._settings.decision_log)
            if dataset not in (None, name):
                return
            folder = serving_folder(home, name, version)
            check_intact(folder, name=name, version=version, sha256=sha256)
            # Not once more if these libraries did: it would take three seconds at each start.
            proving.prove_once(home, folder, sha256)
            scorer = load(folder, name=name, version=version, sha256=sha256)
            self._set(replace(self.state, dataset=name))
            self._take(scorer, datetime.fromisoformat(saved["since"]))
        except (CreditRiskError, OSError, ValueError, KeyError, TypeError) as exc:
            self._report_model_problem("the saved model", exc)

    def poll(self) -> None:
        """Ask the registry once for the champion, and take it if it is another one."""
        try:
            # Made here, not at the start: opening the registry may take seconds, and it may be away.
            self._registry = self._registry or Registry(self._settings.stores)
            name = self._decided(self._registry)
            if not name:
                self._registry.check_reachable()
            version = self._registry.champion(name) if name else None
        except CreditRiskError as exc:
            self._set(replace(self.state, registry_problem=str(exc)))
            return
        self._set(replace(self.state, registry_problem="", dataset=name or ""))
        if version is None:
            return
        serving = self.state.scorer
        if serving is not None and _is_version(serving, version):
            self._refused = None
            self._set(replace(self.state, since=version.promoted_at, model_problem=""))
            return
        which = f"version {version.version} of {version.model}"
        try:
            self._registry.check_made_champion(version)
        except CreditRiskError as exc:  # cheap to ask, so that a note made since is found at once
            self._report_model_problem(which, exc)
            return
        if self._is_refused(version):
            return
        try:
            self._take(self._registry.load(version), version.promoted_at)
            _remember(self._settings.home, version)
            self._refused = None
        except (CreditRiskError, OSError, ValueError, KeyError) as exc:
            self._report_model_problem(which, exc)
            self._refuse(version, exc)

    def _decided(self, registry: Registry) -> str | None:
        """The model to serve; where nobody decided, the one in hand is kept up to date."""
        before = self.state.dataset or None
        try:
            return serving_name(registry, self._settings.dataset) or before
        except DecisionLogError:  # it is away, as /ready says; what was decided when last asked holds
            return before

    def _is_refused(self, version: Version) -> bool:
        """Whether this very version was tried, could not be used, and is not to be tried again yet."""
        refused = self._refused
        return refused is not None and _is_same(refused.version, version) and time.monotonic() < refused.until

    def _refuse(self, version: Version, exc: Exception) -> None:
        before = self._refused
        pause = self._settings.champion_poll_seconds
        if isinstance(exc, ScorerError):
            pause = LONGEST_PAUSE_SECONDS
        elif before is not None and _is_same(before.version, version):
            pause = min(2 * before.pause, LONGEST_PAUSE_SECONDS)
        self._refused = _Refused(version, pause, time.monotonic() + pause)

    def _keep_polling(self) -> None:
        pause = threading.Event()
        while True:
            try:
                self.poll()
            except Exception as exc:  # the thread must outlive whatever a registry can throw
                log.error("looking for a champion failed: %s", type(exc).__name__)
                self._set(replace(self.state, registry_problem=f"asking it failed ({type(exc).__name__})"))
            pause.wait(self._settings.champion_poll_seconds)

    def _take(self, scorer: Scorer, since: datetime | None) -> None:
        warm_up(scorer)
        self._set(replace(self.state, scorer=scorer, since=since, model_problem=""))
        log.info("serving %s version %s", scorer.name, scorer.version)

    def _report_model_problem(self, which: str, exc: Exception) -> None:
        reason = str(exc) if isinstance(exc, CreditRiskError) else type(exc).__name__
        kept = "The model before it goes on scoring." if self.state.scorer else "Nothing can be scored."
        problem = f"{which[0].upper()}{which[1:]} cannot be used: {reason} {kept}"
        if problem != self.state.model_problem:  # said once, not at each look
            log.error("%s cannot be used: %s", which, reason)
        self._set(replace(self.state, model_problem=problem))

    def _set(self, state: ServingState) -> None:
        self.state = state
        self._metrics.registry_up.set(state.is_registry_up)
        self._metrics.model.clear()
        if state.scorer is not None:
            self._metrics.model.labels(state.scorer.name, state.scorer.version).set(1)


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


def _is_same(one: Version, other: Version) -> bool:
    """Whether two looks found the same version, unchanged: a promotion anew, or another fingerprint, is a change."""
    return (one.model, one.version, one.sha256, one.tags) == (other.model, other.version, other.sha256, other.tags)


def _is_version(scorer: Scorer, version: Version) -> bool:
    return (scorer.name, scorer.version, scorer.sha256) == (version.model, version.version, version.sha256)


def warm_up(scorer: Scorer) -> None:
    """Score one made-up application, so that the first client does not wait for what is made at a first use."""
    checked = check(from_records([sample_record(scorer.schema)]), scorer.schema)
    scorer.score(checked.accepted)
