"""Telling people, from the flows and the command line: failed runs, promotions, and what a report found.

To the addresses of CREDITRISK_NOTIFY, by apprise: mail, chat, webhook and a hundred more. Prefect's notification block
is a thin shell around the same library, and is not used: it puts apprise's log, with parts of the address in it, into
the error that a run shows; of an address that it cannot read it says nothing; and on the command line, where promotions
are made, Prefect would have to be imported first. Addresses hold passwords: nothing of them is printed, kept or raised.

Nothing here fails what it is called from: what cannot be sent is a warning, and tried again with the next notice.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeAlias

from creditrisk.errors import CreditRiskError
from creditrisk.home import one_at_a_time, write_whole
from creditrisk.settings import Settings, read_settings
from creditrisk.text import sentence
from monitoring import archive, telling
from monitoring.alarms import Alarm, alarms_of, scope_of_report, unjudged
from monitoring.archive import Stored
from monitoring.results import Result
from monitoring.telling import Ledger, Message

if TYPE_CHECKING:
    from apprise import NotifyBase
    from prefect import Flow
    from prefect.client.schemas.objects import FlowRun, State

# Somebody else may be waiting for receivers that do not answer.
PATIENCE_SECONDS = 120.0
# A receiver that answers byte by byte would otherwise hold a run for ever.
SEND_SECONDS = 30.0
BUSY = CreditRiskError("other notices are being sent for too long; what was to be told now is not")
# A run's own, or that of the command line.
Log: TypeAlias = "logging.Logger | logging.LoggerAdapter[Any]"


def tell_of_report(result: Result, stored: Stored, settings: Settings, log: Log) -> None:
    """Tell what a report found, what has ended since the one before, and which archive is away.

    Reports whose run was killed before it came to that are made up for.
    """
    scope = scope_of_report(result["model"])

    def noted(ledger: Ledger, addresses: list[str], now: datetime) -> Ledger:
        archives = archive.open_archives(settings.archive_uris)
        kept = archive.read_all(archives, result["model"], pending=archive.pending_folder(settings.home)).results
        earlier = [other for other in kept if other["id"] != stored.id]
        ids = [other["id"] for other in earlier]
        n_missed = ids.index(ledger.reports[scope]) if ledger.reports.get(scope) in ids else 0
        present: Result = {**result, "id": stored.id}
        made = [present, *earlier]
        for number in range(n_missed, -1, -1):
            alarms = alarms_of(
                made[number],
                reports_address=settings.reports_address,
                earlier=made[number + 1 :],
                archives_away=[opened.name for opened in archives if opened.name not in stored.kept_in],
            )
            unknown = unjudged(made[number])
            ledger = telling.note(ledger, scope, alarms, addresses=addresses, now=now, unjudged=unknown)
        return replace(ledger, reports=ledger.reports | {scope: stored.id})

    _tell(settings, noted, log)


def tell_of_run(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Tell that a run failed, or that it works again; a hook of each of our flows."""
    from prefect.logging.loggers import flow_run_logger

    key = f"run/{flow.name}/"

    def noted(ledger: Ledger, addresses: list[str], now: datetime) -> Ledger:
        alarms = [] if state.is_completed() else [_failure(key, flow.name, flow_run.name, state)]
        return telling.note(ledger, key, alarms, addresses=addresses, now=now)

    with suppress(CreditRiskError):  # settings that cannot be read are why it failed
        _tell(read_settings(), noted, flow_run_logger(flow_run, flow))


def tell_of_promotion(model: str, version: str, settings: Settings, log: Log) -> None:
    """Tell that a version became champion; who decided that, and why, stays with the version."""
    now = datetime.now(UTC)
    event = Alarm(
        key=f"promotion/{model}/{version}/{now.isoformat()}",
        severity="note",
        what=f"{model} version {version} is champion now",
        since=now,
        how_bad="Who decided it, why and on what evidence is kept with the version.",
        action="Nothing, if it was meant; `make rollback` goes back to the version before.",
        runbook="docs/promotion.md",
    )
    _tell(settings, lambda ledger, addresses, now: telling.announce(ledger, event, addresses=addresses, now=now), log)


def _failure(key: str, flow: str, run: str, state: State[Any]) -> Alarm:
    """What is told of a failed run: of errors that were made for people the sentence, of others the kind only."""
    error = None if state.is_crashed() else state.result(raise_on_failure=False)
    if isinstance(error, CreditRiskError):
        how_bad = sentence(str(error))
    elif isinstance(error, Exception):
        how_bad = f"It ended with {type(error).__name__}."
    else:
        how_bad = "Its process ended before it was done."
    return Alarm(
        key=key,
        severity="ticket",
        what=f"A run of {flow} failed",
        since=datetime.now(UTC),
        how_bad=how_bad,
        action=f"Look at the log of the run {run} in Prefect's pages, then run it again; it goes on where it ended.",
        runbook="docs/alerts.md#failed-runs",
    )


def _tell(settings: Settings, noted: Callable[[Ledger, list[str], datetime], Ledger], log: Log) -> None:
    """Note what is to be told, keep that, and send all that waits."""
    if not settings.notify:
        return
    try:
        receivers = _receivers(settings, log)
        with one_at_a_time(settings.home / "notices.lock", otherwise=BUSY, patience_seconds=PATIENCE_SECONDS):
            book = settings.home / "notices.json"
            ledger = noted(_read(book, log), list(receivers), datetime.now(UTC))
            write_whole(book, telling.to_json(ledger), survives_power_cut=True)
            for number, (address, receiver) in enumerate(receivers.items(), start=1):
                waiting = list(ledger.waiting.get(address, {}).values())
                if waiting and _send_in_time(receiver, waiting):
                    ledger = telling.sent(ledger, address)
                    write_whole(book, telling.to_json(ledger), survives_power_cut=True)
                elif waiting:
                    log.warning(
                        "What was to be told could not be sent to address %s of CREDITRISK_NOTIFY (%s). It is kept, "
                        "and tried again with the next notice.",
                        number,
                        type(receiver).__name__,
                    )
    except CreditRiskError as exc:
        log.warning("Nobody was told: %s", exc)
    except Exception as exc:
        # Whatever a receiver's library raises: its words may hold the address.
        log.warning("Nobody was told: %s.", type(exc).__name__)


def _receivers(settings: Settings, log: Log) -> dict[str, NotifyBase]:
    """Whom to tell, by what stands for their address in the ledger."""
    from apprise import Apprise, AppriseAsset, NotifyFormat

    # It writes addresses into its log.
    logging.getLogger("apprise").disabled = True
    known = Apprise(asset=AppriseAsset(app_id="Risk-O-Meter", app_desc="Risk-O-Meter", app_url=""))
    if not known.add(settings.notify):
        log.warning(
            "CREDITRISK_NOTIFY holds an address that cannot be read, so nobody is told there. Expected such as "
            "mailto://... or slack://..., several by commas; see docs/alerts.md."
        )
    by_address = {hashlib.sha256(_address(receiver)).hexdigest()[:16]: receiver for receiver in known}
    for receiver in by_address.values():
        if receiver.notify_format == NotifyFormat.HTML:
            # Made of plain text, apprise's HTML has no blank at which a line could break.
            receiver.notify_format = NotifyFormat.TEXT
    return by_address


def _address(receiver: NotifyBase) -> bytes:
    address: str = receiver.url()  # type: ignore[no-untyped-call]  # as much of apprise
    return address.encode()


def _send_in_time(receiver: NotifyBase, messages: list[Message]) -> bool:
    """Whether the messages were sent before long; what is taken after that is told twice at worst."""
    outcomes: list[bool] = []
    sending = Thread(target=lambda: outcomes.append(_send(receiver, messages)), name="notice", daemon=True)
    sending.start()
    sending.join(SEND_SECONDS)
    return outcomes == [True]


def _send(receiver: NotifyBase, messages: list[Message]) -> bool:
    from apprise import Apprise, NotifyFormat, NotifyType

    worst = {message.alarm.severity for message in messages if message.kind != "over"}
    kind = NotifyType.FAILURE if "page" in worst else NotifyType.WARNING if "ticket" in worst else NotifyType.INFO
    try:
        return bool(
            Apprise(receiver).notify(
                title=telling.title(messages),
                body=telling.body(messages),
                notify_type=kind,
                body_format=NotifyFormat.TEXT,
            )
        )
    except Exception:  # of any receiver's library; the others are told all the same
        return False


def _read(book: Path, log: Log) -> Ledger:
    try:
        return telling.from_json(book.read_bytes())
    except FileNotFoundError:
        return Ledger()
    except ValueError:
        log.warning("%s cannot be read and is begun anew: alarms may be told twice.", book)
        return Ledger()
