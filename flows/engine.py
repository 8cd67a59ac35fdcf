"""One run of one of our flows: what may run at all, and how it ends when it is told to.

Under `up` and in containers the worker (worker.py) starts this module for a run that the server handed out; without a
server local_run.py calls it. Only what `FLOWS` lists can run, imported as our own code: what a server says of commands,
paths and steps to fetch code is never read.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import copy_context
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NoReturn
from uuid import UUID

from creditrisk.errors import CreditRiskError, SettingsError
from creditrisk.settings import collect_seldom, configure_mlflow, read_settings
from flows.logs import log_sentences_only
from flows.notices import tell_of_run

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import FlowRun, State

# Where prefect.yaml says that a flow is, and the module and name under which it is imported.
FLOWS = {
    f"flows/{name}.py:{name}": (f"flows.{name}", name)
    for name in (
        "model_train",
        "evidently_report",
        "promote",
        "batch_score",
        "outcomes",
        "prune_reports",
        "table_drift",
    )
}
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
MARK_SECONDS = 3.0
# The worker's process id, for the processes of its runs.
WORKER_VARIABLE = "RISKOMETER_WORKER"
LOOK_SECONDS = 1.0


class EndedBySignal(BaseException):
    """The process was told to end; `signal` says how."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)


class ForeignRunError(CreditRiskError):
    """A server asks for a run that is none of ours, or for more than ours may ask."""


def flow_of(entrypoint: str | None) -> Flow[..., Any]:
    """The flow behind an entry point; how its runs end is told to whom the settings name.

    Raises
    ------
    ForeignRunError
        If it is none of ours.
    """
    if entrypoint not in FLOWS:
        raise ForeignRunError(
            f"'{entrypoint}' is none of the flows that run here: {', '.join(FLOWS)}. Deploy those with `make up`."
        )
    module, name = FLOWS[entrypoint]
    flow: Flow[..., Any] = getattr(import_module(module), name)
    return flow.with_options(on_completion=[tell_of_run], on_failure=[tell_of_run], on_crashed=[tell_of_run])


def run(entrypoint: str, flow_run: FlowRun, return_type: Literal["state", "result"]) -> None:
    """Do a run to its end; the flow's own error is raised where the result is asked for.

    Python hears a signal in the main thread only, and only between two of its own steps: deep in a library it would
    hear it after a minute. So the run has a thread of its own, and this one does nothing but wait.

    Raises
    ------
    EndedBySignal
        At a signal, within `heard_signals`: the run is marked as ended then, and its thread still at work.
    """
    from prefect.flow_engine import run_flow

    done: Future[None] = Future()

    def do() -> None:
        try:
            run_flow(flow_of(entrypoint), flow_run=flow_run, return_type=return_type)
        except BaseException as exc:  # whatever it is, the waiting thread raises it
            done.set_exception(exc)
        else:
            done.set_result(None)

    threading.Thread(target=copy_context().run, args=(do,), daemon=True).start()
    try:
        done.result()
    except EndedBySignal as ended:
        # A server that is itself going away is not waited for.
        marking = threading.Thread(target=copy_context().run, args=(mark_ended, flow_run.id, ended.signal), daemon=True)
        marking.start()
        marking.join(MARK_SECONDS)
        raise


@contextmanager
def heard_signals() -> Iterator[None]:
    """Within, the first signal that ends a process raises `EndedBySignal` in the main thread.

    One that was ignored before stays so.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def tell(number: int, _frame: object) -> NoReturn:
        for known in SIGNALS:
            signal.signal(known, signal.SIG_IGN)
        raise EndedBySignal(number)

    for number in SIGNALS:
        if before[number] != signal.SIG_IGN:
            signal.signal(number, tell)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def mark_ended(flow_run_id: UUID, how: signal.Signals) -> None:
    """Tell the server that a run was ended: cancelled where a person wanted it so, else crashed."""
    from prefect import get_client
    from prefect.states import Cancelled, Crashed

    # Whatever keeps it from being told: the next `up` declares such a run crashed.
    with suppress(Exception), get_client(sync_client=True) as client:
        state = client.read_flow_run(flow_run_id).state
        if state is None or not state.is_final():
            is_wanted = how == signal.SIGINT or (state is not None and state.is_cancelling())
            ended: State[None] = (Cancelled if is_wanted else Crashed)(message=f"Ended by {how.name}.")
            client.set_flow_run_state(flow_run_id, ended, force=True)


def end_with_worker() -> None:
    """End this process soon after the worker that started it has ended, however that came about.

    Whoever loses a parent is given another one, on every system. The next worker declares the run crashed.
    """
    worker = int(os.environ.get(WORKER_VARIABLE, os.getppid()))

    def look() -> None:
        while os.getppid() == worker:
            time.sleep(LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()


def leave(code: int) -> NoReturn:
    """End the process at once: threads deep in a library are not waited for."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Do the run that the worker names in the environment; its entry point is the only argument."""
    os.umask(0o077)
    collect_seldom()
    end_with_worker()
    log_sentences_only()
    with suppress(SettingsError):  # said by the flow itself, so that the run's page shows it
        configure_mlflow(read_settings())
    from prefect import get_client
    from prefect.engine import handle_engine_signals

    flow_run_id = UUID(os.environ["PREFECT__FLOW_RUN_ID"])
    with heard_signals(), handle_engine_signals(flow_run_id):
        try:
            with get_client(sync_client=True) as client:
                flow_run = client.read_flow_run(flow_run_id)
            run(sys.argv[1], flow_run, "state")
        except EndedBySignal:
            leave(0)  # the run is marked, so the worker has nothing left to tell the server


if __name__ == "__main__":
    main()
