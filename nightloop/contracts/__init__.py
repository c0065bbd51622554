"""Contracts: the Great Expectations suite of a source, and what to do with rows and nights that break it."""

from nightloop.contracts.checking import check_contracts
from nightloop.contracts.history_limits import History
from nightloop.contracts.judging import Breach, Judgement, judge
from nightloop.contracts.parameters import Parameters, numbers
from nightloop.contracts.suite import Contract, Rule, load_contract

__all__ = [
    "Breach",
    "Contract",
    "History",
    "Judgement",
    "Parameters",
    "Rule",
    "check_contracts",
    "judge",
    "load_contract",
    "numbers",
]
