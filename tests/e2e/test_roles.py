"""Every page in a browser as clerk, analyst and approver: what each sees, may do, and is refused in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, Response, expect

from creditrisk.scoring import evaluation_of
from tests.conftest import Web, corner_home, write_forty_clients
from webapp import accounts
from webapp.access import ROLES, page_permission
from webapp.pages import find_pages

PASSWORD = "correct horse battery"
ADDRESSES = [page.PATH for page in find_pages()]


@pytest.fixture(scope="module")
def web(corner_scorer, serve_web, tmp_path_factory: pytest.TempPathFactory) -> Web:
    """An app with an account in each role."""
    risks, target = np.linspace(0.01, 0.6, 400), np.arange(400) % 5 == 0
    groups = {"Age": np.repeat(["young", "old"], 200)}
    evaluation = evaluation_of(risks, np.full(400, 0.1), target, groups, (0.8, 0.75, 0.85))
    scorer = replace(corner_scorer, metrics={"evaluation": evaluation})
    settings = corner_home(scorer, tmp_path_factory.mktemp("roles"))
    for role in ROLES:
        accounts.add_user(settings.home, role, role, PASSWORD)
    return serve_web(settings.model_copy(update={"web_workers": 1}))


def _refused(answer: Response) -> str:
    """What a page sent that the app did not take."""
    if answer.status < 400 or not answer.url.endswith("/_dash-update-component"):
        return ""
    return f"{answer.status} {answer.text()} {answer.request.post_data}"


@contextmanager
def signed_in(web: Web, browser: Browser, role: str) -> Iterator[Page]:
    """A browser in which somebody with a role is signed in; nothing may break in it."""
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("response", lambda answer: broken.append(_refused(answer)) if _refused(answer) else None)
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


def test_an_approver_moves_the_cutoffs_in_money_and_saves_them(web, browser, tmp_path):
    with signed_in(web, browser, "approver") as page:
        page.locator("input[type=file]").set_input_files([write_forty_clients(tmp_path / "clients.csv")])
        page.locator(".clients [row-id] [col-id=client]").first.wait_for()
        page.goto(f"{web.url}/model")
        panel = page.get_by_label("Cut-offs", exact=True)
        expect(panel).to_contain_text("Then (not moved)")
        offer = panel.get_by_label("Offer up to")
        before = float(offer.input_value())
        offer.focus()
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
        expect(page.locator("#approve-below-said")).to_have_text(f"{before - 1.5:g} of 100")
        expect(panel).not_to_contain_text("Then (not moved)")
        panel.get_by_label("One good loan earns, in EUR").fill("1250")
        expect(panel).to_contain_text("Cost of 100 applicants, EUR")
        panel.get_by_role("button", name="Who would get another verdict?").click()
        expect(page.locator("#changes")).to_contain_text("this version decided about")
        page.locator("#cutoffs-why").fill("fewer offers")
        page.locator("#save-cutoffs").click()
        expect(page.locator("#sending")).to_contain_text("Saved")
        assert float(offer.input_value()) == before - 1.5
        page.locator("#cutoffs-why").fill("as before")
        page.locator("#own-cutoffs").click()
        expect(panel.get_by_label("Offer up to")).to_have_value(f"{before:g}")


def test_what_the_app_refuses_a_page_is_said_there(web, browser):
    with signed_in(web, browser, "approver") as page:
        page.goto(f"{web.url}/model")
        page.locator("#stop-switch").wait_for()
        page.evaluate(
            """() => fetch("/ui/model/_dash-update-component?by=hand", {
                method: "POST", body: "{}", headers: {"Content-Type": "application/json"},
            })"""
        )
        expect(page.locator("#sending")).to_contain_text("This is not what the page sends.")


@pytest.mark.parametrize("address", ADDRESSES)
def test_whatever_is_pressed_typed_or_moved_the_app_takes_what_the_page_sends(web, browser, address, tmp_path):
    with signed_in(web, browser, "approver") as page:
        page.locator("input[type=file]").set_input_files([write_forty_clients(tmp_path / "clients.csv")])
        page.locator(".clients [row-id] [col-id=client]").first.wait_for()
        page.goto(f"{web.url}{address}")
        page.locator("main").wait_for()
        page.wait_for_timeout(1_000)  # for what is drawn once the page is there
        for kind in ("input[type=range]", "input[type=number]", "input[type=text], textarea", "select", "button"):
            for control in page.locator(f"main :is({kind}):visible:enabled").all():
                if control.is_visible() and control.is_enabled():
                    use(control, kind)
                    if page.locator("dialog[open]").count():
                        page.keyboard.press("Escape")
        page.wait_for_timeout(1_000)


def use(control: Locator, kind: str) -> None:
    """Do with a control what a person does with it."""
    if kind == "button":
        control.click()
    elif kind == "select":
        control.press("ArrowDown")
    elif kind == "input[type=range]":
        control.press("ArrowRight")
    else:
        control.fill("7")
        control.press("Tab")
