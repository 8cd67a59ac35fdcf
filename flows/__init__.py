"""Prefect flows: thin tasks around creditrisk and monitoring.

Importing this room teaches Prefect's log one manner: an error that was made for people is logged as its sentence. The
traceback below it would say nothing more, and hides the sentence from the person who has to act on it.
"""

from __future__ import annotations

import logging

from creditrisk.errors import CreditRiskError


def _without_traceback(record: logging.LogRecord) -> bool:
    if record.exc_info and isinstance(record.exc_info[1], CreditRiskError):
        record.exc_info = None
    return True


for _name in ("prefect.flow_runs", "prefect.task_runs"):
    logging.getLogger(_name).addFilter(_without_traceback)
