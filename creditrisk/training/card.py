"""The model card: what a version is for, how good it is, how it decides and what it leaves out, on one page.

It goes into every scorer folder; the long form with every figure is the validation pack.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from creditrisk.metrics import Performance
from creditrisk.scoring import Scorer
from creditrisk.text import counted

if TYPE_CHECKING:
    from creditrisk.training.results import Candidate


def write_card(
    scorer: Scorer,
    candidates: list[Candidate],
    failures: Mapping[str, str],
    performance: Performance,
    protocol: str,
) -> str:
    """The card as Markdown."""
    schema, rule = scorer.schema, scorer.rule
    rows = "\n".join(
        f"| {item.family} | {item.test.auc:.4f} | {item.test.brier:.4f} | {item.test.log_loss:.4f} "
        f"| {item.test.cost:.4f} |"
        for item in candidates
    )
    failed = "".join(f"\n{family} could not be fitted: {why}\n" for family, why in failures.items())
    shift = (
        f"\nand moved to the portfolio's bad rate of {schema.portfolio_bad_rate:.1%} ({scorer.shift:+.2f} log-odds)"
        if schema.portfolio_bad_rate is not None
        else ""
    )
    within = f" within {counted(schema.horizon_months, 'month')}" if schema.horizon_months else ""
    protected = ", ".join(field.label for field in schema.protected) or "none known"
    return f"""# {schema.title}: {scorer.model.family}

Estimates how many of 100 similar applicants {schema.target.bad_happened}{within} (outcome: {schema.target.label}).
{schema.notes}

## How good it is

{protocol[0].upper()}{protocol[1:]}: {performance}.

| candidate, on rows it was not fitted on | AUC | Brier | log loss | cost per applicant |
| --- | --- | --- | --- | --- |
{rows}
{failed}
## How it decides

Costs, in units of one good applicant declined: a bad one accepted {schema.costs.accept_bad:g}, a look by a person
{schema.costs.review:g}. It approves up to a PD of {rule.approve_below:.3f} and declines from
{rule.decline_from:.3f} on.
PDs are calibrated by {scorer.calibration.method} to a sample in which
{rule.n_bad / (rule.n_bad + rule.n_good):.1%} were bad{shift}.

## What it does not use

Protected fields, kept for the audit only: {protected}.
"""
