"""What the cells of a table mean, which rows can be used, and what to know about the table before training."""

from creditrisk.quality.cells import (
    CURRENCY_SIGNS,
    DATE_FORMATS,
    MISSING,
    MONTHS,
    NO_NUMBER,
    months_in,
    read_cells,
    read_day,
    without_idle_zeros,
    without_time,
)
from creditrisk.quality.leakage import leaks_target
from creditrisk.quality.rows import (
    Checked,
    Rejection,
    below_second_header,
    check,
    frame_from_inputs,
    with_problems,
)
from creditrisk.quality.table import DataReport, data_page, examine

__all__ = [
    "CURRENCY_SIGNS",
    "DATE_FORMATS",
    "MISSING",
    "MONTHS",
    "NO_NUMBER",
    "Checked",
    "DataReport",
    "Rejection",
    "below_second_header",
    "check",
    "data_page",
    "examine",
    "frame_from_inputs",
    "leaks_target",
    "months_in",
    "read_cells",
    "read_day",
    "with_problems",
    "without_idle_zeros",
    "without_time",
]
