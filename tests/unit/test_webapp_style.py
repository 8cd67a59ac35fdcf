import re
from pathlib import Path

import pytest

import webapp
from creditrisk.pages.palette import VERDICT_LOOKS

ASSETS = Path(webapp.__file__).parent / "assets"
CSS = (ASSETS / "style.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
)
PAIRS = [
    *(("green", "green-soft"), ("amber", "amber-soft"), ("red", "red-soft")),
    *((verdict, "surface") for verdict in ("green", "amber", "red")),
    *((text, ground) for text in ("ink", "muted") for ground in ("page", "surface", "sunken", "hover", "chosen")),
    *(("accent", "surface"), ("accent", "chosen"), ("accent-ink", "accent")),
]


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_stands_out_from_its_ground_by_4_5_to_1(colours, text, ground):
    light, dark = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_the_verdicts_have_the_colours_of_the_design():
    # One shade below the design's 1B7F4B, which reaches only 4.46:1 on its own ground.
    assert [LIGHT[name] for name in ("green", "green-soft")] == ["#1b7e4a", "#e7f5ec"]
    assert [LIGHT[name] for name in ("amber", "amber-soft")] == ["#8a5a00", "#fff4db"]
    assert [LIGHT[name] for name in ("red", "red-soft")] == ["#b42318", "#fdecea"]


def test_no_asset_asks_for_anything_from_elsewhere():
    for asset in ASSETS.iterdir():
        text = asset.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\(", text), asset.name


def test_the_grid_uses_the_same_words_as_the_rest_of_the_page():
    script = (ASSETS / "dashAgGridComponentFunctions.js").read_text(encoding="utf-8")
    verdicts = re.findall(r'(\w+): \["(\w+)", "([^"]+)"\]', script)
    assert verdicts == [(verdict, look.band, look.words) for verdict, look in VERDICT_LOOKS.items()]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_what_is_gone_stands_out_from_its_ground_by_4_5_to_1(scheme):
    status = (ASSETS / "status.css").read_text(encoding="utf-8")
    own = re.findall(r":root \{(.*?)\}", status, re.DOTALL)[scheme]
    colours = [LIGHT, DARK][scheme] | dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", own))
    for ground in ("gone-soft", "surface"):
        light, dark = sorted((luminance(colours["gone"]), luminance(colours[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5
