"""What an expression of a source makes of a value: the same, whether the value comes as text or in the type it is stored in."""
