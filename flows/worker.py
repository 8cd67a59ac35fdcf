"""The worker: takes runs from the Prefect server and does them, ours and no others: `python -m flows.worker`.

Prefect's own worker executes whatever command the server names, fetches code as a deployment says, and takes its
environment from there; whoever can write to that server can run anything here. This one reads from it which of our
flows to run (engine.py), their arguments, and two settings; a run that asks for more is refused.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import anyio
from prefect.runner._flow_run_executor import FlowRunExecutionResult, FlowRunExecutorContext
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from creditrisk.home import make_home
from creditrisk.settings import PREFECT_PASSWORD_VARIABLE, PREFECT_WORK_POOL, prefect_password, read_settings
from flows.engine import WORKER_VARIABLE, ForeignRunError, flow_of
from flows.logs import log_sentences_only
from flows.queue import OF_A_RUN, asking

if TYPE_CHECKING:
    from uuid import UUID

    from prefect import Flow
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.runner._process_manager import ProcessHandle

AT_ONCE = 2
STOP_SECONDS = 5.0
# What the server lets a run change, and shows beside its form.
TEMPLATE = {
    "job_configuration": {"env": "{{ env }}"},
    "variables": {
        "type": "object",
        "properties": {
            "env": {
                "title": "Settings of the run",
                "description": f"{' and '.join(OF_A_RUN)}; all others are those the worker was started with.",
                "type": "object",
                "additionalProperties": {"type": "string"},
                "default": {},
            }
        },
    },
}


class RunSettings(BaseJobConfiguration):
    """What a run may choose: the two settings, as variables of its environment."""

    @classmethod
    async def from_template_and_values(
        cls,
        base_job_template: dict[str, Any],  # the server's, so not read
        values: dict[str, Any],
        client: PrefectClient | None = None,  # nothing is asked of the server
    ) -> Self:
        """Read what the deployment and the run ask for.

        Raises
        ------
        ForeignRunError
            If that is more than the two settings.
        """
        environment = values.get("env") or {}
        foreign = [name for name in values if name != "env"] + [name for name in environment if name not in OF_A_RUN]
        if foreign:
            raise ForeignRunError(
                f"a run here may set {' and '.join(OF_A_RUN)}, and nothing else; this one sets {', '.join(foreign)}."
            )
        return cls(env=environment)


class Worker(BaseWorker[RunSettings, BaseVariables, BaseWorkerResult]):
    """Does runs of our flows, each in a process of its own."""

    type = "riskometer"
    job_configuration = RunSettings
    _display_name = "Risk-O-Meter"
    _description = "Runs the flows of the Risk-O-Meter, and nothing else."

    def __init__(self, work_pool_name: str, *, limit: int) -> None:
        super().__init__(work_pool_name, limit=limit)
        self.going_on: dict[UUID, ProcessHandle] = {}

    async def end_runs(self) -> None:
        """Tell every run to end, and wait until it has marked itself, for a few seconds at most."""
        for handle in self.going_on.values():
            with suppress(ProcessLookupError):
                handle.graceful_kill()
        with anyio.move_on_after(STOP_SECONDS):
            while self.going_on:
                await anyio.sleep(0.1)

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        """What a run may change, for the work pool that the worker makes."""
        return TEMPLATE

    async def run(
        self,
        flow_run: FlowRun,
        configuration: RunSettings,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> BaseWorkerResult:
        """Do a run to its end.

        Raises
        ------
        ForeignRunError
            If it is a run of none of our flows.
        """
        entrypoint = await self._entrypoint(flow_run)
        flow = flow_of(entrypoint)

        async def resolved(_flow_run: FlowRun) -> Flow[..., Any]:
            return flow

        starter = EngineCommandStarter(
            command=shlex.join([sys.executable, "-m", "flows.engine", entrypoint]),
            env={name: value for name, value in configuration.env.items() if name in OF_A_RUN},
        )
        execution: FlowRunExecutionResult | None = None

        async def execute(*, task_status: anyio.abc.TaskStatus[ProcessHandle] = anyio.TASK_STATUS_IGNORED) -> None:
            nonlocal execution
            execution = await executor.submit(task_status=task_status)

        try:
            async with FlowRunExecutorContext() as context, anyio.create_task_group() as tasks:
                executor = context.create_executor(flow_run, starter, resolved, propose_submitting=False)
                handle = await tasks.start(execute)
                self.going_on[flow_run.id] = handle
                if task_status is not None:
                    task_status.started(handle.pid)
        finally:
            self.going_on.pop(flow_run.id, None)
        if execution is None or execution.status_code is None:
            raise RuntimeError("the process of the run did not start")
        return BaseWorkerResult(identifier=str(handle.pid), status_code=execution.status_code)

    async def _entrypoint(self, flow_run: FlowRun) -> str:
        if flow_run.deployment_id is None:
            return ""
        return (await self.client.read_deployment(flow_run.deployment_id)).entrypoint or ""


def main() -> None:
    """Work until told to stop."""
    os.umask(0o077)
    log_sentences_only()
    settings = read_settings()
    make_home(settings.home)
    # For the processes of the runs.
    os.environ |= {
        "PREFECT_API_URL": settings.prefect_url,
        PREFECT_PASSWORD_VARIABLE: prefect_password(settings),
        WORKER_VARIABLE: str(os.getpid()),
    }
    with asking(settings), suppress(asyncio.CancelledError, KeyboardInterrupt):
        asyncio.run(_work())


async def _work() -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    worker = Worker(PREFECT_WORK_POOL, limit=AT_ONCE)
    working = asyncio.create_task(worker.start())
    waiting = asyncio.create_task(told.wait())
    await asyncio.wait([working, waiting], return_when=asyncio.FIRST_COMPLETED)
    if told.is_set():
        await worker.end_runs()
        working.cancel()
    await working


if __name__ == "__main__":
    main()
