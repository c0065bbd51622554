"""Watching: matured labels, the figures of a night, the metrics table, and the decision that follows."""
