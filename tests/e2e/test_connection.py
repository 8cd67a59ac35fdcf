"""The page while the app is away: it says so within five seconds, takes it back, and tells what became of the file."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect

from creditrisk.decision_log import DecisionLog
from creditrisk.settings import Settings
from webapp import policy_changes
from webapp.access import local_caller
from webapp.app import create_app

DROP = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, { type: 'text/csv' }));
  document.querySelector('#drop').dispatchEvent(
    new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }));
}"""
HEADER = "client,age_years,amount_eur,income_eur,housing"
FEW = "\n".join([HEADER, *(f"{n},{20 + n % 50},2000,52000,own" for n in range(200))])
# So many that they are in work still when a fast machine's page first looks.
N_MANY = 150_000
MANY = "\n".join([HEADER, *(f"{n},61,2000,52000,own" for n in range(N_MANY))])
# The issue's own limit, in milliseconds.
SOON = 5_000


@pytest.fixture
def corner_settings(corner_settings: Settings) -> Settings:
    """Settings that take the file of many."""
    return corner_settings.model_copy(update={"upload_max_mb": 10})


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page whose console may complain: a server that is killed makes it."""
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    yield page
    page.close()


def n_decisions(settings: Settings) -> int:
    log = DecisionLog(settings.decision_log)
    try:
        return sum(log.counts_by_verdict().values())
    finally:
        log.close()


def welcome(page, url):
    """Open the page, and wait until it can take a file."""
    page.goto(url)
    page.wait_for_selector(".welcome")


def test_after_kill_9_and_a_restart_the_file_is_finished_by_itself(page, serve_web, corner_settings):
    web = serve_web(corner_settings)
    welcome(page, web.url)
    expect(page.locator("#connection")).to_be_hidden()
    page.evaluate(DROP, ["clients.csv", MANY])
    page.wait_for_selector(".working:has-text(' scored. ')", timeout=60_000)

    web.kill()
    expect(page.locator("#connection")).to_be_visible(timeout=SOON)
    expect(page.locator("#connection")).to_contain_text("The connection to the app is lost.")
    expect(page.locator("#last-answer")).to_have_text(re.compile(r"^\d\d:\d\d$"))
    expect(page.locator("#status")).to_contain_text("no connection", use_inner_text=True)
    expect(page.locator("#status")).not_to_contain_text("Registry away", use_inner_text=True)
    expect(page.locator(".working")).not_to_contain_text(" scored. ", use_inner_text=True)
    page.evaluate(DROP, ["another.csv", FEW])
    expect(page.locator("#sending")).to_contain_text("Nothing of it was scored.")
    time.sleep(2)  # it goes on trying
    expect(page.locator("#connection")).to_be_visible()

    refused = []
    page.on("response", lambda answer: refused.append(answer.status) if 400 <= answer.status < 500 else None)
    serve_web(corner_settings, web.port)
    expect(page.locator("#connection")).to_be_hidden(timeout=15_000)
    expect(page.locator("#status")).not_to_contain_text("no connection", use_inner_text=True)
    assert refused == []
    expect(page.locator("#sending")).to_contain_text("another.csv was being sent. Nothing of it was scored.")
    page.reload()
    expect(page.locator(".result")).to_contain_text(f"{N_MANY:,} clients", timeout=120_000)
    assert n_decisions(corner_settings) == N_MANY


def test_an_app_that_is_told_to_end_goes_on_with_the_file_from_where_it_was(page, serve_web, corner_settings):
    web = serve_web(corner_settings)
    welcome(page, web.url)
    page.evaluate(DROP, ["clients.csv", MANY])
    page.wait_for_selector(".working:has-text(' scored. ')", timeout=60_000)
    web.process.terminate()
    assert web.process.wait(30) == 0
    expect(page.locator("#connection")).to_be_visible(timeout=SOON)
    expect(page.locator(".working")).to_contain_text("goes on with this file by itself", use_inner_text=True)
    n_before = n_decisions(corner_settings)
    assert n_before < N_MANY

    serve_web(corner_settings, web.port)
    expect(page.locator("#connection")).to_be_hidden(timeout=15_000)
    with suppress(TimeoutError):  # a fast machine is through with it before anybody can stop it
        page.click("#stop", timeout=2_000)
    page.locator(".result").wait_for(timeout=60_000)
    said = page.inner_text(".result")
    told = re.search(r"stopped after ([\d,]+)", said) or re.search(r"([\d,]+) clients", said)
    assert n_before <= int(told[1].replace(",", "")) == n_decisions(corner_settings)


def test_the_header_follows_soon_and_at_once_when_its_tab_is_seen(page, serve_web, corner_settings):
    web = serve_web(corner_settings)
    welcome(page, web.url)
    context = create_app(corner_settings).extensions["creditrisk"]

    policy_changes.stop(context, local_caller(), "wrong data")
    expect(page.locator("#status")).to_contain_text("wrong data", timeout=SOON)

    # A tab that nobody sees asks hardly ever.
    page.evaluate("dash_clientside.set_props('heartbeat', {disabled: true})")
    time.sleep(1)
    policy_changes.go_on(context, local_caller(), "mended")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#status")).not_to_contain_text("wrong data", timeout=SOON)
    context.log.close()


def test_a_result_stays_as_it_was_when_the_app_answers_again(page, serve_web, corner_settings):
    web = serve_web(corner_settings)
    welcome(page, web.url)
    page.evaluate(DROP, ["clients.csv", FEW])
    page.wait_for_selector(".clients .verdict", timeout=30_000)
    page.click(".tile >> nth=0")
    expect(page.locator(".tile >> nth=0")).to_have_attribute("aria-pressed", "true")
    page.evaluate("document.querySelector('.clients').dataset.mark = 'the same table'")

    # It hangs, and not even the connection breaks.
    os.killpg(web.process.pid, signal.SIGSTOP)
    try:
        expect(page.locator("#connection")).to_be_visible(timeout=SOON)
    finally:
        os.killpg(web.process.pid, signal.SIGCONT)
    expect(page.locator("#connection")).to_be_hidden(timeout=15_000)

    # It is healthy, but what the page asks of it fails.
    page.route("**/_dash-update-component*", lambda route: route.abort())
    page.click(".tile >> nth=1")
    expect(page.locator("#connection")).to_be_visible(timeout=SOON)
    page.unroute("**/_dash-update-component*")
    expect(page.locator("#connection")).to_be_hidden(timeout=15_000)

    time.sleep(1)  # time enough for the page to draw it anew
    expect(page.locator(".clients[data-mark='the same table']")).to_be_visible()
    # What was pressed meanwhile holds.
    expect(page.locator(".tile >> nth=1")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".tile >> nth=0")).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".clients .verdict")).to_have_count(0)
