"""The children of `riskometer serve`: those that answer, and the one that asks the registry for new champions.

    python -m webapp.worker answer LISTENER LIFELINE READY LOADS POSITION STARTED
    python -m webapp.worker poll LIFELINE READY STARTED N_ANSWERING

The numbers are file descriptors that the parent (serve.py) hands on. A child ends when the other end of its lifeline is
closed: no signal is needed, none is lost, and `kill -9` of the parent reaches every child. It writes a byte into READY
once it answers; the registry is asked after that, as importing its library takes a processor for two seconds. LOADS is
a file in which each process keeps, at its position, how many connections it has.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from select import select
from threading import Thread, Timer
from typing import TYPE_CHECKING

from creditrisk.errors import CreditRiskError
from creditrisk.settings import collect_seldom, configure_mlflow, read_settings

if TYPE_CHECKING:
    from webapp.context import AppContext

# What is begun when the app is told to end has this long for the block of rows in hand.
STOP_SECONDS = 8.0
# The registry is asked at the latest after so long, whoever answers by then.
LATEST_POLL_SECONDS = 20.0
# The exit status of a child that said why it cannot start, and would say it again.
CANNOT_START = 78


def answer(listener: int, lifeline: int, ready: int, *, loads: int, position: int, started: float) -> None:
    """Answer on a socket that listens until told to stop.

    Parameters
    ----------
    listener, lifeline, ready, loads
        File descriptors.
    position
        Of this process among those that answer, from 0.
    started
        When the app was started, as a Unix time.
    """
    from webapp.app import create_app
    from webapp.connections import Server, SharedLoad, quiet_logs
    from webapp.security import body_limit
    from webapp.upload_scoring import keep_taking_up

    settings = read_settings()
    quiet_logs()
    app = create_app(settings, started)
    context: AppContext = app.extensions["creditrisk"]
    limit = partial(body_limit, settings)
    with socket.socket(fileno=listener) as shared:
        load = SharedLoad(loads, position)
        server = Server(
            app,
            shared,
            body_limit=limit,
            max_body=limit("/invocations"),
            on_answer=context.metrics.count_answer,
            load=load,
        )

        def stop() -> None:
            context.stopping.set()
            server.pull_trigger()

        _on_end(lifeline, stop)
        signal.signal(signal.SIGTERM, lambda _number, _frame: stop())
        context.champion.start()
        keep_taking_up(context)
        gc.freeze()  # what serves now stays, and is not looked through for garbage between two answers
        os.write(ready, b".")
        Thread(target=look_at_log, args=(context,), name="first look", daemon=True).start()
        server.run(context.stopping)
        _end_at_the_latest(STOP_SECONDS)
        server.drain()
    # Before this, Python waits for the threads of uploads: they end after the block in hand and note how far they came.
    # Then nothing is left to be written, and the libraries would take seconds to take themselves down.
    atexit.register(os._exit, 0)


def look_at_log(context: AppContext) -> None:
    """See whether the log is whole, which takes a moment, before the first client has to wait for that."""
    with suppress(CreditRiskError):  # said in /ready, and to whoever has something to be written
        context.log.check_writable()


def poll(lifeline: int, ready: int, *, started: float, n_answering: int) -> None:
    """Ask the registry for new champions, and the services how they are, once the first process answers.

    Parameters
    ----------
    lifeline, ready
        File descriptors.
    started
        When the app was started, as a Unix time.
    n_answering
        How many processes should answer.
    """
    _on_end(lifeline, partial(os._exit, 0))
    select([ready], [], [], LATEST_POLL_SECONDS)
    from webapp.champion_poller import ChampionPoller
    from webapp.service_watch import watch_services

    settings = read_settings()
    configure_mlflow(settings)
    watch_services(settings, started, n_answering)
    if settings.shadow:
        from webapp.shadow import ShadowScorer

        Thread(target=ShadowScorer(settings).keep_looking, name="shadow", daemon=True).start()
    ChampionPoller(settings).keep_polling()


def _on_end(lifeline: int, end: Callable[[], object]) -> None:
    """Call `end`, in a thread, once the other end of the pipe is closed."""

    def wait() -> None:
        os.read(lifeline, 1)
        end()

    Thread(target=wait, name="lifeline", daemon=True).start()


def _end_at_the_latest(seconds: float) -> None:
    """End the process after a while, whatever still hangs in it."""
    last = Timer(seconds, os._exit, args=(0,))
    last.daemon = True
    last.start()


def _main(kind: str, *given: str) -> None:
    # Ctrl-C reaches all processes of a terminal; the parent answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    collect_seldom()
    from webapp.json_logs import log_as_json

    log_as_json()
    try:
        if kind == "answer":
            *fds, started = given
            listener, lifeline, ready, loads, position = map(int, fds)
            answer(listener, lifeline, ready, loads=loads, position=position, started=float(started))
        else:
            *fds, started, n_answering = given
            lifeline, ready = map(int, fds)
            poll(lifeline, ready, started=float(started), n_answering=int(n_answering))
    except CreditRiskError as exc:
        message = str(exc)
        sys.stderr.write(f"Error: {message[:1].upper()}{message[1:]}\n")
        sys.exit(CANNOT_START)


if __name__ == "__main__":
    _main(*sys.argv[1:])
