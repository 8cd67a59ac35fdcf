"""The files of a scorer folder: which there may be, how large, and the fingerprint of all of them."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from creditrisk.errors import ScorerError
from creditrisk.learners import FAMILIES
from creditrisk.scoring import golden

SCHEMA_FILE = "schema.toml"
ENCODER_FILE = "encoder.json"
CALIBRATION_FILE = "calibration.json"
SPREAD_FILE = "spread.json"
SPREAD_TREES_FILE = "spread.txt"
DECISION_FILE = "decision.json"
PROFILE_FILE = "profile.json"
YARDSTICKS_FILE = "reasons.json"
METRICS_FILE = "metrics.json"
CARD_FILE = "card.md"
# What a scorer folder holds, beside a file for each model; sizes are some twenty times what the largest of ours take.
FILES = frozenset(
    {
        SCHEMA_FILE, ENCODER_FILE, CALIBRATION_FILE, SPREAD_FILE, SPREAD_TREES_FILE, DECISION_FILE, PROFILE_FILE,
        YARDSTICKS_FILE, METRICS_FILE, CARD_FILE, golden.GOLDEN_FILE,
    }
)  # fmt: skip
MODEL_FILE = re.compile(rf"model\.({'|'.join(name for name in FAMILIES if name != 'blend')})\.(txt|json|safetensors)")
MAX_MODEL_BYTES = 100_000_000
MAX_TEXT_BYTES = 20_000_000


def check_files(folder: Path) -> None:
    """See that a folder holds a scorer's files and nothing else: no links, no folders, no file beyond its size.

    Raises
    ------
    ScorerError
        With the first that is out of place.
    """
    check_names({path.name: size_of(path) for path in folder.iterdir()})


def check_names(sizes: Mapping[str, int]) -> None:
    """See that these are the names of a scorer's files, each within its size; ScorerError otherwise."""
    for name in sorted(sizes):
        if name not in FILES and not MODEL_FILE.fullmatch(name):
            raise ScorerError(f"the scorer cannot be read: {name!r:.80} is no file of a scorer.")
        limit = MAX_MODEL_BYTES if MODEL_FILE.fullmatch(name) else MAX_TEXT_BYTES
        if sizes[name] > limit:
            raise ScorerError(f"the scorer cannot be read: {name} has {sizes[name]:,} bytes; up to {limit:,} are read.")
    missing = sorted(FILES - set(sizes))
    if missing:
        raise ScorerError(f"the scorer cannot be read: it has no {', '.join(missing)}.")


def size_of(path: Path) -> int:
    """The size of a plain file; ScorerError for a link, a folder or a device."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ScorerError(f"the scorer cannot be read: {path.name!r:.80} is not a plain file.")
    return status.st_size


def fingerprint(folder: Path) -> str:
    """SHA-256 over the names and bytes of all files of a scorer folder, as hex."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
