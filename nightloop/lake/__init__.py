"""Tables by night: publish, read, history. See docs/lake.md."""

from nightloop.lake.commits import Commit, NightState
from nightloop.lake.snapshot import Snapshot
from nightloop.lake.storage import filesystem
from nightloop.lake.tables import Lake

__all__ = ["Commit", "Lake", "NightState", "Snapshot", "filesystem"]
