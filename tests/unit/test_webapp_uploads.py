import threading
from dataclasses import replace

import polars as pl
import pytest

from creditrisk.decision_log import Actor
from creditrisk.pages.palette import VERDICT_LOOKS
from creditrisk.quality import check
from creditrisk.scoring import Policy, Stop, reason_text, what_would_change
from creditrisk.sources import parse_upload
from creditrisk.text import push_words
from webapp import upload_scoring, uploads
from webapp.errors import BusyError
from webapp.pages import case, scored_file, shell
from webapp.pages.wording import range_words, risk_words
from webapp.scoring import CHUNK_ROWS
from webapp.serving import ServingState
from webapp.upload_files import Details
from webapp.uploads import Uploads

CSV = b"client,age_years,amount_eur,income_eur,housing\nA7,61,2000,52000,own\nA8,abc,2000,,rent\n"


@pytest.fixture
def context(corner_app):
    return corner_app.extensions["creditrisk"]


def begin(kept, context, content, filename):
    """Start on a file that is kept apart from those of the app."""
    return upload_scoring.begin(replace(context, uploads=kept), content, filename, Actor("the tests"))


def test_a_result_is_found_under_its_name_and_no_other(context):
    kept = Uploads(context.settings.home)
    name, work = begin(kept, context, CSV, "clients.csv")
    work.result(timeout=30)
    upload = kept.get(name)
    assert upload.record.state == "done"
    result = upload_scoring.result_of(context, upload)
    assert (upload.record.n_rows, result.scored.height, len(result.checked.rejected)) == (2, 1, 1)
    assert kept.get("another name") is None
    assert kept.get(None) is None


def test_a_result_is_forgotten_when_its_time_is_over(context):
    kept = Uploads(context.settings.home, lifetime_seconds=0)
    name, work = begin(kept, context, CSV, "clients.csv")
    work.result(timeout=30)
    assert kept.get(name) is None


def test_the_oldest_results_make_room_for_new_ones(context, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_KEPT", 2)
    kept = Uploads(context.settings.home)
    names = []
    for _ in range(4):
        name, work = begin(kept, context, CSV, "clients.csv")
        work.result(timeout=30)
        names.append(name)
    assert [kept.get(name) is not None for name in names] == [False, False, True, True]


def test_when_too_many_files_wait_the_next_is_refused(context, monkeypatch):
    gate = threading.Event()

    def wait_then_parse(*args, **kwargs):
        gate.wait(30)
        return parse_upload(*args, **kwargs)

    monkeypatch.setattr(upload_scoring, "parse_upload", wait_then_parse)
    kept = Uploads(context.settings.home)
    works = [begin(kept, context, CSV, "clients.csv")[1] for _ in range(uploads.MOST_WAITING)]
    with pytest.raises(BusyError, match="try again in a minute"):
        begin(kept, context, CSV, "clients.csv")
    # Another process of the app counts the same files.
    assert Uploads(context.settings.home).n_unfinished() == uploads.MOST_WAITING
    gate.set()
    for work in works:
        work.result(timeout=30)
    begin(kept, context, CSV, "clients.csv")[1].result(timeout=30)


def test_a_stopped_upload_keeps_what_was_scored_and_logged_until_then(context, monkeypatch):
    lines = [b"client,age_years,amount_eur,income_eur,housing", *[b"A,61,2000,52000,own"] * 5000]
    begun, stopped = threading.Event(), threading.Event()

    def score_and_wait(*args, **kwargs):
        for chunk in uploads_score(*args, **kwargs):
            begun.set()
            stopped.wait(30)
            yield chunk

    uploads_score = upload_scoring.score_in_chunks
    monkeypatch.setattr(upload_scoring, "score_in_chunks", score_and_wait)
    kept = Uploads(context.settings.home)
    name, work = begin(kept, context, b"\n".join(lines), "clients.csv")
    assert begun.wait(30)
    # Whichever process is asked to stop it: another one than works on it, say.
    upload_scoring.stop(replace(context, uploads=Uploads(context.settings.home)), name)
    stopped.set()
    work.result(timeout=30)
    upload = kept.get(name)
    assert (upload.record.state, upload.record.n_done) == ("stopped", CHUNK_ROWS)
    assert upload_scoring.result_of(context, upload).scored.height == CHUNK_ROWS
    assert context.log.head()[0] == CHUNK_ROWS


def test_a_failure_inside_the_app_tells_the_clerk_what_to_do_and_the_log_nothing_personal(context, monkeypatch, caplog):
    def fail(*_args, **_kwargs):
        raise ValueError("Anna Schmidt, born 1969")

    monkeypatch.setattr(upload_scoring.datasets, "check", fail)
    kept = Uploads(context.settings.home)
    name, work = begin(kept, context, CSV, "clients.csv")
    work.result(timeout=30)
    upload = kept.get(name)
    assert upload.record.state == "failed"
    assert "try again" in upload.details.message
    assert "Anna" not in upload.details.message + caplog.text
    assert "ValueError" in caplog.text


# What the page makes of it


def words_of(component) -> str:
    """All text of a component, in reading order."""
    if component is None or isinstance(component, str | int | float):
        return str(component or "")
    if isinstance(component, list | tuple):
        return " ".join(words_of(part) for part in component)
    return words_of(getattr(component, "children", ""))


def shown(scorer, content: bytes) -> str:
    checked = check(parse_upload(content, filename="c.csv", max_rows=10), scorer.schema)
    scored = scorer.score(checked.accepted)
    n_rows = checked.raw.height
    details = Details("c.csv", len(content), 0.0, "the tests", "clerk", name="x")
    return words_of(scored_file.result(checked, scored, scorer.schema, details=details, n_done=n_rows, assigned={}))


def test_a_partly_failed_file_says_which_cell_what_was_expected_and_that_the_others_were_scored(corner_scorer):
    text = shown(corner_scorer, CSV)
    assert "1 row could not be scored. The other 1 client was scored." in text
    assert "'abc' is not a number" in text
    assert "a whole number of years from 18 to 100" in text
    assert "1 row needs your attention" in text


def test_above_the_result_stands_how_the_file_was_read(corner_scorer):
    row = "A7;61;1.200,50;;own\n"
    text = shown(corner_scorer, f"client;age_years;amount_eur;income_eur;housing\n{row}".encode())
    assert "Amounts read with a decimal comma." in text
    assert "Amounts" not in shown(corner_scorer, CSV)


def test_one_line_says_why_words_differ_from_those_of_the_file(corner_scorer):
    why = "Some words differ from the file's own: its list had mixed codes up."
    assert why not in shown(corner_scorer, CSV)
    assert why in shown(replace(corner_scorer, schema=replace(corner_scorer.schema, wording=why)), CSV)


def test_the_header_calls_the_model_by_its_title(corner_scorer):
    titled = replace(corner_scorer, name="german_credit", schema=replace(corner_scorer.schema, title="German credit"))
    text = words_of(shell.status(ServingState(titled, registry_problem="")))
    assert "German credit" in text
    assert "german_credit" not in text


def test_a_wholly_failed_file_shows_no_table_and_opens_the_list(corner_scorer):
    text = shown(corner_scorer, CSV.replace(b"61", b"old"))
    assert "none of them could be scored" in text
    assert "Download result" in text
    assert "Expected loss" not in text


def test_an_unusual_value_is_named_beside_the_client(corner_scorer):
    assert "Client A7: Age: 161 is outside 18 to 100 years" in shown(corner_scorer, CSV.replace(b"61", b"161"))


def client_of(scorer, application, row):
    """A client of whom nothing is said that would change the verdict."""
    return case.Client(row, application, scorer.explain(application), [], scorer)


def test_the_case_says_risk_sureness_and_pushes_in_words(corner_scorer):
    checked = check(parse_upload(CSV, filename="c.csv", max_rows=10), corner_scorer.schema)
    scored = corner_scorer.score(checked.accepted)
    text = words_of(case.case(client_of(corner_scorer, checked.accepted, scored.row(0, named=True))))
    assert "similar applicants did not repay." in text
    assert "Scored by Corner lender v" in text
    row = scored.row(0, named=True)
    assert f"Likely {range_words(row['prob_default_low'], row['prob_default_high'])} of 100." in text
    assert "Income: high: 52,000 EUR" in [reason_text(reason) for reason in row["strengths"]]
    assert "What speaks for this client" in text
    assert ("What speaks against" in text) == bool(row["reasons"])
    for reason in [*row["strengths"], *row["reasons"]]:
        for words in (reason_text(reason), push_words(reason["push"]), reason["typical"]):
            assert words in text


def test_a_verdict_referred_for_doubt_says_what_the_risk_points_to(corner_scorer):
    checked = check(parse_upload(CSV, filename="c.csv", max_rows=10), corner_scorer.schema)
    [row] = corner_scorer.score(checked.accepted.head(1)).to_dicts()
    doubtful = {**row, "verdict": "refer", "prob_default": 0.13, "confidence": 0.57}
    text = words_of(case.case(client_of(corner_scorer, checked.accepted.head(1), doubtful)))
    assert "too close, 57 %" in text
    assert "The risk points to an offer, but would have stayed one in only 57 of 100 trainings" in text


def test_without_an_offer_what_raised_the_risk_comes_first(corner_scorer):
    csv = b"client,age_years,amount_eur,income_eur,housing\nA7,20,19000,12000,rent\n"
    accepted = check(parse_upload(csv, filename="c.csv", max_rows=10), corner_scorer.schema).accepted
    row = corner_scorer.score(accepted).row(0, named=True)
    assert (row["verdict"], row["strengths"]) == ("decline", [])
    pushes = corner_scorer.explain(accepted).with_columns(push=pl.when(pl.col("field") == "age_years").then(-0.03))
    text = words_of(case.case(replace(client_of(corner_scorer, accepted, row), pushes=pushes)))
    assert text.index("What raised the risk") < text.index("Income: low: 12,000 EUR")
    assert "What lowered the risk Age: 20 years -3 of 100" in text


def test_what_would_change_a_verdict_is_offered_and_what_is_tried_is_told_from_what_was_decided(corner_scorer):
    csv = b"client,age_years,amount_eur,income_eur,housing\nA7,30,19000,30000,own\n"
    accepted = check(parse_upload(csv, filename="c.csv", max_rows=10), corner_scorer.schema).accepted
    row = corner_scorer.score(accepted).row(0, named=True)
    [found] = what_would_change(corner_scorer, accepted, row["verdict"])
    client = replace(client_of(corner_scorer, accepted, row), what_ifs=[found])
    look = VERDICT_LOOKS[found.verdict]
    assert f"Loan amount: {found.value:,.0f} EUR {look.words}" in words_of(case.case(client))
    tried = words_of(case.answer(client, found))
    assert tried.startswith(look.words)
    assert f"As it was asked for: 19,000 EUR, {VERDICT_LOOKS[row['verdict']].word}" in tried
    assert case.spoken(client, found) == (
        f"Client A7 with loan amount: {found.value:,.0f} EUR: {look.word}, {risk_words(found.prob_default)}."
    )
    assert "No other loan amount alone leads to a better verdict." in words_of(case.case(replace(client, what_ifs=[])))
    for reason in row["reasons"]:
        assert reason["text"] in case.spoken(client)


def test_while_scoring_is_stopped_nobody_is_told_to_correct_anything(corner_scorer):
    csv = b"client,age_years,amount_eur,income_eur,housing\nA7,30,19000,30000,own\n"
    accepted = check(parse_upload(csv, filename="c.csv", max_rows=10), corner_scorer.schema).accepted
    stopped = replace(corner_scorer, policy=Policy(stop=Stop("26 Nov 2026, 14:02 UTC", "Ana", "The data are wrong.")))
    text = words_of(case.case(client_of(stopped, accepted, stopped.score(accepted).row(0, named=True))))
    assert "Nothing while scoring is stopped: a colleague decides." in text
    why = [stopped.policy.stop.sentence]
    assert "but scoring is stopped: a colleague decides." in case.sureness("refer", "decline", 0.99, why)
    assert "unusual" not in text


def test_a_stop_is_said_once_and_makes_no_client_unusual(corner_scorer):
    stop = Stop("26 Nov 2026, 14:02 UTC", "Ana", "The data are wrong.")
    stopped = replace(corner_scorer, policy=Policy(stop=stop))
    told = f"{stop.sentence} 2 clients were left to a colleague for that alone."
    two = CSV.replace(b"abc", b"30")
    assert told in shown(stopped, two)
    assert "unusual value" not in shown(stopped, two)
    odd = shown(stopped, two.replace(b"61", b"161"))
    assert told.replace("2 clients were", "1 client was") in odd
    assert "1 client with an unusual value" in odd
    assert "Client A7: Age: 161 is outside 18 to 100 years" in odd


def test_the_figure_that_is_explained_is_one_of_the_bars(corner_scorer):
    accepted = check(parse_upload(CSV, filename="c.csv", max_rows=10), corner_scorer.schema).accepted
    row = corner_scorer.score(accepted).row(0, named=True)
    text = words_of(case.case(client_of(corner_scorer, accepted, row)))
    strongest = max((reason["push"] for reason in [*row["strengths"], *row["reasons"]]), key=abs)
    assert f"{push_words(strongest)}: without it the risk would be" in text


def test_a_verdict_is_never_colour_alone(corner_scorer):
    text = shown(corner_scorer, CSV)
    for words in ("✓ Offer", "? Ask a colleague", "✕ Decline"):
        assert words in text
