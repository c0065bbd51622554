"""Where set-based work runs: Spark through Connect, or DuckDB in the process; one SQL text, equal digests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightloop.engine.protocol import Engine
from nightloop.errors import UsageError

if TYPE_CHECKING:
    from nightloop.settings import Settings

__all__ = ["Engine", "open_engine"]


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
    raise UsageError(f"there is no engine '{name}'.", do="Engines are: spark, local.")
