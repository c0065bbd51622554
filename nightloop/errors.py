"""Every error Nightloop raises on purpose, cut first by what a scheduler should do with it.

    NightloopError
    ├── TryAgain                    the same call may succeed later
    │   ├── NotReady                an input night is not published yet
    │   │   └── OtherMeaning        it is, but was made by another definition than the one asked for
    │   ├── EngineUnavailable       the Spark server does not answer
    │   ├── StoreUnavailable        lake, ledger or registry cannot be reached
    │   ├── SourceUnavailable       a source's database or object store does not answer
    │   └── WriteConflict           another writer of the same night kept winning
    └── Final                       trying again changes nothing: a person must act
        ├── UsageError              a wrong argument, setting or partition key
        │   ├── UnknownUseCase
        │   └── BadNight
        ├── DefinitionError         a mistake in feature_defs/ or great_expectations/
        ├── SourceError             the source cannot be read
        │   ├── SourceDamaged
        │   └── EmptyNight          the source has nothing for this night
        ├── ContractBroken          the night breaks its contract's limits
        ├── ChampionMissing         no champion is effective on this night
        ├── TrainingRefused         too little data, or nothing to learn from
        ├── GateFailed              a gate did not pass, or gave no verdict
        ├── StoreDamaged            a stored file or event is not what was written
        └── SetupError              a taken port, no Java, a missing program

The command line exits with ``exit_code``; the service answers with ``http_status``.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class NightloopError(Exception):
    """Something went wrong, said in one message: what, where, and what to do next."""

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, what: str, *, where: str | None = None, do: str | None = None) -> None:
        self.what = what
        self.where = where
        self.do = do
        head = f"{where}: {what}" if where else what
        super().__init__(f"{head} {do}" if do else head)

    def as_json(self) -> dict[str, object]:
        """Return plain values: which error, what, where, what to do, and the exit code."""
        parts = {"what": self.what, "where": self.where, "do": self.do}
        return {"error": type(self).__name__, **parts, "exit_code": self.exit_code}

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.do))


def _rebuild(kind: type[NightloopError], what: str, where: str | None, do: str | None) -> NightloopError:
    return kind(what, where=where, do=do)


class TryAgain(NightloopError):
    """The same call may succeed later."""

    exit_code = 75
    http_status = 503


class NotReady(TryAgain):
    """An input night is not published yet."""

    exit_code = 76


class OtherMeaning(NotReady):
    """An input night is published, but some of its columns were made by another definition than the one asked for."""


class EngineUnavailable(TryAgain):
    """The Spark server does not answer."""

    exit_code = 77


class StoreUnavailable(TryAgain):
    """The lake, the ledger or the registry cannot be reached."""

    exit_code = 78


class WriteConflict(TryAgain):
    """Another writer of the same night kept winning."""

    exit_code = 79


class SourceUnavailable(TryAgain):
    """A source's database or object store does not answer."""

    exit_code = 80


class Final(NightloopError):
    """Trying again changes nothing: a person must act."""


class UsageError(Final):
    """A wrong argument, setting or partition key."""

    exit_code = 2
    http_status = 422


class UnknownUseCase(UsageError):
    """No such use case in feature_defs/."""

    http_status = 404


class BadNight(UsageError):
    """Not a night of the form YYYY-MM-DD, or outside the use case's nights."""


class DefinitionError(Final):
    """A mistake in feature_defs/ or great_expectations/.

    Where a file has several, ``mistakes`` holds each as (file:line, what was read, how to mend it).
    """

    exit_code = 3
    mistakes: tuple[tuple[str, str, str], ...] = ()


class SourceError(Final):
    """The source cannot be read."""

    exit_code = 4


class SourceDamaged(SourceError):
    """The source's file or table is there, but not readable as declared."""


class EmptyNight(SourceError):
    """The source has nothing for this night."""


class ContractBroken(Final):
    """The night breaks its contract's limits."""

    exit_code = 5


class ChampionMissing(Final):
    """No champion is effective on this night."""

    exit_code = 6
    http_status = 503


class TrainingRefused(Final):
    """Too little data to train on, or nothing to learn from."""

    exit_code = 7


class GateFailed(Final):
    """A gate did not pass, or gave no verdict."""

    exit_code = 8


class StoreDamaged(Final):
    """A stored file is missing or unreadable, or an event of the ledger is not what was recorded."""

    exit_code = 10


class SetupError(Final):
    """A taken port, no Java, a missing program."""

    exit_code = 9


def suggest(name: str, allowed: Iterable[str], kind: str) -> str:
    """Return a sentence that lists what is allowed and, where one is near, the likely name."""
    names = sorted(allowed)
    return f"{meant(name, names)}{kind}: {', '.join(names) or 'none'}."


def meant(name: str, allowed: Iterable[str]) -> str:
    """Return a question for the likely names, with a space after it; nothing where none is near."""
    near = get_close_matches(name, sorted(allowed), n=2, cutoff=0.6)
    return f"Did you mean {' or '.join(repr(n) for n in near)}? " if near else ""


def command(*words: object) -> str:
    """Return a command of ours as a person types it: the only place where the library knows how its commands are called."""
    return " ".join(["python -m jobs", *map(str, words)])
