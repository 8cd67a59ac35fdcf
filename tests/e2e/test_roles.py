"""Every page in a browser as clerk, analyst and approver: what each sees, may do, and is refused in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Web, corner_home, write_forty_clients
from webapp import accounts
from webapp.access import ROLES, page_permission
from webapp.pages import find_pages

PASSWORD = "correct horse battery"
ADDRESSES = [page.PATH for page in find_pages()]


@pytest.fixture(scope="module")
def web(corner_scorer, serve_web, tmp_path_factory: pytest.TempPathFactory) -> Web:
    """An app with an account in each role."""
    settings = corner_home(corner_scorer, tmp_path_factory.mktemp("roles"))
    for role in ROLES:
        accounts.add_user(settings.home, role, role, PASSWORD)
    return serve_web(settings.model_copy(update={"web_workers": 1}))


@contextmanager
def signed_in(web: Web, browser: Browser, role: str) -> Iterator[Page]:
    """A browser in which somebody with a role is signed in; nothing may break in it."""
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.goto(web.url)
    page.get_by_label("Name").fill(role)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("#drop").wait_for()
    yield page
    assert broken == []
    page.close()


@pytest.mark.parametrize("role", ROLES)
def test_every_page_is_open_or_refused_as_the_role_says(web, browser, role, tmp_path):
    allowed = [address for address in ADDRESSES if page_permission(address) in ROLES[role]]
    with signed_in(web, browser, role) as page:
        page.locator("input[type=file]").set_input_files([write_forty_clients(tmp_path / f"of {role}.csv")])
        page.locator(".clients [row-id] [col-id=client]").first.click()
        expect(page.locator("#case-answer")).to_contain_text("of 100")

        links = page.locator(".shell > .side a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
        assert links == [*allowed, "/api/docs"]
        for address in ADDRESSES:
            answer = page.goto(f"{web.url}{address}")
            if address in allowed:
                assert answer.status == 200
                expect(page.locator("h1")).to_be_visible()
                expect(page.locator("header .account")).to_have_text(f"{role} {role}")
                assert "went wrong" not in page.locator("main").inner_text()
            else:
                assert answer.status == 403
                expect(page.locator("body")).to_contain_text(f"and yours is {role}")
        page.goto(f"{web.url}/history")
        expect(page.get_by_text(f"of {role}.csv").first).to_be_visible()
        assert page.goto(f"{web.url}/api/docs").status == 200


def test_an_analyst_sees_how_the_model_is_and_no_button_that_changes_it(web, browser):
    with signed_in(web, browser, "analyst") as page:
        page.goto(f"{web.url}/model")
        expect(page.get_by_label("Stop switch")).to_contain_text("Only an approver may do that.")
        expect(page.locator("#stop-switch, #save-cutoffs, #roll-back")).to_have_count(0)


def test_an_approver_stops_the_model_and_lets_it_decide_again(web, browser):
    with signed_in(web, browser, "approver") as page:
        page.goto(f"{web.url}/model")
        page.locator("#stop-why").fill("wrong data")
        page.locator("#stop-switch").click()
        page.get_by_role("heading", name="Scoring is stopped").wait_for()
        expect(page.locator("header #status")).to_contain_text("wrong data")
        page.locator("#stop-why").fill("mended")
        page.locator("#stop-switch").click()
        page.get_by_role("heading", name="Stop switch").wait_for()
        # Who did it, and why, is what the history says.
        expect(page.get_by_role("row").filter(has_text="mended")).to_contain_text("approver")
