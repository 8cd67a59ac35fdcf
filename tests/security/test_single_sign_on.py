"""Signing in with an OpenID Connect provider: who gets in, in which role, and what opens nothing."""

import socket
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc.jwk import RSAKey

from creditrisk.errors import SettingsError
from creditrisk.settings import Settings
from tests.conftest import corner_home
from tests.security.conftest import GOOD
from tests.security.provider import CLIENT_ID, SECRET, running_provider
from webapp import accounts
from webapp.app import create_app
from webapp.sign_in import COOKIE
from webapp.single_sign_on import provider_of

ROLES = "groups:counter=clerk,risk=analyst,heads=approver"
OURS = {"Origin": "http://localhost"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the provider's side of Authlib wants TLS elsewhere
        with running_provider() as provider:
            yield provider


@pytest.fixture
def provider(running):
    running.person = {"sub": "u-1", "preferred_username": "anna", "groups": ["others", "counter"]}
    running.claims, running.shown = {}, None
    return running


@pytest.fixture(scope="module")
def app(running, corner_scorer, tmp_path_factory):
    home = corner_home(corner_scorer, tmp_path_factory.mktemp("sso")).home
    secret = home / "secret"
    secret.write_text(f"{SECRET}\n")
    settings = Settings(
        home=home, mlflow_uri="http://127.0.0.1:9", oidc_issuer=running.url, oidc_client_id=CLIENT_ID,
        oidc_client_secret_file=secret, oidc_roles=ROLES,
    )  # fmt: skip
    app = create_app(settings)
    app.extensions["creditrisk"].champion.look()
    return app


def begun(client, wanted="/api/docs"):
    """The address that the provider sends the browser back to, after the person signed in there."""
    there = client.get(f"/login/oidc?next={wanted}")
    assert there.status_code == 303, there.text
    back = requests.get(there.headers["Location"], allow_redirects=False, timeout=10)
    assert back.status_code == 302, back.text
    return back.headers["Location"].removeprefix("http://localhost")


def signed_in(app):
    client = app.test_client()
    answer = client.get(begun(client))
    return client, answer


def refused(app, status=403):
    client, answer = signed_in(app)
    assert answer.status_code == status, answer.text
    assert client.get_cookie(COOKIE) is None
    assert client.post("/api/v1/score", json=GOOD, headers=OURS).status_code == 401
    return answer.text


def test_who_signs_in_works_in_their_role_and_the_log_names_them(app, provider):
    client, answer = signed_in(app)
    assert answer.status_code == 200
    assert 'content="0; url=/api/docs"' in answer.text
    assert "SameSite=Strict" in answer.headers.getlist("Set-Cookie")[0]
    assert client.post("/api/v1/score", json=GOOD, headers=OURS).status_code == 200
    assert client.post("/api/v1/outcomes", json={}, headers=OURS).status_code == 403
    log = app.extensions["creditrisk"].log
    with log.store.transaction() as connection:
        row = connection.exec_driver_sql("SELECT actor, role FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    assert tuple(row) == ("anna (127.0.0.1)", "clerk")
    client.post("/logout", headers=OURS)
    assert client.post("/api/v1/score", json=GOOD, headers=OURS).status_code == 401


@pytest.mark.parametrize(
    ("groups", "role"), [(["risk"], "analyst"), (["counter", "heads", "risk"], "approver"), ("counter", "clerk")]
)
def test_the_strongest_of_several_roles_counts(app, provider, groups, role):
    provider.person["groups"] = groups
    client, _ = signed_in(app)
    assert f"{role}" in client.get("/account").text


@pytest.mark.parametrize("groups", [[], ["others"], None, {"counter": 1}, ["Counter"], 3])
def test_who_has_no_role_here_is_told_so(app, provider, groups):
    provider.person["groups"] = groups
    assert "no group of yours has a role here" in refused(app)


def test_a_token_that_is_not_for_us_now_opens_nothing(app, provider):
    for wrong in (
        {"iss": "https://other.example"},
        {"aud": "another program"},
        {"aud": [CLIENT_ID, "another"], "azp": "another"},
        {"exp": int(time.time()) - 3600},
        {"iat": int(time.time()) + 3600},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"sub": None, "preferred_username": "a\nb"},
    ):
        provider.claims = wrong
        assert "could not be proved" in refused(app), wrong
    provider.claims, provider.shown = {}, RSAKey.generate_key(2048, {"kid": "1", "alg": "RS256"})
    assert "could not be proved" in refused(app)


def test_an_answer_opens_nothing_but_for_the_browser_that_began_and_once(app, provider):
    mine, other = app.test_client(), app.test_client()
    address = begun(mine)
    assert other.get(address).status_code == 403  # it began nothing
    begun(other)
    assert other.get(address).status_code == 403  # it began another one
    state = parse_qs(urlsplit(address).query)["state"][0]
    assert app.test_client().get(f"/login/oidc/back?state={state}&code=invented").status_code == 403
    assert mine.get(address).status_code == 200
    again = app.test_client()
    assert again.get(address).status_code == 403
    assert again.get_cookie(COOKIE) is None
    assert app.test_client().get("/login/oidc/back?error=access_denied").status_code == 403


def test_a_code_needs_the_verifier_that_never_left_the_browser(app, provider):
    client = app.test_client()
    address = begun(client)
    state, nonce, _, wanted = client.get_cookie("riskometer_sign_in").value.split(".", 3)
    client.set_cookie("riskometer_sign_in", ".".join((state, nonce, "x" * 43, wanted)))
    assert client.get(address).status_code == 403


def test_only_pages_of_ours_are_gone_on_to(app, provider):
    for elsewhere in ("//evil.example", "https://evil.example", "/login/oidc"):
        client = app.test_client()
        assert 'content="0; url=/"' in client.get(begun(client, elsewhere)).text


def test_everybody_has_to_sign_in_and_the_page_says_where(app, provider):
    client = app.test_client()
    assert client.post("/api/v1/score", json=GOOD).status_code == 401
    page = client.get("/login").text
    assert "Sign in with 127.0.0.1" in page
    assert "password" not in page  # there are no accounts of our own
    token = accounts.add_key(app.extensions["creditrisk"].settings.home, "program", ("score",))
    answer = client.post("/api/v1/score", json=GOOD, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200


def test_over_tls_the_cookies_go_no_other_way(app, provider, monkeypatch):
    monkeypatch.setattr("webapp.sign_in._is_tls", lambda: True)
    answer = app.test_client().get("/login/oidc")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-riskometer_sign_in=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "redirect_uri=https%3A%2F%2Flocalhost%2Flogin%2Foidc%2Fback" in answer.headers["Location"]


def test_a_provider_that_is_away_is_said(corner_settings):
    given = {"oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": "x", "oidc_roles": ROLES}
    client = create_app(corner_settings.model_copy(update=given)).test_client()
    answer = client.get("/login/oidc")
    assert (answer.status_code, "does not answer" in answer.text) == (503, True)


def test_a_provider_that_takes_its_time_is_not_waited_for_by_everybody(corner_settings, monkeypatch):
    monkeypatch.setattr("webapp.single_sign_on._PATIENCE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        given = {"oidc_issuer": f"http://127.0.0.1:{silent.getsockname()[1]}", "oidc_client_id": "x"}
        app = create_app(corner_settings.model_copy(update=given | {"oidc_roles": ROLES}))
        for _ in range(5):
            assert app.test_client().get("/login/oidc").status_code == 503
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):  # one of the five waited for it
            silent.accept()
        monkeypatch.setattr("webapp.single_sign_on._AWAY_SECONDS", 0.0)
        monkeypatch.setattr("webapp.single_sign_on._asked_again", {})
        for _ in range(2):
            assert app.test_client().get("/login/oidc").status_code == 503
            silent.accept()[0].close()  # it is asked again after a while


def test_what_a_provider_says_of_itself_is_asked_for_once(app, provider, monkeypatch):
    signed_in(app)
    monkeypatch.setattr("requests.get", lambda *_args, **_kwargs: pytest.fail("it was asked again"))
    assert app.test_client().get("/login/oidc").status_code == 303


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"oidc_issuer": "http://login.bank.example"}, "https"),
        ({"oidc_client_id": ""}, "CLIENT_ID"),
        ({"oidc_roles": ""}, "must name a claim"),
        ({"oidc_roles": "groups"}, "must name a claim"),
        ({"oidc_roles": "groups:a=chief"}, "must name a claim"),
        ({"oidc_client_secret_file": "/nowhere/secret"}, "cannot be read"),
    ],
)
def test_settings_that_would_let_nobody_in_or_anybody_are_refused(tmp_path, given, said):
    good = {"home": tmp_path, "oidc_issuer": "https://login.bank.example", "oidc_client_id": "x", "oidc_roles": ROLES}
    assert provider_of(Settings(**good)).host == "login.bank.example"
    with pytest.raises(SettingsError, match=said):
        provider_of(Settings(**{**good, **given}))
