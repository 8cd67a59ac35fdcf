"""A first schema for a table that nobody has described yet."""

from creditrisk.schema_inference.document import SETTLED, Inference
from creditrisk.schema_inference.infer import infer

__all__ = [
    "SETTLED",
    "Inference",
    "infer",
]
