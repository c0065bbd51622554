"""Which nights a use case owes, and what of them is not there: the lake compared with the calendar."""
