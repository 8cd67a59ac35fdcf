import csv
import io
import json
import threading
import time
from collections.abc import Callable

import pytest
from flask import Flask

from creditrisk.registry import Registry
from creditrisk.settings import Settings
from tests.conftest import adopt, poll
from webapp.app import create_app
from webapp.serving import ServedModel


@pytest.fixture(scope="module")
def settings(german_champion, tmp_path_factory) -> Settings:
    """A home of the web app's own, with the registry of the training."""
    uri = german_champion.settings.mlflow_tracking_uri
    settings = Settings(home=tmp_path_factory.mktemp("web"), mlflow_uri=uri)
    adopt(settings, Registry(settings.stores).champion("german_credit"))
    return settings


@pytest.fixture(scope="module")
def app(settings: Settings) -> Flask:
    """The app after it has found the champion in the registry."""
    app = create_app(settings)
    poll(champion_of(app))
    return app


def champion_of(app: Flask) -> ServedModel:
    return app.extensions["creditrisk"].champion


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_two_hundred_clients_get_the_same_results_through_every_door(app, german_clients):
    client = app.test_client()
    answer = client.post("/api/v1/score.csv", data=german_clients, content_type="text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 200
    assert not any(row["error"] for row in rows)
    records = list(csv.DictReader(io.StringIO(german_clients)))
    results = client.post("/api/v1/score", json={"applications": records}).json["results"]
    predictions = client.post("/invocations", json={"dataframe_records": records}).json["predictions"]
    assert predictions == results
    name = client.post(
        "/uploads",
        data=german_clients.encode(),
        content_type="application/octet-stream",
        headers={"X-File-Name": "clients.csv"},
    ).json["upload"]
    wait_until(lambda: client.get(f"/uploads/{name}/result.csv").status_code == 200)
    download = client.get(f"/uploads/{name}/result.csv").text.removeprefix("\ufeff")
    assert download.count("\n") == answer.text.count("\n")
    assert [(row["Score points"], row["Id in History"]) for row in csv.DictReader(io.StringIO(download))] == [
        (row["score_points"], row["application_id"]) for row in rows
    ]
    for row, result in zip(rows, results, strict=True):
        for field in ("prob_default", "score_points", "confidence"):
            assert float(row[field]) == result[field]
        assert (row["verdict"], row["band"]) == (result["verdict"], result["band"])
        for name, of_whom in (("reasons", "with an offer"), ("strengths", "of all applicants")):
            told = row[name].split(" of 100)")[:-1]
            moves = "raises" if name == "reasons" else "lowers"
            assert len(told) == len(result[name]) <= 4
            for text, reason in zip(told, result[name], strict=True):
                assert text.removeprefix("; ").startswith(reason["text"])
                assert f" (typical {of_whom}: {reason['typical']}; {moves} the risk by " in text
    assert {row["verdict"] for row in rows} == {"approve", "refer", "decline"}


def test_the_protected_fields_of_german_credit_are_never_a_reason(app, german_clients):
    schema = champion_of(app).state.scorer.schema
    protected = {field.name for field in schema.protected}
    assert protected
    records = list(csv.DictReader(io.StringIO(german_clients)))
    results = app.test_client().post("/api/v1/score", json=records).json["results"]
    named = {reason["code"].split(":")[0] for result in results for reason in result["reasons"]}
    assert named
    assert not named & protected


def test_a_start_while_the_registry_is_away_scores_with_the_copy_on_disk(app, settings, german_clients):
    before = app.test_client().post("/api/v1/score.csv", data=german_clients, content_type="text/csv").text
    alone = create_app(settings.model_copy(update={"mlflow_uri": "http://127.0.0.1:9"}))
    champion_of(alone).look()
    poll(champion_of(alone))
    client = alone.test_client()
    assert client.post("/api/v1/score.csv", data=german_clients, content_type="text/csv").text == before
    ready = client.get("/ready").json
    assert ready["ready"]
    assert ready["registry"]["consequence"].startswith("Registry away")


def test_a_copy_on_disk_that_was_changed_is_not_used(app, settings, tmp_path):
    state = champion_of(app).state
    folder = settings.home / "serving" / state.scorer.name / state.scorer.version
    changed = tmp_path / "serving" / state.scorer.name / state.scorer.version
    changed.mkdir(parents=True)
    for file in folder.iterdir():
        (changed / file.name).write_bytes(file.read_bytes())
    rule = json.loads((changed / "decision.json").read_text())
    rule["costs"]["accept_bad"] = 0.1
    (changed / "decision.json").write_text(json.dumps(rule))
    note = (settings.home / "serving" / "current.json").read_bytes()
    (tmp_path / "serving" / "current.json").write_bytes(note)

    victim = create_app(settings.model_copy(update={"home": tmp_path, "mlflow_uri": "http://127.0.0.1:9"}))
    champion_of(victim).look()
    ready = victim.test_client().get("/ready")
    assert (ready.status_code, ready.json["model"]) == (503, None)
    assert "files were changed" in ready.json["model_problem"]
    # With the registry back, the copy is fetched anew.
    own = settings.model_copy(update={"home": tmp_path})
    adopt(own, Registry(own.stores).champion("german_credit"))
    back = create_app(own)
    champion_of(back).look()
    poll(champion_of(back))
    assert back.test_client().get("/ready").json["ready"]


def test_a_new_champion_takes_over_without_dropping_a_request(app, settings, german_clients, lay_registry, tmp_path):
    scorer = champion_of(app).state.scorer
    own = Settings(home=tmp_path)
    lay_registry(tmp_path)
    registry = Registry(own.stores)
    trained = Registry(settings.stores)
    reference = trained.reference_sample(trained.champion("german_credit"))
    # The same scorer twice: what is tested is the change of version.
    first, second = (registry.register(scorer, reference, params={}, metrics={}) for _ in range(2))
    registry.promote(first, by="a test", why="the first", evidence="none")

    swapping = create_app(own)
    poll(champion_of(swapping))
    client = swapping.test_client()
    record = next(csv.DictReader(io.StringIO(german_clients)))
    versions: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        with swapping.test_client() as asker:
            while not stop.is_set():
                answer = asker.post("/api/v1/score", json=record)
                assert answer.status_code == 200
                [result] = answer.json["results"]
                assert result["model_version"] == answer.json["model_version"]
                versions.append(result["model_version"])

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        wait_until(lambda: "1" in versions)
        registry.promote(second, by="a test", why="the second", evidence="none")
        poll(champion_of(swapping))
        wait_until(lambda: "2" in versions)
    finally:
        stop.set()
        asking.join()
    assert versions == sorted(versions)
    assert client.get("/ready").json["model_version"] == "2"
    assert 'creditrisk_model_info{model="german_credit",version="2"} 1.0' in client.get("/metrics").text
    assert 'version="1"' not in client.get("/metrics").text
