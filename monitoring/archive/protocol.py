"""What an archive of reports can do, and what its kind says of itself."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

from creditrisk.errors import ArchiveError
from monitoring.results import Result

# An archive that is away must not hold up a report, or a scrape, for long.
TIMEOUT_SECONDS = 3.0
# Where the last report ended is looked up in so many of the newest: their clocks may be wrong, their order with them.
RECENT = 100
# More than anybody keeps; for those who want all.
EVERY = 1_000_000
# A page with charts of two hundred fields takes a tenth of it; what others put there may unpack to gigabytes.
MAX_PAGE_BYTES = 64_000_000
# Of results that cannot be read, so many are looked at before the search ends.
MAX_UNREADABLE = 1_000


class ArchiveAwayError(ArchiveError):
    """An archive that does not answer, or not this program."""


class UnknownReportError(ArchiveError):
    """An archive that answers has no report of that id."""


class DamagedReportError(ArchiveError):
    """A result or a page is not what was kept under its id; the sentence says why and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Results that could be read, newest first, and a sentence for each that could not."""

    results: list[Result]
    unreadable: tuple[str, ...]


class Archive(Protocol):
    """One store of reports. `name` is its URI without credentials, fit to be shown."""

    name: str

    @abstractmethod
    def put(self, html: bytes, result: Result) -> str:
        """Keep a report and return its id; the same report again is the same id and changes nothing."""

    @abstractmethod
    def read(self, model: str | None, limit: int) -> Reading:
        """The newest results of one model (None: of any) by their time, and those in between that cannot be read."""

    @abstractmethod
    def html(self, report_id: str) -> bytes:
        """The page of one report; UnknownReportError if there is none, DamagedReportError if it was changed."""

    @abstractmethod
    def result(self, report_id: str) -> Result:
        """The result of one report; UnknownReportError if there is none, DamagedReportError if it cannot be read."""

    @abstractmethod
    def ids(self) -> list[str]:
        """The id of everything that is kept, also of damaged results and of pages without one; newest first."""

    @abstractmethod
    def remove(self, report_id: str) -> None:
        """Forget a report, its result before its page; what is not there is forgotten already."""

    def results(self, model: str | None, limit: int) -> list[Result]:
        """The newest results of one model (None: of any), newest first."""
        return self.read(model, limit).results

    def latest(self, model: str | None) -> Result | None:
        """The newest result of one model (None: of any), if there is one."""
        return next(iter(self.results(model, limit=1)), None)


class Kind(Protocol):
    """What the module of one kind of archive offers.

    `SCHEMES` are the URI schemes it takes, `ADDRESS` shows a person how to write one, and sentences name the kinds from
    the least `COMPLEXITY` on.
    """

    SCHEMES: tuple[str, ...]
    ADDRESS: str
    COMPLEXITY: int

    def open_archive(self, uri: str) -> Archive:
        """The archive at a URI of one of the schemes; nothing is contacted yet, and ArchiveError if it is no URI."""
