"""The gates of a training: evidence in, verdicts out."""
