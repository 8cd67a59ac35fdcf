"""`riskometer drift`: what the flow found about a table, for a terminal of 80 columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

from creditrisk.errors import CreditRiskError
from creditrisk.text import counted
from riskometer.archived import lines_of_fields, lines_of_findings

if TYPE_CHECKING:
    from monitoring.partitions import TableDrift


def show_table_drift(home: Path, copy: Path | None) -> str:
    """The findings and figures that the flow has just written to a home; its file is copied where that is asked.

    Raises
    ------
    CreditRiskError
        If the copy cannot be written.
    """
    from monitoring.partitions import RESULT_NAME

    written = home / RESULT_NAME
    content = written.read_bytes()
    found = cast("TableDrift", json.loads(content))
    lines = [
        f"{counted(found['n_rows'], 'row')} in {counted(found['n_parts'], 'part')} against the reference of "
        f"{found['model']} version {found['model_version']}",
        "",
        *lines_of_findings(found["findings"]),
        "",
        *lines_of_fields(found["score"] if found["score"]["n_rows"] else None, found["fields"]),
    ]
    if copy is not None:
        try:
            copy.write_bytes(content)
        except OSError as exc:
            raise CreditRiskError(f"{copy} could not be written: {exc.strerror}. The same is in {written}.") from exc
        lines += ["", f"As JSON: {copy}"]
    return "\n".join(lines)
