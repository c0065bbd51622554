"""Pages for people, made from stored rows."""
