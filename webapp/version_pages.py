"""The pages that a training keeps with its version: the validation pack and the comparison, shown in the Model page.

The process that asks the registry copies them under home/version-pages, as the others import no MLflow. Whoever can
write to MLflow can change them there, so a browser shows them in a sandbox, as of no origin, where nothing is executed
or loaded.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from creditrisk.errors import ScorerError
from creditrisk.registry import PACK, PAGE, Registry, Version
from webapp.context import AppContext

# The pages by the name they have in addresses.
NAMES = MappingProxyType({"validation": PACK, "comparison": PAGE})
# So many versions in one go, so that what else is asked of the registry does not wait for long.
VERSIONS_AT_ONCE = 3
_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)

log = logging.getLogger("webapp.version_pages")


def page_address(version: str, name: str) -> str:
    """Where a browser finds a page of the model that serves."""
    return f"/model/versions/{version}/{name}.html"


def kept_names(home: Path, model: str, version: str) -> list[str]:
    """Which pages of a version are kept, of those in `NAMES`."""
    folder = _folder(home, model, version)
    return [name for name, file in NAMES.items() if (folder / file).is_file()]


def keep_pages(registry: Registry, home: Path, versions: Sequence[Version]) -> None:
    """Copy the pages of the first versions that have none yet.

    Raises
    ------
    RegistryError, OSError
        If MLflow is away, or nothing can be written.
    """
    lacking = [one for one in versions if not _folder(home, one.model, one.version).is_dir()]
    for version in lacking[:VERSIONS_AT_ONCE]:
        try:
            pages = registry.pages(version, tuple(NAMES.values()))
        except ScorerError as exc:
            log.warning("the pages of %s version %s are not shown: %s", version.model, version.version, exc)
            pages = {}
        _keep(_folder(home, version.model, version.version), pages)


def _keep(folder: Path, pages: dict[str, bytes]) -> None:
    """Write a folder with all its pages in one step."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
        fresh = Path(aside) / folder.name
        fresh.mkdir()
        for name, content in pages.items():
            (fresh / name).write_bytes(content)
        os.rename(fresh, folder)


def _folder(home: Path, model: str, version: str) -> Path:
    return home / "version-pages" / model / version


def make_blueprint(context: AppContext) -> Blueprint:
    """The route of a page, for versions of the model that serves."""
    blueprint = Blueprint("version_pages", __name__)

    @blueprint.get("/model/versions/<int:version>/<name>.html")
    def version_page(version: int, name: str) -> Response:
        if name not in NAMES:
            raise NotFound
        folder = _folder(context.settings.home, context.scorer().name, str(version))
        try:
            content = (folder / NAMES[name]).read_bytes()
        except FileNotFoundError:
            raise NotFound from None
        answer = Response(content, mimetype="text/html")
        answer.headers["Content-Security-Policy"] = _POLICY
        answer.headers["X-Frame-Options"] = "SAMEORIGIN"
        return answer

    return blueprint
