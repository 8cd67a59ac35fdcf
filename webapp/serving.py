"""The model that answers in this process: loaded from the copy on disk, swapped without dropping a request.

At the start the copy is loaded, so that the app scores while the registry is away. A thread then looks four times a
second whether the process which asks the registry (champion_poller.py) wrote its note anew: another copy, proved by
then, is loaded to the side and takes over by replacing one reference. Whatever fails leaves the old one in place and is
said in /ready and in the page's header.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from creditrisk.errors import CreditRiskError
from creditrisk.quality import check
from creditrisk.registry import decided, serving_folder
from creditrisk.scoring import Scorer, check_intact, load, proving, sample_record
from creditrisk.settings import Settings
from creditrisk.sources import from_records
from webapp.serving_note import ServingNote, note_path, read_note

LOOK_SECONDS = 0.25
NOT_ASKED = "the registry has not been asked yet"

log = logging.getLogger("webapp.serving")


@dataclass(frozen=True)
class ServingState:
    """Which model answers now, since when, and what is away; replaced as a whole, never changed."""

    scorer: Scorer | None = None
    since: datetime | None = None
    registry_problem: str = NOT_ASKED
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
        if self.is_registry_up or self.registry_problem == NOT_ASKED:
            return self.model_problem
        if self.scorer is None:
            return "Registry away and no saved model: nothing can be scored."
        return "Registry away: scoring goes on with the saved model; a new champion is not noticed."


class ServedModel:
    """Keeps the state of what is served up to date.

    `state` may be read from any thread at any time. `start` begins the thread that looks at the note; tests call `look`
    instead.

    Parameters
    ----------
    started
        When the app was started, as a Unix time: what the registry said before is not news any more.
    """

    def __init__(self, settings: Settings, started: float | None = None) -> None:
        self.state = ServingState()
        self.settings = settings
        self._started = time.time() if started is None else started
        self._seen: ServingNote | None = None
        self._looking = threading.Lock()

    def start(self) -> None:
        """Load the saved model now, and whichever is saved later."""
        self.look()
        threading.Thread(target=self._keep_looking, name="champion", daemon=True).start()

    def version(self, name: str, version: str, sha256: str) -> Scorer:
        """The scorer that answers, if it is this one, else one that was saved before.

        Raises
        ------
        OSError, ScorerError
            If it is not kept any more, or not what it was.
        """
        scorer = self.state.scorer
        if scorer is not None and (scorer.name, scorer.version, scorer.sha256) == (name, version, sha256):
            return scorer
        return _load(self.settings, name, version, sha256)

    def look(self) -> None:
        """Take over what the note says, if it says anything else than when last looked at."""
        with self._looking:
            self._look()

    def _look(self) -> None:
        try:
            note = read_note(note_path(self.settings))
            if note == self._seen:
                return
            self._seen = note
            if note.asked_at >= self._started:
                self._set_found(note)
            if note.version and not self._serves(note) and self._is_wanted(note):
                self._take(note)
        except (CreditRiskError, OSError, ValueError, TypeError) as exc:
            reason = str(exc) if isinstance(exc, CreditRiskError) else type(exc).__name__
            log.error("the saved model cannot be used: %s", reason)
            self._set_problem(f"The saved model cannot be used: {reason}")

    def _set_found(self, note: ServingNote) -> None:
        self.state = replace(
            self.state, registry_problem=note.registry_problem, dataset=note.dataset or self.state.dataset
        )
        if self._serves(note):
            self.state = replace(self.state, since=_moment(note))
        self._set_problem(note.model_problem)

    def _set_problem(self, problem: str) -> None:
        kept = "The model before it goes on scoring." if self.state.scorer else "Nothing can be scored."
        self.state = replace(self.state, model_problem=f"{problem} {kept}" if problem else "")

    def _is_wanted(self, note: ServingNote) -> bool:
        """Whether the copy is of the model to serve; since it was noted, that may have been decided otherwise."""
        if note.asked_at >= self._started:
            return True
        dataset = decided(self.settings.dataset, self.settings.decision_log)
        return dataset in (None, note.model)

    def _serves(self, note: ServingNote) -> bool:
        scorer = self.state.scorer
        return scorer is not None and (scorer.name, scorer.version, scorer.sha256) == (
            note.model,
            note.version,
            note.sha256,
        )

    def _take(self, note: ServingNote) -> None:
        scorer = _load(self.settings, note.model, note.version, note.sha256)
        warm_up(scorer)
        self.state = replace(
            self.state, scorer=scorer, since=_moment(note), dataset=self.state.dataset or note.model, model_problem=""
        )
        self._set_problem(note.model_problem if note.asked_at >= self._started else "")
        log.info("serving %s version %s", scorer.name, scorer.version)

    def _keep_looking(self) -> None:
        pause, seen = threading.Event(), None
        while True:
            pause.wait(LOOK_SECONDS)
            written = _when_written(note_path(self.settings))
            if written is not None and written == seen:
                continue
            seen = written
            try:
                self.look()
            except Exception as exc:  # the thread must outlive whatever a model's files can throw
                log.error("taking over a champion failed: %s", type(exc).__name__)


def _when_written(note: Path) -> tuple[int, int] | None:
    """What tells one writing of the note from the next, far cheaper than reading it; None if that cannot be seen."""
    try:
        found = note.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _load(settings: Settings, name: str, version: str, sha256: str) -> Scorer:
    folder = serving_folder(settings.home, name, version)
    check_intact(folder, name=name, version=version, sha256=sha256)
    # Not once more if these libraries did: it would take three seconds at each start.
    proving.prove_once(settings.home, folder, sha256)
    return load(folder, name=name, version=version, sha256=sha256)


def _moment(note: ServingNote) -> datetime:
    return datetime.fromisoformat(note.since)


def warm_up(scorer: Scorer) -> None:
    """Score one made-up application, so that the first client does not wait for what is made at a first use."""
    checked = check(from_records([sample_record(scorer.schema)]), scorer.schema)
    scorer.score(checked.accepted)
