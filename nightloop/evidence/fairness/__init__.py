"""How alike groups are treated: counts, contrasts with simultaneous intervals, verdicts."""
