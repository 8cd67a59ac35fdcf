"""Everything that happened to one client, newest first: from entries of the decision log to Dash components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from dash import html
from dash.development.base_component import Component

from creditrisk.decision_log import Decision, Event
from creditrisk.schema import Schema
from creditrisk.scoring import Policy, ScoredRow
from creditrisk.text import moment_words, sentence
from webapp.pages import wording
from webapp.pages.components import attributes, choice, choices, lamp, plain_table
from webapp.scoring_again import Compared

KINDS = {
    "decision": "Decisions",
    "what_if": "What-ifs",
    "outcome": "Outcomes",
    "override": "Decided otherwise",
    "review": "Reviews",
    "shadow": "Scored in the background",
    "setting": "Legal holds",
    "erasure": "Erasures",
}
_ONE = {
    "decision": "Decision",
    "what_if": "What-if, no decision",
    "outcome": "Outcome",
    "override": "Decided otherwise",
    "review": "Review",
    "shadow": "Scored in the background, no decision",
    "setting": "Legal hold",
    "erasure": "Erasure",
}
CHANNELS = {"ui": "page", "api": "API", "batch": "batch"}
# Of these many versions a decision can be scored again with each.
MOST_VERSIONS = 8


def kind_filter(events: Sequence[Event], anchor: int) -> Component:
    """A button for each kind of entry there is, all pressed; `anchor` is the number of an entry about the client."""
    there = [kind for kind in KINDS if any(event.kind == kind for event in events)]
    buttons = [
        choice(
            f"{KINDS[kind]} {sum(event.kind == kind for event in events)}",
            {"kind": kind, "entry": anchor},
            is_pressed=True,
        )
        for kind in there
    ]
    return choices("Show", buttons, hidden=len(there) < 2)


@dataclass(frozen=True, slots=True)
class Known:
    """What helps to tell of entries.

    By model: the words for its fields, as far as they are at hand, and the versions that are kept. By its number: each
    policy that was set.
    """

    schemas: Mapping[str, Schema] = field(default_factory=dict)
    versions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)


def timeline(events: Sequence[Event], kinds: Sequence[str], known: Known) -> Component:
    """The entries of some kinds, each with what it says, the newest first; `events` are the oldest first."""
    items, before = [], None
    for event in events:
        if event.kind in kinds:
            items.append(_item(event, before, known))
        if event.decision is not None:
            before = event
    return html.Ol(items[::-1], className="timeline")


def _item(event: Event, before: Event | None, known: Known) -> Component:
    who = event.by.name + (f" ({event.by.role})" if event.by.role else "")
    head = html.Div(
        [
            html.B(_ONE.get(event.kind, event.kind)),
            html.Span(moment_words(event.at), className="when"),
            html.Small(f"entry {event.seq:,} · by {who}", className="quiet"),
        ],
        className="event-head",
    )
    return html.Li([head, *_told(event, before, known)], className=f"event {event.kind.replace('_', '-')}")


def _told(event: Event, before: Event | None, known: Known) -> list[Component]:
    if event.erased_on is not None:
        return [html.P(f"Erased on {moment_words(event.erased_on)}: what it held is gone.")]
    if event.decision is not None:
        return _decision(event, event.decision, before, known)
    return [html.P(_in_a_sentence(event, known.schemas.get(event.model)))]


def _in_a_sentence(event: Event, schema: Schema | None) -> list[Component | str]:
    """What an entry says that is no decision."""
    answer = _answer(event.verdict, event.prob_default)
    said: list[Component | str] = [*answer, " " if answer else "", event.told]
    if event.asked is not None:
        name, value = event.asked
        said = [f"With {_label(schema, name)}: {_words(schema, name, value)} it would be ", *answer, "."]
    elif event.outcome is not None:
        became = "went bad" if event.outcome.is_default else "repaid"
        said = [f"It {became}, as seen on {wording.day(event.outcome.observed_on)}."]
    elif event.kind == "shadow":
        said = [f"Version {event.model_version}, which does not serve, would have said ", *answer, "."]
    elif event.fact is not None:
        what = "Nothing may be erased from now on" if event.fact.value == "on" else "It may be erased again"
        what = "Contents were erased" if event.kind == "erasure" else what
        said = [f"{what}. Why: {event.fact.why or 'not said'}"]
    return said


def _answer(verdict: str | None, prob_default: float | None) -> list[Component | str]:
    parts: list[Component | str] = [] if verdict is None else [lamp(verdict)]
    if prob_default is not None:
        parts.append(f"{' · ' if parts else ''}{wording.risk_words(prob_default)}")
    return parts


def _decision(event: Event, decision: Decision, before: Event | None, known: Known) -> list[Component]:
    schema = known.schemas.get(event.model)
    by = _by(schema, decision)
    policy = f" · {_setting(decision, known)}" if decision.policy_version else ""
    sure = f" · how sure: {wording.percent(decision.confidence)}"
    parts: list[Component] = [
        html.P([*_answer(decision.verdict, decision.prob_default), sure]),
        html.P(f"{by} · {CHANNELS.get(decision.channel, decision.channel)}{policy}", className="quiet"),
    ]
    if decision.problems:
        parts.append(html.Ul([html.Li(problem) for problem in decision.problems], className="problems"))
    if decision.reasons:
        reasons = html.Ul([html.Li(item["text"]) for item in decision.reasons])
        parts.append(html.Div([html.B("What speaks against"), reasons]))
    if before is not None and before.decision is not None:
        parts.append(_changes((before, event), (before.decision, decision), known))
    rows = [(_label(schema, name), [_words(schema, name, value)]) for name, value in decision.inputs.items()]
    stated = html.Details([html.Summary("What was stated"), _table(["", "Stated"], rows)])
    return [*parts, stated, _again(event.seq, decision, known.versions.get(event.model, ()))]


def _by(schema: Schema | None, decision: Decision) -> str:
    return f"{schema.title if schema else decision.model} v{decision.model_version}"


def _setting(decision: Decision, known: Known) -> str:
    """By what was set on the Model page a decision was made, in words."""
    if not decision.policy_version:
        return "the model's own cut-offs"
    policy = known.policies.get(decision.policy_version)
    if policy is None:
        return f"setting {decision.policy_version} of the Model page"
    if policy.stop is not None:
        return "while scoring was stopped"
    cutoffs = policy.cutoffs_of(decision.model, decision.model_version)
    if cutoffs is None:
        return "the model's own cut-offs"
    low, high = (100 * cutoff for cutoff in cutoffs)
    return f"set on the Model page: offers up to {low:g}, declines from {high:g} of 100"


def _changes(events: tuple[Event, Event], decisions: tuple[Decision, Decision], known: Known) -> Component:
    """What is otherwise than at the decision before, old and new side by side."""
    (before, event), (then, now) = events, decisions
    schemas = [known.schemas.get(decision.model) for decision in decisions]
    schema = schemas[1]
    rows: list[tuple[str, list[Any]]] = []
    if now.verdict != then.verdict:
        rows.append(("Verdict", [lamp(item.verdict) for item in (then, now)]))
    if now.prob_default != then.prob_default:
        rows.append(("Risk", [wording.risk_words(item.prob_default) for item in (then, now)]))
    if (now.model, now.model_version) != (then.model, then.model_version):
        rows.append(("Model", [_by(one, item) for one, item in zip(schemas, decisions, strict=True)]))
    settings = [_setting(decision, known) for decision in decisions]
    if settings[0] != settings[1]:
        rows.append(("Cut-offs", settings))
    texts = ["; ".join(item["text"] for item in decision.reasons) or "none" for decision in decisions]
    if texts[0] != texts[1]:
        rows.append(("Reasons", texts))
    for name in dict.fromkeys([*then.inputs, *now.inputs]):
        pair = [decision.inputs.get(name) for decision in (then, now)]
        if pair[0] != pair[1]:
            rows.append((_label(schema, name), [_words(schema, name, value) for value in pair]))
    if not rows:
        return html.P(f"The same in everything as entry {before.seq:,}.", className="quiet")
    title = f"What is otherwise than in entry {before.seq:,}"
    return html.Div([html.B(title), _table(["", f"Entry {before.seq:,}", f"Entry {event.seq:,}"], rows)])


def _again(seq: int, decision: Decision, versions: Sequence[str]) -> Component:
    """The ways to score the decision again, and where it is told what came of it."""
    others = [version for version in versions[:MOST_VERSIONS] if version != decision.model_version]
    words = {"": "As it was decided", **{version: f"With version {version}" for version in others}}
    buttons = [
        html.Button(
            word,
            id={"again": "button", "version": version, "entry": seq},
            className="button",
            n_clicks=0,
            **attributes("aria-", label=f"Score entry {seq} again: {word}"),
        )
        for version, word in words.items()
    ]
    said = "Nothing of this is logged, and nothing decided."
    return html.Details(
        [
            html.Summary("Score again"),
            html.Div(buttons, className="actions"),
            html.P(said, className="quiet"),
            html.Div(id={"again": "answer", "entry": seq}, role="status"),
        ]
    )


def compared(found: Compared) -> Component:
    """Whether a decision comes out the same today, in a sentence."""
    begin = f"Scored again today with version {found.version}, under the settings of then:"
    if not found.differs:
        return html.P(f"{begin} the same to the last bit.")
    return html.P(f"{begin} it differs in {', '.join(found.differs)}. Tell whoever runs the app.", className="warning")


def beside(decision: Decision, row: ScoredRow) -> Component:
    """A decision and what another version says of the same application today, side by side."""
    texts = ["; ".join(item["text"] for item in reasons) or "none" for reasons in (decision.reasons, row["reasons"])]
    both = ((decision.verdict, decision.prob_default), (row["verdict"], row["prob_default"]))
    rows: list[tuple[str, list[Any]]] = [
        ("Verdict", [_answer(verdict, None) for verdict, _ in both]),
        ("Risk", [wording.risk_words(risk) for _, risk in both]),
        ("Reasons", texts),
    ]
    problems = ["; ".join(items) or "nothing" for items in (decision.problems, row["problems"])]
    if problems[0] != problems[1]:
        rows.append(("Unusual", problems))
    return _table(["", f"Logged, version {decision.model_version}", f"Version {row['model_version']} today"], rows)


def _table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[Any]]]) -> Component:
    """A small table whose first column names its rows."""
    lines = [html.Tr([html.Th(name, scope="row"), *map(html.Td, cells)]) for name, cells in rows]
    return plain_table(head, lines, is_narrow=True)


def _label(schema: Schema | None, name: str) -> str:
    return schema.field(name).label if schema is not None and _is_known(schema, name) else name


def _words(schema: Schema | None, name: str, value: Any) -> str:
    """A logged value in the words of the schema, where they fit it."""
    if schema is None or not _is_known(schema, name) or value is None:
        return "not given" if value is None else str(value)
    described = schema.field(name)
    try:
        return sentence(described.in_words(date.fromisoformat(value) if described.type == "date" else value))
    except (TypeError, ValueError, KeyError):
        return str(value)


def _is_known(schema: Schema, name: str) -> bool:
    return any(described.name == name for described in schema.fields)
