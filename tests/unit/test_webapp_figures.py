import re

import pytest

from webapp.pages.gauge import gauge, needle_degrees, zones


def test_the_needle_stands_on_the_border_where_the_verdict_changes():
    # Three zones of 60 degrees each, from 180 (left) to 0 (right).
    assert needle_degrees(0.14, 0.14, 0.30) == pytest.approx(120)
    assert needle_degrees(0.30, 0.14, 0.30) == pytest.approx(60)


@pytest.mark.parametrize("prob_default", [0.0, 0.001, 0.139, 0.14, 0.2, 0.31, 0.999, 1.0])
def test_the_needle_points_into_the_zone_of_the_verdict(prob_default):
    degrees = needle_degrees(prob_default, 0.14, 0.30)
    band = "green" if degrees >= 120 else "amber" if degrees > 60 else "red"
    expected = "green" if prob_default <= 0.14 else "amber" if prob_default < 0.30 else "red"
    assert band == expected


def test_a_rule_without_referrals_gives_a_gauge_of_two_zones():
    assert [band for band, _, _ in zones(0.2, 0.2)] == ["green", "red"]
    assert re.findall(r'class="zone (\w+)"', gauge(0.5, 0.2, 0.2, (0.4, 0.6))) == ["green", "red", "likely"]


def test_the_gauge_says_in_words_what_it_shows():
    assert "<title>Gauge: risk 41 of 100, likely 30 to 52</title>" in gauge(0.41, 0.14, 0.30, (0.30, 0.52))
