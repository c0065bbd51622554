"""What a value was made by: a digest for each thing that has a meaning, and what follows when one changes."""

from nightloop.meaning.digests import Meanings, meanings_of

__all__ = ["Meanings", "meanings_of"]
