"""Contracts: the Great Expectations suite of a source, and what to do with rows and nights that break it."""

from nightloop.contracts.history_limits import History
from nightloop.contracts.judging import Breach, Judgement, judge
from nightloop.contracts.parameters import Parameters, parameters_of
from nightloop.contracts.suite import Contract, Rule, load_contract

__all__ = [
    "Breach",
    "Contract",
    "History",
    "Judgement",
    "Parameters",
    "Rule",
    "judge",
    "load_contract",
    "parameters_of",
]
