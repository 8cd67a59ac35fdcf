"""Every decision, for ever: a log whose links show any change and whose contents can be erased, and its replay."""

from creditrisk.decision_log.batches import (
    DAY,
    MARKER,
    Batch,
    BatchDone,
    check_source,
    finished,
    latest_predictions,
    places_of,
    rejected_beside,
    score_day,
)
from creditrisk.decision_log.blocks import READ_ROWS, ScoredBlock, score_blocks
from creditrisk.decision_log.chain import GENESIS, Head, Noted
from creditrisk.decision_log.decisions import Channel, Decision, Logged, Outcome, decisions_from, decisions_of_few
from creditrisk.decision_log.entries import OPERATOR, SERVICE, Actor, operator, this_user
from creditrisk.decision_log.erasure import Erasure, erase, hold, prune
from creditrisk.decision_log.history import (
    BegunBatch,
    Event,
    ListedDecision,
    Wanted,
    application_of,
    begun_batches,
    decided_versions,
    events_about,
    events_numbered,
    list_decisions,
)
from creditrisk.decision_log.log import DecisionLog
from creditrisk.decision_log.outcome_files import Lists, OutcomesDone, record_file
from creditrisk.decision_log.outcomes import Recorded
from creditrisk.decision_log.policies import PolicyInForce, PolicySet, policies_set, policy_named
from creditrisk.decision_log.reading import UnreadableEntryError
from creditrisk.decision_log.replay import replay
from creditrisk.decision_log.reported import OutcomeError, OutcomeReport, read_outcome
from creditrisk.decision_log.shadow import ShadowComparison, compare_shadows, shadow, shadowed_until
from creditrisk.decision_log.what_ifs import log_what_if
from creditrisk.decision_log.windows import WindowBlock

__all__ = [
    "DAY",
    "GENESIS",
    "MARKER",
    "OPERATOR",
    "READ_ROWS",
    "SERVICE",
    "Actor",
    "Batch",
    "BatchDone",
    "BegunBatch",
    "Channel",
    "Decision",
    "DecisionLog",
    "Erasure",
    "Event",
    "Head",
    "ListedDecision",
    "Lists",
    "Logged",
    "Noted",
    "Outcome",
    "OutcomeError",
    "OutcomeReport",
    "OutcomesDone",
    "PolicyInForce",
    "PolicySet",
    "Recorded",
    "ScoredBlock",
    "ShadowComparison",
    "UnreadableEntryError",
    "Wanted",
    "WindowBlock",
    "application_of",
    "begun_batches",
    "check_source",
    "compare_shadows",
    "decided_versions",
    "decisions_from",
    "decisions_of_few",
    "erase",
    "events_about",
    "events_numbered",
    "finished",
    "hold",
    "latest_predictions",
    "list_decisions",
    "log_what_if",
    "operator",
    "places_of",
    "policies_set",
    "policy_named",
    "prune",
    "read_outcome",
    "record_file",
    "rejected_beside",
    "replay",
    "score_blocks",
    "score_day",
    "shadow",
    "shadowed_until",
    "this_user",
]
