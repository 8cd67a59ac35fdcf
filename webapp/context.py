"""What every request and every page of one app is answered with."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event

from creditrisk.decision_log import DecisionLog, PolicyInForce
from creditrisk.scoring import Scorer
from creditrisk.settings import Settings
from webapp.accounts import Accounts
from webapp.errors import NoModelError
from webapp.metrics import Metrics
from webapp.serving import ServedModel
from webapp.sessions import Sessions
from webapp.uploads import Uploads


@dataclass(frozen=True)
class AppContext:
    """The settings of one app, its champion, decision log, policy, metrics, kept uploads, accounts and sessions.

    `stopping` is set when the process was told to end: what goes on then ends after the block of rows in hand.
    """

    settings: Settings
    champion: ServedModel
    log: DecisionLog
    policy: PolicyInForce
    metrics: Metrics
    uploads: Uploads
    accounts: Accounts
    sessions: Sessions
    stopping: Event = field(default_factory=Event)

    def scorer(self) -> Scorer:
        """The scorer that answers now.

        Raises
        ------
        NoModelError
            If no model was trained yet.
        """
        if self.champion.state.scorer is None:
            # Another process of the app may have been quicker to take it over, and say that it is ready.
            self.champion.look()
        scorer = self.champion.state.scorer
        if scorer is None:
            raise NoModelError
        return scorer
