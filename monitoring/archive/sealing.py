"""How a report is kept, whatever the archive: its id, its seal, and how it is taken back without trust.

An archive keeps, under one id, the HTML page and the result with `id` and `html_sha256` added; the checksum is compared
on reading. Others can write to an archive too: a result that cannot be read is named, counted and passed over, and
hides no other.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import BinaryIO, cast

from creditrisk.errors import ArchiveError
from monitoring.archive.protocol import MAX_PAGE_BYTES, MAX_UNREADABLE, DamagedReportError, Reading, UnknownReportError
from monitoring.results import Result, UnreadableResultError, check, check_kept

_ID = re.compile(r"[\w.-]+/\d{8}T\d{6}Z-[0-9a-f]{8}")


class TooLongError(ValueError):
    """A page, or what an archive keeps of it, is longer than any that was made here."""


def without_credentials(uri: str) -> str:
    """A URI as it may be shown: scheme, host and path.

    Examples
    --------
    >>> without_credentials("mongodb://clerk:secret@db:27017/reports?authSource=admin")
    'mongodb://db:27017/reports'
    """
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rsplit('@', 1)[-1].split('?', 1)[0]}"


def report_id_of(html: bytes, result: Result) -> str:
    """`<model>/<time>-<checksum>`: sorts by time, and the same report always has the same one."""
    time = re.sub(r"[-:]|\.\d+|\+00:00|Z$", "", str(result["created_at"]))
    report_id = f"{model_folder(str(result['model']))}/{time}Z-{hashlib.sha256(html).hexdigest()[:8]}"
    return check_id(report_id)


def model_folder(model: str) -> str:
    """The folder, or the first part of the ids, of a model's reports."""
    return re.sub(r"[^\w.-]", "_", model)


def check_id(report_id: str) -> str:
    """Ids come from URLs too: nothing but our own form may become a path."""
    if not _ID.fullmatch(report_id) or report_id.startswith("."):
        raise ArchiveError(
            "that is not the id of a report. Expected an id such as 'german_credit/20240331T090000Z-1a2b3c4d'."
        )
    return report_id


def newest_first(names: Iterable[str]) -> list[str]:
    """The ids among the names, each once, by the time in them."""
    ids = {name for name in names if _ID.fullmatch(name)}
    return sorted(ids, key=lambda report_id: report_id.rpartition("/")[2], reverse=True)


def written_at(report_id: str) -> datetime | None:
    """The time in an id; None if it is none that a calendar has.

    Examples
    --------
    >>> written_at("german_credit/20240331T090000Z-1a2b3c4d").isoformat()
    '2024-03-31T09:00:00+00:00'
    """
    try:
        return datetime.strptime(report_id.rpartition("/")[2][:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def seal(html: bytes, result: Result) -> Result:
    """A result as it is kept: checked, with its id and the checksum of its page; ArchiveError if that is too long."""
    if len(html) > MAX_PAGE_BYTES:
        raise ArchiveError(
            f"a report of {len(html) / 1e6:.0f} MB is not kept: at most {MAX_PAGE_BYTES / 1e6:.0f} MB are."
        )
    return {**check(result), "id": report_id_of(html, result), "html_sha256": hashlib.sha256(html).hexdigest()}


def unseal(sealed: Result) -> Result:
    """A result as it was before it was kept."""
    return cast(Result, {key: value for key, value in sealed.items() if key not in ("id", "html_sha256")})


def read_until(kept: Iterable[tuple[str, Callable[[], object]]], name: str, model: str | None, limit: int) -> Reading:
    """Take results as an archive gives them until there are enough of one model, and note which cannot be read."""
    results: list[Result] = []
    unreadable: list[str] = []
    for report_id, fetch in kept:
        if len(results) >= limit or len(unreadable) >= MAX_UNREADABLE:
            break
        is_named = _ID.fullmatch(report_id) is not None
        try:
            if not is_named:
                raise UnreadableResultError("its name is none that a report has")
            result = check_kept(fetch(), report_id)
        except FileNotFoundError:
            continue  # delivered and removed since it was listed
        except (UnreadableResultError, OSError) as exc:
            why = exc if isinstance(exc, UnreadableResultError) else exc.strerror
            what = f"The result of report {report_id}" if is_named else "A result"
            unreadable.append(f"{what} in {name} cannot be read: {why}. It was passed over.")
            continue
        if model is None or result["model"] == model:
            results.append(result)
    return Reading(results, tuple(unreadable))


def page_of(report_id: str, name: str, fetch_result: Callable[[], object], fetch_page: Callable[[], bytes]) -> bytes:
    """The page of one report, taken back without trust, whatever the archive.

    Parameters
    ----------
    report_id
        Perhaps from a URL: nothing is fetched unless it has the form of an id.
    name
        The archive's, for the sentences.
    fetch_result, fetch_page
        Give what the archive keeps, unchecked; FileNotFoundError if it keeps none.

    Raises
    ------
    ArchiveError
        UnknownReportError if there is no such report, DamagedReportError if it was changed after it was written.
    """
    with _unreadable_as_error(report_id, name):
        sealed = check_kept(fetch_result(), report_id)
        return _intact(fetch_page(), sealed, name)


def result_of(report_id: str, name: str, fetch_result: Callable[[], object]) -> Result:
    """The result of one report, taken back without trust; arguments and errors as of `page_of`."""
    with _unreadable_as_error(report_id, name):
        return check_kept(fetch_result(), report_id)


@contextmanager
def _unreadable_as_error(report_id: str, name: str) -> Iterator[None]:
    """Fetch nothing that is no id, and turn whatever reading one report raises into the errors that `page_of` names."""
    check_id(report_id)
    try:
        yield
    except UnreadableResultError as exc:
        raise DamagedReportError(f"the result of report {report_id} in {name} cannot be read: {exc}.") from None
    except FileNotFoundError as exc:
        raise UnknownReportError(f"there is no report {report_id} in {name}.") from exc
    except PermissionError as exc:
        raise ArchiveError(f"report {report_id} in {name} cannot be read: {exc.strerror}.") from exc
    except TooLongError:
        raise DamagedReportError(
            f"report {report_id} in {name} was changed after it was written: it is longer than "
            f"{MAX_PAGE_BYTES / 1e6:.0f} MB, and was not read."
        ) from None
    except (OSError, EOFError, zlib.error) as exc:
        raise DamagedReportError(
            f"report {report_id} in {name} was changed after it was written: it cannot be read."
        ) from exc


def _intact(html: bytes, sealed: Result, name: str) -> bytes:
    """The page, if its checksum is the one that its result has; DamagedReportError otherwise."""
    if hashlib.sha256(html).hexdigest() != sealed["html_sha256"]:
        raise DamagedReportError(
            f"report {sealed['id']} in {name} was changed after it was written: its checksum differs."
        )
    return html


def unzipped(content: bytes) -> bytes:
    """Some servers unpack on the way; what does not start like gzip is the page itself."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        return read_page(file)


def read_page(file: BinaryIO | gzip.GzipFile) -> bytes:
    """What a file holds, and no more of it than a page may have: TooLongError if it is longer."""
    content = file.read(MAX_PAGE_BYTES + 1)
    if len(content) > MAX_PAGE_BYTES:
        raise TooLongError
    return content


def to_json(result: Result) -> bytes:
    """A result as strict JSON, for archives that keep it as a file."""
    return json.dumps(result, ensure_ascii=False, indent=1, allow_nan=False).encode()
