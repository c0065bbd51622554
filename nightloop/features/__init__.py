"""Features: tiles, windows, look-ups and feature tables as SQL for the engines; the same online in NumPy."""
