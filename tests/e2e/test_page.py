"""The page in a real browser: Debian's chromium, driven by Playwright."""

import csv
import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from creditrisk.pages.palette import VERDICT_LOOKS
from creditrisk.registry import Registry
from creditrisk.scoring import ASK_BELOW, client_words, proving
from creditrisk.settings import Settings
from tests.conftest import adopt
from webapp.pages.case import LETTER_OPENING
from webapp.pages.wording import AGAINST, confidence_words, percent, risk_words

SIZE = {"width": 1366, "height": 768}
# What the grid shows now: for each row its number and the text of each cell, pinned columns and others alike.
READ_ROWS = """() => {
  const rows = {};
  for (const cell of document.querySelectorAll('.clients [row-id] [col-id]')) {
    const row = cell.closest('[row-id]').getAttribute('row-id');
    (rows[row] ||= {})[cell.getAttribute('col-id')] = cell.textContent;
  }
  return rows;
}"""
# Whether the list has clients, and all of their numbers hold a text.
ALL_HOLD = """text => {
  const numbers = [...document.querySelectorAll('.clients [row-id] [col-id=client]')].map(cell => cell.textContent);
  return numbers.length > 0 && numbers.every(number => number.includes(text));
}"""
DROP = """([target, files]) => {
  const data = new DataTransfer();
  for (const [name, text] of files) data.items.add(new File([text], name, { type: 'text/csv' }));
  document.querySelector(target).dispatchEvent(
    new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }));
}"""


@pytest.fixture(scope="module")
def web(german_champion, serve_web: Callable, tmp_path_factory: pytest.TempPathFactory):
    """The web app with the champion of the training."""
    home = tmp_path_factory.mktemp("web")
    settings = Settings(home=home, mlflow_uri=german_champion.settings.mlflow_tracking_uri, web_workers=1)
    champion = Registry(settings.stores).champion("german_credit")
    adopt(settings, champion)
    proving.note_proof(home, champion.sha256)  # it takes three seconds, and is tested by itself
    # A page of the version, as a training keeps one; none was kept with this champion.
    pages = home / "version-pages" / champion.model / champion.version
    pages.mkdir(parents=True)
    (pages / "validation.html").write_text("<p>It holds.")
    return serve_web(settings)


@pytest.fixture
def page(web, browser: Browser) -> Iterator[Page]:
    """The page in a browser; any error in its console, and any request to elsewhere, fails the test."""
    complaints: list[str] = []
    page = browser.new_page(viewport=SIZE)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if is_elsewhere(request.url, web.url) else None)
    page.goto(web.url)
    page.wait_for_selector("#drop")
    yield page
    page.close()
    assert complaints == []


def is_elsewhere(url: str, home: str) -> bool:
    return urlsplit(url).scheme in ("http", "https") and urlsplit(url).netloc != urlsplit(home).netloc


def drop(page: Page, text: str, name: str = "clients.csv") -> None:
    drop_all(page, (name, text))


def drop_all(page: Page, *files: tuple[str, str]) -> None:
    page.evaluate(DROP, ["#drop", [list(file) for file in files]])


def open_cards(page: Page) -> None:
    """Unfold the files that were sent; the list folds up by itself when another one is shown."""
    page.evaluate("document.querySelector('#batches details').open = true")


def screenshot(page: Page, name: str) -> None:
    folder = Path(os.environ.get("CREDITRISK_HOME", "var")).resolve() / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")


def every_row(page: Page, n_rows: int) -> dict[str, dict[str, str]]:
    """All rows of the grid: it holds only those in sight, so it is scrolled to its end."""
    seen: dict[str, dict[str, str]] = {}
    for step in range(200):
        page.evaluate("y => document.querySelector('.clients .ag-body-viewport').scrollTop = y", 240 * step)
        page.wait_for_timeout(50)
        for row, cells in page.evaluate(READ_ROWS).items():
            if cells.get("reasons"):
                seen.setdefault(row, {}).update(cells)
        if len(seen) == n_rows:
            break
    return seen


def _without_yardsticks(told: str) -> list[str]:
    """The reasons of a download, each without what stands in brackets behind it."""
    return (
        re.sub(r" \(typical (with|of) .*?; (raises|lowers) the risk by [0-9.]+ of 100\)", "", told).split("; ")
        if told
        else []
    )


def test_two_hundred_clients_dropped_into_the_page_get_verdict_risk_confidence_and_reasons(page, web, german_clients):
    drop(page, german_clients)
    page.wait_for_selector(".clients [row-id='1'] .verdict", timeout=60_000)
    screenshot(page, "result")

    answer = requests.post(
        f"{web.url}/api/v1/score.csv", data=german_clients.encode(), headers={"Content-Type": "text/csv"}, timeout=60
    )
    expected = list(csv.DictReader(io.StringIO(answer.text)))
    shown = every_row(page, 200)
    assert len(shown) == len(expected) == 200
    for number, row in enumerate(expected, start=1):
        cells, confidence = shown[str(number)], float(row["confidence"])
        assert cells["client"] == client_words(row["application_id"])
        assert cells["verdict"] == VERDICT_LOOKS[row["verdict"]].words
        assert cells["risk"] == risk_words(float(row["prob_default"]))
        assert cells["sure"] == f"{confidence_words(confidence, ASK_BELOW)} · {percent(confidence)}"
        strengths, reasons = _without_yardsticks(row["strengths"]), _without_yardsticks(row["reasons"])
        if strengths and reasons:
            reasons[0] = f"{AGAINST}: {reasons[0]}"
        assert cells["reasons"] == (" · ".join([*strengths, *reasons]) or "—")
    for verdict, look in VERDICT_LOOKS.items():
        n_clients = sum(row["verdict"] == verdict for row in expected)
        assert page.inner_text(f".tile.{look.band} .count") == str(n_clients)


def test_a_click_on_a_client_shows_the_gauge_and_what_moved_the_risk(page, german_clients):
    drop(page, german_clients)
    page.click(".clients [row-id='2'] [col-id='risk']", timeout=60_000)
    page.wait_for_selector("#case-title:text-is('Client row 2')")
    screenshot(page, "client")
    risk = page.inner_text(".clients [row-id='2'] [col-id='risk']")
    case = page.inner_text("#case")
    assert f"{risk} similar applicants did not repay." in case
    assert "How sure:" in case
    assert "of 100 applicants the model was tested on." in case
    assert page.locator("#case .bars li").count() >= 2
    # The pictures are drawn, not broken addresses.
    assert (
        page.evaluate("[...document.querySelectorAll('#case img')].map(image => image.naturalWidth > 0)") == [True] * 2
    )


def test_an_open_form_makes_room_for_a_file_and_keeps_what_was_typed(page, german_clients):
    page.click("#fill-in-open")
    typed = page.locator("#fill-in .field input").first
    expect(typed).to_be_focused()
    # As fast as no hand: no letter changes places.
    page.keyboard.type("Application 4711", delay=0)
    drop(page, german_clients)
    page.wait_for_selector(".clients [row-id]", timeout=60_000)
    assert page.is_hidden("#fill-in")
    page.click("#fill-in-open")
    expect(typed).to_have_value("Application 4711")


def test_an_applicant_filled_in_by_hand_opens_as_a_case_and_leaves_nothing_behind(page, web):
    page.click("#fill-in-open")
    months = page.locator('[id=\'{"fill":"duration_months","part":"cell"}\']')
    first = page.locator("#fill-in .field input").first
    expect(first).to_be_focused()
    # It is checked while it is filled in, before anybody leaves it.
    months.focus()
    page.keyboard.type("abc")
    page.get_by_text("'abc' is not a number. Expected a whole number of months from 4 to 72.").wait_for()
    expect(months).to_be_focused()
    expect(months).to_have_attribute("aria-invalid", "true")
    expect(months).to_have_attribute("aria-required", "true")
    said = months.evaluate("cell => document.getElementById(cell.getAttribute('aria-describedby')).innerText")
    assert "whole number of months from 4 to 72" in said.splitlines()[0]
    assert "'abc' is not a number" in said
    page.click("#fill-in-score")
    page.get_by_text("fields need your attention. Nothing was scored.").wait_for()
    expect(page.locator("#fill-in .field:has(.fault) input").first).to_be_focused()
    # Those that are put right are no longer at fault: always the first that is left.
    at_fault = page.locator("#fill-in .field:has(.fault)")
    while left := at_fault.count():
        values = at_fault.first.locator("option")
        typed = at_fault.first.locator("input")
        typed.fill(values.first.get_attribute("value") if values.count() else "24")
        typed.press("Tab")
        expect(at_fault).to_have_count(left - 1)
    months.press("Enter")
    page.wait_for_selector("#case-title:text-is('Client row 1')")
    assert page.inner_text(".headline .filename") == "Filled in by hand"
    assert page.is_hidden("#fill-in")
    assert page.url.rstrip("/") == web.url
    kept = page.evaluate("Object.keys({...localStorage, ...sessionStorage})")
    assert {name.removesuffix("-timestamp") for name in kept} == {"job"}


def test_from_drop_to_the_case_to_the_next_client_without_a_mouse(page, german_clients):
    def title_is(number: int) -> None:
        page.wait_for_selector(f"#case-title:text-is('Client row {number}')")

    def focus_is_in(place: str) -> bool:
        return page.evaluate("place => Boolean(document.activeElement.closest(place))", place)

    with page.expect_file_chooser() as chooser:
        page.locator("#drop").press("Enter")
    chooser.value.set_files({"name": "clients.csv", "mimeType": "text/csv", "buffer": german_clients.encode()})
    # The first case is open, and the focus is in the list.
    page.wait_for_selector("#case-title:text-is('Client row 1')", timeout=60_000)
    assert focus_is_in(".clients [row-id='1']")
    assert page.inner_text("#spoken").startswith("Client row 1: ")
    page.keyboard.press("j")
    title_is(2)
    page.keyboard.press("ArrowDown")
    title_is(3)
    page.keyboard.press("k")
    title_is(2)
    page.keyboard.press("Enter")
    assert focus_is_in("#case")
    # Whoever read one case to its end begins the next one at its name and its verdict.
    page.evaluate("document.getElementById('case').scrollTop = 1000")
    assert page.evaluate("document.getElementById('case').scrollTop") > 0
    page.keyboard.press("j")
    title_is(3)
    page.wait_for_function("document.getElementById('case').scrollTop === 0")
    page.wait_for_function("document.activeElement.id === 'case-title'")
    page.keyboard.press("Escape")
    assert focus_is_in(".clients [row-id='3']")
    # One Tab stop: the next one is behind the table.
    page.keyboard.press("Tab")
    assert not focus_is_in(".clients")
    # Only declines, and of them the one that is sought; keys are letters again where one types.
    page.keyboard.press("3")
    page.wait_for_selector(".clients .verdict.green", state="detached")
    page.keyboard.press("/")
    page.keyboard.type("12")
    page.wait_for_function(ALL_HOLD, arg="12")
    assert urlsplit(page.url)[2:] == ("/", "", "")
    page.keyboard.press("Control+ArrowRight")
    page.keyboard.type("j")
    page.wait_for_selector(".none-found:visible")
    assert "No Matching Rows" not in page.inner_text("main")
    page.keyboard.press("Backspace")
    page.wait_for_function(ALL_HOLD, arg="12")
    page.keyboard.press("Escape")
    assert focus_is_in(".clients [row-id]")
    page.keyboard.press("?")
    assert "next client" in page.inner_text("#keys")
    page.keyboard.press("Escape")
    assert not page.is_visible("#keys")


def test_a_chip_moves_the_needle_and_the_letter_has_the_reasons_as_logged(page, web, german_clients):
    drop(page, german_clients)
    page.wait_for_selector("#case-title:text-is('Client row 1')", timeout=60_000)
    page.click(".tile.red")
    page.wait_for_selector(".clients .verdict.green", state="detached")
    for _ in range(40):
        if page.locator(".chip").count():
            break
        before = page.inner_text("#case-title")
        page.keyboard.press("j")
        page.wait_for_function("before => document.getElementById('case-title').innerText !== before", arg=before)
    gauge = page.get_attribute(".gauge", "src")
    promised = page.inner_text(".chip >> nth=0 >> .verdict")
    page.click(".chip >> nth=0")
    page.wait_for_selector(".chip[aria-pressed='true']")
    assert promised != VERDICT_LOOKS["decline"].words
    expect(page.locator("#case-answer .verdict")).to_have_text(promised)
    expect(page.locator(".gauge")).not_to_have_attribute("src", gauge)
    expect(page.locator("#case-answer")).to_contain_text("What if: ")
    screenshot(page, "what-if")
    page.click(".chip[aria-pressed='true']")
    page.wait_for_selector(".chip[aria-pressed='true']", state="detached")
    expect(page.locator(".gauge")).to_have_attribute("src", gauge)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    number = page.inner_text("#case-title").removeprefix("Client ")
    page.click("#copy-letter")
    page.wait_for_selector("#copied:text-is('Copied.')")
    answer = requests.post(
        f"{web.url}/api/v1/score.csv", data=german_clients.encode(), headers={"Content-Type": "text/csv"}, timeout=60
    )
    ids = [row["application_id"] for row in csv.DictReader(io.StringIO(answer.text))]
    # The same row has the same id wherever it is scored.
    asked = {"application_id": ids[int(number.removeprefix("row ")) - 1]}
    found = requests.post(f"{web.url}/api/v1/decisions/search", json=asked, timeout=60).json()
    decision = found["decisions"][0]
    assert decision["verdict"] == "decline"
    letter = page.evaluate("navigator.clipboard.readText()")
    opening, *lines = letter.splitlines()
    assert opening == LETTER_OPENING
    for line, reason in zip(lines, decision["reasons"], strict=True):
        assert line.startswith(f"- {reason['text'].partition(':')[0]}")


def test_a_single_client_is_opened_at_once_and_on_a_phone_the_case_is_a_page(page, german_clients):
    page.set_viewport_size({"width": 390, "height": 844})
    drop(page, "\n".join(german_clients.splitlines()[:2]))
    page.wait_for_selector("#case:visible #case-title:text-is('Client row 1')", timeout=60_000)
    assert page.evaluate("document.getElementById('case').getBoundingClientRect().width") == 390
    page.click("#back")
    page.wait_for_selector("#case", state="hidden")
    page.click(".clients [row-id='1'] [col-id='risk']")
    page.wait_for_selector("#case:visible")


def test_a_tile_shows_only_the_clients_with_its_verdict(page, german_clients):
    drop(page, german_clients)
    page.wait_for_selector(".clients [row-id='1'] .verdict", timeout=60_000)
    page.click(".tile.red")
    n_declined = int(page.inner_text(".tile.red .count"))
    page.wait_for_selector(".clients .verdict.green", state="detached")
    shown = every_row(page, n_declined)
    assert len(shown) == n_declined
    assert {cells["verdict"] for cells in shown.values()} == {"✕ Decline"}


def test_rows_that_cannot_be_scored_are_listed_and_the_others_are_scored(page, german_clients):
    clients = pl.read_csv(io.StringIO(german_clients), infer_schema=False)
    clients[16, "duration"] = "six"
    drop(page, clients.write_csv())
    page.wait_for_selector(".attention", timeout=60_000)
    page.click(".attention summary")
    row = page.inner_text(".rejected tbody tr").split("\t")
    assert row[:3] == ["17", "18", "Loan term"]
    assert row[3] == "'six' is not a number"
    assert row[4].startswith("a whole number of months")
    assert "The other 199 clients were scored." in page.inner_text(".attention")
    # On a phone a row is a paragraph, and the box to correct it is as wide as the list.
    page.set_viewport_size({**SIZE, "width": 390})
    assert page.locator(".rejected input").bounding_box()["width"] > 250


def test_a_corrected_client_joins_the_others_under_its_own_number(page, german_clients):
    clients = pl.read_csv(io.StringIO(german_clients), infer_schema=False)
    clients[1, "duration"] = "six"
    drop(page, clients.head(20).write_csv(), name="twenty.csv")
    page.wait_for_selector(".attention", timeout=60_000)
    page.click(".attention summary")
    cell = page.locator(".rejected input")
    cell.fill("twelve")
    cell.press("Enter")
    expect(page.locator(".rejected")).to_contain_text("'twelve' is not a number")
    expect(cell).to_have_value("twelve")
    cell.fill("12")
    cell.press("Enter")
    expect(page.locator(".sending")).to_have_text("1 corrected client scored.")
    expect(page.locator(".attention")).to_have_count(0)
    assert sum(int(count) for count in page.locator(".tile .count").all_inner_texts()) == 20
    page.wait_for_selector(".clients [row-id='2'] .verdict")
    assert len(every_row(page, 20)) == 20


def test_files_dropped_together_are_all_scored_and_one_that_comes_again_is_said(page, german_clients):
    lines = german_clients.splitlines()
    first, second = ("\n".join([lines[0], *lines[start : start + 3]]) for start in (31, 41))
    drop_all(page, ("first.csv", first), ("second.csv", second), ("third.csv", first))
    said = page.get_by_text(
        "third.csv was sent before, and was not scored again. To have it scored again, drop it alone."
    )
    said.wait_for(timeout=60_000)
    expect(page.locator(".headline")).to_contain_text("second.csv")
    for name in ("first.csv", "second.csv"):
        expect(page.locator(f".batch:has-text('{name}')")).to_have_count(1, timeout=20_000)
    # Alone it is asked about; what is said about it goes with a click, and once something else is shown.
    for way_on in ("#close-before", ".batch:has-text('second.csv') >> text=Show"):
        drop(page, first, name="first.csv")
        expect(page.locator("#before")).to_contain_text("This very file was sent before, as first.csv: 3 of 3 clients")
        expect(page.locator(".headline")).to_contain_text("first.csv")
        open_cards(page)
        page.click(way_on)
        expect(page.locator("#before")).to_be_empty()
    # A card that is removed takes its result along, and the file is still known.
    open_cards(page)
    page.click(".batch:has-text('first.csv') .remove summary")
    page.click(".batch:has-text('first.csv') >> text=Remove now")
    expect(page.locator(".batch:has-text('first.csv')")).to_have_count(0)
    drop(page, first, name="first.csv")
    expect(page.locator("#before")).to_contain_text("The result is no longer kept here.")


def test_the_list_of_files_stays_unfolded_as_another_file_comes_and_ends(page, web, german_clients):
    lines = german_clients.splitlines()
    drop_all(page, *((f"{n}.csv", "\n".join([lines[0], *lines[n : n + 3]])) for n in (51, 61)))
    expect(page.locator(".headline")).to_contain_text("61.csv", timeout=60_000)
    expect(page.locator(".batch:has-text('51.csv')")).to_have_count(1, timeout=20_000)
    page.click("#batches details > summary")
    elsewhere = {"Content-Type": "application/octet-stream", "X-File-Name": "elsewhere.csv", "Origin": web.url}
    sent = page.request.post(f"{web.url}/uploads", data="\n".join([lines[0], *lines[71:90] * 300]), headers=elsewhere)
    assert sent.status == 202
    expect(page.locator(".batch:has-text('elsewhere.csv')")).to_contain_text("5,700 of 5,700 clients", timeout=60_000)
    assert page.evaluate("document.querySelector('#batches details').open")


def test_all_files_are_shown_when_asked_for_and_the_keyboard_is_at_the_first_of_them(page, web, german_clients):
    faults = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    lines = german_clients.splitlines()
    for n in range(100, 110):
        named = {"Content-Type": "application/octet-stream", "X-File-Name": f"{n}.csv", "Origin": web.url}
        assert page.request.post(f"{web.url}/uploads", data="\n".join([lines[0], lines[n]]), headers=named).ok
    expect(page.locator("#batches-over .batch")).to_have_count(8, timeout=30_000)
    open_cards(page)
    page.locator("#all-batches").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#all-batches")).to_have_count(0)
    expect(page.locator(".batch:has-text('101.csv')")).to_be_visible()
    expect(page.locator("#batches-over .batch:nth-child(9) button:focus")).to_have_count(1)
    assert faults == []


def test_the_question_about_columns_follows_what_is_chosen_and_its_answer_can_be_changed(page, german_clients):
    text = "\n".join(german_clients.splitlines()[:6]).replace("duration", "Laufzeit", 1)
    drop(page, text, name="odd.csv")
    heading = page.locator(".doctor h2")
    expect(heading).to_be_focused(timeout=60_000)
    expect(page.locator("#doctor-lacking")).to_contain_text("Needed, and not found: Loan term")
    page.get_by_role("button", name="Laufzeit not used").focus()
    page.keyboard.press("Enter")
    page.click(".dash-dropdown-option:has-text('Loan term')")
    expect(page.locator("#doctor-lacking")).to_be_empty()
    expect(page.locator("#doctor-preview")).to_contain_text("read as Loan term (months)")
    page.click("#assigned")
    page.wait_for_selector(".clients [row-id='1'] .verdict", timeout=60_000)
    expect(page.locator(".read-as")).to_contain_text("'Laufzeit' was read as Loan term, as somebody said it is.")
    page.click("#how-read")
    expect(page.locator(".how-read .preview")).to_contain_text("read as Loan term (months)")
    page.click("#ask-anew")
    expect(heading).to_be_focused()
    expect(page.locator(".assign")).to_contain_text("Loan term (needed)")
    page.click(".doctor >> text=Leave it")
    expect(page.locator(".headline")).to_contain_text("odd.csv")


def test_a_file_of_another_kind_gets_a_sentence_and_the_page_stays_usable(page, german_clients):
    drop(page, "%PDF-1.7 not a table", name="offer.pdf")
    page.wait_for_selector(".notice.failed", timeout=60_000)
    assert "PDF" in page.inner_text(".notice.failed")
    drop(page, german_clients)
    page.wait_for_selector(".clients [row-id='1'] .verdict", timeout=60_000)


def test_the_page_never_scrolls_sideways(page, german_clients):
    def is_upright() -> bool:
        page.wait_for_timeout(200)
        widths = "[document.documentElement, document.querySelector('main')].map(e => e.scrollWidth - e.clientWidth)"
        return page.evaluate(widths) == [0, 0]

    for width in (1366, 390):
        page.set_viewport_size({**SIZE, "width": width})
        assert is_upright(), width
    drop(page, german_clients)
    page.wait_for_selector(".clients [row-id='1'] .verdict", timeout=60_000)
    # The narrow table keeps three columns, and all of them are in sight.
    assert page.locator(".clients [row-id='1'] [col-id]").count() == 3
    assert is_upright()
    screenshot(page, "narrow")
    page.set_viewport_size(SIZE)
    assert is_upright()
    assert page.locator(".clients [row-id='1'] [col-id='reasons']").count() == 1


def test_a_page_of_a_version_opens_where_the_eye_goes_and_closes_back_to_its_button(page, web):
    page.goto(f"{web.url}/model")
    look = page.locator("button[data-look]").first
    # The process that asks the registry copies the pages after its first look.
    for _ in range(20):
        if look.count():
            break
        page.wait_for_timeout(1_000)
        page.reload()
    look.click()
    title = page.locator("#version-page-title")
    expect(title).to_be_focused()
    expect(title).to_be_in_viewport()
    page.click("#close-page")
    expect(look).to_be_focused()
