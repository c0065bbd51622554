"""The stages, one module each, and the command line over them: python -m jobs."""
