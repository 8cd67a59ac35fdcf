"""Which of the files that were sent the caller of the request in hand may see, and do something with.

Where there are accounts, everybody has their own files, and analysts and approvers may open those of others: by the
random name alone, which stands in addresses and can be passed on, a file opens for nobody else.
"""

from __future__ import annotations

from webapp.access import the_caller
from webapp.context import AppContext
from webapp.upload_records import Record
from webapp.uploads import Upload


def of_caller(context: AppContext) -> list[Upload]:
    """The files that the caller sent; where there are no accounts, everybody's. The latest first."""
    return [upload for upload in sent_by_caller(context) if upload.details.filename and not upload.details.part_of]


def sent_by_caller(context: AppContext) -> list[Upload]:
    """The same with those that are not listed: whose cards were removed, and corrected rows on their way."""
    caller = the_caller()
    found = context.uploads.sent_by(None if caller.role == "local" else caller.name)
    return [upload for upload in found if upload.details.name]


def opened(context: AppContext, name: object) -> Upload | None:
    """The file of that name, as a browser gave it; None if there is none, or it is not for the caller."""
    upload = context.uploads.get(name) if isinstance(name, str) else None
    caller = the_caller()
    is_theirs = upload is not None and upload.details.actor == caller.name
    return upload if is_theirs or "analysis" in caller.permissions else None


def record_of(context: AppContext, name: object) -> Record | None:
    """What became of a file that is not kept any more; None if nothing is known of it, or it is not for the caller."""
    if not isinstance(name, str) or context.uploads.get(name) is not None:
        return None
    return context.uploads.record(name)
