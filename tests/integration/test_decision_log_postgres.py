"""PostgreSQL keeps the decision log as SQLite does: every test here runs on both."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

import psycopg
import pytest

from creditrisk.decision_log import (
    GENESIS,
    Decision,
    DecisionLog,
    Outcome,
    Wanted,
    begun_batches,
    erase,
    events_about,
    events_numbered,
    list_decisions,
    prune,
    store,
)
from creditrisk.decision_log.log import CHUNK_ROWS
from creditrisk.decision_log.reading import BLOCK_ROWS
from creditrisk.errors import DecisionLogError

EXAMPLE = Decision(
    channel="api",
    application_id="A-1",
    model="simulated",
    model_version="3",
    scorer_sha256="5c" * 32,
    prob_default=0.1 + 0.2,
    score_points=612.3,
    verdict="approve",
    band="green",
    confidence=0.93,
    reasons=[{"code": "amount_eur:high", "text": "The amount is „high“"}],
    problems=["Age: 130 is outside 18 to 100 years"],
    inputs={"amount_eur": 1e4 / 3, "age_years": 130, "purpose": 'Möbel\t"neu"', "opened_on": "2024-03-31", "job": None},
)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'decisions.db'}"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def log(url: str) -> Iterator[DecisionLog]:
    with closing(DecisionLog(url)) as opened:
        yield opened


def as_administrator(url: str, *statements: str) -> list[tuple]:
    """Run SQL with every trigger of ours out of the way; the rows of the last statement, if it has any."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {trigger}")
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_a_decision_comes_back_to_the_last_bit(log):
    random = Random(7)
    floats = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, 1 / 3, 600.0]
    floats += [struct.unpack("d", random.randbytes(7) + b"\x3f")[0] for _ in range(200)]  # finite: top byte 0x3f
    given = [replace(EXAMPLE, prob_default=x, score_points=-x, inputs=EXAMPLE.inputs | {"x": x}) for x in floats]

    logged = log.append(given)

    log.close()
    read = list(log.read(range(1, len(given) + 1)))
    assert [struct.pack("d", row.decision.prob_default) for row in read] == [struct.pack("d", x) for x in floats]
    assert read == logged
    assert [row.decision for row in read] == given


def test_every_hash_is_the_sha256_of_the_row_and_the_hash_before(log, url):
    before = datetime.now(UTC)
    first, second = log.append([EXAMPLE, replace(EXAMPLE, application_id="A-2")])
    assert before <= first.decided_at <= datetime.now(UTC)
    assert (first.seq, first.prev_hash) == (1, GENESIS)
    assert (second.seq, second.prev_hash) == (2, first.hash)
    assert log.head() == (2, second.hash)

    assert second.hash == documented_hash(url, 2)


EVENT_COLUMNS = ["seq", "at", "kind", "actor", "role", "is_automatic", "version", "policy_version", "prob_default",
                 "verdict", "refers_to", "commitment", "prev_hash", "hash"]  # fmt: skip


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def documented_hash(url: str, seq: int) -> str:
    """What the page on the decision log says: digests of version and labels, the commitment, then one fixed record."""
    [row] = as_administrator(url, f"SELECT {', '.join(EVENT_COLUMNS)} FROM events WHERE seq = {seq}")
    row = dict(zip(EVENT_COLUMNS, row, strict=True))
    columns = "model, model_version, scorer_sha256, fields, reasons"
    [version] = as_administrator(url, f"SELECT {columns} FROM versions WHERE seq = {row['version']}")
    of_version = sha256(compact([*version[:3], *map(json.loads, version[3:])])).hexdigest()
    kind, actor, role, is_automatic, policy, verdict = (
        row[name] for name in ("kind", "actor", "role", "is_automatic", "policy_version", "verdict")
    )
    labels = sha256(compact([kind, actor, role, bool(is_automatic), of_version, policy, verdict])).digest()
    [contents] = as_administrator(url, f"SELECT salt, application_id, payload FROM contents WHERE seq = {seq}")
    assert row["commitment"] == sha256(contents[0] + contents[1].encode() + b"\0" + contents[2]).digest()
    fixed = struct.pack(">qqq?d", row["seq"], row["at"], row["refers_to"] or 0, True, row["prob_default"])
    return sha256(fixed + labels + row["commitment"] + row["prev_hash"]).hexdigest()


@pytest.mark.parametrize("table", ["events", "contents", "versions"])
def test_the_database_refuses_to_change_or_remove_a_row(log, url, table):
    log.append([EXAMPLE])
    log.note("serving", "", "simulated")
    statements = [f"UPDATE {table} SET seq = 7", f"DELETE FROM {table}"]
    if url.startswith("sqlite"):
        statements.append(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
        connection, refusal = sqlite3.connect(url.removeprefix("sqlite:///")), sqlite3.IntegrityError
    else:
        statements.append(f"TRUNCATE {table}")
        connection, refusal = psycopg.connect(url), psycopg.errors.RaiseException
    with closing(connection):
        for statement in statements:
            with pytest.raises(refusal, match="never changed or removed"):
                connection.execute(statement)
            connection.rollback()


def other_values(url: str) -> dict[tuple[str, str], str]:
    """Another value for every column of the log but the numbers, by table and column."""
    blob = "'\\x6f74686572'" if url.startswith("postgresql") else "x'6f74686572'"
    hashed = "'\\x" + "5c" * 32 + "'" if url.startswith("postgresql") else "x'" + "5c" * 32 + "'"
    events = dict.fromkeys(["kind", "actor", "role", "policy_version", "verdict"], "'other'") | {
        "at": "1", "is_automatic": "false", "version": "2", "prob_default": "0.30000000000000010", "refers_to": "1",
        "commitment": hashed, "prev_hash": hashed, "hash": hashed,
    }  # fmt: skip
    contents = {"application_id": "'other'", "salt": blob, "payload": blob}
    versions = dict.fromkeys(["model", "model_version", "scorer_sha256", "fields", "reasons"], "'[]'")
    tables = {"events": events, "contents": contents, "versions": versions}
    return {(table, name): other for table, columns in tables.items() for name, other in columns.items()}


def as_literal(url: str, value: object) -> str:
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'" if url.startswith("postgresql") else f"x'{value.hex()}'"
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def test_a_changed_value_in_any_column_is_found(log, url):
    log.append([replace(EXAMPLE, application_id="A-1", model_version="2")])
    log.append([replace(EXAMPLE, application_id=f"A-{number}") for number in (2, 3)])
    others = other_values(url)
    for (table, column), other in others.items():
        [(before,)] = as_administrator(url, f"SELECT {column} FROM {table} WHERE seq = 2")
        as_administrator(url, f"UPDATE {table} SET {column} = {other} WHERE seq = 2")
        if column == "version":
            as_administrator(url, "UPDATE events SET version = 1 WHERE seq = 2")
        found = log.verify()
        assert found.n_checked == 1, column
        assert found.broken == "entry 2 was changed after it was written: its hash does not fit its contents.", column
        as_administrator(url, f"UPDATE {table} SET {column} = {as_literal(url, before)} WHERE seq = 2")
        assert log.verify().broken is None, column
    for table in ("events", "contents", "versions"):
        [(n_columns,)] = as_administrator(
            url, "SELECT count(*) FROM " + (f"pragma_table_info('{table}')" if url.startswith("sqlite") else
            f"information_schema.columns WHERE table_name = '{table}'"))  # fmt: skip
        # All but the number itself, which is next.
        assert n_columns == sum(name == table for name, _ in others) + 1


def test_a_removed_or_renumbered_decision_is_found(log, url):
    log.append([EXAMPLE] * 4)
    as_administrator(url, "DELETE FROM events WHERE seq = 3")
    assert log.verify().broken == "entry 3 is gone: the next one in the log is entry 4."
    as_administrator(url, "UPDATE events SET seq = 3 WHERE seq = 4")
    assert log.verify().broken == "entry 3 was changed after it was written: its hash does not fit its contents."


def test_a_decision_written_anew_with_a_fitting_hash_breaks_the_next_link(log, url):
    log.append([EXAMPLE] * 3)
    as_administrator(url, "UPDATE events SET verdict = 'decline' WHERE seq = 2")
    forged = as_literal(url, bytes.fromhex(documented_hash(url, 2)))
    as_administrator(url, f"UPDATE events SET hash = {forged} WHERE seq = 2")
    found = log.verify()
    assert found.n_checked == 2
    assert found.broken == "entry 3 does not follow from entry 2: one of the two was written anew."


def test_negative_zero_is_logged_as_zero(log):
    # SQLite would drop the sign after it was hashed.
    log.append([replace(EXAMPLE, prob_default=-0.0)])
    assert log.verify().broken is None


def test_only_a_head_noted_elsewhere_shows_a_cut_off_tail(log, url):
    first_two = log.append([EXAMPLE] * 2)
    log.append([EXAMPLE])
    noted = log.head()
    as_administrator(url, "DELETE FROM events WHERE seq = 3")
    assert log.verify().broken == "there are contents of entry 3, and no such entry."
    as_administrator(url, "DELETE FROM contents WHERE seq = 3")
    assert log.verify().broken is None
    notes = [("report A", noted), ("report B", (2, first_two[1].hash)), ("report C", (7, "5c" * 32))]
    assert log.verify(notes).broken == ("entry 3, noted by report A and 1 more, is gone: the log ends at entry 2.")
    # This process knows better than to go on; another one does not.
    with closing(DecisionLog(url)) as other:
        other.append([EXAMPLE])
    assert log.verify(notes).broken == (
        "entry 3 does not have the hash that report A noted for it: the log was written anew, or the note changed."
    )


def test_a_noted_head_stays_good_while_the_log_grows(log):
    assert log.head() == (0, GENESIS)
    assert log.verify([("an empty log", (0, GENESIS))]).broken is None
    log.append([EXAMPLE])
    noted = log.head()
    last = log.append([EXAMPLE] * 2)[-1]
    found = log.verify([("an empty log", (0, GENESIS)), ("a report", noted), ("another", noted)])
    assert (found.n_checked, found.head_hash, found.broken) == (3, last.hash, None)


def test_a_list_of_several_chunks_is_one_gapless_chain(log):
    n_rows = 2 * CHUNK_ROWS + 1
    logged = log.append([EXAMPLE] * n_rows)
    assert [row.seq for row in logged] == list(range(1, n_rows + 1))
    seen: list[int] = []
    assert log.verify(on_progress=seen.append).n_checked == n_rows
    assert seen == [*range(BLOCK_ROWS, n_rows, BLOCK_ROWS), n_rows]


def test_a_window_holds_one_model_after_a_number_with_a_column_for_every_input(log):
    log.append([EXAMPLE, replace(EXAMPLE, model="other"), replace(EXAMPLE, inputs={"amount_eur": 5.0}), EXAMPLE])
    [block] = log.window("simulated", after_seq=1, until_seq=4)
    window = block.frame
    assert window.columns == ["seq", "decided_at", "model_version", "prob_default", "verdict", *EXAMPLE.inputs]
    assert window["seq"].to_list() == [3, 4]
    assert window["amount_eur"].to_list() == [5.0, 1e4 / 3]
    assert window["age_years"].to_list() == [None, 130]
    assert window["decided_at"].to_list() == [log.get(3).decided_at, log.get(4).decided_at]
    assert list(log.window("simulated", after_seq=4, until_seq=4)) == []
    assert list(log.window("simulated", until_seq=4, since=datetime.now(UTC) + timedelta(days=1))) == []


def test_an_application_decided_about_again_counts_once_by_its_last_decision(log):
    ids = ["A", "B", "A", "A", "C"]
    log.append([replace(EXAMPLE, application_id=one) for one in ids])
    [block] = log.window("simulated", until_seq=4, once=True)
    assert (block.frame["seq"].to_list(), block.n_again) == ([2, 4], 2)
    # What comes after the window is not of it, nor is what another model decided.
    log.append([replace(EXAMPLE, application_id="B", model="other")])
    [block] = log.window("simulated", after_seq=1, until_seq=6, once=True)
    assert (block.frame["seq"].to_list(), block.n_again) == ([2, 4, 5], 1)
    [block] = log.window("simulated", until_seq=4)
    assert (block.frame["seq"].to_list(), block.n_again) == ([1, 2, 3, 4], 0)


def test_verdicts_are_counted(log):
    assert log.counts_by_verdict() == {}
    log.append([EXAMPLE, replace(EXAMPLE, verdict="refer"), EXAMPLE])
    assert log.counts_by_verdict() == {"approve": 2, "refer": 1}


def test_outcomes_stand_beside_their_decisions_and_days_beside_their_verdicts(log):
    assert list(log.labelled("simulated")) == []
    assert log.verdicts_by_day("simulated", once=True).is_empty()
    log.append([replace(EXAMPLE, application_id=one) for one in ("A", "B", "A", "C")])
    log.append([replace(EXAMPLE, application_id="A", model="other", verdict="refer")])
    known = [("A", True, "simulated"), ("B", False, ""), ("C", True, ""), ("C", False, "simulated")]
    log.record_outcomes([Outcome(one, is_bad, date(2025, 1, 31), model) for one, is_bad, model in known])
    [block] = log.labelled("simulated", fields=["amount_eur"], once=True)
    assert block.columns == [
        "seq", "decided_at", "model_version", "prob_default", "verdict", "amount_eur", "is_default", "observed_on",
    ]  # fmt: skip
    assert block.select("seq", "is_default").rows() == [(2, False), (3, True), (4, False)]
    assert block["decided_at"].to_list() == [log.get(seq).decided_at for seq in (2, 3, 4)]
    assert list(log.labelled("simulated", since=datetime.now(UTC) + timedelta(days=1))) == []
    days = log.verdicts_by_day("simulated", once=True)
    assert days["verdict"].unique().to_list() == [EXAMPLE.verdict]
    assert (days["n_decisions"].sum(), days["day"].to_list()[0]) == (3, log.get(1).decided_at.date())
    assert log.verdicts_by_day("simulated")["n_decisions"].sum() == 4


def test_outcomes_come_back_in_the_order_of_recording(log):
    assert log.outcomes().is_empty()
    log.record_outcomes([Outcome("A-1", is_default=False, observed_on=date(2025, 1, 31))])
    log.record_outcomes([Outcome("A-1", is_default=True, observed_on=date(2025, 2, 28), model="simulated")])
    assert log.outcomes().rows() == [
        ("A-1", "", False, date(2025, 1, 31)),
        ("A-1", "simulated", True, date(2025, 2, 28)),
    ]


def test_outcomes_of_what_was_never_scored_are_named_by_position(log):
    outcome = Outcome("A-1", is_default=False, observed_on=date(2025, 1, 31))
    assert log.never_scored([outcome]) == [1]
    log.append([replace(EXAMPLE, application_id=f"A-{n}") for n in range(1, 5_001)])
    others = [replace(outcome, application_id=f"A-{n}") for n in range(2, 5_002)]
    assert log.never_scored([outcome, replace(outcome, model="simulated"), *others]) == [5_002]
    assert log.never_scored([replace(outcome, model="another"), outcome]) == [1]


APPEND_AND_SAY_SO = """
import sys
from creditrisk.decision_log import Decision, DecisionLog
url, n_appends = sys.argv[1], int(sys.argv[2])
log = DecisionLog(url)
decision = Decision("api", "A", "m", "1", "", 0.1, 600.0, "approve", "green", 0.9, [], [], {"amount_eur": 1.5})
for number in range(n_appends):
    for logged in log.append([decision] * (1 if number % 2 else 30)):
        print(logged.seq, logged.hash, flush=True)
"""


# The long run, by hand: CREDITRISK_APPENDS=2000.
N_APPENDS = int(os.environ.get("CREDITRISK_APPENDS", "20"))


def appender(url: str, n_appends: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", APPEND_AND_SAY_SO, url, str(n_appends)], stdout=subprocess.PIPE, text=True
    )


def test_processes_and_threads_append_to_one_chain_from_the_first_moment(log, url):
    processes = [appender(url, N_APPENDS) for _ in range(3)]
    n_each = N_APPENDS // 2 * (30 + 1)
    with ThreadPoolExecutor(4) as threads:
        in_threads = [logged.seq for [logged] in threads.map(log.append, [[EXAMPLE]] * 100)]
    answers = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    in_processes = [int(line.split()[0]) for answer in answers for line in answer.splitlines()]
    assert sorted(in_threads + in_processes) == list(range(1, 3 * n_each + 100 + 1))
    found = log.verify()
    assert (found.n_checked, found.broken) == (3 * n_each + 100, None)


@pytest.mark.parametrize("n_answers_before", [1, 45, 200])
def test_every_answered_decision_survives_kill_9_and_the_log_goes_on(log, url, n_answers_before):
    process = appender(url, 1_000_000)
    answers = [process.stdout.readline() for _ in range(n_answers_before)]
    process.send_signal(signal.SIGKILL)
    answers += process.communicate()[0].splitlines(keepends=True)
    assert process.returncode == -signal.SIGKILL

    answered = [line.split() for line in answers if line.endswith("\n")]
    assert len(answered) >= n_answers_before
    logged = {row.seq: row.hash for row in log.read(range(1, log.head()[0] + 1))}
    assert all(logged[int(seq)] == digest for seq, digest in answered)
    assert log.verify().broken is None
    [after] = log.append([EXAMPLE])
    assert after.seq == len(logged) + 1
    assert log.verify([("a report", log.head())]).n_checked == after.seq


IN_THREADS = """
import sys
from threading import Thread
from creditrisk.decision_log import Decision, DecisionLog
log = DecisionLog(sys.argv[1])
decision = Decision("api", "A", "m", "1", "", 0.1, 600.0, "approve", "green", 0.9, [], [], {"amount_eur": 1.5})
def append():
    while True:
        [logged] = log.append([decision])
        sys.stdout.write(f"{logged.seq} {logged.hash}\\n")
        sys.stdout.flush()
for _ in range(8):
    Thread(target=append).start()
"""
# The long run, by hand: CREDITRISK_KILLS=100.
N_KILLS = int(os.environ.get("CREDITRISK_KILLS", "3"))


def test_every_decision_answered_out_of_a_group_survives_kill_9(log, url):
    random, answered = Random(5), {}
    for _ in range(N_KILLS):
        process = subprocess.Popen([sys.executable, "-c", IN_THREADS, url], stdout=subprocess.PIPE, text=True)
        lines = [process.stdout.readline() for _ in range(random.randint(1, 60))]
        time.sleep(random.random() / 50)
        process.kill()
        lines += process.communicate()[0].splitlines(keepends=True)
        answered |= {int(line.split()[0]): line.split()[1] for line in lines if line.endswith("\n")}
    assert log.verify().broken is None
    logged = {row.seq: row.hash for row in log.read(range(1, log.head()[0] + 1))}
    assert all(logged[seq] == digest for seq, digest in answered.items())


def test_appends_that_wait_for_one_sync_are_written_with_the_next(log, monkeypatch):
    log.append([EXAMPLE])
    groups, transaction = [], log.store.transaction

    @contextmanager
    def slow(**how):
        with transaction(**how) as connection:
            time.sleep(0.2)
            yield connection
        groups.append(how)

    monkeypatch.setattr(log.store, "transaction", slow)
    with ThreadPoolExecutor(8) as threads:
        seqs = [logged.seq for [logged] in threads.map(log.append, [[EXAMPLE]] * 8)]
    assert sorted(seqs) == list(range(2, 10))
    assert len(groups) <= 4  # the first alone, and those that waited meanwhile together
    assert log.verify().broken is None


def test_erasure_and_pruning_keep_the_chain(log, url):
    log.append([replace(EXAMPLE, application_id=f"A-{n}") for n in range(1, 101)])
    assert erase(log, "A-7", why="asked").n_erased == 1
    assert prune(log, datetime.now(UTC), why="old").n_erased == 99
    found = log.verify()
    assert (found.broken, found.n_decisions, found.n_erased) == (None, 100, 100)
    assert as_administrator(url, "SELECT count(*) FROM contents WHERE application_id IS NOT NULL") == [(0,)]


@pytest.mark.parametrize("loss", ["DELETE FROM events", "DELETE FROM events WHERE seq = 3"])
def test_a_log_whose_last_rows_are_gone_takes_no_decision_until_they_are_back(log, url, loss):
    log.append([EXAMPLE] * 3)
    as_administrator(url, "CREATE TABLE copy AS SELECT * FROM events", loss)
    for write in (lambda: log.append([EXAMPLE]), log.check_writable):
        with pytest.raises(DecisionLogError, match="does not hold entry 3, which was there before"):
            write()
    as_administrator(url, "DELETE FROM events", "INSERT INTO events SELECT * FROM copy")
    log.check_writable()
    assert log.append([EXAMPLE])[0].seq == 4
    assert log.verify().broken is None


def test_a_log_put_back_from_an_older_copy_takes_no_decision(log, url):
    log.append([EXAMPLE] * 2)
    as_administrator(url, "CREATE TABLE copy AS SELECT * FROM events")
    log.append([EXAMPLE])
    as_administrator(url, "DELETE FROM events", "INSERT INTO events SELECT * FROM copy")
    as_administrator(url, "DELETE FROM contents WHERE seq = 3")
    with closing(DecisionLog(url)) as other:
        other.append([EXAMPLE] * 2)  # decision 3 is there again, and is another one
    with pytest.raises(DecisionLogError, match="does not hold entry 3"):
        log.append([EXAMPLE])


def test_decisions_of_other_processes_do_not_make_a_log_look_like_another_one(log, url):
    log.append([EXAMPLE])
    with closing(DecisionLog(url)) as other:
        other.append([EXAMPLE] * 3)
    assert log.append([EXAMPLE])[0].seq == 5


def test_a_log_that_others_hold_is_waited_for_side_by_side_and_not_for_long(postgres_url, monkeypatch):
    monkeypatch.setattr("creditrisk.decision_log.store.WRITE_SECONDS", 1.5)
    with closing(DecisionLog(postgres_url)) as log, psycopg.connect(postgres_url) as other:
        log.append([EXAMPLE])
        other.execute(store._LOCK.format(wait=1_000))

        def wait(_number: int) -> float:
            before = time.monotonic()
            with pytest.raises(DecisionLogError, match=r"held by somebody else: for 1\.5 s"):
                log.append([EXAMPLE])
            return time.monotonic() - before

        with ThreadPoolExecutor(6) as clients:
            assert max(clients.map(wait, range(6))) < 3
        with pytest.raises(DecisionLogError, match="held by somebody else: for 1 s"):
            log.check_writable()
        assert log.head()[0] == 1
        other.rollback()
        log.check_writable()


def test_a_log_that_may_only_be_read_is_not_ready(postgres_url):
    with closing(DecisionLog(postgres_url)) as log:
        log.append([EXAMPLE])
        log.check_writable()
        [(name,)] = as_administrator(postgres_url, "SELECT current_database()")
        as_administrator(postgres_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        log.close()
        with pytest.raises(DecisionLogError, match="may only be read"):
            log.check_writable()


def test_a_database_that_is_away_is_named_without_its_password(postgres_url):
    away = postgres_url.rsplit(":", 1)[0] + ":1/decisions"
    with pytest.raises(DecisionLogError, match=r"postgresql://127\.0\.0\.1:1/decisions .*refused") as caught:
        DecisionLog(away).append([EXAMPLE])
    assert "only-for-tests" not in str(caught.value)
    assert "A-1" not in str(caught.value)


def test_the_log_is_read_for_people_in_either_database(log):
    log.append([EXAMPLE, replace(EXAMPLE, channel="batch", application_id="it's 100 %")])
    log.record_outcomes([Outcome("it's 100 %", True, date(2026, 3, 31))])
    log.note("batch", "simulated/abc", "2026-10-31 3")
    today = datetime.now(UTC).date()
    listed = list_decisions(log, Wanted("approve", ("simulated", "3"), "batch", today), skip=0, at_most=5)
    assert [(item.seq, item.application_id, item.channel) for item in listed] == [(2, "it's 100 %", "batch")]
    assert [event.kind for event in events_about(log, "it's 100 %")] == ["decision", "outcome"]
    assert [item.day for item in begun_batches(log, at_most=5)] == ["2026-10-31"]
    assert events_about(log, "A-1\0") == list_decisions(log, Wanted("approve\0"), skip=0, at_most=5) == []
    erase(log, "it's 100 %", why="asked for it")
    decision, _, erasure = events_numbered(log, [2, 3])
    assert decision.erased_on == erasure.at
