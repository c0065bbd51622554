"""Nights as nights: their profiles, what they do without drift, and whether a new one is like them."""
