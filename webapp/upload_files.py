"""One dropped file on disk: as it was received, what was read of it, and its results block by block.

A folder of its own under home/uploads, called by the SHA-256 of the upload's random name, for the user who runs the app
alone (0700, files 0600). Whatever is replaced is replaced in one step, so that a process may be killed at any moment.

    details.json   what the file is called, which model scores it, how it ended
    file           as received, until it was read; longer if its columns can be read as others
    lock           held by the process that works on it; the system lets go of it when its holder dies
    correcting     held while corrected rows are sent on their way, or a stopped file
    stop           there once a clerk said so
    pause          there as long as a clerk says so
    preview.arrow  its first rows, once a clerk was asked what its columns hold; delimiter, what divides its cells
    assigned.json  what the answer was
    checked/       the rows of the file: as they came, those that can be scored, those that cannot, how read
    blocks/        the results, a file for each block of rows: pending until the decision log has it
    scored.arrow   all of them, once it is over
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
from pydantic import TypeAdapter, ValidationError

from creditrisk.quality import Checked, Fault, Rejection
from creditrisk.schema import Schema
from creditrisk.scoring import UNNUMBERED, Policy, application_ids
from creditrisk.sources import RawTable

_BLOCK = re.compile(r"(\d+)-(\d+)\.arrow")
_PENDING = re.compile(r"pending-(\d+)-(\d+)-after-(\d+)\.arrow")


@dataclass(frozen=True, slots=True)
class DecidedUnder:
    """What people had set on top of the model when the rows from `first_row` on were decided."""

    first_row: int
    policy: Policy


@dataclass(frozen=True, slots=True)
class Details:
    """What is known of a file besides how far it has come.

    `actor` and `role` say who sent it, `name` is the random one that gives access to it, and `content_sha256` tells
    whether the same bytes come again. If `may_ask`, a person is there to say what its columns hold, and has to if
    `is_asked_anew`. `can_be_read_anew` says that some of its columns could be said to be other ones; the file stays for
    that as it was received. Reading it was begun `n_readings` times. `model`, `version` and `sha256` name the scorer it
    was begun with, and that it is finished with. Since `resumed_at`, a Unix time, it has been worked on without a
    break, from row `resumed_row` on. `decided_under` has an entry for every change of the policy on the way.
    If `was_corrected`, rows of it were corrected after it was scored. Such rows are a file of their own on their way:
    `part_of` is the folder of their whole file, `rows` says which of its rows they are.
    `message` says why it failed or stopped, `advice` what to do about it; both are empty if it was done, or a clerk
    stopped it.
    """

    filename: str
    n_bytes: int
    started: float
    actor: str
    role: str
    name: str = ""
    content_sha256: str = ""
    may_ask: bool = False
    is_asked_anew: bool = False
    can_be_read_anew: bool = False
    n_readings: int = 0
    model: str = ""
    version: str = ""
    sha256: str = ""
    resumed_at: float = 0.0
    resumed_row: int = 0
    decided_under: tuple[DecidedUnder, ...] = ()
    was_corrected: bool = False
    part_of: str = ""
    rows: tuple[int, ...] = ()
    message: str = ""
    advice: str = ""


_DETAILS = TypeAdapter(Details)


@dataclass(frozen=True, slots=True)
class PendingBlock:
    """Results of rows `first_row` to `last_row` that were made when the log's head was `after_seq`, perhaps logged."""

    path: Path
    first_row: int
    last_row: int
    after_seq: int


def make(folder: Path, content: bytes, details: Details) -> None:
    """Make the folder of a file that was received; all of it is there, or nothing."""
    fresh = folder.with_name(f".{folder.name}")
    fresh.mkdir(mode=0o700)
    try:
        _write(fresh / "file", content)
        write_details(fresh, details)
        fresh.rename(folder)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)  # where there is no room, half a file takes the last of it
        raise


def write_details(folder: Path, details: Details) -> None:
    """Replace the details."""
    _write(folder / "details.new", json.dumps(asdict(details)).encode())
    (folder / "details.new").replace(folder / "details.json")


def read_details(folder: Path) -> Details | None:
    """The details; None if there is no such file, or no longer."""
    try:
        return _DETAILS.validate_json((folder / "details.json").read_bytes())
    except (OSError, ValidationError):
        return None


@contextmanager
def locked(path: Path, *, is_patient: bool = False) -> Iterator[bool]:
    """Hold a lock file, or know that another process or thread does."""
    with open(path, "ab", opener=_private) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if is_patient else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def received(folder: Path) -> bytes:
    """The file as it was received."""
    return (folder / "file").read_bytes()


def ask_to_stop(folder: Path) -> None:
    """Leave word for whoever works on it."""
    with suppress(OSError):
        (folder / "stop").touch(mode=0o600)


def is_to_stop(folder: Path) -> bool:
    """Whether a clerk said so."""
    return (folder / "stop").exists()


def pause(folder: Path) -> None:
    """Have whoever works on it leave it after the block in hand."""
    with suppress(OSError):
        (folder / "pause").touch(mode=0o600)


def go_on(folder: Path) -> None:
    """Take back a pause."""
    (folder / "pause").unlink(missing_ok=True)


def is_paused(folder: Path) -> bool:
    """Whether it is to be left for now."""
    return (folder / "pause").exists()


def ask_about(folder: Path, top: RawTable) -> None:
    """Keep the first rows of a file for the question what its columns hold."""
    _replace_frame(folder / "preview.arrow", top.texts)
    _write(folder / "delimiter", top.delimiter.encode())


def read_preview(folder: Path) -> RawTable | None:
    """Those rows as texts; None if nobody was asked."""
    try:
        frame, delimiter = pl.read_ipc(folder / "preview.arrow"), (folder / "delimiter").read_text()
    except OSError:
        return None
    return RawTable(frame, range(2, frame.height + 2), delimiter=delimiter)


def answer(folder: Path, assigned: Mapping[str, str]) -> None:
    """Keep which field's name a clerk gave to which column."""
    _write(folder / "assigned.new", json.dumps(dict(assigned)).encode())
    (folder / "assigned.new").replace(folder / "assigned.json")


def read_answer(folder: Path) -> dict[str, str] | None:
    """That answer; None before there is one."""
    try:
        return dict(json.loads((folder / "assigned.json").read_bytes()))
    except OSError:
        return None


def keep_checked(folder: Path, checked: Checked) -> None:
    """Keep what was read of the file."""
    fresh = folder / "checked.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    _write_rows(fresh, checked)
    reading = {"read_as": checked.read_as, "has_decimal_commas": checked.has_decimal_commas}
    _write(fresh / "reading.json", json.dumps(reading).encode())
    fresh.rename(folder / "checked")


def keep_corrected(folder: Path, checked: Checked, scored: pl.DataFrame) -> None:
    """Replace the rows of a file that is over, and then its results, so that each result has its row."""
    _write_rows(folder / "checked", checked)
    _replace_frame(folder / "scored.arrow", scored)


def _write_rows(folder: Path, checked: Checked) -> None:
    _replace_frame(folder / "raw.arrow", checked.raw)
    _replace_frame(folder / "accepted.arrow", checked.accepted)
    _write(folder / "rejected.new", json.dumps([asdict(rejection) for rejection in checked.rejected]).encode())
    (folder / "rejected.new").replace(folder / "rejected.json")


def drop_received(folder: Path) -> None:
    """Remove the file as it was received."""
    (folder / "file").unlink(missing_ok=True)


def read_checked(folder: Path) -> Checked | None:
    """What was read of the file; None if it was not read yet."""
    kept = folder / "checked"
    if not kept.is_dir():
        return None
    rejected = [
        Rejection(
            **fields
            | {"more": tuple(fields["more"]), "others": tuple(Fault(*item) for item in fields.get("others", ()))}
        )
        for fields in json.loads((kept / "rejected.json").read_bytes())
    ]
    reading = json.loads((kept / "reading.json").read_bytes())
    return Checked(pl.read_ipc(kept / "accepted.arrow"), rejected, pl.read_ipc(kept / "raw.arrow"), **reading)


def is_about(folder: Path, schema: Schema, application_id: str, *, from_row: int = 1) -> bool:
    """Whether a client is among the rows that can be scored, from `from_row` on; no before the file was read."""
    accepted = folder / "checked" / "accepted.arrow"
    if not accepted.exists():
        return False
    rows = pl.read_ipc(accepted).filter(pl.col("row_number") >= from_row)
    if schema.id_field is not None and schema.id_field.name not in rows.columns:
        return False
    if made := re.search(UNNUMBERED, application_id):
        rows = rows.filter(pl.col("row_number") == int(made["row"]))
    return application_id in application_ids(rows, schema)


def add_pending(folder: Path, scored: pl.DataFrame, first_row: int, last_row: int, after_seq: int) -> PendingBlock:
    """Keep the results of a block before the decision log gets it; they survive a power cut from here on."""
    blocks = folder / "blocks"
    blocks.mkdir(mode=0o700, exist_ok=True)
    path = blocks / f"pending-{first_row}-{last_row}-after-{after_seq}.arrow"
    _write_frame(blocks / "new", scored)
    (blocks / "new").replace(path)
    _sync(path)
    _sync(blocks)
    return PendingBlock(path, first_row, last_row, after_seq)


def find_pending(folder: Path) -> PendingBlock | None:
    """The block that was pending when its process was killed, if there is one."""
    for path in _names(folder / "blocks"):
        if match := _PENDING.fullmatch(path.name):
            return PendingBlock(path, *map(int, match.groups()))
    return None


def settle(pending: PendingBlock) -> None:
    """Count a pending block among those that are done."""
    pending.path.rename(pending.path.with_name(f"{pending.first_row:09}-{pending.last_row:09}.arrow"))


def done(folder: Path) -> tuple[int, int]:
    """How far the blocks go that are done: their last row, and how many clients were scored."""
    blocks = _done_blocks(folder)
    n_scored = sum(pl.scan_ipc(path).select(pl.len()).collect().item() for _, path in blocks)
    return (blocks[-1][0] if blocks else 0), n_scored


def keep_scored(folder: Path) -> None:
    """Make one file of all blocks; they stay until it is noted that the file is over, as they tell how far it is."""
    if _done_blocks(folder):
        _replace_frame(folder / "scored.arrow", _read_blocks(folder))


def drop_blocks(folder: Path) -> None:
    """Remove the blocks, once `keep_scored` holds what is in them."""
    shutil.rmtree(folder / "blocks", ignore_errors=True)


def read_scored(folder: Path) -> pl.DataFrame:
    """All results so far; without a column if there are none."""
    path = folder / "scored.arrow"
    return pl.read_ipc(path) if path.exists() else _read_blocks(folder)


def reopen(folder: Path, n_done: int) -> None:
    """Make a stopped file one that is to be scored from row `n_done` + 1 on: its results are a block again."""
    blocks = folder / "blocks"
    if (folder / "scored.arrow").exists():
        drop_blocks(folder)
    blocks.mkdir(mode=0o700, exist_ok=True)
    with suppress(FileNotFoundError):
        (folder / "scored.arrow").rename(blocks / f"{1:09}-{n_done:09}.arrow")
    (folder / "stop").unlink(missing_ok=True)


def can_be_reopened(folder: Path) -> bool:
    """Whether its rows are kept."""
    return (folder / "checked").is_dir()


def n_bytes(folder: Path) -> int:
    """How much room the folder takes."""
    total = 0
    with suppress(OSError):
        for path in folder.rglob("*"):
            with suppress(OSError):
                total += path.stat().st_size
    return total


def remove(folder: Path) -> None:
    """Remove all of it; whoever reads it now finds that it is gone."""
    shutil.rmtree(folder, ignore_errors=True)


def _read_blocks(folder: Path) -> pl.DataFrame:
    frames = [pl.read_ipc(path) for _, path in _done_blocks(folder)]
    return pl.concat(frames) if frames else pl.DataFrame()


def _done_blocks(folder: Path) -> list[tuple[int, Path]]:
    """Last row and file of each block that is done, in the order of the rows."""
    matches = ((_BLOCK.fullmatch(path.name), path) for path in _names(folder / "blocks"))
    return sorted((int(match[2]), path) for match, path in matches if match)


def _names(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _write_frame(path: Path, frame: pl.DataFrame) -> None:
    with open(path, "wb", opener=_private) as file:
        frame.write_ipc(file, compression="lz4")


def _replace_frame(path: Path, frame: pl.DataFrame) -> None:
    _write_frame(path.with_suffix(".new"), frame)
    path.with_suffix(".new").replace(path)


def _write(path: Path, content: bytes) -> None:
    with open(path, "wb", opener=_private) as file:
        file.write(content)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
