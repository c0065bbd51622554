"""The FastAPI service: the second door to the core. Answers one or many entities with the champion's bundle."""
