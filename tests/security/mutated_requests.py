"""Requests that were good once: what every way into the app takes, damaged at random, and what it answers.

A request is drawn from a number, so that whatever is found can be sent again: `python -m tests.security.test_api_fuzz
1 NUMBER` sends that one.
"""

from __future__ import annotations

import io
import json
import logging
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.security.conftest import GOOD
from tests.unit.test_spreadsheets import NAMES, ROWS, as_csv, ods, workbook
from webapp import upload_scoring
from webapp.context import AppContext

# An upload that is not over by then hangs.
PATIENCE_SECONDS = 60.0
HANGS = "hangs"
TABLE = [NAMES, *ROWS]
OTHERS = [{**GOOD, "client": f"B{age}", "age_years": age} for age in (18, 44)]
JSON_BODIES: Mapping[str, Sequence[Any]] = {
    "/api/v1/score": [
        GOOD,
        [GOOD, *OTHERS],
        {"applications": [GOOD, *OTHERS], "model_version": "3"},
        [{**GOOD, "client": f"M{number}"} for number in range(40)],
    ],
    "/api/v1/decisions/search": [{"application_id": "A7"}],
    "/api/v1/outcomes": [{"outcomes": [{"application_id": "A7", "default": True, "observed_on": "2026-10-30"}]}],
    "/invocations": [
        {"dataframe_records": [GOOD]},
        {"dataframe_split": {"columns": NAMES, "data": ROWS, "index": [0, 1]}},
        {"instances": [GOOD, *OTHERS]},
        {"inputs": {name: [row[at] for row in ROWS] for at, name in enumerate(NAMES)}},
    ],
}
FILES = {"clients.csv": as_csv(TABLE), "clients.xlsx": workbook(("Loans", TABLE)), "clients.ods": ods(TABLE)}
KIND, CSV = "application/octet-stream", "text/csv"
TYPES = ("application/json", CSV, KIND, "text/csv; charset=utf-16", "application/json; a=b", "multipart/form-data", "")
VALUES: Sequence[Any] = (
    None, True, "", 0, -1, 10**400, 1e308, -0.0, 0.1, float("nan"), float("inf"), [], {}, [[]], "x" * 70_000, "\0",
    "\ud800", "٣", "1e5", "1.234,5", " 61 ", "<script>alert(1)</script>", "=1+1", "' OR 1=1 --", "2026-02-30",
    "../../etc/passwd", "own\n",
)  # fmt: skip
PIECES = (
    b"\0", b"\xff", b"\xef\xbb\xbf", b"\r", b"\n", b'"', b"'", b",", b";", b"\t", b"[" * 3_000, b"{", b"}", b"NaN",
    b"1e999", b"-", b"9" * 5_000, b"\\ud800", b"\\u0000", b"\x1b[2J", b"&lol;", b"]]>", b"\xed\xa0\x80", b"PK\x05\x06",
    b"1048576", b"2147483648", b"<c r='ZZZZZ9'>", b"client,", b"\xc2\x85",
    b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>",
)  # fmt: skip


@dataclass(frozen=True)
class Sent:
    """One request."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]


@dataclass
class Seen:
    """What was answered: how often what with which status, what should not have been, and the longest wait."""

    statuses: Counter[tuple[str, int | str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    longest: tuple[float, int] = (0.0, 0)


def drawn(number: int, rules: Sequence[str]) -> Sent:
    """The request of a number; `rules` are the addresses there are, for those that are only asked oddly."""
    rng = Random(number)
    kind = rng.choices(("json", "csv", "upload", "any"), (40, 15, 35, 10))[0]
    if kind == "json":
        path = rng.choice(list(JSON_BODIES))
        body = _json(rng.choice(JSON_BODIES[path]), rng)
        headers = {"Content-Type": "application/json"}
        if path == "/api/v1/score" and rng.random() < 0.1:
            headers["Idempotency-Key"] = rng.choice(("a", "k" * 300, "ä", "a b", f"{rng.random()}"))
    elif kind == "csv":
        path, body = rng.choice(("/api/v1/score.csv", "/invocations")), _damaged(FILES["clients.csv"], rng)
        headers = {"Content-Type": CSV}
    elif kind == "upload":
        path, (name, whole) = "/uploads", rng.choice(list(FILES.items()))
        body = (
            _repacked(whole, rng)
            if zipfile.is_zipfile(io.BytesIO(whole)) and rng.random() < 0.7
            else _damaged(whole, rng)
        )
        if rng.random() < 0.15:
            name = rng.choice(
                (*FILES, "a.parquet", "%00", "%", "a%2Fb.csv", ".xlsx", "x" * 900, "%ED%A0%80.csv", "a.zip")
            )
        headers = {"Content-Type": KIND, "X-File-Name": name}
        if rng.random() < 0.04:
            headers["X-Ask-First"] = "1"
    else:
        path, body = rng.choice(rules), _json(GOOD, rng)
        headers = {"Content-Type": "application/json"}
    if rng.random() < 0.04:
        headers["Content-Type"] = rng.choice(TYPES)
    if rng.random() < 0.02:
        headers["Content-Encoding"] = "gzip"
    method = (
        "POST"
        if kind != "any" and rng.random() < 0.98
        else rng.choice(("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"))
    )
    return Sent(method, path, body, headers)


def send(app: Flask, numbers: Sequence[int], tell: Callable[[int], None] = lambda _n: None) -> Seen:
    """Send the requests of some numbers, and look whether each is answered as one should be."""
    client, seen, context = app.test_client(), Seen(), app.extensions["creditrisk"]
    # Dash's own addresses are the pages', and signing out is no way in.
    rules = sorted(rule.rule for rule in app.url_map.iter_rules() if not rule.rule.startswith("/ui"))
    watch = _Watch()
    logging.getLogger().addHandler(watch)
    try:
        for done, number in enumerate(numbers):
            sent = drawn(number, rules)
            label, began = f"{sent.method} {sent.path}", time.perf_counter()
            answer = client.open(sent.path, method=sent.method, data=sent.body, headers=dict(sent.headers))
            problem = _problem(sent, answer)
            seen.statuses[label, answer.status_code] += 1
            if sent.path == "/uploads" and answer.status_code == 202:
                end = _end_of(context, client, answer.json["upload"])
                seen.statuses["an upload", end] += 1
                problem = problem or ("it hangs" if end == HANGS else "")
            seen.longest = max(seen.longest, (time.perf_counter() - began, number))
            if problem or watch.said:
                seen.wrong.append(f"{number} {label} {answer.status_code}: {problem} {' '.join(watch.said)}")
                watch.said.clear()
            tell(done + 1)
    finally:
        logging.getLogger().removeHandler(watch)
    return seen


class _Watch(logging.Handler):
    """What the app says is its own fault."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _problem(sent: Sent, answer: TestResponse) -> str:
    """What is wrong with an answer; empty if nothing is."""
    text = answer.get_data().decode("utf-8", "replace")
    if answer.status_code >= 500 and answer.status_code != 501:
        return text[:300]
    if "Traceback" in text or "site-packages" in text:
        return "a traceback"
    if (
        answer.status_code >= 400
        and sent.method != "HEAD"
        and sent.path.startswith(("/api/v1", "/invocations", "/uploads"))
    ):
        said = answer.json if answer.is_json else {}
        sentence = said.get("message") or (said.get("error") or {}).get("message", "")
        if not sentence or len(sentence) > 2_000:
            return f"no sentence: {text[:200]!r}"
    return ""


def _end_of(context: AppContext, client: Any, name: str) -> str:
    """How an upload ended, its result fetched."""
    until, is_asked = time.monotonic() + PATIENCE_SECONDS, False
    while not (upload := context.uploads.get(name)).is_over:
        if upload.is_asking:
            upload_scoring.stop(context, name)
            is_asked = True
        if is_asked:
            upload_scoring.take_up(context)  # as the app does every second
            time.sleep(0.1)
        if time.monotonic() > until:
            return HANGS
        time.sleep(0.002)
    if upload.has_result:
        for kind in ("csv", "xlsx", "parquet"):
            answer = client.get(f"/uploads/{name}/result.{kind}")
            if answer.status_code != 200:
                return f"{upload.record.state}, and no {kind}: {answer.status_code}"
    return upload.record.state


def _damaged(content: bytes, rng: Random) -> bytes:
    """Bytes with a few things cut out, doubled, put in or changed."""
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        begin, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
        match rng.randrange(5):
            case 0:
                content = content[:begin] + content[end:]
            case 1:
                content = content[:end] + content[begin:end] * rng.choice((1, 3, 50)) + content[end:]
            case 2:
                content = content[:begin] + rng.choice(PIECES) + content[begin:]
            case 3:
                content = content[:begin] + bytes([rng.randrange(256)]) + content[begin + 1 :]
            case _:
                content = content[:end]
    return content[:200_000]


def _repacked(content: bytes, rng: Random) -> bytes:
    """A workbook of which one part is damaged, so that it still unpacks."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = [(name, archive.read(name)) for name in archive.namelist()]
    at = rng.choice([index for index, (name, _) in enumerate(parts) if name.endswith(".xml")])
    match rng.randrange(6):
        case 0:
            parts.pop(at)
        case 1:
            parts.append((parts[at][0].upper(), parts[at][1]))
        case 2:
            parts[at] = (rng.choice(("../a.xml", "a\\b", "xl/worksheets/sheet99.xml", "é")), parts[at][1])
        case _:
            parts[at] = (parts[at][0], _damaged(parts[at][1], rng))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED))) as archive:
        for name, part in parts:
            archive.writestr(zipfile.ZipInfo(name), part)
    return out.getvalue()


def _json(value: Any, rng: Random) -> bytes:
    """A body in which one thing is something else, or whose bytes are damaged."""
    if rng.random() < 0.25:
        return _damaged(json.dumps(value).encode(), rng)
    text = json.dumps(_replaced(value, rng), ensure_ascii=rng.random() < 0.5)
    return text.encode("utf-8", "surrogatepass")


def _replaced(value: Any, rng: Random) -> Any:
    """The same with one of its parts, or a name, replaced."""
    if rng.random() < 0.15 or not isinstance(value, dict | list) or not value:
        return rng.choice(VALUES)
    if isinstance(value, list):
        at = rng.randrange(len(value))
        return [_replaced(item, rng) if index == at else item for index, item in enumerate(value)]
    chosen = rng.choice(list(value))
    if rng.random() < 0.2:
        name = rng.choice(("", "__proto__", "Age", "row_number", "prob_default", chosen.upper(), "a\0", "x" * 300))
        return {name if key == chosen else key: item for key, item in value.items()}
    if rng.random() < 0.1:
        return {key: item for key, item in value.items() if key != chosen}
    return {key: _replaced(item, rng) if key == chosen else item for key, item in value.items()}
