"""Where set-based work runs: Spark through Connect, or DuckDB in the process; one SQL text, equal digests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightloop.engine.protocol import Engine
from nightloop.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nightloop.lake import Snapshot
    from nightloop.settings import Settings

__all__ = ["Engine", "engine_name", "open_engine"]


def engine_name(engine: str, inputs: Iterable[Snapshot], local_up_to: int) -> str:
    """Return the name of the engine that "auto" means for these inputs; any other name is what was asked for.

    Args:
        engine: name of an engine, or "auto".
        inputs: what the engine will read.
        local_up_to: bytes of their files together up to which the work is done in this process.
    """
    if engine != "auto":
        return engine
    return "local" if sum(snapshot.size for snapshot in inputs) <= local_up_to else "spark"


def open_engine(name: str, settings: Settings) -> Engine:
    """Return the engine "spark" or "local"; nothing is connected before it is used.

    Raises:
        UsageError: there is no engine of that name.
    """
    if name == "local":
        from nightloop.engine.local import LocalEngine

        return LocalEngine.open(settings)
    if name == "spark":
        from nightloop.engine.spark import SparkEngine

        return SparkEngine.open(settings)
    raise UsageError(f"there is no engine '{name}'.", do="Engines are: spark, local; auto chooses by the inputs.")
