"""The whole of what is deployed: schema, encoding, model, calibration and decision rule, as a folder of plain files.

Written by training.py, stored by registry.py, loaded by the web app, the report flow and `riskometer replay`. Loading
runs no code from the folder: it is text, JSON, TOML, UBJSON and safetensors.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from creditrisk import calibration as calibrations
from creditrisk import golden, strict
from creditrisk.arrays import FloatArray
from creditrisk.calibration import Calibration, prior_shift, shifted, stretch
from creditrisk.decision import BANDS, DecisionRule
from creditrisk.encoding import Encoder
from creditrisk.errors import CreditRiskError, ScorerError
from creditrisk.learners import FAMILIES, Model, family
from creditrisk.metrics.profile import check_profile
from creditrisk.reasons import reasons
from creditrisk.schema import Schema

# Rows scored at once: bounds the memory that contributions and reasons take.
CHUNK_ROWS = 20_000

# What a scorer folder holds, beside a file for each model; sizes are some twenty times what the largest of ours take.
FILES = frozenset(
    {
        "schema.toml", "encoder.json", "calibration.json", "decision.json", "profile.json", "metrics.json", "card.md",
        golden.FILE,
    }
)  # fmt: skip
MODEL_FILE = re.compile(rf"model\.({'|'.join(name for name in FAMILIES if name != 'blend')})\.(txt|ubj|safetensors)")
MAX_MODEL_BYTES = 100_000_000
MAX_TEXT_BYTES = 20_000_000
MAX_REASON = 400

REASON = pl.Struct({"code": pl.String, "text": pl.String})
RESULT_SCHEMA: dict[str, Any] = {
    "row_number": pl.Int64,
    "application_id": pl.String,
    "prob_default": pl.Float64,
    "score_points": pl.Float64,
    "verdict": pl.String,
    "band": pl.String,
    "confidence": pl.Float64,
    "reasons": pl.List(REASON),
    "model": pl.String,
    "model_version": pl.String,
    "problems": pl.List(pl.String),
}


# What comes of giving a scorer a table with other fields, or other types, than it was trained on.
OTHER_FIELDS = (CreditRiskError, pl.exceptions.PolarsError)


@dataclass(frozen=True)
class Scorer:
    """Scores checked applications. The result for a row does not depend on the rows beside it, to the last bit."""

    schema: Schema
    encoder: Encoder
    model: Model
    calibration: Calibration
    rule: DecisionRule
    profile: dict[str, Any]
    metrics: dict[str, Any]
    card: str
    name: str = ""
    version: str = ""
    # Over all files of the folder; empty for a scorer that was never written.
    sha256: str = field(default="", compare=False)

    @property
    def shift(self) -> float:
        """What takes log-odds from the bad rate of the sample learnt from to the portfolio's, where that is known."""
        return prior_shift(self.rule.n_bad / (self.rule.n_bad + self.rule.n_good), self.schema.portfolio_bad_rate)

    def prob_default(self, accepted: pl.DataFrame) -> FloatArray:
        """PD of each row as people see it and as it is decided by, 0 to 1, shape (n_rows,)."""
        return shifted(self.sample_prob_default(accepted), self.shift)

    def sample_prob_default(self, accepted: pl.DataFrame) -> FloatArray:
        """PD of each row on the scale of the rows it was fitted on, by which it is judged, shape (n_rows,)."""
        return self._sample_prob_default(self.encoder.matrix(accepted))

    def contributions(self, accepted: pl.DataFrame) -> FloatArray:
        """What each field adds to the calibrated log-odds beyond the average approved applicant, (n_rows, n_fields)."""
        return self._contributions(self.encoder.matrix(accepted))

    def _sample_prob_default(self, matrix: FloatArray) -> FloatArray:
        return self.calibration.prob_default(self.model.log_odds(matrix))

    def _contributions(self, matrix: FloatArray) -> FloatArray:
        # In row order, so that a row alone is summed up as in company.
        parts = np.ascontiguousarray(self.model.contributions(matrix))
        beyond = parts[:, :-1] - np.asarray(self.rule.typical_contributions)
        # The way from the typical applicant to this one, in calibrated log-odds, is shared out as the model's own is.
        there = parts.sum(axis=1)
        per_push = stretch(self.calibration, there, there - beyond.sum(axis=1))
        carried: FloatArray = beyond * per_push[:, np.newaxis]
        return carried

    @property
    def _usual(self) -> FloatArray:
        """From where to where a number is neither high nor low: the medians of all and of the typical approved."""
        everybodys = np.array([item.fill for item in self.encoder.fields])
        return np.sort([everybodys, self.rule.typical_values or everybodys], axis=0)

    def score(self, accepted: pl.DataFrame, problems: list[list[str]]) -> pl.DataFrame:
        """Decide about each row.

        Parameters
        ----------
        accepted
            Canonical rows as `quality.check` accepts them, with `row_number`.
        problems
            For each row what was odd about it; a row with a problem is referred to a person whatever its PD.

        Returns
        -------
        DataFrame
            One row each, columns of `RESULT_SCHEMA`.
        """
        chunks = [
            self._score_chunk(accepted.slice(first, CHUNK_ROWS), problems[first : first + CHUNK_ROWS])
            for first in range(0, accepted.height, CHUNK_ROWS)
        ]
        return pl.concat(chunks) if chunks else pl.DataFrame(schema=RESULT_SCHEMA)

    def _score_chunk(self, accepted: pl.DataFrame, problems: list[list[str]]) -> pl.DataFrame:
        matrix = self.encoder.matrix(accepted)
        on_sample = self._sample_prob_default(matrix)
        prob_default = shifted(on_sample, self.shift)
        verdicts = self.rule.verdicts(prob_default, np.array([bool(found) for found in problems], dtype=bool))
        id_field = self.schema.id_field
        ids = accepted["row_number"].cast(pl.String)
        if id_field is not None:
            ids = accepted[id_field.name].fill_null(ids)
        return pl.DataFrame(
            {
                "row_number": accepted["row_number"],
                "application_id": ids,
                "prob_default": prob_default,
                "score_points": self.rule.scale.points(prob_default),
                "verdict": verdicts,
                "band": [BANDS[verdict] for verdict in verdicts.tolist()],
                "confidence": self.rule.confidence(on_sample, verdicts),
                "reasons": reasons(accepted, self._contributions(matrix), self.schema.features, self._usual),
                "model": [self.name] * accepted.height,
                "model_version": [self.version] * accepted.height,
                "problems": problems,
            },
            schema=RESULT_SCHEMA,
        )

    def explain(self, accepted: pl.DataFrame) -> pl.DataFrame:
        """Every field's push, in words: columns row_number, field, label, value and contribution (log-odds).

        A positive contribution raises the risk beyond that of the average approved applicant.
        """
        contributions = self.contributions(accepted)
        parts = [
            pl.DataFrame(
                {
                    "row_number": accepted["row_number"],
                    "field": [item.name] * accepted.height,
                    "label": [item.label] * accepted.height,
                    "value": [item.in_words(value) for value in accepted[item.name].to_list()],
                    "contribution": contributions[:, index],
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
        (folder / "schema.toml").write_text(self.schema.to_toml(), encoding="utf-8")
        (folder / "encoder.json").write_text(self.encoder.to_json(), encoding="utf-8")
        self.model.save(folder)
        calibration = {"family": self.model.family, **calibrations.to_json(self.calibration)}
        _write_json(folder / "calibration.json", calibration)
        (folder / "decision.json").write_text(self.rule.to_json(), encoding="utf-8")
        _write_json(folder / "profile.json", self.profile)
        _write_json(folder / "metrics.json", self.metrics)
        (folder / "card.md").write_text(self.card, encoding="utf-8")
        rows = golden.make_rows(self.schema, self.encoder)
        noted = golden.Golden.noted(rows, self.schema, self.prob_default)
        (folder / golden.FILE).write_text(noted.to_json(), encoding="utf-8")


def load(folder: Path, *, name: str, version: str, sha256: str | None = None) -> Scorer:
    """Read a scorer folder; every file is checked, and what others could write to is not trusted to hold what it held.

    The libraries behind the families read their files in this process: a folder from a registry is to be proved in a
    child process first (proving.py), which `Registry.load` sees to.

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
    found = check_intact(folder, name=name, version=version, sha256=sha256)
    try:
        return _read(folder, name, version, found)
    except Exception as exc:  # each library has errors of its own for a file that is not what it wrote
        reason = str(exc).partition("\n")[0][:MAX_REASON].rstrip(".")
        raise ScorerError(f"the scorer at {folder} cannot be read: {reason}.") from exc


def check_intact(folder: Path, *, name: str, version: str, sha256: str | None) -> str:
    """See that a folder is there, holds a scorer's files and, if its fingerprint is known, these; return what it is.

    Raises
    ------
    ScorerError
        If not. Nothing but names and bytes is read.
    """
    if not folder.is_dir():
        raise ScorerError(f"there is no scorer at {folder}. Train one with `make model-train-flow`.")
    check_files(folder)
    found = fingerprint(folder)
    if sha256 is not None and found != sha256:
        raise ScorerError(
            f"the scorer at {folder} is not the one registered as {name} version {version}: its files were changed or "
            "copied in part. Remove the folder; it is fetched again from the registry."
        )
    return found


def _read(folder: Path, name: str, version: str, sha256: str) -> Scorer:
    calibration = _object(folder / "calibration.json")
    chosen = calibration.pop("family", "")
    held = {path.name.split(".")[1] for path in folder.glob("model.*")}
    if chosen not in FAMILIES or not (held == {chosen} or (chosen == "blend" and len(held) > 1)):
        raise ScorerError(
            f"it is said to be a model of the family '{chosen!s:.40}', and there are files of {sorted(held)}; known: "
            f"{', '.join(FAMILIES)}"
        )
    schema = Schema.from_file(folder / "schema.toml")
    encoder = Encoder.from_json((folder / "encoder.json").read_text(encoding="utf-8"))
    encoder.check_against(schema)
    rule = DecisionRule.from_json((folder / "decision.json").read_text(encoding="utf-8"))
    if rule.costs != schema.costs:
        raise ScorerError("decision.json and schema.toml do not name the same costs")
    n_fields = len(encoder.fields)
    if len(rule.typical_contributions) != n_fields or len(rule.typical_values) not in (0, n_fields):
        raise ScorerError(f"decision.json does not have a typical applicant of {n_fields} fields")
    return Scorer(
        schema=schema,
        encoder=encoder,
        calibration=calibrations.from_json(calibration),
        rule=rule,
        profile=check_profile(_object(folder / "profile.json"), schema),
        metrics=_object(folder / "metrics.json"),
        card=(folder / "card.md").read_text(encoding="utf-8"),
        # Last, when all else is known to fit: it is read by the family's own library.
        model=family(chosen).load(folder, encoder),
        name=name,
        version=version,
        sha256=sha256,
    )


def _object(path: Path) -> dict[str, Any]:
    found = strict.read_json(path.read_text(encoding="utf-8"), path.name)
    if not isinstance(found, dict):
        raise ScorerError(f"{path.name} must be an object")
    return found


def check_files(folder: Path) -> None:
    """See that a folder holds a scorer's files and nothing else: no links, no folders, no file beyond its size.

    Raises
    ------
    ScorerError
        With the first that is out of place.
    """
    check_names({path.name: size_of(path) for path in folder.iterdir()})


def check_names(sizes: Mapping[str, int]) -> None:
    """See that these are the names of a scorer's files, each within its size; ScorerError otherwise."""
    for name in sorted(sizes):
        if name not in FILES and not MODEL_FILE.fullmatch(name):
            raise ScorerError(f"the scorer cannot be read: {name!r:.80} is no file of a scorer.")
        limit = MAX_MODEL_BYTES if MODEL_FILE.fullmatch(name) else MAX_TEXT_BYTES
        if sizes[name] > limit:
            raise ScorerError(f"the scorer cannot be read: {name} has {sizes[name]:,} bytes; up to {limit:,} are read.")
    missing = sorted(FILES - set(sizes))
    if missing:
        raise ScorerError(f"the scorer cannot be read: it has no {', '.join(missing)}.")


def size_of(path: Path) -> int:
    """The size of a plain file; ScorerError for a link, a folder or a device."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise ScorerError(f"the scorer cannot be read: {path.name!r:.80} is not a plain file.")
    return found.st_size


def fingerprint(folder: Path) -> str:
    """SHA-256 over the names and bytes of all files of a scorer folder, as hex."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, allow_nan=False), encoding="utf-8")
