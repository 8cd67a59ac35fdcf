"""What became of clients that the serving version decided about, beside what it had predicted: from the reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from creditrisk.errors import ArchiveError
from creditrisk.metrics import Estimate
from creditrisk.scoring import Scorer
from creditrisk.settings import Settings
from monitoring.archive import archives_to_read, pending_folder, read_all
from webapp.service_note import gone_archives

# Reports are made every three hours; outcomes come more seldom.
REPORTS_LOOKED_AT = 10


@dataclass(frozen=True, slots=True)
class Realised:
    """How many went bad for each that was predicted to, with its 95 % interval, among clients of known outcome.

    They were decided about from `first_month` to `last_month` (such as 2026-03), as the report of `at` says.
    """

    ratio: Estimate
    n_rows: int
    first_month: str
    last_month: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TooFew:
    """Too few outcomes are known, or too young: `n_known` of clients with an offer, as the newest report has it."""

    n_known: int = 0


def realised(settings: Settings, scorer: Scorer) -> Realised | TooFew:
    """What the newest report that concludes something from outcomes of this version says.

    An archive that the Status page says is gone is not waited for.
    """
    away = gone_archives(settings.home)
    try:
        archives = archives_to_read(
            [uri for number, uri in enumerate(settings.archive_uris, start=1) if number not in away]
        )
        kept = read_all(archives, scorer.name, pending=pending_folder(settings.home), limit=REPORTS_LOOKED_AT)
    except ArchiveError:
        return TooFew()
    reports = [
        (result, performance)
        for result in kept.results
        if (performance := result.get("performance")) and result["model_version"] == scorer.version
    ]
    for result, performance in reports:
        found = performance["realised"]
        if found is not None and (ratio := found["observed_to_expected"]) is not None:
            return Realised(
                Estimate(ratio["value"], ratio["low"], ratio["high"]),
                found["n_rows"],
                found["first_month"],
                found["last_month"],
                datetime.fromisoformat(result["created_at"]),
            )
    return TooFew(sum(vintage["n_known"] for vintage in reports[0][1]["vintages"]) if reports else 0)
