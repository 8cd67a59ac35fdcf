"""What the cells of a table mean, which rows can be used, and what to know about the table before training."""

from creditrisk.quality.agreement import habits_of
from creditrisk.quality.amounts import currencies_in
from creditrisk.quality.cells import notation_in, read_cells
from creditrisk.quality.every_row import ReadBlock, read_every_row
from creditrisk.quality.headers import below_second_header, match_headers, seems_a_client, unknown_headers
from creditrisk.quality.leakage import leaks_target
from creditrisk.quality.no_clients import EXAMPLE_CLIENT, are_units, without_no_clients
from creditrisk.quality.notation import date_format_of, is_missing, same_value, unit_of
from creditrisk.quality.numbers import LARGEST_INTEGER
from creditrisk.quality.rejections import Fault, Rejection, code_of
from creditrisk.quality.rows import (
    Checked,
    CheckedFew,
    check,
    check_blocks,
    check_few,
    frame_from_inputs,
    with_problems,
)
from creditrisk.quality.table import USUAL_BAD_RATE, DataReport, data_page, examine
from creditrisk.quality.together import TOO_GOOD_AUC, leaks_together
from creditrisk.quality.young import OddMonths, YoungLoans, months_of, odd_months, young_loans

__all__ = [
    "EXAMPLE_CLIENT",
    "LARGEST_INTEGER",
    "TOO_GOOD_AUC",
    "USUAL_BAD_RATE",
    "Checked",
    "CheckedFew",
    "DataReport",
    "Fault",
    "OddMonths",
    "ReadBlock",
    "Rejection",
    "YoungLoans",
    "are_units",
    "below_second_header",
    "check",
    "check_blocks",
    "check_few",
    "code_of",
    "currencies_in",
    "data_page",
    "date_format_of",
    "examine",
    "frame_from_inputs",
    "habits_of",
    "is_missing",
    "leaks_target",
    "leaks_together",
    "match_headers",
    "months_of",
    "notation_in",
    "odd_months",
    "read_cells",
    "read_every_row",
    "same_value",
    "seems_a_client",
    "unit_of",
    "unknown_headers",
    "with_problems",
    "without_no_clients",
    "young_loans",
]
