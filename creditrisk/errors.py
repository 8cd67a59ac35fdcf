"""The errors this project raises on purpose, each with a sentence for the person who has to act on it."""

from collections.abc import Sequence


class CreditRiskError(Exception):
    """Base of every error whose message is fit to be shown as it is."""


class SettingsError(CreditRiskError):
    """A setting is unknown or has a value that cannot be used."""


class SchemaError(CreditRiskError):
    """A schema contradicts itself, or a table does not have the columns its schema asks for: then `missing` are these.

    The sentence may name only the first few of them.
    """

    def __init__(self, message: str, missing: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.missing = tuple(missing)


class SourceError(CreditRiskError):
    """A table could not be read: not found, not reachable, or not a table."""


class SourceAbsentError(SourceError):
    """There is no such file or object, perhaps not yet."""


class SourceUnfinishedError(SourceError):
    """Somebody is still writing the file: it can be read later."""


class TargetError(CreditRiskError):
    """A result could not be written where it belongs, or what stands there could not be read."""


class TrainingError(CreditRiskError):
    """A model could not be trained on the rows at hand."""


class ComparisonError(CreditRiskError):
    """Two models cannot be compared on the rows at hand."""


class ScorerError(CreditRiskError):
    """A scorer folder is missing something or was changed after it was written."""


class RegistryError(CreditRiskError):
    """The model registry is away or does not hold what was asked for."""


class DecisionLogError(CreditRiskError):
    """The decision log is away, or refused what was asked of it."""


class ReportError(CreditRiskError):
    """A report cannot be made now."""


class ArchiveError(CreditRiskError):
    """A report could not be stored in, or read from, an archive."""
