"""The field's figures: ranking, calibration, losses, breakdowns, fairness, profiles and their stability."""
