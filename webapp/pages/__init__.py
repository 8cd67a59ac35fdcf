"""The pages of the Risk-O-Meter, one module each, and what pages are made of.

A page is a module in this package that has a `PATH`; it offers what `Page` says, and lying here is all it takes to be
served and to stand in the navigation. The modules without a `PATH` are the parts of pages: what stands around each
(shell), what several have in common (components, wording, gauge, grid), and what would make one page's module too long.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, cast

from dash import Dash
from dash.development.base_component import Component

from webapp.context import AppContext

__all__ = ["Page", "find_pages"]


class Page(Protocol):
    """What a page's module offers."""

    TITLE: str
    """Its name in the navigation."""
    PATH: str
    """Where it is found: `/`, or a slash and one word."""
    ORDER: int
    """Pages stand in the navigation from the lowest number to the highest."""

    def layout(self, context: AppContext) -> list[Component]:
        """What stands beside the navigation: an `html.Main` with a `components.message_line()`, and its company."""

    def register(self, app: Dash, context: AppContext) -> None:
        """Add the page's callbacks to its own Dash app."""


def find_pages() -> list[Page]:
    """The pages that exist, in the order of the navigation."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    pages = [cast(Page, module) for module in modules if hasattr(module, "PATH")]
    return sorted(pages, key=lambda page: page.ORDER)
