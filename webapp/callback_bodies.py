"""What the pages' callbacks are sent: refused is what no page of ours would send, before a callback stumbles over it.

A body must ask for a callback that the page has, with exactly its parts, and each value must be of the kind that its
part holds. What a value means (a file, a client, a version) is looked up by the callbacks themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NotRequired

from dash import Dash
from flask import Flask, request
from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic takes no other one before Python 3.12

from webapp.errors import BadRequestError

# More than any loan earns, in any currency.
MOST_MONEY = 1e12


def _whole(text: str) -> str:
    text.encode()  # halves of characters can neither be kept nor answered
    return text


_Str = Annotated[StrictStr, AfterValidator(_whole)]
# How often something was done, and the place of a row.
_Count = Annotated[StrictInt, Field(ge=0, lt=2**31)]
# The number of an entry of the log, of a policy, or of a row of a file.
_Number = Annotated[StrictInt, Field(ge=0, lt=2**63)]
_Text = _Str | None
# The name of a part, and what tells one of many alike.
_Id = _Str | dict[_Str, _Str | _Number]
# A slider from 0 to 100 in halves: the page's own number until it is moved, and the browser's text from then on.
_Position = (
    Annotated[StrictInt | StrictFloat, Field(ge=0, le=100)]
    | Annotated[StrictStr, Field(pattern=r"^(100|[0-9]{1,2}(\.5)?)$")]
)
_Money = Annotated[StrictInt | StrictFloat, Field(ge=0, le=MOST_MONEY)]


class _Part(TypedDict):
    id: _Id
    property: _Str
    value: NotRequired[Any]


_Group = _Part | list[_Part]


class _Body(TypedDict):
    output: _Str
    inputs: list[_Group]
    state: NotRequired[list[_Group]]
    changedPropIds: NotRequired[list[_Str]]


class _Rule(TypedDict):
    filter: _Str


class _Order(TypedDict):
    colId: _Str
    sort: _Str


class _RowsRequest(TypedDict):
    startRow: _Count
    endRow: _Count
    sortModel: NotRequired[list[_Order] | None]
    filterModel: NotRequired[dict[_Str, _Rule] | None]


def _in_order(asked: _RowsRequest) -> _RowsRequest:
    if asked["startRow"] > asked["endRow"]:
        raise ValueError("it ends before it starts")
    return asked


class _Row(TypedDict):
    row: Annotated[_Str, Field(pattern=r"^[0-9]{1,18}$")] | _Number


_BODY = TypeAdapter(_Body)
_KINDS: Mapping[str, TypeAdapter[Any]] = {
    "n_clicks": TypeAdapter(_Count | None),
    "n_intervals": TypeAdapter(_Count | None),
    "n_submit": TypeAdapter(_Count | None),
    "interval": TypeAdapter(_Count | None),
    "hidden": TypeAdapter(StrictBool | None),
    "aria-pressed": TypeAdapter(_Text),
    "id": TypeAdapter(_Id),
    "getRowsRequest": TypeAdapter(Annotated[_RowsRequest, AfterValidator(_in_order)] | None),
    "filterModel": TypeAdapter(dict[_Str, _Rule] | None),
    "selectedRows": TypeAdapter(list[_Row] | None),
    # Of what people type and choose, and of what pages keep; others stand below.
    "value": TypeAdapter(_Text),
    "data": TypeAdapter(_Text),
}
_KINDS_OF_PARTS: Mapping[tuple[str, str], TypeAdapter[Any]] = {
    ("approve-below", "value"): TypeAdapter(_Position),
    ("decline-from", "value"): TypeAdapter(_Position),
    ("earned", "value"): TypeAdapter(_Money | None),
    ("anchor", "data"): TypeAdapter(_Number),
    ("champion-shown", "data"): TypeAdapter(Annotated[StrictStr, Field(pattern=r"^[0-9]{1,18}$")] | None),
    ("policy-shown", "data"): TypeAdapter(_Number | None),
    ("asked-entry", "data"): TypeAdapter(_Number | None),
    ("batches-all", "data"): TypeAdapter(StrictBool),
}
# What tells one of many parts alike is a number here, and text or a number elsewhere.
_NUMBERS = frozenset({"entry", "row", "assign"})


def guard(app: Flask, dashes: Sequence[Dash]) -> None:
    """Look at the body of every callback; called after `sign_in.guard`, so that strangers' bodies are not read."""
    by_rule = {f"{dash.config.routes_pathname_prefix}_dash-update-component": dash for dash in dashes}

    @app.before_request
    def look() -> None:
        dash = by_rule.get(request.url_rule.rule if request.url_rule else "")
        if request.method == "POST" and dash is not None:
            check_callback(request.get_json(), dash)


def check_callback(body: object, page: Dash) -> None:
    """Refuse a body that a page would not send.

    Raises
    ------
    BadRequestError
        If it is one.
    """
    try:
        known = _BODY.validate_python(body)
        callback = page.callback_map[known["output"]]
        changed = [_changed(name) for name in known.get("changedPropIds", ())]
        inputs = _check_parts(known["inputs"], callback["inputs"])
        state = _check_parts(known.get("state", []), callback["state"])
        _check_alike([*known["inputs"], *known.get("state", [])], [*callback["inputs"], *callback["state"]])
        for part in (*inputs, *state):
            _kind(part).validate_python(part.get("value"))
        if not all(any(_is_of(part, one) for part in inputs) for one in changed):
            raise ValueError("something else changed")
    except (ValidationError, ValueError, KeyError, RecursionError):
        raise BadRequestError("This is not what the page sends. Reload the page and try again.") from None


def _check_parts(sent: Sequence[_Group], registered: Sequence[Mapping[str, str]]) -> list[_Part]:
    """The parts that were sent, if they are those of the callback, each in its place; ValueError if not."""
    parts: list[_Part] = []
    for group, wanted in zip(sent, registered, strict=True):
        fits = _fitting(wanted["id"])
        are_many = '["ALL' in wanted["id"]
        if isinstance(group, list) != are_many:
            raise ValueError("one part instead of many, or many instead of one")
        for part in group if isinstance(group, list) else [group]:
            if part["property"] != wanted["property"] or not fits(part["id"]):
                raise ValueError("another part")
            if part["property"] == "id" and part.get("value") != part["id"]:
                raise ValueError("a part with the id of another")
            parts.append(part)
    return parts


def _fitting(wanted: str) -> Callable[[_Id], bool]:
    """Whether an id is the one that a callback names, or one of those it means by a pattern."""
    if not wanted.startswith("{"):
        return lambda sent: sent == wanted
    pattern: dict[str, Any] = json.loads(wanted)

    def fits(sent: _Id) -> bool:
        if isinstance(sent, str) or sent.keys() != pattern.keys():
            return False
        if any(name in _NUMBERS and not isinstance(value, int) for name, value in sent.items()):
            return False
        return all(isinstance(value, list) or sent[name] == value for name, value in pattern.items())

    return fits


def _check_alike(sent: Sequence[_Group], registered: Sequence[Mapping[str, str]]) -> None:
    """What is sent of many parts alike, such as their values and their ids, must be of the same parts: ValueError."""
    ids: dict[str, list[_Id]] = {}
    for group, wanted in zip(sent, registered, strict=True):
        found = [part["id"] for part in (group if isinstance(group, list) else [group])]
        if ids.setdefault(wanted["id"], found) != found:
            raise ValueError("not the same parts")


def _kind(part: _Part) -> TypeAdapter[Any]:
    """What the property of a part holds; KeyError if nobody said so yet."""
    own = _KINDS_OF_PARTS.get((part["id"], part["property"])) if isinstance(part["id"], str) else None
    return own or _KINDS[part["property"]]


def _changed(name: str) -> tuple[_Id, str]:
    """Id and property of what changed, as Dash writes it."""
    part, _, kind = name.rpartition(".")
    return (json.loads(part) if part.startswith("{") else part), kind


def _is_of(part: _Part, changed: tuple[_Id, str]) -> bool:
    return (part["id"], part["property"]) == changed
