"""A version made champion, or taken back, from the page: by the command line in a process of its own, where MLflow is.

The process that asks the registry is told to look at once.
"""

from __future__ import annotations

import os
import subprocess
import sys

from creditrisk.errors import RegistryError
from creditrisk.scoring import MAX_WORDS
from webapp.access import Caller
from webapp.context import AppContext
from webapp.policy_changes import check_may_change
from webapp.serving_note import look_at_once

# To import MLflow and to prove a version takes some seconds, on a busy machine many.
PATIENCE_SECONDS = 90.0


def promote(context: AppContext, caller: Caller, model: str, version: str, why: str) -> str:
    """Make a version champion; what was done, in a sentence.

    Raises
    ------
    ForbiddenError
        If the caller may not change anything.
    RegistryError
        If it was refused, or took too long.
    """
    return _move(context, caller, ["promote", f"--dataset={model}", f"--version={version}"], why)


def roll_back(context: AppContext, caller: Caller, model: str, why: str) -> str:
    """Make the previous champion champion again. Errors as of `promote`."""
    return _move(context, caller, ["rollback", f"--dataset={model}"], why)


def _move(context: AppContext, caller: Caller, arguments: list[str], why: str) -> str:
    check_may_change(caller)
    why = why.strip()
    if not why or len(why) > MAX_WORDS:
        raise RegistryError(f"nothing was changed: say why, in up to {MAX_WORDS:,} characters.")
    command = [sys.executable, "-P", "-m", "riskometer", *arguments, f"--by={caller.name}", f"--why={why}"]
    environment = os.environ | {"CREDITRISK_HOME": str(context.settings.home)}
    try:
        done = subprocess.run(  # noqa: S603  # no shell, and each argument begins with our own words
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise RegistryError(
            "it took too long and was given up. Look which version serves before trying again."
        ) from exc
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
        raise RegistryError(lines[-1].removeprefix("Error: ") if lines else "the registry refused it; see its logs.")
    look_at_once(context.settings).touch()
    lines = done.stdout.strip().splitlines()
    return lines[0] if lines else "Done."
