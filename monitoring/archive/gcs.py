"""Reports in Google Cloud Storage."""

from __future__ import annotations

import functools
import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from monitoring.archive.protocol import MAX_PAGE_BYTES, TIMEOUT_SECONDS, Archive, ArchiveAwayError, Reading
from monitoring.archive.sealing import (
    TooLongError,
    check_id,
    model_folder,
    newest_first,
    page_of,
    read_until,
    result_of,
    seal,
    to_json,
    unzipped,
    without_credentials,
)
from monitoring.results import MAX_RESULT_BYTES, Result, UnreadableResultError, from_json

SCHEMES = ("gs",)
ADDRESS = "gs://BUCKET"
COMPLEXITY = 2
# The newest hundred results of 100 kB, three times over; whoever reads them every few seconds fetches what is new only.
MOST_BYTES_HELD = 32_000_000


class CloudStorageArchive(Archive):
    """Two objects a report: `<id>.html` (gzipped on the wire, opens in a browser) and `<id>.json`, written last."""

    def __init__(self, uri: str) -> None:
        self.name = without_credentials(uri)
        parts = urlsplit(uri)
        self._bucket_name = parts.netloc
        self._prefix = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
        self._connected: Any = None
        self._held = _Held(MOST_BYTES_HELD)

    def put(self, html: bytes, result: Result) -> str:
        """Keep a report; an object that exists already is left as it is."""
        sealed = seal(html, result)
        report_id = str(sealed["id"])
        with self._answering():
            self._upload(f"{report_id}.html", gzip.compress(html, mtime=0), "text/html; charset=utf-8", is_gzip=True)
            self._upload(f"{report_id}.json", to_json(sealed), "application/json", is_gzip=False)
        return report_id

    def read(self, model: str | None, limit: int) -> Reading:
        """The newest results, newest first."""
        prefix = self._prefix + (f"{model_folder(model)}/" if model else "")
        with self._answering():
            sealed = [blob for blob in self._list(prefix) if blob.name.endswith(".json")]
            newest = sorted(sealed, key=lambda blob: _time_of(str(blob.name)), reverse=True)
            kept = (
                (str(blob.name).removeprefix(self._prefix).removesuffix(".json"), functools.partial(self._json, blob))
                for blob in newest
            )
            return read_until(kept, self.name, model, limit)

    def html(self, report_id: str) -> bytes:
        """The page of one report."""
        return page_of(
            report_id,
            self.name,
            lambda: from_json(self._content(f"{report_id}.json")),
            lambda: unzipped(self._content(f"{report_id}.html")),
        )

    def result(self, report_id: str) -> Result:
        """The result of one report."""
        return result_of(report_id, self.name, lambda: from_json(self._content(f"{report_id}.json")))

    def ids(self) -> list[str]:
        """The id of everything that is kept, newest first."""
        with self._answering():
            names = [str(blob.name).removeprefix(self._prefix) for blob in self._list(self._prefix)]
        return newest_first(name[:-5] for name in names if name.endswith((".json", ".html")))

    def remove(self, report_id: str) -> None:
        """Forget a report, its result before its page."""
        check_id(report_id)
        with self._answering():
            for suffix in (".json", ".html"):
                self._delete(f"{report_id}{suffix}")

    def _list(self, prefix: str) -> Any:
        return self._bucket.client.list_blobs(self._bucket, prefix=prefix, timeout=TIMEOUT_SECONDS, retry=_retry())

    def _delete(self, name: str) -> None:
        from google.api_core.exceptions import NotFound

        blob = self._bucket.get_blob(self._prefix + name, timeout=TIMEOUT_SECONDS, retry=_retry())
        if blob is not None:
            # Of this generation only: a try that is made again must not delete what was written meanwhile.
            with suppress(NotFound):
                blob.delete(if_generation_match=blob.generation, timeout=TIMEOUT_SECONDS, retry=_retry())

    def _content(self, name: str) -> bytes:
        """What an object holds; FileNotFoundError if there is none of that name, TooLongError if it is no page's."""
        with self._answering():
            blob = self._bucket.get_blob(self._prefix + name, timeout=TIMEOUT_SECONDS, retry=_retry())
            if blob is None:
                raise FileNotFoundError(name)
            if blob.size is None or blob.size > MAX_PAGE_BYTES:
                raise TooLongError
            return self._download(blob)

    def _json(self, blob: Any) -> object:
        if blob.size is None or blob.size > MAX_RESULT_BYTES:
            raise UnreadableResultError(f"it is longer than {MAX_RESULT_BYTES / 1e6:.0f} MB")
        key = (str(blob.name), int(blob.generation or 0))
        content = self._held.get(key)
        if content is None:
            content = self._download(blob)
            self._held.add(key, content)
        return from_json(content)

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
        """What an object holds, as long as it was when it was looked at.

        Raises
        ------
        OSError
            FileNotFoundError if it is gone by now, another one if it is not what it was.
        """
        from google.api_core.exceptions import NotFound, PreconditionFailed

        try:
            content = blob.download_as_bytes(
                raw_download=True,
                if_generation_match=blob.generation,
                timeout=TIMEOUT_SECONDS * 10,
                retry=_retry(),
            )
        except NotFound as exc:
            raise FileNotFoundError(blob.name) from exc
        except PreconditionFailed as exc:
            raise OSError("it was changed while it was read") from exc
        return bytes(content)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError
        from requests.exceptions import RequestException

        try:
            yield
        except (GoogleAPIError, GoogleAuthError, RequestException) as exc:
            raise ArchiveAwayError(f"the report archive {self.name} does not answer ({type(exc).__name__}).") from exc


class _Held:
    """What was downloaded, by name and generation: an object never changes without a new one.

    Of more than so many bytes the oldest reports go first, so that a look at all of them leaves the newest in place.
    Several threads may use it at once.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes, self._n_bytes = most_bytes, 0
        self._contents: dict[tuple[str, int], bytes] = {}
        self._lock = threading.Lock()

    def get(self, key: tuple[str, int]) -> bytes | None:
        return self._contents.get(key)

    def add(self, key: tuple[str, int], content: bytes) -> None:
        with self._lock:
            if key in self._contents:
                return
            self._contents[key] = content
            self._n_bytes += len(content)
            while self._n_bytes > self._most_bytes:
                oldest = min(self._contents, key=lambda held: _time_of(held[0]))
                self._n_bytes -= len(self._contents.pop(oldest))


def _time_of(name: str) -> str:
    """The part of an object's name that sorts by the time of its report."""
    return name.rsplit("/", 1)[-1]


def open_archive(uri: str) -> CloudStorageArchive:
    """The archive in the bucket of a `gs://` URI, under its path if it has one."""
    # It is imported at first use; that it is missing is known before.
    if find_spec("google.cloud.storage") is None:
        raise ImportError(name="google-cloud-storage")
    return CloudStorageArchive(uri)


def _retry() -> Any:
    from google.cloud.storage.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_timeout(TIMEOUT_SECONDS)
