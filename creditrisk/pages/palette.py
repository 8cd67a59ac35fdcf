"""Every colour that means something, decided once: the three verdicts, and the tones of the pages around them.

Text reaches a contrast of 4.5:1 on its ground and on a plain surface, shapes 3:1 on a plain surface. Green, amber and
red belong to the verdicts; nothing else uses them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tones:
    """The colours of one verdict: of its text, of the ground behind it, and of a shape on a plain surface."""

    text: str
    ground: str
    shape: str


@dataclass(frozen=True, slots=True)
class VerdictLook:
    """How a verdict looks: its sign and its word, its band, and its tones on a light and on a dark page.

    `on_either` is for shapes and large figures whose ground may be light or dark, as on a dashboard.
    """

    symbol: str
    word: str
    band: str
    light: Tones
    dark: Tones
    on_either: str

    @property
    def words(self) -> str:
        """Sign and word, as in `✓ Offer`, so that a verdict is never colour alone."""
        return f"{self.symbol} {self.word}"


_ON_LIGHT_PAGES = {
    "green": Tones("#1b7e4a", "#e7f5ec", "#1b7e4a"),
    "amber": Tones("#8a5a00", "#fff4db", "#b87400"),
    "red": Tones("#b42318", "#fdecea", "#b42318"),
}
_ON_DARK_PAGES = {
    "green": Tones("#6fdba6", "#12372a", "#4cc38a"),
    "amber": Tones("#f2c66d", "#3d2f10", "#e9b44c"),
    "red": Tones("#ff9d93", "#46201d", "#f1776c"),
}


def _look(symbol: str, word: str, band: str, on_either: str) -> VerdictLook:
    return VerdictLook(symbol, word, band, _ON_LIGHT_PAGES[band], _ON_DARK_PAGES[band], on_either)


VERDICT_LOOKS = {
    "approve": _look("✓", "Offer", "green", "#1b7e4a"),
    "refer": _look("?", "Ask a colleague", "amber", "#a36a00"),
    "decline": _look("✕", "Decline", "red", "#d92d20"),
}

# Text, quieter text, lines and grounds; the accent in four strengths, `deep` to `soft`; `grey` for what is compared.
LIGHT = {
    "ink": "#1d2530",
    "muted": "#566070",
    "line": "#dde2ea",
    "page": "#f4f6f9",
    "accent": "#2c55b8",
    "soft": "#e3ebfb",
    "deep": "#1d3b83",
    "pale": "#9fb4e3",
    "grey": "#c3cad6",
}
DARK = {
    "ink": "#e8ecf2",
    "muted": "#a4adbb",
    "line": "#323b47",
    "page": "#12161c",
    "accent": "#8fb0ff",
    "soft": "#2a3a5a",
    "deep": "#34539f",
    "pale": "#3f5687",
    "grey": "#596475",
}


def light_variables() -> str:
    """The colours of a light page as CSS variables: `--ink`, `--green`, `--green-soft` and so on."""
    named = dict(LIGHT)
    for look in VERDICT_LOOKS.values():
        named |= {look.band: look.light.text, f"{look.band}-soft": look.light.ground}
    return " ".join(f"--{name}: {colour};" for name, colour in named.items())
