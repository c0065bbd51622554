"""How the texts of a file are written: the forms of values, and which one a column has."""
