"""Signing in with an OpenID Connect provider: the code flow with PKCE, a state and a nonce.

Who a person is and which groups they are in says the provider's ID token, whose signature, issuer, audience, time and
nonce are checked; which role a group has here says `CREDITRISK_OIDC_ROLES`. What a sign-in under way needs stays in a
cookie of the browser that began it, so an answer that was begun elsewhere opens nothing.
https://openid.net/specs/openid-connect-core-1_0.html
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any, cast, get_args
from urllib.parse import urlsplit

from creditrisk import hosts
from creditrisk.errors import SettingsError
from creditrisk.settings import Settings
from webapp.access import Role
from webapp.errors import ProviderAwayError, SignInRefusedError

# So long a sign-in may be under way, and so long each answer of the provider may take.
BEGUN_SECONDS = 600
_PATIENCE_SECONDS = 2.0
# So long what a provider says of itself is good for, and so long one that did not answer is not asked again.
_KNOWN_SECONDS = 300.0
_AWAY_SECONDS = 5.0
# Of all the threads that answer, so many at once may wait for a provider.
_MOST_ASKING = 2
# Clocks may differ by so much.
_LEEWAY_SECONDS = 60
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
# The strongest role comes first: who is in groups of two has it.
_STRONGEST: tuple[Role, ...] = get_args(Role)[::-1]
NOT_FINISHED = "The sign-in was not finished, or took too long. Please try again."
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,64}")

# Of this process, by issuer: what it says of itself and until when that is good; and from when on it is asked again.
_known: dict[str, tuple[Mapping[str, str], float]] = {}
_asked_again: dict[str, float] = {}
_asking = BoundedSemaphore(_MOST_ASKING)


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider, how this app is known there, and the role that each value of a claim has here."""

    issuer: str
    client_id: str
    client_secret: str
    claim: str
    roles: Mapping[str, Role]

    @property
    def host(self) -> str:
        """What people know it by."""
        return urlsplit(self.issuer).hostname or self.issuer


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in under way: three random texts, and the page that was wanted."""

    state: str
    nonce: str
    verifier: str
    wanted: str

    def as_cookie(self) -> str:
        """As the browser keeps it."""
        return ".".join((self.state, self.nonce, self.verifier, self.wanted))


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed in, as the decision log names them, and their role here."""

    name: str
    role: Role


def provider_of(settings: Settings) -> Provider | None:
    """The provider of the settings; None if there is none.

    Raises
    ------
    SettingsError
        If something is missing, no role is named, or the provider would be asked without encryption.
    """
    if not settings.oidc_issuer:
        return None
    address = urlsplit(settings.oidc_issuer)
    if address.scheme != "https" and not (address.scheme == "http" and hosts.is_loopback(address.hostname or "")):
        raise SettingsError("CREDITRISK_OIDC_ISSUER must begin with https://, as passwords depend on it.")
    if not settings.oidc_client_id:
        raise SettingsError("CREDITRISK_OIDC_ISSUER is set, so CREDITRISK_OIDC_CLIENT_ID must be: the provider has it.")
    claim, _, pairs = settings.oidc_roles.partition(":")
    roles: dict[str, Role] = {}
    for pair in filter(None, map(str.strip, pairs.split(","))):
        value, _, role = pair.rpartition("=")
        if not value or role not in _STRONGEST:
            raise SettingsError(_WRONG_ROLES)
        roles[value] = role
    if not claim.strip() or not roles:
        raise SettingsError(_WRONG_ROLES)
    secret = settings.oidc_client_secret
    if settings.oidc_client_secret_file is not None:
        try:
            secret = settings.oidc_client_secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            raise SettingsError("the file that CREDITRISK_OIDC_CLIENT_SECRET_FILE names cannot be read.") from exc
    return Provider(settings.oidc_issuer.rstrip("/"), settings.oidc_client_id, secret, claim.strip(), roles)


_WRONG_ROLES = (
    "CREDITRISK_OIDC_ROLES must name a claim, and the role of each of its values, such as "
    "groups:counter=clerk,risk-team=analyst,heads=approver."
)


def begin(wanted: str) -> Begun:
    """Begin a sign-in that is to lead to a page."""
    return Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(32), wanted)


def begun_from(cookie: str | None) -> Begun | None:
    """The sign-in that a browser keeps; None if it keeps none."""
    parts = (cookie or "").split(".", 3)
    if len(parts) != 4 or not all(parts):
        return None
    state, nonce, verifier, wanted = parts
    return Begun(state, nonce, verifier, wanted)


def address_to_sign_in(provider: Provider, begun: Begun, redirect_uri: str) -> str:
    """Where at the provider a person signs in.

    Raises
    ------
    ProviderAwayError
        If the provider does not say where that is.
    """
    known = _described(provider)
    with _session(provider, redirect_uri) as session:
        address, _ = session.create_authorization_url(
            known["authorization_endpoint"], state=begun.state, nonce=begun.nonce, code_verifier=begun.verifier
        )
    return str(address)


def finish(provider: Provider, begun: Begun, given: Mapping[str, str], redirect_uri: str) -> Person:
    """Who signed in, from what the provider sent along with the browser.

    Raises
    ------
    SignInRefusedError
        If it is no answer to the sign-in that was begun, the provider refuses, or the person has no role here.
    ProviderAwayError
        If the provider does not answer.
    """
    if not secrets.compare_digest(given.get("state", "").encode(), begun.state.encode()) or not given.get("code"):
        raise SignInRefusedError(NOT_FINISHED)
    known = _described(provider)
    claims = _claims(provider, known, _id_token(provider, known, begun, given["code"], redirect_uri))
    if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), begun.nonce.encode()):
        raise SignInRefusedError(_NOT_PROVED)
    return Person(_name(provider, claims), _role(provider, claims))


_NOT_PROVED = "Who you are could not be proved. Please try again, and if it stays so tell whoever runs the app."


@contextmanager
def _asking_provider(provider: Provider) -> Iterator[None]:
    """Ask the provider inside; one that did not answer lately is not waited for, so that few threads ever wait."""
    import requests

    again = _asked_again.get(provider.issuer)
    is_silent = again is not None and time.monotonic() < again
    if is_silent or not _asking.acquire(timeout=_PATIENCE_SECONDS if again is None else 0):
        raise ProviderAwayError(provider.host)
    try:
        yield
        _asked_again.pop(provider.issuer, None)
    except (requests.ConnectionError, requests.Timeout) as exc:
        _asked_again[provider.issuer] = time.monotonic() + _AWAY_SECONDS
        raise ProviderAwayError(provider.host) from exc
    except requests.RequestException as exc:
        raise ProviderAwayError(provider.host) from exc
    finally:
        _asking.release()


def _described(provider: Provider) -> Mapping[str, str]:
    """What the provider says of itself: the addresses of its parts."""
    import requests

    kept, until = _known.get(provider.issuer, ({}, 0.0))
    if time.monotonic() < until:
        return kept
    try:
        with _asking_provider(provider):
            answer = requests.get(f"{provider.issuer}/.well-known/openid-configuration", timeout=_PATIENCE_SECONDS)
            answer.raise_for_status()
        known = answer.json()
        parts = [known[name] for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    except (ValueError, LookupError, TypeError) as exc:
        raise ProviderAwayError(provider.host) from exc
    is_safe = provider.issuer.startswith("http://") or all(str(part).startswith("https://") for part in parts)
    if str(known.get("issuer", "")).rstrip("/") != provider.issuer or not is_safe:
        raise ProviderAwayError(provider.host)
    _known[provider.issuer] = (known, time.monotonic() + _KNOWN_SECONDS)
    return cast(Mapping[str, str], known)


def _session(provider: Provider, redirect_uri: str) -> Any:
    from authlib.integrations.requests_client import OAuth2Session

    return OAuth2Session(
        provider.client_id,
        provider.client_secret or None,
        token_endpoint_auth_method="client_secret_basic" if provider.client_secret else "none",  # a method's name
        scope="openid profile",
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
        default_timeout=_PATIENCE_SECONDS,
    )


def _id_token(provider: Provider, known: Mapping[str, str], begun: Begun, code: str, redirect_uri: str) -> str:
    from authlib.integrations.base_client import OAuthError

    try:
        with _asking_provider(provider), _session(provider, redirect_uri) as session:
            token = session.fetch_token(known["token_endpoint"], code=code, code_verifier=begun.verifier)
        return str(token["id_token"])
    except (OAuthError, ValueError, LookupError, TypeError) as exc:
        raise SignInRefusedError(_NOT_PROVED) from exc


def _claims(provider: Provider, known: Mapping[str, str], id_token: str) -> Mapping[str, Any]:
    """What an ID token says, once its signature, issuer, audience and time are checked."""
    import requests
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    try:
        with _asking_provider(provider):
            answer = requests.get(known["jwks_uri"], timeout=_PATIENCE_SECONDS)
            answer.raise_for_status()
        keys = answer.json()
    except ValueError as exc:
        raise ProviderAwayError(provider.host) from exc
    rules = jwt.JWTClaimsRegistry(
        leeway=_LEEWAY_SECONDS,
        iss={"essential": True, "values": [provider.issuer, f"{provider.issuer}/"]},
        aud={"essential": True, "value": provider.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        claims = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=_ALGORITHMS).claims
        rules.validate(claims)
    except (JoseError, ValueError, LookupError, TypeError) as exc:
        raise SignInRefusedError(_NOT_PROVED) from exc
    # A token for several programs must have been made for this one.
    if claims.get("azp", provider.client_id) != provider.client_id:
        raise SignInRefusedError(_NOT_PROVED)
    return cast(Mapping[str, Any], claims)


def _name(provider: Provider, claims: Mapping[str, Any]) -> str:
    """The name in the log; with the provider's, which no account of the file can have."""
    for name in (claims.get("preferred_username"), claims["sub"]):
        if isinstance(name, str) and _NAME.fullmatch(name.strip()):
            return f"{name.strip()} ({provider.host})"
    raise SignInRefusedError(_NOT_PROVED)


def _role(provider: Provider, claims: Mapping[str, Any]) -> Role:
    values = claims.get(provider.claim)
    held = values if isinstance(values, list) else [values]
    roles = {provider.roles[value] for value in held if isinstance(value, str) and value in provider.roles}
    for role in _STRONGEST:
        if role in roles:
            return role
    raise SignInRefusedError(
        f"You are known at {provider.host}, but no group of yours has a role here. Ask whoever runs the app."
    )
