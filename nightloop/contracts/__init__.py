"""Contracts: the Great Expectations suite of a source, and what to do with rows and nights that break it."""

from nightloop.contracts.checking import check_contracts
from nightloop.contracts.judging import Breach, Judgement, judge
from nightloop.contracts.limits import Numbers, numbers
from nightloop.contracts.suite import Contract, Rule, load_contract
from nightloop.contracts.usual import Past

__all__ = ["Breach", "Contract", "Judgement", "Numbers", "Past", "Rule", "check_contracts", "judge", "load_contract", "numbers"]
