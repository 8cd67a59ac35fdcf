"""A version made champion, or taken back, from the page: by the command line in a process of its own, where MLflow is.

The process that asks the registry is told to look at once, and whoever asked hears when the version serves.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

from creditrisk.errors import RegistryError
from creditrisk.scoring import MAX_WORDS
from webapp.access import Caller
from webapp.context import AppContext
from webapp.policy_changes import check_may_change, reason
from webapp.serving_note import look_at_once
from webapp.versions_note import read_versions, versions_path

# To import MLflow and to prove a version takes some seconds, on a busy machine many.
PATIENCE_SECONDS = 90.0
# A version that was proved serves within so long.
SERVES_WITHIN_SECONDS = 5.0
_LOOK_SECONDS = 0.1


def promote(context: AppContext, caller: Caller, model: str, version: str, why: str, *, instead_of: str) -> str:
    """Make a version champion; what was done, in a sentence.

    Parameters
    ----------
    instead_of
        The version that the caller saw as champion: the second of two approvers is refused, even of two who press at
        the same moment.

    Raises
    ------
    ForbiddenError
        If the caller may not change anything.
    RegistryError
        If it was refused, or took too long.
    """
    if all((one.model, one.version) != (model, version) for one in read_versions(versions_path(context.settings))):
        raise RegistryError(f"nothing was changed: {model} has no such version, or no longer.")
    _move(context, caller, ["promote", f"--dataset={model}", f"--version={version}"], why, instead_of)
    return _once_it_serves(context, lambda serves: serves == version)


def roll_back(context: AppContext, caller: Caller, model: str, why: str, *, instead_of: str) -> str:
    """Make the champion before the one that the caller saw champion again. Arguments and errors as of `promote`."""
    before = context.scorer().version
    # A second rollback would bring that version back: of two people who press the button, only one is to be heard.
    _move(context, caller, ["rollback", f"--dataset={model}"], why, instead_of)
    return _once_it_serves(context, lambda serves: serves != before)


def _once_it_serves(context: AppContext, is_it: Callable[[str], bool]) -> str:
    """Wait until a version serves in this process, as long as it should take, and say so."""
    until = time.monotonic() + SERVES_WITHIN_SECONDS
    while time.monotonic() < until:
        context.champion.look()
        if is_it(context.scorer().version):
            return f"Version {context.scorer().version} serves now."
        time.sleep(_LOOK_SECONDS)
    return "It is champion now, and serves as soon as it is loaded; the header says when."


def _move(context: AppContext, caller: Caller, arguments: list[str], why: str, instead_of: str) -> None:
    check_may_change(caller)
    why = reason(why)
    if not why or len(why) > MAX_WORDS:
        raise RegistryError(f"nothing was changed: say why, in up to {MAX_WORDS:,} characters.")
    by = [f"--instead-of={instead_of}", f"--by={caller.name}", f"--role={caller.role}"]
    command = [sys.executable, "-P", "-m", "riskometer", *arguments, *by, f"--why={why}"]
    environment = os.environ | {"CREDITRISK_HOME": str(context.settings.home)}
    try:
        done = subprocess.run(  # noqa: S603  # no shell, and each argument begins with our own words
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise RegistryError(
            "it took too long and was given up. Look which version serves before trying again."
        ) from exc
    # Where it was refused, the page may show what is not so any more.
    look_at_once(context.settings).touch()
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
        raise RegistryError(lines[-1].removeprefix("Error: ") if lines else "the registry refused it; see its logs.")
