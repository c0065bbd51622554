"""Deliberate faults: put into the modules of our promises one at a time, to see whether the tests notice."""
