"""Reports in MongoDB."""

from __future__ import annotations

import functools
import gzip
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from creditrisk.errors import ArchiveError
from monitoring.archive.protocol import MAX_UNREADABLE, TIMEOUT_SECONDS, Archive, ArchiveAwayError, Reading
from monitoring.archive.sealing import (
    TooLongError,
    check_id,
    newest_first,
    page_of,
    read_page,
    read_until,
    result_of,
    seal,
    unzipped,
    without_credentials,
)
from monitoring.results import MAX_RESULT_BYTES, Result, UnreadableResultError

SCHEMES = ("mongodb", "mongodb+srv")
ADDRESS = "mongodb://HOST/DATABASE"
COMPLEXITY = 1

# What reports are looked up by: the newest, of one model or of all, and those of a version over a stretch of the log.
INDEXES: tuple[list[tuple[str, int]], ...] = (
    [("created_at", -1)],
    [("model", 1), ("created_at", -1)],
    [("model", 1), ("model_version", 1), ("first_seq", 1), ("last_seq", 1)],
)


class MongoArchive(Archive):
    """Results in the collection `reports`, pages gzipped in GridFS under the same id."""

    def __init__(self, uri: str) -> None:
        from pymongo import MongoClient
        from pymongo.errors import PyMongoError

        self.name = without_credentials(uri)
        milliseconds = int(TIMEOUT_SECONDS * 1_000)
        try:
            self._client: Any = MongoClient(
                uri,
                serverSelectionTimeoutMS=milliseconds,
                connectTimeoutMS=milliseconds,
                # One that hangs in the middle of an answer.
                socketTimeoutMS=milliseconds * 10,
                appname="risk-o-meter",
            )
        except (PyMongoError, ValueError) as exc:
            # Not chained: what pymongo says of a URI it cannot read may quote the password.
            raise ArchiveError(f"{self.name} is not a usable MongoDB address ({type(exc).__name__}).") from None
        weakref.finalize(self, self._client.close)
        self._database = self._client.get_default_database("creditrisk")
        self._is_indexed = False

    def put(self, html: bytes, result: Result) -> str:
        """Keep a report; the result is written last and makes it complete."""
        from gridfs import GridFSBucket, NoFile

        sealed = seal(html, result)
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
            self._index()
            self._database.reports.replace_one({"_id": report_id}, {"_id": report_id, **sealed}, upsert=True)
        return report_id

    def read(self, model: str | None, limit: int) -> Reading:
        """The newest results, newest first."""
        with self._answering():
            asked = {"model": model} if model else {}
            newest = self._raw_reports().find(asked).sort("created_at", -1).limit(limit + MAX_UNREADABLE)
            kept = ((_id_of(document), functools.partial(_result_of, document)) for document in newest)
            return read_until(kept, self.name, model, limit)

    def html(self, report_id: str) -> bytes:
        """The page of one report."""
        return page_of(
            report_id, self.name, lambda: self._document(report_id), lambda: unzipped(self._content(report_id))
        )

    def result(self, report_id: str) -> Result:
        """The result of one report."""
        return result_of(report_id, self.name, lambda: self._document(report_id))

    def ids(self) -> list[str]:
        """The id of everything that is kept, newest first."""
        with self._answering():
            collections = [self._raw(one) for one in (self._database.reports, self._database.fs.files)]
            return newest_first(
                _id_of(document) for collection in collections for document in collection.find({}, {"_id": 1})
            )

    def remove(self, report_id: str) -> None:
        """Forget a report, its result before its page and the pieces of that."""
        from gridfs import GridFSBucket, NoFile

        check_id(report_id)
        with self._answering():
            self._database.reports.delete_one({"_id": report_id})
            with suppress(NoFile):
                GridFSBucket(self._database).delete(report_id)

    def _index(self) -> None:
        """Make the indexes, once in this process: whoever writes may make them, whoever only reads may not."""
        if not self._is_indexed:
            for keys in INDEXES:
                self._database.reports.create_index(keys)
            self._is_indexed = True

    def _document(self, report_id: str) -> object:
        """A result as it is kept; FileNotFoundError if there is none."""
        with self._answering():
            document = self._raw_reports().find_one({"_id": report_id})
        if document is None:
            raise FileNotFoundError(report_id)
        return _result_of(document)

    def _raw_reports(self) -> Any:
        return self._raw(self._database.reports)

    @staticmethod
    def _raw(collection: Any) -> Any:
        """A collection, not decoded: a document that cannot be must not hide the others."""
        from bson.codec_options import CodecOptions
        from bson.raw_bson import RawBSONDocument

        return collection.with_options(codec_options=CodecOptions(document_class=RawBSONDocument))

    def _content(self, report_id: str) -> bytes:
        """A page as it is kept; FileNotFoundError if there is none, OSError if its pieces do not make one."""
        from bson.errors import BSONError
        from gridfs import GridFSBucket, NoFile
        from gridfs.errors import CorruptGridFile

        with self._answering():
            try:
                return read_page(GridFSBucket(self._database).open_download_stream(report_id))
            except NoFile as exc:
                raise FileNotFoundError(report_id) from exc
            except TooLongError:
                raise
            # Whoever can write there can write anything into what GridFS keeps of a file.
            except (CorruptGridFile, BSONError, ArithmeticError, LookupError, TypeError, ValueError) as exc:
                raise OSError("its pieces do not make a page") from exc

    @contextmanager
    def _answering(self) -> Iterator[None]:
        from pymongo.errors import PyMongoError

        try:
            yield
        except PyMongoError as exc:
            raise ArchiveAwayError(f"the report archive {self.name} does not answer ({type(exc).__name__}).") from exc


def open_archive(uri: str) -> MongoArchive:
    """The archive in the database of a MongoDB URI."""
    return MongoArchive(uri)


def _id_of(document: Any) -> str:
    from bson.errors import BSONError

    try:
        return str(document["_id"])
    except (BSONError, KeyError):
        return ""


def _result_of(document: Any) -> object:
    import bson
    from bson.errors import BSONError

    if len(document.raw) > MAX_RESULT_BYTES:
        raise UnreadableResultError(f"it is longer than {MAX_RESULT_BYTES / 1e6:.0f} MB")
    try:
        return bson.decode(document.raw)
    except (BSONError, ValueError, RecursionError):
        raise UnreadableResultError("it cannot be decoded") from None
