"""LendingClub's loans without what the platform itself concluded: no grade, no rate, no instalment.

What is left is the application; about 0.03 of AUC separates the two on the newer vintages. Everything else is in
lending_club.py.
"""

from __future__ import annotations

from dataclasses import replace

from creditrisk.datasets.lending_club import NOT_FETCHED, PRICING, prepare, read
from creditrisk.datasets.lending_club import SCHEMA as WITH_PRICING

__all__ = ["NOT_FETCHED", "SCHEMA", "prepare", "read"]

SCHEMA = replace(
    WITH_PRICING,
    name="lending_club_without_pricing",
    title="LendingClub loans, without the platform's pricing",
    fields=tuple(field for field in WITH_PRICING.fields if field.name not in PRICING),
)
