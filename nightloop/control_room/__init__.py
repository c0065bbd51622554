"""Every use case by nights on one page: what became of each, what waits for a person, how good and how dear it is."""
