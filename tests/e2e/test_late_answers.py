"""Pages whose answers come late: who goes on meanwhile loses no choice, and sees nothing of what was there before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from creditrisk.scoring import evaluation_of
from tests.conftest import Web, corner_home
from tests.unit.test_monitoring_page import CLIENTS, MODEL, keep, report

# Answers to the page's own questions that hold `window.late` come a second later; longer than the ticks of the pages.
LATE_MS = 1_000
LATER = f"""
const asking = window.fetch;
window.late = null;
window.fetch = async (resource, options) => {{
  const isLate = window.late !== null && String((options || {{}}).body).includes(window.late);
  const answer = await asking(resource, options);
  if (isLate) await new Promise((done) => setTimeout(done, {LATE_MS}));
  return answer;
}};
"""


@pytest.fixture(scope="module")
def web(corner_scorer, serve_web, tmp_path_factory: pytest.TempPathFactory) -> Web:
    """A home with two reports, each of two decisions."""
    risks, target = np.linspace(0.01, 0.6, 400), np.arange(400) % 5 == 0
    evaluation = evaluation_of(risks, np.full(400, 0.1), target, {}, (0.8, 0.75, 0.85))
    scorer = replace(corner_scorer, metrics={"evaluation": evaluation})
    settings = corner_home(scorer, tmp_path_factory.mktemp("late")).model_copy(update={"web_workers": 1})
    keep(settings, report(6, first_seq=1, last_seq=2, model_version="3"))
    keep(settings, report(9, first_seq=3, last_seq=4, model_version="3"))
    return serve_web(settings)


@pytest.fixture(scope="module")
def scored(web: Web, browser: Browser):
    """A page of an app that has decided about four clients, and knows what became of two."""
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.add_init_script(LATER)
    assert page.request.post(f"{web.url}/api/v1/score", data={"applications": CLIENTS}).ok
    known = [
        {"application_id": client["client"], "default": 0, "observed_on": "2026-01-31", "model": MODEL}
        for client in CLIENTS[:2]
    ]
    assert page.request.post(f"{web.url}/api/v1/outcomes", data={"outcomes": known}).ok
    yield page
    page.close()


@pytest.fixture
def page(scored: Page) -> Page:
    return scored


def answer_late(page: Page, what: str) -> None:
    """From now on, the answers to what the page asks with this text in it come late."""
    page.evaluate("what => { window.late = what }", what)


def pressed(page: Page, inside: str) -> list[str]:
    return page.locator(f"{inside} button[aria-pressed=true]:visible").all_inner_texts()


def test_two_choices_in_history_stand_beside_each_other(page, web):
    page.goto(f"{web.url}/history")
    page.locator("#decisions .verdict").first.wait_for()
    answer_late(page, "")
    page.locator(".filters").get_by_role("button", name="Offer").click()
    page.locator(".filters").get_by_role("button", name="API").click()
    page.wait_for_timeout(2 * LATE_MS)
    assert pressed(page, ".filters") == ["✓ Offer", "API"]


def test_what_is_told_of_one_client_does_not_come_to_the_next(page, web):
    page.goto(f"{web.url}/history")
    page.locator("#decisions .verdict").first.wait_for()
    page.fill("#sought", "C20")
    page.click("#find")
    expect(page.locator(".client-number")).to_have_text("C20")
    answer_late(page, '"events"')
    page.locator("#client").get_by_role("button", name="Outcomes").click()
    page.fill("#sought", "C30")
    page.click("#find")
    expect(page.locator(".client-number")).to_have_text("C30")
    page.wait_for_timeout(2 * LATE_MS)
    assert pressed(page, "#client .choices") == ["Decisions 1", "Outcomes 1"]
    expect(page.locator("#client .event")).to_have_count(2)
    expect(page.locator("#client")).not_to_contain_text("entry 1 ")

    # Both kinds, pressed before either is answered.
    for kind in ("Outcomes", "Decisions"):
        page.locator("#client").get_by_role("button", name=kind).click()
    expect(page.locator("#client .event")).to_have_count(0)
    assert pressed(page, "#client .choices") == []


def test_a_check_of_the_log_ends_on_the_page_however_slow_its_answers(page, web):
    page.goto(f"{web.url}/history")
    page.locator("#decisions .verdict").first.wait_for()
    answer_late(page, "proof")
    page.click("#check-log")
    expect(page.locator("#proof")).to_contain_text("Last checked")
    expect(page.locator("#proof progress")).to_have_count(0)


def test_a_list_of_verdicts_is_not_of_cutoffs_that_were_left(page, web):
    page.goto(f"{web.url}/model")
    page.locator("#approve-below").focus()
    answer_late(page, "list-changes.n_clicks")
    page.click("#list-changes")
    page.locator("#approve-below").press("ArrowLeft")
    page.wait_for_timeout(2 * LATE_MS)
    expect(page.locator("#changes")).to_be_empty()
    page.click("#list-changes")
    expect(page.locator("#changes")).to_contain_text("of the last 4 clients")


def test_who_presses_the_stop_switch_twice_is_not_told_of_somebody_else(page, web):
    page.goto(f"{web.url}/model")
    page.fill("#stop-why", "wrong data")
    answer_late(page, "stop-switch")
    page.click("#stop-switch")
    expect(page.locator("#stop-switch")).to_be_disabled()
    expect(page.locator("#sending")).to_contain_text("Scoring is stopped")
    page.fill("#stop-why", "mended")
    expect(page.locator("#sending")).to_be_empty()  # it was of the last change
    page.click("#stop-switch")
    expect(page.locator("#sending")).to_contain_text("Scoring goes on")


def test_the_cases_of_one_report_do_not_come_to_the_next(page, web):
    page.goto(f"{web.url}/monitoring")
    page.get_by_text("The figures as a table").first.press("Enter")
    page.get_by_role("button", name="31 Mar 2024, 06:00").first.press("Enter")
    expect(page.locator(".cases")).to_contain_text("C20")
    answer_late(page, "by-field")
    page.locator(".cases").get_by_role("button", name="Age").click()
    page.get_by_role("button", name="31 Mar 2024, 09:00").first.press("Enter")
    expect(page.locator(".cases")).to_contain_text("C60")
    page.wait_for_timeout(2 * LATE_MS)
    expect(page.locator(".cases")).to_contain_text("C60")
    expect(page.locator(".cases")).not_to_contain_text("C20")


def test_two_choices_of_reports_stand_beside_each_other(page, web):
    page.goto(f"{web.url}/monitoring")
    page.locator("#found table").wait_for()
    answer_late(page, "sought-level")
    levels = page.locator(".search")
    levels.get_by_role("button", name="act").click()
    page.fill("#sought-text", "nothing of the kind")
    page.press("#sought-text", "Enter")
    expect(page.locator("#found")).to_contain_text("No report fits")
    assert pressed(page, ".search") == ["act"]
