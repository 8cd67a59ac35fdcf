"""What stands on the Status page, as the process that asks the services last found it: a small file under home.

`service_watch.py` writes it; the pages of every process read it, and ask no service themselves.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from creditrisk import strict
from creditrisk.errors import ScorerError
from creditrisk.home import write_whole
from webapp.service_links import ServiceLink

# The services are asked so often; when nobody asked for so long, what stands in the note is old.
LOOK_SECONDS = 10.0
OLD_SECONDS = 60.0

# "look": it answers, and somebody should look at it; "gone": it should answer and does not; "off": nobody started it;
# "unknown": it cannot be told, because what would tell is away.
State = Literal["answers", "look", "gone", "off", "unknown"]
NOTHING_SCORED = "Nothing is scored, because nothing could be written down."


@dataclass(frozen=True, slots=True)
class Service:
    """One line of the page: how a service is, since when as a Unix time, what follows from that, and what to do."""

    key: str
    title: str
    state: State
    since: float
    said: str
    follows: str = ""
    to_do: str = ""


@dataclass(frozen=True, slots=True)
class ServiceNote:
    """How all services were at `asked_at`, a Unix time; 0 if nobody asked yet.

    `report_says` is "watch" or "act" if the last report says so; `links` lead to the services' own pages.
    """

    asked_at: float = 0.0
    services: tuple[Service, ...] = ()
    report_says: str = ""
    links: tuple[ServiceLink, ...] = ()

    @property
    def gone(self) -> list[Service]:
        """The services that should answer and do not."""
        return [service for service in self.services if service.state == "gone"]


def service_note_path(home: Path) -> Path:
    """Where the note lies."""
    return home / "serving" / "services.json"


def write_services(home: Path, note: ServiceNote) -> None:
    """Replace the note in one step."""
    write_whole(service_note_path(home), json.dumps(asdict(note)))


def read_services(home: Path) -> ServiceNote:
    """The note; an empty one if there is none, or what lies there is something else."""
    try:
        item = strict.read_json(service_note_path(home).read_text(encoding="utf-8"), "the note of services")
        said = strict.fields(item, "the note of services", [field.name for field in fields(ServiceNote)])
        services = tuple(_service(service) for service in said["services"])
        links = tuple(_link(link) for link in said["links"])
        return ServiceNote(float(said["asked_at"]), services, str(said["report_says"]), links)
    except (OSError, ValueError, TypeError, ScorerError):
        return ServiceNote()


def archive_key(number: int) -> str:
    """The key of an archive, by its place in the setting, from 1."""
    return f"archive {number}"


def gone_archives(home: Path) -> set[int]:
    """The places, from 1, of the archives that did not answer a moment ago; a note that is old says nothing."""
    note = read_services(home)
    if time.time() - note.asked_at > OLD_SECONDS:
        return set()
    gone = {service.key for service in note.gone}
    return {number for number in range(1, len(note.services) + 1) if archive_key(number) in gone}


def _link(item: Any) -> ServiceLink:
    said = strict.fields(item, "a link", [field.name for field in fields(ServiceLink)])
    return ServiceLink(**{name: strict.text(value, name) for name, value in said.items()})


def _service(item: Any) -> Service:
    said = strict.fields(item, "a service", [field.name for field in fields(Service)])
    if said["state"] not in get_args(State):
        raise ScorerError("a service is in no known state")
    since = float(said.pop("since"))
    return Service(**{name: str(value) for name, value in said.items()}, since=since)  # type: ignore[arg-type]  # checked above
