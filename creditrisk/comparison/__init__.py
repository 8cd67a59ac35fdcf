"""Champion against challenger on the same rows: how sure the difference is, and what a challenger must keep to."""

from creditrisk.comparison.compare import Comparison, compare, comparison_page
from creditrisk.comparison.coverage import COVERAGES, held_out_coverage
from creditrisk.comparison.guardrails import SLOPES, Floors, Guardrail, within

__all__ = [
    "COVERAGES",
    "SLOPES",
    "Comparison",
    "Floors",
    "Guardrail",
    "compare",
    "comparison_page",
    "held_out_coverage",
    "within",
]
