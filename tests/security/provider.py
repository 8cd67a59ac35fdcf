"""A small OpenID Connect provider on loopback, made with Authlib, at which everybody is signed in as `person`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode
from flask import Flask, jsonify, request
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

CLIENT_ID, SECRET = "riskometer", "a secret of the app's"


@dataclass
class Provider:
    """What the provider does next: whom it signs in, and what it says of them."""

    url: str = ""
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "u-1", "preferred_username": "anna"})
    # Put over what an ID token says, so that tests can have wrong ones.
    claims: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "alg": "RS256"}))
    # What the key set shows; another key makes every signature wrong.
    shown: RSAKey | None = None
    # Where it sends browsers back to.
    way_back: str = "http://localhost/login/oidc/back"


@dataclass(frozen=True)
class _Client(ClientMixin):
    redirect_uri: str

    def get_client_id(self):
        return CLIENT_ID

    def get_allowed_scope(self, scope):
        return scope

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri == self.redirect_uri

    def check_client_secret(self, client_secret):
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "client_secret_basic"

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type == "authorization_code"


@dataclass(frozen=True)
class _Code:
    """An authorization code and what belongs to it; Authlib asks for its parts by these names."""

    code: str
    given: dict[str, str]

    def __getattr__(self, name):
        return self.given.get(name)

    def get_redirect_uri(self):
        return self.given["redirect_uri"]

    def get_scope(self):
        return self.given["scope"]

    def get_nonce(self):
        return self.given["nonce"]

    def get_auth_time(self):
        return int(time.time())

    def get_acr(self):
        return None

    def get_amr(self):
        return None


@contextmanager
def running_provider() -> Iterator[Provider]:
    """The provider, while it answers."""
    provider, codes = Provider(), {}
    app = Flask("provider")
    server = AuthorizationServer(app, query_client=lambda _id: _Client(provider.way_back), save_token=lambda *_: None)

    class Grant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

        def save_authorization_code(self, code, request):
            codes[code] = _Code(code, dict(request.payload.data))

        def query_authorization_code(self, code, client):
            return codes.get(code)

        def delete_authorization_code(self, authorization_code):
            codes.pop(authorization_code.code)

        def authenticate_user(self, authorization_code):
            return provider.person

    class Tokens(OpenIDCode):
        def exists_nonce(self, nonce, request):
            return False

        def resolve_client_private_key(self, client):
            return provider.key

        def get_client_algorithm(self, client):
            return "RS256"

        def get_encode_header(self, client):
            return {"alg": "RS256", "kid": "1"}

        def get_compatible_claims(self, request):
            now = int(time.time())
            return {"iss": provider.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300}

        def generate_user_info(self, user, scope):
            return {**user, **provider.claims}

    server.register_grant(Grant, [Tokens(require_nonce=True), CodeChallenge(required=True)])

    @app.get("/.well-known/openid-configuration")
    def configuration():
        paths = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return jsonify(issuer=provider.url, **{name: f"{provider.url}/{path}" for name, path in paths.items()})

    @app.get("/authorize")
    def authorize():
        grant = server.get_consent_grant(end_user=provider.person)
        return server.create_authorization_response(request, grant_user=provider.person, grant=grant)

    @app.post("/token")
    def token():
        return server.create_token_response()

    @app.get("/keys")
    def keys():
        return jsonify(keys=[(provider.shown or provider.key).as_dict(private=False)])

    web = make_server("127.0.0.1", 0, app, threaded=True)
    provider.url = f"http://127.0.0.1:{web.server_port}"
    thread = Thread(target=web.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        web.shutdown()
        thread.join()
        web.server_close()
