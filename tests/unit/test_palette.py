"""Each colour is decided once, in the palette, and stands out from its ground wherever it is used."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from creditrisk import pages
from creditrisk.pages.palette import DARK, LIGHT, VERDICT_LOOKS
from creditrisk.scoring import BANDS
from creditrisk.validation import charts
from webapp.pages.gauge import gauge

ROOT = Path(__file__).resolve().parents[2]
CSS = (ROOT / "webapp" / "assets" / "style.css").read_text(encoding="utf-8")
CSS_LIGHT, CSS_DARK = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
)
# Grafana's panels on its light and on its dark theme.
GRAFANA_GROUNDS = ("#ffffff", "#181b1f")
OF_VERDICTS = {
    colour
    for look in VERDICT_LOOKS.values()
    for tones in (look.light, look.dark)
    for colour in (tones.text, tones.ground, tones.shape, look.on_either)
}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def hex_colours(text: str) -> set[str]:
    return {colour.lower() for colour in re.findall(r"#[0-9a-fA-F]{6}\b", text)}


@pytest.mark.parametrize("verdict", VERDICT_LOOKS)
def test_verdicts_stand_out_from_their_grounds(verdict):
    look = VERDICT_LOOKS[verdict]
    for tones, surface in ((look.light, CSS_LIGHT["surface"]), (look.dark, CSS_DARK["surface"])):
        assert contrast(tones.text, tones.ground) >= 4.5
        assert contrast(tones.text, surface) >= 4.5
        assert contrast(tones.shape, surface) >= 3
    assert all(contrast(look.on_either, ground) >= 3 for ground in GRAFANA_GROUNDS)


@pytest.mark.parametrize(("tones", "surface"), [(LIGHT, CSS_LIGHT["surface"]), (DARK, CSS_DARK["surface"])])
def test_the_text_of_a_page_stands_out(tones, surface):
    for text in ("ink", "muted", "accent"):
        assert contrast(tones[text], surface) >= 4.5
        assert contrast(tones[text], tones["page"]) >= 4.5
    assert contrast(tones["accent"], tones["soft"]) >= 4.5


def test_bands_are_those_of_scoring():
    assert {verdict: look.band for verdict, look in VERDICT_LOOKS.items()} == BANDS


@pytest.mark.parametrize(("found", "page", "mode"), [(CSS_LIGHT, LIGHT, "light"), (CSS_DARK, DARK, "dark")])
def test_the_style_of_the_web_page_has_the_colours_of_the_palette(found, page, mode):
    for look in VERDICT_LOOKS.values():
        tones = getattr(look, mode)
        assert (found[look.band], found[f"{look.band}-soft"]) == (tones.text, tones.ground)
    for name in ("ink", "muted", "line", "page", "accent"):
        assert found[name] == page[name]
    assert found["chosen"] == page["soft"]


def test_gauge_and_mark_have_the_shapes_of_the_palette():
    light, dark = gauge(0.2, 0.14, 0.3, (0.1, 0.4)).split("@media (prefers-color-scheme:dark)")
    mark = (ROOT / "webapp" / "assets" / "mark.svg").read_text(encoding="utf-8")
    for look in VERDICT_LOOKS.values():
        assert f".{look.band}{{stroke:{look.light.shape}}}" in light
        assert f".{look.band}{{stroke:{look.dark.shape}}}" in dark
        assert contrast(look.dark.shape, "#223a70") >= 3
    assert hex_colours(mark) == {"#223a70"} | {look.dark.shape for look in VERDICT_LOOKS.values()}


def test_printed_pages_take_verdict_colours_from_the_palette_alone():
    written = "".join(path.read_text(encoding="utf-8") for path in Path(pages.__file__).parent.glob("*.html"))
    assert not hex_colours(written) & (OF_VERDICTS | set(LIGHT.values()))
    html = pages.render("base.html")
    for look in VERDICT_LOOKS.values():
        assert f"--{look.band}: {look.light.text}; --{look.band}-soft: {look.light.ground};" in html


def test_charts_take_their_colours_from_the_palette_alone():
    assert not hex_colours(Path(charts.__file__).read_text(encoding="utf-8"))


def test_the_drift_report_has_the_tones_of_the_pages_and_no_colour_of_a_verdict():
    template = (ROOT / "monitoring" / "templates" / "report.html").read_text(encoding="utf-8")
    light, dark = (dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6});", root)) for root in template.split(":root")[1:3])
    # Grounds of its own: cards, tracks of bars, the line of the score.
    own = {"card", "track", "score"}
    assert {name: light[name] for name in light.keys() - own} == LIGHT
    assert {name: dark[name] for name in dark.keys() - own} == DARK
    assert own <= light.keys() == dark.keys()
    assert not hex_colours(template) & OF_VERDICTS
    listed = (ROOT / "monitoring" / "templates" / "reports.html").read_text(encoding="utf-8")
    assert hex_colours(listed) <= {light["card"], dark["card"]}


def test_dashboards_show_verdicts_in_the_colours_of_the_palette_and_nothing_else_in_them():
    paths = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
    panels = [panel for path in paths for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]]
    overrides = [item for panel in panels for item in panel.get("fieldConfig", {}).get("overrides", [])]
    coloured = [
        (item["matcher"]["options"], found["value"]["fixedColor"].lower())
        for item in overrides
        for found in item["properties"]
        if found["id"] == "color"
    ]
    of_verdicts = [pair for pair in coloured if pair[0] in VERDICT_LOOKS]
    assert {verdict for verdict, _ in of_verdicts} == VERDICT_LOOKS.keys()
    assert all(colour == VERDICT_LOOKS[verdict].on_either for verdict, colour in of_verdicts)
    shown = re.findall(r"#[0-9a-f]{6}\b", json.dumps(panels).lower())
    on_either = {look.on_either for look in VERDICT_LOOKS.values()}
    assert sum(colour in on_either for colour in shown) == len(of_verdicts)
    assert not set(shown) & (OF_VERDICTS - on_either)
