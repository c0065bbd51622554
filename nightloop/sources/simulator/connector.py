"""The connector to a simulated loan portfolio: any night by itself, the same bytes each time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from nightloop.definitions.connectors import MAXIMUM_CELL_BYTES
from nightloop.definitions.simulation import SimulatorConnector
from nightloop.nights import Night
from nightloop.sources.connector import Delivery, SourceContext
from nightloop.sources.simulator.flaws import delivery
from nightloop.sources.simulator.world import World
from nightloop.sources.text_table import finished


@dataclass(frozen=True)
class Simulator:
    """One table of the portfolio, night by night. Nights before the use case's first are part of it, but never delivered."""

    declared: SimulatorConnector
    context: SourceContext

    @cached_property
    def world(self) -> World:
        """The portfolio, ready to be drawn from."""
        return World(self.declared.portfolio, self.context.time_zone)

    @property
    def origin(self) -> str:
        """The table, and the seed of its portfolio."""
        return f"simulator (seed {self.declared.portfolio.seed}): {self.declared.table}"

    def read(self, night: Night | None) -> Delivery:
        """Return what is delivered on the night."""
        assert night is not None  # noqa: S101 - a simulator is read night by night
        text = delivery(self.world, self.declared.table, night.toordinal())
        remedy = (
            f"An event of the portfolio in feature_defs/{self.context.use_case}.yaml does this; once the sender has mended it, "
        )
        return Delivery(finished(text, MAXIMUM_CELL_BYTES), self.origin, remedy + "say mended: true there.")
