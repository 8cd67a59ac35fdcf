"""Retraining by a real Prefect server: the automation is made once, reacts once, and hands the reason on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from creditrisk.settings import Settings
from flows.queue import asking, prefect_server_answers
from flows.retraining import AUTOMATION, DEPLOYMENT, EVENT, FLOW, settle_automation, start_training
from tests.integration.test_stack import free_ports

PATIENCE_SECONDS = 60
REASON = "Income has shifted strongly, which raises the average risk by about 1.2 of 100: {{ 1 + 1 }}."


@pytest.fixture(scope="module")
def settings(lay_prefect: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A home whose Prefect server runs and knows the training's deployment; all of Prefect asks it."""
    from prefect import get_client
    from prefect.utilities.callables import parameter_schema

    from flows.model_train import model_train

    home = tmp_path_factory.mktemp("home")
    lay_prefect(home)
    here = Settings(home=home, prefect_port=free_ports()["PREFECT"], retraining="start")
    server = subprocess.Popen(
        [sys.executable, "-m", "flows.prefect_server", "--port", str(here.prefect_port)],
        env=os.environ | {"CREDITRISK_HOME": str(home)},
    )
    try:
        wait_until("the server answers", lambda: prefect_server_answers(here))
        with asking(here), get_client(sync_client=True) as client:
            flow_id = client.create_flow(model_train)
            client.create_deployment(
                flow_id,
                DEPLOYMENT,
                # So that an argument which the flow does not know is refused, as in the real one.
                parameter_openapi_schema=parameter_schema(model_train).model_dump_for_openapi(),
                enforce_parameter_schema=True,
            )
            yield here
    finally:
        server.kill()
        server.wait()


def wait_until(what: str, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"after {PATIENCE_SECONDS} seconds still not so: {what}"
        time.sleep(0.1)


def runs() -> list[dict[str, object]]:
    """The arguments of the trainings that are queued."""
    from prefect import get_client

    with get_client(sync_client=True) as client:
        return [run.parameters for run in client.read_flow_runs()]


def automations() -> list[dict[str, object]]:
    """Every automation of ours, as the server has it."""
    from prefect import get_client

    with get_client(sync_client=True) as client:
        found = client.request("POST", "/automations/filter", json={}).json()
    return [item for item in found if item["name"] == AUTOMATION]


def deaf_days(automation: dict[str, object]) -> float:
    return automation["trigger"]["within"] / 86_400


def emit(model: str, reason: str) -> None:
    """What a report sends that does not look whether a training is under way."""
    from prefect import get_client
    from prefect.events import Event, Resource

    resource = Resource({"prefect.resource.id": f"riskometer.model.{model}"})
    event = Event(event=EVENT, resource=resource, payload={"model": model, "reason": reason})
    with get_client(sync_client=True) as client:
        client.request("POST", "/events", json=[event.model_dump(mode="json")])


def test_an_alarm_starts_one_training_with_its_reason_and_a_second_one_none(settings):
    assert start_training("simulated", REASON, settings) == "", "no automation: it stays a proposal"

    settle_automation(settings)
    [made] = automations()
    assert (made["enabled"], deaf_days(made)) == (True, 7)
    settle_automation(settings)
    assert automations() == [made], "deployed again, it is left alone"

    assert start_training("simulated", REASON, settings) == f"Prefect starts {FLOW}/{DEPLOYMENT} for it."
    asked_for = {"search": "deep", "reason": REASON}
    wait_until("a training is queued", lambda: runs() == [asked_for])

    # The next report, three hours later: the training still waits.
    said = start_training("simulated", "Another reason.", settings)
    assert said.startswith("None is started beside the run '")
    assert f"of {FLOW}/{DEPLOYMENT} (scheduled)" in said
    # Whoever emits it all the same is not heard: what follows about another model is, after it.
    emit("simulated", "Another reason.")
    emit("simulated", "A third reason.")
    emit("other", "Another model.")
    wait_until("the last event was heard", lambda: len(runs()) == 2)
    assert sorted(run["reason"] for run in runs()) == sorted([REASON, "Another model."])


def test_the_automation_follows_the_settings_and_a_person_who_switched_it_off(settings):
    from prefect import get_client

    settle_automation(settings)
    with get_client(sync_client=True) as client:
        [made] = client.read_automations_by_name(AUTOMATION)
        client.pause_automation(made.id)
    assert start_training("simulated", REASON, settings) == "", "switched off: it stays a proposal"
    settle_automation(settings.model_copy(update={"retraining_cooldown_days": 3}))
    [changed] = automations()
    assert (changed["id"], changed["enabled"], deaf_days(changed)) == (str(made.id), False, 3)
    settle_automation(settings.model_copy(update={"retraining": "propose"}))
    assert automations() == []
    settle_automation(settings.model_copy(update={"retraining": "off"}))
    assert automations() == []
