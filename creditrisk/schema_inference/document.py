"""The proposed schema as a file for people, with what to decide as comments beside each field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import tomli_w

from creditrisk.schema import Field, Schema, Target, compact
from creditrisk.schema_inference.kinds import Column
from creditrisk.text import counted, shorten

# Flags that leave a person nothing to decide.
SETTLED = frozenset({"empty", "constant", "no name", "rare"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class Inference:
    """A proposed schema, how the outcome was read, and what was concluded column by column."""

    schema: Schema
    outcome: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def to_decide(self) -> tuple[Column, ...]:
        """The columns a person should look at."""
        return tuple(column for column in self.columns if column.flag and column.flag not in SETTLED)

    def to_toml(self) -> str:
        """The schema as a file for people: `Schema.from_toml` reads it, and comments say why and what to decide."""
        return _document(self)


def _document(inference: Inference) -> str:
    schema = inference.schema
    n_to_decide = len(inference.to_decide)
    head = [
        f"{schema.title}: a first schema, worked out from the table itself.",
        "It can be trained with as it is. Before anybody lends by it, read it through: "
        f"DECIDE stands beside the costs and {counted(n_to_decide, 'field')}.",
        "",
        "role: feature    a model may use it",
        "      protected  kept from the model, used to check that it treats all groups alike",
        "      id         the client's number;  time  the date of application;  excluded  not read at all",
        "label is what people see: a code is shown as it is until its label says what it means.",
        "A value beyond minimum and maximum, or not among the categories, sends the application to a person; text in a",
        "number, or nothing where is_required, keeps it from being scored.",
    ]
    top = {"name": schema.name, "title": schema.title}
    parts = [
        _comments(head),
        tomli_w.dumps(top),
        _comments(["The currency shown, such as EUR, and how many months after granting the outcome was taken."]),
        '# currency = "EUR"\n',
        "# horizon_months = 12\n",
        _comments(["The field with what is lent, for the expected loss beside each verdict."]),
        f"amount_field = {_quoted(schema.amount_field)}\n" if schema.amount_field else '# amount_field = ""\n',
        _comments(["If your applicants default more or less often than this table: the share of bads among them."]),
        "# portfolio_bad_rate = 0.03\n\n",
        "[target]\n",
        _comments(inference.outcome),
        tomli_w.dumps(compact(asdict(schema.target), Target)),
        "\n[costs]\n",
        _comments(["DECIDE: what a mistake costs, in units of one good applicant declined. These are only examples."]),
        tomli_w.dumps(asdict(schema.costs)),
    ]
    parts += [_field_block(column) for column in inference.columns]
    return "".join(parts)


def _field_block(column: Column) -> str:
    body = compact(asdict(replace(column.field, categories=())), Field)
    head = [f"'{shorten(column.header, 60)}': {column.looks}."]
    if column.decide:
        head.append(f"{'Left out' if column.flag in SETTLED else 'DECIDE'}: {column.decide}")
    rows = dict(column.counts)
    lines = [
        f"    {{ {', '.join(f'{key} = {_inline(value)}' for key, value in compact(asdict(category)).items())} }},"
        f"  # {counted(rows[category.value], 'row')}\n"
        for category in column.field.categories
    ]
    categories = f"categories = [\n{''.join(lines)}]\n" if lines else ""
    return f"\n[[fields]]\n{_comments(head)}{tomli_w.dumps(body)}{categories}"


def _comments(lines: Sequence[str]) -> str:
    return "".join(f"# {_CONTROL.sub(' ', line)}".rstrip() + "\n" for line in lines)


def _inline(value: str | list[str]) -> str:
    return _quoted(value) if isinstance(value, str) else "[" + ", ".join(map(_quoted, value)) + "]"


def _quoted(text: str) -> str:
    return tomli_w.dumps({"x": text}).removeprefix("x = ").rstrip("\n")
