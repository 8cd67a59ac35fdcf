"""What to know about a checked table before a model is trained on it, and whether to train at all.

The table is judged as a whole: what was set aside and why, repeated rows, the share of bads, gaps, fields that give the
outcome away, whether the table still looks like the one the champion learnt from, and whether types, ranges and
categories keep the schema's word (pandera). Findings hold counts and names of fields, never a value of an applicant.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from creditrisk.arrays import IntArray
from creditrisk.metrics import Profile, Shift, count_entry, judged, shift_of
from creditrisk.quality.cells import DTYPES
from creditrisk.quality.leakage import leaks_target
from creditrisk.quality.rows import Checked
from creditrisk.quality.together import leaks_together
from creditrisk.quality.young import STILL_OPEN, TOO_YOUNG, YoungLoans
from creditrisk.schema import Field, Schema
from creditrisk.text import counted

if TYPE_CHECKING:
    import pandera.polars as pa

# With a larger share of rows set aside, the table is not the one the schema describes.
MOSTLY_BAD = 0.5
MANY_SET_ASIDE = 0.05
MANY_REPEATED = 0.05
# Outside these, a share of bads is more often a wrong coding than a portfolio.
USUAL_BAD_RATE = (0.005, 0.5)
MOSTLY_MISSING = 0.5
SHOWN = 3

Severity = Literal["stop", "warn", "note"]
_ORDER = {"stop": 0, "warn": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know: `stop` keeps the training from starting, `warn` is for a person to look at.

    `field` is the name of the field it is about, empty if it is about the table; `count` is how many rows it concerns.
    """

    severity: Severity
    sentence: str
    field: str = ""
    count: int = 0


@dataclass(frozen=True)
class DataReport:
    """What to know about a table, the gravest finding first, with the rows counted.

    `set_aside` counts the rejected rows by reason; `n_open` are the loans among them whose outcome is not known yet,
    which is nobody's mistake. `checks` names what was looked at, found or not.
    """

    n_rows: int
    n_accepted: int
    n_bad: int
    n_open: int
    set_aside: dict[str, int]
    findings: tuple[Finding, ...]
    checks: tuple[str, ...]

    @property
    def must_stop(self) -> bool:
        """Whether no model should be trained on this table."""
        return any(finding.severity == "stop" for finding in self.findings)

    @property
    def why(self) -> str:
        """The sentences that stop the training, one after the other; empty if none does."""
        return " ".join(finding.sentence for finding in self.findings if finding.severity == "stop")

    def to_json(self) -> str:
        """The report as JSON, to be kept with the run."""
        return json.dumps({**asdict(self), "must_stop": self.must_stop}, indent=1, ensure_ascii=False)


def examine(checked: Checked, schema: Schema, last_profile: Profile | None = None) -> DataReport:
    """Judge a table as a whole.

    Parameters
    ----------
    checked
        What `quality.check` made of the table, with the target.
    last_profile
        The reference profile of the champion, as `metrics.build_profile` builds it; None if there is none.
    """
    frame = checked.accepted
    target = frame["default"].to_numpy().astype(np.int64)
    n_rows, n_open = frame.height + len(checked.rejected), sum(STILL_OPEN in item.fault for item in checked.rejected)
    set_aside = Counter(_reason(item.column, item.fault) for item in checked.rejected)
    n_young = sum(TOO_YOUNG in item.fault for item in checked.rejected)
    checks = {"rows set aside": _set_aside(frame.height, n_rows - n_open - n_young, set_aside)}
    if checked.young is not None:
        checks["months too young to judge"] = _young(checked.young)
    if frame.height:
        checks |= {
            "the share of bads": _outcome(target),
            "rows and clients that stand there twice": _repeated(frame, schema),
            "fields with gaps, and those that never change": _gaps(frame, schema),
            "fields that give the outcome away": _leakage(frame, schema, target),
            "types, ranges and categories of the schema": _broken_contract(frame, schema),
        }
    if frame.height and last_profile:
        checks["a shift since the champion was trained"] = _drift(frame, schema, last_profile)
    findings = sorted(
        (finding for of_check in checks.values() for finding in of_check),
        key=lambda finding: _ORDER[finding.severity],
    )
    by_reason = dict(sorted(set_aside.items(), key=lambda item: (-item[1], item[0])))
    return DataReport(n_rows, frame.height, int(target.sum()), n_open, by_reason, tuple(findings), tuple(checks))


def data_page(report: DataReport, *, title: str) -> str:
    """The report as one self-contained HTML page; `title` says whose table it is."""
    from creditrisk import pages

    return pages.render("data_checks.html", report=report, title=title)


def contract(schema: Schema) -> pa.DataFrameSchema:
    """What the schema promises about a checked table, as pandera reads it: types, gaps, ranges and categories."""
    import pandera.polars as pa

    def checks(field: Field) -> list[pa.Check]:
        if field.type == "category":
            return [pa.Check.isin([category.value for category in field.categories], error="category")]
        low = [pa.Check.ge(field.minimum, error="range")] if field.minimum is not None else []
        high = [pa.Check.le(field.maximum, error="range")] if field.maximum is not None else []
        return low + high

    return pa.DataFrameSchema(
        {
            field.name: pa.Column(
                DTYPES[field.type],
                # Only what a model reads is held to its range: a protected field must not send anybody to a person.
                checks(field) if field.role == "feature" else [],
                nullable=not field.is_needed,
            )
            for field in schema.fields
            if field.role != "excluded"
        }
    )


def _reason(column: str, fault: str) -> str:
    """Why a row was set aside, without what stood in it."""
    # What stood in the cell comes first, between quotation marks.
    fault = fault.rsplit("' ", 1)[-1]
    return f"{column}: {fault}" if column else fault


def _set_aside(n_accepted: int, n_rows: int, reasons: Counter[str]) -> list[Finding]:
    n_out = n_rows - n_accepted
    if not n_out:
        return []
    # Loans still open, and outcomes that came early, are nobody's mistake.
    faults = Counter({why: n for why, n in reasons.items() if STILL_OPEN not in why and TOO_YOUNG not in why})
    most = "; ".join(f"{reason} ({n:,})" for reason, n in faults.most_common(SHOWN))
    share = n_out / n_rows
    were = "was" if n_out == 1 else "were"
    sentence = f"{n_out:,} of {n_rows:,} rows ({share:.1%}) {were} set aside: {most}."
    if share > MOSTLY_BAD:
        return [Finding("stop", f"{sentence} The table is not what the schema describes; mend one of them.", "", n_out)]
    return [Finding("warn" if share > MANY_SET_ASIDE else "note", sentence, "", n_out)]


def _young(young: YoungLoans) -> list[Finding]:
    sentence = f"{young.sentence[:1].upper()}{young.sentence[1:]}. {young.ages[:1].upper()}{young.ages[1:]}."
    return [Finding("warn", sentence, "", young.n_loans)]


def _outcome(target: IntArray) -> list[Finding]:
    n_bad, rate = int(target.sum()), float(target.mean())
    low, high = USUAL_BAD_RATE
    if low <= rate <= high:
        return []
    are = "is" if n_bad == 1 else "are"
    sentence = (
        f"{n_bad:,} of {len(target):,} rows ({rate:.2%}) {are} bad. Check that bad and good are not turned round."
    )
    return [Finding("warn", sentence, "", n_bad)]


def _repeated(frame: pl.DataFrame, schema: Schema) -> list[Finding]:
    id_field = schema.id_field
    findings = []
    not_compared = {"row_number", "problems", *((id_field.name,) if id_field is not None else ())}
    names = [name for name in frame.columns if name not in not_compared]
    n_same = frame.height - frame.select(names).n_unique()
    if n_same:
        sentence = (
            f"{counted(n_same, 'row repeats', 'rows repeat')} another row in everything but its number: the same "
            "applicant may teach and judge, and the figures may flatter."
        )
        findings.append(Finding("warn" if n_same > MANY_REPEATED * frame.height else "note", sentence, "", n_same))
    if id_field is not None:
        ids = frame[id_field.name].drop_nulls()
        n_again = len(ids) - ids.n_unique()
        if n_again:
            sentence = (
                f"{counted(n_again, 'row has', 'rows have')} a {id_field.label} that another row has: one client may "
                "teach and be judged, and the figures may flatter."
            )
            findings.append(Finding("warn", sentence, id_field.name, n_again))
    return findings


def _gaps(frame: pl.DataFrame, schema: Schema) -> list[Finding]:
    findings = []
    for field in schema.features:
        n_missing = frame[field.name].null_count()
        if n_missing == frame.height:
            sentence = f"{field.label} has nothing in it in any row. Give it the role 'excluded', or mend the source."
            findings.append(Finding("stop" if field.is_numeric else "warn", sentence, field.name, n_missing))
        elif n_missing > MOSTLY_MISSING * frame.height:
            sentence = f"{field.label} is missing in {counted(n_missing, 'row')} ({n_missing / frame.height:.0%})."
            findings.append(Finding("note", sentence, field.name, n_missing))
        elif not n_missing and frame[field.name].n_unique() == 1:
            sentence = f"{field.label} is the same in all rows, so there is nothing to learn from it."
            findings.append(Finding("note", sentence, field.name, frame.height))
    return findings


def _leakage(frame: pl.DataFrame, schema: Schema, target: IntArray) -> list[Finding]:
    findings = []
    for field in schema.features:
        evidence = leaks_target(frame[field.name], target)
        if evidence:
            sentence = (
                f"{field.label} may have been written after the outcome was known: {evidence}. Give it the role "
                "'excluded', unless it was known before the decision."
            )
            findings.append(Finding("warn", sentence, field.name, frame.height))
    if findings:  # what a single field gives away is mended first
        return findings
    names = [field.name for field in schema.features]
    names += [schema.time_field.name] if schema.time_field is not None else []
    together = leaks_together(frame.select(names), target, may_rank_well=schema.horizon_months == 0)
    if together is not None:
        labels = " and ".join(schema.field(name).label for name in together.names)
        sentence = (
            f"{labels} together may tell the outcome: {together.evidence}. Give the later of them the role 'excluded', "
            "unless all were known before the decision."
        )
        findings.append(Finding("warn", sentence, together.names[0], frame.height))
    return findings


def _broken_contract(frame: pl.DataFrame, schema: Schema) -> list[Finding]:
    import pandera.errors

    try:
        contract(schema).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as exc:
        broken = exc.failure_cases
    else:
        return []
    findings = []
    by_check = broken.group_by("column", "check", maintain_order=True).len()
    for name, check, n in by_check.iter_rows():
        field = schema.field(name)
        if check == "category":
            findings.append(
                Finding(
                    "note", f"{field.label} holds a value the schema does not know in {counted(n, 'row')}.", name, n
                )
            )
        elif check == "range":
            findings.append(Finding("note", f"{field.label} lies beyond its bounds in {counted(n, 'row')}.", name, n))
        else:
            sentence = f"{field.label} is not what the schema says it is ({check}), after it was checked."
            findings.append(Finding("stop", sentence, name, n))
    return findings


def _drift(frame: pl.DataFrame, schema: Schema, last_profile: Profile) -> list[Finding]:
    """Fields spread otherwise than in the rows the champion learnt from, and those it did not have."""
    findings = []
    fields: list[Field] = []
    shifts: list[Shift] = []
    for field in schema.features:
        entry = last_profile["fields"].get(field.name)
        if entry is None or (entry["type"] == "numeric") != field.is_numeric:
            findings.append(Finding("note", f"{field.label} is new: the champion did not read it so.", field.name))
            continue
        fields.append(field)
        shifts.append(shift_of(entry, count_entry(entry, frame[field.name])))
    for field, shift in zip(fields, judged(shifts), strict=True):
        if shift.status in ("watch", "act"):
            sentence = f"{field.label} is spread otherwise than when the champion was trained: PSI {shift.psi:.2f}."
            findings.append(Finding("warn" if shift.status == "act" else "note", sentence, field.name, frame.height))
    gone = sorted(last_profile["fields"].keys() - {field.name for field in schema.features})
    if gone:
        are = "field the champion reads is no feature", "fields the champion reads are no features"
        sentence = f"{counted(len(gone), *are)} any more: {', '.join(gone[:SHOWN])}."
        findings.append(Finding("note", sentence, "", len(gone)))
    return findings
