"""Pure statistics on arrays: figures with intervals in, verdicts out."""
