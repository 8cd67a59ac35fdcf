"""What a version is registered with: written as one tag, read back strictly, never made up where it is missing."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from creditrisk.comparison import Floors
from creditrisk.errors import RegistryError
from creditrisk.registry import Evidence, TrainedFrom, Version, evidence_from, evidence_of, objections, origin_of
from creditrisk.registry.evidence import EVIDENCE_TAG, tags_of
from creditrisk.registry.tags import MAX_TAG_CHARACTERS

KEPT = Evidence("keep", "keep: worse beyond chance", "4", ("AUC floor: 0.71, at least 0.75 is asked", "another"))
TABLE = TrainedFrom("german_credit", "s3://bucket/german.data", "5c" * 32)


def version(number: str = "5", **tags: str) -> Version:
    return Version("loans", number, "run", "", datetime(2026, 1, 1, tzinfo=UTC), tags)


def test_what_is_written_is_read_back():
    registered = version(**tags_of(KEPT, TABLE))
    assert evidence_of(registered) == KEPT
    assert origin_of(registered) == TABLE


def test_the_words_for_people_are_never_read_back():
    tags = tags_of(KEPT, TABLE) | {"verdict": "promote", "verdict_why": "somebody says so"}
    assert evidence_of(version(**tags)) == KEPT
    assert evidence_of(version(verdict="promote", verdict_why="an older version")) is None


def test_a_version_that_was_not_compared_has_nothing_against_it():
    assert objections(version(**tags_of(Evidence(), TABLE)), version("4")) == ""


def test_missing_evidence_does_not_pass_for_nothing_against_it():
    assert evidence_of(version()) is None
    assert origin_of(version()) is None
    assert objections(version(), version("4")).startswith("nothing is kept of how it was judged")


def test_all_that_speaks_against_a_version_is_said():
    assert objections(version(**tags_of(KEPT, TABLE)), version("3")) == (
        "it stays below what this lender asks of any model: AUC floor: 0.71, at least 0.75 is asked; another; "
        "the comparison says keep: worse beyond chance; "
        "it was compared with version 4, not with today's champion"
    )


def test_only_floors_that_were_missed_are_evidence():
    asked = Floors(auc=0.7, f1=0.5).guardrails({"auc": 0.71, "f1": 0.4, "cost": 0.5})
    assert evidence_from(None, None, asked) == Evidence(floors_missed=("F1 floor: 0.4000, at least 0.5 is asked",))


@pytest.mark.parametrize(
    "noted",
    [
        "promote",
        "[]",
        json.dumps({"verdict": "promote"}),
        json.dumps({"verdict": "promote", "sentence": 1, "compared_with": "4", "floors_missed": []}),
        json.dumps({"verdict": "promote", "sentence": "", "compared_with": "4", "floors_missed": "none"}),
        json.dumps({"verdict": "promote", "sentence": "", "compared_with": "4", "floors_missed": []}),
        json.dumps({"verdict": "maybe", "sentence": "maybe", "compared_with": "4", "floors_missed": []}),
        json.dumps({"verdict": "promote", "sentence": "", "compared_with": "4", "floors_missed": [], "more": ""}),
        json.dumps(
            {"verdict": "promote", "sentence": "a" * MAX_TAG_CHARACTERS, "compared_with": "4", "floors_missed": []}
        ),
    ],
)
def test_evidence_that_was_changed_by_hand_is_named_and_nothing_is_decided_on_it(noted):
    with pytest.raises(RegistryError, match="the evidence of loans version 5 was changed by hand: its tag 'evidence'"):
        objections(version(**{EVIDENCE_TAG: noted}), None)
