"""What a report does that calls for a retraining: it says so or, where that is wanted, has Prefect start it.

The report emits an event; an automation of the Prefect server, which deploy.py makes, reacts to it and runs
`model-train/sunday` with the reason. So whoever runs the server sees it there, and can switch it off. Promotion is by
evidence, as ever.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from creditrisk.decision_log import DecisionLog
from creditrisk.registry import Champion, Registry, serving_name
from creditrisk.settings import Settings
from monitoring import heads, retraining, triggers
from monitoring.results import Result, by_sequence
from monitoring.windows import Reference, Window

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.events import AutomationCore

EVENT = "riskometer.retraining-called-for"
AUTOMATION = "Retrain when a report calls for it"
FLOW, DEPLOYMENT = "model-train", "sunday"
BY_HAND = f"Start it with `make model-train-flow`, or in Prefect as {FLOW}/{DEPLOYMENT}."


# --- in a report ------------------------------------------------------------------------------------------------------


@task(retries=2, retry_delay_seconds=5, persist_result=False, cache_policy=NO_CACHE)
def act(
    result: Result,
    champion: Champion,
    window: Window,
    *,
    reference: Reference,
    earlier: list[Result],
    settings: Settings,
) -> Result:
    """Hold the triggers against the log, see whether a retraining is called for, and add both to the result."""
    log, schema = DecisionLog(settings.decision_log), champion.scorer.schema
    as_of = datetime.fromisoformat(result["created_at"])
    file = triggers.read_triggers(settings.triggers_file, schema, reference.profile, must_exist=bool(settings.triggers))
    judged = triggers.judge_triggers(file, log, reference, schema, window, as_of=as_of)
    result = triggers.with_triggers(result, judged)
    if settings.retraining == "off":
        return result
    drop = retraining.auc_drop(reference.profile["prob_default"], window.judged.profile["prob_default"])
    before = _report_before(log, earlier, result["model_version"])
    reason = retraining.reason_to_retrain(result, before, drop, judged.calls)
    if not reason:
        return result
    registry = Registry(settings.stores)
    resting = retraining.trained_lately(
        registry.last_trained(result["model"]), as_of, settings.retraining_cooldown_days
    )
    how = BY_HAND
    if settings.retraining == "start" and not resting and _serves(registry, result["model"], settings):
        how = start_training(result["model"], reason, settings) or BY_HAND
    return retraining.with_retraining(result, reason, resting=resting, how=how)


def _report_before(log: DecisionLog, earlier: list[Result], model_version: str) -> Result | None:
    """The last report that the log bears out, if it was about the same version."""
    before = max(heads.held(log, earlier), key=by_sequence, default=None)
    return before if before is not None and before["model_version"] == model_version else None


def _serves(registry: Registry, model: str, settings: Settings) -> bool:
    """Whether a training without a name would train this model."""
    return serving_name(registry, settings.dataset) == model


def start_training(model: str, reason: str, settings: Settings) -> str:
    """Emit the event, unless a training is under way or was asked for lately; what is done then, as a sentence.

    Empty where no automation would react: on the server of a single run, or where it was switched off.
    """
    from prefect import get_client
    from prefect.events import Event, Resource

    with get_client(sync_client=True) as client:
        if not any(automation.enabled for automation in client.read_automations_by_name(AUTOMATION)):
            return ""
        if run := _asked_for_lately(client, settings.retraining_cooldown_days):
            state = run.state.type.value.lower() if run.state else "unknown"
            return f"None is started beside the run '{run.name}' of {FLOW}/{DEPLOYMENT} ({state}). {BY_HAND}"
        resource = Resource({"prefect.resource.id": f"riskometer.model.{model}", "prefect.resource.name": model})
        event = Event(event=EVENT, resource=resource, payload={"model": model, "reason": reason})
        # Sent here and now: what the report says has happened then.
        client.request("POST", "/events", json=[event.model_dump(mode="json")])
    return f"Prefect starts {FLOW}/{DEPLOYMENT} for it."


def _asked_for_lately(client: SyncPrefectClient, cooldown_days: int) -> FlowRun | None:
    """A run of the training that goes on or waits, or that a report called for within the cool-down, however it ended.

    Runs that the schedule has planned for later are none.
    """
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterName,
        FlowFilter,
        FlowFilterName,
        FlowRunFilter,
        FlowRunFilterExpectedStartTime,
    )
    from prefect.client.schemas.sorting import FlowRunSort

    now = datetime.now(UTC)
    span = FlowRunFilterExpectedStartTime(
        after_=now - timedelta(days=max(cooldown_days, 1)), before_=now + timedelta(minutes=1)
    )
    runs = client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])),
        deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[DEPLOYMENT])),
        flow_run_filter=FlowRunFilter(expected_start_time=span),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
    )
    return next((run for run in runs if not _is_final(run) or (cooldown_days and run.parameters.get("reason"))), None)


def _is_final(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()


# --- at a deployment --------------------------------------------------------------------------------------------------


def settle_automation(settings: Settings) -> None:
    """Make the automation, or take it away where reports are to start no training; doing it again changes nothing.

    An automation that is as it should be is left alone, so that the server still knows what it reacted to; one that a
    person has switched off stays so.
    """
    from prefect import get_client

    with get_client(sync_client=True) as client:
        there = client.read_automations_by_name(AUTOMATION)
        is_wanted = settings.retraining == "start"
        for automation in there[1:] if is_wanted else there:
            client.delete_automation(automation.id)
        if not is_wanted:
            return
        deployment = client.read_deployment_by_name(f"{FLOW}/{DEPLOYMENT}")
        wanted = _automation(deployment.id, settings.retraining_cooldown_days)
        if not there:
            client.create_automation(wanted)
        elif _told(there[0]) != _told(wanted):
            wanted.enabled = there[0].enabled
            client.update_automation(there[0].id, wanted)


def _automation(deployment_id: UUID, cooldown_days: int) -> AutomationCore:
    from prefect.events import AutomationCore, EventTrigger, Posture, RunDeployment

    return AutomationCore(
        name=AUTOMATION,
        description="Made by `make up` for CREDITRISK_RETRAINING=start. The run is told why; promotion is by evidence.",
        trigger=EventTrigger(
            expect={EVENT},
            match={"prefect.resource.id": "riskometer.model.*"},
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
            # Once it has reacted, it is deaf for as long.
            within=timedelta(days=cooldown_days),
        ),
        actions=[
            RunDeployment(
                source="selected",
                deployment_id=deployment_id,
                parameters={
                    "search": "deep",
                    "reason": {"__prefect_kind": "jinja", "template": "{{ event.payload.reason }}"},
                },
            )
        ],
    )


def _told(automation: AutomationCore) -> object:
    """What an automation does, without what the server adds to it."""
    trigger = automation.trigger.model_dump(mode="json", exclude={"id"})
    actions = [action.model_dump(mode="json") for action in automation.actions]
    return automation.description, trigger, actions
