"""The append-only, hash-chained log of what happened and was decided. See docs/ledger.md."""

from nightloop.ledger.events import Event
from nightloop.ledger.ledger import Clock, Ledger, Verified

__all__ = ["Clock", "Event", "Ledger", "Verified"]
