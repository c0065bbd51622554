"""Nightloop: the life of tabular models, night after night."""

__version__ = "0.1.0"
