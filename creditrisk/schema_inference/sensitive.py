"""What the law keeps out of a decision on credit: data barred by name, and values that give a protected field away.

Health and the other special categories of Art. 9 GDPR, and what social networks know, must not be used to judge who
gets credit: Directive (EU) 2023/2225, Art. 18(3). Names are guessed at by whole words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import polars as pl

from creditrisk.schema_inference.header_hints import words, words_in_any_script

_BARRED = {
    "health": {
        "health", "medical", "medicine", "medication", "illness", "disease", "diagnosis", "diagnoses", "diagnose",
        "icd",
        "cancer", "tumor", "tumour", "hiv", "aids", "diabetes", "diabetic", "hypertension", "asthma", "smoker",
        "smoking",
        "smokes", "tobacco", "alcohol", "alcoholic", "bmi", "cholesterol", "hospital", "hospitalised", "hospitalized",
        "hospitalization", "patient", "prescription", "chronic", "therapy", "surgery", "psychiatric", "psychological",
        "depression", "sick", "sickness", "allergy", "allergies", "vaccinated", "vaccination", "covid", "healthy",
        "krankheit", "krankheiten", "krankheitstage", "krank", "gesundheit", "gesundheitszustand", "raucher", "arzt",
        "krankenhaus", "behandlung", "salud", "sante", "saude", "salute", "enfermedad", "maladie", "doenca", "malattia",
    },
    "social networks": {
        "facebook", "fb", "twitter", "tweet", "tweets", "instagram", "linkedin", "xing", "tiktok", "snapchat",
        "whatsapp",
        "wechat", "weibo", "vkontakte", "telegram", "youtube", "reddit", "pinterest", "myspace", "follower",
        "followers",
        "klout", "socialmedia", "socialnetwork", "friends",
    },
    "membership of a trade union": {"gewerkschaft", "gewerkschaftsmitglied", "tradeunion", "syndicat", "sindicato"},
    "political opinions": {
        "political", "politics", "politically", "democrat", "republican", "parteimitglied", "parteimitgliedschaft",
        "parteizugehoerigkeit", "politisch",
    },
    "religion or belief": {
        "church", "kirche", "kirchensteuer", "kirchenmitglied", "mosque", "synagogue", "faith", "beliefs",
        "philosophical",
        "glaube", "zakat",
    },
    "sex life": {"sexual", "sexuality", "sexualitaet", "lgbt", "lgbtq", "gay", "homosexual"},
    "genetics or biometrics": {
        "genetic", "genetics", "genome", "genomic", "dna", "biometric", "biometrics", "fingerprint", "fingerprints",
        "voiceprint", "retina", "faceprint", "genetik", "genetisch", "biometrie", "fingerabdruck",
    },
}  # fmt: skip
_BARRED_PAIRS = {
    ("trade", "union"): "membership of a trade union", ("labor", "union"): "membership of a trade union",
    ("labour", "union"): "membership of a trade union", ("union", "member"): "membership of a trade union",
    ("union", "membership"): "membership of a trade union", ("union", "dues"): "membership of a trade union",
    ("party", "membership"): "political opinions", ("party", "affiliation"): "political opinions",
    ("voting", "intention"): "political opinions", ("voted", "for"): "political opinions",
    ("social", "media"): "social networks", ("social", "network"): "social networks",
    ("social", "networks"): "social networks", ("social", "graph"): "social networks",
    ("friends", "count"): "social networks", ("num", "friends"): "social networks",
    ("number", "friends"): "social networks", ("blood", "pressure"): "health", ("blood", "type"): "health",
    ("blood", "group"): "health", ("face", "id"): "genetics or biometrics", ("iris", "scan"): "genetics or biometrics",
    ("mental", "condition"): "health", ("medical", "condition"): "health", ("pre", "existing"): "health",
}  # fmt: skip
# Beside these the words above are about money, work or things.
_HARMLESS = frozenset(
    {
        "insurance", "insurer", "insured", "premium", "premiums", "versicherung", "sector", "industry", "employer",
        "employee", "job", "company", "business", "bank", "financial", "credit", "account", "portfolio", "loan", "debt",
        "vehicle", "car", "battery", "device", "property", "european", "student", "purpose", "login", "url", "worker",
        "profession", "occupation", "fund", "cover", "plan",
    }
)  # fmt: skip
_PROTECTED_BY_ALL = frozenset(
    {"religion", "religious", "konfession", "race", "racial", "raza", "raca", "ethnic", "ethnicity", "ethnie", "caste",
     "tribe", "disability", "disabled", "handicap", "handicapped", "behinderung", "schwerbehindert"}
)  # fmt: skip
LAW = "Directive (EU) 2023/2225, Art. 18"

_SEXES = frozenset(
    {
        "male", "female", "maennlich", "weiblich", "mannlich", "homme", "femme", "hombre", "mujer", "masculino",
        "femenino", "feminino", "maschio", "femmina", "uomo", "donna", "man", "woman", "mann", "vrouw", "mr", "mrs",
        "ms",
        "herr", "frau", "kobieta", "mezczyzna", "divers", "masculin", "feminin", "maskulin", "masculine", "feminine",
        "mme", "mlle", "miss", "sr", "sra", "senor", "senora", "kadin", "erkek", "kvinna", "kvinne", "kvinde", "nainen",
        "mies", "muz", "zena", "noi", "ferfi", "barbat", "femeie", "vyras", "moteris", "мужской", "женский", "мужчина",
        "женщина", "чоловік", "жінка", "男", "女", "男性", "女性", "남", "여", "남성", "여성", "ذكر", "أنثى",
    }
)  # fmt: skip
_STATES = frozenset(
    {"married", "unmarried", "divorced", "widowed", "widow", "widower", "verheiratet", "ledig", "geschieden",
     "verwitwet",
     "casado", "soltero", "casada", "soltera", "solteiro", "divorciado", "viudo", "celibataire", "marie", "mariee",
     "spouse", "children", "sposato", "sposata", "celibe", "nubile", "divorziato", "solteira", "divorciada", "viuda",
     "viuvo", "viuva", "celibat", "divorce", "veuf", "veuve", "pacse", "gehuwd", "ongehuwd", "gescheiden", "zonaty",
     "mezatka", "kawaler", "panna", "rozwiedziony", "zenaty", "vdana", "svobodny", "svobodna", "rozvedeny", "evli",
     "bekar", "bosanmis", "dul", "naimisissa", "naimaton", "женат", "замужем", "холост", "разведен", "разведена",
     "已婚", "未婚", "离婚", "離婚"}
)  # fmt: skip
# Words that stand before a name as well, so that they count only where nothing follows.
_TITLES = frozenset(
    {"mr", "mrs", "ms", "miss", "mme", "mlle", "sr", "sra", "senor", "senora", "herr", "frau", "man", "mann", "woman",
     "noi"}
)  # fmt: skip
_BESIDE_TITLES = frozenset({"dr", "prof", "and", "und", "et", "y", "m", "or"})
_ORIGINS = frozenset(
    {"asian", "hispanic", "latino", "caucasian", "african", "muslim", "christian", "hindu", "sikh", "buddhist",
     "jewish",
     "catholic", "protestant", "islam", "katholisch", "evangelisch", "obc"}
)  # fmt: skip
_PROTECTED_VALUES = _SEXES | _STATES | _ORIGINS
# Words that count beside one of those.
_BESIDE = {
    "single": _STATES,
    "separated": _STATES,
    "family": {"spouse", "children"},
    "white": _ORIGINS,
    "black": _ORIGINS,
    "sc": {"obc", "st"},
    "st": {"obc", "sc"},
}
_SEX_CODES = ({"m", "f"}, {"m", "w"}, {"h", "f"}, {"k", "m"}, {"h", "m"}, {"m", "v"})
# The codes of the Statlog data, which circulate without names: sex and marital status, foreign workers.
_STATLOG = ({"A91", "A92", "A93", "A94", "A95"}, {"A201", "A202"})
# What may stand beside such codes and says nothing.
_UNKNOWN_CODES = frozenset(
    {"u", "x", "n", "o", "d", "na", "xna", "unknown", "other", "others", "diverse", "unspecified", "undisclosed",
     "none",
     "unbekannt", "inconnu", "missing", "not", "prefer", "keine"}
)  # fmt: skip


def barred_kind(header: str) -> tuple[str, str]:
    """The word of a name that the law bars from decisions on credit, and what it is about; both empty if there is none.

    Examples
    --------
    >>> barred_kind("facebook_friends"), barred_kind("SmokerFlag"), barred_kind("health_insurance_premium")
    (('facebook', 'social networks'), ('smoker', 'health'), ('', ''))
    """
    parts = tuple(bare for word in words(header) if (bare := word.rstrip("0123456789")))
    # A name within which a new word begins is one: TikTok.
    parts += tuple(map("".join, pairwise(parts)))
    present = frozenset(parts)
    for pair, kind in _BARRED_PAIRS.items():
        if present.issuperset(pair) and not present & (_HARMLESS - {"employee", "worker"}):
            return " ".join(pair), kind
    if present & _HARMLESS:
        return "", ""
    return next(((word, kind) for word in parts for kind, barred in _BARRED.items() if word in barred), ("", ""))


def is_barred_too(word: str) -> bool:
    """Whether what the protected `word` is about is kept from decisions on credit by law, whatever it would tell."""
    return word in _PROTECTED_BY_ALL


def protected_value(values: Sequence[str]) -> str:
    """The value that gives a protected field away whatever its name, if most values do; empty if there is none.

    Of several values one alone does not: it may be a company's name. Codes for unknown have no say.

    Examples
    --------
    >>> protected_value(["male single", "female div/dep/mar"]), protected_value(["F", "M", "XNA", "9"])
    ('male', 'f')
    >>> protected_value(["own", "rent"]), protected_value(["Mr. Loan Ltd", "Quick Loans", "Others"])
    ('', '')
    """
    if any({*values} <= codes for codes in _STATLOG) and len(values) > 1:
        return values[0]
    of_values = [parts for value in values if (parts := _without_number(value))]
    present = {word for parts in of_values for word in parts}
    telling = [word for parts in of_values if (word := _telling(parts, present))]
    known = [parts for parts in of_values if parts[0] not in _UNKNOWN_CODES or parts[0] in ("sc", "st")]
    if telling and len(telling) >= min(2, len(of_values)) and 2 * len(telling) >= len(known):
        return next((word for word in telling if word in _PROTECTED_VALUES), telling[0])
    codes = {parts[0] for parts in known if len(parts) == 1 and len(parts[0]) == 1}
    return min(codes) if codes in _SEX_CODES and 2 * len(codes) >= len(known) else ""


def looks_like_ages(numbers: pl.Series) -> bool:
    """Whether whole numbers are spread as the ages of grown-up people, for columns that have no names.

    Examples
    --------
    >>> looks_like_ages(pl.Series(range(19, 76))), looks_like_ages(pl.Series(range(4, 73)))
    (True, False)
    """
    low, high = numbers.min(), numbers.max()
    if not isinstance(low, float | int) or not isinstance(high, float | int):
        return False
    is_whole = bool((numbers.drop_nulls() % 1 == 0).all())
    return is_whole and 15 <= low <= 25 and 60 <= high <= 110 and numbers.n_unique() >= 35


def _telling(parts: Sequence[str], present: set[str]) -> str:
    """The first word of a value that tells of something protected, by itself or beside another value's."""
    if re.search(r"ltd|llc|inc|gmbh|corp|bank|mortgage", " ".join(parts)):
        return ""
    is_title = {*parts} <= _TITLES | _BESIDE_TITLES | _UNKNOWN_CODES
    return next(
        (
            word
            for word in parts
            if (word in _PROTECTED_VALUES and (is_title or word not in _TITLES))
            or (word in _BESIDE and present & _BESIDE[word])
        ),
        "",
    )


def _without_number(value: str) -> tuple[str, ...]:
    """The words of a value without a single digit in front, as in "1-Male"; none if they begin with more digits."""
    parts = words_in_any_script(value)
    parts = parts[1:] if len(parts) > 1 and re.fullmatch(r"\d", parts[0]) else parts
    return () if parts and parts[0].isdigit() else parts
