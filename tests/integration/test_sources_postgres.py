"""Tables in a real PostgreSQL: what is read, what is refused, and that nothing is ever written or given away."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from psycopg import sql

from creditrisk.errors import SourceError
from creditrisk.sources import database, read_table

QUOTED = '"Loans; DROP TABLE loans"'


@pytest.fixture
def uri(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database without user and password, which are in the environment, holding two tables of loans."""
    parts = urlsplit(postgres_url)
    monkeypatch.setenv("PGUSER", str(parts.username))
    monkeypatch.setenv("PGPASSWORD", str(parts.password))
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            'CREATE TABLE loans ("Größe" text, income numeric, since date, owns boolean, "BAD" int);'
            "INSERT INTO loans VALUES ('a, \"b\"\nc', 1200.50, '2020-01-31', true, 0), (NULL, 900, NULL, false, 1);"
            f"CREATE TABLE {QUOTED} (a int); INSERT INTO {QUOTED} VALUES (7);"
            "CREATE SCHEMA risk; CREATE TABLE risk.book (a int); INSERT INTO risk.book VALUES (1), (2), (3);"
            "CREATE TABLE nothing (a int)"
        )
    return f"postgresql://{parts.hostname}:{parts.port}{parts.path}"


def test_a_table_is_read_as_text_with_gaps_left_empty(uri: str):
    table = read_table(f"{uri}?table=loans")
    assert table.frame.columns == ["Größe", "income", "since", "owns", "BAD"]
    assert table.frame.rows() == [
        ('a, "b"\nc', "1200.50", "2020-01-31", "t", "0"),
        ("", "900", "", "f", "1"),
    ]


def test_names_are_quoted_and_schemas_found(uri: str):
    assert read_table(f"{uri}?table=risk.book").frame["a"].to_list() == ["1", "2", "3"]
    assert read_table(f"{uri}?table={quote('Loans; DROP TABLE loans')}").frame.rows() == [("7",)]


@pytest.mark.parametrize(
    "query",
    [
        "select a from risk.book where a > 1 order by a",
        "select a from risk.book where a & 2 <> 0 order by a;",
        "select 1 + a as a from risk.book where a < 3 -- the rest is a comment",
        "with chosen as (select a # 0 as a from risk.book) select a from chosen where a::text ~ '[23]' order by a",
    ],
)
def test_a_query_is_read_as_it_stands(uri: str, query: str):
    for spelt in (query, quote(query)):
        assert read_table(f"{uri}?query={spelt}").frame["a"].to_list() == ["2", "3"]


@pytest.mark.parametrize(
    "query",
    [
        "select 1; drop table loans",
        "select 1) as x; drop table loans; select * from (select 1",
        "select 1) TO STDOUT; drop table loans; COPY (select 1",
        "commit; drop table loans",
        "drop table loans",
        "delete from loans returning 1",
        "with gone as (delete from loans returning 1) select * from gone",
        "select set_config('transaction_read_only', 'off', false)) as a; delete from loans; select * from (select 1",
    ],
)
def test_whatever_is_asked_nothing_is_written(uri: str, postgres_url: str, query: str):
    with pytest.raises(SourceError, match=r"^the query cannot be read"):
        read_table(f"{uri}?query={quote(query)}")
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM loans").fetchone() == (2,)


def test_what_a_function_writes_is_never_committed(uri: str, postgres_url: str):
    # PostgreSQL lets some functions write even where only reading is allowed.
    with suppress(SourceError):
        read_table(f"{uri}?query=select lo_create(0)")
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_largeobject_metadata").fetchone() == (0,)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("table=absent", "table 'absent' cannot be read: there is no such table"),
        ("table=absent.loans", "cannot be read: there is no such (table|schema)"),
        ("table=nothing", "table 'nothing' has no rows"),
        ("query=select absent from loans", "the query cannot be read: there is no such column"),
        ("query=selekt", "the query cannot be read: the query is not one that can be read"),
        ("query=select 'secret'::int", "the query cannot be read: the database refused it or went away"),
    ],
)
def test_what_cannot_be_read_is_a_sentence_without_data(uri: str, asked: str, sentence: str):
    with pytest.raises(SourceError, match=sentence) as caught:
        read_table(f"{uri}?{asked}")
    assert "secret" not in str(caught.value)


def test_a_query_that_takes_too_long_is_stopped(uri: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(database, "STATEMENT_SECONDS", 1)
    with pytest.raises(SourceError, match="it took longer than"):
        read_table(f"{uri}?query=select a, pg_sleep(60) from risk.book")


def test_more_rows_or_bytes_than_allowed_are_refused(uri: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(database, "MAX_ROWS", 2)
    with pytest.raises(SourceError, match="has more than 2 rows"):
        read_table(f"{uri}?table=risk.book")
    monkeypatch.setattr(database, "MAX_BYTES", 3)
    with pytest.raises(SourceError, match="holds more than can be read at once"):
        read_table(f"{uri}?table=risk.book")


def test_a_user_without_the_right_to_read_is_told_so(uri: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        name = "guest_" + urlsplit(postgres_url).path.removeprefix("/")
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'guest'").format(sql.Identifier(name)))
    monkeypatch.setenv("PGUSER", name)
    monkeypatch.setenv("PGPASSWORD", "guest")
    with pytest.raises(SourceError, match="this user may not read it"):
        read_table(f"{uri}?table=loans")


def test_a_database_that_is_away_or_does_not_know_the_user_gives_nothing_away(
    uri: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PGUSER", "somebody")
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    for asked in (uri, "postgresql://127.0.0.1:1/none"):
        with pytest.raises(SourceError, match="cannot be reached, or does not know the user") as caught:
            read_table(f"{asked}?table=loans")
        assert "hunter2" not in str(caught.value)
        assert "somebody" not in str(caught.value)


def test_a_password_in_a_source_is_refused_on_the_command_line_before_anything_writes_it_down(tmp_path):
    source = "postgresql://somebody:hunter2@127.0.0.1:1/none?table=loans"
    environment = {**os.environ, "CREDITRISK_HOME": str(tmp_path), "CREDITRISK_PREFECT_PORT": "1"}
    command = [sys.executable, "-m", "riskometer", "train", "--dataset", "simulated", "--source", source]

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("Error: The source holds a user or a password")
    assert "hunter2" not in done.stdout + done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
