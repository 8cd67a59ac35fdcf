"""What leads from one page to what stands on another: by keyboard, and with nothing about a client in an address."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Web, corner_home, write_forty_clients
from tests.unit.test_monitoring_page import CLIENTS, keep, report
from webapp.pages.report_charts import moment


@pytest.fixture(scope="module")
def settings(corner_scorer, tmp_path_factory: pytest.TempPathFactory):
    """A home in which a report was made of the first four decisions."""
    settings = corner_home(corner_scorer, tmp_path_factory.mktemp("home")).model_copy(update={"web_workers": 1})
    keep(settings, report(6, first_seq=1, last_seq=4, model_version="3"))
    return settings


@pytest.fixture(scope="module")
def web(settings, serve_web) -> Web:
    return serve_web(settings)


@pytest.fixture(scope="module")
def page(web: Web, browser: Browser):
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    answer = page.request.post(f"{web.url}/api/v1/score", data={"applications": CLIENTS})
    assert answer.ok
    yield page
    page.close()


def pressed(page: Page) -> str | None:
    return page.evaluate("document.activeElement.getAttribute('aria-pressed')")


def test_the_keyboard_leads_from_a_report_to_a_bar_a_client_and_its_history(page, web):
    page.goto(f"{web.url}/monitoring")
    page.get_by_text("The figures as a table").first.press("Enter")
    page.get_by_role("button", name=moment("2024-03-31T06:00:00+00:00")).first.press("Enter")
    expect(page.get_by_role("heading", name="Report of 31 Mar 2024")).to_be_focused()
    bar = page.locator(".value-bins button").last
    bar.press("Enter")
    expect(page.locator(".cases > p")).to_contain_text("Predicted risk:")
    assert pressed(page) == "true"  # the bar still has the keyboard
    page.keyboard.press("Enter")
    expect(page.locator(".cases > p")).to_have_text("4 decisions.")

    page.get_by_role("button", name="C30").press("Enter")
    expect(page.locator(".client-number")).to_have_text("C30")
    assert page.url == f"{web.url}/history"
    assert page.evaluate("[sessionStorage.length, localStorage.length]") == [0, 0]
    page.reload()
    page.locator("#decisions .verdict").first.wait_for()
    expect(page.locator(".client-number")).to_have_count(0)


def test_a_file_in_history_leads_to_its_clients(page, web, tmp_path):
    page.goto(web.url)
    page.locator("#drop").wait_for()
    page.locator("input[type=file]").set_input_files([write_forty_clients(tmp_path / "forty.csv")])
    page.locator(".clients .verdict").first.wait_for()
    page.evaluate("sessionStorage.clear()")
    page.goto(f"{web.url}/history")
    page.get_by_role("button", name="Show forty.csv on Score clients").press("Enter")
    expect(page.locator(".headline")).to_contain_text("forty.csv")
    assert page.url == f"{web.url}/"
