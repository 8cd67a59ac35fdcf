"""The moves of the aliases, one step each: a version becomes champion, the one before comes back; and their history.

Who, what and why are written ahead of the alias, so that a move which was cut off is finished, or noted as undone, by
the next one.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta

from creditrisk.decision_log import Actor, Head
from creditrisk.errors import RegistryError
from creditrisk.home import one_at_a_time
from creditrisk.registry.scorers import Scorers
from creditrisk.registry.tags import to_tag
from creditrisk.registry.versions import EVENT_TAG, Event, Version, event_from

PROMOTION_PATIENCE_SECONDS = 30


class Moves(Scorers):
    """Promotion, roll-back and the decision which model serves."""

    def serve(self, model: str, *, by: str, why: str) -> None:
        """Decide which model serves from now on; its champion must be fit to.

        Raises
        ------
        RegistryError, ScorerError
            If it has no champion, or one that cannot be proved.
        """
        champion = self.champion(model)
        if champion is None:
            raise RegistryError(
                f"model '{model}' has no champion to serve. Train one, or promote one with `make promote`."
            )
        self.check_made_champion(champion)
        self.fetch(champion)
        self.notes.note_served(model, by=by, why=why)

    def promote(
        self, version: Version, *, by: str | Actor, why: str, evidence: str, instead_of: str | None = None
    ) -> None:
        """Make a version the champion, keep the one before it as `previous`, and note who, when, why and on what.

        It is first proved to load and to score as it did, and its fingerprint is noted in the decision log, if it was
        not. The champion then moves in one step of the database, so that there is a valid one whenever this is cut off;
        what is left undone then, the next call does. In one home one promotion goes on at a time; between homes that
        share a registry, only `instead_of` keeps them apart. The first champion of all decides which model serves.

        Parameters
        ----------
        by
            Who decides: a person's name, or a person or program with its role.
        instead_of
            The version that the evidence is about; if another one is champion by now, nothing is moved. None: any.

        Raises
        ------
        RegistryError
            If the version does not score as it did, the champion is another one than `instead_of`, or another promotion
            does not end within half a minute.
        """
        self.prove(version)
        self.notes.note_scorer(version.model, version.version, version.sha256, by=by, why="promoted")
        with self.away(), self._one_at_a_time():
            before = self._finish(version.model)
            if before is not None and before.version == version.version:
                self.notes.note_champion(version.model, version.version, by=by, why=why)
                self._serve_first(version.model, by)
                return
            if instead_of is not None and (before is None or before.version != instead_of):
                raise no_longer_champion(version, instead_of)
            self._move(version, before, what="promoted", by=by, why=why, evidence=evidence)
            self._serve_first(version.model, by)

    def roll_back(self, model: str, *, by: str | Actor, why: str, instead_of: str | None = None) -> Version:
        """Make `previous` champion again and return it; the champion becomes `previous`, so that this can be undone.

        Parameters
        ----------
        instead_of
            The version to be left; if another one is champion by now, nothing is moved. None: any.

        Raises
        ------
        RegistryError
            If the champion is another one than `instead_of`, there is nothing to go back to, or it no longer scores as
            it did.
        """
        with self.away(), self._one_at_a_time():
            champion = self._finish(model)
            previous = self.at(model, "previous")
            if champion is None or previous is None or previous.version == champion.version:
                raise RegistryError(
                    f"{model} has no previous champion to go back to"
                    + (f": version {champion.version} was the first." if champion is not None else ", nor a champion.")
                )
            if instead_of is not None and champion.version != instead_of:
                raise RegistryError(
                    f"of '{model}', version {instead_of} is no longer champion, version {champion.version} is. "
                    "Nothing was changed; another rollback now would undo what somebody else did."
                )
            self.prove(previous)
            self.notes.note_scorer(model, previous.version, previous.sha256, by=by, why="rolled back to")
            self._move(previous, champion, what="rolled back", by=by, why=why, evidence=f"run {previous.run_id}")
            return previous

    def history(self, model: str) -> list[Event]:
        """Every promotion of a model and every way back, oldest first; nothing in it is ever changed or removed."""
        with self.away():
            tags = self.client.get_registered_model(model).tags
        return [event_from(model, key, tags[key]) for key in sorted(tags) if key.startswith(EVENT_TAG)]

    def noted_heads(self) -> list[tuple[str, Head]]:
        """Each head of the decision log that a promotion of any model noted, with the name of what noted it."""
        with self.away():
            models = [item.name for item in self.models()]
        return [
            (
                f"the record of {model} version {event.version}, {event.what} at {event.at}",
                (event.log_seq, event.log_hash),
            )
            for model in models
            for event in self.history(model)
            if event.log_seq
        ]

    def _serve_first(self, model: str, by: str | Actor) -> None:
        """The first champion of all serves; every later change is a decision of its own."""
        if self.served() is None:
            self.notes.note_served(model, by=by, why="the first champion")

    def _moment(self, model: str) -> str:
        """Now; where the clock has been put back, just after the last event, as the history is sorted by its times."""
        now, last = datetime.now(UTC), next(reversed(self.history(model)), None)
        if last is not None:
            with suppress(ValueError, TypeError):  # written by hand
                now = max(now, datetime.fromisoformat(last.at) + timedelta(microseconds=1))
        return now.isoformat(timespec="microseconds")

    def _note(self, model: str, event: Event) -> None:
        key = EVENT_TAG + event.at.replace("+00:00", "Z")  # MLflow takes no plus sign here
        self.client.set_registered_model_tag(model, key, to_tag(event))

    def _move(
        self, version: Version, before: Version | None, *, what: str, by: str | Actor, why: str, evidence: str
    ) -> None:
        at, replaced = self._moment(version.model), before.version if before is not None else ""
        name = by.name if isinstance(by, Actor) else by
        # Ahead of the alias, which anybody who can write to MLflow could move: the web app asks for both.
        self.notes.note_champion(version.model, version.version, by=by, why=why)
        self._note(version.model, Event(at, what, version.version, replaced, name, why, evidence, *self.notes.head()))
        for key, value in {"by": name, "why": why, "evidence": evidence, "at": at}.items():
            self.client.set_model_version_tag(version.model, version.version, f"promoted_{key}", value)
        self.client.set_registered_model_alias(version.model, "champion", version.version)
        self._finish(version.model)

    def _finish(self, model: str) -> Version | None:
        """Do what a promotion that was cut off has left undone, or note that it moved nothing; return the champion."""
        champion = self.champion(model)
        if champion is None:
            return None
        last = next(reversed(self.history(model)), None)
        if last is None:
            return champion
        if last.version == champion.version:
            previous = self.at(model, "previous")
            if last.instead_of and (previous is None or previous.version != last.instead_of):
                self.client.set_registered_model_alias(model, "previous", last.instead_of)
        elif last.instead_of == champion.version:
            why = f"the move to version {last.version} was cut off, or undone by other means"
            head = self.notes.head()
            self._note(
                model, Event(self._moment(model), "not carried out", champion.version, "", "registry", why, "", *head)
            )
        return champion

    def _one_at_a_time(self) -> AbstractContextManager[None]:
        busy = RegistryError(
            f"another promotion is going on in {self.home} and has not ended after {PROMOTION_PATIENCE_SECONDS} "
            "seconds. Nothing was changed; try again."
        )
        return one_at_a_time(self.home / "promotion.lock", otherwise=busy, patience_seconds=PROMOTION_PATIENCE_SECONDS)


def no_longer_champion(version: Version, instead_of: str) -> RegistryError:
    """What is said where a version was to replace one that has been replaced meanwhile."""
    return RegistryError(
        f"{version.model} version {version.version} was to replace version {instead_of}, which is no longer champion. "
        "Nothing was changed; look at what is champion now, or train again to compare."
    )
