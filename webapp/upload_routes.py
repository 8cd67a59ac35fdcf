"""The routes that the page uses besides its callbacks: send a file, get the result, get the template."""

from __future__ import annotations

from concurrent.futures import wait
from urllib.parse import unquote

from flask import Blueprint, Response, abort, jsonify, request

from creditrisk.scoring import BYTE_ORDER_MARK, csv_text, result_table, template_csv
from webapp import upload_scoring
from webapp.access import the_caller
from webapp.context import AppContext
from webapp.errors import BadRequestError, error
from webapp.pages.download import in_words_of_the_page
from webapp.security import MEGABYTE

# A small file is done by then, and the page goes straight to the result.
PATIENCE_SECONDS = 0.4


def make_blueprint(context: AppContext) -> Blueprint:
    """The routes of the files that are dropped on the page."""
    blueprint = Blueprint("uploads", __name__)

    @blueprint.post("/uploads")
    def send() -> tuple[Response, int]:
        if request.mimetype != "application/octet-stream":
            abort(415)
        request.max_content_length = context.settings.upload_max_mb * MEGABYTE
        filename = unquote(request.headers.get("X-File-Name", "clients.csv"))[:200]
        # Asked before the body is read, so that what has no room does not take any.
        context.uploads.check_room(request.content_length or 0)
        content = request.get_data(cache=False)
        # A connection that breaks off looks to the app like the end of the file.
        if request.content_length not in (None, len(content)):
            raise BadRequestError("The file did not arrive as a whole. Nothing of it was scored. Send it again.")
        name, work = upload_scoring.begin(context, content, filename, the_caller().actor)
        del content
        wait([work], timeout=PATIENCE_SECONDS)
        return jsonify({"upload": name}), 202

    @blueprint.get("/uploads/<name>/result.csv")
    def result_csv(name: str) -> Response | tuple[Response, int]:
        upload = context.uploads.get(name)
        if upload is not None and not upload.is_over:
            return error(409, "not_ready", "This file is still being scored. Ask again in a moment.")
        result = upload_scoring.result_of(context, upload)
        if upload is None or result is None:
            return error(404, "not_found", "There is no result here, or no longer. Drop the file again.")
        table = result_table(result.checked.raw.head(result.n_done), result.scored, result.checked.rejected)
        stem = "".join(char for char in upload.details.filename.rsplit(".", 1)[0] if char.isalnum() or char in " -_")
        scorer = result.scorer
        words = in_words_of_the_page(table, f"{scorer.schema.title} v{scorer.version}", ask_below=scorer.rule.ask_below)
        text = csv_text(words, has_decimal_commas=result.checked.has_decimal_commas)
        return _as_download(text, f"{stem or 'clients'}-scored.csv")

    @blueprint.get("/template.csv")
    def template() -> Response:
        schema = context.scorer().schema
        return _as_download(template_csv(schema), f"{schema.name}-template.csv")

    return blueprint


def _as_download(text: str, filename: str) -> Response:
    """A CSV that the browser saves, marked as UTF-8 for spreadsheets."""
    response = Response(BYTE_ORDER_MARK + text, mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=filename)
    return response
