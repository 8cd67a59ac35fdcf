"""Every decision, for ever: a log whose links show any change and whose contents can be erased, and its replay."""

from creditrisk.decision_log.blocks import BLOCK_ROWS, ScoredBlock, score_blocks
from creditrisk.decision_log.chain import GENESIS, Head, Noted
from creditrisk.decision_log.decisions import Channel, Decision, Logged, Outcome, decisions_from
from creditrisk.decision_log.entries import Actor, this_user
from creditrisk.decision_log.erasure import Erasure, erase, hold, prune
from creditrisk.decision_log.log import DecisionLog
from creditrisk.decision_log.reading import UnreadableEntryError
from creditrisk.decision_log.replay import replay
from creditrisk.decision_log.windows import WindowBlock

__all__ = [
    "BLOCK_ROWS",
    "GENESIS",
    "Actor",
    "Channel",
    "Decision",
    "DecisionLog",
    "Erasure",
    "Head",
    "Logged",
    "Noted",
    "Outcome",
    "ScoredBlock",
    "UnreadableEntryError",
    "WindowBlock",
    "decisions_from",
    "erase",
    "hold",
    "prune",
    "replay",
    "score_blocks",
    "this_user",
]
