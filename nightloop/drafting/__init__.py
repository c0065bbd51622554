"""Draft a use case and its contracts from a sample of data never seen: a start for a person, valid as it stands."""

from nightloop.drafting.draft import Draft, DraftOptions, draft_use_case, save

__all__ = ["Draft", "DraftOptions", "draft_use_case", "save"]
