"""Every page by axe-core, in both themes and at every width, and the shell by the keyboard alone.

Pages are found, not named: a new one is checked because it lies there.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.conftest import corner_home, write_forty_clients
from webapp import accounts
from webapp.pages import find_pages

PASSWORD = "correct horse battery"
WIDTHS = (390, 768, 1366)
# A window of 1366 pixels at 200 % is a page of so many.
ZOOMED = 683
ADDRESSES = [*(page.PATH for page in find_pages()), "/account"]


@pytest.fixture(scope="module")
def web(corner_scorer, serve_web, tmp_path_factory: pytest.TempPathFactory):
    """An app with accounts, so that the door is a page, too."""
    settings = corner_home(corner_scorer, tmp_path_factory.mktemp("seen"))
    accounts.add_user(settings.home, "anna", "approver", PASSWORD)
    return serve_web(settings.model_copy(update={"web_workers": 1}))


@pytest.fixture(scope="module")
def page(web, browser: Browser) -> Iterator[Page]:
    """One page for all tests, signed in by the first, which also looks at the door."""
    page = browser.new_page()
    page.goto(web.url)
    assert grave_faults(page) == []
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("#drop").wait_for()
    yield page
    page.close()


def grave_faults(page: Page) -> list[str]:
    """What axe-core calls serious or critical, or scrolls sideways, in every theme and at every width."""
    faults = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 768})
            found = Axe().run(page).response["violations"]
            grave = [one for one in found if one["impact"] in ("serious", "critical")]
            faults += [
                f"{scheme} {width}: {one['id']} at {node['target']}: {node['failureSummary']}"
                for one in grave
                for node in one["nodes"]
            ]
    for width in (*WIDTHS, ZOOMED):
        page.set_viewport_size({"width": width, "height": 768})
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            faults.append(f"{width}: the page scrolls sideways")
    return faults


@pytest.mark.parametrize("address", ADDRESSES)
def test_axe_finds_nothing_grave_on_a_page(page, web, address):
    page.goto(f"{web.url}{address}")
    page.locator("h1").first.wait_for(state="attached")
    assert grave_faults(page) == []


def test_axe_finds_nothing_grave_on_a_scored_file_and_a_client(page, web, tmp_path):
    page.goto(web.url)
    page.locator("input[type=file]").set_input_files([write_forty_clients(tmp_path / "clients.csv")])
    # The first file that this app is given, beside whatever else the machine does.
    page.locator(".clients [row-id] [col-id=client]").first.click(timeout=90_000)
    page.locator("#case-answer").wait_for()
    assert grave_faults(page) == []


def test_axe_finds_nothing_grave_on_a_question_about_columns_and_on_a_list_of_faults(page, web, tmp_path):
    page.goto(web.url)
    text = write_forty_clients(tmp_path / "clients.csv").read_text()
    asks, faulty = tmp_path / "asks.csv", tmp_path / "faulty.csv"
    asks.write_text(text.replace("amount_eur", "Wanted", 1))
    header, first, *others = text.splitlines()
    age = header.split(",").index("age_years")
    cells = first.split(",")
    faulty.write_text("\n".join([header, ",".join([*cells[:age], "abc", *cells[age + 1 :]]), *others]))
    page.locator("input[type=file]").set_input_files([asks])
    page.locator(".doctor h2").wait_for()
    assert grave_faults(page) == []
    page.locator("input[type=file]").set_input_files([faulty])
    page.locator(".attention summary").click()
    page.locator(".how-read summary").click()
    page.locator(".how-read .preview").wait_for()
    page.evaluate("document.querySelector('#batches details').open = true")
    assert grave_faults(page) == []


def test_no_table_is_cut_on_a_narrow_screen(page, web, tmp_path):
    page.set_viewport_size({"width": 390, "height": 768})
    page.goto(web.url)
    page.locator("#drop").wait_for()
    page.locator("input[type=file]").set_input_files([write_forty_clients(tmp_path / "a file with a long name.csv")])
    page.locator(".clients .verdict").first.wait_for()
    page.goto(f"{web.url}/history")
    page.locator("#decisions .verdict").first.wait_for()
    assert page.locator("[data-head='What came of it'] .verdict").count()
    cut = "tables => tables.filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText)"
    assert page.locator(".scroll").evaluate_all(cut) == []
    grid = page.locator("#decisions").bounding_box()
    for column in ("client", "verdict", "risk"):
        box = page.locator(f"#decisions [row-id] [col-id={column}]").first.bounding_box()
        assert box["x"] >= grid["x"]
        assert box["x"] + box["width"] <= grid["x"] + grid["width"]


def focused(page: Page) -> str:
    """The text of what has the keyboard."""
    return str(page.evaluate("document.activeElement.innerText")).strip()


def tab_to(page: Page, text: str) -> None:
    """Press Tab until something with this text has the keyboard, and shows that it has it."""
    for _ in range(20):
        page.keyboard.press("Tab")
        if focused(page) == text:
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            return
    raise AssertionError(f"the keyboard does not reach {text}; it stands at {focused(page)}")


def test_the_keyboard_alone_leads_from_page_to_page(page, web):
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto(web.url)
    page.locator("#drop").wait_for()
    tab_to(page, "Status")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Status", exact=True)).to_be_visible()
    expect(page.locator(".shell > .side [aria-current]")).to_have_text("Status")

    page.set_viewport_size({"width": ZOOMED, "height": 384})
    page.reload()
    page.locator("h1").wait_for()
    tab_to(page, "Menu")
    page.keyboard.press("Enter")
    tab_to(page, "Score clients")
    page.keyboard.press("Enter")
    page.locator("#drop").wait_for()
    expect(page.locator(".menu[open]")).to_have_count(0)
