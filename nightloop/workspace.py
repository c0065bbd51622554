"""What a stage works with: settings and the stores they name, opened once at a door and passed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from nightloop.lake import Lake
from nightloop.nights import utc_now
from nightloop.settings import Settings, connection, load_settings

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.engine import Engine
    from nightloop.lake import Snapshot
    from nightloop.ledger import Ledger
    from nightloop.model.registry import Registry


@dataclass(frozen=True)
class Workspace:
    """Lake, ledger, registry and engines of one installation.

    Attributes:
        settings: where they are.
        connection: returns the address of a named connection of the sources; by default from the environment. Who has
            another place for secrets (Airflow) gives its own.
        clock: says what time it is.
    """

    settings: Settings
    connection: Callable[[str], SecretStr] = connection
    clock: Callable[[], datetime] = utc_now

    @classmethod
    def open(cls, settings: Settings | None = None, connection: Callable[[str], SecretStr] = connection) -> Workspace:
        """Open the stores that the settings name (by default, those of the environment)."""
        settings = settings or load_settings()
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)  # data, ledger and secrets of one account
        return cls(settings, connection)

    def steady(self) -> Workspace:
        """Return this workspace for one look at its tables: each stays as it was when it was first read."""
        steady = replace(self)
        vars(steady).update(vars(self) | {"lake": self.lake.steady()})  # stores that are open stay open
        return steady

    @cached_property
    def lake(self) -> Lake:
        """The tables by night."""
        return Lake.open(self.settings)

    @cached_property
    def ledger(self) -> Ledger:
        """The append-only log of what happened and was decided; imported only when asked for, for SQLAlchemy is dear."""
        from nightloop.ledger import Ledger

        return Ledger.open(self.settings, self.clock)

    @cached_property
    def registry(self) -> Registry:
        """MLflow's runs, versions and aliases; imported only when asked for, for MLflow takes seconds to import."""
        from nightloop.model.registry import Registry

        return Registry.open(self.settings)

    def engine(self, use_case: UseCase, inputs: Iterable[Snapshot] = ()) -> Engine:
        """Return the engine the use case asks for, unless the settings say otherwise.

        Args:
            use_case: says spark, local, or auto.
            inputs: what the engine will read; auto chooses by the bytes of their files, so the same inputs always get the
                same engine. Its ``name`` says which.
        """
        from nightloop.engine import engine_name, open_engine

        engine = self.settings.engine or use_case.engine
        return open_engine(engine_name(engine, inputs, self.settings.local_up_to), self.settings)

    @property
    def reports(self) -> Path:
        """Folder of the pages made for people."""
        return self.settings.home / "reports"
