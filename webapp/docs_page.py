"""The description of the interface as a page, at /api/docs: drawn in the browser from /api/v1/openapi.json.

Page, script and style stand in api_docs/; nothing is asked for outside, so it works offline.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from flask import Blueprint, Response

_FILES = {
    "/api/docs": ("index.html", "text/html"),
    "/api/docs/docs.js": ("docs.js", "text/javascript"),
    "/api/docs/docs.css": ("docs.css", "text/css"),
}


def make_blueprint() -> Blueprint:
    """The page and its two files."""
    blueprint = Blueprint("docs", __name__)
    for path, (name, mimetype) in _FILES.items():
        content = (Path(__file__).parent / "api_docs" / name).read_bytes()
        answer = partial(Response, content, mimetype=mimetype)
        blueprint.add_url_rule(path, endpoint=name.replace(".", "_"), view_func=answer)
    return blueprint
