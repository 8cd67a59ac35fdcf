"""Settings: read once at the edge from the environment, then handed inward as one frozen object.

Every variable starts with `CREDITRISK_`; the defaults suit a laptop and the full stack changes nothing else.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from creditrisk import hosts
from creditrisk.errors import SettingsError
from creditrisk.home import Stores

PREFIX = "CREDITRISK_"
# Read by the tests only: where the public credit data for tests lies, and a MongoDB server to test against.
OUTSIDE_SETTINGS = frozenset({"CREDITRISK_CASES_DIR", "CREDITRISK_DATA_DIR", "CREDITRISK_TEST_MONGODB_URL"})
OBJECTS_BETWEEN_COLLECTIONS = 100_000
# What Prefect's own programs call its password; that of a server elsewhere, as in containers, is read there.
PREFECT_PASSWORD_VARIABLE = "PREFECT_API_AUTH_STRING"  # noqa: S105  # the name of a variable
# Where runs wait for the worker.
PREFECT_WORK_POOL = "riskometer"


class Settings(BaseSettings):
    """Everything that differs between a laptop and the full stack."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True, allow_inf_nan=False
    )

    home: Path = Field(Path("var"), description="folder for all state: databases, saved models, reports, logs")
    dataset: str = Field(
        "",
        description="registered model to serve, watch and retrain; empty: the first that had a champion, or what "
        "`riskometer switch` named since",
    )
    source: str = Field(
        "", description="file or URI the Sunday training reads; empty: where the champion's data came from"
    )
    batch_source: str = Field(
        "",
        description="the day's applications for `batch-score/daily`: file or URI, `{date}` for the day; empty: "
        "home/applications/{date}.csv",
    )
    batch_target: str = Field(
        "",
        description="where `batch-score/daily` writes predictions: folder or gs://, or such a file with `{date}` in "
        "its name; empty: home/predictions",
    )
    outcomes_source: str = Field(
        "",
        description="what became of applications, for `outcomes/daily`: file or URI, `{date}` for the day; empty: "
        "home/outcomes/{date}.csv",
    )
    host: str = Field("127.0.0.1", description="address the web app and the exporter listen on")
    allowed_hosts: str = Field(
        "", description="names, by commas, that the web app and the exporter answer to besides this machine's own"
    )
    serve_without_accounts: bool = Field(
        False,
        description="true: listen where others reach it too, though there are no accounts, and whoever reaches it may "
        "score and see results",
    )
    oidc_issuer: str = Field(
        "",
        pattern=r"^$|^https?://[^\s?#]+$",
        description="OpenID Connect provider that people sign in with, by its address; empty: accounts of our own only",
    )
    oidc_client_id: str = Field("", description="what the provider knows this app as")
    oidc_client_secret: str = Field(
        "", repr=False, description="the secret that goes with it; empty: the provider asks for none"
    )
    oidc_client_secret_file: Path | None = Field(None, description="file that holds the secret instead; empty: none")
    oidc_roles: str = Field(
        "",
        description="claim of the provider's tokens and the role of each of its values, such as "
        "`groups:counter=clerk,risk-team=analyst,heads=approver`",
    )
    web_port: int = Field(9696, ge=1, le=65_535, description="port of the Risk-O-Meter")
    web_workers: int = Field(
        0, ge=0, le=64, description="processes of the web app that answer; 0: one for each core, at most four"
    )
    web_proxies: int = Field(
        0,
        ge=0,
        le=9,
        description="reverse proxies before the web app that say who asks (X-Forwarded-For); 0: people connect to it",
    )
    exporter_port: int = Field(9697, ge=1, le=65_535, description="port of the metrics exporter")
    mlflow_port: int = Field(5051, ge=1, le=65_535, description="port of the MLflow server that `make up` starts")
    prefect_port: int = Field(4200, ge=1, le=65_535, description="port of the Prefect server that `make up` starts")
    mlflow_uri: str = Field("", description="MLflow tracking URI; empty: SQLite and files under home")
    prefect_api_url: str = Field("", description="Prefect API; empty: http://127.0.0.1:<prefect_port>/api")
    grafana_url: str = Field(
        "",
        pattern=r"^$|^https?://[^\s?#]+$",
        description="Grafana that pages link to, by its address; empty: port 3000 of this machine, if it answers",
    )
    decision_log_url: str = Field("", description="decision log as a database URL; empty: SQLite under home")
    archives: str = Field(
        "",
        description="report archives, by commas: file://FOLDER, mongodb://HOST/DB, gs://BUCKET; empty: home/reports",
    )
    keep_reports_days: int = Field(
        0, ge=0, le=36_500, description="days after which reports go, but the last of each model; 0: all are kept"
    )
    reports_url: str = Field(
        "",
        pattern=r"^$|^https?://[^\s?#]+$",
        description="address at which people open archived reports; empty: http://127.0.0.1:<exporter_port>/reports",
    )
    notify: str = Field(
        "",
        repr=False,  # it holds passwords
        description="whom to tell of alarms, failed runs, promotions: apprise addresses, by commas; empty: nobody",
    )
    triggers: str = Field("", description="TOML file of limits that reports watch; empty: home/triggers.toml")
    retraining: Literal["off", "propose", "start"] = Field(
        "propose",
        description="what a report does that calls for a retraining; off: nothing; propose: it says so; start: it has "
        "Prefect start one",
    )
    retraining_cooldown_days: int = Field(
        7, ge=0, le=3_650, description="days after a training of the model during which no report calls for another"
    )
    search_trials: int = Field(
        3, ge=1, le=10_000, description="settings tried for each family of models in a training that a person starts"
    )
    deep_search_trials: int = Field(
        10, ge=1, le=10_000, description="settings tried for each family in the training that Sunday's schedule starts"
    )
    search_seconds: float = Field(
        0.0, ge=0, description="seconds after which a family gets no new setting; 0: no limit, and a repeatable result"
    )
    dask_address: str = Field(
        "",
        pattern=r"^$|^(tcp|tls|ws|wss)://[^/\s]+$",
        description="Dask scheduler that spreads a training, or the parts of a table, such as tcp://scheduler:8786; "
        "empty: threads",
    )
    promotion: Literal["automatic", "approval"] = Field(
        "automatic", description="automatic: a better challenger becomes champion; approval: a person has to say so"
    )
    floor_auc: float = Field(0.0, ge=0, le=1, description="least AUC of any champion; 0: none is asked")
    floor_f1: float = Field(0.0, ge=0, le=1, description="least F1 at the cut-off of any champion; 0: none is asked")
    ceiling_cost: float = Field(
        0.0, ge=0, description="most that any champion's decisions may cost per applicant; 0: no limit"
    )
    score_base_points: float = Field(600.0, ge=-1e6, le=1e6, description="scorecard points at the base odds")
    score_base_odds: float = Field(30.0, gt=0, le=1e6, description="good:bad odds that earn the base points")
    score_points_to_double: float = Field(20.0, gt=0, le=1e6, description="points that double the good:bad odds")
    ask_below: float = Field(
        0.8,
        ge=0,
        le=1,
        description="confidence below which a verdict is left to a colleague, from the next training on; 0: none",
    )
    champion_poll_seconds: float = Field(
        2.0, gt=0, le=86_400, description="seconds between two looks for a new champion"
    )
    webhook_secret: str = Field(
        "",
        repr=False,
        pattern=r"^$|^.{32,}$",
        description="secret, of 32 characters or more, of the webhook by which MLflow says that a champion moved; "
        "empty: there is none",
    )
    shadow: bool = Field(
        False,
        description="true: the challenger scores what is decided too, in the background; that is logged, and counts as "
        "no decision",
    )
    registry_timeout_seconds: float = Field(
        3.0, gt=0, le=600, description="seconds to wait for the registry before going on"
    )
    upload_max_mb: int = Field(100, gt=0, description="largest upload accepted, in megabytes")
    upload_max_rows: int = Field(500_000, gt=0, description="most clients scored in one upload")

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        try:
            return home.expanduser().resolve()
        except RuntimeError as exc:
            raise ValueError("nobody of that name has a home here") from exc

    @property
    def host_names(self) -> tuple[str, ...]:
        """The names a Host header may hold besides the loopback ones: those allowed, and the address listened on."""
        given = tuple(name.strip() for name in self.allowed_hosts.split(",") if name.strip())
        return given if hosts.is_every_address(self.host) else (*given, self.host)

    @property
    def mlflow_tracking_uri(self) -> str:
        """Where runs and model versions are kept."""
        return self.mlflow_uri or f"sqlite:///{self.home / 'mlflow' / 'mlflow.db'}"

    @property
    def prefect_url(self) -> str:
        """The Prefect API that deployments run on, if it answers."""
        return self.prefect_api_url or f"http://127.0.0.1:{self.prefect_port}/api"

    @property
    def reports_address(self) -> str:
        """Where people open archived reports: a report is at /<id>.html below it."""
        return (self.reports_url or f"http://127.0.0.1:{self.exporter_port}/reports").rstrip("/")

    @property
    def decision_log(self) -> str:
        """The database URL of the decision log."""
        return self.decision_log_url or f"sqlite:///{self.home / 'decisions.db'}"

    @property
    def applications_of_day(self) -> str:
        """Where the applications of a day are, which stands for `{date}`."""
        return self.batch_source or str(self.home / "applications" / "{date}.csv")

    @property
    def predictions(self) -> str:
        """Where predictions are written: a folder, or a file of each day."""
        return self.batch_target or str(self.home / "predictions")

    @property
    def outcomes_of_day(self) -> str:
        """Where outcomes are, with `{date}` for the day."""
        return self.outcomes_source or str(self.home / "outcomes" / "{date}.csv")

    @property
    def triggers_file(self) -> Path:
        """The file of limits that reports watch."""
        return Path(os.path.expanduser(self.triggers)) if self.triggers else self.home / "triggers.toml"

    @property
    def stores(self) -> Stores:
        """Where model versions and decisions are kept: what the registry is opened with."""
        return Stores(self.home, self.mlflow_tracking_uri, self.decision_log)

    @property
    def archive_uris(self) -> tuple[str, ...]:
        """Every archive a report is written to."""
        given = tuple(uri.strip() for uri in self.archives.split(",") if uri.strip())
        return given or (f"file://{self.home / 'reports'}",)


def read_settings() -> Settings:
    """Read the environment once.

    Raises
    ------
    SettingsError
        If a variable with our prefix is unknown (a typing error would otherwise be ignored) or has an unusable value.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields} | OUTSIDE_SETTINGS
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsError(
            f"unknown setting {', '.join(unknown)} in the environment. Known settings: {', '.join(sorted(known))}."
        )
    try:
        return Settings()
    except ValidationError as exc:
        first = exc.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper()
        raise SettingsError(
            f"setting {name} has a value that cannot be used: {first['msg'].removeprefix('Value error, ')}."
        ) from exc


def refuse_open_address(settings: Settings, better: str = "put a proxy with a login in front") -> None:
    """Refuse to listen where others than the users of this machine reach us, unless a setting says so.

    Parameters
    ----------
    better
        What to do instead, in a few words.

    Raises
    ------
    SettingsError
        If `host` is not a loopback address and `serve_without_accounts` is not set.
    """
    if not hosts.is_loopback(settings.host) and not settings.serve_without_accounts:
        raise SettingsError(
            f"CREDITRISK_HOST={settings.host} would let everybody who reaches this machine score applications and see "
            f"results, as there are no accounts. Leave it at 127.0.0.1, or {better}, or set "
            "CREDITRISK_SERVE_WITHOUT_ACCOUNTS=true; CREDITRISK_ALLOWED_HOSTS holds the names the app is called by."
        )


def prefect_password_file(settings: Settings) -> Path:
    """Where the password of this home's own Prefect server lies."""
    return settings.home / "prefect" / "password"


def prefect_password(settings: Settings) -> str:
    """The password for the Prefect server at `settings.prefect_url`; empty if none is known."""
    given = os.environ.get(PREFECT_PASSWORD_VARIABLE, "")
    if settings.prefect_api_url:  # perhaps somebody else's server, which must not learn ours
        return given
    try:
        return prefect_password_file(settings).read_text(encoding="ascii").strip()
    except OSError:
        return given


def collect_seldom() -> None:
    """Let Python look for garbage in this process less often; for entry points, before they import libraries.

    Importing makes hundreds of thousands of objects and no garbage: looking after each 700, as by default, took a fifth
    of every start. What is there at the end goes with the process and is not looked through either.
    """
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    atexit.register(gc.freeze)


def configure_mlflow(settings: Settings) -> None:
    """Set what MLflow reads from nowhere but its process: how long it waits, and what it writes by itself.

    Called once by whatever starts a process that asks the registry: the command line, and a run of a flow.
    """
    # Read at each request; its own defaults would hold a caller for minutes when the server is away.
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(max(1, round(settings.registry_timeout_seconds)))
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    # It would write the whole of an error, and the address with it, before the sentence we make of it.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    # It would tell of each example that it tries, among the lines of a training.
    logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)
