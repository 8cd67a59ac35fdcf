"""Pages for people to read and to file: the validation pack and the comparison, each one self-contained HTML file.

Here are the templates and their colours; what stands on a page is worked out elsewhere. They share `base.html`, which
holds the look: one blue, the three colours of the verdicts, tables that print. A page loads nothing from anywhere; its
policy forbids it.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from creditrisk.pages.palette import VERDICT_LOOKS, light_variables
from creditrisk.text import counted, number, signed


def render(template: str, **values: Any) -> str:
    """Fill in a template of this package; text is escaped, and a name the template does not get is an error.

    Examples
    --------
    >>> page = render("base.html")
    >>> page.splitlines()[0]
    '<!doctype html>'
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["share"] = _share
    environment.filters["count"] = _count
    environment.filters["counted"] = counted
    environment.filters["number"] = number
    environment.filters["signed"] = signed
    environment.filters["data_uri"] = _data_uri
    environment.globals["verdict_looks"] = VERDICT_LOOKS
    environment.globals["light_variables"] = light_variables()
    return environment


def _count(value: float) -> str:
    """A whole number with thousands separators."""
    return f"{value:,.0f}"


def _share(value: float | None, places: int = 1) -> str:
    """A share, 0 to 1, in per cent; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.{places}f} %"


def _data_uri(svg: str) -> str:
    """A picture as an address that holds it; its ids and styles stay its own."""
    return "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()
