"""What a URI names: a file on this machine or in a bucket, in one of several formats, or a table of a database.

A URI is written down with every training (MLflow's tags, Prefect's parameters), so it may not hold a password:
credentials come from the environment alone. Every failure is one sentence that repeats none of them.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from creditrisk.errors import SourceAbsentError, SourceError
from creditrisk.sources import arff, buckets, database, parquet, spreadsheets
from creditrisk.sources.table import RawTable, in_blocks
from creditrisk.sources.text import parse_blocks, parse_table, suffix_of
from creditrisk.text import shorten

SUFFIXES = (".csv", ".tsv", ".txt", ".data", ".dat", ".asc", ".parquet", ".arff", *spreadsheets.SUFFIXES)
SCHEMES = ("file", "gs", "postgresql", "postgres")
# A few kilobytes can unpack to more than any memory holds.
MAX_BYTES = 4 * 2**30
_CHUNK_BYTES = 2**24
# A parameter that is a secret's, in an address or in libpq's own way of writing one.
_SECRETS = re.compile(r"(^|[?&\s])(user|password|pass|passfile|sslpassword|sslkey|token|secret|key)\s*=", re.IGNORECASE)
_SIGN_IN = re.compile(r"@|%40")


def read_table(uri: str) -> RawTable:
    """Read the table that a path or URI names.

    Parameters
    ----------
    uri
        A local path, `file:///path`, `gs://bucket/object` (CSV, TSV, TXT, DATA, DAT, ASC, XLSX, ODS, Parquet or ARFF,
        with or without `.gz`), or `postgresql://host/database?table=schema.table` or `?query=select ...`. Credentials
        come from the environment: GOOGLE_APPLICATION_CREDENTIALS, or PGUSER and PGPASSWORD.

    Raises
    ------
    SourceError
        If the URI holds a password or is of another kind, or the table cannot be had or is none.
    """
    check_uri(uri)
    if is_in_database(uri):
        return database.read(uri)
    name = name_of(uri)
    content = read_bytes(uri)
    if suffix_of(name) == ".parquet":
        return parquet.parse(content, filename=name)
    if suffix_of(name) == ".arff":
        return arff.parse(content, filename=name)
    return parse_table(content, filename=name)


def read_blocks(uri: str, block_rows: int, on_read: Callable[[float], None] | None = None) -> Iterator[RawTable]:
    """What `read_table` reads, in blocks of `block_rows` rows, of which one is in memory at a time.

    Text files, packed or not, and Parquet files are read as they are asked for. A table of a database, a workbook
    and an ARFF file are read as a whole, and come in blocks all the same.

    Parameters
    ----------
    on_read
        Called before each block with the share of the table that was read by then, 0 to 1.

    Raises
    ------
    SourceError
        As `read_table`, once the block with the fault is asked for.
    """
    told = on_read or (lambda _share: None)
    check_uri(uri)
    name = name_of(uri)
    is_packed, suffix = name.lower().endswith(".gz"), suffix_of(name)
    if is_in_database(uri) or suffix == ".arff":
        whole = read_table(uri)
        told(1.0)
        yield from in_blocks([whole], block_rows)
        return
    check_suffix(name)
    with opened(uri) as stream:
        if suffix == ".parquet":
            content = _unpacked(stream.read(), name) if is_packed else stream
            yield from parquet.parse_blocks(content, filename=name, block_rows=block_rows, on_read=told)
            return
        n_bytes = max(stream.seek(0, os.SEEK_END), 1)
        stream.seek(0)
        try:
            text = cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if is_packed else stream
            for block in parse_blocks(text, filename=name, block_rows=block_rows):
                told(stream.tell() / n_bytes)
                yield block
        except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
            raise _damaged(name) from exc


def read_bytes(uri: str) -> bytes:
    """The unpacked content of the file that `read_table` would read; same errors."""
    check_uri(uri)
    name = name_of(uri)
    check_suffix(name)
    with opened(uri) as stream:
        if stream.seek(0, os.SEEK_END) > MAX_BYTES:
            raise SourceError(_too_large(name))
        stream.seek(0)
        content = stream.read()
    return _unpacked(content, name) if name.lower().endswith(".gz") else content


def check_suffix(name: str) -> None:
    """Refuse a file whose ending says that it is no table; SourceError names those that are."""
    if suffix_of(name) not in SUFFIXES:
        raise SourceError(
            f"'{name}' is not a kind of file that can be read. Pass one ending in {', '.join(SUFFIXES)}, with or "
            "without .gz."
        )


def check_uri(uri: str) -> None:
    """Refuse a URI of an unknown kind, or one that holds credentials; to be asked before it is written down anywhere.

    Raises
    ------
    SourceError
        Without repeating the URI.

    Examples
    --------
    >>> check_uri("postgresql://ada:secret@db/loans?table=loans")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    creditrisk.errors.SourceError: the source holds a user or a password, and sources are written down with every ...
    """
    scheme, divider, _ = uri.partition("://")
    if "\0" in unquote(uri):
        raise SourceError("the source holds a NUL character, which no path has. Check it.")
    if divider and scheme.lower() not in SCHEMES:
        # Only the scheme is repeated: the rest may be anything.
        raise SourceError(
            f"sources that start with '{shorten(scheme)}://' are not supported. Pass a local file, or a URI that "
            "starts with file://, gs:// or postgresql://."
        )
    if _holds_secret(uri) and not is_there(uri):
        raise SourceError(
            "the source holds a user or a password, and sources are written down with every training. Leave them out "
            "of it and set PGUSER and PGPASSWORD, or GOOGLE_APPLICATION_CREDENTIALS, in the environment."
        )
    try:
        urlsplit(uri).port  # noqa: B018  # raises by being read
    except ValueError as exc:
        raise SourceError("the source is not a URI that can be read. Check its brackets and its port.") from exc


def _holds_secret(uri: str) -> bool:
    if re.match(r"postgres(ql)?:", uri, re.IGNORECASE):
        # A password may hold any sign: only a query's own text may hold an @.
        address = re.split(r"[?&]query=", uri, maxsplit=1)[0]
    else:
        address = re.match(r"([a-z][a-z0-9+.]+:/*[^/?#\s]*)?", uri, re.IGNORECASE)[0]  # type: ignore[index]  # it fits all
    return bool(_SIGN_IN.search(address) or _SECRETS.search(uri))


def is_there(path: str) -> bool:
    """Whether there is a file or folder of that name; what no system would take for a name is not there."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def is_in_database(uri: str) -> bool:
    """Whether a URI names a table or a query of a database, and no file."""
    return urlsplit(uri).scheme in ("postgresql", "postgres")


def name_of(uri: str) -> str:
    """The name of the file, without the folders it is in."""
    return Path(urlsplit(uri).path).name if urlsplit(uri).scheme == "gs" else path_of(uri).name


def path_of(uri: str) -> Path:
    """Where on this machine the file of a path or a file:// URI is."""
    parts = urlsplit(uri)
    return Path(url2pathname(parts.path)) if "://" in uri else Path(os.path.expanduser(uri))


@contextmanager
def opened(uri: str) -> Iterator[BinaryIO]:
    """The bytes of a file, as they are stored."""
    if urlsplit(uri).scheme == "gs":
        with TemporaryFile() as copy:
            _download(uri, copy)
            copy.seek(0)
            yield copy
        return
    path = path_of(uri)
    if is_there(str(path)) and not path.is_file():
        # A folder; or a pipe or device, which might never end.
        raise SourceError(f"'{path}' is no file. Check the path, or pass another one.")
    try:
        file = path.open("rb")
    except FileNotFoundError as exc:
        raise SourceAbsentError(f"there is no file '{path}'. Check the path, or pass another one.") from exc
    except OSError as exc:
        raise _unreadable(path, exc) from exc
    with file:
        try:
            yield file
        except gzip.BadGzipFile:
            raise
        except OSError as exc:
            raise _unreadable(path, exc) from exc


def _unreadable(path: Path, exc: OSError) -> SourceError:
    return SourceError(f"the file '{path}' cannot be read: {exc.strerror}. Check it, or pass another one.")


def _download(uri: str, file: BinaryIO) -> None:
    with buckets.answering(uri):
        blob = buckets.find(uri)
        if blob is None:
            raise SourceAbsentError(buckets.absent(uri))
        if blob.size is not None and blob.size > MAX_BYTES:
            raise SourceError(_too_large(name_of(uri)))
        blob.download_to_file(file, raw_download=True, **buckets.patience())


def _unpacked(content: bytes, name: str) -> bytes:
    """The content of a gzip file, of one member or several, as long as it is not too much."""
    out = bytearray()
    rest = content
    try:
        while rest:
            unpacker = zlib.decompressobj(wbits=31)
            while rest and not unpacker.eof:
                out += unpacker.decompress(rest, _CHUNK_BYTES)
                rest = unpacker.unconsumed_tail
                if len(out) > MAX_BYTES:
                    raise SourceError(_too_large(name))
            if not unpacker.eof:
                raise _damaged(name)
            rest = unpacker.unused_data.lstrip(b"\0")
    except zlib.error as exc:
        raise _damaged(name) from exc
    return bytes(out)


def _damaged(name: str) -> SourceError:
    return SourceError(f"the file '{name}' cannot be read: it is damaged. Check it, or pass another one.")


def _too_large(name: str) -> str:
    return (
        f"'{name}' holds more than {MAX_BYTES / 2**30:.0f} GB once unpacked, more than can be read. Pass a part of it, "
        "or a Parquet file with fewer columns."
    )
