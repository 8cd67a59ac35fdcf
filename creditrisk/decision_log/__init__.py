"""Every decision, for ever: an append-only log whose links show any change, and its replay."""

from creditrisk.decision_log.chain import GENESIS, Head, Noted
from creditrisk.decision_log.decisions import Channel, Decision, Logged, Outcome, decisions_from
from creditrisk.decision_log.log import DecisionLog
from creditrisk.decision_log.replay import replay

__all__ = [
    "GENESIS",
    "Channel",
    "Decision",
    "DecisionLog",
    "Head",
    "Logged",
    "Noted",
    "Outcome",
    "decisions_from",
    "replay",
]
