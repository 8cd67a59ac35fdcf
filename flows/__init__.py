"""Prefect flows: thin tasks around creditrisk and monitoring."""
