"""Which model serves, and which waits to: the one way to the champion and to the challenger.

`chosen` is everywhere the model that a person or a setting named; empty where the decision log decides.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from creditrisk.errors import DecisionLogError, RegistryError, ScorerError
from creditrisk.home import Stores
from creditrisk.registry.mlflow_files import champion_noted
from creditrisk.registry.notes import Notes
from creditrisk.registry.registry import Registry
from creditrisk.registry.versions import FINGERPRINT_TAG, Version, serving_folder
from creditrisk.scoring import Scorer, check_intact, load, proving


@dataclass(frozen=True, slots=True)
class Champion:
    """A champion, and its scorer, loaded."""

    version: Version
    scorer: Scorer


def serving_name(registry: Registry, chosen: str) -> str | None:
    """The model to serve and watch: the one that was chosen, else the one decided on; None if nothing is."""
    return chosen or registry.served()


def find_champion(registry: Registry, chosen: str, *, is_to_decide: bool = False) -> Champion | None:
    """The champion of the model that was chosen, else of the one that serves; None if there is none.

    Parameters
    ----------
    is_to_decide
        Whether decisions are to be made with it: then it must have been made champion here, by somebody who said why.

    Raises
    ------
    RegistryError, ScorerError
        If the registry is away, or the champion cannot be proved.
    """
    name = serving_name(registry, chosen)
    version = registry.champion(name) if name else None
    if version is None:
        return None
    if is_to_decide:
        registry.check_made_champion(version)
    return Champion(version, registry.load(version))


def saved_champion(stores: Stores, chosen: str) -> Scorer | None:
    """The champion to decide with, from its copy on disk and without MLflow, which takes a second to import.

    None wherever MLflow must be asked: if it is a server, if its database calls another version champion than the
    decision log does or knows it by another fingerprint, or if there is no sound copy. `find_champion` then finds it,
    or says what is wrong.

    Raises
    ------
    DecisionLogError
        If the log cannot be read.
    """
    database, notes = stores.home / "mlflow" / "mlflow.db", Notes(stores.decision_log)
    name = chosen or notes.served()
    if name is None or stores.mlflow_uri != f"sqlite:///{database}":
        return None
    version, tags = champion_noted(database, name) or ("", {})
    sha256 = tags.get(FINGERPRINT_TAG)
    if not sha256 or (version, sha256) != (notes.champion(name), notes.scorer(name, version)):
        return None
    folder = serving_folder(stores.home, name, version)
    try:
        check_intact(folder, name=name, version=version, sha256=sha256)
        proving.prove_once(stores.home, folder, sha256)
        return load(folder, name=name, version=version, sha256=sha256)
    except (ScorerError, OSError):
        return None


def no_champion(registry: Registry, chosen: str) -> str:
    """Why there is no champion to score with, and what to do about it, in a sentence."""
    name = serving_name(registry, chosen)
    if name is None:
        return (
            "No model serves yet. Train one with `make model-train-flow`, or choose one with `riskometer switch MODEL`."
        )
    return f"{name} has no champion yet. Train one with `make model-train-flow`."


def find_challenger(registry: Registry, chosen: str, version: str = "") -> Version:
    """The challenger of the model that was chosen, else of the one trained last.

    Parameters
    ----------
    version
        The number of another version to look at instead; empty: the challenger.

    Raises
    ------
    RegistryError
        If there is none.
    """
    model = chosen or registry.trained_last("challenger")
    if not model:
        raise RegistryError("no model has a challenger. Train one with `make model-train-flow`.")
    found = registry.version(model, version) if version else registry.challenger(model)
    if found is None:
        raise RegistryError(f"{model} has no challenger. Train one with `make model-train-flow`.")
    return found


def serving_line(chosen: str, decision_log: str) -> str:
    """Which model the page serves and what decided so, in a sentence; empty while nothing is decided."""
    if chosen:
        return f"The page serves {chosen}, as CREDITRISK_DATASET says."
    served = decided(chosen, decision_log)
    return f"The page serves {served}; `riskometer switch MODEL` changes that." if served else ""


def decided(chosen: str, decision_log: str) -> str | None:
    """The model to serve, told without MLflow; None if nobody decided, or the decision log is away.

    Parameters
    ----------
    decision_log
        The URL of its database.
    """
    if chosen:
        return chosen
    with suppress(DecisionLogError):
        return Notes(decision_log).served()
    return None
