"""The whole of what is deployed: schema, encoding, model, calibration and decision rule, as a folder of plain files.

Loading runs no code from the folder: it is text, JSON, TOML and safetensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk import strict
from creditrisk.arrays import FloatArray
from creditrisk.encoding import Encoder
from creditrisk.errors import CreditRiskError, ScorerError
from creditrisk.learners import FAMILIES, Model, family
from creditrisk.metrics import Profile, check_profile
from creditrisk.schema import Schema
from creditrisk.scoring import golden, yardsticks
from creditrisk.scoring.calibration import (
    Calibration,
    calibration_from_json,
    calibration_to_json,
    prior_shift,
    shifted,
    stretch,
)
from creditrisk.scoring.client_ids import KEPT_ID, application_ids, made_id
from creditrisk.scoring.decision import BANDS, DecisionRule, Verdict, check_reference
from creditrisk.scoring.explaining import in_blocks
from creditrisk.scoring.folder import (
    CALIBRATION_FILE,
    CARD_FILE,
    DECISION_FILE,
    ENCODER_FILE,
    METRICS_FILE,
    PROFILE_FILE,
    SCHEMA_FILE,
    YARDSTICKS_FILE,
    check_files,
    fingerprint,
)
from creditrisk.scoring.policy import NO_POLICY, Policy
from creditrisk.scoring.reasons import REASON, Chosen, Phrases, as_lists, as_series, choose, phrases_of, risk_push
from creditrisk.scoring.scored_row import ScoredRow
from creditrisk.scoring.spread import Spread, likely_range
from creditrisk.scoring.yardsticks import Yardstick
from creditrisk.sources import Record

# Rows scored at once: bounds the memory that contributions and reasons take.
CHUNK_ROWS = 16_384

# So few are made into a table one by one.
FEW_ROWS = 8

MAX_REASON = 400

RESULT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "row_number": pl.Int64,
    "application_id": pl.String,
    "prob_default": pl.Float64,
    "prob_default_low": pl.Float64,
    "prob_default_high": pl.Float64,
    "score_points": pl.Float64,
    "verdict": pl.String,
    "band": pl.String,
    "confidence": pl.Float64,
    "reasons": pl.List(REASON),
    "strengths": pl.List(REASON),
    "model": pl.String,
    "model_version": pl.String,
    "problems": pl.List(pl.String),
}


# What comes of giving a scorer a table with other fields, or other types, than it was trained on.
OTHER_FIELDS = (CreditRiskError, pl.exceptions.PolarsError)


class _Decided(NamedTuple):
    """What was decided about each row, (n_rows,), and what each of its fields contributed, (n_rows, n_fields)."""

    prob_default: FloatArray
    low: FloatArray
    high: FloatArray
    points: FloatArray
    verdicts: NDArray[np.str_]
    confidence: FloatArray
    contributions: FloatArray

    @property
    def has_offer(self) -> NDArray[np.bool_]:
        """Which rows are approved, (n_rows,)."""
        approved: NDArray[np.bool_] = self.verdicts == "approve"
        return approved


@dataclass(frozen=True)
class Scorer:
    """Scores checked applications. The result for a row does not depend on the rows beside it, to the last bit."""

    schema: Schema
    encoder: Encoder
    model: Model
    calibration: Calibration
    spread: Spread
    rule: DecisionRule
    profile: Profile
    yardsticks: tuple[Yardstick, ...]
    metrics: Mapping[str, Any]
    card: str
    name: str = ""
    version: str = ""
    # Over all files of the folder; empty for a scorer that was never written.
    sha256: str = field(default="", compare=False)
    # What people set on top of it.
    policy: Policy = NO_POLICY

    def under(self, policy: Policy) -> Scorer:
        """This scorer, deciding under a policy; cut-offs that were set for another version change nothing."""
        if policy == self.policy:
            return self
        cutoffs = policy.cutoffs_of(self.name, self.version)
        return replace(self, policy=policy, rule=replace(self.rule, cutoffs=cutoffs))

    @property
    def _stopped(self) -> list[str]:
        """What is said of every row while scoring is stopped; nothing otherwise."""
        return [] if self.policy.stop is None else [self.policy.stop.sentence]

    @cached_property
    def shift(self) -> float:
        """What takes log-odds from the bad rate of the sample learnt from to the portfolio's, where that is known."""
        return prior_shift(self.rule.n_bad / (self.rule.n_bad + self.rule.n_good), self.schema.portfolio_bad_rate)

    def prob_default(self, accepted: pl.DataFrame) -> FloatArray:
        """PD of each row as people see it and as it is decided by, 0 to 1, shape (n_rows,)."""
        return shifted(self.sample_prob_default(accepted), self.shift)

    def sample_prob_default(self, accepted: pl.DataFrame) -> FloatArray:
        """PD of each row on the scale of the rows it was fitted on, by which it is tested, shape (n_rows,)."""
        return self._sample_prob_default(self.encoder.matrix(accepted))

    def contributions(self, accepted: pl.DataFrame) -> FloatArray:
        """What each field adds to the calibrated log-odds beyond the typical approved applicant, (n_rows, n_fields)."""
        return self._explained(self.encoder.matrix(accepted))[1]

    def confidence(self, accepted: pl.DataFrame, sample_prob_default: FloatArray) -> FloatArray:
        """How surely the verdicts by given PDs, of the scale of `sample_prob_default`, stand for these rows, (n_rows,).

        The PDs may be those that other models gave the rows: of the same recipe, by which they are tested.
        """
        sd = self.spread.sd(self.encoder.matrix(accepted), sample_prob_default)
        return self.rule.confidence(shifted(sample_prob_default, self.shift), sd)

    def _sample_prob_default(self, matrix: FloatArray) -> FloatArray:
        return self.calibration.prob_default(self.model.log_odds(matrix))

    def _explained(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The model's log-odds, and the contributions to the calibrated ones."""
        log_odds, parts = in_blocks(lambda rows: self.model.explained(rows, self._reference), matrix)
        # The way from the reference to this applicant, in calibrated log-odds, is shared out as the model's own is.
        origin = np.full(len(matrix), self._reference_log_odds)
        return log_odds, parts * stretch(self.calibration, log_odds, origin)[:, np.newaxis]

    @cached_property
    def _reference(self) -> FloatArray:
        """The reference applicant as a row of the matrix, shape (n_fields,)."""
        return np.array(self.rule.reference, dtype=np.float64)

    @cached_property
    def _reference_log_odds(self) -> float:
        return float(self.model.log_odds(self._reference[np.newaxis])[0])

    @cached_property
    def _phrases(self) -> Phrases:
        """What reasons can say."""
        return phrases_of(self.schema.features, self.encoder, self._reference, self.yardsticks)

    def measured(self, rows: pl.DataFrame, some: pl.DataFrame) -> Scorer:
        """This scorer with what values are measured against: the outcomes of `rows`, and the mean pushes of `some`."""
        target = rows["default"].to_numpy().astype(np.int64)
        matrix, pushes = self.encoder.matrix(rows), self.contributions(some)
        return replace(self, yardsticks=yardsticks.measure(self.encoder, self._reference, matrix, target, pushes))

    def _chosen(self, matrix: FloatArray, decided: _Decided) -> tuple[Chosen, Chosen]:
        """Reasons and strengths of each row."""
        return choose(self._phrases, matrix, decided.contributions, decided.prob_default, decided.has_offer)

    def score(self, accepted: pl.DataFrame) -> pl.DataFrame:
        """Decide about each row.

        Parameters
        ----------
        accepted
            Canonical rows as `quality.check` accepts them, with `row_number`; `problems`, if there is that column,
            holds what was odd about each. A row with a problem is referred to a person whatever its PD.

        Returns
        -------
        DataFrame
            One row each, columns of `RESULT_SCHEMA`.
        """
        chunks = [
            self._score_chunk(accepted.slice(first, CHUNK_ROWS)) for first in range(0, accepted.height, CHUNK_ROWS)
        ]
        if not chunks:
            return pl.DataFrame(schema=RESULT_SCHEMA)
        return pl.concat(chunks) if len(chunks) > 1 else chunks[0]

    def score_few(self, rows: Sequence[Record]) -> list[ScoredRow]:
        """`score` for a few rows, by the names of their columns: a table takes longer to make than they to score."""
        matrix = self.encoder.matrix_of_few(rows)
        problems = [[*self._stopped, *row.get("problems", ())] for row in rows]
        decided = self._decide(matrix, np.array([len(item) > 0 for item in problems], dtype=np.bool_))
        reasons, strengths = (as_lists(self._phrases, chosen) for chosen in self._chosen(matrix, decided))
        figures = decided.prob_default, decided.low, decided.high, decided.points, decided.confidence
        numbers = zip(*(column.tolist() for column in figures), strict=True)
        verdicts: list[Verdict] = decided.verdicts.tolist()
        return [
            {
                "row_number": row["row_number"],
                "application_id": self._id_of(row),
                "prob_default": prob_default,
                "prob_default_low": low,
                "prob_default_high": high,
                "score_points": score_points,
                "verdict": verdict,
                "band": BANDS[verdict],
                "confidence": confidence,
                "reasons": because,
                "strengths": in_favour,
                "model": self.name,
                "model_version": self.version,
                "problems": odd,
            }
            for row, (prob_default, low, high, score_points, confidence), verdict, because, in_favour, odd in zip(
                rows, numbers, verdicts, reasons, strengths, problems, strict=True
            )
        ]

    def _score_chunk(self, accepted: pl.DataFrame) -> pl.DataFrame:
        if accepted.height <= FEW_ROWS:
            return pl.from_dicts(self.score_few(accepted.to_dicts()), schema=RESULT_SCHEMA)
        matrix = self.encoder.matrix(accepted)
        problems = accepted["problems"] if "problems" in accepted.columns else _no_problems(accepted.height)
        if self._stopped:
            problems = pl.Series([[*self._stopped, *odd] for odd in problems.to_list()], dtype=problems.dtype)
        decided = self._decide(matrix, problems.list.len().to_numpy() > 0)
        names: list[Verdict] = decided.verdicts.tolist()
        reasons, strengths = (as_series(self._phrases, chosen) for chosen in self._chosen(matrix, decided))
        columns: dict[str, Any] = {
            "row_number": accepted["row_number"],
            "application_id": application_ids(accepted, self.schema),
            "prob_default": decided.prob_default,
            "prob_default_low": decided.low,
            "prob_default_high": decided.high,
            "score_points": decided.points,
            "verdict": names,
            "band": [BANDS[name] for name in names],
            "confidence": decided.confidence,
            "reasons": reasons,
            "strengths": strengths,
            "model": [self.name] * accepted.height,
            "model_version": [self.version] * accepted.height,
            "problems": problems,
        }
        return pl.DataFrame([pl.Series(name, columns[name], dtype=kind) for name, kind in RESULT_SCHEMA.items()])

    def _decide(self, matrix: FloatArray, needs_look: NDArray[np.bool_]) -> _Decided:
        log_odds, contributions = self._explained(matrix)
        on_sample = self.calibration.prob_default(log_odds)
        prob_default, sd = shifted(on_sample, self.shift), self.spread.sd(matrix, on_sample)
        confidence = self.rule.confidence(prob_default, sd)
        verdicts = self.rule.verdicts(prob_default, needs_look | self.rule.asks(confidence))
        points = self.rule.scale.points(prob_default)
        return _Decided(prob_default, *likely_range(prob_default, sd), points, verdicts, confidence, contributions)

    def _id_of(self, row: Record) -> str:
        """The client's own id; where there is none, the one it has kept, or one made of the row."""
        own = None if self.schema.id_field is None else row[self.schema.id_field.name]
        own = row.get(KEPT_ID) if own is None else own
        if own is None:
            return made_id(row["row_number"], [row[field.name] for field in self.schema.fields if field.name in row])
        # What is no text yet is written as in a table.
        return own if isinstance(own, str) else str(pl.Series([own]).cast(pl.String).item())

    def explain(self, accepted: pl.DataFrame) -> pl.DataFrame:
        """Every field's push, in words: columns row_number, field, label, value, contribution (log-odds) and push.

        A positive contribution raises the risk beyond that of the typical approved applicant; `push` is the PD less
        what it would be without.
        """
        contributions, prob_default = self.contributions(accepted), self.prob_default(accepted)
        parts = [
            pl.DataFrame(
                {
                    "row_number": accepted["row_number"],
                    "field": [item.name] * accepted.height,
                    "label": [item.label] * accepted.height,
                    "value": [item.in_words(value) for value in accepted[item.name].to_list()],
                    "contribution": contributions[:, index],
                    "push": risk_push(prob_default, contributions[:, index]),
                }
            )
            for index, item in enumerate(self.schema.features)
        ]
        return pl.concat(parts)

    def save(self, folder: Path) -> None:
        """Write the folder; it must be empty or absent."""
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ScorerError(f"{folder} is not empty. A scorer is written once, into a folder of its own.")
        (folder / SCHEMA_FILE).write_text(self.schema.to_toml(), encoding="utf-8")
        (folder / ENCODER_FILE).write_text(self.encoder.to_json(), encoding="utf-8")
        self.model.save(folder)
        calibration = {"family": self.model.family, **calibration_to_json(self.calibration)}
        _write_json(folder / CALIBRATION_FILE, calibration)
        self.spread.save(folder)
        (folder / DECISION_FILE).write_text(self.rule.to_json(), encoding="utf-8")
        _write_json(folder / PROFILE_FILE, self.profile)
        written = yardsticks.to_json(self.yardsticks, self.encoder)
        (folder / YARDSTICKS_FILE).write_text(written, encoding="utf-8")
        _write_json(folder / METRICS_FILE, self.metrics)
        (folder / CARD_FILE).write_text(self.card, encoding="utf-8")
        rows = golden.make_golden_rows(self.schema, self.encoder)
        noted = golden.Golden.noted(rows, self.schema, self.prob_default)
        (folder / golden.GOLDEN_FILE).write_text(noted.to_json(), encoding="utf-8")


def _no_problems(n_rows: int) -> pl.Series:
    return pl.Series([[]] * n_rows, dtype=pl.List(pl.String))


def load(folder: Path, *, name: str, version: str, sha256: str | None = None) -> Scorer:
    """Read a scorer folder; every file is checked, and what others could write to is not trusted to hold what it held.

    The libraries behind the families read their files in this process: a folder from a registry is to be proved in a
    child process first, which `Registry.load` sees to.

    Parameters
    ----------
    name, version
        The registered model and version it came from; returned with every decision.
    sha256
        What `fingerprint` gave when the version was registered, if known.

    Raises
    ------
    ScorerError
        If a file is missing or cannot be read, or the folder is not the one that was registered.
    """
    written = check_intact(folder, name=name, version=version, sha256=sha256)
    try:
        return _read(folder, name, version, written)
    except Exception as exc:  # each library has errors of its own for a file that is not what it wrote
        reason = str(exc).partition("\n")[0][:MAX_REASON].rstrip(".")
        raise ScorerError(f"the scorer at {folder} cannot be read: {reason}.") from exc


def check_intact(folder: Path, *, name: str, version: str, sha256: str | None) -> str:
    """The fingerprint of a folder that is there, holds a scorer's files and, if one is known, has that fingerprint.

    Raises
    ------
    ScorerError
        If not. Nothing but names and bytes is read.
    """
    if not folder.is_dir():
        raise ScorerError(f"there is no scorer at {folder}. Train one with `make model-train-flow`.")
    check_files(folder)
    actual = fingerprint(folder)
    if sha256 is not None and actual != sha256:
        raise ScorerError(
            f"the scorer at {folder} is not the one registered as {name} version {version}: its files were changed or "
            "copied in part. Remove the folder; it is fetched again from the registry."
        )
    return actual


def _read(folder: Path, name: str, version: str, sha256: str) -> Scorer:
    calibration = _object(folder / CALIBRATION_FILE)
    named = calibration.pop("family", "")
    present = {path.name.split(".")[1] for path in folder.glob("model.*")}
    if named not in FAMILIES or not (present == {named} or (named == "blend" and len(present) > 1)):
        raise ScorerError(
            f"it is said to be a model of the family '{named!s:.40}', and there are files of {sorted(present)}; known: "
            f"{', '.join(FAMILIES)}"
        )
    schema = Schema.from_file(folder / SCHEMA_FILE)
    encoder = Encoder.from_json((folder / ENCODER_FILE).read_text(encoding="utf-8"))
    encoder.check_against(schema)
    rule = DecisionRule.from_json((folder / DECISION_FILE).read_text(encoding="utf-8"))
    if rule.costs != schema.costs:
        raise ScorerError("decision.json and schema.toml do not name the same costs")
    check_reference(rule.reference, encoder)
    return Scorer(
        schema=schema,
        encoder=encoder,
        calibration=calibration_from_json(calibration),
        spread=Spread.load(folder, encoder),
        rule=rule,
        profile=check_profile(_object(folder / PROFILE_FILE), schema),
        yardsticks=yardsticks.from_json((folder / YARDSTICKS_FILE).read_text(encoding="utf-8"), encoder),
        metrics=_object(folder / METRICS_FILE),
        card=(folder / CARD_FILE).read_text(encoding="utf-8"),
        # Last, when all else is known to fit: it is read by the family's own library.
        model=family(named).load(folder, encoder),
        name=name,
        version=version,
        sha256=sha256,
    )


def _object(path: Path) -> dict[str, Any]:
    item = strict.read_json(path.read_text(encoding="utf-8"), path.name)
    if not isinstance(item, dict):
        raise ScorerError(f"{path.name} must be an object")
    return item


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, allow_nan=False), encoding="utf-8")
