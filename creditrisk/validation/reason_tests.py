"""Whether the reasons are what moved the PD: deletion, additivity, and stability under jitter."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import polars as pl
from scipy.special import logit

from creditrisk.comparison import protected_used
from creditrisk.metrics import rate
from creditrisk.schema import Field
from creditrisk.validation.case import SEED, PackInputs
from creditrisk.validation.contents import Deletion, ReasonsSection, ReasonStability
from creditrisk.validation.sensitivity import constant, times
from creditrisk.validation.sign_tests import sign_lines

# Every number is moved by at most this share of itself, which should change no reason.
JITTER = 0.01
REASONS_SHOWN = 10


def reasons_section(inputs: PackInputs) -> ReasonsSection:
    """Whether the reasons are what moved the PD, and stay what they are."""
    # As if no row had a problem: what decides here is the PD.
    scorer, sample = inputs.scorer, inputs.sample.drop("problems", strict=False)
    scored = scorer.score(sample)
    adverse = scored.filter(pl.col("verdict") != "approve")
    given = Counter(item["text"] for reasons in adverse["reasons"].to_list() for item in reasons)
    log_odds = logit(scorer.sample_prob_default(sample))
    rest = log_odds - inputs.contributions.sum(axis=1)
    return {
        "n_rows": sample.height,
        "n_adverse": adverse.height,
        "without_reason": int((adverse["reasons"].list.len() == 0).sum()),
        # Whatever stands beside the pushes is the same for everybody.
        "additivity_error": float(np.abs(rest - np.median(rest)).max()),
        "deletion": _deletion(inputs, scored),
        "reason_stability": _reason_stability(inputs, scored),
        "most_given": [
            {"text": text, "share": count / max(adverse.height, 1)} for text, count in given.most_common(REASONS_SHOWN)
        ],
        "n_left_out": max(len(given) - REASONS_SHOWN, 0),
        "protected_used": protected_used(scorer),
        "signed": [f"{field.label} ({field.sign})" for field in inputs.schema.features if field.sign],
        "sign_lines": sign_lines(scorer.model, scorer.encoder, scorer.encoder.matrix(sample)),
    }


def _deletion(inputs: PackInputs, scored: pl.DataFrame) -> Deletion:
    """Whether a PD falls when the field behind the strongest reason is set to what is usual among the approved."""
    frame, features = inputs.test.frame, inputs.schema.features
    approved = frame.filter(pl.Series(inputs.verdicts == "approve"))
    usual_of = approved if approved.height else frame
    rows = np.flatnonzero((scored["verdict"] != "approve").to_numpy() & (scored["reasons"].list.len() > 0).to_numpy())
    places = {field.name: place for place, field in enumerate(features)}
    codes = scored["reasons"].list.first().struct.field("code").to_list()
    top = np.array([-1 if code is None else places[code.split(":")[0]] for code in codes], dtype=np.int64)
    n_tried = n_fell = 0
    for place in np.unique(top[rows]):
        field, here = features[place], rows[top[rows] == place]
        usual = _usual(usual_of[field.name], field)
        changed = [index for index in here if inputs.sample[field.name][int(index)] != usual]
        if usual is None or not changed:
            continue
        part = inputs.sample[changed]
        after = inputs.scorer.prob_default(part.with_columns(constant(field, part[field.name], usual)))
        n_tried += len(changed)
        n_fell += int((after < inputs.scorer.prob_default(part)).sum())
    return {"n": n_tried, "fell": rate(n_fell, n_tried)}


def _reason_stability(inputs: PackInputs, scored: pl.DataFrame) -> ReasonStability:
    """How many reasons, and how much of the advice, stay when every number is a hair higher or lower."""
    rng = np.random.default_rng(SEED)
    sample = inputs.sample.drop("problems", strict=False)
    jittered = [
        times(sample[field.name], rng.uniform(1 - JITTER, 1 + JITTER, sample.height))
        for field in inputs.schema.features
        if field.is_numeric
    ]
    after = inputs.scorer.score(sample.with_columns(jittered))
    named = [
        [{item["code"].split(":")[0] for item in reasons} for reasons in frame["reasons"].to_list()]
        for frame in (scored, after)
    ]
    kept = [
        len(old & new) / len(old)
        for old, new, verdict in zip(*named, scored["verdict"].to_list(), strict=True)
        if old and verdict != "approve"
    ]
    return {
        "n": len(kept),
        "reasons_kept": float(np.mean(kept)) if kept else None,
        "same_verdict": float((after["verdict"] == scored["verdict"]).mean()),  # type: ignore[arg-type]  # of booleans a float
    }


def _usual(column: pl.Series, field: Field) -> Any:
    known = column.drop_nulls()
    if known.is_empty():
        return None
    if field.is_numeric:
        return known.quantile(0.5, interpolation="nearest")
    return Counter(known.to_list()).most_common(1)[0][0]
