"""Vintage curves as lines of a picture: the share of each month's clients that was bad after so many months on book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitoring.results import VintageFigures

WIDTH, HEIGHT = 860, 260
LEFT, RIGHT, TOP, BOTTOM = 46, 64, 12, 34
# More lines than these cannot be told apart; the newest are drawn.
MOST_LINES = 12
# Labels at the ends of lines stand at least so far apart.
LABEL_HEIGHT = 12


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of an axis: where it is, in the picture's units, and its words."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """A vintage: its path, how strong it is drawn (0 to 1, the newest strongest), and where its name stands."""

    month: str
    path: str
    strength: float
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Curves:
    """The whole picture."""

    lines: tuple[Line, ...]
    months: tuple[Tick, ...]
    shares: tuple[Tick, ...]


def draw(vintages: Sequence[VintageFigures]) -> Curves | None:
    """The picture; None where no vintage has got two months old, or none of their clients was bad."""
    shown = [vintage for vintage in vintages if len(vintage["curve"]) > 1][-MOST_LINES:]
    highest = max((vintage["curve"][-1] for vintage in shown), default=0.0)
    if highest == 0:
        return None
    longest = max(len(vintage["curve"]) for vintage in shown)

    def place(month: int, share: float) -> tuple[float, float]:
        across, up = (month - 1) / (longest - 1), share / highest
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    lines: list[Line] = []
    taken: list[tuple[float, float]] = []
    for number, vintage in enumerate(shown, start=1):
        points = [place(month, share) for month, share in enumerate(vintage["curve"], start=1)]
        x, y = points[-1]
        while any(abs(x - other_x) < RIGHT and abs(y - other_y) < LABEL_HEIGHT for other_x, other_y in taken):
            y -= LABEL_HEIGHT
        taken.append((x, y))
        path = "M" + " L".join(f"{across:.1f} {up:.1f}" for across, up in points)
        lines.append(Line(vintage["month"], path, 0.35 + 0.65 * number / len(shown), round(x + 6, 1), round(y + 4, 1)))
    step = max(1, longest // 12)
    months = [Tick(round(place(month, 0)[0], 1), str(month)) for month in range(1, longest + 1, step)]
    shares = [Tick(round(place(1, part * highest / 4)[1], 1), f"{100 * part * highest / 4:.3g}") for part in range(5)]
    return Curves(tuple(lines), tuple(months), tuple(shares))
