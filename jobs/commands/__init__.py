"""The command line, python -m jobs: what a command takes, what it calls, and what it prints."""
