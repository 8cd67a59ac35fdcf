"""Who may do what: roles, the permissions they have, and the permission that each route needs. One table for all.

A permission that an API key may hold is called its scope. Who a request comes from is found out in sign_in.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from flask import g

from creditrisk.decision_log import Actor, this_user
from webapp.errors import ForbiddenError, NotSignedInError

Role = Literal["clerk", "analyst", "approver"]
# What a key may hold; the rest is for persons.
Scope = Literal["score", "decisions", "outcomes"]
Permission = Literal["score", "decisions", "outcomes", "analysis", "changes"]

ROLES: Mapping[Role, frozenset[Permission]] = {
    "clerk": frozenset({"score", "decisions"}),
    "analyst": frozenset({"score", "decisions", "outcomes", "analysis"}),
    "approver": frozenset(get_args(Permission)),
}
# "open": without an account, as they say nothing of anybody, or ask for a proof of their own; "signed in": any account,
# and any key.
ROUTES: Mapping[str, Permission | Literal["open", "signed in"]] = {
    "/health": "open",
    "/ready": "open",
    "/metrics": "open",
    "/ping": "open",
    "/version": "open",
    "/webhooks/mlflow": "open",
    "/login": "open",
    "/login/oidc": "open",
    "/login/oidc/back": "open",
    "/logout": "signed in",
    "/account": "signed in",
    "/account/password": "signed in",
    "/api/docs": "signed in",
    "/api/docs/docs.js": "signed in",
    "/api/docs/docs.css": "signed in",
    "/api/v1/openapi.json": "signed in",
    "/api/v1/model": "signed in",
    "/api/v1/score": "score",
    "/api/v1/score.csv": "score",
    "/invocations": "score",
    "/api/v1/decisions/search": "decisions",
    "/api/v1/outcomes": "outcomes",
    "/uploads": "score",
    "/uploads/<name>/result.csv": "score",
    "/uploads/<name>/result.xlsx": "score",
    "/uploads/<name>/result.parquet": "score",
    "/history/person.json": "decisions",
    "/template.csv": "score",
    "/template.xlsx": "score",
    "/monitoring/reports/<folder>/<name>.html": "analysis",
    "/model/versions/<int:version>/<name>.html": "analysis",
}
# Other pages are for those who look after the model.
PAGES: Mapping[str, Permission] = {"/": "score", "/history": "decisions", "/status": "decisions"}
OTHER_PAGES: Permission = "analysis"

# The pages' scripts and styles, the same for everybody.
_STATIC = re.compile(r"/ui/(?:[^/]+/)?(?:assets|_dash-component-suites)/.*")
# What a page is made of: /ui/… for the first one, /ui/<page>/… for the others.
_OF_A_PAGE = re.compile(r"/ui(/[a-z][a-z-]*(?=/))?/.*")
_A_PAGE = re.compile(r"/(?:[a-z][a-z-]*)?")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from: a person or, with the role "key", a program.

    `role` is "local" where there are no accounts: whoever works on this machine as the user who runs the app.
    """

    name: str
    role: Role | Literal["local", "key"]
    permissions: frozenset[Permission]

    @property
    def actor(self) -> Actor:
        """Who an entry of the decision log comes from; the verdict itself is the model's."""
        return Actor(self.name, self.role)


def local_caller() -> Caller:
    """Whoever calls an app that has no accounts."""
    return Caller(this_user(), "local", frozenset(get_args(Permission)))


def the_caller() -> Caller:
    """Who the request in hand comes from."""
    caller: Caller = g.caller
    return caller


def page_permission(path: str) -> Permission:
    """What one needs to see the page at this path."""
    return PAGES.get(path, OTHER_PAGES)


def needed_for(rule: str) -> Permission | Literal["open", "signed in"]:
    """What one needs for a route; for one that stands in no table, everything.

    Examples
    --------
    >>> needed_for("/api/v1/outcomes"), needed_for("/ui/_dash-layout"), needed_for("/ui/model/_dash-layout")
    ('outcomes', 'score', 'analysis')
    >>> needed_for("/ui/assets/<path:filename>"), needed_for("/api/v1/unheard/of")
    ('open', 'changes')
    """
    if rule in ROUTES:
        return ROUTES[rule]
    if _STATIC.fullmatch(rule):
        return "open"
    if part := _OF_A_PAGE.fullmatch(rule):
        return page_permission(part[1] or "/")
    return page_permission(rule) if _A_PAGE.fullmatch(rule) else "changes"


def check(caller: Caller | None, rule: str) -> None:
    """Refuse who may not use a route.

    Raises
    ------
    NotSignedInError
        If it needs an account and nobody known calls.
    ForbiddenError
        If the caller lacks the permission.
    """
    needed = needed_for(rule)
    if needed == "open":
        return
    if caller is None:
        raise NotSignedInError
    if needed == "signed in" or needed in caller.permissions:
        return
    if caller.role == "key":
        raise ForbiddenError(f"This key may not do that: it lacks the scope '{needed}'. Ask whoever runs the app.")
    allowed = " or ".join(role for role, permissions in ROLES.items() if needed in permissions)
    raise ForbiddenError(f"This needs the role {allowed}, and yours is {caller.role}. Ask whoever runs the app.")
