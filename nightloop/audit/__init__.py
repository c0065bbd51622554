"""The answers that the service gave: where their lines lie, and the table of the lake that they are shipped to."""
