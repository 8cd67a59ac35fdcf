"""What the decision log holds about one person: to be handed out (Art. 15 GDPR), and to be erased (Art. 17)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from flask import Blueprint, Response, request

from creditrisk.decision_log import Actor, Event, erase, events_about
from creditrisk.scoring import MAX_WORDS
from creditrisk.text import counted, moment_words
from webapp import policy_changes, upload_files
from webapp.access import Caller
from webapp.context import AppContext
from webapp.errors import BadRequestError, NothingAboutError
from webapp.openapi import JsonObject
from webapp.uploads import Upload

ROUTE = "/history/person.json"
# Longer than any client's number.
MOST_CHARACTERS = 1_000
_ABOUT = (
    "Everything that the decision log of the Risk-O-Meter holds about this application, oldest first. Times are in "
    "UTC; prob_default is the estimated probability of default, from 0 to 1; who acted is given by role only."
)


def make_blueprint(context: AppContext) -> Blueprint:
    """The route that hands one person's data out; the id comes in the body and stands in no address."""
    blueprint = Blueprint("personal_data", __name__)

    @blueprint.post(ROUTE)
    def person() -> Response:
        application_id = request.form.get("application_id", "")
        if not application_id or len(application_id) > MOST_CHARACTERS or len(request.form) > 1:
            raise BadRequestError("Expected a form with application_id, and nothing beside it.")
        found = handed_out(application_id, events_about(context.log, application_id))
        text = json.dumps(found, ensure_ascii=False, indent=2)
        response = Response(f"{text}\n", mimetype="application/json")
        response.headers.set("Content-Disposition", "attachment", filename="what-the-decision-log-holds.json")
        return response

    return blueprint


def handed_out(application_id: str, events: list[Event]) -> JsonObject:
    """The entries about an application as the person they are about gets them.

    Raises
    ------
    NothingAboutError
        If there are none.
    """
    if not events:
        raise NothingAboutError
    return {
        "about": _ABOUT,
        "application_id": application_id,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "entries": [_entry(event) for event in events],
    }


def _entry(event: Event) -> JsonObject:
    said: JsonObject = {
        "entry": event.seq,
        "at": event.at.isoformat(),
        "kind": event.kind,
        "by_role": event.by.role,
        "automatic": event.by.is_automatic,
        "model": event.model,
        "model_version": event.model_version,
        "policy": event.policy_version,
        "prob_default": event.prob_default,
        "verdict": event.verdict,
        "refers_to": event.refers_to,
        "hash": event.hash,
    }
    if event.erased_on is not None:
        said["erased_on"] = event.erased_on.isoformat()
    if event.decision is not None:
        names = ("channel", "score_points", "confidence", "reasons", "problems", "inputs")
        said |= {name: getattr(event.decision, name) for name in names}
    if event.asked is not None:
        said |= {"field": event.asked[0], "tried": event.asked[1]}
    if event.outcome is not None:
        said |= {"default": event.outcome.is_default, "observed_on": event.outcome.observed_on.isoformat()}
    if event.fact is not None:
        said |= {"what": event.fact.kind, "value": event.fact.value, "why": event.fact.why}
    if event.told:
        said["told"] = json.loads(event.told)
    return {name: value for name, value in said.items() if value not in (None, "")}


def erase_person(context: AppContext, caller: Caller, application_id: str, why: str) -> str:
    """Erase the contents of everything about an application; what was done, in a sentence or two.

    Raises
    ------
    ForbiddenError
        If the caller may not.
    BadRequestError
        If there is no reason, or it names the application: it stands in the log for ever. If a file that is still being
        scored would bring the application back.
    DecisionLogError
        If there is nothing to erase, a legal hold forbids it, or the log is away.
    """
    policy_changes.check_may_change(caller)
    why = policy_changes.reason(why)
    if not why or len(why) > MAX_WORDS:
        raise BadRequestError(f"Nothing was erased: say why, in up to {MAX_WORDS:,} characters.")
    if _names(why, application_id):
        raise BadRequestError(
            "Nothing was erased: the reason names the client, and it stays for ever. Write it without."
        )
    files = _files_about(context, application_id)
    if not all(upload.is_over for upload in files):
        raise BadRequestError(
            "Nothing was erased: this client stands in a file that is still being scored, and would be decided about "
            "anew. Stop the file on Score clients or wait for its end, and try again."
        )
    if any(_would_go_on_with(context, upload, application_id) for upload in files):
        raise BadRequestError(
            "Nothing was erased: this client stands in a file that was stopped and may go on, and would be decided "
            "about then. Remove the file on Score clients, and try again."
        )
    done = erase(context.log, application_id, why=why, by=Actor(caller.name, caller.role, is_automatic=False))
    entries = counted(done.n_erased, "entry was", "entries were")
    said = [f"Erased: the contents of {entries} removed, and the log is still whole."]
    if files:
        gone_at = datetime.fromtimestamp(max(context.uploads.gone_at(upload) for upload in files), UTC)
        shown = counted(len(files), "scored file shows", "scored files show")
        said.append(f"{shown} the client on Score clients until {moment_words(gone_at)}.")
    return " ".join([*said, done.remains]).strip()


def _files_about(context: AppContext, application_id: str) -> list[Upload]:
    """The files on Score clients in which a client stands, as the model that serves numbers them."""
    scorer = context.champion.state.scorer
    if scorer is None:
        return []
    files = context.uploads.sent_by(None)
    return [upload for upload in files if upload_files.is_about(upload.folder, scorer.schema, application_id)]


def _would_go_on_with(context: AppContext, upload: Upload, application_id: str) -> bool:
    """Whether a stopped file has a client among the rows that were not scored."""
    first_left, schema = upload.record.n_done + 1, context.scorer().schema
    return upload.can_go_on and upload_files.is_about(upload.folder, schema, application_id, from_row=first_left)


def _names(why: str, application_id: str) -> bool:
    """Whether a reason names an application; a short number may stand inside of a word by chance.

    Examples
    --------
    >>> _names("C-4711, as asked", "c-4711"), _names("A7: as asked", "A7"), _names("by letter of 17 May", "7")
    (True, True, False)
    """
    why, sought = why.casefold(), " ".join(application_id.casefold().split())
    return bool(sought) and (sought in why if len(sought) > 3 else sought in re.findall(r"[\w-]+|\S+", why))
