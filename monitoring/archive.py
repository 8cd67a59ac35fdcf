"""Where reports are kept: a local folder, MongoDB or Google Cloud Storage, behind one small protocol.

Written by flows/evidently_report.py through `store`, which writes to every archive and keeps a report that one of them
could not take, until it can. Read by exporter.py, by windows.py (where the last report ended) and by the web app.

Every archive keeps, under one id, the HTML page and the result (see results.py) with `id` and `html_sha256` added; the
checksum is compared on reading. Writing the same report twice is harmless. Others can write to an archive too: a result
that cannot be read is named, counted and passed over, and hides no other.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import os
import re
import time
import weakref
import zlib
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from creditrisk.errors import ArchiveError
from monitoring.results import (
    MAX_RESULT_BYTES,
    Result,
    UnreadableResultError,
    by_sequence,
    check,
    check_kept,
    from_json,
)

# An archive that is away must not hold up a report, or a scrape, for long.
TIMEOUT_SECONDS = 3.0

# Where the last report ended is looked up in so many of the newest: their clocks may be wrong, their order with them.
RECENT = 100
# More than anybody keeps; for those who want all.
EVERY = 1_000_000
# Of results that cannot be read, so many are looked at before the search ends.
MAX_UNREADABLE = 1_000
# A file half written is finished within seconds, or its writer is dead.
HALF_WRITTEN_SECONDS = 3_600

_ID = re.compile(r"[\w.-]+/\d{8}T\d{6}Z-[0-9a-f]{8}")
_HALF_WRITTEN = re.compile(r"\.\d{8}T\d{6}Z-[0-9a-f]{8}\.(html|json)\.(?P<pid>[1-9]\d{0,8})")


@dataclass(frozen=True, slots=True)
class Reading:
    """Results that could be read, newest first, and a sentence for each that could not."""

    results: list[Result]
    unreadable: tuple[str, ...]


class Archive(Protocol):
    """One place that keeps reports. `name` is its URI without credentials, fit to be shown."""

    name: str

    @abstractmethod
    def put(self, html: bytes, result: Result) -> str:
        """Keep a report and return its id; the same report again is the same id and changes nothing."""

    @abstractmethod
    def read(self, model: str | None, limit: int) -> Reading:
        """The newest results of one model (None: of any) by their time, and those in between that cannot be read."""

    @abstractmethod
    def html(self, report_id: str) -> bytes:
        """The page of one report; ArchiveError if there is none or if it was changed after it was written."""

    def results(self, model: str | None, limit: int) -> list[Result]:
        """The newest results of one model (None: of any), newest first."""
        return self.read(model, limit).results

    def latest(self, model: str | None) -> Result | None:
        """The newest result of one model (None: of any), if there is one."""
        return next(iter(self.results(model, limit=1)), None)


def open_archives(uris: Sequence[str]) -> list[Archive]:
    """One archive per URI: `file://FOLDER`, `mongodb://HOST/DATABASE` or `gs://BUCKET[/PREFIX]`.

    Raises
    ------
    ArchiveError
        If a URI names none of the three. Nothing is contacted yet: an archive may be away.
    """
    kinds = {
        "file": _open_folder,
        "mongodb": MongoArchive,
        "mongodb+srv": MongoArchive,
        "gs": CloudStorageArchive,
    }
    archives: list[Archive] = []
    for uri in uris:
        scheme = uri.split("://", 1)[0]
        if scheme not in kinds:
            raise ArchiveError(
                f"'{without_credentials(uri)}' is not a report archive. Expected file://FOLDER, "
                "mongodb://HOST/DATABASE or gs://BUCKET; see the setting CREDITRISK_ARCHIVES."
            )
        archives.append(kinds[scheme](uri))
    return archives


# --- writing to several at once ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one report: its id, the archives that hold it, and a sentence for each that does not yet."""

    id: str
    kept_in: tuple[str, ...]
    problems: tuple[str, ...]


def pending_folder(home: Path) -> Path:
    """Where reports wait for an archive that is away, one subfolder per archive."""
    return home / "reports-pending"


def store(archives: Sequence[Archive], html: bytes, result: Result, *, pending: Path) -> Stored:
    """Write a report to every archive, after whatever an archive missed while it was away.

    Parameters
    ----------
    pending
        See `pending_folder`.
    """
    report_id, kept_in, problems = _report_id(html, result), [], []
    for archive in archives:
        waiting = _waiting(pending, archive)
        waiting.clear_half_written()
        try:
            problems += _deliver(waiting, archive)
            archive.put(html, result)
            kept_in.append(archive.name)
        except ArchiveError as exc:
            waiting.put(html, result)
            problems.append(f"{exc} The report is kept in {waiting.folder} and goes there with the next one.")
    return Stored(report_id, tuple(kept_in), tuple(problems))


def _deliver(waiting: LocalArchive, archive: Archive) -> list[str]:
    """Bring an archive what it missed, oldest first; a sentence for each report that was damaged while it waited."""
    damaged = []
    for old in reversed(waiting.results(None, limit=EVERY)):
        try:
            html = waiting.html(old["id"])
        except ArchiveError as exc:
            damaged.append(str(exc))
            continue
        archive.put(html, _unsealed(old))
        waiting.remove(old["id"])
    return damaged


@dataclass(frozen=True, slots=True)
class Kept:
    """What all archives and their waiting rooms hold: results, the last first in the order of the decision log.

    `unreadable` has the name of every archive that answered, with a sentence for each result that cannot be read;
    `away` has a sentence for each archive that did not answer.
    """

    results: list[Result]
    unreadable: dict[str, tuple[str, ...]]
    away: tuple[str, ...]

    @property
    def problems(self) -> list[str]:
        """Everything a person should know of what could not be read."""
        return [*self.away, *(sentence for sentences in self.unreadable.values() for sentence in sentences)]


def read_all(archives: Sequence[Archive], model: str | None, *, pending: Path, limit: int = RECENT) -> Kept:
    """What can be read of the newest results; an archive that is away costs its own and no others.

    Parameters
    ----------
    limit
        How many of each archive.
    """
    found: dict[tuple[Any, ...], Result] = {}
    unreadable, away = {}, []
    for archive in archives:
        readings = [_waiting(pending, archive).read(model, limit)]
        try:
            readings.append(archive.read(model, limit))
        except ArchiveError as exc:
            away.append(str(exc))
        else:
            unreadable[archive.name] = tuple(sentence for reading in readings for sentence in reading.unreadable)
        # The same report in two archives is one, unless one of the two was changed.
        found |= {
            (result["id"], *by_sequence(result), result["log_head"]["hash"]): result
            for reading in readings
            for result in reading.results
        }
    return Kept(sorted(found.values(), key=by_sequence, reverse=True), unreadable, tuple(away))


def read_recent(archives: Sequence[Archive], model: str | None, *, pending: Path) -> Kept:
    """What can be read of the newest results of a model.

    Raises
    ------
    ArchiveError
        If no archive answers and nothing waits: then nobody knows whether there was a report.
    """
    kept = read_all(archives, model, pending=pending)
    if len(kept.away) == len(archives) and not kept.results:
        raise ArchiveError(kept.away[0])
    return kept


def last_result(archives: Sequence[Archive], model: str | None, *, pending: Path) -> Result | None:
    """The result that ended last in the decision log, in any archive or in the waiting room of one that is away.

    Raises
    ------
    ArchiveError
        If no archive answers and nothing waits.
    """
    return next(iter(read_recent(archives, model, pending=pending).results), None)


def n_waiting(archives: Sequence[Archive], *, pending: Path) -> int:
    """Reports that still have to be delivered to an archive that was away."""
    return sum(len(_waiting(pending, archive).results(None, limit=EVERY)) for archive in archives)


def _waiting(pending: Path, archive: Archive) -> LocalArchive:
    return LocalArchive(pending / hashlib.sha256(archive.name.encode()).hexdigest()[:12])


# --- local folder -----------------------------------------------------------------------------------------------------


class LocalArchive(Archive):
    """`FOLDER/<model>/<time>-<checksum>.html` beside `.json`; the JSON is written last and completes the report."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"file://{folder}"

    def put(self, html: bytes, result: Result) -> str:
        """Keep a report; each file appears whole or not at all."""
        sealed = _sealed(html, result)
        self.clear_half_written()
        try:
            _write_whole(self._path(sealed["id"], ".html"), html)
            _write_whole(self._path(sealed["id"], ".json"), _to_json(sealed))
        except OSError as exc:
            raise ArchiveError(f"cannot write a report to {self.folder}: {exc.strerror}.") from exc
        return str(sealed["id"])

    def read(self, model: str | None, limit: int) -> Reading:
        """The newest results, newest first."""
        try:
            # An empty answer would be taken for an archive without reports.
            os.scandir(self.folder).close()
        except FileNotFoundError:
            return Reading([], ())
        except OSError as exc:
            raise ArchiveError(f"the report archive {self.name} cannot be read: {exc.strerror}.") from exc
        found = self.folder.glob(f"{_model_folder(model) if model else '*'}/*.json")
        paths = sorted(found, key=lambda path: path.name, reverse=True)
        kept = ((f"{path.parent.name}/{path.stem}", functools.partial(_file_json, path)) for path in paths)
        return _readable(kept, self.name, model, limit)

    def html(self, report_id: str) -> bytes:
        """The page of one report."""
        _check_id(report_id)
        try:
            with _unreadable_is_said(report_id, self.name):
                sealed = check_kept(_file_json(self._path(report_id, ".json")), report_id)
                return _intact(self._path(report_id, ".html").read_bytes(), sealed, self.name)
        except FileNotFoundError as exc:
            raise _no_report(report_id, self.name) from exc

    def clear_half_written(self) -> None:
        """Remove what reports that were killed while they wrote have left."""
        for path in self.folder.glob("*/.*"):
            half = _HALF_WRITTEN.fullmatch(path.name)
            with suppress(OSError):
                if half and (
                    not _is_running(int(half["pid"])) or path.stat().st_mtime < time.time() - HALF_WRITTEN_SECONDS
                ):
                    path.unlink()

    def remove(self, report_id: str) -> None:
        """Forget a report; used for those that waited and were delivered."""
        self._path(report_id, ".json").unlink(missing_ok=True)
        self._path(report_id, ".html").unlink(missing_ok=True)

    def _path(self, report_id: str, suffix: str) -> Path:
        return self.folder / f"{report_id}{suffix}"


def _open_folder(uri: str) -> LocalArchive:
    return LocalArchive(Path(uri.removeprefix("file://")).expanduser().absolute())


def _file_json(path: Path) -> object:
    if not path.is_file():
        if not path.exists():
            raise FileNotFoundError(path)
        raise UnreadableResultError("it is no file")
    with path.open("rb") as file:
        return from_json(file.read(MAX_RESULT_BYTES + 1))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _write_whole(path: Path, content: bytes) -> None:
    """Write to a neighbour, then rename: a reader never sees half a file, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    with half.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


# --- MongoDB ----------------------------------------------------------------------------------------------------------


class MongoArchive(Archive):
    """Results in the collection `reports`, pages gzipped in GridFS under the same id."""

    def __init__(self, uri: str) -> None:
        from pymongo import MongoClient
        from pymongo.errors import PyMongoError

        self.name = without_credentials(uri)
        milliseconds = int(TIMEOUT_SECONDS * 1_000)
        try:
            self._client: Any = MongoClient(
                uri, serverSelectionTimeoutMS=milliseconds, connectTimeoutMS=milliseconds, appname="risk-o-meter"
            )
        except (PyMongoError, ValueError) as exc:
            # Not chained: what pymongo says of a URI it cannot read may quote the password.
            raise ArchiveError(f"{self.name} is not a usable MongoDB address ({type(exc).__name__}).") from None
        weakref.finalize(self, self._client.close)
        self._database = self._client.get_default_database("creditrisk")

    def put(self, html: bytes, result: Result) -> str:
        """Keep a report; the result is written last and makes it complete."""
        from gridfs import GridFSBucket, NoFile

        sealed = _sealed(html, result)
        report_id = str(sealed["id"])
        with self._answering():
            if self._database.reports.find_one({"_id": report_id}, {"_id": 1}):
                return report_id
            bucket = GridFSBucket(self._database)
            with suppress(NoFile):
                bucket.delete(report_id)  # what a run that was cut off may have left
            content = gzip.compress(html, mtime=0)
            bucket.upload_from_stream_with_id(
                report_id,
                f"{report_id}.html.gz",
                content,
                metadata={"sha256": sealed["html_sha256"], "size": len(html)},
            )
            self._database.reports.create_index([("model", 1), ("created_at", -1)])
            self._database.reports.replace_one({"_id": report_id}, {"_id": report_id, **sealed}, upsert=True)
        return report_id

    def read(self, model: str | None, limit: int) -> Reading:
        """The newest results, newest first."""
        from bson.codec_options import CodecOptions
        from bson.raw_bson import RawBSONDocument

        with self._answering():
            asked = {"model": model} if model else {}
            # Raw: one document that cannot be decoded must not hide the others.
            raw = self._database.reports.with_options(codec_options=CodecOptions(document_class=RawBSONDocument))
            found = raw.find(asked).sort("created_at", -1).limit(limit + MAX_UNREADABLE)
            kept = ((_mongo_id(document), functools.partial(_mongo_result, document)) for document in found)
            return _readable(kept, self.name, model, limit)

    def html(self, report_id: str) -> bytes:
        """The page of one report."""
        from gridfs import GridFSBucket, NoFile

        _check_id(report_id)
        with self._answering():
            sealed = self._database.reports.find_one({"_id": report_id})
            try:
                content = GridFSBucket(self._database).open_download_stream(report_id).read()
            except NoFile as exc:
                raise _no_report(report_id, self.name) from exc
        if sealed is None:
            raise _no_report(report_id, self.name)
        with _unreadable_is_said(report_id, self.name):
            return _intact(_unzipped(content), check_kept(sealed, report_id), self.name)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        from pymongo.errors import PyMongoError

        try:
            yield
        except PyMongoError as exc:
            raise ArchiveError(f"the report archive {self.name} does not answer ({type(exc).__name__}).") from exc


def _mongo_id(document: Any) -> str:
    from bson.errors import BSONError

    try:
        return str(document["_id"])
    except (BSONError, KeyError):
        return ""


def _mongo_result(document: Any) -> object:
    import bson
    from bson.errors import BSONError

    if len(document.raw) > MAX_RESULT_BYTES:
        raise UnreadableResultError(f"it is longer than {MAX_RESULT_BYTES / 1e6:.0f} MB")
    try:
        return bson.decode(document.raw)
    except (BSONError, ValueError, RecursionError):
        raise UnreadableResultError("it cannot be decoded") from None


# --- Google Cloud Storage ---------------------------------------------------------------------------------------------


class CloudStorageArchive(Archive):
    """Two objects a report: `<id>.html` (gzipped on the wire, opens in a browser) and `<id>.json`, written last."""

    def __init__(self, uri: str) -> None:
        self.name = without_credentials(uri)
        parts = urlsplit(uri)
        self._bucket_name = parts.netloc
        self._prefix = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
        self._connected: Any = None
        # What was downloaded, by name and generation: an object never changes without a new one.
        self._downloaded: dict[tuple[str, int], bytes] = {}

    def put(self, html: bytes, result: Result) -> str:
        """Keep a report; an object that exists already is left as it is."""
        sealed = _sealed(html, result)
        report_id = str(sealed["id"])
        with self._answering():
            self._upload(f"{report_id}.html", gzip.compress(html, mtime=0), "text/html; charset=utf-8", is_gzip=True)
            self._upload(f"{report_id}.json", _to_json(sealed), "application/json", is_gzip=False)
        return report_id

    def read(self, model: str | None, limit: int) -> Reading:
        """The newest results, newest first."""
        prefix = self._prefix + (f"{_model_folder(model)}/" if model else "")
        with self._answering():
            blobs = self._bucket.client.list_blobs(self._bucket, prefix=prefix, timeout=TIMEOUT_SECONDS, retry=_retry())
            sealed = [blob for blob in blobs if blob.name.endswith(".json")]
            newest = sorted(sealed, key=lambda blob: str(blob.name).rsplit("/", 1)[-1], reverse=True)
            kept = (
                (str(blob.name).removeprefix(self._prefix).removesuffix(".json"), functools.partial(self._json, blob))
                for blob in newest
            )
            return _readable(kept, self.name, model, limit)

    def html(self, report_id: str) -> bytes:
        """The page of one report."""
        from google.api_core.exceptions import NotFound

        _check_id(report_id)
        with self._answering():
            try:
                content = self._download(self._bucket.blob(f"{self._prefix}{report_id}.json"))
                page = self._download(self._bucket.blob(f"{self._prefix}{report_id}.html"))
            except NotFound as exc:
                raise _no_report(report_id, self.name) from exc
        with _unreadable_is_said(report_id, self.name):
            return _intact(_unzipped(page), check_kept(from_json(content), report_id), self.name)

    def _json(self, blob: Any) -> object:
        if blob.size is None or blob.size > MAX_RESULT_BYTES:
            raise UnreadableResultError(f"it is longer than {MAX_RESULT_BYTES / 1e6:.0f} MB")
        key = (str(blob.name), int(blob.generation or 0))
        if key not in self._downloaded:
            self._downloaded[key] = self._download(blob)
        while len(self._downloaded) > 2 * RECENT:
            del self._downloaded[next(iter(self._downloaded))]
        return from_json(self._downloaded[key])

    @property
    def _bucket(self) -> Any:
        """The bucket, without asking whether it exists; the client is made at first use, after any fork."""
        from google.cloud import storage

        if self._connected is None:
            self._connected = storage.Client().bucket(self._bucket_name)
        return self._connected

    def _upload(self, name: str, content: bytes, content_type: str, *, is_gzip: bool) -> None:
        from google.api_core.exceptions import PreconditionFailed

        blob = self._bucket.blob(self._prefix + name)
        if is_gzip:
            blob.content_encoding = "gzip"
        try:
            # Generation 0: only if there is no such object yet, which makes repeating safe.
            blob.upload_from_string(
                content, content_type=content_type, if_generation_match=0, timeout=TIMEOUT_SECONDS * 10, retry=_retry()
            )
        except PreconditionFailed:
            return

    def _download(self, blob: Any) -> bytes:
        content = blob.download_as_bytes(raw_download=True, timeout=TIMEOUT_SECONDS * 10, retry=_retry())
        return bytes(content)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError
        from requests.exceptions import RequestException

        try:
            yield
        except (GoogleAPIError, GoogleAuthError, RequestException) as exc:
            raise ArchiveError(f"the report archive {self.name} does not answer ({type(exc).__name__}).") from exc


def _retry() -> Any:
    from google.cloud.storage.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_timeout(TIMEOUT_SECONDS)


# --- what all three share ---------------------------------------------------------------------------------------------


def without_credentials(uri: str) -> str:
    """A URI as it may be shown: scheme, host and path.

    Examples
    --------
    >>> without_credentials("mongodb://clerk:secret@db:27017/reports?authSource=admin")
    'mongodb://db:27017/reports'
    """
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rsplit('@', 1)[-1].split('?', 1)[0]}"


def _report_id(html: bytes, result: Result) -> str:
    """`<model>/<time>-<checksum>`: sorts by time, and the same report always has the same one."""
    time = re.sub(r"[-:]|\.\d+|\+00:00|Z$", "", str(result["created_at"]))
    report_id = f"{_model_folder(str(result['model']))}/{time}Z-{hashlib.sha256(html).hexdigest()[:8]}"
    return _check_id(report_id)


def _model_folder(model: str) -> str:
    return re.sub(r"[^\w.-]", "_", model)


def _check_id(report_id: str) -> str:
    """Ids come from URLs too: nothing but our own form may become a path."""
    if not _ID.fullmatch(report_id) or report_id.startswith("."):
        raise ArchiveError(
            "that is not the id of a report. Expected an id such as 'german_credit/20240331T090000Z-1a2b3c4d'."
        )
    return report_id


def _sealed(html: bytes, result: Result) -> Result:
    return {**check(result), "id": _report_id(html, result), "html_sha256": hashlib.sha256(html).hexdigest()}


def _unsealed(sealed: Result) -> Result:
    return cast(Result, {key: value for key, value in sealed.items() if key not in ("id", "html_sha256")})


def _readable(kept: Iterable[tuple[str, Callable[[], object]]], name: str, model: str | None, limit: int) -> Reading:
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


@contextmanager
def _unreadable_is_said(report_id: str, name: str) -> Iterator[None]:
    try:
        yield
    except UnreadableResultError as exc:
        raise ArchiveError(f"the result of report {report_id} in {name} cannot be read: {exc}.") from None
    except (OSError, EOFError, zlib.error) as exc:
        if isinstance(exc, FileNotFoundError):
            raise
        raise ArchiveError(
            f"report {report_id} in {name} was changed after it was written: it cannot be read."
        ) from exc


def _intact(html: bytes, sealed: Result, name: str) -> bytes:
    if hashlib.sha256(html).hexdigest() != sealed["html_sha256"]:
        raise ArchiveError(f"report {sealed['id']} in {name} was changed after it was written: its checksum differs.")
    return html


def _unzipped(content: bytes) -> bytes:
    """Some servers unpack on the way; what does not start like gzip is the page itself."""
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def _to_json(result: Mapping[str, Any]) -> bytes:
    return json.dumps(result, ensure_ascii=False, indent=1, allow_nan=False).encode()


def _no_report(report_id: str, name: str) -> ArchiveError:
    return ArchiveError(f"there is no report {report_id} in {name}.")
