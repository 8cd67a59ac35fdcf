"""What a column's name says: when two are the same, and which were written after the decision.

A schema that takes one of the latter for a feature is refused: a model that reads what was paid back
predicts the past. The names are those of the loan tables that circulate; whoever finds another one adds it here.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache


@lru_cache(maxsize=10_000)
def key(name: str) -> str:
    """What is left of a column's name once its spelling is put aside: letters and digits, in one case.

    Examples
    --------
    >>> key("Loan_Amount Term") == key("loan-amount-TERM") == key("Loan.Amount.Term.")
    True
    """
    name = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\W_]+", "", name) or name


KNOWN_POST_OUTCOME_NAMES = frozenset(
    {
        "chargeoff_date", "collection_recovery_fee", "debt_settlement_flag", "debt_settlement_flag_date",
        "deferral_term", "hardship_amount", "hardship_dpd", "hardship_end_date", "hardship_flag",
        "hardship_last_payment_amount", "hardship_length", "hardship_loan_status", "hardship_payoff_balance_amount",
        "hardship_reason", "hardship_start_date", "hardship_status", "hardship_type", "last_credit_pull_d",
        "last_fico_range_high", "last_fico_range_low", "last_pymnt_amnt", "last_pymnt_d", "loan_status",
        "next_pymnt_d", "orig_projected_additional_accrued_interest", "out_prncp", "out_prncp_inv",
        "payment_plan_start_date", "pymnt_plan", "recoveries", "settlement_amount", "settlement_date",
        "settlement_percentage", "settlement_status", "settlement_term", "total_pymnt", "total_pymnt_inv",
        "total_rec_int", "total_rec_late_fee", "total_rec_prncp",
    }
)  # fmt: skip
_KEYS = frozenset(map(key, KNOWN_POST_OUTCOME_NAMES))


def is_post_outcome(name: str) -> bool:
    """Whether a column of this name is only known after the loan was granted.

    Examples
    --------
    >>> is_post_outcome("Total Pymnt"), is_post_outcome("totalpymnt"), is_post_outcome("total_acc")
    (True, True, False)
    """
    return key(name) in _KEYS
