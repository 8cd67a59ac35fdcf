"""Charts: text that holds what they are for, drawn from small tables whose figures can be counted."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from creditrisk.schema import Costs
from creditrisk.validation import charts

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str) -> list[str]:
    return ["".join(text.itertext()).strip() for text in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.fixture(scope="module")
def judged():
    rng = np.random.default_rng(3)
    prob_default = rng.beta(2, 6, 600)
    return prob_default, (rng.random(600) < prob_default).astype(np.int64)


def every_chart(prob_default, target) -> list[str]:
    return [
        charts.roc(prob_default, target),
        charts.precision_recall(prob_default, target),
        charts.calibration(prob_default, target),
        charts.ks(prob_default, target),
        charts.decile_bars(prob_default, target),
        charts.cost_curve(prob_default, target, Costs()),
        charts.loss_curves({"fitted rows": np.linspace(0.6, 0.4, 30).tolist()}),
    ]


def test_the_same_rows_give_the_same_text_in_every_thread(judged):
    alone = every_chart(*judged)
    with ThreadPoolExecutor(3) as pool:
        for drawn in pool.map(lambda _: every_chart(*judged), range(3)):
            assert drawn == alone


def test_no_chart_says_when_or_with_what_it_was_drawn(judged):
    for svg in every_chart(*judged):
        assert "dc:date" not in svg
        assert "dc:creator" not in svg


def test_ranking_charts_name_their_figure():
    # of 2 x 2 pairs 3 are right; up to 0.3 all goods but only one bad have passed: KS 0.5
    prob_default, target = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 1, 0, 1])
    assert "AUC 0.750" in words(charts.roc(prob_default, target))
    found = words(charts.ks(prob_default, target))
    assert "KS 0.500" in found
    # the highest is bad; then a good; then a bad: (1/1 + 2/3) / 2
    assert "average precision 0.833" in words(charts.precision_recall(prob_default, target))


def test_the_cost_curve_marks_what_the_cut_off_costs():
    # 5:1 puts the cut-off at 1/6: one bad approved (5) and one good declined (1), over four applicants
    prob_default, target = np.array([0.05, 0.10, 0.30, 0.60]), np.array([0, 1, 0, 1])
    found = " ".join(words(charts.cost_curve(prob_default, target, Costs(accept_bad=5, decline_good=1))))
    assert "16.7 of 100: 1.500" in found


def test_the_confusion_matrix_counts_verdicts_by_outcome():
    verdicts = np.array(["approve"] * 3 + ["refer"] * 2 + ["decline"] * 5)
    target = np.array([0, 0, 1, 0, 1, 1, 1, 1, 1, 0])
    found = words(charts.confusion_matrix(verdicts, target))
    numbers = [text for text in found if text.isdigit()]
    assert numbers == ["2", "1", "1", "1", "1", "4"]  # by verdict: good, bad
    assert "67 % of them" in found  # 4 of 6 bads were declined


def test_importance_shows_the_strongest_first_and_sums_up_the_rest():
    contributions = np.tile(np.arange(20.0), (4, 1)) * np.array([[1], [-1], [1], [-1]])
    found = words(charts.importance(contributions, [f"Field {number}" for number in range(20)]))
    shown = [text for text in found if text.startswith("Field")]
    assert shown == [f"Field {number}" for number in range(19, 4, -1)]
    assert "Mean push on the log-odds (5 more: 10.00 in all)" in found  # 0 + 1 + 2 + 3 + 4


def test_a_model_fitted_in_one_go_has_no_curve_and_says_so():
    assert any("fitted in one go" in text for text in words(charts.loss_curves({})))


def test_thinning_a_curve_keeps_its_ends_and_its_jump():
    x = np.arange(10_000.0)
    y = (x >= 5_000).astype(float)
    thin_x, thin_y = charts._thinned(x, y)
    assert len(thin_x) <= charts.MAX_POINTS
    assert (thin_x[0], thin_x[-1]) == (0, 9_999)
    assert np.abs(thin_x[np.argmax(thin_y)] - 5_000) < 100
