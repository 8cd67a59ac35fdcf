"""The page of the command line says what the commands say."""

from __future__ import annotations

from pathlib import Path

from riskometer.reference import reference

PAGE = Path(__file__).resolve().parents[2] / "docs" / "command-line.md"


def test_the_page_is_what_the_commands_say_of_themselves() -> None:
    written = PAGE.read_text(encoding="utf-8")

    assert written == reference(), "make it anew: .venv/bin/python -m riskometer.reference > docs/command-line.md"
