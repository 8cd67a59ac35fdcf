"""LendingClub's loans are read alike with and without the platform's pricing."""

from creditrisk.datasets.lending_club import NOT_FETCHED, prepare, read

__all__ = ["NOT_FETCHED", "prepare", "read"]
