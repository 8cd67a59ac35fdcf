"""What a run writes to its log: an error that was made for people as its sentence, and nothing of our own machinery."""

from __future__ import annotations

import logging

from creditrisk.errors import CreditRiskError


def log_sentences_only() -> None:
    """Teach Prefect's log of flows and tasks, in this process, to leave out the tracebacks of our own errors.

    They would say nothing more, and hide the sentence from the person who has to act on it. So would its remarks that
    it calls a hook, which every run of ours has. Called by whatever starts a
    process in which flows or tasks run; doing it again changes nothing.
    """
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_for_people)


def _for_people(record: logging.LogRecord) -> bool:
    if record.exc_info and isinstance(record.exc_info[1], CreditRiskError):
        record.exc_info = None
    return record.levelno > logging.INFO or not record.getMessage().startswith(("Running hook '", "Hook '"))
