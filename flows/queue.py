"""Runs queued on a Prefect server: does one answer, and what became of a run.

The command line asks here first; when no server answers, it runs the flow in its own process (local_run.py). The flows
are in model_train.py and evidently_report.py, their deployments in prefect.yaml.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from creditrisk.settings import PREFECT_WORK_POOL, Settings, prefect_password

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import PrefectClient

# What a flow is called with, by name, each as the text that Prefect's own form would take.
FlowArguments: TypeAlias = dict[str, str]

# Settings that whoever starts a training may choose for it; all others are those its worker was started with.
OF_A_RUN = ("CREDITRISK_SEARCH_TRIALS", "CREDITRISK_SEARCH_SECONDS")
# The state of a run that found its input not ready, and what its command ends with, as sysexits.h calls a thing to be
# tried again.
NOT_YET = "NotYet"
NOT_YET_CODE = 75
POLL_SECONDS = 1.0
# A worker looks for new runs every 10 seconds or so; after this long, something is missing.
PATIENCE_SECONDS = 30.0
# The worker's own log, and Prefect's remarks in the flow's, are left to Prefect's pages.
OF_THE_FLOW = ("prefect.flow_runs", "prefect.task_runs")
BOOKKEEPING = ("Running 1 deployment pull", "Executing deployment", "Deployment step", "All deployment", "Finished in")


def prefect_server_answers(settings: Settings) -> bool:
    """Whether a Prefect server that takes our password answers at `settings.prefect_url` within a second."""
    try:
        with urllib.request.urlopen(f"{settings.prefect_url}/health", timeout=0.8) as response:  # noqa: S310  # an address of our own settings, http or https
            if response.status != 200 or response.read().strip() != b"true":
                return False
        return _takes_our_password(settings)
    except (OSError, ValueError):
        return False


def worker_is_there(settings: Settings) -> bool:
    """Whether a worker waits for runs of ours."""
    try:
        return b'"status":"READY"' in _ask(settings, f"work_pools/{PREFECT_WORK_POOL}")
    except OSError:
        return False


def _takes_our_password(settings: Settings) -> bool:
    try:
        _ask(settings, "admin/version")
    except urllib.error.HTTPError as exc:
        if exc.code == 401:
            print(f"The Prefect server at {settings.prefect_url} belongs to another home; running the flow here.")
        return False
    return True


def _ask(settings: Settings, path: str) -> bytes:
    credentials = base64.b64encode(prefect_password(settings).encode()).decode()
    request = urllib.request.Request(  # noqa: S310  # an address of our own settings, http or https
        f"{settings.prefect_url}/{path}", headers={"Authorization": f"Basic {credentials}"}
    )
    with urllib.request.urlopen(request, timeout=0.8) as response:  # noqa: S310  # as above
        return bytes(response.read())


@contextmanager
def asking(settings: Settings) -> Iterator[None]:
    """Within, all of Prefect asks the server at `settings.prefect_url`, with our password."""
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    updates = {PREFECT_API_URL: settings.prefect_url, PREFECT_API_AUTH_STRING: prefect_password(settings) or None}
    with temporary_settings(updates=updates):
        yield


def run_deployment_and_follow(
    settings: Settings, deployment: str, arguments: FlowArguments, environment: dict[str, str]
) -> int | None:
    """Queue a run of a deployment, print its log as it comes, and wait for its end.

    Parameters
    ----------
    deployment
        Flow and deployment name, such as 'model-train/sunday'.
    arguments
        The flow's, by their names.
    environment
        Variables for the process of the run, beside those its worker was started with.

    Returns
    -------
    int or None
        0 if the run completed, NOT_YET_CODE if what it reads was not ready, 1 if it failed; None if the server has no
        such deployment, so that nothing was queued.
    """
    import httpx

    with asking(settings):
        try:
            return asyncio.run(_queue_and_follow(deployment, arguments, environment))
        except httpx.TransportError:
            print(f"The Prefect server at {settings.prefect_url} no longer answers; what became of the run is unknown.")
            return 1


def mark_interrupted_runs(settings: Settings, work_pool: str) -> int:
    """Declare crashed whatever the server still believes to be running in a work pool; return how many runs that were.

    To be called before the pool's worker starts: then nothing there can be running. Without this, a run cut off by a
    power failure keeps the one place its deployment has, and no later run ever starts.
    """
    from prefect import get_client
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
        WorkPoolFilter,
        WorkPoolFilterName,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed

    going_on = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])
    with asking(settings), get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=going_on)),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[work_pool])),
        )
        for run in runs:
            client.set_flow_run_state(run.id, Crashed(message="The worker was stopped while this ran."), force=True)
    return len(runs)


async def _queue_and_follow(deployment: str, arguments: FlowArguments, environment: dict[str, str]) -> int | None:
    from prefect import get_client
    from prefect.exceptions import ObjectNotFound

    async with get_client() as client:
        try:
            found = await client.read_deployment_by_name(deployment)
        except ObjectNotFound:
            print(f"The Prefect server has no deployment '{deployment}'; running the flow here instead.")
            return None
        run = await client.create_flow_run_from_deployment(
            found.id, parameters=arguments, job_variables={"env": environment} if environment else None
        )
        address = str(client.api_url).rstrip("/").removesuffix("/api") + f"/runs/flow-run/{run.id}"
        print(f"Queued '{run.name}' on the Prefect server; see it at {address}")
        try:
            return await _follow(client, run.id)
        except (KeyboardInterrupt, asyncio.CancelledError):
            print(f"\nNo longer following; the run goes on. Stop it at {address}")
            raise


async def _follow(client: PrefectClient, run_id: UUID) -> int:
    began = time.monotonic()
    seen: set[UUID] = set()
    is_told = False
    while True:
        run = await client.read_flow_run(run_id)
        await _print_new_lines(client, run_id, seen)
        if run.state is not None and run.state.is_final():
            # The last lines reach the server a moment after the final state.
            await asyncio.sleep(2 * POLL_SECONDS)
            await _print_new_lines(client, run_id, seen)
            if run.state.is_completed():
                print(f"'{run.name}' completed.")
                return NOT_YET_CODE if run.state.name == NOT_YET else 0
            print(f"'{run.name}' ended: {run.state.name}. {run.state.message or ''}")
            return 1
        if not is_told and run.start_time is None and time.monotonic() - began > PATIENCE_SECONDS:
            print("Still waiting: an earlier run may have to end first, or no worker is there (`make up` starts one).")
            is_told = True
        await asyncio.sleep(POLL_SECONDS)


async def _print_new_lines(client: PrefectClient, run_id: UUID, seen: set[UUID]) -> None:
    """Print what the flow and its tasks have logged and is not in `seen`; add it there. Tracebacks are left out."""
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
    from prefect.client.schemas.sorting import LogSort

    wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))
    read = 0
    while lines := await client.read_logs(wanted, offset=read, sort=LogSort.TIMESTAMP_ASC):
        read += len(lines)
        for line in lines:
            if line.id not in seen and line.name in OF_THE_FLOW and not line.message.startswith(BOOKKEEPING):
                mark = "" if line.level < logging.WARNING else f"{logging.getLevelName(line.level)}: "
                message = line.message.partition("\nTraceback (most recent call last)")[0]
                print(f"{line.timestamp.astimezone():%H:%M:%S}  {mark}{message}", flush=True)
            seen.add(line.id)
