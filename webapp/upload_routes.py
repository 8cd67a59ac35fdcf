"""The routes that the page uses besides its callbacks: send a file, get the result, get the template."""

from __future__ import annotations

import io
import unicodedata
from concurrent.futures import wait
from dataclasses import dataclass
from urllib.parse import quote, unquote

import polars as pl
from flask import Blueprint, Response, abort, jsonify, request

from creditrisk.scoring import BYTE_ORDER_MARK, csv_text, result_table
from creditrisk.text import shorten
from webapp import upload_scoring
from webapp.access import the_caller
from webapp.context import AppContext
from webapp.errors import BadRequestError, NoResultError, NotReadyError, TooLargeError
from webapp.pages import batches
from webapp.pages.download import in_words_of_the_page
from webapp.pages.template import template_csv, template_workbook
from webapp.pages.workbook import MIMETYPE, MOST_ROWS, workbook
from webapp.security import MEGABYTE
from webapp.upload_access import opened
from webapp.uploads import Upload

# Ten thousand clients are done by then, and the page goes straight to the result instead of asking time and again.
PATIENCE_SECONDS = 1.5


def make_blueprint(context: AppContext) -> Blueprint:
    """The routes of the files that are dropped on the page."""
    blueprint = Blueprint("uploads", __name__)

    @blueprint.post("/uploads")
    def send() -> tuple[Response, int]:
        if request.mimetype != "application/octet-stream":
            abort(415)
        request.max_content_length = context.settings.upload_max_mb * MEGABYTE
        # Signs that turn a line around or cannot be seen would make it another name on every page that shows it.
        filename = shorten(unquote(request.headers.get("X-File-Name", "")), 200) or "clients.csv"
        # Asked before the body is read, so that what has no room does not take any.
        context.uploads.check_room(request.content_length or 0)
        content = request.get_data(cache=False)
        # A connection that breaks off looks to the app like the end of the file.
        if request.content_length not in (None, len(content)):
            raise BadRequestError("The file did not arrive as a whole. Nothing of it was scored. Send it again.")
        # The page has a person at hand: for a file that was sent before, and for columns that are not plain.
        may_ask = "X-Ask-First" in request.headers
        if may_ask and (before := batches.scored_before(context, content)):
            if before.is_kept and before.is_asking:
                return jsonify({"upload": before.details.name}), 202
            return jsonify({"before": before.details.name, "is_kept": before.is_kept}), 200
        name, work = upload_scoring.begin(context, content, filename, the_caller().actor, may_ask=may_ask)
        del content
        wait([work], timeout=PATIENCE_SECONDS)
        return jsonify({"upload": name}), 202

    @blueprint.get("/uploads/<name>/result.csv")
    def result_csv(name: str) -> Response:
        words = _result(context, name)
        text = csv_text(words.table, has_decimal_commas=words.has_decimal_commas)
        return _as_download(BYTE_ORDER_MARK + text, f"{words.stem}-scored.csv", "text/csv")

    @blueprint.get("/uploads/<name>/result.xlsx")
    def result_xlsx(name: str) -> Response:
        words = _result(context, name)
        if words.table.height > MOST_ROWS:
            raise TooLargeError(
                f"This result has more than {MOST_ROWS:,} rows, more than is written as a workbook. Download it as CSV "
                "or Parquet."
            )
        sheets = {"Clients": words.table}
        book = workbook(sheets, words.upload.folder, has_decimal_commas=words.has_decimal_commas)
        return _as_download(book, f"{words.stem}-scored.xlsx", MIMETYPE)

    @blueprint.get("/uploads/<name>/result.parquet")
    def result_parquet(name: str) -> Response:
        words = _result(context, name)
        out = io.BytesIO()
        words.table.write_parquet(out)
        return _as_download(out.getvalue(), f"{words.stem}-scored.parquet", "application/vnd.apache.parquet")

    _add_templates(blueprint, context)
    return blueprint


def _add_templates(blueprint: Blueprint, context: AppContext) -> None:
    @blueprint.get("/template.csv")
    def empty_csv() -> Response:
        scorer = context.scorer()
        return _as_download(BYTE_ORDER_MARK + template_csv(scorer), f"{scorer.schema.name}-template.csv", "text/csv")

    @blueprint.get("/template.xlsx")
    def empty_xlsx() -> Response:
        scorer = context.scorer()
        book = template_workbook(scorer, context.settings.home)
        return _as_download(book, f"{scorer.schema.name}-template.xlsx", MIMETYPE)


@dataclass(frozen=True)
class _Words:
    """A result in the page's words, what its file was called, and how that file writes its numbers."""

    upload: Upload
    table: pl.DataFrame
    stem: str
    has_decimal_commas: bool


def _result(context: AppContext, name: str) -> _Words:
    upload = opened(context, name)
    if upload is not None and not upload.is_over:
        raise NotReadyError
    result = upload_scoring.result_of(context, upload)
    if upload is None or result is None:
        raise NoResultError
    table = result_table(result.checked.raw.head(result.n_done), result.scored, result.checked.rejected)
    stem = "".join(char for char in upload.details.filename.rsplit(".", 1)[0] if char.isalnum() or char in " -_")
    scorer = result.scorer
    words = in_words_of_the_page(table, f"{scorer.schema.title} v{scorer.version}", ask_below=scorer.rule.ask_below)
    return _Words(upload, words, stem or "clients", result.checked.has_decimal_commas)


def _as_download(content: str | bytes, filename: str, mimetype: str) -> Response:
    """A file that the browser saves; a CSV is marked as UTF-8 for spreadsheets."""
    response = Response(content, mimetype=mimetype)
    # Headers are of few letters; what a file is called in others stands beside it as RFC 5987 has it.
    plain = unicodedata.normalize("NFKD", filename).encode("ascii", "ignore").decode("ascii")
    names = {"filename": plain}
    if plain != filename:
        names["filename*"] = f"UTF-8''{quote(filename, safe='')}"
    response.headers.set("Content-Disposition", "attachment", **names)
    return response
