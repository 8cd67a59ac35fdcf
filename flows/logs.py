"""What a run writes to its log: an error that was made for people as its sentence, without a traceback."""

from __future__ import annotations

import logging

from creditrisk.errors import CreditRiskError


def log_sentences_only() -> None:
    """Teach Prefect's log of flows and tasks, in this process, to leave out the tracebacks of our own errors.

    They would say nothing more, and hide the sentence from the person who has to act on it. Called by whatever starts a
    process in which flows or tasks run; doing it again changes nothing.
    """
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_without_traceback)


def _without_traceback(record: logging.LogRecord) -> bool:
    if record.exc_info and isinstance(record.exc_info[1], CreditRiskError):
        record.exc_info = None
    return True
