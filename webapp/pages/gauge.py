"""The gauge of a case, drawn by hand as SVG.

A picture here is a text, so it can be read in a test, needs no script in the browser, and follows the reader's dark
mode by itself. The words beside it say the same.
"""

from __future__ import annotations

import math
from typing import Literal
from urllib.parse import quote

from creditrisk.pages.palette import DARK, LIGHT, VERDICT_LOOKS
from creditrisk.scoring import BANDS
from webapp.pages.wording import range_words, risk_words

_WIDTH, _HEIGHT, _RADIUS, _THICKNESS = 340, 196, 122, 26
_BAND_THICKNESS = 10
_CENTRE_X, _CENTRE_Y = _WIDTH / 2, 158
_GAP_DEGREES = 1.6


def _rules(mode: Literal["light", "dark"]) -> str:
    tones = LIGHT if mode == "light" else DARK
    zones = "".join(f".{look.band}{{stroke:{getattr(look, mode).shape}}}" for look in VERDICT_LOOKS.values())
    likely = f".likely{{stroke:{tones['accent']};stroke-opacity:.4}}"
    return f"text{{fill:{tones['muted']}}}{zones}{likely}.needle{{fill:{tones['ink']}}}"


_STYLE = f"""
text{{font:600 13px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}}.zone{{fill:none}}
{_rules("light")}
@media (prefers-color-scheme:dark){{{_rules("dark")}}}
"""


def zones(approve_below: float, decline_from: float) -> list[tuple[str, float, float]]:
    """The zones of the gauge that are not empty: band, lower and upper PD.

    Examples
    --------
    >>> zones(0.14, 0.30)
    [('green', 0.0, 0.14), ('amber', 0.14, 0.3), ('red', 0.3, 1.0)]
    >>> zones(0.2, 0.2)
    [('green', 0.0, 0.2), ('red', 0.2, 1.0)]
    """
    edges = [0.0, approve_below, decline_from, 1.0]
    return [(band, low, high) for band, low, high in zip(BANDS.values(), edges, edges[1:], strict=False) if high > low]


def needle_degrees(prob_default: float, approve_below: float, decline_from: float) -> float:
    """Where the needle points: 180 is far left (PD 0), 0 far right (PD 1).

    Every zone takes the same share of the half circle and is linear within itself: most clients have small PDs, and on
    a plain scale nobody could tell 4 of 100 from 10 of 100.

    Examples
    --------
    >>> needle_degrees(0.07, 0.14, 0.30)  # the middle of the first third
    150.0
    >>> needle_degrees(0.30, 0.14, 0.30), needle_degrees(1.0, 0.14, 0.30)
    (60.0, 0.0)
    """
    parts = zones(approve_below, decline_from)
    share = 180.0 / len(parts)
    for index, (_, low, high) in enumerate(parts):
        if prob_default <= high:
            return 180.0 - share * (index + (prob_default - low) / (high - low))
    return 0.0


def gauge(
    prob_default: float,
    approve_below: float,
    decline_from: float,
    likely: tuple[float, float],
    *,
    was: float | None = None,
) -> str:
    """A half-round gauge with its zones, a needle and the likely range as a soft band below it, as SVG.

    Parameters
    ----------
    prob_default
        The client's PD, 0 to 1.
    approve_below, decline_from
        The PDs where the verdict changes.
    likely
        The ends of the PD's likely range.
    was
        A PD to compare with, drawn as a faint needle.
    """
    parts = zones(approve_below, decline_from)
    share = 180.0 / len(parts)
    shapes = [_label(180.0, "0"), _label(0.0, "100")]
    for index, (band, low, _) in enumerate(parts):
        start, end = 180.0 - share * index, 180.0 - share * (index + 1)
        shapes.append(_arc(band, start - _GAP_DEGREES / 2, end + _GAP_DEGREES / 2))
        if index:
            shapes.append(_label(start, f"{100 * low:.0f}"))
    start, end = (needle_degrees(end, approve_below, decline_from) for end in likely)
    shapes.append(_arc("likely", start, end, radius=_RADIUS - _THICKNESS, thickness=_BAND_THICKNESS))
    if was is not None:
        shapes.append(f'<g opacity=".25">{_needle(needle_degrees(was, approve_below, decline_from))}</g>')
    shapes.append(_needle(needle_degrees(prob_default, approve_below, decline_from)))
    title = f"Gauge: risk {risk_words(prob_default)}, likely {range_words(*likely)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"><title>{title}</title><style>{_STYLE}</style>'
        f"{''.join(shapes)}</svg>"
    )


def as_address(svg: str) -> str:
    """The picture as an address for an `img`.

    Examples
    --------
    >>> as_address("<svg/>")
    'data:image/svg+xml,%3Csvg/%3E'
    """
    return f"data:image/svg+xml,{quote(svg)}"


def _point(degrees: float, radius: float) -> tuple[float, float]:
    angle = math.radians(degrees)
    return _CENTRE_X + radius * math.cos(angle), _CENTRE_Y - radius * math.sin(angle)


def _arc(band: str, start: float, end: float, *, radius: int = _RADIUS, thickness: int = _THICKNESS) -> str:
    (x1, y1), (x2, y2) = _point(start, radius), _point(end, radius)
    return (
        f'<path class="zone {band}" stroke-width="{thickness}" '
        f'd="M{x1:.1f} {y1:.1f}A{radius} {radius} 0 0 1 {x2:.1f} {y2:.1f}"/>'
    )


def _label(degrees: float, text: str) -> str:
    if degrees in (0.0, 180.0):
        x, y = _point(degrees, _RADIUS)
        y += 20
    else:
        x, y = _point(degrees, _RADIUS + _THICKNESS / 2 + 12)
        y += 4
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{text}</text>'


def _needle(degrees: float) -> str:
    tip = _point(degrees, _RADIUS - 4)
    left, right = _point(degrees + 90, 5.5), _point(degrees - 90, 5.5)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (left, tip, right))
    return (
        f'<polygon class="needle" points="{points}"/><circle class="needle" cx="{_CENTRE_X}" cy="{_CENTRE_Y}" r="9"/>'
    )
