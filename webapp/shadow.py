"""The challenger beside the champion: what it would have decided about the same applications, scored in the background.

With `CREDITRISK_SHADOW=true` a thread of the process that asks the registry (champion_poller.py) reads what was decided
from the log, scores it with the challenger, a few rows at a time and behind everybody else, and logs that. Nobody who
is answered waits for it, and an answer never depends on it.
"""

from __future__ import annotations

import logging
import os
import threading

from creditrisk.decision_log import SERVICE, Actor, DecisionLog, shadow, shadowed_until
from creditrisk.errors import CreditRiskError
from creditrisk.registry import Registry, serving_name
from creditrisk.scoring import Scorer
from creditrisk.settings import Settings

# Between two looks for a challenger and for new decisions.
LOOK_SECONDS = 5.0
# Between two small parts of many decisions, so that others come first.
PAUSE_SECONDS = 0.2
_LOWEST_PRIORITY = 19

log = logging.getLogger("webapp.shadow")


class ShadowScorer:
    """Scores what was decided with the challenger of the model that serves: `look` once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._log = DecisionLog(settings.decision_log)
        self._registry: Registry | None = None
        self._scorer: Scorer | None = None
        self._until = 0
        self._problem = ""

    def look(self) -> bool:
        """Take up a new challenger, and score the next decisions with the one there is; whether there may be more.

        Raises
        ------
        CreditRiskError
            If the registry or the log is away, or the challenger is not what was registered.
        """
        self._registry = self._registry or Registry(self._settings.stores)
        scorer = self._challenger(self._registry)
        if scorer is not self._scorer:
            self._until = 0 if scorer is None else shadowed_until(self._log, scorer)
            self._scorer = scorer
        if scorer is None:
            return False
        before = self._until
        self._until = shadow(self._log, scorer, after_seq=before, by=Actor("shadow scoring", SERVICE))
        return self._until > before

    def keep_looking(self) -> None:
        """Look now and then for ever, behind every other thread of this machine."""
        # Of Linux's threads each has its own priority.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)
        pause = threading.Event()
        while True:
            try:
                has_more = self.look()
                self._problem = ""
            except Exception as exc:  # it must outlive whatever a registry or a model's files can throw
                has_more = False
                self._say(str(exc) if isinstance(exc, CreditRiskError) else type(exc).__name__)
            pause.wait(PAUSE_SECONDS if has_more else LOOK_SECONDS)

    def _challenger(self, registry: Registry) -> Scorer | None:
        """The challenger, loaded; None if there is none, or it became champion."""
        name = serving_name(registry, self._settings.dataset)
        found = registry.challenger(name) if name else None
        champion = registry.champion(name) if name else None
        if found is None or champion is None or found.version == champion.version:
            return None
        known = self._scorer
        if known is not None and (known.name, known.version, known.sha256) == (name, found.version, found.sha256):
            return known
        return registry.load(found)

    def _say(self, problem: str) -> None:
        if problem != self._problem:  # said once, not at each look
            log.error("the challenger cannot be tried: %s", problem)
        self._problem = problem
