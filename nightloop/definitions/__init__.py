"""YAML of feature_defs/ read into typed, checked objects; expressions compiled for the engines and for NumPy."""

from nightloop.definitions.loading import definition_digest, load_use_case, use_case_names
from nightloop.definitions.use_case import UseCase

__all__ = ["UseCase", "definition_digest", "load_use_case", "use_case_names"]
