"""What a training makes: rows, candidate, evaluation, card."""
