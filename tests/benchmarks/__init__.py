"""Measurements, run by make bench: each module's ``measure`` returns its section of docs/benchmarks.md."""
