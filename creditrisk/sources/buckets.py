"""What Google's buckets are asked, and what they cannot answer as a sentence.

Its library is imported where it is used: the web process has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypedDict
from urllib.parse import unquote, urlsplit

from creditrisk.errors import CreditRiskError, SourceAbsentError, SourceError

BUCKET_SECONDS = 60.0


def is_in_bucket(uri: str) -> bool:
    """Whether a URI names an object in a bucket."""
    return urlsplit(uri).scheme == "gs"


def object_at(uri: str) -> Any:
    """The object that a gs:// URI names, without asking whether it exists."""
    from google.cloud import storage

    bucket, name = _parts(uri)
    return storage.Client().bucket(bucket).blob(name)


def find(uri: str) -> Any:
    """The same with what is known of it, such as size and generation; None if there is none."""
    wanted = object_at(uri)
    return wanted.bucket.get_blob(wanted.name, **patience())


class Patience(TypedDict):
    """How long one request, and all of its repetitions, may take: arguments of every call."""

    timeout: float
    retry: Any


def patience() -> Patience:
    """A minute for both."""
    from google.cloud.storage.retry import DEFAULT_RETRY

    return {"timeout": BUCKET_SECONDS, "retry": DEFAULT_RETRY.with_timeout(BUCKET_SECONDS)}


def absent(uri: str) -> str:
    """That there is no such object, as a sentence."""
    bucket, name = _parts(uri)
    return f"there is no object '{name}' in bucket '{bucket}'. Check both names."


@contextmanager
def answering(uri: str, *, to: str = "read", error: type[CreditRiskError] = SourceError) -> Iterator[None]:
    """Within, whatever a bucket cannot or will not do is a sentence.

    Parameters
    ----------
    to
        What is done there: read or write.
    error
        What is raised, but for an object that is not there to be read: that is a `SourceAbsentError`.
    """
    try:
        from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, Unauthorized
        from google.auth.exceptions import GoogleAuthError
    except ImportError as exc:
        raise error("buckets are used by workers, and this is none: install risk-o-meter[worker].") from exc
    bucket, name = _parts(uri)
    try:
        yield
    except NotFound as exc:
        if to == "read":
            raise SourceAbsentError(absent(uri)) from exc
        raise error(f"there is no bucket '{bucket}'. Check its name, or make it.") from exc
    except (GoogleAuthError, Forbidden, Unauthorized) as exc:
        raise error(
            f"bucket '{bucket}' does not let this account {to} '{name}'. Set GOOGLE_APPLICATION_CREDENTIALS to "
            "the key file of one that may."
        ) from exc
    except (GoogleAPIError, OSError) as exc:
        raise error(f"bucket '{bucket}' cannot be reached. Check the network and try again.") from exc


def _parts(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.netloc, unquote(parts.path).removeprefix("/")
