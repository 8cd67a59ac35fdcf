"""Fixtures that every layer shares: real data, a champion trained on it and one made ready, a small lender without."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
import pytest
from filelock import FileLock
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, sync_playwright

from creditrisk import learners
from creditrisk.datasets import load_schema, read
from creditrisk.decision_log import DecisionLog
from creditrisk.encoding import Encoder, fit_encoder
from creditrisk.learners import LogMean, Model, logistic_regression
from creditrisk.learners._trees import Tree, to_text
from creditrisk.metrics import build_profile
from creditrisk.quality import check
from creditrisk.registry import CHAMPION_NOTE, SCORER_NOTE, SERVING_NOTE, Registry, TrainedFrom, Version
from creditrisk.schema import Category, Field, Schema, Target
from creditrisk.scoring import Scorer, ScoreScale, Spread, approved_rows, fingerprint, fit_platt, fit_rule, proving
from creditrisk.settings import Settings, configure_mlflow
from webapp.app import create_app
from webapp.champion_poller import ChampionPoller
from webapp.serving import ServedModel

ROOT = Path(__file__).resolve().parent.parent
EVIL = "evil.example"
# The files that take the processor longest, the longest first: trainings from end to end, then browsers and databases.
LONGEST = (
    "tests/integration/test_training_flow.py",
    "tests/integration/test_fan_out.py",
    "tests/integration/test_kill_training.py",
    "tests/integration/test_dashboard_queries.py",
    "tests/unit/test_training.py",
    "tests/e2e/test_page.py",
    "tests/e2e/test_accessibility.py",
    "tests/e2e/test_connection.py",
    "tests/integration/test_decision_log_postgres.py",
    "tests/integration/test_batch_flow.py",
    "tests/integration/test_own_data.py",
)

# A small lender for tests that need a real scorer but no real data: five fields, two hundred loans.
CORNER_SCHEMA = Schema(
    name="corner_lender",
    title="Corner lender",
    currency="EUR",
    horizon_months=12,
    amount_field="amount_eur",
    fields=(
        Field("client", "text", "Client number", role="id", is_required=False),
        Field("age_years", "integer", "Age", unit="years", minimum=18, maximum=100),
        Field("amount_eur", "number", "Loan amount", unit="EUR", minimum=0, maximum=50_000),
        Field("income_eur", "number", "Income", unit="EUR", minimum=0, is_required=False),
        Field("housing", "category", "Housing", categories=(Category("own", "Own home"), Category("rent", "Rents"))),
    ),
    target=Target("default", "Default", bad=("1",), good=("0",)),
)

MAKE_TABLES = """
import asyncio
from prefect.server.database import provide_database_interface
database = provide_database_interface()
asyncio.run(database.create_db())
"""


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Look for examples in the product only: there are none here, and to look each process would import every bench."""
    found = yield
    return [collector for collector in found if type(collector) is pytest.Module]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: begun last, one of them would go on when the other processes are done."""
    place = {path: number for number, path in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(LONGEST)))


def pytest_report_header() -> str:
    """Say which MongoDB the contract of the archives is held by."""
    is_real = "CREDITRISK_TEST_MONGODB_URL" in os.environ
    return f"MongoDB: {'a real server' if is_real else 'the stand-in of mongodb_stand_in.py'}"


@dataclass(frozen=True)
class Trained:
    """A home with a trained and registered champion, and what the training printed."""

    settings: Settings
    output: str


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """The command line closes what it writes to others; where a test runs it in this process, only for that test."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def environment(clean_environment: dict[str, str]) -> Iterator[None]:
    """What the command line, or MLflow, sets in this process is not handed on to what later tests start."""
    yield
    for name in os.environ.keys() - clean_environment.keys():
        del os.environ[name]


@pytest.fixture(autouse=True, scope="session")
def clean_environment() -> dict[str, str]:
    """The environment of a process of ours: a registry that is away is given up soon."""
    configure_mlflow(Settings())
    return dict(os.environ)


@pytest.fixture(scope="session")
def credit_data() -> Path:
    """The folder with the public credit data; the tests that need it say so when it is absent."""
    folder = Path(os.environ.get("CREDITRISK_DATA_DIR", ROOT.parent / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"real credit data not found at {folder}: set CREDITRISK_DATA_DIR to run this test")
    return folder


def _made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], str]) -> Trained:
    """A home that the test processes share, and what its making said: the first to come makes it, the others wait."""
    home = _shared_folder(tmp_path_factory) / name
    home.mkdir(exist_ok=True)
    said = home / "training.log"
    with FileLock(home / "shared.lock"):
        if not said.exists():
            said.write_text(make(home))
    return Trained(Settings(home=home), said.read_text())


def _shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the test processes of this run have in common."""
    temporary = tmp_path_factory.getbasetemp()
    return temporary.parent if "PYTEST_XDIST_WORKER" in os.environ else temporary


@pytest.fixture(scope="session")
def lay_prefect(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Lay Prefect's empty database into a home: to make its tables takes Prefect three seconds of the processor."""
    made = _shared_folder(tmp_path_factory) / "prefect"
    made.mkdir(exist_ok=True)
    with FileLock(made / "shared.lock"):
        if not (made / "prefect.db").exists():
            command = [sys.executable, "-c", MAKE_TABLES]
            subprocess.run(command, env=os.environ | {"PREFECT_HOME": str(made / "making")}, check=True)
            (made / "making" / "prefect.db").rename(made / "prefect.db")

    def lay(home: Path) -> None:
        (home / "prefect").mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(made / "prefect.db", home / "prefect" / "prefect.db")
        (home / "prefect" / "prefect.db").chmod(0o600)

    return lay


@pytest.fixture(scope="session")
def german_training(
    credit_data: Path, lay_prefect: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """German credit, trained through the command line, for tests of the training; they must not change its home."""
    train = functools.partial(_train_german_credit, credit_data, lay_prefect)
    return _made_once(tmp_path_factory, "german-training", train)


@pytest.fixture(scope="session")
def german_champion(
    credit_data: Path, lay_registry: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """A champion for German credit of the kind a training gives, without its search; tests must not change its home."""
    return _made_once(tmp_path_factory, "german", functools.partial(_fit_german_credit, credit_data, lay_registry))


def _fit_german_credit(credit_data: Path, lay_registry: Callable[[Path], None], home: Path) -> str:
    lay_registry(home)
    source = str(credit_data / "german_credit" / "german.data")
    schema = load_schema("german_credit")
    rows = check(read("german_credit", source), schema, with_target=True).accepted
    # Every third row calibrates, so that no model judges rows it was fitted on.
    calibrates = pl.Series(np.arange(rows.height) % 3 == 0)
    fitted_on, validation = rows.filter(~calibrates), rows.filter(calibrates)
    encoder, target = fit_encoder(fitted_on, schema), fitted_on["default"].to_numpy().astype(np.int64)
    parameters = {
        name: learners.family(name).defaults(rows.height) for name in learners.members_of("blend", rows.height)
    }
    model = learners.fit("blend", parameters, encoder.matrix(fitted_on), target, encoder, seed=7)
    scorer = assemble(model, encoder, validation, schema, card="A blend for German credit.")
    reference = validation.select(field.name for field in schema.features)
    reference = reference.with_columns(prob_default=scorer.prob_default(validation))
    home.chmod(0o700)
    before = os.umask(0o077)  # as the command line does
    try:
        registry = Registry(Settings(home=home).stores)
        trained_from = TrainedFrom("german_credit", source)
        version = registry.register(scorer, reference, params={}, metrics={}, trained_from=trained_from)
        registry.promote(version, by="the tests", why="there was no champion yet", evidence="none")
    finally:
        os.umask(before)
    return ""


def _train_german_credit(credit_data: Path, lay_prefect: Callable[[Path], None], home: Path) -> str:
    lay_prefect(home)
    source = credit_data / "german_credit" / "german.data"
    command = [sys.executable, "-m", "riskometer", "train", "--dataset", "german_credit", "--source", str(source)]
    environment = {
        **os.environ,
        "CREDITRISK_HOME": str(home),
        "CREDITRISK_PREFECT_PORT": "1",  # no server answers there
        "CREDITRISK_SEARCH_TRIALS": "1",
    }
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout + done.stderr


@dataclass(frozen=True)
class Web:
    """A running web app: its address and its process, which leads a group of its own."""

    url: str
    process: subprocess.Popen[bytes]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """`kill -9`, all of its processes at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def serve_web() -> Iterator[Callable[..., Web]]:
    """What starts web apps, which are stopped after the module's tests: even idle ones take the processor at times."""
    with web_apps() as start:
        yield start


@contextmanager
def web_apps() -> Iterator[Callable[..., Web]]:
    """What starts `riskometer serve` on a free port, or a given one, and waits until it can score; all end with it."""
    started: list[Web] = []

    def start(settings: Settings, port: int = 0) -> Web:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            port = probe.getsockname()[1]
        set_ones = settings.model_dump(exclude_unset=True)
        given = {**{name.upper(): value for name, value in set_ones.items()}, "WEB_PORT": port}
        environment = {**os.environ, **{f"CREDITRISK_{name}": str(value) for name, value in given.items()}}
        said = settings.home / f"web-{port}.log"
        command = [sys.executable, "-m", "riskometer", "serve"]
        with said.open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        web = Web(f"http://127.0.0.1:{port}", process)
        started.append(web)
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"{web.url}/ready", timeout=5) as answer:
                    assert json.load(answer)["ready"]
                    return web
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                assert process.poll() is None, said.read_text()[-2000:]
                assert time.monotonic() < deadline, said.read_text()[-2000:]
                time.sleep(0.05)

    try:
        yield start
    finally:
        for web in started:
            if web.process.poll() is None:
                web.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium, in which each test opens a page of its own, with a store of its own.

    The name of a foreign site leads to this machine there, as the site's owner can arrange it.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium not found: install Debian's chromium to run this test")
    without = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=[*without, f"--host-resolver-rules=MAP {EVIL} 127.0.0.1"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def german_clients(credit_data: Path) -> str:
    """The first 200 applications of credit-g as CSV, without the outcome, as a clerk would have them."""
    frame = pl.read_csv(credit_data / "credit_g" / "credit-g.csv", infer_schema=False)
    return frame.head(200).drop("class").write_csv()


@pytest.fixture(scope="session")
def corner_scorer() -> Scorer:
    """The corner lender's scorer."""
    return made_corner_scorer()


def made_corner_scorer() -> Scorer:
    """A scorer fitted on two hundred made-up loans; who is older, earns more and borrows less repays more often."""
    rng = np.random.default_rng(20)
    n = 200
    age, amount = rng.integers(18, 80, n), rng.integers(1, 20, n) * 1000.0
    income, owns = rng.integers(10, 60, n) * 1000.0, rng.random(n) < 0.5
    log_odds = -1.5 + amount / 6000 - income / 20000 - age / 60 + 0.8 * ~owns + 0.6
    bad = (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)
    frame = pl.DataFrame(
        {
            "row_number": np.arange(1, n + 1),
            "client": [str(number) for number in range(n)],
            "age_years": age,
            "amount_eur": amount,
            "income_eur": income,
            "housing": np.where(owns, "own", "rent"),
        }
    )
    encoder = fit_encoder(frame, CORNER_SCHEMA)
    model = logistic_regression.fit(encoder.matrix(frame), bad, encoder, {"inverse_penalty": 0.1}, seed=1)
    return assemble(model, encoder, frame.with_columns(default=bad), CORNER_SCHEMA, card="A corner lender.")


def assemble(model: Model, encoder: Encoder, rows: pl.DataFrame, schema: Schema, *, card: str) -> Scorer:
    """A scorer of a fitted model, calibrated and profiled on `rows`, whose outcomes stand in the column `default`."""
    matrix, target = encoder.matrix(rows), rows["default"].to_numpy().astype(np.int64)
    calibration = fit_platt(model.log_odds(matrix), target)
    prob_default = calibration.prob_default(model.log_odds(matrix))
    reference = encoder.typical(matrix[approved_rows(prob_default, schema.costs)])
    rule = fit_rule(prob_default, target, reference, schema.costs, ScoreScale())
    spread = Spread(
        _two_leaves(encoder), shared_variance=0.08, tilt=0.0, centre=-1.0, level_variance=0.01, slope_variance=0.01
    )
    profile = build_profile(rows, schema, prob_default)
    return Scorer(schema, encoder, model, calibration, spread, rule, profile, (), {}, card).measured(rows, rows)


def _two_leaves(encoder: Encoder) -> LogMean:
    """A variance of log-odds of 0.02 up to the middle of the first field and 0.04 above it, without a library."""
    either, none = np.array([0, -1, -1]), np.array([0.0, 0.0, 0.0])
    value, count = np.array([0.0, np.log(0.02), np.log(0.04)]), np.array([2, 1, 1])
    split = Tree(
        np.array([1, -1, -1]), np.array([2, -1, -1]), either, none + encoder.fields[0].fill, either, value, count
    )
    return LogMean.parsed(to_text([split], encoder), encoder, "the trees")


_POLLERS: WeakKeyDictionary[ServedModel, ChampionPoller] = WeakKeyDictionary()


def poll(champion: ServedModel) -> None:
    """Have the registry asked, and the answer taken over: in the app, that is done by two processes."""
    if champion not in _POLLERS:
        _POLLERS[champion] = ChampionPoller(champion.settings)
    _POLLERS[champion].poll()
    champion.look()


def adopt(settings: Settings, version: Version) -> None:
    """Note a version of another home's registry in the decision log of this one, and let it serve."""
    log = DecisionLog(settings.decision_log)
    log.note(SCORER_NOTE, f"{version.model}/{version.version}", version.sha256)
    log.note(CHAMPION_NOTE, version.model, version.version)
    log.note(SERVING_NOTE, "", version.model)


@pytest.fixture(scope="session")
def lay_registry(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Lay an empty registry into a home: to make its tables takes MLflow three seconds, and most tests want one."""
    made = _shared_folder(tmp_path_factory) / "registry"
    made.mkdir(exist_ok=True)
    with FileLock(made / "shared.lock"):
        if not (made / "made").exists():
            before = os.umask(0o077)  # as the command line does
            assert Registry(Settings(home=made).stores).champion("nobody") is None
            os.umask(before)
            (made / "made").touch()
    return lambda home: shutil.copytree(made / "mlflow", home / "mlflow")


@pytest.fixture(scope="session")
def prove_corner(corner_scorer: Scorer, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Note in a home that the corner lender's scorer was proved: that takes three seconds, and is tested by itself."""
    folder = tmp_path_factory.mktemp("corner") / "scorer"
    corner_scorer.save(folder)
    return functools.partial(proving.note_proof, sha256=fingerprint(folder))


@pytest.fixture(scope="session")
def corner_reference(corner_scorer: Scorer) -> pl.DataFrame:
    """Rows for the corner lender's scorer to be proved on: features and the PDs it gives them."""
    rng = np.random.default_rng(21)
    rows = pl.DataFrame(
        {
            "age_years": rng.integers(18, 80, 50),
            "amount_eur": rng.integers(1, 20, 50) * 1000.0,
            "income_eur": rng.integers(10, 60, 50) * 1000.0,
            "housing": rng.choice(["own", "rent"], 50),
        }
    )
    return rows.with_columns(prob_default=corner_scorer.prob_default(rows))


@pytest.fixture
def corner_settings(corner_scorer: Scorer, tmp_path: Path) -> Settings:
    """Settings of a home whose saved champion is the corner lender's, and whose registry does not exist."""
    return corner_home(corner_scorer, tmp_path)


def corner_home(corner_scorer: Scorer, home: Path) -> Settings:
    """Save the corner lender's scorer as the champion of a home, and give its settings."""
    folder = home / "serving" / "corner_lender" / "3"
    corner_scorer.save(folder)
    note = {
        "model": "corner_lender",
        "version": "3",
        "sha256": fingerprint(folder),
        "since": "2026-10-12T08:00:00+00:00",
    }
    (home / "serving" / "current.json").write_text(json.dumps(note))
    proving.note_proof(home, note["sha256"])  # it takes three seconds, and is tested by itself
    return Settings(home=home, mlflow_uri="http://127.0.0.1:9", upload_max_mb=2)


@pytest.fixture
def corner_app(corner_settings: Settings) -> Flask:
    """The web app, serving the corner lender's saved model."""
    app = create_app(corner_settings)
    app.extensions["creditrisk"].champion.look()
    return app


@pytest.fixture
def client(corner_app: Flask) -> FlaskClient:
    """Who asks that app."""
    return corner_app.test_client()


@pytest.fixture
def log(corner_app: Flask) -> DecisionLog:
    """The decision log of that app."""
    log: DecisionLog = corner_app.extensions["creditrisk"].log
    return log


@pytest.fixture
def old_version(corner_scorer: Scorer, corner_settings: Settings, corner_app: Flask) -> Path:
    """The folder of version 2 of the corner lender's model, kept beside version 3, which serves."""
    folder = corner_settings.home / "serving" / "corner_lender" / "2"
    corner_scorer.save(folder)
    corner_app.extensions["creditrisk"].log.note("scorer", "corner_lender/2", fingerprint(folder))
    return folder


def write_forty_clients(path: Path) -> Path:
    """A file of forty clients for the corner lender, of whom the fifth and the thirtieth cannot be scored."""
    rng = np.random.default_rng(7)
    ages = [str(age) for age in rng.integers(18, 80, 40)]
    ages[4] = ages[29] = "old"
    pl.DataFrame(
        {
            "client": [f"C{number}" for number in range(40)],
            "age_years": ages,
            "amount_eur": rng.integers(1, 20, 40) * 1000,
            "income_eur": rng.integers(10, 60, 40) * 1000,
            "housing": rng.choice(["own", "rent"], 40),
        }
    ).write_csv(path)
    return path
