"""The steps of stage train and what only they use."""
