"""The full stack's PostgreSQL, as infra/postgres/databases.sh sets it up: who may do what to the decision log."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from creditrisk.decision_log import Decision, DecisionLog, Outcome
from creditrisk.errors import DecisionLogError

SCRIPT = Path(__file__).parents[2] / "infra/postgres/databases.sh"
EXAMPLE = Decision("api", "A-1", "simulated", "3", "5c" * 32, 0.2, 612.3, "approve", "green", 0.9, [], [], {"age": 30})


@pytest.fixture(scope="module")
def cluster(postgres_cluster: str) -> str:
    """A PostgreSQL after its first start: where it listens, as `127.0.0.1:PORT`."""
    at = urlsplit(postgres_cluster)
    passwords = {
        "MLFLOW_DB_PASSWORD": "mlflow's own",
        "PREFECT_DB_PASSWORD": "prefect's own",
        "DECISIONS_OWNER_PASSWORD": "owner",
        "DECISIONS_WRITER_PASSWORD": "writer",
        "DECISIONS_READER_PASSWORD": "reader",
    }
    administrator = {"POSTGRES_USER": at.username, "PGPASSWORD": at.password, "PGHOST": at.hostname}
    environment = os.environ | passwords | administrator | {"PGPORT": str(at.port)}
    subprocess.run(["sh", SCRIPT], env=environment, check=True, timeout=60)
    return f"{at.hostname}:{at.port}"


@pytest.fixture(scope="module")
def before_the_tables(cluster: str) -> Iterator[str]:
    """What the web app's user was told while the owner had not made the tables yet."""
    with closing(DecisionLog(f"postgresql://decisions_writer:writer@{cluster}/decisions")) as log:
        with pytest.raises(DecisionLogError) as refused:
            log.append([EXAMPLE])
        with closing(DecisionLog(f"postgresql://decisions_owner:owner@{cluster}/decisions")) as owner:
            owner.head()
        log.append([EXAMPLE])
        yield str(refused.value)


@pytest.fixture
def writer(cluster: str, before_the_tables: str) -> str:
    return f"postgresql://decisions_writer:writer@{cluster}/decisions"


@pytest.fixture
def reader(cluster: str, before_the_tables: str) -> str:
    return f"postgresql://decisions_reader:reader@{cluster}/decisions"


def refused(url: str, *statements: str) -> None:
    with closing(psycopg.connect(url)) as connection:
        for statement in statements:
            # A failure shows the statement.
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
            connection.rollback()


def test_the_web_app_waits_for_tables_that_only_the_owner_can_make(before_the_tables):
    assert "permission denied for schema public" in before_the_tables


def test_the_web_app_appends_and_reads_decisions_and_outcomes(writer):
    with closing(DecisionLog(writer)) as log:
        log.check_writable()
        [logged] = log.append([EXAMPLE])
        log.record_outcomes([Outcome("A-1", is_default=False, observed_on=date(2025, 1, 31))])
        assert log.head()[0] == logged.seq + 1
        assert log.verify().broken is None
        assert log.outcomes()["application_id"].to_list() == ["A-1"]


@pytest.mark.parametrize("table", ["events", "contents", "versions"])
def test_the_web_app_cannot_change_or_remove_what_is_logged(writer, table):
    refused(
        writer,
        f"UPDATE {table} SET seq = 7",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
        f"DROP TABLE {table}",
        f"ALTER TABLE {table} DISABLE TRIGGER ALL",
        f"DROP TRIGGER {table}_append_only ON {table}",
        "SET session_replication_role = replica",
    )


def test_the_web_app_cannot_create_anything(writer):
    refused(
        writer,
        "CREATE TABLE more (seq int)",
        "CREATE TEMPORARY TABLE more (seq int)",
        "CREATE FUNCTION creditrisk_more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION creditrisk_append_only() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN END$$",
        "CREATE SCHEMA more",
        "CREATE ROLE more",
        "SET ROLE decisions_owner",
    )


def test_a_table_that_comes_later_has_the_same_rights(cluster, writer, reader):
    with psycopg.connect(f"postgresql://decisions_owner:owner@{cluster}/decisions") as owner:
        owner.execute("CREATE TABLE later (seq bigserial PRIMARY KEY, what text)")
    with psycopg.connect(writer) as connection:
        connection.execute("INSERT INTO later (what) VALUES ('appended')")
    with psycopg.connect(reader) as connection:
        assert connection.execute("SELECT what FROM later").fetchall() == [("appended",)]
    refused(writer, "UPDATE later SET what = ''", "DELETE FROM later", "TRUNCATE later", "DROP TABLE later")


def test_the_exporter_reads_and_cannot_append(reader):
    with closing(DecisionLog(reader)) as log:
        assert log.counts_by_verdict()["approve"] >= 1
        with pytest.raises(DecisionLogError, match="permission denied"):
            log.append([EXAMPLE])
    refused(reader, "DELETE FROM contents", "CREATE TABLE more (seq int)")


def test_the_server_s_own_log_quotes_no_row_and_no_statement(writer):
    with psycopg.connect(writer) as connection:
        assert connection.execute("SHOW log_error_verbosity").fetchone() == ("terse",)
        assert connection.execute("SHOW log_min_error_statement").fetchone() == ("panic",)
    refused(writer, "SET log_error_verbosity = verbose")


@pytest.mark.parametrize("database", ["mlflow", "prefect", "postgres"])
def test_the_web_app_cannot_enter_another_database(cluster, database):
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(f"postgresql://decisions_writer:writer@{cluster}/{database}")


@pytest.mark.parametrize(("user", "password"), [("mlflow", "mlflow's%20own"), ("prefect", "prefect's%20own")])
def test_mlflow_and_prefect_cannot_enter_the_decision_log(cluster, user, password):
    psycopg.connect(f"postgresql://{user}:{password}@{cluster}/{user}").close()
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(f"postgresql://{user}:{password}@{cluster}/decisions")
