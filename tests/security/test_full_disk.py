"""A web app whose disk is full: each way in says so, keeps no half of anything, and goes on once there is room."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from creditrisk.home import write_whole
from tests.conftest import corner_home
from tests.security.conftest import GOOD, fill
from webapp import log_check
from webapp.app import create_app
from webapp.upload_files import locked

CSV = "client,age_years,amount_eur,income_eur,housing\n" + "A7,61,2000,52000,own\n" * 500
FULL = "Nothing can be written where the app keeps its files (No space left on device), so this was not done."
CHECK = {
    "output": "..proof.children...proof-tick.disabled..",
    "outputs": [{"id": "proof", "property": "children"}, {"id": "proof-tick", "property": "disabled"}],
    "inputs": [
        {"id": "check-log", "property": "n_clicks", "value": 1},
        {"id": "proof-tick", "property": "n_intervals", "value": 0},
    ],
    "changedPropIds": ["check-log.n_clicks"],
}


@pytest.fixture
def app(corner_scorer, small_disk):
    app = create_app(corner_home(corner_scorer, small_disk / "home"))
    app.extensions["creditrisk"].champion.look()
    return app


def send(client):
    return client.post("/uploads", data=CSV, content_type="application/octet-stream")


def test_a_full_disk_is_said_in_a_sentence_and_nothing_is_left_of_what_had_no_room(app, small_disk, caplog):
    client, home = app.test_client(), app.extensions["creditrisk"].settings.home
    assert client.post("/api/v1/score", json=GOOD).status_code == 200
    client.get("/")
    filler = fill(small_disk, left=0)
    answer = send(client)
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "no_room")
    assert answer.json["error"]["message"].startswith(FULL)
    assert answer.headers["Retry-After"] == "60"
    assert [path.name for path in (home / "uploads").iterdir() if path.is_dir()] == []
    assert client.post("/api/v1/score", json=GOOD).status_code == 503
    answer = client.get("/template.xlsx")
    assert [*home.glob("workbook-*")] == []
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "no_room")
    checked = client.post("/ui/history/_dash-update-component", json=CHECK)
    assert f"It could not be checked: {FULL}" in json.dumps(checked.json)
    assert "A7" not in caplog.text
    filler.unlink()
    assert send(client).status_code == 202
    client.post("/ui/history/_dash-update-component", json=CHECK)
    with locked(home / "log-check.lock", is_patient=True):
        assert log_check.last_check(home).is_whole


def test_a_file_that_has_no_room_leaves_the_old_one_and_no_half_of_itself(small_disk):
    path = small_disk / "note.json"
    write_whole(path, "old")
    filler = fill(small_disk, left=4096)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "x" * 100_000)
    assert {each.name for each in small_disk.iterdir()} == {"note.json", filler.name}
    assert path.read_text() == "old"


def test_threads_that_replace_the_same_file_do_not_stand_in_each_others_way(tmp_path):
    path = tmp_path / "note.json"
    contents = [str(number) * 50_000 for number in range(8)]

    def replace_often(content):
        for _ in range(100):
            write_whole(path, content)

    with ThreadPoolExecutor(len(contents)) as threads:
        list(threads.map(replace_often, contents))
    assert path.read_text() in contents
    assert [kept.name for kept in tmp_path.iterdir()] == ["note.json"]
