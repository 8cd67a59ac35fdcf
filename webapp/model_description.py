"""The model that answers, in words for programs: what it takes, its cut-offs, and which versions can be named."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from creditrisk.schema import Field
from webapp.context import AppContext
from webapp.openapi import JsonObject
from webapp.pinned_versions import kept_versions


def describe_model(context: AppContext) -> JsonObject:
    """The model that answers now, under what people set on top of it.

    Raises
    ------
    NoModelError
        If there is none.
    DecisionLogError
        If the log, which knows the versions and what people set, is away.
    """
    state = context.champion.state
    scorer = context.policy.apply(context.scorer())
    rule, stop = scorer.rule, scorer.policy.stop
    fields = [field for field in scorer.schema.fields if field.role in ("id", "time", "feature")]
    return {
        "model": scorer.name,
        "model_version": scorer.version,
        "title": scorer.schema.title,
        "sha256": scorer.sha256,
        "since": state.since.isoformat() if state.since else None,
        "cutoffs": {
            # Beyond these places stands only what floating point adds to 0.14.
            "approve_below": round(rule.approve_below, 12),
            "decline_from": round(rule.decline_from, 12),
            "are_set": rule.cutoffs is not None,
        },
        "stopped": asdict(stop) if stop else None,
        "versions": kept_versions(context, scorer.name),
        "fields": [_described(field) for field in fields],
    }


def _described(field: Field) -> JsonObject:
    found: dict[str, Any] = {
        "name": field.name,
        "role": field.role,
        "type": field.type,
        "required": field.role == "feature" and field.is_required,
        "label": field.label,
        "unit": field.unit,
        "expected": field.expected,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "values": [category.value for category in field.categories] or None,
    }
    return found
