"""The door: who a request comes from, whether they may, and the pages to sign in and out.

A person's browser sends a cookie with a random token (sessions.py), a program its key (`Authorization: Bearer`). People
sign in with an account (accounts.py) or a provider (single_sign_on.py). While there is neither, everybody is the user
who runs the app, and these pages lead to the first one.
"""

from __future__ import annotations

import logging
import re
from typing import cast

from flask import Blueprint, Flask, Response, g, make_response, redirect, render_template, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from creditrisk import hosts
from creditrisk.text import sentence
from webapp.access import ROLES, Caller, Role, check, needed_for, the_caller
from webapp.accounts import Accounts, User, caller_of, change_user
from webapp.context import AppContext
from webapp.errors import (
    AccountsError,
    BadRequestError,
    ForbiddenError,
    NotSignedInError,
    ProviderAwayError,
    SignInRefusedError,
    TooManyAttemptsError,
    is_page_asked_for,
)
from webapp.passwords import LEAST_CHARACTERS, MOST_CHARACTERS, is_password
from webapp.sessions import SESSION_SECONDS, Sessions, SignedIn
from webapp.single_sign_on import (
    BEGUN_SECONDS,
    NOT_FINISHED,
    address_to_sign_in,
    begin,
    begun_from,
    finish,
    provider_of,
)

COOKIE = "riskometer_session"
# Pages, which hold nothing of anybody in their addresses.
_OWN_PAGE = re.compile(r"/(?:[a-z][a-z-]*(?:/[a-z][a-z-]*)*)?")

log = logging.getLogger("webapp.sign_in")


def guard(app: Flask, context: AppContext) -> None:
    """Let nobody pass who may not; called after `security.protect`, whose rules come first."""

    @app.before_request
    def let_in() -> AnyResponse | None:
        if request.url_rule is None:
            return None
        rule = request.url_rule.rule
        if needed_for(rule) == "open":
            return None
        g.caller = caller = find_caller(context.accounts, context.sessions)
        try:
            check(caller, rule)
        except (NotSignedInError, ForbiddenError) as exc:
            role = "nobody" if caller is None else caller.role
            log.warning("refused", extra={"facts": {"route": rule, "role": role, "status": exc.status}})
            if not is_page_asked_for():
                raise
            return _to_login() if caller is None else _forbidden(exc)
        return None


def find_caller(accounts: Accounts, sessions: Sessions) -> Caller | None:
    """Who the request in hand comes from; None if nobody known.

    Raises
    ------
    ForbiddenError
        If a browser would change something with its cookie, and does not say for which site.
    """
    local = accounts.local()
    if local is not None:
        return local
    if "Authorization" in request.headers:
        return by_key(accounts, request.headers["Authorization"])
    token = request.cookies.get(COOKIE)
    found = sessions.find(token) if token else None
    caller = None if found is None else _caller_signed_in(accounts, found)
    if caller is not None:
        _refuse_unsaid_origin()
    return caller


def _caller_signed_in(accounts: Accounts, found: SignedIn) -> Caller | None:
    """Who is signed in, as long as their account is what it was, or people sign in with a provider."""
    if found.role in ROLES:
        role = cast(Role, found.role)
        return Caller(found.name, role, ROLES[role]) if accounts.has_provider else None
    user = accounts.user(found.name)
    return caller_of(user) if user is not None and user.stamp == found.stamp else None


def by_key(accounts: Accounts, authorization: str | None) -> Caller | None:
    """Whose key the header `Authorization` holds; None if nobody's."""
    kind, _, token = (authorization or "").partition(" ")
    key = accounts.key(token.strip()) if kind.lower() == "bearer" else None
    return key.caller() if key is not None else None


def make_blueprint(context: AppContext) -> Blueprint:
    """The pages to sign in, to sign out, and to see as whom one is signed in."""
    blueprint = Blueprint("sign_in", __name__)

    @blueprint.route("/login", methods=["GET", "POST"])
    def login() -> AnyResponse:
        wanted = _own_page(request.values.get("next"))
        if request.method == "POST" and context.accounts.has_file():
            return _sign_in(context, wanted)
        is_known = find_caller(context.accounts, context.sessions) is not None
        return redirect(wanted, 303) if is_known else _login_page(context, wanted)

    @blueprint.get("/login/oidc")
    def with_provider() -> AnyResponse:
        return _to_provider(context, _own_page(request.args.get("next")))

    @blueprint.get("/login/oidc/back")
    def back() -> AnyResponse:
        return _back_from_provider(context)

    @blueprint.post("/logout")
    def sign_out() -> AnyResponse:
        token = request.cookies.get(COOKIE)
        if token:
            context.sessions.end(token)
        response = redirect("/login", 303)
        response.delete_cookie(COOKIE, httponly=True, samesite="Strict")
        return response

    @blueprint.get("/account")
    def account() -> AnyResponse:
        return _account_page(context) if context.accounts.are_on() else redirect("/", 303)

    @blueprint.post("/account/password")
    def password() -> AnyResponse:
        return _change_password(context)

    return blueprint


def _sign_in(context: AppContext, wanted: str) -> AnyResponse:
    """Go on to the page that was wanted, with a session, if name and password fit together."""
    _refuse_unsaid_origin()
    name, password = request.form.get("name", ""), request.form.get("password", "")
    try:
        context.sessions.count_attempt(name, _address(context))
    except TooManyAttemptsError as exc:
        log.warning("too many attempts to sign in")
        return _login_page(context, wanted, str(exc), name, exc.status)
    user = context.accounts.user(name)
    # A name that nobody has takes as long.
    if not is_password(password, user.password if user else None) or user is None:
        message = "Name and password do not fit together. Please try again."
        return _login_page(context, wanted, message, name, 401)
    # Who came over TLS has the cookie go no other way.
    is_secure = request.headers.get("Origin", "").startswith("https://")
    return _with_session(redirect(wanted, 303), context, SignedIn(user.name, stamp=user.stamp), is_secure=is_secure)


def _address(context: AppContext) -> str:
    """Where a request comes from, as the outermost of our proxies saw it; what it was told anybody can write."""
    n_proxies, route = context.settings.web_proxies, request.access_route
    return route[-n_proxies] if 0 < n_proxies <= len(route) else request.remote_addr or ""


def _own_account(context: AppContext) -> User | None:
    """The account that the browser's session was begun with; None of a provider's, a key's and where there are none."""
    token = request.cookies.get(COOKIE)
    found = context.sessions.find(token) if token and "Authorization" not in request.headers else None
    return context.accounts.user(found.name) if found is not None and not found.role else None


def _account_page(context: AppContext, said: str = "", problem: str = "", status: int = 200) -> Response:
    page = render_template(
        "account.html",
        title="Your account",
        caller=the_caller(),
        has_password=_own_account(context) is not None,
        said=said,
        problem=problem,
        least=LEAST_CHARACTERS,
        most=MOST_CHARACTERS,
    )
    return make_response(page, status)


def _change_password(context: AppContext) -> AnyResponse:
    """Give whoever is signed in the password they want, if they know the old one; their other sessions end."""
    user = _own_account(context)
    if user is None:
        raise BadRequestError("Only who signed in with a name and a password can change it.")
    old, new = request.form.get("old", ""), request.form.get("new", "")
    try:
        if new != request.form.get("again", ""):
            raise BadRequestError("The two new passwords differ. Nothing was changed.")
        # As at the sign-in: who found a browser left alone must not guess.
        context.sessions.count_attempt(user.name, _address(context))
        if not is_password(old, user.password):
            raise BadRequestError("The present password is another one. Nothing was changed.")
        change_user(context.settings.home, user.name, password=new)
    except (BadRequestError, TooManyAttemptsError, AccountsError) as exc:
        return _account_page(context, problem=sentence(str(exc)), status=exc.status)
    log.info("a password was changed")
    changed = context.accounts.user(user.name)
    if changed is None:
        raise NotSignedInError
    context.sessions.end(request.cookies[COOKIE])
    said = "Your password was changed. Wherever else you were signed in, you no longer are."
    is_secure = request.headers.get("Origin", "").startswith("https://")
    who = SignedIn(changed.name, stamp=changed.stamp)
    return _with_session(_account_page(context, said), context, who, is_secure=is_secure)


def _with_session(response: AnyResponse, context: AppContext, who: SignedIn, *, is_secure: bool) -> AnyResponse:
    response.set_cookie(
        COOKIE,
        context.sessions.begin(who),
        max_age=int(SESSION_SECONDS),
        secure=is_secure,
        httponly=True,
        samesite="Strict",
    )
    return response


def _to_provider(context: AppContext, wanted: str) -> AnyResponse:
    """Go on to the provider; what the sign-in needs waits in a cookie, which comes back with it."""
    provider = provider_of(context.settings)
    if provider is None:
        raise NotFound
    begun = begin(wanted)
    try:
        response = redirect(address_to_sign_in(provider, begun, _way_back()), 303)
    except ProviderAwayError as exc:
        log.error("the provider to sign in with does not answer")
        return _login_page(context, wanted, str(exc), status=exc.status)
    response.set_cookie(
        _cookie_of_begun(), begun.as_cookie(), max_age=BEGUN_SECONDS, secure=_is_tls(), httponly=True, samesite="Lax"
    )
    return response


def _back_from_provider(context: AppContext) -> AnyResponse:
    """Begin a session for whom the provider sends back, if they may get in."""
    provider, begun = provider_of(context.settings), begun_from(request.cookies.get(_cookie_of_begun()))
    if provider is None:
        raise NotFound
    try:
        if begun is None:
            raise SignInRefusedError(NOT_FINISHED)
        person = finish(provider, begun, request.args, _way_back())
    except (SignInRefusedError, ProviderAwayError) as exc:
        log.warning("a sign-in with the provider led to nobody", extra={"facts": {"status": exc.status}})
        response: AnyResponse = _login_page(context, "/", str(exc), status=exc.status)
    else:
        page = make_response(render_template("signed_in.html", title="Signed in", next=_own_page(begun.wanted)))
        response = _with_session(page, context, SignedIn(person.name, role=person.role), is_secure=_is_tls())
    response.delete_cookie(_cookie_of_begun(), secure=_is_tls(), httponly=True, samesite="Lax")
    return response


def _is_tls() -> bool:
    """Whether browsers reach us over TLS: a proxy ends it, so by the name that we are called by."""
    return not hosts.is_loopback(request.host)


def _way_back() -> str:
    return f"{'https' if _is_tls() else 'http'}://{request.host}/login/oidc/back"


def _cookie_of_begun() -> str:
    # Of a cookie with this prefix browsers see to it that no other site has set it.
    return "__Host-riskometer_sign_in" if _is_tls() else "riskometer_sign_in"


def _login_page(context: AppContext, wanted: str, message: str = "", name: str = "", status: int = 200) -> Response:
    provider, accounts = provider_of(context.settings), context.accounts
    page = render_template(
        "login.html",
        title="Sign in",
        next=wanted,
        message=message,
        name=name[:64],
        provider=provider.host if provider else "",
        has_accounts=accounts.has_file(),
    )
    response = make_response(page, status)
    if status == TooManyAttemptsError.status:
        response.headers["Retry-After"] = "300"
    return response


def _to_login() -> AnyResponse:
    wanted = _own_page(request.path)
    return redirect("/login" if wanted == "/" else f"/login?next={wanted}", 303)


def _forbidden(exc: ForbiddenError | NotSignedInError) -> Response:
    return make_response(render_template("forbidden.html", title="Not for your role", message=str(exc)), exc.status)


def _own_page(path: str | None) -> str:
    """A page of this app to go on to; the first one, if it is anything else."""
    return path if path and _OWN_PAGE.fullmatch(path) and not path.startswith(("/login", "/logout")) else "/"


def _refuse_unsaid_origin() -> None:
    """Every browser says for which site it changes something; that it is this one, security.py has seen to.

    Raises
    ------
    ForbiddenError
        If a request that changes something says nothing about it.
    """
    is_said = "Origin" in request.headers or "Sec-Fetch-Site" in request.headers
    if request.method in ("GET", "HEAD", "OPTIONS") or is_said:
        return
    raise ForbiddenError("This request does not say which web site it comes from. Programs send a key instead.")
