"""Signing in and out in a browser, whose own rules about origins and cookies no test client has."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.security.provider import CLIENT_ID, SECRET, running_provider
from webapp import accounts

PASSWORD = "correct horse battery"
CLIENTS = b"client,age_years,amount_eur,income_eur,housing\nA7,61,2000,52000,own\n"


def test_a_clerk_signs_in_scores_a_file_and_signs_out(browser: Browser, corner_settings, serve_web):
    accounts.add_user(corner_settings.home, "anna", "clerk", PASSWORD)
    web = serve_web(corner_settings)
    page = browser.new_page(viewport={"width": 390, "height": 800})
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))

    page.goto(web.url)
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill("a wrong password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("do not fit together")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator("#drop").wait_for()
    clerks = {"name": "clients.csv", "mimeType": "text/csv", "buffer": CLIENTS}
    page.locator("input[type=file]").set_input_files([clerks])
    page.locator(".headline").wait_for(state="attached")
    assert broken == []

    accounts.change_user(corner_settings.home, "anna", password=f"{PASSWORD} 2")
    page.evaluate("dash_clientside.set_props('heartbeat', {n_intervals: 1e6})")
    page.get_by_label("Name").wait_for()  # the page finds out by itself that the session is over
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(f"{PASSWORD} 2")
    page.keyboard.press("Enter")
    page.locator(".headline").wait_for(state="attached")  # what was scored is still there
    page.get_by_role("button", name="‹ Clients").click()  # the one client's case is a page of its own at this width
    page.get_by_role("link", name="anna clerk").click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    page.goto(web.url)
    page.wait_for_url("**/login")
    page.close()


def test_a_clerk_signs_in_with_a_provider_on_another_site(browser: Browser, corner_settings, serve_web, monkeypatch):
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the provider's side of Authlib wants TLS elsewhere
    with running_provider() as provider:
        provider.person = {"sub": "u-1", "preferred_username": "anna", "groups": ["counter"]}
        given = {
            "oidc_issuer": provider.url,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": SECRET,
            "oidc_roles": "groups:counter=clerk",
        }
        # By this name the app is another site than the provider, which keeps its strict cookies back.
        ours = serve_web(corner_settings.model_copy(update=given)).url.replace("127.0.0.1", "localhost")
        provider.way_back = f"{ours}/login/oidc/back"
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.goto(ours)
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.get_by_role("link", name="Sign in with 127.0.0.1").click()
        page.locator("#drop").wait_for()
        page.get_by_role("link", name="anna (127.0.0.1) clerk").click()
        provider.person["groups"] = []
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("link", name="Sign in with 127.0.0.1").click()
        expect(page.get_by_role("alert")).to_contain_text("no group of yours has a role here")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.close()
