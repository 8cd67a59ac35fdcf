"""The Risk-O-Meter: a page for clerks and an interface for programs, on one Flask app.

`create_app` puts the rooms together: serving.py (which model answers), scoring.py (table to logged decisions), api.py,
uploads.py and the Dash pages (pages/), behind security.py. `serve.py` runs it.
"""

from __future__ import annotations

from dash import Dash
from flask import Flask

from creditrisk.decision_log import DecisionLog
from creditrisk.settings import Settings
from webapp import api, security, uploads
from webapp.metrics import make_metrics
from webapp.pages import callbacks, shell
from webapp.serving import Champion, Desk

_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<title>{%title%}</title>
<link rel="icon" type="image/svg+xml" href="/ui/assets/mark.svg">
{%css%}
</head>
<body>
{%app_entry%}
<footer>{%config%}{%scripts%}{%renderer%}</footer>
</body>
</html>"""


def create_app(settings: Settings) -> Flask:
    """Make the app.

    Parameters
    ----------
    settings
        Where state is kept and how large requests may be.

    Returns
    -------
    Flask
        With the desk in `extensions["creditrisk"]`. A server calls its `champion.start()`: that loads the saved model
        and begins the search for new champions.
    """
    app = Flask(__name__, static_folder=None)
    metrics = make_metrics()
    desk = Desk(settings, Champion(settings, metrics), DecisionLog(settings.decision_log), metrics)
    app.extensions["creditrisk"] = desk
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask types the base class only
    kept = uploads.Uploads()
    app.register_blueprint(api.make_blueprint(desk))
    app.register_blueprint(uploads.make_blueprint(desk, kept))
    dash = _make_page(app, desk, kept)
    app.add_url_rule("/", "page", dash.index)
    security.protect(app, settings, inline_scripts=list(dash.csp_hashes()))
    return app


def _make_page(app: Flask, desk: Desk, kept: uploads.Uploads) -> Dash:
    # Dash takes every address below its own, so it gets /ui/ and the rest of the app keeps proper 404s.
    dash = Dash(
        __name__,
        server=app,  # type: ignore[arg-type]  # Dash's own annotation leaves Flask out
        url_base_pathname="/ui/",
        title=shell.TITLE,
        update_title="",
        index_string=_INDEX,
        serve_locally=True,
        suppress_callback_exceptions=True,
        enable_mcp=False,
        add_log_handler=False,
        on_error=callbacks.tell,
    )
    limits = {"max_rows": desk.settings.upload_max_rows, "max_mb": desk.settings.upload_max_mb}
    dash.layout = lambda: shell.page(desk.champion.standing, **limits)
    callbacks.register(dash, desk, kept)
    return dash
