"""Connectors: where records come from, then evaluated into the declared columns, night by night."""

from nightloop.sources.arrivals import Arrival, Reading, Refused, no_arrival, raw_schema
from nightloop.sources.reading import by_night, read_source

__all__ = ["Arrival", "Reading", "Refused", "by_night", "no_arrival", "raw_schema", "read_source"]
