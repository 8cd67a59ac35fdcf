"""The one process of an app that asks the registry for new champions; the others read the note it keeps.

A new champion is fetched to the side, proved in a process of its own (creditrisk/scoring/proving.py) and kept under
home/serving; only then does the note name it. What cannot be used is said in the note, and not fetched again until
something changes, or a while has passed. `worker.py` starts it.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace

from creditrisk.decision_log import DecisionLog, PolicyInForce
from creditrisk.errors import CreditRiskError, DecisionLogError, ScorerError
from creditrisk.registry import Registry, Version, decided, serving_folder, serving_name
from creditrisk.scoring import check_intact
from creditrisk.settings import Settings
from webapp.serving_note import ServingNote, look_at_once, note_path, read_note, write_note
from webapp.version_pages import keep_pages
from webapp.versions_note import known_versions, newest, versions_path, write_versions

log = logging.getLogger("webapp.champion")

# A version that could not be used is tried again after so long: at first after one look, then after twice as long as
# before; one that was fetched and is not sound, at once after the longest.
LONGEST_PAUSE_SECONDS = 3_600.0
# Between two looks whether somebody said to look at once.
TOLD_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class _Refused:
    """A version that could not be used, for how long it is left alone, and until when on the monotonic clock."""

    version: Version
    pause: float
    until: float


class ChampionPoller:
    """Keeps the note of one app up to date: `poll` asks once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = note_path(settings)
        self._registry: Registry | None = None
        self._refused: _Refused | None = None
        self._note = _saved(settings)
        self._log = DecisionLog(settings.decision_log)
        self._policy = PolicyInForce(settings.home, self._log)

    def poll(self) -> None:
        """Ask the registry once for the champion, keep the files of another one, and write down what was found.

        Only then is looked at what nobody waits for: the other versions.
        """
        champion = None
        try:
            self._note, champion = self._ask()
        finally:
            self._note = replace(self._note, asked_at=time.time())
            write_note(self._path, self._note)
        if champion is not None and self._registry is not None:
            self._note_versions(self._registry, champion)

    def keep_polling(self) -> None:
        """Ask now, every `champion_poll_seconds`, and at once when somebody moved the champion from the page."""
        pause, told_at = threading.Event(), self._told_at()
        while True:
            try:
                self.poll()
            except Exception as exc:  # it must outlive whatever a registry can throw
                log.error("looking for a champion failed: %s", type(exc).__name__)
                self._note = replace(self._note, registry_problem=f"asking it failed ({type(exc).__name__})")
            # Not held open until the next look: who writes may have to wait for whoever still holds deleted files.
            self._log.close()
            until = time.monotonic() + self._settings.champion_poll_seconds
            while time.monotonic() < until and self._told_at() == told_at:
                pause.wait(min(TOLD_SECONDS, self._settings.champion_poll_seconds))
            told_at = self._told_at()

    def _told_at(self) -> float:
        """When somebody last said to look at once."""
        try:
            return look_at_once(self._settings).stat().st_mtime
        except OSError:
            return 0.0

    def _note_versions(self, registry: Registry, champion: Version) -> None:
        """Note what the Model page shows: versions, their pages, and a policy that was set elsewhere."""
        settings = self._settings
        try:
            versions = newest(registry, champion.model)
            write_versions(versions_path(settings), known_versions(registry, champion, versions))
            self._policy.refresh()
            keep_pages(registry, settings.home, versions)
        except (CreditRiskError, OSError, ValueError) as exc:
            log.warning("the versions of %s could not be noted: %s", champion.model, type(exc).__name__)

    def _ask(self) -> tuple[ServingNote, Version | None]:
        """What to note, and the champion, if there is one."""
        note = self._note
        try:
            # Made here, not at the start: opening the registry may take seconds, and it may be away.
            self._registry = self._registry or Registry(self._settings.stores)
            name = self._decided(self._registry)
            if not name:
                self._registry.check_reachable()
            version = self._registry.champion(name) if name else None
        except CreditRiskError as exc:
            return replace(note, registry_problem=str(exc)), None
        note = replace(note, registry_problem="", dataset=name or "")
        return (note if version is None else self._keep(self._registry, note, version)), version

    def _keep(self, registry: Registry, note: ServingNote, version: Version) -> ServingNote:
        """The note after a champion was found: its files are kept by then, or it says why they cannot be used."""
        if self._is_kept(version):
            self._refused = None
            return replace(note, since=version.promoted_at.isoformat(), model_problem="")
        try:
            registry.check_made_champion(version)
        except CreditRiskError as exc:  # cheap to ask, so that a note made since is found at once
            return self._with_problem(note, version, exc)
        if self._is_refused(version):
            return note
        try:
            registry.fetch(version)
        except (CreditRiskError, OSError, ValueError, KeyError) as exc:
            self._refuse(version, exc)
            return self._with_problem(note, version, exc)
        self._refused = None
        return replace(
            note,
            model=version.model,
            version=version.version,
            sha256=version.sha256,
            since=version.promoted_at.isoformat(),
            model_problem="",
        )

    def _decided(self, registry: Registry) -> str | None:
        """The model to serve; where nobody decided, the one in hand is kept up to date."""
        before = self._note.dataset or None
        try:
            return serving_name(registry, self._settings.dataset) or before
        except DecisionLogError:  # it is away, as /ready says; what was decided when last asked holds
            return before

    def _is_kept(self, version: Version) -> bool:
        """Whether the note names this version, and its copy is what it was."""
        note = self._note
        if (note.model, note.version, note.sha256) != (version.model, version.version, version.sha256):
            return False
        folder = serving_folder(self._settings.home, version.model, version.version)
        try:
            check_intact(folder, name=version.model, version=version.version, sha256=version.sha256)
        except (ScorerError, OSError):
            return False
        return True

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

    def _with_problem(self, note: ServingNote, version: Version, exc: Exception) -> ServingNote:
        reason = str(exc) if isinstance(exc, CreditRiskError) else type(exc).__name__
        problem = f"Version {version.version} of {version.model} cannot be used: {reason}"
        if problem != note.model_problem:  # said once, not at each look
            log.error("version %s of %s cannot be used: %s", version.version, version.model, reason)
        return replace(note, model_problem=problem)


def _saved(settings: Settings) -> ServingNote:
    """What was noted before this start, as far as it is about the model to serve."""
    try:
        note = read_note(note_path(settings))
    except (CreditRiskError, OSError, ValueError, TypeError):  # whoever answers says so
        return ServingNote()
    if decided(settings.dataset, settings.decision_log) not in (None, note.model):
        return ServingNote()
    return replace(note, dataset=note.model, registry_problem="", model_problem="")


def _is_same(one: Version, other: Version) -> bool:
    """Whether two looks found the same version, unchanged: a promotion anew, or another fingerprint, is a change."""
    return (one.model, one.version, one.sha256, one.tags) == (other.model, other.version, other.sha256, other.tags)
