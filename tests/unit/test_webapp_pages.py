import json
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import webapp.app
from webapp import pages, policy_changes
from webapp.access import local_caller
from webapp.app import create_app
from webapp.pages import find_pages

REPORTS = """
from dash import Input, Output, html

from webapp.pages.components import message_line

TITLE = "Reports"
PATH = "/reports"
ORDER = 20


def layout(context):
    return [html.Main([html.H1(TITLE), message_line(), html.Button(id="ask"), html.P(id="answer")])]


def register(app, context):
    @app.callback(Output("answer", "children"), Input("ask", "n_clicks"), prevent_initial_call=True)
    def answer(n_clicks):
        if n_clicks == 2:
            raise ValueError("Anna Schmidt, born 1969")
        return f"{n_clicks} of {context.settings.upload_max_rows}"
"""


def test_a_script_asked_for_while_another_request_is_the_first_is_there(corner_app, corner_settings, monkeypatch):
    named = re.findall(r'src="(/ui/_dash-component-suites/[^"]+)"', corner_app.test_client().get("/").text)
    assert len(named) > 5
    shell = webapp.app.shell.shell

    def slow(*given):
        time.sleep(0.5)
        return shell(*given)

    monkeypatch.setattr(webapp.app.shell, "shell", slow)  # Dash calls it in the middle of its preparations
    app = create_app(corner_settings)
    with ThreadPoolExecutor(1) as another:
        first = another.submit(app.test_client().get, "/health")
        time.sleep(0.2)
        assert {app.test_client().get(address).status_code for address in named} == {200}
        assert first.result().status_code == 200


@pytest.fixture
def second_page(tmp_path: Path, monkeypatch) -> None:
    """Another page beside those of the app: one more module where they lie."""
    (tmp_path / "reports.py").write_text(REPORTS)
    (tmp_path / "a_part_of_it.py").write_text("TITLE = 'no page: it has no address'")
    monkeypatch.setattr(pages, "__path__", [*pages.__path__, str(tmp_path)])
    yield
    for name in ("reports", "a_part_of_it"):
        sys.modules.pop(f"webapp.pages.{name}")
        delattr(pages, name)


def links(layout: object) -> list[tuple[str, str, bool]]:
    """Name, address and whether it is the page in sight, of each link in the navigation."""
    beside, folded = [part for part in walk(layout) if part.get("type") == "Nav"]
    assert beside == folded  # on narrow screens the same links are a menu of the header
    nav = beside
    return [
        (link["props"]["children"], link["props"]["href"], link["props"].get("aria-current") == "page")
        for link in walk(nav)
        if link.get("type") == "A"
    ]


def walk(part: object):
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else []:
        yield from walk(inner)


def ask(client, n_clicks: int):
    return client.post(
        "/ui/reports/_dash-update-component",
        json={
            "output": "answer.children",
            "outputs": {"id": "answer", "property": "children"},
            "inputs": [{"id": "ask", "property": "n_clicks", "value": n_clicks}],
            "changedPropIds": ["ask.n_clicks"],
        },
    )


def test_the_pages_that_exist_are_found_in_their_order():
    found = find_pages()
    assert found[0].PATH == "/"
    assert [page.ORDER for page in found] == sorted(page.ORDER for page in found)
    for name in ("TITLE", "PATH"):
        assert len({getattr(page, name) for page in found}) == len(found)


def test_every_page_is_named_in_the_title_of_its_tab(corner_app):
    client = corner_app.test_client()
    for page in find_pages():
        assert f"<title>{page.TITLE} - Risk-O-Meter</title>" in client.get(page.PATH).text


def test_every_page_has_a_place_for_messages(corner_app):
    client = corner_app.test_client()
    for page in find_pages():
        layout = client.get(f"/ui{page.PATH.rstrip('/')}/_dash-layout").json
        assert "sending" in [part["props"].get("id") for part in walk(layout) if "props" in part]


def test_the_navigation_names_the_pages_that_exist_and_then_the_interface(corner_app):
    layout = corner_app.test_client().get("/ui/_dash-layout").json
    pages = [(page.TITLE, page.PATH, page.PATH == "/") for page in find_pages()]
    assert links(layout) == [*pages, ("API", "/api/docs", False)]


@pytest.mark.usefixtures("second_page")
def test_a_module_added_to_the_pages_stands_in_the_navigation(corner_settings):
    client = create_app(corner_settings).test_client()
    assert ("Reports", "/reports", False) in links(client.get("/ui/_dash-layout").json)
    assert ("Score clients", "/", False) in links(client.get("/ui/reports/_dash-layout").json)
    assert ("Reports", "/reports", True) in links(client.get("/ui/reports/_dash-layout").json)


@pytest.mark.usefixtures("second_page")
def test_a_module_added_to_the_pages_is_served_at_its_address(corner_settings):
    client = create_app(corner_settings).test_client()
    page = client.get("/reports")
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"] == client.get("/").headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"
    with client.get("/ui/reports/assets/style.css") as style:
        assert "no-store" not in style.headers["Cache-Control"]
    assert client.get("/ui/reports/nothing").status_code == 404
    assert ask(client, 1).json["response"]["answer"]["children"] == "1 of 500000"


@pytest.mark.usefixtures("second_page")
def test_a_failure_on_any_page_says_so_there_and_nothing_personal(corner_settings, caplog):
    client = create_app(corner_settings).test_client()
    failed = ask(client, 2)
    assert failed.json["sideUpdate"]["sending"]["children"].startswith("Something went wrong in the app.")
    assert "Anna" not in failed.text + caplog.text
    strange = client.post("/ui/reports/_dash-update-component", json={"output": "nothing.children"})
    assert (strange.status_code, strange.json["error"]["code"]) == (400, "bad_request")


@pytest.mark.parametrize(("name", "value"), [("n_clicks", "1"), ("n_clicks", -1), ("selectedRows", {"row": 1}),
                                             ("filterModel", {"when": {}}), ("id", None),
                                             ("getRowsRequest", {"startRow": "0", "endRow": 9})])  # fmt: skip
def test_what_no_page_would_send_is_refused_and_leaves_no_error_in_the_log(corner_app, caplog, name, value):
    body = {"output": "sending.children", "inputs": [[{"id": {"part": 1}, "property": name, "value": value}]]}
    answer = corner_app.test_client().post("/ui/history/_dash-update-component", json=body)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "bad_request")
    assert answer.json["error"]["message"].startswith("This is not what the page sends.")
    assert "Error" not in caplog.text


def welcome(client) -> str:
    """What Score clients says before there is a file."""
    outputs = [("stage", "children"), ("tick", "disabled"), ("shown", "data"), ("working", "data")]
    inputs = [("job", "data", None), ("tick", "n_intervals", 0)]
    asked = {
        "output": "..stage.children...tick.disabled...shown.data...working.data..",
        "outputs": [{"id": part, "property": name} for part, name in outputs],
        "inputs": [{"id": part, "property": name, "value": value} for part, name, value in inputs],
        "state": [{"id": part, "property": "data", "value": None} for part in ("shown", "working")],
        "changedPropIds": [],
    }
    answer = client.post("/ui/_dash-update-component", json=asked).json["response"]
    return json.dumps(answer["stage"]["children"], ensure_ascii=False)


def test_the_verdicts_are_told_by_the_cutoffs_in_force_and_a_stop_is_said(corner_app, client):
    context = corner_app.extensions["creditrisk"]
    assert "At most 14 of 100 similar applicants" in welcome(client)
    policy_changes.set_cutoffs(context, local_caller(), 0.05, 0.4, "fewer offers")
    told = welcome(client)
    assert "At most 5 of 100 similar applicants" in told
    assert "At least 40 of 100 similar applicants" in told
    policy_changes.stop(context, local_caller(), "the bureau is away")
    assert re.search(r"left to a colleague for now\. Scoring is stopped since .*: the bureau is away", welcome(client))
