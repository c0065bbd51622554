"""The tour, nightloop try: from a file to a month that is scored, watched and reported, in a home of its own."""
