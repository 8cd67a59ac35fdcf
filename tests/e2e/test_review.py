"""The review of a scored file by keyboard, by touch and by ear: where the focus goes, and what is said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import polars as pl
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.conftest import corner_home
from tests.e2e.test_connection import DROP, HEADER

# Scored in ten seconds or more.
MANY = "\n".join([HEADER, *(f"{n},61,2000,52000,own" for n in range(200_000))])
UPDATES = "**/_dash-update-component*"
PHONE = {"width": 390, "height": 844}
IS_IN_ROW = "row => Boolean(document.activeElement.closest(`.clients [row-id='${row}']`))"


@pytest.fixture(scope="module")
def web(corner_scorer, serve_web, tmp_path_factory: pytest.TempPathFactory):
    """An app with the corner lender's champion."""
    settings = corner_home(corner_scorer, tmp_path_factory.mktemp("review"))
    return serve_web(settings.model_copy(update={"web_workers": 1, "upload_max_mb": 20}))


@pytest.fixture(scope="module")
def clients() -> str:
    """Three hundred clients of every verdict: more than the list asks for at once."""
    rng = np.random.default_rng(7)
    columns = {
        "client": [f"C{number}" for number in range(1, 301)],
        "age_years": rng.integers(18, 80, 300),
        "amount_eur": rng.integers(1, 20, 300) * 1000,
        "income_eur": rng.integers(10, 60, 300) * 1000,
        "housing": rng.choice(["own", "rent"], 300),
    }
    return pl.DataFrame(columns).write_csv()


@pytest.fixture
def page(web, browser: Browser) -> Iterator[Page]:
    """The page in a browser; an error of one of its scripts fails the test."""
    errors: list[str] = []
    page = browser.new_page(viewport={"width": 1366, "height": 768}, has_touch=True)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(web.url)
    page.wait_for_selector("#drop")
    yield page
    page.close()
    assert errors == []


@pytest.fixture
def scored(page, clients) -> Page:
    """The page with the clients scored, and the focus on the first of them."""
    page.evaluate(DROP, ["clients.csv", clients])
    case_is(page, "C1")
    page.wait_for_function(IS_IN_ROW, arg=1)
    return page


def case_is(page: Page, client: str) -> None:
    expect(page.locator("#case-title")).to_have_text(f"Client {client}", timeout=20_000)


def case_follows(page: Page) -> str:
    """Wait until the case is that of the client who is chosen, and has the focus if the list has; say who that is."""
    page.wait_for_function("""() => {
      const chosen = document.querySelector(".clients [aria-selected=true] [col-id=client]");
      const title = document.getElementById("case-title");
      const focused = document.activeElement.closest(".clients .ag-row");
      const isSettled = !focused || focused.ariaSelected === "true";
      return chosen && title && isSettled && title.textContent === `Client ${chosen.textContent}`;
    }""")
    return page.inner_text("#case-title").removeprefix("Client ")


def to_a_chip(page: Page) -> None:
    """Walk through the declined clients to the first for whom something would change the verdict."""
    page.click(".tile.red")
    expect(page.locator(".clients .verdict.green")).to_have_count(0)
    case_follows(page)
    while not page.locator(".chip").count():
        before = page.inner_text("#case-title")
        page.keyboard.press("j")
        expect(page.locator("#case-title")).not_to_have_text(before)


@contextmanager
def held_back(page: Page, what: str) -> Iterator[list[Route]]:
    """Hold back the page's requests with some words in them until the end; the others go on at once."""
    late: list[Route] = []

    def look(route: Route) -> None:
        if what in json.loads(route.request.post_data)["output"]:
            late.append(route)
        else:
            route.continue_()

    page.route(UPDATES, look)
    yield late
    for route in late:
        route.continue_()
    page.unroute(UPDATES, look)


def test_tab_leaves_the_table_and_shift_tab_comes_back_to_the_chosen_client(scored):
    scored.keyboard.press("j")
    case_is(scored, "C2")
    scored.keyboard.press("Tab")
    expect(scored.locator("#case")).to_be_focused()
    scored.keyboard.press("Shift+Tab")
    assert scored.evaluate(IS_IN_ROW, 2)
    scored.keyboard.press("Shift+Tab")
    expect(scored.locator("#show-keys")).to_be_focused()


def test_enter_on_a_heading_sorts_and_the_first_of_the_new_order_is_chosen(scored):
    scored.keyboard.press("ArrowUp")
    scored.keyboard.press("ArrowRight")
    scored.keyboard.press("ArrowRight")
    heading = scored.locator(".ag-header-cell[col-id='risk']")
    expect(heading).to_be_focused()
    scored.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    expect(scored.locator(".clients [row-index='0'][aria-selected=true]").first).to_be_visible()
    assert case_follows(scored) == scored.inner_text(".clients [row-index='0'] [col-id='client']") != "C1"
    expect(heading).to_be_focused()


def test_the_space_bar_leaves_the_client_chosen(scored):
    scored.keyboard.press(" ")
    scored.wait_for_timeout(500)
    case_is(scored, "C1")
    assert "SPACE" not in scored.locator(".clients").inner_text()


def test_a_filter_taken_back_leads_to_the_client_who_was_chosen(scored):
    scored.keyboard.press("3")
    expect(scored.locator(".clients .verdict.green")).to_have_count(0)
    for _ in range(60):
        scored.keyboard.press("j")
    client = case_follows(scored)
    row = client.removeprefix("C")
    assert int(row) > 100, "beyond what the list asks for first"
    scored.keyboard.press("3")
    scored.wait_for_function(IS_IN_ROW, arg=row)
    expect(scored.locator(f".clients [row-id='{row}'][aria-selected=true]").first).to_be_in_viewport()
    case_is(scored, client)


def test_clients_of_two_parts_of_the_list_are_fetched_at_once(scored):
    scored.evaluate("window.dash_ag_grid.getApi('clients').ensureIndexVisible(249, 'middle')")
    for row in (249, 250, 251, 252):
        expect(scored.locator(f".clients [row-id='{row}'] [col-id='client']")).to_have_text(f"C{row}")


def test_clients_asked_for_while_the_app_was_away_come_when_it_is_back(scored):
    scored.route(UPDATES, lambda route: route.abort())
    scored.evaluate("window.dash_ag_grid.getApi('clients').ensureIndexVisible(280, 'middle')")
    expect(scored.locator("html.cut-off")).to_have_count(1)
    scored.unroute(UPDATES)
    expect(scored.locator(".clients [row-id='280'] [col-id='client']")).to_have_text("C280", timeout=10_000)
    expect(scored.locator("html.cut-off")).to_have_count(0)


def test_a_key_that_is_held_moves_one_client_at_each_press(scored):
    for _ in range(150):
        scored.keyboard.press("j")
    case_is(scored, "C151")
    assert scored.evaluate(IS_IN_ROW, 151)


def test_a_search_that_finds_nobody_shows_nobody_says_why_and_is_taken_back_with_esc(scored):
    scored.keyboard.press("/")
    scored.keyboard.type("zzz")
    expect(scored.locator("#none-found")).to_have_text("No such client is in this list. Esc takes the search back.")
    expect(scored.locator("#case-title")).to_have_count(0)
    scored.keyboard.press("Escape")
    expect(scored.locator("#seek")).to_have_value("")
    case_is(scored, "C1")
    scored.keyboard.press("Escape")
    assert scored.evaluate(IS_IN_ROW, 1)
    scored.click(".tile.red")
    expect(scored.locator(".clients .verdict.green")).to_have_count(0)
    scored.fill("#seek", "zzz")
    expect(scored.locator("#none-found")).to_contain_text("among those with Decline, the only ones shown")


def test_the_result_and_the_table_have_names(scored):
    expect(scored.get_by_role("heading", name="clients.csv")).to_be_visible()
    expect(scored.locator(".clients [role=grid], .clients [role=treegrid]")).to_have_attribute("aria-label", "Clients")


def test_after_a_click_on_a_chip_the_name_is_in_sight(scored):
    to_a_chip(scored)
    scored.click(".chip >> nth=0")
    expect(scored.locator(".chip[aria-pressed=true]")).to_have_count(1)
    expect(scored.locator("#case-title")).to_be_in_viewport(ratio=1)
    assert scored.evaluate("document.getElementById('case').scrollTop") == 0


def test_a_late_answer_to_a_chip_is_not_shown_as_another_clients(scored):
    to_a_chip(scored)
    with held_back(scored, "what-if") as late:
        scored.click(".chip >> nth=0")
        scored.wait_for_timeout(100)
        before = scored.inner_text("#case-title")
        scored.keyboard.press("j")
        expect(scored.locator("#case-title")).not_to_have_text(before)
        own = scored.inner_text("#case-answer")
        assert late
    scored.wait_for_timeout(1000)
    assert scored.inner_text("#case-answer") == own


def test_a_tile_and_a_search_right_after_it_both_count_on_a_slow_network(scored):
    with held_back(scored, '{"tile":["ALL"]}'):
        scored.keyboard.press("3")
        scored.keyboard.press("/")
        scored.keyboard.type("c1")
        scored.wait_for_timeout(600)
    expect(scored.locator(".tile.red")).to_have_attribute("aria-pressed", "true")
    filters = "Object.keys(window.dash_ag_grid.getApi('clients').getFilterModel())"
    scored.wait_for_function(f"{filters}.sort().join() === 'client,verdict'")


def test_on_a_phone_the_way_back_leads_to_the_list_and_two_buttons_from_case_to_case(page, clients):
    page.set_viewport_size(PHONE)
    address = page.url
    page.evaluate(DROP, ["clients.csv", clients])
    # The eye is led to what came out, and Enter does not choose another file.
    expect(page.locator(".headline h2")).to_be_focused(timeout=20_000)
    assert page.locator("#clients").bounding_box()["y"] < 450
    page.tap(".clients [row-id='1'] [col-id='risk']")
    expect(page.locator("#case")).to_be_visible()
    expect(page.locator("#case-before")).to_be_disabled()
    # It has the screen for itself: Tab leads to nothing behind it.
    page.focus("#case-next")
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.matches('body, #case, #case *')")
    page.tap("#case-next")
    case_is(page, "C2")
    page.tap("#case-before")
    case_is(page, "C1")
    page.go_back()
    expect(page.locator("#case")).to_be_hidden()
    assert page.url == address
    page.go_forward()
    expect(page.locator("#case")).to_be_visible()
    # Loaded anew it begins at the list, and the way back leads there again.
    page.reload()
    page.tap(".clients [row-id='1'] [col-id='risk']")
    expect(page.locator("#case")).to_be_visible()
    page.tap("#back")
    expect(page.locator("#case")).to_be_hidden()
    expect(page.locator("#clients")).to_be_visible()


def test_a_file_is_shown_where_every_answer_takes_longer_than_the_page_waits_to_look_again(page, clients):
    slow = page.context.new_cdp_session(page)
    slow.send("Network.enable")
    limits = {"offline": False, "latency": 900, "downloadThroughput": -1, "uploadThroughput": -1}
    slow.send("Network.emulateNetworkConditions", limits)
    page.evaluate(DROP, ["slow.csv", clients])
    case_is(page, "C1")


def test_who_presses_score_again_twice_has_the_file_scored_once_more(page, clients):
    file = clients.replace("C", "D")
    page.evaluate(DROP, ["twice.csv", file])
    case_is(page, "D1")
    page.evaluate(DROP, ["twice.csv", file])
    page.wait_for_selector("#score-again")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/uploads") else None)
    # What is refused can be pressed once more.
    page.route("**/uploads", lambda route: route.fulfill(status=503, json={"error": {"message": "No room."}}))
    page.click("#score-again")
    expect(page.locator("#sending")).to_have_text("No room.")
    page.unroute("**/uploads")
    page.evaluate("for (let n = 0; n < 2; n++) document.getElementById('score-again').click()")
    expect(page.locator("#score-again")).to_have_count(0)
    page.wait_for_timeout(1000)
    assert len(sent) == 2


def test_pause_and_stop_keep_the_focus_and_only_a_quarter_is_heard(page):
    page.evaluate(DROP, ["many.csv", MANY])
    page.wait_for_selector("#pause", timeout=20_000)
    page.evaluate("window.first = document.getElementById('pause')")
    page.focus("#pause")
    page.keyboard.press("Enter")
    expect(page.locator("#pause")).to_have_text("Go on")
    expect(page.locator("#working-spoken")).to_have_text("Paused.")
    page.keyboard.press("Enter")
    expect(page.locator("#pause")).to_have_text("Pause")
    expect(page.locator("#working-text")).to_contain_text(" scored.", timeout=60_000)
    assert page.evaluate("document.activeElement === window.first")
    expect(page.locator("#working-spoken")).to_have_text(re.compile(r"^(Being scored|(25|50|75|100) % scored)\.$"))
    page.keyboard.press("Tab")
    expect(page.locator("#stop")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_selector(".result", timeout=60_000)
    page.wait_for_function(IS_IN_ROW, arg=1)


def test_a_card_is_not_drawn_anew_while_its_file_is_scored(page, clients):
    page.evaluate(DROP, ["many.csv", MANY.replace("61", "62")])
    page.wait_for_selector("#pause", timeout=20_000)
    # What is scored on the stage has no second card there.
    assert page.locator(".batch:has-text('many.csv') button:has-text('Stop')").count() == 0
    page.evaluate(DROP, ["clients.csv", clients])
    pause = page.get_by_role("button", name="Pause: many.csv")
    pause.focus()
    page.evaluate("window.first = document.activeElement")
    pause.click()
    go_on = page.get_by_role("button", name="Go on: many.csv")
    expect(go_on).to_be_focused()
    expect(page.locator(".batch.paused:has-text('many.csv')")).to_be_visible()
    page.get_by_role("button", name="Stop: many.csv").press("Enter")
    page.wait_for_function("() => document.activeElement.closest('#batches')")


def test_who_presses_score_the_applicant_twice_has_them_scored_once(page):
    page.click("#fill-in-open")
    page.wait_for_selector("#fill-in .field input")
    for name, text in {"age_years": "61", "amount_eur": "2000", "housing": "own"}.items():
        page.locator(f'[id=\'{{"fill":"{name}","part":"cell"}}\']').fill(text)
    page.wait_for_timeout(1000)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data or ""))
    page.evaluate("for (let n = 0; n < 2; n++) document.getElementById('fill-in-score').click()")
    page.wait_for_selector("#case-title")
    page.wait_for_timeout(500)
    assert sum('"fill-in-score.n_clicks"' in body for body in sent) == 1
