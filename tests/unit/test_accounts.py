"""Accounts: who gets in, as whom, and what each role may do; the file, the sessions and the commands."""

import json
import stat

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner

from creditrisk.decision_log import Actor
from creditrisk.errors import CreditRiskError, SettingsError
from creditrisk.settings import Settings
from riskometer.cli import main
from tests.conftest import poll
from webapp import accounts, passwords, serve, sessions
from webapp.access import needed_for
from webapp.app import create_app
from webapp.pages import find_pages
from webapp.sign_in import COOKIE

PASSWORD = "correct horse battery"
OURS = {"Origin": "http://localhost"}
APPLICATION = {"client": "A7", "age_years": 61, "amount_eur": 2000, "income_eur": 52000, "housing": "own"}
# Who may use what, beside whether anybody known may: written down here once more, on purpose.
EVERYBODY, ALL = ("nobody", "clerk", "analyst", "approver"), ("clerk", "analyst", "approver")
ALLOWED = {
    ("GET", "/health"): EVERYBODY,
    ("GET", "/ready"): EVERYBODY,
    ("GET", "/metrics"): EVERYBODY,
    ("GET", "/ping"): EVERYBODY,
    ("GET", "/version"): EVERYBODY,
    ("POST", "/webhooks/mlflow"): EVERYBODY,
    ("GET", "/login"): EVERYBODY,
    ("GET", "/login/oidc"): EVERYBODY,
    ("GET", "/login/oidc/back"): EVERYBODY,
    ("POST", "/login"): EVERYBODY,
    ("POST", "/logout"): ALL,
    ("GET", "/account"): ALL,
    ("POST", "/account/password"): ALL,
    ("GET", "/api/docs"): ALL,
    ("GET", "/api/docs/docs.js"): ALL,
    ("GET", "/api/docs/docs.css"): ALL,
    ("GET", "/api/v1/openapi.json"): ALL,
    ("GET", "/api/v1/model"): ALL,
    ("GET", "/"): ALL,
    ("GET", "/model"): ("analyst", "approver"),
    ("GET", "/model/versions/<int:version>/<name>.html"): ("analyst", "approver"),
    ("GET", "/status"): ALL,
    ("GET", "/monitoring"): ("analyst", "approver"),
    ("GET", "/monitoring/reports/<folder>/<name>.html"): ("analyst", "approver"),
    ("GET", "/history"): ALL,
    ("POST", "/history/person.json"): ALL,
    ("GET", "/template.csv"): ALL,
    ("GET", "/template.xlsx"): ALL,
    ("POST", "/uploads"): ALL,
    ("GET", "/uploads/<name>/result.csv"): ALL,
    ("GET", "/uploads/<name>/result.xlsx"): ALL,
    ("GET", "/uploads/<name>/result.parquet"): ALL,
    ("POST", "/api/v1/score"): ALL,
    ("POST", "/api/v1/score.csv"): ALL,
    ("POST", "/invocations"): ALL,
    ("POST", "/api/v1/decisions/search"): ALL,
    ("POST", "/api/v1/outcomes"): ("analyst", "approver"),
}


@pytest.fixture
def quick(monkeypatch):
    """Hashes that cost next to nothing."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setattr(passwords, "_NOBODYS", passwords._NOBODYS.replace("m=65536,t=3,p=4", "m=8,t=1,p=1"))


@pytest.fixture
def home(corner_settings, quick):
    """A home with an account in each role, all with the same password."""
    for role in ALL:
        accounts.add_user(corner_settings.home, role, role, PASSWORD)
    return corner_settings.home


def signed_in(app, name, password=PASSWORD):
    client = app.test_client()
    client.post("/login", data={"name": name, "password": password}, headers=OURS)
    return client


def last_entry(app):
    log = app.extensions["creditrisk"].log
    with log.store.transaction() as connection:
        row = connection.exec_driver_sql("SELECT kind, actor, role FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    return tuple(row)


# Who may do what


def test_every_route_lets_in_who_may_and_nobody_else(home, corner_app):
    clients = {name: signed_in(corner_app, name) for name in ALL} | {"nobody": corner_app.test_client()}
    tried = set()
    for rule in corner_app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            if rule.rule.startswith("/ui/"):
                pages = [page.PATH for page in find_pages() if rule.rule.startswith(f"/ui{page.PATH}/")]
                allowed = EVERYBODY if needed_for(rule.rule) == "open" else ALLOWED["GET", *(pages or ["/"])]
            else:
                tried.add((method, rule.rule))
                allowed = ALLOWED[method, rule.rule]
            path = rule.rule.replace("<name>", "x").replace("<folder>", "x").replace("<int:version>", "3")
            path = path.replace("<path:filename>", "style.css")
            if "<" in path or (method, path) in (("POST", "/logout"), ("POST", "/login")):
                continue
            for name, client in clients.items():
                status = client.open(path, method=method, headers=OURS).status_code
                refusal = 401 if name == "nobody" else 403
                assert (status != refusal) == (name in allowed), (path, name)
    assert tried == ALLOWED.keys()


def test_a_route_that_nobody_thought_of_is_for_approvers_and_a_page_for_those_who_look_after_the_model():
    assert needed_for("/api/v1/cutoffs") == "changes"
    assert needed_for("/model") == needed_for("/ui/model/_dash-update-component") == "analysis"


def test_a_page_asked_for_by_nobody_leads_to_the_login_and_back(home, corner_app):
    client = corner_app.test_client()
    as_browser = {"Accept": "text/html,application/xhtml+xml,image/avif,*/*;q=0.8"}
    assert client.get("/", headers=as_browser).headers["Location"] == "/login"
    assert client.get("/api/docs", headers=as_browser).headers["Location"] == "/login?next=/api/docs"
    sent = {"name": " Clerk", "password": PASSWORD}
    assert client.post("/login", data={**sent, "next": "/api/docs"}, headers=OURS).headers["Location"] == "/api/docs"
    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example", "/login"):
        response = client.post("/login", data={**sent, "next": elsewhere}, headers=OURS)
        assert response.headers["Location"] == "/"


def test_whoever_is_not_signed_in_is_told_that_something_is_away_and_no_address(home, corner_app):
    poll(corner_app.extensions["creditrisk"].champion)
    nobody = corner_app.test_client().get("/ready")
    assert (nobody.status_code, nobody.json["ready"]) == (200, True)
    assert nobody.json["registry"]["problem"] == (
        "The model registry does not answer. Whoever is signed in sees more on the Status page."
    )
    assert "127.0.0.1" not in nobody.text
    assert "http://127.0.0.1:9" in signed_in(corner_app, "clerk").get("/ready").json["registry"]["problem"]


def test_what_a_role_may_not_is_said_and_logged_without_a_name(home, corner_app, caplog):
    response = signed_in(corner_app, "clerk").post("/api/v1/outcomes", json={}, headers=OURS)
    assert (response.status_code, response.json["error"]["code"]) == (403, "forbidden")
    assert "role analyst or approver, and yours is clerk" in response.json["error"]["message"]
    [record] = [record for record in caplog.records if record.getMessage() == "refused"]
    assert record.facts == {"route": "/api/v1/outcomes", "role": "clerk", "status": 403}


# Signing in and out


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(home, corner_app):
    sent = {"name": "clerk", "password": PASSWORD}
    cookie = corner_app.test_client().post("/login", data=sent, headers=OURS).headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "Path=/", "SameSite=Strict", "Max-Age=36000"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    over_tls = corner_app.test_client().post("/login", data=sent, headers={"Origin": "https://localhost"})
    assert "; Secure;" in over_tls.headers["Set-Cookie"]


def test_a_wrong_name_and_a_wrong_password_are_answered_alike(home, corner_app, monkeypatch):
    costly = []
    verify = PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", lambda *args: costly.append(args[1][:26]) or verify(*args))
    answers = [
        corner_app.test_client().post("/login", data={"name": name, "password": "no"}, headers=OURS)
        for name in ("clerk", "other")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].text.replace('value="clerk"', 'value="other"') == answers[1].text
    # The same work for a name that nobody has.
    assert costly == ["$argon2id$v=19$m=8,t=1,p=1"] * 2


def test_who_guesses_has_to_wait_whether_or_not_there_is_such_a_name(home, corner_app, monkeypatch):
    for name in ("clerk", "stranger"):
        statuses = [
            corner_app.test_client().post("/login", data={"name": name, "password": "no"}, headers=OURS).status_code
            for _ in range(6)
        ]
        assert statuses == [401] * 5 + [429]
    assert signed_in(corner_app, "clerk").get("/account").status_code == 401  # not even with the right one
    assert signed_in(corner_app, "analyst").get("/account").status_code == 200
    at = sessions.time.time()
    monkeypatch.setattr(sessions.time, "time", lambda: at + sessions.ATTEMPT_SECONDS + 1)
    assert signed_in(corner_app, "clerk").get("/account").status_code == 200


def test_behind_a_proxy_who_guesses_keeps_out_nobody_at_another_address(home, corner_settings):
    app = create_app(corner_settings.model_copy(update={"web_proxies": 1}))

    def sign_in(name: str, password: str, forwarded: str) -> int:
        headers = {**OURS, "X-Forwarded-For": forwarded}
        return app.test_client().post("/login", data={"name": name, "password": password}, headers=headers).status_code

    # What the guesser writes into the header itself makes no other address of it.
    tries = [sign_in(f"name {n}", "no", f"10.0.0.{n}, 192.0.2.1") for n in range(sessions.MOST_OF_AN_ADDRESS + 1)]
    assert tries == [401] * sessions.MOST_OF_AN_ADDRESS + [429]
    assert sign_in("clerk", PASSWORD, "192.0.2.1") == 429
    assert sign_in("clerk", PASSWORD, "192.0.2.2") == 303


def test_without_a_proxy_what_a_header_says_of_the_address_counts_for_nothing(home, corner_app):
    def guess(n: int) -> int:
        sent = {"name": f"name {n}", "password": "no"}
        headers = {**OURS, "X-Forwarded-For": f"10.0.0.{n}"}
        return corner_app.test_client().post("/login", data=sent, headers=headers).status_code

    statuses = [guess(n) for n in range(sessions.MOST_OF_AN_ADDRESS + 1)]
    assert statuses == [401] * sessions.MOST_OF_AN_ADDRESS + [429]


def test_a_session_ends_by_signing_out_by_time_and_with_the_account(home, corner_app, monkeypatch):
    client, copied = signed_in(corner_app, "clerk"), signed_in(corner_app, "clerk")
    copied.set_cookie(COOKIE, client.get_cookie(COOKIE).value)
    assert copied.get("/account").status_code == 200
    client.post("/logout", headers=OURS)
    assert copied.get("/account").status_code == 401

    client = signed_in(corner_app, "clerk")
    accounts.change_user(home, "clerk", password=f"{PASSWORD} 2")
    assert client.get("/account").status_code == 401
    client = signed_in(corner_app, "analyst")
    accounts.change_user(home, "analyst", role="clerk")
    assert client.post("/api/v1/outcomes", json={}, headers=OURS).status_code == 403
    accounts.remove_user(home, "analyst")
    assert client.get("/account").status_code == 401

    client, at = signed_in(corner_app, "approver"), sessions.time.time()
    assert client.get("/account").status_code == 200
    monkeypatch.setattr(sessions.time, "time", lambda: at + sessions.SESSION_SECONDS + 1)
    assert client.get("/account").status_code == 401


def test_a_person_changes_their_own_password_and_only_this_session_goes_on(home, corner_app):
    here, elsewhere, new = signed_in(corner_app, "clerk"), signed_in(corner_app, "clerk"), f"{PASSWORD} anew"

    def change(client=here, **sent):
        return client.post("/account/password", data={"old": PASSWORD, "new": new, "again": new, **sent}, headers=OURS)

    assert 'action="/account/password"' in here.get("/account").text
    for sent, said in [
        ({"old": "guessed"}, "The present password is another one."),
        ({"again": PASSWORD}, "The two new passwords differ."),
        ({"new": "short", "again": "short"}, "A password must have 12 to 256 characters."),
    ]:
        answer = change(**sent)
        assert (answer.status_code, said in answer.text) == (400, True)
    before = here.get_cookie(COOKIE).value
    assert "Your password was changed." in change().text
    assert here.get_cookie(COOKIE).value != before
    assert here.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 401
    assert signed_in(corner_app, "clerk").get("/account").status_code == 401
    assert signed_in(corner_app, "clerk", new).get("/account").status_code == 200
    # Nobody else's is another one by that.
    assert signed_in(corner_app, "analyst").get("/account").status_code == 200


def test_whoever_found_a_browser_left_alone_cannot_guess_the_password(home, corner_app):
    client = signed_in(corner_app, "clerk")
    sent = {"old": "guessed", "new": f"{PASSWORD} anew", "again": f"{PASSWORD} anew"}
    statuses = [client.post("/account/password", data=sent, headers=OURS).status_code for _ in range(6)]
    assert statuses == [400] * 5 + [429]
    other_site = client.post("/account/password", data=sent, headers={"Origin": "https://evil.example"})
    assert other_site.status_code == 403


def test_a_program_has_no_password_to_change(home, corner_app):
    key = accounts.add_key(home, "loans", ("score",))
    client = signed_in(corner_app, "clerk")
    sent = {"old": PASSWORD, "new": f"{PASSWORD} anew", "again": f"{PASSWORD} anew"}
    answer = client.post("/account/password", data=sent, headers={**OURS, "Authorization": f"Bearer {key}"})
    assert (answer.status_code, "with a name and a password" in answer.text) == (400, True)
    assert signed_in(corner_app, "clerk").get("/account").status_code == 200


def test_a_clock_that_is_put_back_prolongs_no_session_and_keeps_nobody_out(home, corner_app, monkeypatch):
    at = sessions.time.time()
    monkeypatch.setattr(sessions.time, "time", lambda: at + 86_400)  # it was a day ahead
    ahead = signed_in(corner_app, "analyst")
    for _ in range(6):
        corner_app.test_client().post("/login", data={"name": "clerk", "password": "no"}, headers=OURS)
    assert ahead.get("/account").status_code == 200
    monkeypatch.setattr(sessions.time, "time", lambda: at)
    assert ahead.get("/account").status_code == 401
    assert signed_in(corner_app, "clerk").get("/account").status_code == 200
    client = signed_in(corner_app, "analyst")
    monkeypatch.setattr(sessions.time, "time", lambda: at - 30)  # as clocks are set now and then
    assert client.get("/account").status_code == 200


def test_a_browser_that_does_not_say_for_which_site_changes_nothing(home, corner_app):
    client = signed_in(corner_app, "clerk")
    for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.post("/api/v1/score", json=APPLICATION, headers=headers).status_code == 403
    assert client.post("/api/v1/score", json=APPLICATION, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert corner_app.test_client().post("/login", data={"name": "clerk", "password": PASSWORD}).status_code == 403


# Programs


@pytest.mark.parametrize("is_short", [True, False])
def test_a_key_opens_what_its_scopes_say_and_its_program_is_in_the_log(home, corner_app, is_short):
    token = accounts.add_key(home, "core-banking", ("score",))
    client = corner_app.test_client()
    headers = {"Authorization": f"Bearer {token}"} | ({} if is_short else {"Idempotency-Key": "1"})
    assert client.post("/api/v1/score", json=APPLICATION, headers=headers).status_code == 200
    assert last_entry(corner_app) == ("decision", "core-banking", "key")
    refused = client.post("/api/v1/outcomes", json={}, headers=headers)
    assert (refused.status_code, "lacks the scope 'outcomes'" in refused.text) == (403, True)
    assert client.get("/", headers=headers).status_code == 200  # a page is no more than scoring


@pytest.mark.parametrize("sent", [None, "Bearer rom_wrong", "Basic Y2xlcms6eA==", "Bearer", "Bearer ü"])
def test_without_a_key_that_is_known_nothing_is_scored(home, corner_app, sent):
    headers = {} if sent is None else {"Authorization": sent}
    refused = corner_app.test_client().post("/api/v1/score", json=APPLICATION, headers=headers)
    assert (refused.status_code, refused.json["error"]["code"]) == (401, "not_signed_in")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert corner_app.extensions["creditrisk"].log.head()[0] == 0


def test_mlflows_door_refuses_in_mlflows_words(home, corner_app):
    refused = corner_app.test_client().post("/invocations", json={"inputs": [APPLICATION]})
    assert (refused.status_code, refused.json["error_code"]) == (401, "UNAUTHENTICATED")


def test_a_key_that_was_taken_back_opens_nothing(home, corner_app):
    headers = {"Authorization": f"Bearer {accounts.add_key(home, 'program', ('score',))}"}
    accounts.remove_key(home, "program")
    assert corner_app.test_client().post("/api/v1/score", json=APPLICATION, headers=headers).status_code == 401


# Who is in the log


def test_without_accounts_the_log_names_the_user_of_this_machine(corner_app, monkeypatch):
    assert corner_app.test_client().post("/api/v1/score", json=APPLICATION).status_code == 200
    local = corner_app.extensions["creditrisk"].accounts.local()
    assert last_entry(corner_app) == ("decision", local.name, "local")
    assert local.name


def test_a_file_is_logged_as_scored_by_who_dropped_it(home, corner_app):
    client = signed_in(corner_app, "clerk")
    content = "client,age_years,amount_eur,income_eur,housing\nA7,61,2000,52000,own\n"
    sent = {**OURS, "Content-Type": "application/octet-stream"}
    name = client.post("/uploads", data=content, headers=sent).json["upload"]
    corner_app.extensions["creditrisk"].uploads._workers.shutdown()
    assert client.get(f"/uploads/{name}/result.csv").status_code == 200
    assert last_entry(corner_app) == ("decision", "clerk", "clerk")
    client = signed_in(corner_app, "analyst")
    outcome = {"application_id": "A7", "default": False, "observed_on": "2026-03-31"}
    assert client.post("/api/v1/outcomes", json=[outcome], headers=OURS).status_code == 200
    assert last_entry(corner_app) == ("outcome", "analyst", "analyst")


# The file


def test_passwords_and_keys_are_kept_as_hashes_for_the_owner_alone(home):
    token = accounts.add_key(home, "program", ("outcomes", "score"))
    path = accounts.accounts_file(home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PASSWORD not in path.read_text()
    assert token not in path.read_text()
    assert json.loads(path.read_text())["keys"][0]["scopes"] == ["score", "outcomes"]


def test_a_hash_fits_its_password_alone():
    hashed = passwords.hash_password(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert hashed != passwords.hash_password(PASSWORD)
    assert passwords.is_password(PASSWORD, hashed)
    assert not passwords.is_password(PASSWORD + " ", hashed)
    assert not passwords.is_password(PASSWORD, None)
    # What somebody wrote into the file by hand, or another program made, opens nothing.
    assert not any(
        passwords.is_password(PASSWORD, other) for other in ("", PASSWORD, "scrypt$15$8$3$00$00", "$argon2id$")
    )


def test_a_file_that_cannot_be_read_or_is_gone_lets_nobody_in(home, corner_app):
    client, path = signed_in(corner_app, "approver"), accounts.accounts_file(home)
    assert client.get("/account").status_code == 200
    path.write_text("{")
    assert client.get("/account").status_code == 503
    assert client.post("/api/v1/score", json=APPLICATION, headers=OURS).status_code == 503
    assert client.get("/health").status_code == 200
    path.unlink()
    assert client.get("/account").status_code in (401, 503)
    assert corner_app.test_client().post("/api/v1/score", json=APPLICATION).status_code in (401, 503)


def test_with_accounts_the_app_starts_at_an_address_that_others_reach(tmp_path, quick):
    settings = Settings(home=tmp_path, host="0.0.0.0")
    with pytest.raises(SettingsError, match="riskometer user add"):
        serve.serve(settings)
    accounts.add_user(tmp_path, "anna", "approver", PASSWORD)
    taken = settings.model_copy(update={"host": "192.0.2.7"})  # an address for examples, which no machine has
    with pytest.raises(SettingsError, match=r"cannot listen on 192\.0\.2\.7"):
        serve.serve(taken)


# The commands


def test_the_commands_make_change_and_remove_accounts(tmp_path, quick, monkeypatch):
    monkeypatch.setenv("CREDITRISK_HOME", str(tmp_path))

    def run(*words, given=""):
        done = CliRunner().invoke(main, ["user", *words], input=given)
        return done.exit_code, done.output

    assert "There are no accounts" in run("list")[1]
    assert "This is the first account" in run("add", "Anna", "--role", "clerk", given=f"{PASSWORD}\n")[1]
    assert "already" in run("add", "anna", "--role", "clerk", given=f"{PASSWORD}\n")[1]
    code, said = run("add", "bert", "--role", "clerk", given="short\n")
    assert (code, "12 to 256 characters" in said) == (1, True)
    assert "1 to 64 letters" in run("add", "a b", "--role", "clerk", given=f"{PASSWORD}\n")[1]
    assert run("role", "anna", "--role", "approver") == (0, "anna is approver now.\n")
    assert run("password", "anna", given=f"{PASSWORD} 2\n")[0] == 0
    assert accounts.Accounts(tmp_path).user("ANNA").role == "approver"
    token = run("key", "add", "core", "--scope", "score")[1].split()[0]
    assert accounts.Accounts(tmp_path).key(token).caller().actor == Actor("core", "key")
    assert "core  key for score" in run("list")[1]
    assert "nobody called 'bert'" in run("remove", "bert")[1]
    assert run("key", "remove", "core")[0] == 0
    assert "Nobody can sign in now" in run("remove", "anna")[1]


def test_a_name_stands_for_one_person_or_program(home):
    with pytest.raises(CreditRiskError, match="already"):
        accounts.add_key(home, "Clerk", ("score",))
