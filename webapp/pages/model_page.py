"""The page about the model that serves: how good it is, where it offers and declines, and what approvers change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update, set_props
from dash.development.base_component import Component

from creditrisk.errors import CreditRiskError, DecisionLogError
from creditrisk.scoring import Evaluation, Scorer, figures_at, read_evaluation
from creditrisk.text import sentence
from webapp import champion_moves, policy_changes
from webapp.access import Caller, the_caller
from webapp.context import AppContext
from webapp.errors import ChangedMeanwhileError
from webapp.lamp_changes import lamp_changes
from webapp.pages import cutoff_panel, model_card, model_history, model_shadow, model_versions, shell, wording
from webapp.pages.components import message_line
from webapp.realised import realised
from webapp.version_pages import kept_names
from webapp.versions_note import KnownVersion, read_versions, versions_path

TITLE = "Model"
PATH = "/model"
ORDER = 30


def layout(context: AppContext) -> list[Component]:
    """The page as it is first seen."""
    return [
        html.Main(
            [html.H1(TITLE), message_line(), html.Div(_content(context, the_caller()), id="about", className="about")],
            className="model-page",
        )
    ]


def register(app: Dash, context: AppContext) -> None:
    """Add the page's callbacks."""
    _register_sliders(app, context)
    _register_changes(app, context)
    _register_moves(app, context)
    _register_looks(app, context)

    @app.callback(Output("about", "children"), Input("model", "data"), prevent_initial_call=True)
    def another_model(_model: str) -> list[Component]:
        return _content(context, the_caller())


def _register_sliders(app: Dash, context: AppContext) -> None:
    # One callback: an answer that comes late, for where the sliders stood before, is thrown away.
    @app.callback(
        Output("effect", "children"),
        Output("approve-below-said", "children"),
        Output("decline-from-said", "children"),
        Output("approve-below", "value"),
        Output("decline-from", "value"),
        Output("changes", "children"),
        Input("approve-below", "value"),
        Input("decline-from", "value"),
        Input("earned", "value"),
        Input("list-changes", "n_clicks"),
        prevent_initial_call=True,
    )
    def moved(low: float, high: float, earned: float | None, _n_clicks: int | None) -> tuple[Any, ...]:
        low, high = _in_order(low, high, is_low_moved=ctx.triggered_id == "approve-below")
        now = _deciding(context)
        evaluation = read_evaluation(now.metrics)
        if evaluation is None:
            return (no_update,) * 6
        then = cutoff_panel.with_cutoffs(now, *cutoff_panel.chosen(now, (low, high)))
        shown = cutoff_panel.effect(now, then, evaluation, earned)
        changes = _changes(context, now, then) if ctx.triggered_id == "list-changes" else []
        return shown, f"{low:g} of 100", f"{high:g} of 100", low, high, changes


def _changes(context: AppContext, now: Scorer, then: Scorer) -> list[Component]:
    try:
        return cutoff_panel.list_of_changes(*lamp_changes(context.log, now, then))
    except DecisionLogError as exc:
        return [html.P(sentence(str(exc)))]


def _register_changes(app: Dash, context: AppContext) -> None:
    @app.callback(
        Output("about", "children", allow_duplicate=True),
        Output("sending", "children"),
        Input("save-cutoffs", "n_clicks"),
        Input("own-cutoffs", "n_clicks"),
        State("approve-below", "value"),
        State("decline-from", "value"),
        State("cutoffs-why", "value"),
        State("policy-shown", "data"),
        running=_while_changing("save-cutoffs", "own-cutoffs"),
        prevent_initial_call=True,
    )
    def save(n_saved: int | None, n_back: int | None, *given: Any) -> tuple[Any, Any]:
        if not (n_saved or n_back):
            return no_update, no_update
        low, high, why, shown = given
        is_back = ctx.triggered_id == "own-cutoffs"

        def change(caller: Caller) -> str:
            policy_changes.policy_seen(context, shown)
            if is_back:
                return policy_changes.take_cutoffs_back(context, caller, why or "")
            cutoffs = cutoff_panel.chosen(_deciding(context), (low, high))
            return policy_changes.set_cutoffs(context, caller, *cutoffs, why or "")

        return _answer(context, change)

    @app.callback(
        Output("about", "children", allow_duplicate=True),
        Output("sending", "children", allow_duplicate=True),
        Input("stop-switch", "n_clicks"),
        State("stop-why", "value"),
        State("policy-shown", "data"),
        running=_while_changing("stop-switch"),
        prevent_initial_call=True,
    )
    def switch(n_clicks: int | None, why: str | None, shown: int | None) -> tuple[Any, Any]:
        if not n_clicks:
            return no_update, no_update

        def change(caller: Caller) -> str:
            # The second of two who press the stop switch must not take back what the first one did.
            is_stopped = policy_changes.policy_seen(context, shown).stop is not None
            return (policy_changes.go_on if is_stopped else policy_changes.stop)(context, caller, why or "")

        return _answer(context, change)


def _while_changing(*buttons: str | dict[str, Any]) -> list[tuple[Output, bool, bool]]:
    """Buttons that cannot be pressed twice: the second press would find what the first one changed, and be refused."""
    return [(Output(button, "disabled"), True, False) for button in buttons]


def _register_moves(app: Dash, context: AppContext) -> None:
    @app.callback(
        Output("about", "children", allow_duplicate=True),
        Output("sending", "children", allow_duplicate=True),
        Input({"type": "promote", "version": ALL}, "n_clicks"),
        Input("roll-back", "n_clicks"),
        State("move-why", "value"),
        State("model", "data"),
        State("champion-shown", "data"),
        running=[
            (Output("moving", "children"), model_versions.MOVING, model_versions.HOW_LONG),
            *_while_changing("roll-back", {"type": "promote", "version": ALL}),
        ],
        prevent_initial_call=True,
    )
    def move(_promoted: list[int | None], _back: int | None, *given: str | None) -> tuple[Any, Any]:
        pressed = ctx.triggered_id
        if not any(item["value"] for item in ctx.triggered):
            return no_update, no_update
        model, (why, shown, champion) = context.scorer().name, given

        def change(caller: Caller) -> str:
            if shown != shell.identity_of(context.champion.state) or not champion:
                raise ChangedMeanwhileError
            if pressed == "roll-back":
                return champion_moves.roll_back(context, caller, model, why or "", instead_of=champion)
            version = str(pressed["version"])
            return champion_moves.promote(context, caller, model, version, why or "", instead_of=champion)

        return _answer(context, change)


def _register_looks(app: Dash, context: AppContext) -> None:
    @app.callback(
        Output("version-page", "children"),
        Input({"type": "look", "version": ALL, "name": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    def look(_pressed: list[int | None]) -> Any:
        pressed = ctx.triggered_id
        if not pressed or not any(item["value"] for item in ctx.triggered):
            return no_update
        version = str(pressed["version"])
        is_same = any(item.is_same for item in _versions(context, context.scorer()) if item.version == version)
        return model_versions.version_page(version, str(pressed["name"]), is_same=is_same)

    @app.callback(
        Output("version-page", "children", allow_duplicate=True),
        Input("close-page", "n_clicks"),
        prevent_initial_call=True,
    )
    def close(n_clicks: int | None) -> Any:
        return [] if n_clicks else no_update


def _answer(context: AppContext, change: Callable[[Caller], str]) -> tuple[Any, str]:
    """What the page and the line of messages say after a change, or after it was refused."""
    caller = the_caller()
    try:
        said = change(caller)
    except ChangedMeanwhileError as exc:
        said = str(exc)
    except CreditRiskError as exc:
        return no_update, sentence(str(exc))
    set_props("status", {"children": shell.status(context.champion.state, context.policy.now())})
    return _content(context, caller), said


def _in_order(low: float, high: float, *, is_low_moved: bool) -> tuple[float, float]:
    """Both sliders in their order: the one that was moved takes the other along."""
    low, high = (min(max(float(value), 0.0), 100.0) for value in (low, high))
    return (low, max(low, high)) if is_low_moved else (min(low, high), high)


def _deciding(context: AppContext) -> Scorer:
    """The model that serves, as it decides while it is not stopped."""
    return cutoff_panel.in_force(context.policy.apply(context.scorer()))


def _content(context: AppContext, caller: Caller) -> list[Component]:
    """All of the page that depends on the model and on what was set."""
    scorer = context.champion.state.scorer
    if scorer is None:
        return [
            html.Section(
                html.P(["There is no model yet. Train one with ", html.Code("make model-train-flow"), "."]),
                className="panel",
            )
        ]
    may_change = "changes" in caller.permissions
    try:
        return _about(context, scorer, may_change=may_change)
    except CreditRiskError as exc:
        return [html.Section(html.P(sentence(str(exc))), className="panel", role="alert")]


def _about(context: AppContext, scorer: Scorer, *, may_change: bool) -> list[Component]:
    now, policy = _deciding(context), context.policy.now()
    evaluation: Evaluation | None = read_evaluation(scorer.metrics)
    figures = None if evaluation is None else figures_at(evaluation, now.rule, now.shift)
    parts = [
        model_card.card(scorer, evaluation, figures, realised(context.settings, scorer), _serving(context, scorer)),
        cutoff_panel.panel(now, evaluation, may_change=may_change, note=policy_changes.left_behind(policy, scorer)),
        model_history.stop_panel(policy, may_change=may_change),
        # What its buttons are pressed for.
        dcc.Store(id="policy-shown", data=policy.number),
    ]
    if evaluation is not None:
        parts.insert(1, model_card.calibration(model_card.risk_groups(evaluation)))
    versions, home = _versions(context, scorer), context.settings.home
    pages = {item.version: kept_names(home, item.model, item.version) for item in versions}
    parts.append(model_versions.versions_panel(versions, pages, scorer.version, may_change=may_change))
    if context.settings.shadow:
        parts.append(model_shadow.shadow_panel(context.log, scorer.name, scorer.version))
    return [*parts, model_history.history(context.log, scorer.name)]


def _versions(context: AppContext, scorer: Scorer) -> list[KnownVersion]:
    """The versions of the model that serves, as far as the registry said."""
    versions = read_versions(versions_path(context.settings))
    return [item for item in versions if item.model == scorer.name]


def _serving(context: AppContext, scorer: Scorer) -> str:
    """Since when the version serves, and who made it champion and why, as far as the log knows."""
    since = context.champion.state.since
    said = f"It serves since {wording.day(since)}" if since is not None else "It serves now"
    made = [] if not context.log.is_begun() else context.log.history("champion")
    by = [item for item in made if (item.fact.key, item.fact.value) == (scorer.name, scorer.version)]
    why = model_history.in_short(by[-1].fact.why) if by else ""
    return f"{said}, made champion by {model_history.person(by[-1].by)}: {why}." if by else f"{said}."
