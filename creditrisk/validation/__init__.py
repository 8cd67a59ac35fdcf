"""The validation pack: what a person who signs for a model has to know, every figure of it computed."""

from creditrisk.validation.charts import winner_plots
from creditrisk.validation.contents import DataFacts
from creditrisk.validation.pack import pack_json, validate, validation_page

__all__ = [
    "DataFacts",
    "pack_json",
    "validate",
    "validation_page",
    "winner_plots",
]
