"""What a feature is worth on later nights of a sample, before any night is published."""
