"""What people set on top of a model: other cut-offs than those of its costs, and the stop switch.

A policy has a number, by which every decision names the one it was made under; 0 is that nobody set anything. Where
policies are kept, and who may set one, is not said here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from creditrisk import strict
from creditrisk.errors import ScorerError

# A name or a reason of a person; the registry keeps reasons as long.
MAX_WORDS = 1_000

_STOPPED = "Scoring is stopped since"


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """The PDs, 0 to 1, up to which an offer is made and from which is declined, for one version of one model alone."""

    model: str
    model_version: str
    approve_below: float
    decline_from: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Scoring was stopped: since when (such as "26 Nov 2026, 14:02 UTC"), by whom, and why."""

    since: str
    by: str
    why: str

    @property
    def sentence(self) -> str:
        """What stands beside every verdict meanwhile.

        Examples
        --------
        >>> Stop("26 Nov 2026, 14:02 UTC", "Ana", "The bureau's data are wrong.").sentence
        "Scoring is stopped since 26 Nov 2026, 14:02 UTC by Ana: The bureau's data are wrong."
        """
        return f"{_STOPPED} {self.since} by {self.by}: {self.why}"


def was_stopped(problems: Sequence[str]) -> bool:
    """Whether what stands beside a verdict begins with a stop: then nothing about the application made it so."""
    return bool(problems) and problems[0].startswith(_STOPPED)


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings in force; those of a higher number take their place as a whole."""

    number: int = 0
    cutoffs: Cutoffs | None = None
    stop: Stop | None = None

    @property
    def name(self) -> str:
        """How a decision names it; empty where nobody set anything."""
        return str(self.number) if self.number else ""

    def cutoffs_of(self, model: str, version: str) -> tuple[float, float] | None:
        """The cut-offs that were set for a version; None where its own hold: those of others never carry over."""
        found = self.cutoffs
        if found is None or (found.model, found.model_version) != (model, version):
            return None
        return found.approve_below, found.decline_from

    def to_json(self) -> str:
        """The policy as JSON; `policy_from` gives it back unchanged."""
        return json.dumps(asdict(self))


NO_POLICY = Policy()


def policy_from(text: str) -> Policy:
    """Read a policy as it was written.

    Raises
    ------
    ScorerError
        If it holds anything else, or cut-offs that are not in their order.
    """
    what = "the policy"
    item = strict.fields(strict.read_json(text, what), what, ("number", "cutoffs", "stop"))
    cutoffs = None if item["cutoffs"] is None else _cutoffs_from(item["cutoffs"])
    stop = None
    if item["stop"] is not None:
        said = strict.fields(item["stop"], "the stop", ("since", "by", "why"))
        stop = Stop(*(strict.text(said[name], name) for name in ("since", "by", "why")))
    return Policy(strict.whole(item["number"], "number"), cutoffs, stop)


def checked_cutoffs(cutoffs: Cutoffs) -> Cutoffs:
    """The same cut-offs.

    Raises
    ------
    ScorerError
        If they are no PDs, or an offer would be made to somebody who is declined.
    """
    if not 0 <= cutoffs.approve_below <= cutoffs.decline_from <= 1:
        raise ScorerError(
            "the cut-offs are not in their order: the risk up to which an offer is made must not lie above the one "
            "from which is declined, and both between 0 and 100 of 100."
        )
    return cutoffs


def _cutoffs_from(item: Any) -> Cutoffs:
    names = ("model", "model_version", "approve_below", "decline_from")
    said = strict.fields(item, "the cut-offs", names)
    low, high = (strict.number(said[name], name, 0, 1) for name in names[2:])
    model, version = (strict.text(said[name], name) for name in names[:2])
    return checked_cutoffs(Cutoffs(model, version, low, high))
