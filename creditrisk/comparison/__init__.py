"""Champion against challenger on the same rows: how sure the difference is, and what a challenger must keep to."""

from creditrisk.comparison.checks import (
    COVERAGE_RULES,
    PLAUSIBLE_RULE,
    PROTECTED_RULE,
    SLOPE_RULE,
    Answer,
    Check,
    Status,
    doubt_about,
    mean_slope,
    plausibility,
    protected_used,
    status_of,
    within,
)
from creditrisk.comparison.compare import Comparison, Verdict, compare, comparison_page
from creditrisk.comparison.coverage import Coverage, held_out_coverage
from creditrisk.comparison.figures import Figure
from creditrisk.comparison.guardrails import Floors, Guardrail

__all__ = [
    "COVERAGE_RULES",
    "PLAUSIBLE_RULE",
    "PROTECTED_RULE",
    "SLOPE_RULE",
    "Answer",
    "Check",
    "Comparison",
    "Coverage",
    "Figure",
    "Floors",
    "Guardrail",
    "Status",
    "Verdict",
    "compare",
    "comparison_page",
    "doubt_about",
    "held_out_coverage",
    "mean_slope",
    "plausibility",
    "protected_used",
    "status_of",
    "within",
]
