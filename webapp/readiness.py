"""Whether the app can score, answered within two seconds whatever the decision log does. Asked by GET /ready."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypedDict

from creditrisk.errors import CreditRiskError, DecisionLogError
from creditrisk.text import sentence
from webapp.context import AppContext
from webapp.service_note import NOTHING_SCORED
from webapp.serving import NOT_ASKED

PATIENCE_SECONDS = 1.2


class ServiceState(TypedDict):
    """Whether the registry, or the decision log, answers; if not, what is wrong and what follows from that."""

    reachable: bool
    problem: str | None
    consequence: str | None


class Readiness(TypedDict):
    """Whether the app can score, with which model, and what is away.

    While it is `stopped`, it scores, and refers every application to a person.
    """

    ready: bool
    stopped: bool
    model: str | None
    model_version: str | None
    dataset: str | None
    since: str | None
    model_problem: str | None
    registry: ServiceState
    decision_log: ServiceState


# What those are told who are not signed in: the whole of it can hold addresses of this network.
_SEE_STATUS = "Whoever is signed in sees more on the Status page."


def readiness(context: AppContext, log_problem: str, *, is_known: bool) -> Readiness:
    """Whether the app can score, with which model, and what is away with what consequence.

    Parameters
    ----------
    log_problem
        What is wrong with the decision log; empty if it takes decisions.
    is_known
        Whether somebody known asks; to others only is said that something is away.
    """
    state = context.champion.state
    scorer = state.scorer

    def told(problem: str, in_short: str) -> str | None:
        if not problem:
            return None
        return sentence(problem) if is_known or problem == NOT_ASKED else f"{in_short} {_SEE_STATUS}"

    model_problem = told(state.model_problem, "The version that was promoted last cannot be used.")
    # Before the registry was asked, what follows is that of the model.
    follows = model_problem if state.consequence == state.model_problem else state.consequence
    return {
        "ready": scorer is not None and not log_problem and not context.stopping.is_set(),
        "stopped": _is_stopped(context),
        "model": scorer.name if scorer else None,
        "model_version": scorer.version if scorer else None,
        "dataset": state.dataset or None,
        "since": state.since.isoformat() if state.since else None,
        "model_problem": model_problem,
        "registry": {
            "reachable": state.is_registry_up,
            "problem": told(state.registry_problem, "The model registry does not answer."),
            "consequence": None if state.is_registry_up else follows,
        },
        "decision_log": {
            "reachable": not log_problem,
            "problem": told(log_problem, "The decision log takes no decisions."),
            "consequence": NOTHING_SCORED if log_problem else None,
        },
    }


def _is_stopped(context: AppContext) -> bool:
    """Whether every application is referred; what cannot be read lets nothing be decided, which is no stop."""
    try:
        return context.policy.now().stop is not None
    except DecisionLogError:
        return False


@dataclass
class _Check:
    """One look at the log, by all who wait for it."""

    began_at: float
    ended_at: float = 0.0
    problem: str = ""
    is_over: threading.Event = field(default_factory=threading.Event)


class LogWatch:
    """Asks whether the decision log takes decisions: in a thread of its own, once for all who want to know."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._last: _Check | None = None
        self._lock = threading.Lock()

    def problem(self, asked_at: float) -> str:
        """What is wrong with the log, empty if nothing is; known within `PATIENCE_SECONDS`.

        Parameters
        ----------
        asked_at
            The monotonic time of the question: what was seen before it does not answer it.
        """
        with self._lock:
            last = self._last
            if last is None or (last.is_over.is_set() and last.ended_at < asked_at):
                last = self._last = _Check(time.monotonic())
                threading.Thread(target=self._look, args=(last,), name="log-watch", daemon=True).start()
        if last.is_over.wait(max(0.0, last.began_at + PATIENCE_SECONDS - time.monotonic())):
            return last.problem
        return f"the decision log has not answered for {time.monotonic() - last.began_at:.1f} seconds."

    def _look(self, check: _Check) -> None:
        try:
            self._check()
        except CreditRiskError as exc:
            check.problem = str(exc)
        except Exception as exc:  # whoever waits must not be left waiting
            check.problem = f"the decision log cannot be asked ({type(exc).__name__})."
        check.ended_at = time.monotonic()
        check.is_over.set()
