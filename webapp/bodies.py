"""What a request to the API holds, read from JSON or CSV, within bounds that hold before anything is built.

JSON is read strictly: what two programs could read in two ways (NaN, a key twice, half a character) is refused, because
a decision must not depend on who reads the application.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, NoReturn, cast

from flask import abort, request

from creditrisk.decision_log import READ_ROWS
from creditrisk.sources import MAX_COLUMNS, RawTable, parse_blocks, parse_upload
from creditrisk.text import shorten
from webapp.context import AppContext
from webapp.errors import BadRequestError, TooLargeError
from webapp.security import JSON_MAX_BYTES, MEGABYTE, body_limit

JSON_MAX_ROWS = 10_000
# Each costs far more memory than its few bytes of text. Counted with those inside texts, so there is some room.
JSON_MAX_OBJECTS = 4 * JSON_MAX_ROWS
JSON_MAX_VALUES = 3_000_000

# Python reads whole numbers up to here; those that follow could keep it busy for minutes.
_LONG_NUMBER = re.compile(r"\d{4301}")
# How JSON spells the character NUL, which databases refuse, and halves of characters, which no text can hold.
_ODD_ESCAPE = re.compile(r"\\u(0000|[dD][89a-fA-F])")
_CSV_NAME = "request.csv"
# Where many applications can go; nothing but applications can.
_AS_CSV = ", or as CSV to /api/v1/score.csv"
_ODD_CHARACTER = re.compile("[\0\ud800-\udfff]")


def json_body(*, is_nan_missing: bool = False, instead: str = _AS_CSV) -> Any:
    """The body as JSON.

    Parameters
    ----------
    is_nan_missing
        Take NaN for null, where the protocol has it; otherwise it is refused.
    instead
        What can be done with too large a body besides sending it in parts; empty if nothing can.

    Raises
    ------
    BadRequestError
        If it is no JSON in UTF-8, or could be read in two ways.
    TooLargeError
        If it holds more objects or values than any table may.
    """
    return parse_json(json_bytes(), is_nan_missing=is_nan_missing, instead=instead)


def json_bytes() -> bytes:
    """The body as it came, if it is said to be JSON."""
    request.max_content_length = JSON_MAX_BYTES
    if not request.is_json or request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        abort(415)
    _expect_unpacked()
    return request.get_data(cache=False)


def parse_json(body: bytes, *, is_nan_missing: bool = False, instead: str = _AS_CSV) -> Any:
    """The same of the bytes of a body."""
    if body.count(b"{") + body.count(b"[") > JSON_MAX_OBJECTS or body.count(b",") > JSON_MAX_VALUES:
        raise TooLargeError(
            f"The request holds more than {JSON_MAX_OBJECTS:,} objects and lists, or {JSON_MAX_VALUES:,} values. "
            f"Send it in parts{instead}."
        )
    try:
        text = body.decode("utf-8-sig")
        constant = _nan_as_null if is_nan_missing else _refuse_constant
        parsed = json.loads(text, parse_constant=constant, object_pairs_hook=_object)
    except UnicodeDecodeError as exc:
        raise BadRequestError(f"The body is not UTF-8 text: byte {exc.start + 1:,} cannot be read.") from exc
    except json.JSONDecodeError as exc:
        raise BadRequestError(f"The body is not valid JSON: {exc.msg} at {_position(exc.lineno, exc.colno)}.") from exc
    except ValueError as exc:
        raise BadRequestError(f"The body holds a number of more than 4,300 digits{_of_long_number(text)}.") from exc
    except RecursionError:
        raise BadRequestError("The body is nested too deeply. Expected a list of applications, each flat.") from None
    if _ODD_ESCAPE.search(text) and any(map(_ODD_CHARACTER.search, _texts(parsed))):
        raise BadRequestError("A text in the body holds the character NUL or half a character. Expected whole text.")
    return parsed


def applications(body: Any) -> list[Any]:
    """The applications of a scoring request, however they are wrapped; what they hold is not looked at.

    Beside a list or among the fields of a lone application, `model_version` is the version that is to answer.
    """
    if isinstance(body, dict) and "applications" not in body:
        return [{name: value for name, value in body.items() if name != "model_version"}]
    items = body["applications"] if isinstance(body, dict) else body
    if not isinstance(items, list):
        raise BadRequestError('Expected {"applications": [{…}, …]}, a list of applications, or one application.')
    if isinstance(body, dict):
        refuse_others(body, ("applications", "model_version"))
    limit_rows(len(items))
    return items


def refuse_others(body: Mapping[str, object], known: Sequence[str]) -> None:
    """Refuse a key that means nothing here: it is misspelt, or asks for what would not be done."""
    for name in body:
        if name not in known:
            raise BadRequestError(
                f"The request has the key '{shorten(name)}', which means nothing here. Expected {' and '.join(known)}, "
                "and nothing beside."
            )


def limit_rows(n_rows: int, *, instead: str = _AS_CSV) -> None:
    """Refuse more rows than a JSON request may hold; `instead` as of `json_body`."""
    if n_rows > JSON_MAX_ROWS:
        raise TooLargeError(
            f"The request holds {n_rows:,} entries; at most {JSON_MAX_ROWS:,} are taken as JSON. "
            f"Send them in parts{instead}."
        )


def csv_body(context: AppContext) -> RawTable:
    """The body as a CSV file."""
    _expect_csv(context)
    content = request.get_data(cache=False)
    return parse_upload(content, filename=_CSV_NAME, max_rows=context.settings.upload_max_rows)


def csv_blocks(context: AppContext) -> Iterator[RawTable]:
    """The body as a CSV file of any number of rows, in blocks; the request must last until the first is taken."""
    _expect_csv(context)
    # It is gone through twice; a longer one waits on the disk.
    with SpooledTemporaryFile(max_size=MEGABYTE) as file:
        shutil.copyfileobj(request.stream, file)
        file.seek(0)
        yield from parse_blocks(cast(BinaryIO, file), filename=_CSV_NAME, block_rows=READ_ROWS)


def _expect_unpacked() -> None:
    """Refuse a body that is said to be packed: nobody unpacks it here."""
    if request.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity"):
        abort(415)


def _expect_csv(context: AppContext) -> None:
    request.max_content_length = body_limit(context.settings, "/api/v1/score.csv")
    if request.mimetype not in ("text/csv", "application/csv", "text/tab-separated-values", "application/octet-stream"):
        abort(415)
    _expect_unpacked()


def _refuse_constant(name: str) -> NoReturn:
    raise BadRequestError(f"The body holds {name}, which is no JSON. Expected a number, or null where there is none.")


def _nan_as_null(name: str) -> None:
    if name != "NaN":
        _refuse_constant(name)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, checked before it is built: no more keys than a table has columns, and none twice.

    Programs differ in which of two values they take.
    """
    if len(pairs) > MAX_COLUMNS:
        raise TooLargeError(f"An object in the body has more than {MAX_COLUMNS:,} keys, the most that can be read.")
    built: dict[str, Any] = {}
    for key, value in pairs:
        if key in built:
            raise BadRequestError(
                f"An object in the body has the key '{shorten(key)}' more than once. Expected it once."
            )
        built[key] = value
    return built


def _of_long_number(text: str) -> str:
    match = _LONG_NUMBER.search(text)
    if match is None:
        return ""
    line_start = text.rfind("\n", 0, match.start()) + 1
    return " at " + _position(text.count("\n", 0, match.start()) + 1, match.start() - line_start + 1)


def _position(line: int, column: int) -> str:
    return f"line {line:,}, column {column:,}"


def _texts(parsed: Any) -> Iterator[str]:
    """All keys and texts."""
    waiting = [parsed]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item
