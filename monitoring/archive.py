"""Where reports are kept: a local folder, MongoDB or Google Cloud Storage, behind one small protocol.

Written by flows/evidently_report.py through `store`, which writes to every archive and keeps a report that one of them
could not take, until it can. Read by exporter.py, by windows.py (where the last report ended) and by the web app.

Every archive keeps, under one id, the HTML page and the result (a small dict, see report.py) with `id` and
`html_sha256` added; the checksum is compared on reading. Writing the same report twice is harmless.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import weakref
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from creditrisk.errors import ArchiveError

# An archive that is away must not hold up a report, or a scrape, for long.
TIMEOUT_SECONDS = 3.0

Result = dict[str, Any]
_ID = re.compile(r"[\w.-]+/\d{8}T\d{6}Z-[0-9a-f]{8}")


class Archive(Protocol):
    """One place that keeps reports. `name` is its URI without credentials, fit to be shown."""

    name: str

    @abstractmethod
    def put(self, html: bytes, result: Result) -> str:
        """Keep a report and return its id; the same report again is the same id and changes nothing."""

    @abstractmethod
    def results(self, model: str | None, limit: int) -> list[Result]:
        """The newest results of one model (None: of any), newest first."""

    @abstractmethod
    def html(self, report_id: str) -> bytes:
        """The page of one report; ArchiveError if there is none or if it was changed after it was written."""

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
        try:
            for old in reversed(waiting.results(None, limit=10_000)):
                archive.put(waiting.html(old["id"]), _unsealed(old))
                waiting.remove(old["id"])
            archive.put(html, result)
            kept_in.append(archive.name)
        except ArchiveError as exc:
            waiting.put(html, result)
            problems.append(f"{exc} The report is kept in {waiting.folder} and goes there with the next one.")
    return Stored(report_id, tuple(kept_in), tuple(problems))


def last_result(archives: Sequence[Archive], model: str | None, *, pending: Path) -> Result | None:
    """The newest result that any archive, or the waiting room of one that is away, holds.

    Raises
    ------
    ArchiveError
        If no archive answers and nothing waits: then nobody knows whether there was a report.
    """
    found, problems = [], []
    for archive in archives:
        found.append(_waiting(pending, archive).latest(model))
        try:
            found.append(archive.latest(model))
        except ArchiveError as exc:
            problems.append(exc)
    known = [result for result in found if result is not None]
    if len(problems) == len(archives) and not known:
        raise problems[0]
    return max(known, key=lambda result: str(result["created_at"]), default=None)


def n_waiting(archives: Sequence[Archive], *, pending: Path) -> int:
    """Reports that still have to be delivered to an archive that was away."""
    return sum(len(_waiting(pending, archive).results(None, limit=10_000)) for archive in archives)


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
        try:
            _write_whole(self._path(sealed["id"], ".html"), html)
            _write_whole(self._path(sealed["id"], ".json"), _to_json(sealed))
        except OSError as exc:
            raise ArchiveError(f"cannot write a report to {self.folder}: {exc.strerror}.") from exc
        return str(sealed["id"])

    def results(self, model: str | None, limit: int) -> list[Result]:
        """The newest results, newest first."""
        paths = self.folder.glob(f"{_model_folder(model) if model else '*'}/*.json")
        newest = sorted(paths, key=lambda path: path.name, reverse=True)[:limit]
        return [json.loads(path.read_bytes()) for path in newest]

    def html(self, report_id: str) -> bytes:
        """The page of one report."""
        _check_id(report_id)
        try:
            sealed = json.loads(self._path(report_id, ".json").read_bytes())
            return _intact(self._path(report_id, ".html").read_bytes(), sealed, self.name)
        except FileNotFoundError as exc:
            raise _no_report(report_id, self.name) from exc

    def remove(self, report_id: str) -> None:
        """Forget a report; used for those that waited and were delivered."""
        self._path(report_id, ".json").unlink(missing_ok=True)
        self._path(report_id, ".html").unlink(missing_ok=True)

    def _path(self, report_id: str, suffix: str) -> Path:
        return self.folder / f"{report_id}{suffix}"


def _open_folder(uri: str) -> LocalArchive:
    return LocalArchive(Path(uri.removeprefix("file://")).expanduser().absolute())


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

    def results(self, model: str | None, limit: int) -> list[Result]:
        """The newest results, newest first."""
        with self._answering():
            asked = {"model": model} if model else {}
            found = self._database.reports.find(asked, {"_id": 0}).sort("created_at", -1).limit(limit)
            return [dict(document) for document in found]

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
        return _intact(_unzipped(content), sealed, self.name)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        from pymongo.errors import PyMongoError

        try:
            yield
        except PyMongoError as exc:
            raise ArchiveError(f"the report archive {self.name} does not answer ({type(exc).__name__}).") from exc


# --- Google Cloud Storage ---------------------------------------------------------------------------------------------


class CloudStorageArchive(Archive):
    """Two objects a report: `<id>.html` (gzipped on the wire, opens in a browser) and `<id>.json`, written last."""

    def __init__(self, uri: str) -> None:
        self.name = without_credentials(uri)
        parts = urlsplit(uri)
        self._bucket_name = parts.netloc
        self._prefix = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
        self._connected: Any = None

    def put(self, html: bytes, result: Result) -> str:
        """Keep a report; an object that exists already is left as it is."""
        sealed = _sealed(html, result)
        report_id = str(sealed["id"])
        with self._answering():
            self._upload(f"{report_id}.html", gzip.compress(html, mtime=0), "text/html; charset=utf-8", is_gzip=True)
            self._upload(f"{report_id}.json", _to_json(sealed), "application/json", is_gzip=False)
        return report_id

    def results(self, model: str | None, limit: int) -> list[Result]:
        """The newest results, newest first."""
        prefix = self._prefix + (f"{_model_folder(model)}/" if model else "")
        with self._answering():
            blobs = self._bucket.client.list_blobs(self._bucket, prefix=prefix, timeout=TIMEOUT_SECONDS, retry=_retry())
            sealed = [blob for blob in blobs if blob.name.endswith(".json")]
            newest = sorted(sealed, key=lambda blob: str(blob.name).rsplit("/", 1)[1], reverse=True)[:limit]
            return [json.loads(self._download(blob)) for blob in newest]

    def html(self, report_id: str) -> bytes:
        """The page of one report."""
        from google.api_core.exceptions import NotFound

        _check_id(report_id)
        with self._answering():
            try:
                sealed = json.loads(self._download(self._bucket.blob(f"{self._prefix}{report_id}.json")))
                content = self._download(self._bucket.blob(f"{self._prefix}{report_id}.html"))
            except NotFound as exc:
                raise _no_report(report_id, self.name) from exc
        return _intact(_unzipped(content), sealed, self.name)

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
    return {**result, "id": _report_id(html, result), "html_sha256": hashlib.sha256(html).hexdigest()}


def _unsealed(sealed: Result) -> Result:
    return {key: value for key, value in sealed.items() if key not in ("id", "html_sha256")}


def _intact(html: bytes, sealed: Result, name: str) -> bytes:
    if hashlib.sha256(html).hexdigest() != sealed["html_sha256"]:
        raise ArchiveError(f"report {sealed['id']} in {name} was changed after it was written: its checksum differs.")
    return html


def _unzipped(content: bytes) -> bytes:
    """Some servers unpack on the way; what does not start like gzip is the page itself."""
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def _to_json(result: Result) -> bytes:
    return json.dumps(result, ensure_ascii=False, indent=1, allow_nan=False).encode()


def _no_report(report_id: str, name: str) -> ArchiveError:
    return ArchiveError(f"there is no report {report_id} in {name}.")
