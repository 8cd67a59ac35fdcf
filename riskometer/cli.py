"""The command line: one command for each thing a person does, each entering one room, and that only when it is used."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from creditrisk.errors import CreditRiskError
from creditrisk.home import close_home, make_home
from creditrisk.settings import collect_seldom, configure_mlflow, read_settings
from riskometer.log_commands import by_option, erase_application, log_group, replay_decisions, verify_log
from riskometer.report_commands import reports_group
from riskometer.trigger_commands import show_triggers
from riskometer.user_commands import user_group

if TYPE_CHECKING:
    from creditrisk.decision_log import Actor
    from flows.queue import FlowArguments

# Warnings go to the terminal.
log = logging.getLogger("riskometer")
F = TypeVar("F", bound=Callable[..., Any])

# Set before any library is imported.
ENVIRONMENT = {
    # No library calls home.
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Threads that wait for work sleep; spinning, they take a busy machine's processors from those that have some.
    "OMP_WAIT_POLICY": "PASSIVE",
}


class SentenceGroup(click.Group):
    """Shows our own errors as one sentence and an exit code, never as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error made for people ends it with its sentence."""
        try:
            return super().invoke(ctx)
        except CreditRiskError as exc:
            message = str(exc)
            raise click.ClickException(message[:1].upper() + message[1:]) from exc


@click.group(cls=SentenceGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Train, use, watch and replace a credit-risk model."""
    # Whatever is written can hold applicants' data: for the owner only.
    os.umask(0o077)
    collect_seldom()
    os.environ.update(ENVIRONMENT)
    settings = read_settings()
    configure_mlflow(settings)
    close_home(settings.home)
    # Whatever is set outside: in one Prefect home, two of ours would see each other's runs.
    os.environ["PREFECT_HOME"] = str(settings.home / "prefect")


def _in_a_folder(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    """A file to write must have a folder; said before anything is scored and logged, not after."""
    if path is not None and not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}. Make it first, or name another file.")
    return path


def _output_option(what: str) -> Callable[[F], F]:
    return click.option(
        "-o",
        "--output",
        type=click.Path(dir_okay=False, writable=True, path_type=Path),
        callback=_in_a_folder,
        required=True,
        help=what,
    )


csv_option = _output_option("CSV to write.")
dataset_option = click.option("--dataset", default="", help="Registered model; empty: the one that serves.")


@main.command()
@click.option("--dataset", default="", help="A known name or a schema file; empty: what serves now.")
@click.option("--source", default="", help="File or URI of the table; empty: the dataset's own source.")
@click.option(
    "--test-from",
    type=click.DateTime(["%Y-%m-%d"]),
    help="First day of the applications that judge, for a table with dates; the newest fifth if not given.",
)
def train(dataset: str, source: str, test_from: datetime | None) -> None:
    """Train challengers and promote one if it is better with evidence."""
    from creditrisk import datasets
    from creditrisk.sources import check_uri, is_there

    # Before anybody writes it down, and waits for a run that must fail.
    check_uri(source)
    if dataset:
        datasets.load_schema(dataset)
    if source and ":" not in source and not is_there(str(Path(source).expanduser())):
        raise click.ClickException(f"There is no file '{source}'. Check the path and the folder you are in.")
    # A worker has another working folder, so a path must not depend on ours.
    given = {"dataset": _absolute(dataset), "source": _absolute(source)}
    if test_from is not None:
        given["test_from"] = test_from.date().isoformat()
    _run_flow("flows/model_train.py:model_train", "model-train/sunday", given)


@main.command()
@dataset_option
def report(dataset: str) -> None:
    """Report on the applications scored since the last report."""
    _run_flow("flows/evidently_report.py:evidently_report", "evidently-report/every-3-hours", {"dataset": dataset})


@main.command("drift")
@click.argument("table")
@dataset_option
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=_in_a_folder,
    help="JSON file to write, with all figures.",
)
def drift_of_table(table: str, dataset: str, json_path: Path | None) -> None:
    """Hold the TABLE, a file, a folder of files or a URI, against what the champion learnt from.

    Part by part, in threads or on the Dask cluster of CREDITRISK_DASK_ADDRESS. The predicted risk is looked at too if
    the table has a column prob_default.
    """
    from creditrisk.sources import check_uri
    from flows.local_run import run_here, run_here_seen
    from flows.queue import prefect_server_answers
    from riskometer.table_drift import show_table_drift

    check_uri(table)
    settings = read_settings()
    make_home(settings.home)
    given: FlowArguments = {"table": _absolute(table)} | ({"dataset": dataset} if dataset else {})
    run_flow = run_here_seen if prefect_server_answers(settings) else run_here
    run_flow(settings, "flows/table_drift.py:table_drift", given)
    click.echo(show_table_drift(settings.home, json_path))


@main.command("batch-score")
@dataset_option
@click.option("--source", default="", help="File or URI of the applications, {date} for the day; empty: the setting.")
@click.option("--target", default="", help="Folder or gs://, or such a file with {date}; empty: the setting.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="The day; today, and days left out, if not given.")
def batch_score(dataset: str, source: str, target: str, day: datetime | None) -> None:
    """Score the applications of a day to a file of predictions, once however often it is run, and report.

    Ends with 75 if the file is still being written.
    """
    from creditrisk.sources import check_uri

    check_uri(source)
    check_uri(target)
    given = {"dataset": dataset, "source": _absolute_pattern(source), "target": _absolute_pattern(target)}
    if day is not None:
        given["day"] = day.date().isoformat()
    _run_flow("flows/batch_score.py:batch_score", "batch-score/daily", given)


@main.command("outcomes")
@click.argument("source", default="")
def read_outcomes(source: str) -> None:
    """Record what became of applications, from the table at SOURCE, a file or a URI; empty: the setting.

    Columns: application_id, default (yes or no), observed_on and, if it matters, model. Ends with 75 if the file is
    still being written.
    """
    from creditrisk.sources import check_uri

    check_uri(source)
    _run_flow("flows/outcomes.py:outcomes", "outcomes/daily", {"source": _absolute_pattern(source)})


@main.command()
@click.argument("clients")
@_output_option("CSV or Parquet file to write, as its ending says.")
@dataset_option
def score(clients: str, output: Path, dataset: str) -> None:
    """Score the table at CLIENTS, a file or a URI, with the champion; every decision is logged before it is written."""
    from creditrisk.decision_log import DecisionLog, PolicyInForce
    from creditrisk.registry import Registry, find_champion, no_champion, saved_champion
    from creditrisk.scoring import RESULT_SUFFIXES
    from riskometer.score_file import score_file

    if output.suffix not in RESULT_SUFFIXES:
        raise click.BadParameter(f"{output.name} must end in {' or '.join(RESULT_SUFFIXES)}.")
    settings = read_settings()
    chosen = dataset or settings.dataset
    scorer = saved_champion(settings.stores, chosen)
    if scorer is None:
        registry = Registry(settings.stores)
        champion = find_champion(registry, chosen, is_to_decide=True)
        if champion is None:
            raise click.ClickException(no_champion(registry, chosen))
        scorer = champion.scorer
    log = DecisionLog(settings.decision_log)
    click.echo(score_file(scorer, log, clients, output, PolicyInForce(settings.home, log)))


@main.command("serve")
def serve_web() -> None:
    """Run the Risk-O-Meter: the page and the API."""
    from webapp.serve import serve

    serve(read_settings())


@main.command("export-metrics")
def export_metrics() -> None:
    """Run the exporter: drift and data quality for Prometheus."""
    from monitoring.exporter import serve

    serve(read_settings())


@main.command("up")
def start_everything() -> None:
    """Start everything on this machine in the background and print the addresses."""
    from rich.console import Console

    from riskometer.stack import up

    up(read_settings(), Console())


@main.command("down")
def stop_everything() -> None:
    """Stop all that `up` started."""
    from rich.console import Console

    from riskometer.stack import down

    down(read_settings(), Console())


@main.command("bench")
def measure() -> None:
    """Measure how long one application takes over the API."""
    from riskometer.bench import bench

    click.echo(bench(read_settings()))


@main.group(cls=SentenceGroup)
def schema() -> None:
    """Describe a lender's own table."""


@schema.command("infer")
@click.argument("source")
@click.option("--target", required=True, help="The column that says what became of the loan.")
@click.option("--bad", multiple=True, required=True, help="Its value for bad; give it again for another one.")
@click.option("--good", multiple=True, help="Its value for good; without it, all that is not bad.")
@click.option("--name", default="", help="What the model is called; empty: the name of the file written.")
@_output_option("Schema file to write, ending in .toml.")
def schema_infer(
    source: str, target: str, bad: tuple[str, ...], good: tuple[str, ...], name: str, output: Path
) -> None:
    """Write a first schema for the table at SOURCE, a file or a URI, with reasons for a person to decide by."""
    from rich.console import Console

    from creditrisk.schema_inference import infer
    from creditrisk.sources import read_table
    from riskometer.inferred import print_inferred

    if output.suffix != ".toml":
        raise click.BadParameter(f"{output.name} must end in .toml, as training knows schema files by it.")
    if output.exists():
        raise click.ClickException(f"{output} is there already, perhaps with decisions in it. Name another file.")
    found = infer(read_table(source), target=target, bad=bad, good=good, name=name or output.stem)
    _write(output, found.to_toml())
    print_inferred(found, output, source, Console())


def _person(name: str, role: str) -> Actor:
    """Who decides."""
    from creditrisk.decision_log import Actor, this_user

    return Actor(name or this_user(), role, is_automatic=False)


role_option = click.option(
    "--role", default="operator", show_default=True, help="In which role they decide, as the decision log names it."
)


@main.command()
@click.option("--dataset", default="", help="Registered model; empty: the one trained last.")
@click.option("--version", default="", help="The version to promote; empty: the challenger.")
@by_option
@role_option
@click.option(
    "--why", default="", help="The reason, kept with the version; asked for where the evidence is against it."
)
@click.option("--instead-of", default=None, help="The version to replace; refused if another one is champion by now.")
def promote(dataset: str, version: str, by: str, role: str, why: str, instead_of: str | None) -> None:
    """Make the challenger, or a given version, champion."""
    from creditrisk.registry import Registry, approve, find_challenger, not_served_notice
    from flows.notices import tell_of_promotion

    settings = read_settings()
    registry = Registry(settings.stores)
    found = find_challenger(registry, dataset or settings.dataset, version)
    click.echo(approve(registry, found, by=_person(by, role), why=why, instead_of=instead_of))
    tell_of_promotion(found.model, found.version, settings, log)
    if other := not_served_notice(registry, found.model, settings.dataset):
        click.echo(other)


@main.command()
@dataset_option
@by_option
@role_option
@click.option("--why", default="", help="The reason, kept with the version.")
@click.option("--instead-of", default=None, help="The version to leave; refused if another one is champion by now.")
def rollback(dataset: str, by: str, role: str, why: str, instead_of: str | None) -> None:
    """Go back to the previous champion; once more, and the newer one is back."""
    from creditrisk.registry import Registry, roll_back, serving_name
    from flows.notices import tell_of_promotion

    settings = read_settings()
    registry = Registry(settings.stores)
    model = serving_name(registry, dataset or settings.dataset)
    if not model:
        raise click.ClickException("No model serves yet, so there is nothing to go back to.")
    click.echo(roll_back(registry, model, by=_person(by, role), why=why, instead_of=instead_of))
    if (champion := registry.champion(model)) is not None:
        tell_of_promotion(model, champion.version, settings, log)


@main.command()
@click.argument("model")
@by_option
@click.option("--why", default="", help="The reason, kept in the decision log.")
def switch(model: str, by: str, why: str) -> None:
    """Serve the champion of MODEL, and watch and retrain it; nothing else changes which model is served."""
    from creditrisk.registry import Registry, switch_model, who

    settings = read_settings()
    done = switch_model(
        Registry(settings.stores),
        model,
        chosen=settings.dataset,
        poll_seconds=settings.champion_poll_seconds,
        by=by or who(),
        why=why,
    )
    click.echo(done)


for command in (replay_decisions, verify_log, erase_application, log_group, reports_group, show_triggers, user_group):
    main.add_command(command)


def _within_ten(_context: click.Context, _option: click.Parameter, value: float) -> float:
    if not abs(value) <= 10:  # nor is nan
        raise click.BadParameter("a number from -10 to 10 is expected.")
    return value


@main.command("simulate")
@click.option("--rows", default=200, show_default=True, help="Applicants to make.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same applicants.")
@click.option("--from", "start", default="2025-01-01", show_default=True, type=click.DateTime(["%Y-%m-%d"]))
@click.option("--to", "end", default="2025-01-31", show_default=True, type=click.DateTime(["%Y-%m-%d"]))
@click.option(
    "--stress", default=0.0, show_default=True, callback=_within_ten, help="Worse economy, in standard deviations."
)
@click.option("--with-outcome", is_flag=True, help="Add what became of them.")
@csv_option
def simulate_applicants(
    rows: int, seed: int, start: datetime, end: datetime, stress: float, with_outcome: bool, output: Path
) -> None:
    """Write a CSV of applicants of the simulated lender."""
    from creditrisk.scoring import csv_text
    from creditrisk.simulator import simulate

    frame = simulate(rows, seed=seed, start=start.date(), end=end.date(), stress=stress)
    hidden = ["true_prob_default"] if with_outcome else ["true_prob_default", "default", "outcome_date"]
    _write(output, csv_text(frame.drop(hidden)))
    click.echo(f"{rows:,} applicants written to {output}")


def _run_flow(entrypoint: str, deployment: str, given: FlowArguments) -> None:
    """Queue a run on the Prefect server and follow it, so that it is seen there; without a server, run it here."""
    from flows.queue import OF_A_RUN, prefect_server_answers, run_deployment_and_follow

    settings = read_settings()
    make_home(settings.home)
    parameters = {name: value for name, value in given.items() if value}
    if prefect_server_answers(settings):
        own = {name: os.environ[name] for name in OF_A_RUN if name in os.environ}
        code = run_deployment_and_follow(settings, deployment, parameters, own)
        if code is not None:
            sys.exit(code)
    from flows.local_run import run_here

    if code := run_here(settings, entrypoint, parameters):
        sys.exit(code)


def _write(output: Path, text: str) -> None:
    """All of it or nothing."""
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as exc:
        if output.is_file():
            output.unlink()
        raise click.ClickException(
            f"{output} could not be written: {exc.strerror}. Make room or name another file, and run it again; what "
            "was scored stays in the decision log."
        ) from exc


def _absolute(given: str) -> str:
    """A path that exists, made independent of the working folder; anything else as it is."""
    from creditrisk.sources import is_there

    return str(Path(given).resolve()) if given and "://" not in given and is_there(given) else given


def _absolute_pattern(given: str) -> str:
    """A path, of one file or of one for each day, made independent of the working folder; a URI as it is."""
    return str(Path(given).expanduser().absolute()) if given and "://" not in given else given
