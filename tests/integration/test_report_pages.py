"""Archived reports in the browser: the list, each page in its sandbox, the report of a moment, and who is let in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import pytest

from creditrisk.settings import Settings
from monitoring.archive import Archive, open_archives
from monitoring.exporter import make_app
from riskometer.bench import free_port
from tests.integration.test_archive import FIGURES, PAGE, result

LINK = {"HTTP_SEC_FETCH_SITE": "same-site", "HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_DEST": "document"}
NINE, NOON = 1_711_875_600_000, 1_711_886_400_000  # of 31 March 2024, in milliseconds


@dataclass(frozen=True)
class Got:
    status: str
    headers: dict[str, str]
    body: bytes


Get = Callable[..., Got]


@pytest.fixture
def reports(tmp_path: Path) -> Archive:
    return open_archives(Settings(home=tmp_path).archive_uris)[0]


def asker(settings: Settings) -> Get:
    application = make_app(settings)

    def get(path: str, query: str = "", method: str = "GET", **headers: str) -> Got:
        environ = {"PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": method, "HTTP_HOST": "localhost:9697"}
        setup_testing_defaults(environ)
        found: list[tuple[str, list[tuple[str, str]]]] = []
        body = b"".join(application(environ | headers, lambda status, sent: found.append((status, sent))))
        [(status, sent)] = found
        return Got(status, dict(sent), body)

    return get


@pytest.fixture
def get(tmp_path: Path) -> Get:
    return asker(Settings(home=tmp_path))


def test_reports_are_listed_the_last_first_with_their_status(get: Get, reports: Archive) -> None:
    ids = [reports.put(PAGE, result(hour)) for hour in (6, 9)]
    drifted = {"amount": {**FIGURES, "level": 2}}
    ids.append(
        reports.put(PAGE, result(12, model="simulated", n_rows=12_345, fields=drifted, findings=["<b>Look</b>"]))
    )

    got = get("/reports/")
    page = got.body.decode()

    assert got.status == "200 OK"
    assert [page.index(f'href="{report_id}.html"') for report_id in reversed(ids)] == sorted(
        page.index(f'href="{report_id}.html"') for report_id in ids
    )
    assert '<span class="status act">act</span>' in page
    assert "12,345" in page
    # What somebody else put into an archive is text.
    assert "&lt;b&gt;Look&lt;/b&gt;" in page
    assert "<b>" not in page
    assert got.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert ids[2] not in get("/reports/", "model=german_credit").body.decode()
    assert all(one in get("/reports/", "model=german_credit&model=simulated").body.decode() for one in ids)


def test_no_report_yet_is_a_sentence_and_reports_without_a_slash_lead_to_the_list(get: Get) -> None:
    assert b"There is no report yet." in get("/reports/").body
    assert get("/reports").headers["Location"] == "reports/"


def test_a_page_is_as_it_was_kept_and_shown_in_a_sandbox(get: Get, reports: Archive) -> None:
    report_id = reports.put(PAGE, result(9))

    got = get(f"/reports/{report_id}.html")

    assert (got.status, got.body) == ("200 OK", PAGE)
    policy = got.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts allow-downloads; default-src 'none'; frame-ancestors 'none'")
    assert "allow-same-origin" not in policy
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    head = get(f"/reports/{report_id}.html", method="HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == ("200 OK", b"", str(len(PAGE)))


def test_a_page_comes_from_the_archive_that_has_it_unharmed(tmp_path: Path) -> None:
    away = f"mongodb://clerk:s3cret@127.0.0.1:{free_port()}/reports"
    settings = Settings(home=tmp_path, archives=f"file://{tmp_path}/one,file://{tmp_path}/two")
    one, two = open_archives(settings.archive_uris)
    report_id = one.put(PAGE, result(9))
    (tmp_path / "one" / f"{report_id}.html").write_bytes(b"<script>forged</script>")
    ask = asker(settings)

    refused = ask(f"/reports/{report_id}.html")
    assert refused.status == "503 Service Unavailable"
    assert b"was changed after it was written" in refused.body

    two.put(PAGE, result(9))
    assert ask(f"/reports/{report_id}.html").body == PAGE
    listed = asker(settings.model_copy(update={"archives": f"{settings.archives},{away}"}))("/reports/").body
    assert f'href="{report_id}.html"'.encode() in listed
    assert b"127.0.0.1" in listed
    assert b"s3cret" not in listed


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        "german_credit/../../decisions.db",
        "german_credit/20240331T090000Z-1a2b3c4d.json",
        "german_credit/20240331T090000Z-1a2b3c4d.html.html",
        "german_credit/20240331T090000Z-1a2b3c4d.html",
        "german_credit/%2e%2e",
        "german_credit",
        "\x00",
    ],
)
def test_what_is_no_report_is_not_found(get: Get, reports: Archive, path: str) -> None:
    reports.put(PAGE, result(9))
    got = get(f"/reports/{path}")
    assert got.status == "404 Not Found"
    assert got.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_moment_leads_to_the_report_that_was_the_newest_then(get: Get, reports: Archive) -> None:
    ids = [reports.put(PAGE, result(hour)) for hour in (9, 12)]
    reports.put(PAGE, result(11, model="simulated"))

    def newest(time: object, model: str = "german_credit") -> Got:
        return get("/reports/at", f"model={model}&time={time}")

    assert newest(NINE).headers["Location"] == f"{ids[0]}.html"
    assert newest(NOON - 1).headers["Location"] == f"{ids[0]}.html"
    assert newest(NOON).headers["Location"] == f"{ids[1]}.html"
    assert newest(253_402_300_799_999).headers["Location"] == f"{ids[1]}.html"
    assert newest(NINE - 1).status == "404 Not Found"
    assert newest(NOON, "other").status == "404 Not Found"
    for time in ("", "-1", "now", "9" * 15, "9" * 5_000, "²"):
        assert newest(time).status == "400 Bad Request"
    assert get("/reports/at", "&".join(["model=x"] * 1_000)).status == "400 Bad Request"


def test_a_link_from_elsewhere_leads_to_a_report_and_nothing_else_is_answered_to_other_pages(
    get: Get, reports: Archive
) -> None:
    path = f"/reports/{reports.put(PAGE, result(9))}.html"

    assert get(path, **LINK).status == "200 OK"
    assert get("/reports/", **LINK).status == "200 OK"
    for headers in (
        LINK | {"HTTP_SEC_FETCH_DEST": "iframe"},
        LINK | {"HTTP_SEC_FETCH_MODE": "cors", "HTTP_SEC_FETCH_DEST": "empty"},
        LINK | {"HTTP_ORIGIN": "http://localhost:3000"},
        LINK | {"HTTP_HOST": "evil.example"},
        {"HTTP_ORIGIN": "https://evil.example"},
    ):
        assert get(path, **headers).status == "403 Forbidden"
    assert get("/metrics", **LINK).status == "403 Forbidden"
    assert get(path, method="POST", **LINK).status == "403 Forbidden"
    assert get(path, method="POST").status == "405 Method Not Allowed"
