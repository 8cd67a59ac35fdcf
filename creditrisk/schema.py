"""What the columns of an application are: type, unit, range, categories, role, and the words people see.

A schema is written and read as TOML, travels inside every scorer, and is all that the web page, the checks and the
encoder know about a lender's table. Reading tables is in sources.py, checking them against a schema in quality.py.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import tomli_w

from creditrisk.errors import SchemaError
from creditrisk.leakage import known_later

FieldType = Literal["number", "integer", "category", "date", "text"]
Role = Literal["feature", "target", "time", "id", "protected", "excluded"]


# Columns that checking, scoring and the decision log add to a table.
RESERVED = frozenset({"row_number", "default", "prob_default", "verdict", "seq", "decided_at", "model_version"})


@dataclass(frozen=True, slots=True)
class Category:
    """One value a categorical field can take: the value we store, the words people see, other spellings in files."""

    value: str
    label: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """One column of an application.

    `minimum` and `maximum` bound what is plausible, in `unit`: a value beyond them is scored, flagged and referred to a
    person. A missing value in a field that `is_required` keeps the row from being scored. `reason_high` and
    `reason_low` are the words for a high (low) value that raised the risk.
    """

    name: str
    type: FieldType
    label: str
    role: Role = "feature"
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[Category, ...] = ()
    # Whether the categories stand in a meaningful order, so that neighbours may be taken to be alike.
    is_ordered: bool = False
    aliases: tuple[str, ...] = ()
    is_required: bool = True
    reason_high: str = ""
    reason_low: str = ""
    description: str = ""
    # How dates are written where days and months could be taken for one another, such as "%m/%d/%Y".
    date_format: str = ""

    @property
    def is_numeric(self) -> bool:
        """Whether the encoder reads this field as a number."""
        return self.type in ("number", "integer")

    @property
    def expected(self) -> str:
        """What a cell of this field should hold, for the end of an error sentence.

        Examples
        --------
        >>> Field("age_years", "integer", "Age", unit="years", minimum=18, maximum=100).expected
        'a whole number of years from 18 to 100'
        """
        if self.type == "category":
            shown = [category.label for category in self.categories[:6]]
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
        return kind + unit + bounds.format(low=_plain(self.minimum or 0), high=_plain(self.maximum or 0))

    def category_label(self, value: str) -> str:
        """The words for a stored category value; the value itself if the schema does not know it."""
        return next((category.label for category in self.categories if category.value == value), value)

    def in_words(self, value: object) -> str:
        """A cell as people read it, with its unit.

        Examples
        --------
        >>> Field("income_eur", "number", "Income", unit="EUR").in_words(32000.0)
        '32,000 EUR'
        """
        if value is None:
            return "not given"
        if self.type == "category":
            return self.category_label(str(value))
        if isinstance(value, int | float):
            return f"{_plain(value)} {self.unit}".strip()
        return str(value)


@dataclass(frozen=True, slots=True)
class Target:
    """Which column holds the outcome and which of its values mean bad (default) and good."""

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

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise SchemaError(
                f"schema '{self.name}' names {', '.join(doubled)} more than once. Give each field one entry."
            )
        reserved = sorted(set(names) & RESERVED)
        if reserved:
            raise SchemaError(
                f"schema '{self.name}' calls a field {', '.join(reserved)}, a name that checks or results use. "
                "Give the field another name and list the old one under its aliases."
            )
        if not self.features:
            raise SchemaError(
                f"schema '{self.name}' has no field with role 'feature', so there is nothing to learn from."
            )
        for field in self.fields:
            if field.type not in get_args(FieldType) or field.role not in get_args(Role):
                raise SchemaError(
                    f"field '{field.name}' of schema '{self.name}' has type '{field.type}' and role '{field.role}'; "
                    f"expected a type of {', '.join(get_args(FieldType))} and a role of {', '.join(get_args(Role))}."
                )
            if field.type == "category" and not field.categories:
                raise SchemaError(f"field '{field.name}' of schema '{self.name}' is a category without categories.")
            later = [name for name in (field.name, field.label, *field.aliases) if known_later(name)]
            if field.role == "feature" and later:
                raise SchemaError(
                    f"schema '{self.name}' takes '{later[0]}' for a feature, which is known only after the loan was "
                    "granted: a model would learn the outcome from itself. Give it the role 'excluded'."
                )
            if field.role == "feature" and field.type in ("date", "text"):
                raise SchemaError(
                    f"field '{field.name}' of schema '{self.name}' is a feature of type '{field.type}'; models take "
                    "numbers, integers and categories. Give it the role 'time', 'id' or 'excluded'."
                )
        if self.amount_field and self.amount_field not in names:
            raise SchemaError(f"amount_field '{self.amount_field}' is not a field of schema '{self.name}'.")
        if self.portfolio_bad_rate is not None and not 0 < self.portfolio_bad_rate < 1:
            raise SchemaError(
                f"portfolio_bad_rate of schema '{self.name}' is {self.portfolio_bad_rate:g}; expected a share between "
                "0 and 1, such as 0.03 for 3 bads in 100."
            )
        if set(self.target.bad) & set(self.target.good):
            raise SchemaError(f"schema '{self.name}' calls the same target value good and bad.")

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
            document = tomllib.loads(text)
            return cls(
                fields=tuple(_field(item) for item in document.pop("fields")),
                target=Target(**_tuples(document.pop("target"))),
                costs=Costs(**document.pop("costs", {})),
                **document,
            )
        except tomllib.TOMLDecodeError as exc:
            raise SchemaError(f"the schema is not valid TOML: {exc}.") from exc
        except KeyError as exc:
            raise SchemaError(
                f"the schema has no {exc.args[0]!r}; it needs 'name', 'title', 'target' and 'fields'."
            ) from exc
        except TypeError as exc:
            raise SchemaError(f"the schema has a wrong or missing key: {exc}.") from exc

    @classmethod
    def from_file(cls, path: Path) -> Schema:
        """Read a schema from a TOML file."""
        return cls.from_toml(path.read_text(encoding="utf-8"))


def _field(item: dict[str, Any]) -> Field:
    categories = tuple(Category(**_tuples(category)) for category in item.pop("categories", ()))
    return Field(categories=categories, **_tuples(item))


def _tuples(item: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in item.items()}


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


def _plain(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,g}"
