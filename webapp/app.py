"""The app of one process.

`create_app` puts the rooms together: serving.py (which model answers), scoring.py (table to logged decisions), api.py,
upload_routes.py and the pages (pages/), behind security.py and sign_in.py. `worker.py` runs it.
"""

from __future__ import annotations

from collections.abc import Sequence

from dash import Dash
from dash._hooks import HooksManager
from flask import Flask, g

from creditrisk.decision_log import DecisionLog, PolicyInForce
from creditrisk.settings import Settings
from webapp import (
    api,
    callback_bodies,
    docs_page,
    invocations,
    personal_data,
    registry_webhook,
    report_routes,
    security,
    short_way,
    sign_in,
    upload_routes,
    version_pages,
)
from webapp.access import local_caller
from webapp.accounts import Accounts
from webapp.context import AppContext
from webapp.metrics import make_metrics
from webapp.pages import Page, find_pages, shell
from webapp.serving import ServedModel
from webapp.sessions import Sessions
from webapp.uploads import Uploads

# Dash would look through all installed packages for plugins, anew for each page: a third of the time an app takes to
# make, and what another package brings along has no business on these pages.
HooksManager._registered = True

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


def create_app(settings: Settings, started: float | None = None) -> Flask:
    """Make the app.

    Parameters
    ----------
    settings
        Where state is kept and how large requests may be.
    started
        When the first process of the app was started, as a Unix time; now, if there are no others.

    Returns
    -------
    Flask
        With its `AppContext` in `extensions["creditrisk"]`. A server calls its `champion.start()`: that loads the saved
        model, and others that are saved later.
    """
    app = Flask(__name__, static_folder=None)
    champion, log = ServedModel(settings, started), DecisionLog(settings.decision_log)
    home = settings.home
    accounts, policy = Accounts(home, has_provider=bool(settings.oidc_issuer)), PolicyInForce(home, log)
    context = AppContext(settings, champion, log, policy, make_metrics(), Uploads(home), accounts, Sessions(home))
    app.extensions["creditrisk"] = context
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask types the base class only
    app.register_blueprint(api.make_blueprint(context))
    app.register_blueprint(invocations.make_blueprint(context))
    app.register_blueprint(docs_page.make_blueprint())
    app.register_blueprint(sign_in.make_blueprint(context))
    app.register_blueprint(personal_data.make_blueprint(context))
    app.register_blueprint(registry_webhook.make_blueprint(context))
    app.register_blueprint(upload_routes.make_blueprint(context))
    app.register_blueprint(report_routes.make_blueprint(context))
    app.register_blueprint(version_pages.make_blueprint(context))
    pages = find_pages()
    dashes = [_serve_page(app, page, pages, context) for page in pages]
    # Dash sets itself up ahead of the first request, and would tell other threads meanwhile that it has no scripts.
    with app.test_request_context():
        g.caller = local_caller()
        app.preprocess_request()
    headers = security.headers_of(sorted({script for dash in dashes for script in dash.csp_hashes()}))
    security.protect(app, settings, headers)
    sign_in.guard(app, context)
    callback_bodies.guard(app, dashes)
    app.wsgi_app = short_way.in_front_of(app, context, headers)  # type: ignore[assignment, method-assign]  # Flask's own way
    return app


def _serve_page(app: Flask, page: Page, pages: Sequence[Page], context: AppContext) -> Dash:
    """Put a page at its address, as a Dash app of its own: pages share neither callbacks nor the ids of their parts."""
    # Dash takes every address below its own, so it gets /ui/ and the rest of the app keeps proper 404s.
    dash = Dash(
        __name__,
        server=app,  # type: ignore[arg-type]  # Dash's own annotation leaves Flask out
        url_base_pathname="/ui/" if page.PATH == "/" else f"/ui{page.PATH}/",
        title=f"{page.TITLE} - {shell.APP_NAME}",
        update_title="",
        index_string=_INDEX,
        serve_locally=True,
        suppress_callback_exceptions=True,
        enable_mcp=False,
        add_log_handler=False,
        on_error=shell.report_failure,
    )
    dash.layout = lambda: shell.shell(page, pages, context)
    shell.register(dash, context)
    page.register(dash, context)
    app.add_url_rule(page.PATH, f"page {page.PATH}", dash.index)
    return dash
