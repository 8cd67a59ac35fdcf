"""Reports in a local folder."""

from __future__ import annotations

import functools
import os
import re
import time
from contextlib import suppress
from pathlib import Path

from creditrisk.errors import ArchiveError
from creditrisk.home import write_whole
from monitoring.archive.protocol import Archive, Reading
from monitoring.archive.sealing import (
    check_id,
    model_folder,
    newest_first,
    page_of,
    read_page,
    read_until,
    result_of,
    seal,
    to_json,
)
from monitoring.results import MAX_RESULT_BYTES, Result, UnreadableResultError, from_json

SCHEMES = ("file",)
ADDRESS = "file://FOLDER"
COMPLEXITY = 0

# A file half written is finished within seconds, or its writer is dead.
HALF_WRITTEN_SECONDS = 3_600
_HALF_WRITTEN = re.compile(r"\.\d{8}T\d{6}Z-[0-9a-f]{8}\.(html|json)\.(?P<pid>[1-9]\d{0,8})\.\d+")


class LocalArchive(Archive):
    """`FOLDER/<model>/<time>-<checksum>.html` beside `.json`; the JSON is written last and completes the report."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"file://{folder}"

    def put(self, html: bytes, result: Result) -> str:
        """Keep a report; each file appears whole or not at all."""
        sealed = seal(html, result)
        self.clear_half_written()
        try:
            write_whole(self._path(sealed["id"], ".html"), html, survives_power_cut=True)
            write_whole(self._path(sealed["id"], ".json"), to_json(sealed), survives_power_cut=True)
        except OSError as exc:
            raise ArchiveError(f"cannot write a report to {self.folder}: {exc.strerror}.") from exc
        return str(sealed["id"])

    def read(self, model: str | None, limit: int) -> Reading:
        """The newest results, newest first."""
        if not self._is_there():
            return Reading([], ())
        results = self.folder.glob(f"{model_folder(model) if model else '*'}/*.json")
        paths = sorted(results, key=lambda path: path.name, reverse=True)
        kept = ((f"{path.parent.name}/{path.stem}", functools.partial(_file_json, path)) for path in paths)
        return read_until(kept, self.name, model, limit)

    def html(self, report_id: str) -> bytes:
        """The page of one report."""
        return page_of(
            report_id,
            self.name,
            lambda: _file_json(self._path(report_id, ".json")),
            lambda: _file_page(self._path(report_id, ".html")),
        )

    def result(self, report_id: str) -> Result:
        """The result of one report."""
        return result_of(report_id, self.name, lambda: _file_json(self._path(report_id, ".json")))

    def ids(self) -> list[str]:
        """The id of everything that is kept, newest first."""
        if not self._is_there():
            return []
        paths = (path for path in self.folder.glob("*/*") if path.suffix in (".json", ".html"))
        return newest_first(f"{path.parent.name}/{path.stem}" for path in paths)

    def clear_half_written(self) -> None:
        """Remove what reports that were killed while they were written or removed have left."""
        for path in self.folder.glob("*/.*"):
            half = _HALF_WRITTEN.fullmatch(path.name)
            with suppress(OSError):
                if half and (not _is_running(int(half["pid"])) or _is_old(path)):
                    path.unlink()

        pages, results = (
            {path.with_suffix("") for path in self.folder.glob(f"*/*{kind}")} for kind in (".html", ".json")
        )
        for page in (path.with_suffix(".html") for path in pages - results):
            with suppress(OSError):
                if newest_first([f"{page.parent.name}/{page.stem}"]) and _is_old(page):
                    page.unlink()

    def remove(self, report_id: str) -> None:
        """Forget a report, its result before its page."""
        check_id(report_id)
        try:
            self._path(report_id, ".json").unlink(missing_ok=True)
            self._path(report_id, ".html").unlink(missing_ok=True)
        except OSError as exc:
            raise ArchiveError(f"cannot remove report {report_id} from {self.folder}: {exc.strerror}.") from exc

    def _is_there(self) -> bool:
        """Whether there is a folder; one that cannot be read would be taken for an archive without reports."""
        try:
            os.scandir(self.folder).close()
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise ArchiveError(f"the report archive {self.name} cannot be read: {exc.strerror}.") from exc
        return True

    def _path(self, report_id: str, suffix: str) -> Path:
        return self.folder / f"{report_id}{suffix}"


def open_archive(uri: str) -> LocalArchive:
    """The archive in the folder of a `file://` URI."""
    return LocalArchive(Path(uri.removeprefix("file://")).expanduser().absolute())


def _file_json(path: Path) -> object:
    if not path.is_file():
        if not path.exists():
            raise FileNotFoundError(path)
        raise UnreadableResultError("it is no file")
    with path.open("rb") as file:
        return from_json(file.read(MAX_RESULT_BYTES + 1))


def _file_page(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise OSError("it is no file")
    with path.open("rb") as file:
        return read_page(file)


def _is_old(path: Path) -> bool:
    return path.stat().st_mtime < time.time() - HALF_WRITTEN_SECONDS


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
