"""What the pages' callbacks are sent: refused is what no page of ours would send, before a callback stumbles over it.

Only the shape is looked at, and the properties whose kind is the same on every page; the rest each page knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired

from flask import Flask, request
from pydantic import Field, StrictInt, StrictStr, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic takes no other one before Python 3.12

from webapp.errors import BadRequestError

# The number or the name of a part, and those of one of many alike.
_Id = StrictStr | dict[StrictStr, StrictStr | StrictInt]
# How often something was done.
_Times = Annotated[StrictInt, Field(ge=0, lt=2**31)] | None


class _Part(TypedDict):
    id: _Id
    property: StrictStr
    value: NotRequired[Any]


class _Body(TypedDict):
    output: StrictStr
    inputs: list[_Part | list[_Part]]
    state: NotRequired[list[_Part | list[_Part]]]
    changedPropIds: NotRequired[list[StrictStr]]


class _Rule(TypedDict):
    filter: StrictStr


class _RowsRequest(TypedDict):
    startRow: StrictInt
    endRow: StrictInt
    filterModel: NotRequired[dict[StrictStr, _Rule] | None]


_BODY = TypeAdapter(_Body)
_TIMES: TypeAdapter[Any] = TypeAdapter(_Times)
_KINDS: Mapping[str, TypeAdapter[Any]] = {
    "n_clicks": _TIMES,
    "n_intervals": _TIMES,
    "n_submit": _TIMES,
    "aria-pressed": TypeAdapter(StrictStr | None),
    "id": TypeAdapter(_Id),
    "getRowsRequest": TypeAdapter(_RowsRequest | None),
    "filterModel": TypeAdapter(dict[StrictStr, _Rule] | None),
    "selectedRows": TypeAdapter(list[dict[StrictStr, Any]] | None),
}


def guard(app: Flask) -> None:
    """Look at the body of every callback; called after `sign_in.guard`, so that strangers' bodies are not read."""

    @app.before_request
    def look() -> None:
        rule = request.url_rule.rule if request.url_rule else ""
        if request.method == "POST" and rule.endswith("/_dash-update-component"):
            check_callback(request.get_json())


def check_callback(body: object) -> None:
    """Refuse a body that no page would send.

    Raises
    ------
    BadRequestError
        If it is one.
    """
    try:
        known = _BODY.validate_python(body)
        for group in (*known["inputs"], *known.get("state", ())):
            for part in group if isinstance(group, list) else [group]:
                if kind := _KINDS.get(part["property"]):
                    kind.validate_python(part.get("value"))
    except ValidationError:
        raise BadRequestError("This is not what the page sends. Reload the page and try again.") from None
