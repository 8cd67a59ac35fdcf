"""The pages of the Risk-O-Meter."""
