"""What the name of a column gives away: what it should be called, and what it probably holds.

Guesses by whole words, in English and German, for tables nobody has described yet: whether a column was written after
the decision, names something the law protects, a client's number, a person, the day of application. A guess is for a
person to confirm. Columns that are certain to come later are listed in creditrisk.columns.
"""

from __future__ import annotations

import re
import unicodedata

from creditrisk.columns import is_post_outcome

_UMLAUTS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ı": "i", "İ": "I", "ł": "l",
     "Ł": "L", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "œ": "oe", "đ": "d", "Đ": "D"}
)  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

# Sequences of words, in a name written as _total_pymnt_inv_, that tell of what happened after the decision.
_LATER = re.compile(
    r"(?<!_lump)_(\w*recover(y|ies|ed)\w*|recov_(amt|amount)|(net_)?loss_(amount|given)|(principal|credit|actual)_loss(es)?"
    r"|lgd|ead"
    r"|reali[sz]ed_(loss|return|yield)|loss_(amt|severity)|npa|(loan_)?modif(ication|ied)_(flag|date|status|type|cost)"
    r"|(current|actual|last)_upb|last_(stat|status|act)|after_\d+_?(d|days?|w|weeks?|m|mths?|mo"
    r"|months?|y|yrs?|years?)|balance_gross|loan_age|remaining_months|months_to_(legal_)?maturity|paid_in_full"
    r"|(principal|interest|fees?|penalt(y|ies)|instal?lments?)_(paid|collected|received|repaid)"
    r"|paid_(amount|amt|instal?lments?)|late_fees?"
    r"|repaid_(amount|amt)|closed_(at|on)|legal_action|forbearance|cured?_date|cured|early_closure|guarantee_called"
    r"|forderungsausfall|collections?_stage"
    r"|charged?_?offs?|chg_?offs?|(write|written)_?offs?|wrote_off"
    r"|collection_(fee|cost|status|agency|date|amount|flag)s?|(in|to)_collections?"
    r"|(debt_)?settle(d|ment)|hardship|foreclos(ed|ure)|reposses(s|sed|sion)|dunning"
    r"|(out|outstanding)_(prncp|principal)|(total|sum|tot|amount)_(pymnt|payments?|paid|rec|received|repaid)"
    r"|(last|final|next)_(pymnt|payment|paid|repayment)|(paid|pay)_?off|prepaid|prepayment|early_repayment"
    r"|payments?_(made|received|reached)|(customer|principal|interest)_payments|(paid|repaid)_(total|principal|interest"
    r"|back|late_fees?|to_date)|till_date|remaining_(balance|principal)|zero_balance|sales?_proceeds"
    r"|(principal|interest)_balance|restructured|rescheduled|active_late|recovery_stage"
    r"|months?_on_books?|principal_overdue|days_delinquent|(worst|worse)_late|debt_occurr?ed"
    r"|(date|day|month|year|time|months|days)_((of|to|until|at)_)?default|default_(date|dt|day"
    r"|month|year|reason|amount|flag)"
    r"|defaulted|(arrears?|delinquen(t|cy)|overdue|dpd|late|rueckstand|verzug)_(\w+_)?(after|nach)"
    r"|(close|closed|closing|termination)_(date|d|day|month|reason)|(date|day|month)_closed|(final"
    r"|end|exit)_(status|state|outcome)|outcome"
    r"|mahnung|mahnungen|mahnstufe|inkasso|ausfall|ausfalldatum|ausfallgrund|abschreibung|ausbuchung|ausgebucht"
    r"|verwertung|verlusthoehe|verlustbetrag|kuendigung|gekuendigt|getilgt|rueckzahlung|letzte_zahlung)_"
)
# The same words in a client's history, known on the day of application.
_HISTORY = re.compile(
    r"_(previous|prev|prior|past|hist|history|historical|earlier|ever|within|since|on_file|bureau|before|frueher\w*"
    r"|bisher\w*|vergangen\w*|vor|num|number|count|cnt|\d+_?(m|mths?|mo|months|y|yr|yrs|years))_"
)
# What was known on the day of application for certain, however well it tells: history so called, a bureau's score.
_BEFORE = re.compile(
    r"_(previous|prev|prior|past|hist|history|historical|earlier|before|on_file|frueher\w*|bisher\w*|vergangen\w*"
    r"|(credit|bureau|fico|schufa|cibil|vantage|experian|equifax|transunion|crif)_(\w+_)?scores?)_"
)
_PROTECTED = frozenset(
    {
        "sex", "sexe", "sexo", "gender", "geschlecht", "anrede", "birth", "birthday", "birthdate", "birthyear",
        "born", "dob", "yob", "geburt", "geburtsdatum", "geburtsjahr", "geburtstag", "geburtsort", "geburtsland",
        "marital", "married", "marriage", "divorced", "widowed", "familienstand", "familienstatus", "ehestand",
        "verheiratet", "famges", "pregnant", "pregnancy", "nationality", "nationalitaet", "staatsangehoerigkeit",
        "citizen", "citizenship", "foreign", "foreigner", "auslaender", "gastarbeiter", "gastarb", "immigrant",
        "immigration", "migrant", "migration", "herkunft", "religion", "religious", "konfession", "race", "racial",
        "ethnic", "ethnicity", "ethnie", "caste", "tribe", "minority", "disability", "disabled", "handicap",
        "handicapped", "behinderung", "schwerbehindert", "genero", "sesso", "geslacht", "plec", "gndr", "edad",
        "idade", "leeftijd", "wiek", "nacimiento", "nascimento", "naissance", "nascita", "geboortedatum", "marstat",
        "maritalstatus", "civilstatus", "nacionalidad", "nacionalidade", "nacionality", "nationalite", "nazionalita",
        "raza", "raca", "language", "muttersprache", "agegroup", "ageband", "agegrp", "agecat", "children", "childs",
        "kids", "kinder", "kinderzahl", "hijos", "enfants", "filhos", "figli", "spouse", "husband", "wife",
        "ehepartner", "ehegatte", "maternity", "paternity", "cinsiyet", "pohlavi", "pohlavie", "kjonn", "kjoenn",
        "koen", "sukupuoli", "alder", "yas", "vek", "eletkor", "varsta", "civilstand", "sivilstatus", "siviilisaaty",
        "пол", "возраст", "гражданство", "национальность", "性别", "性別", "年龄", "年齢", "婚姻状况",
    }
)  # fmt: skip
_PROTECTED_PAIRS = (
    ("family", "status"), ("civil", "status"), ("personal", "status"), ("sexual", "orientation"), ("estado", "civil"),
    ("etat", "civil"), ("stato", "civile"), ("situation", "familiale"), ("mother", "tongue"), ("public", "assistance"),
    ("fam", "members"), ("family", "members"), ("family", "size"),
    ("medeni", "durum"), ("stan", "cywilny"), ("rodinny", "stav"), ("burgerlijke", "staat"), ("csaladi", "allapot"),
    ("native", "country"), ("residence", "permit"), ("visa", "status"), ("parental", "leave"),
)  # fmt: skip
# "age" and "alter" are a person's, unless the name says whose else.
_AGES = frozenset({"age", "ages", "alter"})
_AGED_THINGS = frozenset(
    {
        "car", "vehicle", "auto", "account", "accounts", "acct", "konto", "credit", "loan", "kredit", "house",
        "home", "property", "building", "collateral", "file", "record", "tradeline", "trade", "line", "card",
        "oldest", "newest", "average", "avg", "employment", "job", "business", "company", "firm", "debt", "bureau",
        "history", "device", "phone", "email", "domain", "fahrzeug", "haus", "gebaeude", "objekt", "firma",
        "unternehmen", "asset", "relationship", "equipment",
    }
)  # fmt: skip
_LANGUAGE_THINGS = frozenset({"pack", "programming", "version", "contract", "document"})
_FOREIGN_THINGS = frozenset({"currency", "exchange", "trade", "transaction", "transactions", "account", "accounts"})
_NUMBER_OF_CLIENT = frozenset(
    {
        "id", "ids", "uid", "uuid", "guid", "key", "nr", "no", "number", "nummer", "kennung", "ref", "reference",
        "index", "rownum", "kundennummer", "antragsnummer", "vertragsnummer", "kontonummer", "kundennr",
        "identifier", "recno", "seq", "seqno", "serial", "policy", "police", "voucher", "vertragsnr", "matricule",
        "dossier", "folio",
    }
)  # fmt: skip
_NUMBERED = frozenset(
    {
        "client", "customer", "cust", "borrower", "applicant", "member", "person", "user", "loan", "account",
        "acct", "contract", "application", "listing", "unique", "unnamed", "kunde", "kunden", "kredit", "antrag",
        "konto", "row", "record", "case", "file", "deal", "policy", "num", "obs",
    }
)  # fmt: skip
_PERSON = frozenset(
    {
        "name", "names", "firstname", "lastname", "surname", "vorname", "nachname", "email", "mail", "phone",
        "mobile", "telephone", "telefon", "handy", "iban", "ssn", "passport", "address", "adresse", "street",
        "strasse", "url", "ip", "msisdn", "imei", "vin", "licence", "license", "username", "cpf", "cnpj", "curp",
        "rfc", "nif", "nie", "dni", "nino", "pesel", "bsn", "aadhaar", "aadhar", "pan", "nric", "tin", "ein",
        "siren", "siret", "cuit", "cuil", "rut", "bvn", "cnic", "personnummer", "fodselsnummer", "cpr", "hetu",
        "egn", "oib", "jmbg", "cnp", "ahv", "svnr", "steuernummer", "steuerid", "sozialversicherungsnummer",
        "codicefiscale", "passnummer", "ausweisnummer",
    }
)  # fmt: skip
# Two words that together name a person's number with the state.
_PERSON_PAIRS = (
    ("national", "id"), ("steuer", "id"), ("tax", "id"), ("social", "security"), ("id", "card"), ("identity", "number"),
    ("codice", "fiscale"), ("driving", "licence"), ("drivers", "license"), ("personal", "number"),
)  # fmt: skip
_PLACE = frozenset(
    {
        "zip", "zipcode", "postal", "postcode", "plz", "postleitzahl", "city", "town", "stadt", "wohnort", "ort",
        "county", "district", "neighborhood", "neighbourhood", "suburb", "village", "region", "state", "bundesland",
        "province", "pincode", "pin", "cep", "tract", "municipality", "commune", "departement", "department",
        "territory", "postalcode", "kreis", "bezirk", "ciudad", "ville",
    }
)  # fmt: skip
_COORDINATES = frozenset({"latitude", "longitude", "lat", "lon", "lng", "gps", "breitengrad", "laengengrad"})
_CODES = frozenset(
    {
        "zip", "zipcode", "postal", "postcode", "postalcode", "plz", "postleitzahl", "pincode", "cep", "phone",
        "mobile", "telefon", "ssn", "code", "codes", "cd", "kode", "codigo", "naics", "sic", "nace", "isic", "isco",
        "anzsic", "soc", "fips", "msa", "cbsa", "mcc", "tract", "wz", "cod", "kod", "koodi",
    }
)  # fmt: skip
# Names of things that are numbered, and words that may stand beside them.
_NAMED_BY_CODES = frozenset(
    {
        "branch", "filiale", "sector", "branche", "industry", "product", "produkt", "agency", "store", "dealer",
        "channel", "campaign", "type", "no", "nr", "number", "bank", "lender", "seller", "servicer", "issuer",
        "supplier", "manufacturer", "vendor", "merchant", "broker", "officer", "advisor", "agent", "employee",
        "shop", "outlet", "office", "segment", "cluster", "occupation", "profession", "job", "purpose", "category",
        "scheme", "country", "sucursal", "agence", "agencia", "filial", "haendler", "makler", "berater",
        "vertriebsweg", "kanal", "beruf", "zweigstelle", "geschaeftsstelle", "kommun", "zweck", "verwendungszweck",
        "abteilung", "kostenstelle", "unit",
    }
)  # fmt: skip
_BESIDE_CODES = frozenset(
    {"loan", "credit", "business", "home", "property", "current", "permanent", "borrower", "client", "customer", "of",
     "the", "main", "sub", "residence", "company", "firm", "id", "numeric", "sales", "listing", "use"}
)  # fmt: skip
_KINDS = frozenset(
    {"type", "kind", "category", "purpose", "occupation", "profession", "job", "industry", "sector", "reason", "art",
     "zweck", "beruf", "branche", "kategorie", "channel", "product", "area"}
)  # fmt: skip
_COUNTS = frozenset(
    {
        "num", "number", "count", "cnt", "n", "anzahl", "times", "inquiries", "inq", "enquiries", "dependents",
        "dependants", "children", "kids", "kinder", "persons", "people", "accounts", "accts", "acc", "loans",
        "cards",
    }
)  # fmt: skip
_QUANTITIES = frozenset(
    {
        "pct", "percent", "percentage", "rate", "ratio", "ltv", "cltv", "dti", "score", "fico", "term", "months",
        "balance", "income", "salary", "price", "value", "limit", "days", "years", "yrs", "hours", "mths",
    }
)  # fmt: skip
_INDEX = (
    r"x(\.\d+)?|idx(_?\d+)?|row|row_?id|row_?idx|sno|row_?names?|row_?num(ber)?|_c0|obs|rn|index"
    r"|s[lr]?[\s._]*no\.?|lfd[\s._]*nr\.?|#|n[o°º]\.?"
)
# What programs call a column that had no name.
_NO_NAME = r"column[\s_]?\d+|unnamed\W*\d*(\W\d+)?|\.\.\.\d+|__index_level_\d+__|level_0|field[\s_]?\d+"
_LENT = frozenset({"loan", "credit", "kredit", "darlehen", "darlehens", "principal", "disbursed", "financed"})
_AMOUNT = frozenset({"amount", "amnt", "amt", "betrag", "summe", "hoehe", "sum"})
_AMOUNT_ALONE = frozenset(
    {"amount", "loan", "betrag", "hoehe", "kreditbetrag", "kreditsumme", "kredithoehe", "darlehensbetrag",
     "darlehenssumme", "loanamount", "creditamount"}
)  # fmt: skip
_MEASURED = _QUANTITIES | _AMOUNT


def words(header: str) -> tuple[str, ...]:
    """The words of a header in small letters, however they are joined.

    Examples
    --------
    >>> words("DAYS_BIRTH"), words("OwnCarAge"), words("Geschlecht des Kunden"), words("PAY_AMT1")
    (('days', 'birth'), ('own', 'car', 'age'), ('geschlecht', 'des', 'kunden'), ('pay', 'amt1'))
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", header).translate(_UMLAUTS))
    parts = re.split(r"[^0-9A-Za-z]+", plain.encode("ascii", "ignore").decode())
    return tuple(word.lower() for part in parts for word in _CAMEL.split(part) if word)


def words_in_any_script(text: str) -> tuple[str, ...]:
    """The words of a text, those in other scripts than Latin included, as they stand but for their case.

    Examples
    --------
    >>> words_in_any_script("Пол клиента"), words_in_any_script("1-Płeć")
    (('пол', 'клиента'), ('1', 'plec'))
    """
    other = re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", text).casefold()) if not text.isascii() else []
    return (*words(text), *(word for word in other if not words(word)))


def canonical(header: str) -> str:
    """The header as the name of a field; empty if it has neither letters nor digits.

    Examples
    --------
    >>> canonical("Größe in m²"), canonical("default payment-next month"), canonical("2nd income")
    ('groesse_in_m2', 'default_payment_next_month', 'f_2nd_income')
    """
    name = "_".join(words(header))
    return f"f_{name}" if name[:1].isdigit() else name


def label(header: str) -> str:
    """The header as people read it.

    Examples
    --------
    >>> label("LIMIT_BAL"), label("OwnCarAge"), label("FICO score")
    ('Limit bal', 'Own car age', 'FICO score')
    """
    parts = [part for chunk in re.split(r"[\s_.]+", header.strip()) for part in _CAMEL.split(chunk) if part]
    is_shouted = header.upper() == header
    text = " ".join(part.lower() if is_shouted or part.istitle() else part for part in parts)
    return text[:1].upper() + text[1:]


def sounds_later(header: str) -> bool:
    """Whether the name tells of something after the decision.

    Examples
    --------
    >>> [sounds_later(name) for name in ("recoveries", "total_pymnt", "WriteOffAmount", "arrears_60d_after_12m")]
    [True, True, True, True]
    >>> [sounds_later(name) for name in ("PAY_0", "pub_rec", "previous_default_flag", "chargeoff_within_12_mths")]
    [False, False, False, False]
    """
    is_later = any(_LATER.search(f"_{'_'.join(parts)}_") for parts in (words(header), _without_digits(header)))
    return is_post_outcome(header) or (is_later and not is_history(header))


def is_history(header: str) -> bool:
    """Whether the name says that the column tells of the time before the application.

    Examples
    --------
    >>> [is_history(name) for name in ("chargeoff_within_12_mths", "previous_default", "paid_after_12m", "charge_off")]
    [True, True, False, False]
    """
    name = f"_{'_'.join(words(header))}_"
    return _HISTORY.search(name) is not None and "_after_" not in name and "_nach_" not in name


def protected_word(header: str) -> str:
    """The word of the name that tells of something the law may protect; empty if there is none.

    Examples
    --------
    >>> [protected_word(name) for name in ("personal_status_sex", "DAYS_BIRTH", "CustomerAge", "Alter")]
    ['sex', 'birth', 'age', 'alter']
    >>> [protected_word(name) for name in ("wage", "package", "mileage", "average_balance", "OWN_CAR_AGE")]
    ['', '', '', '', '']
    """
    parts = words_in_any_script(header)
    present = frozenset(re.sub(r"\d+$", "", word) for word in parts)
    for word in parts:
        others = _FOREIGN_THINGS if word == "foreign" else _LANGUAGE_THINGS if word == "language" else frozenset()
        if word.rstrip("0123456789") in _PROTECTED and not present & others:
            return word.rstrip("0123456789")
    for pair in _PROTECTED_PAIRS:
        if present.issuperset(pair):
            return " ".join(pair)
    ages = present & _AGES
    return min(ages) if ages and not present & _AGED_THINGS else ""


def sounds_earlier(header: str) -> bool:
    """Whether the name says that the column was known before the decision, so that it may tell the outcome well.

    Examples
    --------
    >>> [sounds_earlier(name) for name in ("previous_default", "CreditScore", "cb_person_default_on_file", "score")]
    [True, True, True, False]
    """
    return _BEFORE.search(f"_{'_'.join(words(header))}_") is not None and not sounds_later(header)


def is_number_of_client(header: str) -> bool:
    """Whether the name is that of a number given to a client, loan or row.

    Examples
    --------
    >>> [is_number_of_client(name) for name in ("Loan ID", "cust_num", "Vorgangsnummer", "num_loans")]
    [True, True, True, False]
    """
    parts = {*words(header)}
    is_numbered = "num" in parts and len(parts) > 1 and parts <= _NUMBERED
    return bool(parts & _NUMBER_OF_CLIENT) or is_numbered or any(map(_is_number, parts))


def _is_number(word: str) -> bool:
    """Whether one word is a number's name: customerid, loanno, Vorgangsnummer."""
    return word.endswith("nummer") or (word.endswith(("id", "no", "nr")) and word[:-2] in _NUMBERED)


def is_only_number_of_client(header: str) -> bool:
    """Whether the name is that of a number of a client or loan and nothing else, so not of a branch or a state.

    Examples
    --------
    >>> [is_only_number_of_client(name) for name in ("id", "CustomerID", "Loan ID", "branch_id", "State_ID")]
    [True, True, True, False, False]
    """
    parts = {*words(header)}
    others = {word for word in parts - _NUMBER_OF_CLIENT - _NUMBERED if not _is_number(word)}
    return is_number_of_client(header) and not others


def is_of_a_person(header: str) -> bool:
    """Whether the name says that the column identifies or reaches a person."""
    parts = {*words(header)}
    if parts & _MEASURED:
        return False
    return bool(parts & _PERSON) or any(parts.issuperset(pair) for pair in _PERSON_PAIRS)


def _without_digits(header: str) -> tuple[str, ...]:
    return tuple(bare for word in words(header) if (bare := word.rstrip("0123456789")))


def is_place(header: str) -> bool:
    """Whether the column says where somebody lives, which may stand in for origin."""
    return bool({*_without_digits(header)} & (_PLACE | _COORDINATES))


def is_code(header: str) -> bool:
    """Whether digits in the column are no quantity.

    Examples
    --------
    >>> [is_code(name) for name in ("zip3", "branch_id", "NAICS", "product", "state", "products_bought")]
    [True, True, True, True, True, False]
    """
    parts = _without_digits(header)
    named = {*parts} - _BESIDE_CODES
    if {*parts} & _MEASURED and parts[-1:] not in (("code",), ("cd",), ("id",), ("nr",)):
        return False
    is_numbered = parts[-1:] in (("id",), ("nr",)) or any(
        word.endswith(("nummer", "schluessel", "code", "kod")) for word in parts[-1:]
    )
    # The number of a bank, whoever gave it: BankFDICNumber.
    is_numbered |= parts[-1:] in (("number",), ("no",)) and bool({*parts[:-1]} & _NAMED_BY_CODES)
    return bool({*parts} & _CODES) or (bool(named) and named <= _NAMED_BY_CODES | _PLACE) or is_numbered


def is_code_if_few(header: str) -> bool:
    """Whether whole numbers in the column are codes where only some dozens of them are in use.

    Examples
    --------
    >>> [is_code_if_few(name) for name in ("UseOfLoan", "ListingCategory (numeric)", "OccupationArea", "purpose_cost")]
    [True, True, True, False]
    """
    parts = [word for word in _without_digits(header) if word not in ("numeric", "code", "id")]
    pairs = (("use", "of"), ("occupation", "area"), ("employment", "status"), ("home", "ownership"))
    return parts[-1:] != [] and (parts[-1] in _KINDS or any({*parts} >= {*pair} for pair in pairs))


def is_count(header: str) -> bool:
    """Whether the column counts, so that its numbers are whole.

    Examples
    --------
    >>> [is_count(name) for name in ("num_loans", "dependents", "open_acc", "income")]
    [True, True, True, False]
    """
    return bool({*words(header)} & _COUNTS) and not is_code(header)


def is_quantity(header: str) -> bool:
    """Whether the column measures, so that zeros in front of its numbers mean nothing."""
    return bool({*words(header)} & (_MEASURED | _COUNTS))


def is_index(header: str) -> bool:
    """Whether the name is one that programs give to a saved index of rows.

    Examples
    --------
    >>> [is_index(name) for name in ("X", "rownames", "X.1", "Sr. No", "income")]
    [True, True, True, True, False]
    """
    return re.fullmatch(_INDEX, header.strip(), re.IGNORECASE) is not None


def is_no_name(header: str) -> bool:
    """Whether the name is one that programs give to a column without a name.

    Examples
    --------
    >>> [is_no_name(name) for name in ("Unnamed: 0", "Unnamed: 0.1", "...1", "Column1", "column 3", "V1")]
    [True, True, True, True, True, False]
    """
    return re.fullmatch(_NO_NAME, header.strip(), re.IGNORECASE) is not None


def is_amount_lent(header: str) -> bool:
    """Whether the column holds how much is lent.

    Examples
    --------
    >>> [is_amount_lent(name) for name in ("AMT_CREDIT", "loan_amnt", "LOAN", "AMT_INCOME_TOTAL", "PAY_AMT1")]
    [True, True, True, False, False]
    """
    parts = words(header)
    if len(parts) == 1:
        return parts[0] in _AMOUNT_ALONE
    return len(parts) <= 3 and bool({*parts} & _LENT) and bool({*parts} & _AMOUNT)
