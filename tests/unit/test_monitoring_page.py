"""The Monitoring page: what reports found over time, the cases behind one, the archive, and what is away."""

import json
from datetime import UTC, datetime
from urllib.parse import unquote

import polars as pl
import pytest

from creditrisk.metrics import count_profile
from monitoring import alarms, archive
from tests.conftest import corner_home
from tests.integration.test_archive import FIGURES, PAGE, result
from webapp import service_checks, service_links
from webapp.app import create_app
from webapp.pages import report_charts, window_cases

CLIENTS = [
    {"client": f"C{age}", "age_years": age, "amount_eur": 9000, "income_eur": 30000, "housing": "rent"}
    for age in (20, 30, 45, 60)
]
INTERVAL = {"value": 0.8, "low": 0.75, "high": 0.85}
MODEL = "corner_lender"


def report(hour, level=0, **other):
    fields = {"age_years": FIGURES | {"label": "Age", "psi": 0.4, "psi_bound": 0.1, "level": level}}
    return result(hour, model=MODEL, fields=fields, **other)


def keep(settings, *results):
    archives = archive.open_archives(settings.archive_uris)
    pending = archive.pending_folder(settings.home)
    return [
        archive.store(archives, PAGE + bytes([hour]), made, pending=pending).id for hour, made in enumerate(results)
    ]


@pytest.fixture
def app(corner_settings):
    app = create_app(corner_settings)
    app.extensions["creditrisk"].champion.look()
    return app


def call(client, output, inputs, state=(), triggered=""):
    """What a callback of the page answers, as text; `inputs` and `state` as Dash writes them."""
    outputs = [dict(zip(("id", "property"), one.rsplit(".", 1), strict=True)) for one in output.strip(".").split("...")]
    for one in outputs:
        one["id"] = json.loads(one["id"]) if one["id"].startswith("{") else one["id"]
    answer = client.post(
        "/ui/monitoring/_dash-update-component",
        json={
            "output": output,
            "outputs": outputs if output.startswith("..") else outputs[0],
            "inputs": inputs,
            "state": list(state),
            "changedPropIds": [triggered],
        },
    )
    return unquote(json.dumps(answer.json, ensure_ascii=False))


def overview(client):
    inputs = [
        {"id": "model", "property": "data", "value": "x"},
        {"id": "look-again", "property": "n_intervals", "value": None},
    ]
    state = [{"id": "overview-of", "property": "data", "value": ""}]
    return call(client, "..overview.children...overview-of.data..", inputs, state, "model.data")


def archive_list(client):
    inputs = [{"id": "look-again", "property": "interval", "value": 60_000}]
    return call(client, "..found.children...sought-models.children...read-to.data..", inputs, (), "look-again.interval")


def behind(client, report_id):
    part = {"type": "behind", "chart": "table", "report": report_id}
    inputs = [[{"id": part, "property": "n_clicks", "value": 1}]]
    name = json.dumps(part, separators=(",", ":"), sort_keys=True)
    return call(client, "behind.children", inputs, (), f"{name}.n_clicks")


def test_the_page_says_the_status_the_alarm_and_the_figures_of_every_report(app, corner_settings):
    keep(corner_settings, report(6), report(9, level=2, findings=["Age has shifted: more of 24 years or less."]))
    said = overview(app.test_client())
    assert "Corner lender v7: act" in said
    assert '"className": "act"' in said
    assert "Age has shifted: more of 24 years or less." in said
    assert "Age of Corner lender has shifted strongly" in said
    assert "Fields that shifted, 31 Mar 2024, 06:00 to 31 Mar 2024, 09:00. Last: shifted 50 %. Alarms: 1 of 2" in said
    assert "Age has shifted" in archive_list(app.test_client())


def test_a_model_has_one_name_whether_it_serves_or_not(app, corner_settings):
    keep(corner_settings, report(6, level=2), result(7, model="another", title="Another lender"))
    said = overview(app.test_client()) + archive_list(app.test_client())
    assert "Corner lender v7" in said  # a report older than titles, of the model that serves
    assert "Another lender v7" in said
    assert "corner_lender v" not in said
    last = service_checks.last_report(result(7, title="Another lender"), datetime.now(UTC), 0, is_scheduled=False)
    assert "about Another lender v7" in last.said


def test_without_a_report_the_page_says_how_to_make_one(app):
    client = app.test_client()
    for said in (overview(client), archive_list(client)):
        assert "There is no report yet" in said
        assert "make evidently-report-flow" in said


def test_archives_that_are_away_are_not_taken_for_empty_ones(corner_scorer, tmp_path):
    settings = corner_home(corner_scorer, tmp_path)
    keep(settings, report(6))
    (tmp_path / "away").write_text("no folder")
    away, there = f"file://{tmp_path}/away", f"file://{tmp_path}/reports"
    for archives, expected in (
        (away, "That is not the same as no report."),
        (f"{away},{there}", "Not everything could be read"),
    ):
        app = create_app(settings.model_copy(update={"archives": archives}))
        app.extensions["creditrisk"].champion.look()
        said = overview(app.test_client())
        assert expected in said
        assert "There is no report yet" not in said
    assert "Corner lender v7" in said
    assert "Not everything could be read" in archive_list(app.test_client())


def test_a_chart_draws_its_intervals_and_leaves_a_gap_where_there_is_no_figure():
    realised = dict.fromkeys(("auc", "bad_rate", "bad_rate_estimated"), INTERVAL)
    measured = {"level": 0, "alarms": [], "estimated": {"auc": INTERVAL}, "realised": realised}
    results = [report(1, performance=measured), report(2), report(3, performance=measured)]
    auc = next(chart for chart in report_charts.charts_of(results) if chart.title == "How well it ranks")
    svg = report_charts.drawing(auc, 0.5, 1.0)
    # 0.75 to 0.85 on an axis from 0.5 to 1 is half of the height to 30 % of it, from the top.
    assert '<path class="between accent" d="M0.48 50.00V30.00M2.48 50.00V30.00"/>' in svg
    assert '<path class="line accent" d="M0.48 40.00M2.48 40.00"/>' in svg
    assert [report_charts.point_words(point, auc.words) for point in auc.series[1].points] == [
        "0.80 (0.75 to 0.85)", "–", "0.80 (0.75 to 0.85)",
    ]  # fmt: skip


def texts(part):
    """All that stands in a part, as one text."""
    inside = getattr(part, "children", part)
    return (
        "".join(map(texts, inside)) if isinstance(inside, list) else texts(inside) if inside is not part else str(part)
    )


def test_a_figure_that_the_last_report_lacks_is_told_with_its_time():
    measured = {"level": 0, "alarms": [], "estimated": {"auc": INTERVAL}, "realised": None}
    results = [report(1, performance=measured), report(2)]
    times = [report_charts.moment(one["created_at"]) for one in results]
    charts = {chart.title: chart for chart in report_charts.charts_of(results)}
    said = {title: texts(report_charts.figure(chart, ["a", "b"], times)) for title, chart in charts.items()}
    assert "estimated 0.80 (0.75 to 0.85), as of 31 Mar 2024, 01:00" in said["How well it ranks"]
    assert "as of" not in said["Fields that shifted"]


def test_the_chart_of_a_shift_shows_the_figure_that_raised_its_alarm():
    # A PSI of 0.06 is below its line; that the risk lies 0.22 standard deviations away is not.
    score = FIGURES | {"label": "Predicted risk", "psi": 0.06, "distance": 0.22, "mean_reference": 0.1, "level": 1}
    chart = report_charts.charts_of([report(1, score=score)])[0]
    assert [(series.name, series.points[0].value) for series in chart.series] == [("PSI", 0.06), ("distance", 0.22)]
    svg = report_charts.drawing(chart, 0.0, 0.25)
    assert svg.count('d="M0.50 ') == 4  # two figures of one report stand above each other
    assert "By 0.22 standard deviations, where 0.10 matters. PSI 0.06" in alarms.how_far(score)


def test_one_field_is_shown_over_time(app, corner_settings):
    other = {"amount_eur": FIGURES | {"label": "Amount", "psi": 0.2, "level": 1}}
    results = [report(6), report(9, level=2)]
    results[0]["fields"] |= other
    keep(corner_settings, *results)
    client = app.test_client()
    assert "Shift of Age, 31 Mar 2024, 06:00 to 31 Mar 2024, 09:00. Last: PSI 0.40" in overview(client)
    part = {"type": "field-over-time", "value": "amount_eur"}
    name = json.dumps(part, separators=(",", ":"), sort_keys=True)
    inputs = [[{"id": part, "property": "n_clicks", "value": 1}]]
    said = call(client, "one-field.children", inputs, (), f"{name}.n_clicks")
    assert "Shift of Amount, 31 Mar 2024, 06:00 to 31 Mar 2024, 09:00. Last: no figure." in said
    assert "PSI 0.20, as of 31 Mar 2024, 06:00" in said


def decide(app):
    client = app.test_client()
    assert client.post("/api/v1/score", json={"applications": CLIENTS}).status_code == 200
    return app.extensions["creditrisk"]


def test_a_report_shows_the_decisions_of_its_window_and_only_those(app, corner_settings):
    decide(app)
    [report_id] = keep(corner_settings, report(6, first_seq=2, last_seq=3, model_version="3"))
    said = behind(app.test_client(), report_id)
    assert "2 decisions." in said
    assert [client["client"] in said for client in CLIENTS] == [False, True, True, False]
    assert "20240331T060000Z" in said  # the button that shows its page


def test_cases_fall_into_the_bins_of_the_reference(app):
    context = decide(app)
    scorer = context.scorer()
    cases = window_cases.read_cases(context.log, report(6, first_seq=1, last_seq=4))
    assert [logged.seq for logged in cases.decisions] == [4, 3, 2, 1]
    entry, field = window_cases.entry_of(scorer, "age_years"), scorer.schema.features[0]
    in_bins = window_cases.places(cases.decisions, entry, "age_years")
    bins = window_cases.value_bins(in_bins, entry, field)
    ages = pl.DataFrame({"age_years": [client["age_years"] for client in CLIENTS]})
    counted = count_profile(scorer.profile, ages, pl.Series([0.1] * 4))["fields"]["age_years"]["counts"]
    assert [one.n_cases for one in bins][: len(counted)] == counted
    assert sum(one.share_reference for one in bins) == pytest.approx(1)


def test_a_report_is_shown_in_a_sandbox_that_only_our_pages_may_frame(app, corner_settings):
    [report_id] = keep(corner_settings, report(6))
    client = app.test_client()
    page = client.get(f"/monitoring/reports/{report_id}.html")
    assert page.data.startswith(b"<html>")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts allow-downloads; default-src 'none'; frame-ancestors 'self'")
    assert page.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-src 'self'" in client.get("/monitoring").headers["Content-Security-Policy"]
    for name in ("corner_lender/20240331T090000Z-00000000", "corner_lender/passwd"):
        missing = client.get(f"/monitoring/reports/{name}.html")
        assert missing.status_code == 404
        assert "script-src" not in missing.headers["Content-Security-Policy"]


def test_the_archive_is_searched_by_words_days_and_model_and_goes_on_where_it_ended(corner_settings):
    ids = keep(corner_settings, *(report(hour, findings=[f"Finding {hour % 2}"]) for hour in range(1, 8)),
               result(8, model="another"))  # fmt: skip
    archives, pending = archive.open_archives(corner_settings.archive_uris), corner_settings.home / "reports-pending"

    def search(**more):
        def is_odd(made):
            return made["findings"] == ["Finding 1"]

        found = archive.search(archives, is_odd, pending=pending, folder=MODEL, limit=2, seconds=60, **more)
        return [made["id"] for made in found.results], found

    first, found = search()
    assert (first, found.models, found.problems) == ([ids[6], ids[4]], ("another", MODEL), ())
    rest, found = search(before=found.read_to)
    assert (rest, found.read_to) == ([ids[2], ids[0]], "")
    until = datetime(2024, 3, 31, 4, tzinfo=UTC)
    assert search(until=until, since=datetime(2024, 3, 31, 2, tzinfo=UTC))[0] == [ids[2]]
    in_no_time = archive.search(archives, lambda _made: False, pending=pending, limit=2, seconds=0)
    assert (in_no_time.n_read, in_no_time.results) == (1, [])
    assert in_no_time.read_to.startswith("another/")


def test_links_lead_to_the_version_and_never_hold_a_password(corner_settings, monkeypatch):
    monkeypatch.setattr(service_links, "_answers", lambda port: port == corner_settings.prefect_port)
    given = {"mlflow_uri": "https://clerk:secret@ml.lender.example/base", "grafana_url": "http://grafana:3000"}
    links = service_links.service_links(corner_settings.model_copy(update=given), "corner lender", "3")
    assert [link.address for link in links] == [
        f"http://127.0.0.1:{corner_settings.prefect_port}/deployments",
        "https://ml.lender.example/base/#/models/corner%20lender/versions/3",
        "http://127.0.0.1:3000/d/risk-o-meter",
    ]
    bare = service_links.service_links(corner_settings.model_copy(update={"mlflow_uri": ""}), "", "")
    assert [link.name for link in bare] == ["Prefect"]
