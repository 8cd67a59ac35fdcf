"""Archives that do not answer: how readers who come often are spared the wait, and one whose library is missing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from monitoring.archive.protocol import Archive, ArchiveAwayError, Reading
from monitoring.results import Result

# An archive that did not answer is asked again after so long; until then whoever asks is told at once.
AWAY_SECONDS = 20.0

Answer = TypeVar("Answer")


class PatientlyRead(Archive):
    """Another archive, to be read for pages: of many who come while it is away, one waits every `AWAY_SECONDS`.

    Writing goes through as it is: a report waits elsewhere, and is to be delivered as soon as that works again.
    """

    def __init__(self, archive: Archive) -> None:
        self.name = archive.name
        self._archive = archive
        self._lock = threading.Lock()
        self._away: ArchiveAwayError | None = None
        self._ask_at = 0.0

    def put(self, html: bytes, result: Result) -> str:
        """Keep a report."""
        return self._archive.put(html, result)

    def read(self, model: str | None, limit: int) -> Reading:
        """The newest results, newest first."""
        return self._ask(lambda: self._archive.read(model, limit))

    def html(self, report_id: str) -> bytes:
        """The page of one report."""
        return self._ask(lambda: self._archive.html(report_id))

    def result(self, report_id: str) -> Result:
        """The result of one report."""
        return self._ask(lambda: self._archive.result(report_id))

    def ids(self) -> list[str]:
        """The id of everything that is kept, newest first."""
        return self._ask(self._archive.ids)

    def remove(self, report_id: str) -> None:
        """Forget a report."""
        self._archive.remove(report_id)

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        with self._lock:
            if self._away is not None:
                if time.monotonic() < self._ask_at:
                    raise ArchiveAwayError(str(self._away))
                # Whoever comes while this one asks need not wait as well.
                self._ask_at = time.monotonic() + AWAY_SECONDS
        away = None
        try:
            return question()
        except ArchiveAwayError as exc:
            away = exc
            raise
        finally:
            with self._lock:
                self._away, self._ask_at = away, time.monotonic() + AWAY_SECONDS


class NotInstalled(Archive):
    """An archive that this program cannot reach, because a library is missing: away for it, and no reason to stop."""

    def __init__(self, name: str, library: str) -> None:
        self.name = name
        self._said = (
            f"the report archive {name} cannot be reached from here: '{library}' is not installed. Install "
            "risk-o-meter[archives], or leave this archive out of CREDITRISK_ARCHIVES."
        )

    def put(self, html: bytes, result: Result) -> str:
        """As of an archive that is away."""
        raise ArchiveAwayError(self._said)

    def read(self, model: str | None, limit: int) -> Reading:
        """As of an archive that is away."""
        raise ArchiveAwayError(self._said)

    def html(self, report_id: str) -> bytes:
        """As of an archive that is away."""
        raise ArchiveAwayError(self._said)

    def result(self, report_id: str) -> Result:
        """As of an archive that is away."""
        raise ArchiveAwayError(self._said)

    def ids(self) -> list[str]:
        """As of an archive that is away."""
        raise ArchiveAwayError(self._said)

    def remove(self, report_id: str) -> None:
        """As of an archive that is away."""
        raise ArchiveAwayError(self._said)
