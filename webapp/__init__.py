"""The Risk-O-Meter: the page, the API and the health endpoints."""
