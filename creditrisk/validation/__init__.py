"""The validation pack: what a person who signs for a model has to know, every figure of it computed."""

from creditrisk.validation.charts import winner_plots
from creditrisk.validation.pack import validate, validation_page

__all__ = [
    "validate",
    "validation_page",
    "winner_plots",
]
