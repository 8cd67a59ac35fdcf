"""How people write amounts around their digits, and what is left once that is put aside.

A minus of any sort, in front, behind or as brackets; a currency's sign or code; K, M and lakh; a stray sign behind the
digits. What points and commas mean between the digits is told in quality.numbers.
"""

from __future__ import annotations

import re

import polars as pl

# How currencies are written beside their ISO code.
SIGNS = {
    "DEM": ("DM",), "EUR": ("€", "euros", "euro"), "USD": ("US$", "$", "dollars"), "GBP": ("£",),
    "JPY": ("¥", "円", "yen"), "BRL": ("R$",), "INR": ("₹", "Rs.", "Rs", "rupees"), "PLN": ("zł",),
    "NGN": ("₦", "N", "naira"), "ZAR": ("R", "rand"), "CHF": ("SFr.", "SFr", "Fr.", "Fr"), "KES": ("KSh",),
    "TZS": ("TSh",), "UGX": ("USh",), "GHS": ("GH₵", "GH¢", "₵"), "ILS": ("₪",), "KRW": ("₩", "원"), "VND": ("₫", "đ"),
    "PHP": ("₱", "P"), "THB": ("฿", "baht"), "TRY": ("₺", "TL"), "RUB": ("₽", "руб.", "руб", "р.", "р"),
    "UAH": ("₴", "грн.", "грн"), "EGP": ("LE", "E£"), "SAR": ("SR", "﷼"), "KZT": ("₸", "тг"),
    "CNY": ("元", "RMB", "CN¥", "yuan"), "CZK": ("Kč",), "HUF": ("Ft",), "SEK": ("kr.", "kr"), "RON": ("lei",),
    "BGN": ("лв.", "лв"), "IDR": ("Rp.", "Rp"), "MYR": ("RM",), "PEN": ("S/.", "S/"), "CRC": ("₡",),
    "BDT": ("৳", "Tk"), "LKR": ("රු",), "AUD": ("A$", "AU$"), "CAD": ("C$", "CA$"), "NZD": ("NZ$",), "HKD": ("HK$",),
    "SGD": ("S$",), "TWD": ("NT$",), "MXN": ("MX$", "Mex$"), "GEL": ("₾",), "AZN": ("₼",), "PYG": ("₲",),
    "MNT": ("₮",), "LAK": ("₭",), "XOF": ("F CFA", "FCFA", "CFA"), "AED": ("Dhs.", "Dhs"), "BOB": ("Bs.", "Bs"),
    "RSD": ("din.", "дин."), "UYU": ("$U",), "DOP": ("RD$",), "COP": ("COL$",), "ARS": ("AR$",), "CLP": ("CLP$",),
    "AMD": ("֏",),
}  # fmt: skip
ISO_CODES = (
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD", "BIF",
    "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY", "COP", "CRC",
    "CUP", "CVE", "CZK", "DEM", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL",
    "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "IRR", "ISK",
    "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL",
    "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD",
    "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD",
    "RUB", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP",
    "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VES",
    "VND", "VUV", "WST", "XAF", "XCD", "XOF", "XPF", "YER", "ZAR", "ZMW", "ZWG",
)  # fmt: skip
CURRENCIES = {code.lower(): code for code in ISO_CODES} | {
    sign.lower(): code for code, signs in SIGNS.items() for sign in signs
}
_MINUSES = dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014\ufe63\uff0d\u207b", "-") | {"\uff0b": "+"}
_BLANKS = dict.fromkeys("\u00a0\u202f\u2007\u2008\u2009\u200a", " ")
# What programs of the far east write in full width.
_WIDE = {chr(0xFF10 + digit): str(digit) for digit in range(10)} | dict(
    zip("\uff0c\uff0e\uff05\uffe5\uff04", ",.%¥$", strict=True)
)
_REPLACED = _MINUSES | _BLANKS | _WIDE | dict.fromkeys("\u2018\u2019\u00b4`", "'")
# What may stand behind digits and say nothing: footnotes, marks of a spreadsheet.
_BESIDE_DIGITS = r"(?:[.,]-{1,2}|\s*\)|/[-=])?"
_STRAY = r"[*†‡§°^~#'_=;:!]+"
# What letters behind digits multiply by, as a power of ten; a small m may be months and is asked for decimals.
_TENS = (
    (3, r"(?i:k|tsd\.?|thousand)"),
    (5, r"(?i:lakhs?|lacs?)"),
    (6, r"M|MM|(?i:mn|mio\.?|mln|million)"),
    (7, r"(?i:crores?)"),
    (9, r"B|(?i:bn|mrd\.?|billion)"),
)
# The same in front of a currency.
MANY = r"k|mn?|bn?|tsd\.?|mio\.?|mln|mrd\.?|thousand|million|billion|lakhs?|lacs?|crores?"
# Every way to write a percent sign.
PERCENT = r"%(?:\s*p\.?\s*a\.?)?|pct\.?|per\s?cent|prozent"
# A number but for what stands around it.
NUMBER_LIKE = r"[+-]?\d[\d.,' ]*"
# Every way to write a currency; case does not matter.
CURRENCY = "|".join(re.escape(spelling) for spelling in sorted(CURRENCIES, key=len, reverse=True)) + "|[$¢£¤¥৲৳฿₠-⃀]"
# One letter or two before digits are a code, as in R1 and P12, unless the digits look like an amount.
_LETTERS = frozenset(spelling for spelling in CURRENCIES if len(spelling) <= 2 and spelling.isalpha())
_NO_LETTERS = "|".join(spelling for spelling in CURRENCY.split("|") if spelling.lower() not in _LETTERS)
_LIKE_AMOUNT = r"\d[.,' ]\d|\d{5}|\d[.,]?-|/[-=]|^\W*[^\W\d]+\.? \d|\d [^\W\d]+\.?$"
_MONEY = frozenset({"dollar", "dollars", "euro", "euros", "pounds", "rupees", "yen", "francs", "mark", "marks", "a"})


def is_money(unit: str) -> bool:
    """Whether a unit is a currency, or an amount of one in some time.

    Examples
    --------
    >>> [is_money(unit) for unit in ("EUR", "USD a year", "NT dollars", "a month", "", "months", "%")]
    [True, True, True, True, True, False, False]
    """
    return not unit or any(word.lower() in CURRENCIES or word in _MONEY for word in unit.split())


def spellings_of(unit: str) -> str:
    """A pattern for the ways to write a unit or a currency."""
    if unit == "%":
        return PERCENT
    codes = _codes_in(unit)
    signs = [sign for code in codes for sign in SIGNS.get(code, ())]
    spellings = {unit, unit.removesuffix("s"), *codes, *signs}
    return "|".join(re.escape(spelling) for spelling in sorted(spellings, key=len, reverse=True))


def _codes_in(unit: str) -> list[str]:
    return [CURRENCIES[word.lower()] for word in unit.split() if word.lower() in CURRENCIES]


def one_currency_of(texts: pl.Series) -> str:
    """The currency's sign that stands beside all of these amounts; empty if none does, or if there are several."""
    signs = _currency_signs(texts)
    found = signs.drop_nulls().unique().to_list()
    return found[0] if len(found) == 1 and signs.null_count() <= 0.02 * len(signs) else ""


def currencies_in(texts: pl.Series) -> set[str]:
    """The currencies that stand beside amounts, by their code where it is known.

    Examples
    --------
    >>> sorted(currencies_in(pl.Series(["€ 5", "5 EUR", "$7"])))
    ['EUR', 'USD']
    """
    return {CURRENCIES.get(sign, sign) for sign in _currency_signs(texts).drop_nulls().unique()}


def _currency_signs(texts: pl.Series) -> pl.Series:
    sign = currency_in(texts)
    signs = texts.str.extract(rf"(?i)^[+(-]*\s*({sign})\.?\s*(?:{sign})?\s*[+(-]*\d", 1)
    return signs.fill_null(texts.str.extract(rf"(?i)\d{_BESIDE_DIGITS}\s*({sign})[\s)-]*$", 1)).str.to_lowercase()


def currency_in(texts: pl.Series) -> str:
    """A pattern for what may be a currency beside the digits of these texts."""
    return CURRENCY if texts.str.contains(_LIKE_AMOUNT).any() else _NO_LETTERS


def with_plain_signs(texts: pl.Series) -> pl.Series:
    """Texts with one sort of minus, blank and apostrophe.

    Examples
    --------
    >>> with_plain_signs(pl.Series(["\u2212702.22", "1\u2009200"])).to_list()
    ['-702.22', '1 200']
    """
    if not texts.str.contains(r"[^\x00-\x7F]|`").any():
        return texts
    return texts.str.replace_many(list(_REPLACED), list(_REPLACED.values()))


def without_words(texts: pl.Series, words: str) -> pl.Series:
    """Amounts without the words, a pattern, that stand in front of the digits or behind them."""
    return (
        texts.str.replace(
            rf"(?i)^(.*\d{_BESIDE_DIGITS}(?:\s*(?:{MANY})(?:\s+|\b))?)\s*(?:{words})(\s*[)*]?-?)$", "${1}${2}"
        )
        .str.replace(rf"(?i)^([+(-]*)\s*(?:(?:{words})\.?\s*){{1,2}}([+-]?\(?[+-]?[\d.,].*)$", "${1}${2}")
        .str.replace(rf"(?i)^(?:{words})\s*-+$|^-+\s*(?:{words})$", "0")
    )


def bare(texts: pl.Series, *, has_tens: bool) -> pl.Series:
    """Amounts as digits with a sign in front: brackets, signs behind and, if `has_tens`, letters for thousands.

    Examples
    --------
    >>> bare(pl.Series(["(1,234.50)", "702-", "12.5K", "1.2M", "1.200,-", "- 5", "--5", "7*"]), has_tens=True).to_list()
    ['-1,234.50', '-702', '12.5e3', '1.2e6', '1.200,0', '-5', '--5', '7']
    """
    if not texts.str.contains(r"[^0-9.,+-]|[\d.,]-").any():
        return texts
    texts = (
        texts.str.replace(r'^="(.*)"$', "${1}")
        .str.replace(r"^['~≈]\s*", "")
        .str.replace(r",-+$", ",0")
        .str.replace(r"(?:[.]-+|/[-=])$", "")
        .str.replace(rf"^(.*[\d)])\s*{_STRAY}$", "${1}")
        .str.replace(r"^\(\s*([^()+-]*\d[^()]*?)\s*\)$", "-${1}")
        .str.replace(r"^([^+-].*\d)\s*-$", "-${1}")
        .str.replace(r"^([+-])\s+", "${1}")
    )
    if has_tens and texts.str.contains(r"\d\s*[A-Za-z]+\.?\s*$").any():
        for power, letters in _TENS:
            texts = texts.str.replace(rf"^([+-]?\d(?:[\d.,' ]*\d)?)\s*(?:{letters})\s*$", f"${{1}}e{power}")
        texts = texts.str.replace(r"^([+-]?\d[\d' ]*[.,]\d+)\s*m$", "${1}e6")
    return texts
