"""Loan Prediction comes in one spelling, from a file only."""

NOT_FETCHED = "The Loan Prediction file is not fetched by itself. Pass the one you have: SOURCE=path/to/train.csv."
