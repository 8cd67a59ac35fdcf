"""The app behind the page."""

from __future__ import annotations

import pytest

from creditrisk.settings import Settings


@pytest.fixture
def corner_settings(corner_settings: Settings) -> Settings:
    """One process that answers is enough for one browser; several are tested in tests/integration."""
    return corner_settings.model_copy(update={"web_workers": 1})
