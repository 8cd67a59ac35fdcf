"""Every decision, for ever: a log whose links show any change and whose contents can be erased, and its replay."""

from creditrisk.decision_log.chain import GENESIS, Head, Noted
from creditrisk.decision_log.decisions import Channel, Decision, Logged, Outcome, decisions_from
from creditrisk.decision_log.entries import Actor, this_user
from creditrisk.decision_log.erasure import Erasure, erase, hold, prune
from creditrisk.decision_log.log import DecisionLog
from creditrisk.decision_log.replay import replay
from creditrisk.decision_log.windows import LogWindow

__all__ = [
    "GENESIS",
    "Actor",
    "Channel",
    "Decision",
    "DecisionLog",
    "Erasure",
    "Head",
    "LogWindow",
    "Logged",
    "Noted",
    "Outcome",
    "decisions_from",
    "erase",
    "hold",
    "prune",
    "replay",
    "this_user",
]
