"""Uvicorn, with bounds on what a client may send and how long it may take, and an end that each caller is told."""
