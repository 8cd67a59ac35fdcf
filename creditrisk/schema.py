"""What the columns of an application are: type, unit, range, categories, role, and the words people see.

A schema is written and read as TOML, travels inside every scorer, and is all that the web page, the checks and the
encoder know about a lender's table.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

import tomli_w
from pydantic import ConfigDict, TypeAdapter, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from creditrisk.columns import is_post_outcome
from creditrisk.errors import SchemaError
from creditrisk.text import plain_number, singular

FieldType = Literal["number", "integer", "category", "date", "text"]
# How a column of numbers is written, shown by 1234.5 or by -1234.5 in brackets; empty for plain numbers.
Written = Literal["", "1,234.50", "1.234,50", "(1,234.50)", "(1.234,50)"]
Role = Literal["feature", "target", "time", "id", "protected", "excluded"]
# Which way a higher value, or a later category of an order, pushes the risk: up, down, or either.
Sign = Literal["+", "-", ""]


# Columns that checking, scoring and the decision log add to a table.
RESERVED = frozenset(
    {"row_number", "default", "problems", "kept_id", "prob_default", "verdict", "seq", "decided_at", "model_version"}
)
# So many categories are named in a sentence; of a field with more of them, a few.
MOST_NAMED, FEW_NAMED = 12, 6
# A schema's name becomes a model's name, a file's and a part of addresses.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
# A file holds what it says: no text for a number, no number for a text, no key nobody knows.
_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
_WORDS = {
    "missing": "is missing",
    "unexpected_keyword_argument": "is no key of a schema",
    "string_type": "is to be a text between quotation marks",
    "bool_type": "is to be true or false",
    "float_type": "is to be a number without quotation marks",
    "int_type": "is to be a whole number without quotation marks",
    "int_from_float": "is to be a whole number",
    "finite_number": "is to be a number",
    "tuple_type": "is to be a list between brackets",
    "dataclass_type": "is to be a table of keys and values",
}


def _whole_as_written(value: object, check: ValidatorFunctionWrapHandler) -> object:
    number = check(value)
    return value if isinstance(value, int) else number


# 18 is not read as 18.0: a schema is written as it was read.
_AsWritten = Annotated[float, WrapValidator(_whole_as_written)]


@dataclass(frozen=True, slots=True)
class Category:
    """One value a categorical field can take: the value we store, the words people see, other spellings in files."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    value: str
    label: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """One column of an application.

    `minimum` and `maximum` bound what is plausible, in `unit`: a value beyond them is scored, flagged and referred to a
    person. A missing value in a field that `is_required` keeps the row from being scored. `reason_high` and
    `reason_low` are the words for a high (low) value in a reason. `sign` is for a feature that beyond doubt pushes the
    risk one way, whatever the table says: models are held to it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    name: str
    type: FieldType
    label: str
    role: Role = "feature"
    sign: Sign = ""
    unit: str = ""
    minimum: _AsWritten | None = None
    maximum: _AsWritten | None = None
    categories: tuple[Category, ...] = ()
    # Whether the categories stand in a meaningful order, so that neighbours may be taken to be alike.
    is_ordered: bool = False
    aliases: tuple[str, ...] = ()
    is_required: bool = True
    # Whether a client could ask for another value: what would change a verdict is looked for in these alone.
    is_changeable: bool = False
    reason_high: str = ""
    reason_low: str = ""
    description: str = ""
    # What its file writes for "not given", such as "365243" or "-9": read as if nothing stood there.
    missing: tuple[str, ...] = ()
    # How dates are written where days and months could be taken for one another, such as "%m/%d/%Y".
    date_format: str = ""
    # How its numbers are written where a file does not say it by itself, such as "1.234,50".
    notation: Written = ""

    @property
    def is_numeric(self) -> bool:
        """Whether the encoder reads this field as a number."""
        return self.type in ("number", "integer")

    @property
    def is_share(self) -> bool:
        """Whether its numbers are parts of 1, by its name and as it has no unit: they are shown in per cent."""
        return self.is_numeric and not self.unit and self.name.endswith("_share")

    @property
    def is_needed(self) -> bool:
        """Whether an application without a value in it cannot be scored; what is protected is never asked for."""
        return self.is_required and self.role != "protected"

    @property
    def expected(self) -> str:
        """What a cell of this field should hold, for the end of an error sentence.

        Examples
        --------
        >>> Field("age_years", "integer", "Age", unit="years", minimum=18, maximum=100).expected
        'a whole number of years from 18 to 100'
        >>> Field("used_share", "number", "Used", minimum=0, maximum=1).expected
        'a number from 0 to 1 (0.25 is 25 %)'
        """
        if self.type == "category":
            # What can be read at a glance is named whole; of more than that, enough to show what they look like.
            n_named = len(self.categories) if len(self.categories) <= MOST_NAMED else FEW_NAMED
            shown = [category.label for category in self.categories[:n_named]]
            more = len(self.categories) - len(shown)
            return "one of: " + ", ".join(shown) + (f" and {more} more" if more > 0 else "")
        if self.type == "date":
            return "a date such as 2024-03-31"
        if self.type == "text":
            return "text"
        kind = "a whole number" if self.type == "integer" else "a number"
        unit = f" of {self.unit}" if self.unit else ""
        bounds = {
            (True, True): " from {low} to {high}",
            (True, False): ", {low} or more",
            (False, True): ", {high} or less",
            (False, False): "",
        }[self.minimum is not None, self.maximum is not None]
        bound = bounds.format(low=plain_number(self.minimum or 0), high=plain_number(self.maximum or 0))
        # Elsewhere it is shown in per cent.
        return kind + unit + bound + (" (0.25 is 25 %)" if self.is_share else "")

    def category_label(self, value: str) -> str:
        """The words for a stored category value; the value itself if the schema does not know it."""
        return next((category.label for category in self.categories if category.value == value), value)

    def in_words(self, value: object) -> str:
        """A cell as people read it, with its unit; a share in per cent.

        Examples
        --------
        >>> Field("income_eur", "number", "Income", unit="EUR").in_words(32000.0)
        '32,000 EUR'
        >>> Field("used_share", "number", "Used").in_words(0.405)
        '40.5 %'
        >>> Field("late_count", "integer", "Late payments", unit="payments").in_words(1)
        '1 payment'
        """
        if value is None:
            return "not given"
        if self.type == "category":
            return self.category_label(str(value))
        if isinstance(value, int | float):
            if self.is_share:
                return f"{plain_number(round(100 * value, 1))} %"
            return f"{plain_number(value)} {singular(self.unit) if value == 1 else self.unit}".strip()
        return str(value)


@dataclass(frozen=True, slots=True)
class Target:
    """Which column holds the outcome and which of its values mean bad (default) and good."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    name: str
    label: str
    bad: tuple[str, ...]
    good: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    # Values of loans whose outcome is still open: they are set aside, neither good nor bad.
    unresolved: tuple[str, ...] = ()
    # What happened to the bad and to the good ones, to end a sentence such as "8 of 100 similar applicants ...".
    bad_happened: str = "did not repay"
    good_happened: str = "repaid"
    # Known datasets state the share of bads, so that a file with the coding turned round is refused.
    bad_rate_expected: float | None = None


@dataclass(frozen=True, slots=True)
class Costs:
    """What a wrong or a careful decision costs, in units of one good applicant declined."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    accept_bad: float = 5.0
    decline_good: float = 1.0
    review: float = 0.7

    @property
    def cutoff_prob_default(self) -> float:
        """The PD above which declining is cheaper than approving, if nobody has a look.

        Examples
        --------
        >>> round(Costs(accept_bad=5, decline_good=1).cutoff_prob_default, 4)
        0.1667
        """
        return self.decline_good / (self.decline_good + self.accept_bad)


@dataclass(frozen=True, slots=True)
class Schema:
    """A lender's table: its fields, its target and what its decisions cost."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    name: str
    title: str
    fields: tuple[Field, ...]
    target: Target
    costs: Costs = Costs()
    currency: str = ""
    # Months after the application that the outcome covers; 0: it is a decision, known at once; None: nobody says.
    horizon_months: int | None = None
    # The field that holds what is lent, for the expected loss shown beside the verdicts.
    amount_field: str = ""
    # The bad rate of the applicants to be scored, if it is known to differ from that of the table learnt from.
    portfolio_bad_rate: float | None = None
    notes: str = ""
    # Where its words differ from those that came with the file: why, in one sentence for whoever reads them.
    wording: str = ""

    def __post_init__(self) -> None:
        contradiction = next(self._contradictions(), None)
        if contradiction:
            raise SchemaError(f"schema '{self.name[:100]}' {contradiction}")

    def _contradictions(self) -> Iterator[str]:
        """What is wrong with it, each to go on with after the schema's name."""
        if not NAME.fullmatch(self.name):
            yield "cannot be called so. Expected up to 100 letters, digits, dashes and underscores, such as my_loans."
        names = [field.name for field in self.fields]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            yield f"names {', '.join(doubled)} more than once. Give each field one entry."
        reserved = sorted(set(names) & RESERVED)
        if reserved:
            yield (
                f"calls a field {', '.join(reserved)}, a name that checks or results use. Give the field another name "
                "and list the old one under its aliases."
            )
        if not self.features:
            yield "has no field with role 'feature', so there is nothing to learn from."
        for field in self.fields:
            yield from self._contradictions_of(field)
        spellings = {item.name: {item.name, *item.aliases} for item in self.fields}
        target = {self.target.name, *self.target.aliases}
        for (one, ones), (other, others) in combinations([*spellings.items(), (self.target.name, target)], 2):
            if ones & others:
                yield (
                    f"lets '{one}' and '{other}' be read from the same column, '{min(ones & others)}'. Let only one of "
                    "them have that name or alias; the outcome is no field."
                )
        yield from self._contradictions_of_decisions()

    def _contradictions_of_decisions(self) -> Iterator[str]:
        amount = next((field for field in self.fields if field.name == self.amount_field), None)
        if self.amount_field and (amount is None or not amount.is_numeric):
            yield f"has the amount_field '{self.amount_field}', which is not one of its numbers."
        if self.portfolio_bad_rate is not None and not 0 < self.portfolio_bad_rate < 1:
            yield (
                f"has a portfolio_bad_rate of {self.portfolio_bad_rate:g}; expected a share between 0 and 1, such as "
                "0.03 for 3 bads in 100."
            )
        if self.horizon_months is not None and self.horizon_months < 0:
            yield f"has a horizon_months of {self.horizon_months}; expected 0 or more."
        if {*self.target.unresolved} & {*self.target.bad, *self.target.good}:
            yield "calls the same target value unresolved, and good or bad."
        if set(self.target.bad) & set(self.target.good):
            yield "calls the same target value good and bad."
        if not self.target.bad or not self.target.good:
            yield "does not say which values of the target are bad and which are good."
        if not (self.costs.accept_bad > 0 and self.costs.decline_good > 0 and self.costs.review >= 0):
            yield "has costs of 0 or less; expected accept_bad and decline_good above 0, and review at 0 or above."

    def _contradictions_of(self, field: Field) -> Iterator[str]:
        # Polars takes such names for patterns.
        if not field.name or "*" in field.name or field.name.startswith("^"):
            yield f"has a field called '{field.name}'. Give it a plain name, and the file's own under its aliases."
        if field.type not in get_args(FieldType) or field.role not in get_args(Role) or field.role == "target":
            roles = [role for role in get_args(Role) if role != "target"]
            yield (
                f"gives '{field.name}' the type '{field.type}' and the role '{field.role}'; expected a type of "
                f"{', '.join(get_args(FieldType))} and a role of {', '.join(roles)}. The outcome has a part of its own."
            )
        if field.type == "category" and not field.categories:
            yield f"has '{field.name}' as a category without categories."
        if len({category.value for category in field.categories}) < len(field.categories):
            yield f"lists a category of '{field.name}' twice."
        known = {text.casefold() for one in field.categories for text in (one.value, one.label, *one.aliases)}
        if both := [code for code in field.missing if code.casefold() in known]:
            yield f"lets '{both[0]}' of '{field.name}' be a category and mean missing. Take it out of one of the two."
        if field.minimum is not None and field.maximum is not None and field.minimum > field.maximum:
            yield f"bounds '{field.name}' from {field.minimum:g} to {field.maximum:g}: no value lies between them."
        if field.sign and not (field.is_numeric or (field.type == "category" and field.is_ordered)):
            yield (
                f"gives '{field.name}' the sign '{field.sign}'; only a number, and a category whose order is meant "
                "(is_ordered), has one."
            )
        if field.is_changeable and field.role != "feature":
            yield f"says that a client can change '{field.name}' (is_changeable), which is no feature."
        later = [name for name in (field.name, field.label, *field.aliases) if is_post_outcome(name)]
        if field.role == "feature" and later:
            yield (
                f"takes '{later[0]}' for a feature, which is known only after the loan was granted: a model would "
                "learn the outcome from itself. Give it the role 'excluded'."
            )
        if field.role == "time" and field.type != "date":
            yield f"has '{field.name}' as the time of application, with the type '{field.type}' where 'date' is needed."
        if field.role == "feature" and field.type in ("date", "text"):
            yield (
                f"has '{field.name}' as a feature of type '{field.type}'; models take numbers, integers and "
                "categories. Give it the role 'time', 'id' or 'excluded'."
            )

    @property
    def features(self) -> tuple[Field, ...]:
        """The fields a model may use, in order; never a protected one."""
        return tuple(field for field in self.fields if field.role == "feature")

    @property
    def protected(self) -> tuple[Field, ...]:
        """Fields kept for the fairness audit and kept out of every model."""
        return tuple(field for field in self.fields if field.role == "protected")

    @property
    def id_field(self) -> Field | None:
        """The client's own number, if the table has one."""
        return next((field for field in self.fields if field.role == "id"), None)

    @property
    def time_field(self) -> Field | None:
        """The date of application, if the table has one."""
        return next((field for field in self.fields if field.role == "time"), None)

    def field(self, name: str) -> Field:
        """The field called `name`; KeyError if there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    def to_toml(self) -> str:
        """The schema as TOML; `from_toml` gives it back unchanged."""
        head = {
            key: value
            for key, value in asdict(self).items()
            if key not in ("fields", "target", "costs") and value not in ("", None)
        }
        document = {
            **head,
            "target": compact(asdict(self.target), Target),
            "costs": asdict(self.costs),
            "fields": [compact(asdict(field), Field) for field in self.fields],
        }
        return tomli_w.dumps(document)

    @classmethod
    def from_toml(cls, text: str) -> Schema:
        """Read a schema.

        Raises
        ------
        SchemaError
            If the text is not TOML, has an unknown key, lacks a needed one, or contradicts itself.
        """
        try:
            # By way of JSON, whose lists become tuples and whose numbers stay numbers however strict the reading.
            return _READER.validate_json(json.dumps(tomllib.loads(text)))
        except tomllib.TOMLDecodeError as exc:
            raise SchemaError(f"the schema is not valid TOML: {exc}.") from exc
        except (RecursionError, TypeError, ValueError) as exc:
            raise SchemaError(f"the schema {_first_fault(exc)}.") from exc

    @classmethod
    def from_file(cls, path: Path) -> Schema:
        """Read a schema from a TOML file."""
        try:
            return cls.from_toml(path.read_text(encoding="utf-8-sig"))
        except UnicodeDecodeError as exc:
            raise SchemaError(f"{path.name} is not written in UTF-8. Save it so in your editor.") from exc


_READER = TypeAdapter(Schema)


def _first_fault(problem: Exception) -> str:
    """What is wrong with a file that is TOML, to go on with after "the schema"."""
    if not isinstance(problem, ValidationError):
        return "holds dates or nested lists where texts and numbers are expected"
    fault = problem.errors(include_url=False, include_input=False)[0]
    entry = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in fault["loc"])
    words = _WORDS.get(fault["type"], fault["msg"][:1].lower() + fault["msg"][1:])
    return f"cannot be read: {entry} {words}"


def compact(item: dict[str, Any], cls: type | None = None) -> dict[str, Any]:
    """Leave out what is at its default, so that a person can read the file."""
    defaults = {name: getattr(spec, "default", None) for name, spec in getattr(cls, "__dataclass_fields__", {}).items()}
    out = {}
    for key, value in item.items():
        if value is None or value in ((), "") or (key in defaults and defaults[key] == value):
            continue
        if key == "categories":
            out[key] = [compact(category) for category in value]
        else:
            out[key] = list(value) if isinstance(value, tuple) else value
    return out
