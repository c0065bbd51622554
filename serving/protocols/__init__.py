"""Formats that other people's clients speak: each is translated into rows, and answered as every request is."""
