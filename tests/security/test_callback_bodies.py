"""Callbacks as no page sends them: each part of each is forged in turn, on every page."""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from creditrisk.scoring import evaluation_of
from tests.conftest import corner_home
from tests.security.conftest import GOOD
from webapp import upload_scoring
from webapp.access import local_caller
from webapp.app import create_app
from webapp.pages import fill_in

CSV = b"client,age_years,amount_eur,income_eur,housing\nA7,61,2000,52000,own\nA8,old,2000,52000,own\n"
FORGED = (
    *(True, -1, 0, 1, 2**31, 2**70, 1.5, 101, float("nan"), float("inf"), None),
    *("", "x", "9" * 5_000, "\0", "\ud800", [], [1], [None], {}, {"a": 1}, [{"row": "x"}], [{"row": 2**62}]),
    *({"when": {"filter": "x"}}, {"when": {"filter": "-" * 5_000}}),
    {"version": {"filter": "x"}, "channel": {"filter": "x"}},
    {"startRow": 0, "endRow": 2**31 - 1},
    {"startRow": 9, "endRow": 0, "sortModel": [{"colId": "x", "sort": "x"}]},
    {"startRow": 0, "endRow": 9, "filterModel": {"verdict": {"filter": "x"}, "client": {"filter": "\0"}}},
)  # fmt: skip
# What stands for ALL and MATCH in the id of a part.
NAMES = ("1", "x", "", 0, -1, 2**70, "9" * 5_000, "../..", "\0", "verdict", "age_years")
NOT_SENT = "This is not what the page sends. Reload the page and try again."


@pytest.fixture(scope="module")
def app(corner_scorer, tmp_path_factory):
    """An app with a decision and an evaluation, so that callbacks get as far as they can."""
    risks = np.linspace(0.01, 0.6, 400)
    target = (np.arange(400) % 10 < 12 * risks).astype(np.int64)
    evaluation = evaluation_of(risks, np.full(400, 0.1), target, {}, (0.8, 0.75, 0.85))
    app = create_app(
        corner_home(replace(corner_scorer, metrics={"evaluation": evaluation}), tmp_path_factory.mktemp("h"))
    )
    app.extensions["creditrisk"].champion.look()
    assert app.test_client().post("/api/v1/score", json=GOOD).status_code == 200
    return app


@pytest.fixture(scope="module")
def job(app):
    """The name of a file that was scored, with a row that could not be."""
    name, work = upload_scoring.begin(app.extensions["creditrisk"], CSV, "c.csv", local_caller().actor)
    work.result(timeout=30)
    return name


def callbacks(app):
    """Each callback that a page has: the address that it is called at, its output, and its parts."""
    for rule in app.url_map.iter_rules():
        page = rule.rule.removeprefix("/ui").removesuffix("/_dash-update-component")
        if page != rule.rule.removeprefix("/ui"):
            for output, one in app.view_functions[f"page {page or '/'}"].__self__.callback_map.items():
                if "callback" not in one:  # the browser's own: it is never sent
                    continue
                yield rule.rule, output, one["inputs"], one["state"]


def part(item, name, value, more):
    """A part as a page sends it: one, or a list of one, of those alike."""
    made_of = json.loads(item["id"]) if item["id"].startswith("{") else item["id"]
    if isinstance(made_of, dict):
        made_of = {key: name if isinstance(one, list) else one for key, one in made_of.items()}
    value = made_of if item["property"] == "id" else more.get((item["id"], item["property"]), value)
    sent = {"id": made_of, "property": item["property"], "value": value}
    return [sent] if '["ALL"]' in item["id"] else sent


def body(output, inputs, state, name, known):
    """What a page sends when the first part was used; the value of what is not `known` is 1 or text."""
    kinds = ("n_clicks", "n_intervals", "n_submit", "interval")
    sent = [[part(item, name, 1 if item["property"] in kinds else None, known) for item in group]
            for group in (inputs, state)]  # fmt: skip
    first = sent[0][0][0] if isinstance(sent[0][0], list) else sent[0][0]
    # A callback without an output has a number in its place.
    pieces = [one.rsplit(".", 1) for one in output.strip(".").split("...") if "." in one]
    outs = [part({"id": what, "property": kind.partition("@")[0]}, name, None, {}) for what, kind in pieces]
    text = (
        first["id"] if isinstance(first["id"], str) else json.dumps(first["id"], separators=(",", ":"), sort_keys=True)
    )
    return {
        "output": output,
        "outputs": outs if len(outs) != 1 else outs[0],
        "inputs": sent[0],
        "state": sent[1],
        "changedPropIds": [f"{text}.{first['property']}"],
    }


def flat(sent):
    return [
        one for group in (*sent["inputs"], *sent["state"]) for one in (group if isinstance(group, list) else [group])
    ]


def test_no_forged_value_or_name_of_any_part_makes_a_callback_stumble(app, job, caplog):
    client, context = app.test_client(), app.extensions["creditrisk"]
    known = {
        ("job", "data"): job,
        ("anchor", "data"): 1,
        ("approve-below", "value"): 10,
        ("decline-from", "value"): "30.5",
        ("earned", "value"): 1_250,
        ("policy-shown", "data"): 0,
        ("batches-all", "data"): False,
        ("model", "data"): "corner_lender v2",
        ("fill-in-of", "data"): fill_in.fingerprint(context.scorer().schema),
        ("clients", "selectedRows"): [{"row": "1"}],
        ("decisions", "selectedRows"): [{"row": "1"}],
        ("sought", "value"): "A7",
    }
    # Whoever is erased is gone for all that comes after.
    for address, output, inputs, state in sorted(callbacks(app), key=lambda one: "erase-now" in str(one)):
        as_sent = body(output, inputs, state, 1, known)
        bodies = [as_sent, *(body(output, inputs, state, name, known) for name in NAMES)]
        for place, value in product(range(len(flat(as_sent))), FORGED):
            forged = body(output, inputs, state, 1, known)
            flat(forged)[place]["value"] = value
            bodies.append(forged)
        for sent in bodies:
            answer = client.post(address, data=json.dumps(sent), content_type="application/json")
            assert answer.status_code in ((200, 204) if sent is as_sent else (200, 204, 400)), (
                output,
                sent,
                answer.text,
            )
            if answer.status_code == 400:
                assert answer.json["error"]["message"] == NOT_SENT, (output, sent)
        assert [one.getMessage() for one in caplog.records if one.levelname == "ERROR"] == [], output


@pytest.mark.parametrize(
    "forge",
    [
        lambda sent: sent.update(output="status.children"),
        lambda sent: sent["inputs"].pop(),
        lambda sent: sent["state"].append(sent["state"][0]),
        lambda sent: sent.update(inputs=[sent["inputs"]]),
        lambda sent: sent["inputs"][0][0].update(id="by-day"),
        lambda sent: sent["inputs"][0][0].update(property="hidden"),
        lambda sent: sent["state"][0][0].update(id={"entry": 1, "kind": "outcome"}),
        lambda sent: sent["state"][0][0].update(value={"entry": 1, "kind": "outcome"}),
        lambda sent: sent.update(changedPropIds=['{"entry":1,"kind":"outcome"}.aria-pressed']),
        lambda sent: sent.update(changedPropIds=["{.n_clicks"]),
    ],
)
def test_a_body_with_other_parts_than_its_callback_has_is_refused(app, forge, caplog):
    [(address, *spec)] = [one for one in callbacks(app) if '"events"' in one[1]]
    sent = body(*spec, 1, {(spec[1][0]["id"], "aria-pressed"): "true"})
    ask = app.test_client().post
    assert ask(address, json=sent).status_code == 200
    forge(sent)
    answer = ask(address, json=sent)
    assert (answer.status_code, answer.json["error"]["message"]) == (400, NOT_SENT)
    assert "Error" not in caplog.text
