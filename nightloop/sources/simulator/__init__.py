"""A loan portfolio that does not exist, with everything that goes wrong in real ones. See docs/simulator.md."""

from nightloop.sources.simulator.connector import Simulator

__all__ = ["Simulator"]
